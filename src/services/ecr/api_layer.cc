// SPDX-License-Identifier: Apache-2.0
// Layers: the way in which Amazon's own tools move them.
#include "engine/image/reference.h"
#include "services/ecr/api.h"

namespace suiro::ecr {

namespace shape = shapes::ecr;
namespace op = shapes::ecr::op;

namespace {

// What clients are told to send at once (ECR API Reference, "InitiateLayerUpload").
constexpr int64_t kPartBytes = 10 << 20;
constexpr std::string_view kLayerMediaType = "application/vnd.docker.image.rootfs.diff.tar.gzip";

}  // namespace

Api::Answer<op::BatchCheckLayerAvailability> Api::check_layers(
    shape::BatchCheckLayerAvailabilityRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  CO_TRY_VOID(co_await logic_.repository(in.repository_name));
  shape::BatchCheckLayerAvailabilityResponse out;
  out.layers.emplace();
  out.failures.emplace();
  for (const auto& digest : in.layer_digests) {
    if (!image::is_digest(digest)) {
      shape::LayerFailure& failure = out.failures->emplace_back();
      failure.layer_digest = digest;
      failure.failure_code = "InvalidLayerDigest";
      failure.failure_reason = "Layer digest is not valid";
      continue;
    }
    CO_TRY(auto size, co_await logic_.layer_size(in.repository_name, digest));
    shape::Layer& layer = out.layers->emplace_back();
    layer.layer_digest = digest;
    layer.layer_availability = size ? "AVAILABLE" : "UNAVAILABLE";
    if (size) {
      layer.layer_size = static_cast<int64_t>(*size);
      layer.media_type = kLayerMediaType;
    }
  }
  co_return out;
}

Api::Answer<op::InitiateLayerUpload> Api::begin_upload(shape::InitiateLayerUploadRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  CO_TRY(std::string id, co_await uploads_.begin(in.repository_name));
  shape::InitiateLayerUploadResponse out;
  out.upload_id = std::move(id);
  out.part_size = kPartBytes;
  co_return out;
}

Api::Answer<op::UploadLayerPart> Api::upload_part(shape::UploadLayerPartRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  bool fits =
      in.part_last_byte >= in.part_first_byte &&
      in.part_last_byte - in.part_first_byte + 1 == static_cast<int64_t>(in.layer_part_blob.size());
  if (!fits) {
    co_return fail(kInvalidLayerPart, "The layer part does not have the bytes that it names");
  }
  Uploads::Part part{in.repository_name, in.upload_id, std::move(in.layer_part_blob),
                     static_cast<uint64_t>(in.part_first_byte)};
  CO_TRY(uint64_t size, co_await uploads_.append(std::move(part)));
  shape::UploadLayerPartResponse out;
  out.registry_id = kernel_.account;
  out.repository_name = in.repository_name;
  out.upload_id = in.upload_id;
  out.last_byte_received = static_cast<int64_t>(size) - 1;
  co_return out;
}

Api::Answer<op::CompleteLayerUpload> Api::complete_upload(shape::CompleteLayerUploadRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  // AWS takes several digests of one layer, in several hash functions; Suiro has SHA-256.
  if (in.layer_digests.size() != 1 || !image::is_digest(in.layer_digests[0])) {
    co_return fail(kInvalidLayer, "Exactly one sha256 digest of the layer is supported");
  }
  const Digest& digest = in.layer_digests[0];
  CO_TRY(auto there, co_await logic_.layer_size(in.repository_name, digest));
  if (there) {
    CO_TRY_VOID(co_await uploads_.cancel(in.repository_name, in.upload_id));
    co_return fail(kLayerExists,
                   fmt::format("Layer with digest '{}' already exists in the repository with name "
                               "'{}' in registry with id '{}'",
                               digest, in.repository_name, kernel_.account));
  }
  CO_TRY_VOID(
      co_await uploads_.finish(in.repository_name, in.upload_id, digest, Uploads::Empty::kRefuse));
  shape::CompleteLayerUploadResponse out;
  out.registry_id = kernel_.account;
  out.repository_name = in.repository_name;
  out.upload_id = in.upload_id;
  out.layer_digest = digest;
  co_return out;
}

Api::Answer<op::GetDownloadUrlForLayer> Api::download_url(shape::GetDownloadUrlForLayerRequest in) {
  CO_TRY_VOID(check_registry(in.registry_id, in.repository_name));
  std::optional<uint64_t> size;
  if (image::is_digest(in.layer_digest)) {
    CO_TRY(size, co_await logic_.layer_size(in.repository_name, in.layer_digest));
  }
  if (!size) {
    co_return fail(kLayersNotFound,
                   fmt::format("The following layers do not exist in the repository with name "
                               "'{}' in the registry with id '{}': {}",
                               in.repository_name, kernel_.account, in.layer_digest));
  }
  TimePoint end = kernel_.clock.now() + kLinkLife;
  shape::GetDownloadUrlForLayerResponse out;
  out.layer_digest = in.layer_digest;
  out.download_url =
      fmt::format("{}/v2/{}/blobs/{}?{}", kernel_.endpoint, in.repository_name, in.layer_digest,
                  tokens_.link(in.repository_name, in.layer_digest, end));
  co_return out;
}

}  // namespace suiro::ecr
