// SPDX-License-Identifier: Apache-2.0
// Copying: the bytes are streamed into a blob of their own; the copy is one piece, as at AWS.
#include "services/s3/logic.h"

namespace suiro::s3 {
namespace {

Failure copies_onto_itself() {
  return Failure(Error{"InvalidRequest",
                       "This copy request is illegal because it is trying to copy an object to "
                       "itself without changing the object's metadata, storage class, website "
                       "redirect location or encryption attributes."});
}

}  // namespace

Task<Result<Logic::Opened>> Logic::read_source(ReadRequest request, RangeOf range_of) {
  auto opened = co_await read(std::move(request), std::move(range_of));
  if (!opened && opened.error().code == "NotModified") {
    co_return precondition_failed("x-amz-copy-source-If-None-Match");
  }
  co_return opened;
}

Task<Result<Logic::Copied>> Logic::copy(CopyRequest request) {
  CO_TRY_VOID(check_key(request.key));
  if (request.tags) CO_TRY_VOID(check_tags(*request.tags, kObjectTagsMax));
  const bool same = request.source.bucket == request.bucket && request.source.key == request.key &&
                    request.source.version.kind == VersionChoice::Kind::kCurrent;
  if (same && !request.metadata && !request.website_redirect) co_return copies_onto_itself();
  CO_TRY_VOID(co_await bucket(request.bucket, Freshness::kCached));
  auto whole = [](const Found& found) -> Result<ByteRange> {
    if (found.record.size_bytes > kPutBytesMax) {
      return fail("InvalidRequest",
                  "The specified copy source is larger than the maximum allowable size for a copy "
                  "source: 5368709120");
    }
    return ByteRange{0, found.record.size_bytes};
  };
  CO_TRY(auto opened, co_await read_source(request.source, whole));
  const ObjectRecord& source = opened.found.record;
  Expectation expectation{.kind = request.checksum_kind};
  if (!expectation.kind && source.checksum) expectation.kind = source.checksum->kind;
  CO_TRY(auto received, co_await receive(*opened.body, std::move(expectation)));

  Draft draft{.requester = std::move(request.requester),
              .bucket = std::move(request.bucket),
              .key = std::move(request.key),
              .blob = std::move(received.blob),
              .conditions = std::move(request.conditions),
              .event = "s3:ObjectCreated:Copy",
              .operation = "s3:CopyObject"};
  draft.record.size_bytes = received.size_bytes;
  draft.record.etag = hex_encode(received.md5);
  draft.record.checksum = std::move(received.checksum);
  draft.record.tags = request.tags.value_or(source.tags);
  if (request.metadata) {
    draft.record.metadata = *std::move(request.metadata);
  } else {
    draft.record.metadata = source.metadata;
    std::erase_if(draft.record.metadata.system,
                  [](auto& entry) { return entry.first == SystemHeader::kWebsiteRedirect; });
    if (request.website_redirect) {
      draft.record.metadata.system.emplace_back(SystemHeader::kWebsiteRedirect,
                                                *std::move(request.website_redirect));
    }
  }
  auto source_version = opened.found.version();
  CO_TRY(auto written, co_await commit_version(std::move(draft)));
  co_return Copied{std::move(written), std::move(source_version)};
}

}  // namespace suiro::s3
