// SPDX-License-Identifier: Apache-2.0
// Multipart uploads in progress: begin, parts, lists, abort. Their completion: logic_complete.cc.
//
//   --create_upload()--> open --put_part()*--> open --complete()--> an object's version
//                                                   --abort()-----> gone
// put_part() writes the upload's record again, unchanged, under the condition that it is there:
// parts do not hinder each other, and a completion that has not seen a part loses its condition.
#include <fmt/format.h>

#include "services/s3/codec.h"
#include "services/s3/logic.h"

namespace suiro::s3 {
namespace {

Failure kind_mismatch(ChecksumKind expected, ChecksumKind actual) {
  return Failure(Error{
      "InvalidRequest",
      fmt::format("Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum "
                  "Type: {}",
                  to_lower(checksum_name(expected)), to_lower(checksum_name(actual)))});
}

}  // namespace

// Amazon S3 User Guide, "Checking object integrity", "Full object and composite checksum types".
Result<ChecksumScope> scope_of(std::optional<ChecksumKind> kind,
                               const std::optional<std::string>& type) {
  const bool sha = kind == ChecksumKind::kSha1 || kind == ChecksumKind::kSha256;
  const bool nvme = !kind || kind == ChecksumKind::kCrc64Nvme;
  if (!type) return nvme ? ChecksumScope::kFullObject : ChecksumScope::kComposite;
  const std::string name = to_lower(checksum_name(kind.value_or(ChecksumKind::kCrc64Nvme)));
  if (*type == "FULL_OBJECT") {
    if (!sha) return ChecksumScope::kFullObject;
  } else if (*type == "COMPOSITE") {
    if (!nvme) return ChecksumScope::kComposite;
  } else {
    return fail("InvalidRequest", "Value for x-amz-checksum-type header is invalid.");
  }
  return fail("InvalidRequest",
              fmt::format("The {} checksum type cannot be used with the {} checksum algorithm.",
                          *type, name));
}

Task<Result<UploadId>> Logic::create_upload(UploadRequest request) {
  CO_TRY_VOID(check_key(request.key));
  CO_TRY_VOID(check_tags(request.record.tags, kObjectTagsMax));
  auto attempt = [&](Freshness freshness) -> Task<Result<UploadId>> {
    CO_TRY(BucketPtr bucket, co_await this->bucket(request.bucket, freshness));
    if (bucket->record.deleting) co_return conflict();
    UploadId id(VersionId{next_order(nullptr), kernel_.random.next()}.str());
    request.record.initiated = kernel_.clock.now();
    store::Batch batch;
    batch.require_version(keys::bucket(request.bucket), bucket->version);
    batch.put(keys::upload(request.bucket, request.key, id), encode(request.record));
    record_span(batch, request.requester, "s3:CreateMultipartUpload", bucket->arn(request.key));
    CO_TRY_VOID(co_await storage_.store().commit(std::move(batch)));
    co_return id;
  };
  co_return co_await settle(request.bucket + "/" + request.key, attempt);
}

Task<Result<Stored<UploadRecord>>> Logic::upload(std::string bucket, Bytes key, UploadId id) {
  CO_TRY_VOID(co_await this->bucket(bucket, Freshness::kCached));
  CO_TRY(auto upload, co_await storage_.upload(bucket, key, id));
  if (!upload) co_return no_such_upload(id.value());
  co_return *std::move(upload);
}

Task<Result<PartRecord>> Logic::put_part(PartRequest request, shapes::Body body) {
  CO_TRY_VOID(check_key(request.key));
  if (request.number < 1 || request.number > kPartNumberMax) {
    co_return invalid_argument("Part number must be an integer between 1 and 10000, inclusive",
                               "partNumber", fmt::to_string(request.number));
  }
  CO_TRY(auto open, co_await upload(request.bucket, request.key, request.upload));
  if (open.record.checksum_kind) {
    for (auto& [kind, raw] : request.expectation.checksums) {
      if (kind != *open.record.checksum_kind) {
        co_return kind_mismatch(*open.record.checksum_kind, kind);
      }
    }
    auto& facts = request.expectation.facts;
    if (facts && facts->trailer_kind && *facts->trailer_kind != *open.record.checksum_kind) {
      co_return kind_mismatch(*open.record.checksum_kind, *facts->trailer_kind);
    }
  }
  request.expectation.kind = open.record.checksum_kind;
  CO_TRY(auto received, co_await receive(*body, std::move(request.expectation)));

  store::Key upload_key = keys::upload(request.bucket, request.key, request.upload);
  store::Key part_key = keys::part(request.bucket, request.upload, request.number);
  Bytes upload_value = encode(open.record);
  auto attempt = [&](Freshness) -> Task<Result<PartRecord>> {
    CO_TRY_VOID(co_await upload(request.bucket, request.key, request.upload));
    CO_TRY(auto old, co_await storage_.part(request.bucket, request.upload, request.number));
    store::Batch batch;
    batch.require_value(upload_key, upload_value);
    batch.put(upload_key, upload_value);
    batch.require_version(part_key, old ? old->version : store::Version());
    if (old && old->record.blob) batch.release(*old->record.blob);
    PartRecord part{.modified = kernel_.clock.now(),
                    .size_bytes = received.size_bytes,
                    .md5 = received.md5,
                    .checksum = received.checksum};
    if (received.blob) part.blob = batch.adopt(received.blob);
    batch.put(part_key, encode(part));
    record_span(batch, request.requester, "s3:UploadPart",
                "arn:aws:s3:::" + request.bucket + "/" + request.key);
    CO_TRY_VOID(co_await storage_.store().commit(std::move(batch)));
    co_return part;
  };
  co_return co_await settle(request.upload.value() + "/" + fmt::to_string(request.number), attempt);
}

Task<Result<std::vector<std::pair<uint32_t, PartRecord>>>> Logic::list_parts(std::string bucket,
                                                                             Bytes key,
                                                                             UploadId id) {
  CO_TRY_VOID(co_await upload(bucket, key, id));
  co_return co_await storage_.parts(bucket, id);
}

Task<Result<void>> Logic::abort(Requester requester, std::string bucket, Bytes key, UploadId id) {
  auto attempt = [&](Freshness) -> Task<Result<void>> {
    CO_TRY(auto open, co_await upload(bucket, key, id));
    CO_TRY(auto parts, co_await storage_.parts(bucket, id));
    store::Batch batch;
    store::Key at = keys::upload(bucket, key, id);
    batch.require_version(at, open.version);
    batch.erase(std::move(at));
    for (auto& [number, part] : parts) {
      if (part.blob) batch.release(*part.blob);
    }
    batch.erase_range(keys::parts(bucket, id));
    record_span(batch, requester, "s3:AbortMultipartUpload", "arn:aws:s3:::" + bucket + "/" + key);
    CO_TRY_VOID(co_await storage_.store().commit(std::move(batch)));
    co_return ok();
  };
  co_return co_await settle(id.value(), attempt);
}

Task<Result<void>> Logic::abort_all(Requester requester, std::string bucket) {
  while (true) {
    CO_TRY(auto page, co_await list_uploads({.bucket = bucket}, ""));
    for (auto& upload : page.uploads) {
      auto gone = co_await abort(requester, bucket, upload.key, upload.id);
      if (!gone && gone.error().code != "NoSuchUpload") co_return gone;
    }
    if (!page.truncated) co_return ok();
  }
}

}  // namespace suiro::s3
