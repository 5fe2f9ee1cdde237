// SPDX-License-Identifier: Apache-2.0
// Completion of a multipart upload: the parts' blobs become the object's; no byte is copied.
#include <fmt/format.h>

#include <map>

#include "services/s3/codec.h"
#include "services/s3/logic.h"

namespace suiro::s3 {
namespace {

// How long a finished upload's answer is kept for those who ask again.
constexpr Millis kCompletedAgeMax = std::chrono::hours(24);
// Older answers that each completion clears away: more than it adds.
constexpr size_t kCompletedClearedMax = 4;

using PartMap = std::map<uint32_t, PartRecord>;

Failure invalid_part(uint32_t number) {
  return Failure(Error{"InvalidPart",
                       "One or more of the specified parts could not be found.  The part may not "
                       "have been uploaded, or the specified entity tag may not match the part's "
                       "entity tag.",
                       Retry::kNever,
                       {{"PartNumber", fmt::to_string(number)}}});
}

Failure too_small(uint64_t size_bytes, uint32_t number, std::string etag) {
  return Failure(Error{"EntityTooSmall",
                       "Your proposed upload is smaller than the minimum allowed size",
                       Retry::kNever,
                       {{"ProposedSize", fmt::to_string(size_bytes)},
                        {"MinSizeAllowed", fmt::to_string(kPartBytesMin)},
                        {"PartNumber", fmt::to_string(number)},
                        {"ETag", std::move(etag)}}});
}

Failure invalid_request(std::string message) {
  return Failure(Error{"InvalidRequest", std::move(message)});
}

std::string_view without_quotes(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return etag;
}

Result<void> check_part(const CompletedPart& given, const PartMap& parts,
                        const UploadRecord& upload) {
  auto found = parts.find(given.number);
  if (found == parts.end()) return invalid_part(given.number);
  if (without_quotes(given.etag) != hex_encode(found->second.md5))
    return invalid_part(given.number);
  const StoredChecksum& stored = *found->second.checksum;
  bool named = false;
  for (auto& [kind, raw] : given.checksums) {
    if (kind != stored.kind) {
      // The upload announced no algorithm: its parts were checked when they came.
      if (!upload.checksum_kind) continue;
      return invalid_request(
          fmt::format("Checksum Type mismatch occurred, expected checksum Type: {}, actual "
                      "checksum Type: {}",
                      to_lower(checksum_name(stored.kind)), to_lower(checksum_name(kind))));
    }
    if (raw != stored.raw) return invalid_part(given.number);
    named = true;
  }
  if (!named && upload.checksum_kind && upload.checksum_scope == ChecksumScope::kComposite) {
    return invalid_request(
        fmt::format("The upload was created using a {} checksum. The complete request must include "
                    "the checksum for each part. It was missing for part {} in the request.",
                    to_lower(checksum_name(stored.kind)), given.number));
  }
  return ok();
}

Result<void> check_parts(const CompleteRequest& request, const PartMap& parts,
                         const UploadRecord& upload) {
  if (request.parts.empty() || request.parts.size() > kPartNumberMax) return malformed_xml();
  uint32_t last = 0;
  for (auto& given : request.parts) {
    if (given.number <= last) {
      return fail("InvalidPartOrder",
                  "The list of parts was not in ascending order. Parts must be ordered by part "
                  "number.");
    }
    last = given.number;
  }
  for (auto& given : request.parts) TRY_VOID(check_part(given, parts, upload));
  for (size_t i = 0; i + 1 < request.parts.size(); ++i) {
    const PartRecord& part = parts.at(request.parts[i].number);
    if (part.size_bytes < kPartBytesMin) {
      return too_small(part.size_bytes, request.parts[i].number, hex_encode(part.md5));
    }
  }
  return ok();
}

// What the parts add up to: size, ETag, checksum.
ObjectRecord assemble(const CompleteRequest& request, const PartMap& parts,
                      const UploadRecord& upload) {
  ObjectRecord out;
  ChecksumKind kind = upload.checksum_kind.value_or(ChecksumKind::kCrc64Nvme);
  const bool composite = upload.checksum_scope == ChecksumScope::kComposite;
  Digest etag(DigestKind::kMd5);
  Checksum of_checksums(kind);
  Bytes combined;
  for (auto& given : request.parts) {
    const PartRecord& part = parts.at(given.number);
    etag.update(part.md5);
    if (composite) {
      of_checksums.update(part.checksum->raw);
    } else {
      combined = combined.empty()
                     ? part.checksum->raw
                     : *checksum_combine(kind, combined, part.checksum->raw, part.size_bytes);
    }
    out.size_bytes += part.size_bytes;
  }
  out.parts_count = static_cast<uint32_t>(request.parts.size());
  out.etag = fmt::format("{}-{}", hex_encode(etag.finish()), out.parts_count);
  out.checksum = StoredChecksum{kind, upload.checksum_scope,
                                composite ? of_checksums.finish() : std::move(combined)};
  out.metadata = upload.metadata;
  out.tags = upload.tags;
  return out;
}

Result<void> check_whole(const CompleteRequest& request, const ObjectRecord& record,
                         const UploadRecord& upload) {
  if (record.size_bytes > kObjectBytesMax) {
    return fail("EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size");
  }
  if (request.size_bytes && *request.size_bytes != record.size_bytes) {
    return invalid_request(
        "The provided 'x-amz-mp-object-size' header value does not match what was computed");
  }
  if (request.checksum_scope && *request.checksum_scope != upload.checksum_scope) {
    return invalid_request(
        "The checksum type of the request does not match the type that the upload was created "
        "with.");
  }
  for (auto& [kind, text] : request.checksums) {
    if (kind != record.checksum->kind) continue;
    std::string computed = checksum_text(*record.checksum, record.parts_count);
    if (text != computed && text != base64_encode(record.checksum->raw)) {
      return bad_digest(fmt::format("The {} you specified did not match the calculated checksum.",
                                    to_lower(checksum_name(kind))));
    }
  }
  return ok();
}

std::vector<PartEntry> entries_of(const CompleteRequest& request, PartMap& parts) {
  std::vector<PartEntry> out;
  uint32_t number = 0;
  for (auto& given : request.parts) {
    auto part = parts.extract(given.number);
    PartRecord& record = part.mapped();
    out.push_back({++number, record.size_bytes, record.blob, record.checksum});
  }
  return out;
}

Completed answer(CompletedRecord record) {
  Completed out{std::move(record.etag), std::nullopt, std::move(record.checksum),
                record.parts_count, std::nullopt};
  if (!record.version.empty()) out.version = std::move(record.version);
  return out;
}

}  // namespace

Task<Result<Completed>> Logic::complete(CompleteRequest request) {
  CO_TRY_VOID(co_await bucket(request.bucket, Freshness::kCached));
  auto attempt = [&](Freshness freshness) -> Task<Result<Completed>> {
    CO_TRY(auto open, co_await storage_.upload(request.bucket, request.key, request.upload));
    if (!open) {
      CO_TRY(auto done, co_await storage_.completed(request.bucket, request.upload));
      if (done && done->record.key == request.key) co_return answer(std::move(done->record));
      co_return no_such_upload(request.upload.value());
    }
    CO_TRY(auto stored, co_await storage_.parts(request.bucket, request.upload));
    PartMap parts(std::make_move_iterator(stored.begin()), std::make_move_iterator(stored.end()));
    CO_TRY_VOID(check_parts(request, parts, open->record));
    Draft draft{.requester = request.requester,
                .bucket = request.bucket,
                .key = request.key,
                .record = assemble(request, parts, open->record),
                .conditions = request.conditions,
                .event = "s3:ObjectCreated:CompleteMultipartUpload",
                .operation = "s3:CompleteMultipartUpload"};
    CO_TRY_VOID(check_whole(request, draft.record, open->record));
    std::vector<PartEntry> entries = entries_of(request, parts);
    CO_TRY(store::Batch clearing, co_await clear_completed(request.bucket));
    draft.record.parts_list = kernel_.random.bytes(16);
    draft.also = [&](store::Batch& batch, const Bucket& bucket, ObjectRecord& record) {
      store::Key at = keys::upload(request.bucket, request.key, request.upload);
      batch.require_version(at, open->version);
      batch.merge(std::move(clearing));
      batch.erase(std::move(at));
      batch.erase_range(keys::parts(request.bucket, request.upload));
      batch.put(keys::parts_list(record.parts_list), encode(entries));
      for (auto& [number, part] : parts) {
        if (part.blob) batch.release(*part.blob);
      }
      const bool versioned = bucket.record.versioning != Versioning::kOff;
      CompletedRecord done{record.modified, request.key,
                           record.etag,     versioned ? record.version_text() : "",
                           record.checksum, record.parts_count};
      batch.put(keys::completed(request.bucket, request.upload), encode(done));
    };
    CO_TRY(auto written, co_await attempt_version(draft, freshness));
    Completed out{written.record.etag, written.version(), written.record.checksum,
                  written.record.parts_count,
                  expiration(*written.bucket, request.key, written.record)};
    co_return out;
  };
  auto completed = co_await settle(request.bucket + "/" + request.key, attempt);
  if (!completed && completed.error().code == "OperationAborted" && request.conditions.any()) {
    co_return conditional_conflict(request.key);
  }
  co_return completed;
}

// Erases old answers of finished uploads. They lie in the order in which the uploads began.
Task<Result<store::Batch>> Logic::clear_completed(std::string bucket) {
  store::Batch out;
  store::ScanOptions options{.range = store::KeyRange::prefix(keys::completed_of(bucket)),
                             .rows_max = kCompletedClearedMax};
  CO_TRY(auto page, co_await storage_.store().scan(std::move(options)));
  for (auto& entry : page.entries) {
    CO_TRY(auto record, decode<CompletedRecord>(entry.value));
    if (record.completed + kCompletedAgeMax < kernel_.clock.now()) out.erase(entry.key);
  }
  co_return out;
}

}  // namespace suiro::s3
