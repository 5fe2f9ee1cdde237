// SPDX-License-Identifier: Apache-2.0
// Multipart uploads.
#include <fmt/format.h>

#include "services/s3/api_common.h"

namespace suiro::s3 {
namespace {

std::string scope_name(ChecksumScope scope) {
  return scope == ChecksumScope::kComposite ? "COMPOSITE" : "FULL_OBJECT";
}

// The upload's checksum, as CreateMultipartUpload, ListParts and ListMultipartUploads say it.
template <class Output>
void set_upload_checksum(Output& out, const UploadRecord& record) {
  if (record.checksum_kind)
    out.checksum_algorithm = std::string(checksum_name(*record.checksum_kind));
  out.checksum_type = scope_name(record.checksum_scope);
}

// When the lifecycle will end an upload that nobody finishes.
template <class Output>
void set_abort_date(Output& out, const Bucket& bucket, ByteView key, const UploadRecord& record) {
  for (auto& rule : bucket.lifecycle) {
    if (!rule.abort_days || !rule.covers(key)) continue;
    TimePoint due = midnight_after(record.initiated, *rule.abort_days);
    if (out.abort_date && *out.abort_date <= due) continue;
    out.abort_date = due;
    out.abort_rule_id = rule.id;
  }
}

Result<std::vector<CompletedPart>> parts_of(const wire::CompleteMultipartUploadRequest& in) {
  std::vector<CompletedPart> out;
  if (!in.multipart_upload || !in.multipart_upload->parts) return malformed_xml();
  for (auto& part : *in.multipart_upload->parts) {
    if (!part.part_number || !part.etag || *part.part_number < 1) return malformed_xml();
    CompletedPart entry{static_cast<uint32_t>(*part.part_number), *part.etag, {}};
    for (auto& [kind, text] : given_checksums(part)) {
      TRY(Bytes raw, raw_checksum(kind, text));
      entry.checksums.emplace_back(kind, std::move(raw));
    }
    out.push_back(std::move(entry));
  }
  return out;
}

Failure bad_source_range(const std::string& text) {
  return invalid_argument(
      "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last "
      "are the zero-based offsets of the first and last bytes to copy",
      "x-amz-copy-source-range", text);
}

// Both ends must be given and lie inside the source.
Result<ByteRange> source_range(const std::optional<std::string>& text, const Found& found) {
  const uint64_t size = found.record.size_bytes;
  if (!text) {
    if (size > kPutBytesMax) {
      return fail("InvalidRequest",
                  "The specified copy source is larger than the maximum allowable size for a copy "
                  "source: 5368709120");
    }
    return ByteRange{0, size};
  }
  if (text->starts_with("bytes=-") || text->ends_with('-')) return bad_source_range(*text);
  TRY(auto range, parse_range(*text, size));
  if (!range) return bad_source_range(*text);
  const std::string exact =
      fmt::format("bytes={}-{}", range->first, range->first + range->length - 1);
  if (trim(*text) == exact) return *range;
  return invalid_argument(
      fmt::format("Range specified is not valid for source object of size: {}", size),
      "x-amz-copy-source-range", *text);
}

}  // namespace

void Api::add_multipart_operations(shapes::Registry& registry) {
  namespace op = wire::op;
  add<op::CreateMultipartUpload>(registry, &Api::create_upload);
  add<op::UploadPart>(registry, &Api::upload_part);
  add<op::UploadPartCopy>(registry, &Api::upload_part_copy);
  add<op::ListParts>(registry, &Api::list_parts);
  add<op::ListMultipartUploads>(registry, &Api::list_uploads);
  add<op::CompleteMultipartUpload>(registry, &Api::complete_upload);
  add<op::AbortMultipartUpload>(registry, &Api::abort_upload);
}

Api::Reply<wire::op::CreateMultipartUpload> Api::create_upload(
    shapes::Call& call, wire::CreateMultipartUploadRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  UploadRequest request{.requester = requester_of(call), .bucket = in.bucket, .key = in.key};
  CO_TRY(request.record.metadata, metadata_of(in));
  if (in.tagging) {
    CO_TRY(request.record.tags, tags_of_header(*in.tagging));
  }
  CO_TRY(request.record.checksum_kind, kind_of(in.checksum_algorithm));
  CO_TRY(request.record.checksum_scope, scope_of(request.record.checksum_kind, in.checksum_type));
  UploadRecord record = request.record;
  record.initiated = call.now;
  CO_TRY(UploadId id, co_await logic_.create_upload(std::move(request)));
  wire::CreateMultipartUploadOutput out{
      .bucket = in.bucket, .key = in.key, .upload_id = id.value()};
  set_upload_checksum(out, record);
  set_encryption(logic_, out);
  CO_TRY(auto bucket, co_await logic_.bucket(in.bucket, Freshness::kCached));
  set_abort_date(out, *bucket, in.key, record);
  co_return out;
}

Api::Reply<wire::op::UploadPart> Api::upload_part(shapes::Call& call, wire::UploadPartRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  PartRequest request{.requester = requester_of(call),
                      .bucket = in.bucket,
                      .key = in.key,
                      .upload = UploadId(in.upload_id),
                      .number = static_cast<uint32_t>(std::max(in.part_number, 0))};
  CO_TRY(request.expectation, expectation_of(call, in));
  shapes::Body body = in.body ? std::move(in.body) : shapes::body_of({});
  CO_TRY(auto part, co_await logic_.put_part(std::move(request), std::move(body)));
  wire::UploadPartOutput out{.etag = quoted(hex_encode(part.md5))};
  set_checksum(out, part.checksum, 0);
  set_encryption(logic_, out);
  co_return out;
}

Api::Reply<wire::op::UploadPartCopy> Api::upload_part_copy(shapes::Call& call,
                                                           wire::UploadPartCopyRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY(CopySource source, copy_source_of(in.copy_source));
  PartRequest request{.requester = requester_of(call),
                      .bucket = in.bucket,
                      .key = in.key,
                      .upload = UploadId(in.upload_id),
                      .number = static_cast<uint32_t>(std::max(in.part_number, 0))};
  // An upload that is not there is said before the source is read.
  CO_TRY_VOID(co_await logic_.upload(in.bucket, in.key, request.upload));
  ReadRequest read{source.bucket,
                   source.key,
                   source.version,
                   {in.copy_source_if_match, in.copy_source_if_none_match,
                    in.copy_source_if_modified_since, in.copy_source_if_unmodified_since}};
  auto range_of = [&](const Found& found) { return source_range(in.copy_source_range, found); };
  CO_TRY(auto opened, co_await logic_.read_source(std::move(read), range_of));
  auto source_version = opened.found.version();
  CO_TRY(auto part, co_await logic_.put_part(std::move(request), std::move(opened.body)));
  wire::UploadPartCopyOutput out{.copy_source_version_id = std::move(source_version)};
  auto& result = out.copy_part_result.emplace();
  result.etag = quoted(hex_encode(part.md5));
  result.last_modified = whole_seconds(part.modified);
  set_checksum(result, part.checksum, 0);
  set_encryption(logic_, out);
  co_return out;
}

Api::Reply<wire::op::ListParts> Api::list_parts(shapes::Call&, wire::ListPartsRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  const int32_t marker = in.part_number_marker.value_or(0);
  const int32_t rows = in.max_parts.value_or(static_cast<int32_t>(kListKeysMax));
  if (marker < 0 || rows < 0) {
    co_return invalid_argument("Argument max-parts must be an integer between 0 and 2147483647",
                               "max-parts", fmt::to_string(std::min(marker, rows)));
  }
  UploadId id(in.upload_id);
  CO_TRY(auto upload, co_await logic_.upload(in.bucket, in.key, id));
  CO_TRY(auto parts, co_await logic_.list_parts(in.bucket, in.key, id));
  wire::ListPartsOutput out{.bucket = in.bucket, .key = in.key, .upload_id = in.upload_id};
  out.part_number_marker = marker;
  out.max_parts = std::min(rows, static_cast<int32_t>(kListKeysMax));
  out.is_truncated = false;
  out.next_part_number_marker = 0;
  out.owner = owner_of(logic_);
  out.initiator = wire::Initiator{.id = out.owner->id};
  out.storage_class = "STANDARD";
  out.parts.emplace();
  for (auto& [number, part] : parts) {
    if (static_cast<int32_t>(number) <= marker) continue;
    if (static_cast<int32_t>(out.parts->size()) == *out.max_parts) {
      out.is_truncated = true;
      break;
    }
    wire::Part entry{.part_number = static_cast<int32_t>(number),
                     .last_modified = whole_seconds(part.modified),
                     .etag = quoted(hex_encode(part.md5)),
                     .size = static_cast<int64_t>(part.size_bytes)};
    set_checksum(entry, part.checksum, 0);
    out.next_part_number_marker = entry.part_number;
    out.parts->push_back(std::move(entry));
  }
  set_upload_checksum(out, upload.record);
  CO_TRY(auto bucket, co_await logic_.bucket(in.bucket, Freshness::kCached));
  set_abort_date(out, *bucket, in.key, upload.record);
  co_return out;
}

Api::Reply<wire::op::ListMultipartUploads> Api::list_uploads(shapes::Call&,
                                                             wire::ListMultipartUploadsRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  const bool encode = in.encoding_type.has_value();
  if (encode && *in.encoding_type != "url") {
    co_return invalid_argument("Invalid Encoding Method specified in Request", "encoding-type",
                               *in.encoding_type);
  }
  auto name = [encode](ByteView text) {
    return encode ? percent_encode(text, Slash::kKeep) : std::string(text);
  };
  const int32_t rows = in.max_uploads.value_or(static_cast<int32_t>(kListKeysMax));
  if (rows < 0) {
    co_return invalid_argument("Argument max-uploads must be an integer between 0 and 2147483647",
                               "max-uploads", fmt::to_string(rows));
  }
  ListRequest request{.bucket = in.bucket,
                      .prefix = in.prefix.value_or(""),
                      .delimiter = in.delimiter.value_or(""),
                      .after = in.key_marker.value_or(""),
                      .rows_max = std::min(static_cast<size_t>(rows), kListKeysMax)};
  // An upload's marker without a key's is ignored (API Reference, "ListMultipartUploads").
  CO_TRY(auto page, co_await logic_.list_uploads(request, in.upload_id_marker.value_or("")));
  wire::ListMultipartUploadsOutput out{.bucket = in.bucket};
  out.key_marker = name(request.after);
  out.upload_id_marker = in.upload_id_marker.value_or("");
  out.prefix = name(request.prefix);
  if (in.delimiter) out.delimiter = name(*in.delimiter);
  out.max_uploads = static_cast<int32_t>(request.rows_max);
  out.is_truncated = page.truncated;
  out.encoding_type = in.encoding_type;
  if (page.truncated) {
    out.next_key_marker = name(page.next_key);
    out.next_upload_id_marker = page.next_upload;
  }
  out.uploads.emplace();
  for (auto& upload : page.uploads) {
    auto& entry = out.uploads->emplace_back();
    entry.upload_id = upload.id.value();
    entry.key = name(upload.key);
    entry.initiated = whole_seconds(upload.record.initiated);
    entry.storage_class = "STANDARD";
    entry.owner = owner_of(logic_);
    entry.initiator = wire::Initiator{.id = entry.owner->id};
    set_upload_checksum(entry, upload.record);
  }
  for (auto& prefix : page.prefixes) {
    if (!out.common_prefixes) out.common_prefixes.emplace();
    out.common_prefixes->push_back({name(prefix)});
  }
  co_return out;
}

Api::Reply<wire::op::CompleteMultipartUpload> Api::complete_upload(
    shapes::Call& call, wire::CompleteMultipartUploadRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CompleteRequest request{.requester = requester_of(call),
                          .bucket = in.bucket,
                          .key = in.key,
                          .upload = UploadId(in.upload_id),
                          .checksums = given_checksums(in),
                          .conditions = {in.if_match, in.if_none_match}};
  CO_TRY(request.parts, parts_of(in));
  if (in.mpu_object_size) request.size_bytes = static_cast<uint64_t>(*in.mpu_object_size);
  if (in.checksum_type) {
    if (*in.checksum_type != "COMPOSITE" && *in.checksum_type != "FULL_OBJECT") {
      co_return fail("InvalidRequest", "Value for x-amz-checksum-type header is invalid.");
    }
    request.checksum_scope =
        *in.checksum_type == "COMPOSITE" ? ChecksumScope::kComposite : ChecksumScope::kFullObject;
  }
  CO_TRY(auto done, co_await logic_.complete(std::move(request)));
  wire::CompleteMultipartUploadOutput out{
      .location = fmt::format("{}://{}/{}/{}", call.secure ? "https" : "http", call.host, in.bucket,
                              percent_encode(in.key, Slash::kKeep)),
      .bucket = in.bucket,
      .key = in.key,
      .expiration = done.expiration,
      .etag = quoted(done.etag),
      .version_id = done.version};
  set_checksum(out, done.checksum, done.parts_count);
  set_encryption(logic_, out);
  co_return out;
}

Api::Reply<wire::op::AbortMultipartUpload> Api::abort_upload(shapes::Call& call,
                                                             wire::AbortMultipartUploadRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  if (in.if_match_initiated_time) co_return not_implemented("x-amz-if-match-initiated-time");
  CO_TRY_VOID(co_await logic_.abort(requester_of(call), in.bucket, in.key, UploadId(in.upload_id)));
  co_return wire::op::AbortMultipartUpload::Output{};
}

}  // namespace suiro::s3
