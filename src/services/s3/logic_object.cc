// SPDX-License-Identifier: Apache-2.0
// Writing versions: bytes are received and made durable first, then one commit names them.
#include <fmt/format.h>

#include "base/check.h"
#include "services/s3/codec.h"
#include "services/s3/logic.h"

namespace suiro::s3 {
namespace {

Result<void> check_expected(const Expectation& expectation, const Received& received,
                            std::vector<Checksum>& further) {
  if (expectation.md5 && *expectation.md5 != received.md5) {
    return bad_digest("The Content-MD5 you specified did not match what we received.");
  }
  std::vector<std::pair<ChecksumKind, Bytes>> computed;
  computed.emplace_back(received.checksum.kind, received.checksum.raw);
  for (auto& checksum : further) computed.emplace_back(checksum.kind(), checksum.finish());
  for (auto& [kind, raw] : expectation.checksums) {
    for (auto& [computed_kind, computed_raw] : computed) {
      if (kind == computed_kind && raw != computed_raw) {
        return bad_digest(fmt::format("The {} you specified did not match the calculated checksum.",
                                      checksum_name(kind)));
      }
    }
  }
  return ok();
}

Failure too_large(uint64_t bytes_max) {
  return Failure(Error{"EntityTooLarge",
                       "Your proposed upload exceeds the maximum allowed size",
                       Retry::kNever,
                       {{"MaxSizeAllowed", fmt::to_string(bytes_max)}}});
}

bool same_etag(std::string_view given, std::string_view etag) {
  given = trim(given);
  if (given.starts_with("W/")) given.remove_prefix(2);
  if (given.size() >= 2 && given.front() == '"' && given.back() == '"') {
    given = given.substr(1, given.size() - 2);
  }
  return given == etag;
}

}  // namespace

std::optional<std::string> Written::version() const {
  if (bucket->record.versioning == Versioning::kOff) return std::nullopt;
  return record.version_text();
}

Result<void> check_write(const WriteConditions& conditions, const Bytes& key,
                         const ObjectRecord* head) {
  const bool exists = head != nullptr && !head->delete_marker;
  if (conditions.if_none_match) {
    if (trim(*conditions.if_none_match) != "*") return not_implemented("If-None-Match");
    if (exists) return precondition_failed("If-None-Match");
  }
  if (conditions.if_match) {
    if (!exists) return no_such_key(key);
    if (trim(*conditions.if_match) != "*" && !same_etag(*conditions.if_match, head->etag)) {
      return precondition_failed("If-Match");
    }
  }
  return ok();
}

Task<Result<Received>> Logic::receive(shapes::ByteSource& body, Expectation expectation) {
  if (body.length() && *body.length() > expectation.bytes_max) {
    co_return too_large(expectation.bytes_max);
  }
  Received out;
  Digest md5(DigestKind::kMd5);
  Checksum kept(expectation.kind.value_or(ChecksumKind::kCrc64Nvme));
  std::vector<Checksum> further;
  for (auto& [kind, raw] : expectation.checksums) {
    if (kind != kept.kind()) further.emplace_back(kind);
  }
  const bool told = expectation.facts && expectation.facts->trailer_kind == kept.kind();
  std::unique_ptr<store::BlobWriter> writer;
  while (true) {
    CO_TRY(Bytes piece, co_await body.read(kPieceBytes));
    if (piece.empty()) break;
    out.size_bytes += piece.size();
    if (out.size_bytes > expectation.bytes_max) co_return too_large(expectation.bytes_max);
    md5.update(piece);
    if (!told) kept.update(piece);
    for (auto& checksum : further) checksum.update(piece);
    if (!writer) writer = storage_.store().write_blob();
    CO_TRY_VOID(co_await writer->append(std::move(piece)));
  }
  out.md5 = md5.finish();
  out.checksum = {kept.kind(), ChecksumScope::kFullObject,
                  told ? expectation.facts->trailer_checksum : kept.finish()};
  CO_TRY_VOID(check_expected(expectation, out, further));
  if (writer) {
    CO_TRY(auto pending, co_await writer->finish());
    out.blob = std::make_shared<store::PendingBlob>(std::move(pending));
  }
  co_return out;
}

Task<Result<Written>> Logic::put(PutRequest request, shapes::Body body) {
  CO_TRY_VOID(check_key(request.key));
  CO_TRY_VOID(check_tags(request.tags, kObjectTagsMax));
  CO_TRY(auto bucket, co_await this->bucket(request.bucket, Freshness::kCached));
  if (request.conditions.any()) {
    // Judged again at the commit; here it spares the client the body.
    CO_TRY(auto head, co_await storage_.head(request.bucket, request.key));
    CO_TRY_VOID(check_write(request.conditions, request.key, head ? &head->record : nullptr));
  }
  CO_TRY(auto received, co_await receive(*body, std::move(request.expectation)));
  Draft draft{.requester = std::move(request.requester),
              .bucket = std::move(request.bucket),
              .key = std::move(request.key),
              .blob = std::move(received.blob),
              .conditions = std::move(request.conditions),
              .event = "s3:ObjectCreated:Put",
              .operation = "s3:PutObject"};
  draft.record.size_bytes = received.size_bytes;
  draft.record.etag = hex_encode(received.md5);
  draft.record.checksum = std::move(received.checksum);
  draft.record.metadata = std::move(request.metadata);
  draft.record.tags = std::move(request.tags);
  if (request.also) {
    draft.also = [also = std::move(request.also)](store::Batch& batch, const Bucket&,
                                                  ObjectRecord&) { batch.merge(also->clone()); };
  }
  co_return co_await commit_version(std::move(draft));
}

Task<Result<Written>> Logic::commit_version(Draft draft) {
  auto attempt = [&](Freshness freshness) -> Task<Result<Written>> {
    return attempt_version(draft, freshness);
  };
  auto written = co_await settle(draft.bucket + "/" + draft.key, attempt);
  if (!written && written.error().code == "OperationAborted" && draft.conditions.any()) {
    co_return conditional_conflict(draft.key);
  }
  co_return written;
}

Task<Result<Written>> Logic::attempt_version(Draft& draft, Freshness freshness) {
  CO_TRY(BucketPtr bucket, co_await this->bucket(draft.bucket, freshness));
  if (bucket->record.deleting) co_return conflict();
  CO_TRY(auto head, co_await storage_.head(draft.bucket, draft.key));
  const ObjectRecord* old = head ? &head->record : nullptr;
  CO_TRY_VOID(check_write(draft.conditions, draft.key, old));

  store::Batch batch;
  store::Key head_key = keys::head(draft.bucket, draft.key);
  batch.require_version(keys::bucket(draft.bucket), bucket->version);
  batch.require_version(head_key, head ? head->version : store::Version());
  ObjectRecord record = draft.record;
  record.modified = kernel_.clock.now();
  record.id = next_id(old);
  CO_TRY_VOID(co_await displace(batch, *bucket, draft.key, head, record));
  if (draft.blob) record.blob = batch.adopt(draft.blob);
  if (draft.also) draft.also(batch, *bucket, record);
  batch.put(std::move(head_key), encode(record));
  record_span(batch, draft.requester, draft.operation, bucket->arn(draft.key));
  notify(batch, *bucket, draft.requester, {draft.event, draft.key, record, record.id.order});
  CO_TRY_VOID(co_await storage_.store().commit(std::move(batch)));
  co_return Written{std::move(bucket), std::move(record)};
}

Task<Result<void>> Logic::displace(store::Batch& batch, const Bucket& bucket, Bytes key,
                                   const std::optional<Stored<ObjectRecord>>& head,
                                   ObjectRecord& record) {
  const bool versioned = bucket.record.versioning == Versioning::kEnabled;
  record.null_version = !versioned;
  record.null_behind = Order();
  if (!head) co_return ok();
  const ObjectRecord& old = head->record;
  if (!versioned && old.null_version) {
    co_return co_await storage_.release(batch, old);
  }
  ObjectRecord moved = old;
  moved.null_behind = Order();
  batch.put(keys::behind(bucket.name, key, old.id.order), encode(moved));
  if (versioned) {
    record.null_behind = old.null_version ? old.id.order : old.null_behind;
  } else {
    CO_TRY_VOID(co_await drop_null_behind(batch, bucket, key, old));
  }
  co_return ok();
}

// The key's null version that lies behind the head goes: another null version takes its place.
Task<Result<void>> Logic::drop_null_behind(store::Batch& batch, const Bucket& bucket, Bytes key,
                                           const ObjectRecord& head) {
  if (head.null_behind == Order()) co_return ok();
  CO_TRY(auto behind, co_await storage_.behind(bucket.name, key, head.null_behind));
  if (!behind) co_return fail(codes::kConditionFailed, "the null version was removed meanwhile");
  store::Key at = keys::behind(bucket.name, key, head.null_behind);
  batch.require_version(at, behind->version);
  batch.erase(std::move(at));
  co_return co_await storage_.release(batch, behind->record);
}

Order Logic::next_order(const ObjectRecord* head) {
  auto now = std::chrono::duration_cast<Micros>(kernel_.clock.now().time_since_epoch()).count();
  auto floor = static_cast<uint64_t>(now);
  if (head != nullptr) floor = std::max(floor, head->id.order.value() + 1);
  uint64_t last = last_order_.load(std::memory_order_relaxed), next = 0;
  do {
    next = std::max(floor, last + 1);
  } while (!last_order_.compare_exchange_weak(last, next, std::memory_order_relaxed));
  return Order(next);
}

VersionId Logic::next_id(const ObjectRecord* head) {
  return {next_order(head), kernel_.random.next()};
}

Task<Result<Written>> Logic::put_tags(Requester requester, ReadRequest object,
                                      std::optional<Tags> tags) {
  if (tags) CO_TRY_VOID(check_tags(*tags, kObjectTagsMax));
  auto attempt = [&](Freshness freshness) -> Task<Result<Written>> {
    CO_TRY(BucketPtr bucket, co_await this->bucket(object.bucket, freshness));
    CO_TRY(auto located, co_await locate(object.bucket, object.key, object.version));
    ObjectRecord record = std::move(located.stored.record);
    if (record.delete_marker) {
      co_return fail("MethodNotAllowed",
                     "The specified method is not allowed against this resource.");
    }
    record.tags = tags.value_or(Tags());
    store::Key at = located.head ? keys::head(object.bucket, object.key)
                                 : keys::behind(object.bucket, object.key, record.id.order);
    store::Batch batch;
    batch.require_version(keys::bucket(object.bucket), bucket->version);
    batch.require_version(at, located.stored.version);
    batch.put(std::move(at), encode(record));
    record_span(batch, requester, tags ? "s3:PutObjectTagging" : "s3:DeleteObjectTagging",
                bucket->arn(object.key));
    std::string event = tags ? "s3:ObjectTagging:Put" : "s3:ObjectTagging:Delete";
    notify(batch, *bucket, requester, {event, object.key, record, next_order(&record)});
    CO_TRY_VOID(co_await storage_.store().commit(std::move(batch)));
    co_return Written{std::move(bucket), std::move(record)};
  };
  co_return co_await settle(object.bucket + "/" + object.key, attempt);
}

}  // namespace suiro::s3
