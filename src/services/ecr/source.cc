// SPDX-License-Identifier: Apache-2.0
#include "services/ecr/source.h"

#include "engine/image/reference.h"

namespace suiro::ecr {
namespace {

class LayerStream final : public image::BlobStream {
 public:
  explicit LayerStream(std::unique_ptr<store::BlobReader> reader) : reader_(std::move(reader)) {}

  Task<Result<Bytes>> read(size_t bytes_max) override {
    CO_TRY(Bytes bytes, co_await reader_->read(at_, bytes_max));
    at_ += bytes.size();
    co_return bytes;
  }

 private:
  std::unique_ptr<store::BlobReader> reader_;
  uint64_t at_ = 0;
};

// As the registry API says it to clients that pull.
Error as_pull_error(Error error) {
  if (error.code == kRepositoryNotFound) {
    error.message = "name unknown: " + error.message;
    error.code = image::kImageNotFound;
  } else if (error.code == kImageNotFound) {
    error.message = "manifest unknown: " + error.message;
    error.code = image::kImageNotFound;
  } else if (error.code == kLayerInaccessible) {
    error.message = "blob unknown: " + error.message;
    error.code = image::kImageNotFound;
  }
  return error;
}

}  // namespace

bool Source::serves(const std::string& text) const {
  auto reference = image::parse_reference(text);
  if (!reference) return false;
  const std::string& host = reference->host;
  std::string_view endpoint = kernel_.endpoint;
  endpoint.remove_prefix(std::min(endpoint.find("//") + 2, endpoint.size()));
  if (host == endpoint) return true;
  size_t colon = endpoint.rfind(':');
  if (colon == endpoint.npos) return false;
  std::string_view port = endpoint.substr(colon);
  for (std::string_view name : {"localhost", "127.0.0.1", "[::1]"}) {
    if (host == fmt::format("{}{}", name, port)) return true;
  }
  std::string registry =
      fmt::format("{}.dkr.ecr.{}.amazonaws.com", kernel_.account, kernel_.region);
  return host == registry || host == fmt::format("{}{}", registry, port);
}

Task<Result<image::ResolvedManifest>> Source::resolve(image::ImageRequest request) {
  CO_TRY(image::Reference reference, image::parse_reference(request.reference));
  ImageId id{reference.digest, reference.digest.empty() ? reference.tag : ""};
  auto found = co_await logic_.find_image(reference.repository, id);
  if (!found) co_return fail(as_pull_error(std::move(found).error()));
  auto bytes = co_await logic_.manifest(found->repository.id, found->image.digest);
  if (!bytes) co_return fail(as_pull_error(std::move(bytes).error()));
  co_return image::ResolvedManifest{found->image.digest, found->image.media_type,
                                    *std::move(bytes)};
}

Task<Result<image::ResolvedManifest>> Source::manifest(image::ImageRequest request,
                                                       std::string digest) {
  CO_TRY(image::Reference reference, image::parse_reference(request.reference));
  request.reference = fmt::format("{}/{}@{}", reference.host, reference.repository, digest);
  co_return co_await resolve(std::move(request));
}

Task<Result<std::unique_ptr<image::BlobStream>>> Source::open_blob(image::ImageRequest request,
                                                                   std::string digest) {
  CO_TRY(image::Reference reference, image::parse_reference(request.reference));
  auto reader = co_await logic_.open_layer(reference.repository, digest);
  if (!reader) co_return fail(as_pull_error(std::move(reader).error()));
  co_return std::make_unique<LayerStream>(*std::move(reader));
}

}  // namespace suiro::ecr
