// SPDX-License-Identifier: Apache-2.0
// Objects: put, get, head, copy, delete, attributes, tags.
#include <fmt/format.h>

#include "services/s3/api_common.h"

namespace suiro::s3 {
namespace {

constexpr std::string_view kDefaultContentType = "binary/octet-stream";

// Moves what find() says of a delete marker or of an unchanged object from the error's details into
// the reply's headers.
Failure read_failure(shapes::Call& call, Error error) {
  std::vector<std::pair<std::string, std::string>> kept;
  for (auto& [name, value] : error.details) {
    if (name == "DeleteMarkerVersion") {
      call.response_headers.emplace_back("x-amz-delete-marker", "true");
      call.response_headers.emplace_back("x-amz-version-id", value);
      if (error.code == "MethodNotAllowed") call.response_headers.emplace_back("Allow", "DELETE");
    } else if (error.code == "NotModified") {
      call.response_headers.emplace_back(name, value);
    } else {
      kept.emplace_back(std::move(name), std::move(value));
    }
  }
  error.details = std::move(kept);
  return Failure(std::move(error));
}

template <class Input>
Result<ReadRequest> read_request_of(const Input& in) {
  ReadRequest out{.bucket = in.bucket, .key = in.key};
  TRY(out.version, version_of(in.version_id));
  out.conditions = {in.if_match, in.if_none_match, in.if_modified_since, in.if_unmodified_since};
  return out;
}

// The bytes that a read asks for, and how the reply says so.
struct Selection {
  ByteRange range;
  bool partial = false;
  std::optional<uint32_t> part;
};

template <class Input>
Result<Selection> select(const Input& in, const Found& found) {
  const uint64_t size = found.record.size_bytes;
  if (in.part_number) {
    if (in.range) {
      return fail("InvalidRequest",
                  "Cannot specify both Range header and partNumber query parameter");
    }
    const int32_t number = *in.part_number;
    TRY(ByteRange range, part_range(found, number < 0 ? 0 : static_cast<uint32_t>(number)));
    // An empty object has no range to name.
    return Selection{range, size != 0, static_cast<uint32_t>(number)};
  }
  if (in.range) {
    TRY(auto range, parse_range(*in.range, size));
    if (range) return Selection{*range, true, std::nullopt};
  }
  return Selection{{0, size}, false, std::nullopt};
}

template <class Output>
void set_metadata(Output& out, const Metadata& metadata) {
  auto text = [&](SystemHeader header) -> std::optional<std::string> {
    const std::string* value = metadata.find(header);
    return value == nullptr ? std::nullopt : std::optional(*value);
  };
  out.content_type = text(SystemHeader::kContentType).value_or(std::string(kDefaultContentType));
  out.cache_control = text(SystemHeader::kCacheControl);
  out.content_disposition = text(SystemHeader::kContentDisposition);
  out.content_encoding = text(SystemHeader::kContentEncoding);
  out.content_language = text(SystemHeader::kContentLanguage);
  out.expires = text(SystemHeader::kExpires);
  out.website_redirect_location = text(SystemHeader::kWebsiteRedirect);
  if (metadata.user.empty()) return;
  out.metadata.emplace();
  for (auto& [name, value] : metadata.user) (*out.metadata)[name] = value;
}

template <class Input, class Output>
void override_headers(const Input& in, Output& out) {
  if (in.response_content_type) out.content_type = in.response_content_type;
  if (in.response_cache_control) out.cache_control = in.response_cache_control;
  if (in.response_content_disposition) out.content_disposition = in.response_content_disposition;
  if (in.response_content_encoding) out.content_encoding = in.response_content_encoding;
  if (in.response_content_language) out.content_language = in.response_content_language;
  if (in.response_expires) out.expires = format_http_date(*in.response_expires);
}

template <class Input, class Output>
void describe(const Logic& logic, shapes::Call& call, const Input& in, const Found& found,
              const Selection& selection, Output& out) {
  const ObjectRecord& record = found.record;
  set_metadata(out, record.metadata);
  override_headers(in, out);
  set_encryption(logic, out);
  out.accept_ranges = "bytes";
  out.last_modified = whole_seconds(record.modified);
  out.content_length = static_cast<int64_t>(selection.range.length);
  out.etag = quoted(record.etag);
  out.version_id = found.version();
  if (!record.tags.empty()) out.tag_count = static_cast<int32_t>(record.tags.size());
  if (found.current) out.expiration = Logic::expiration(*found.bucket, in.key, record);
  if (selection.part && record.parts_count != 0) {
    out.parts_count = static_cast<int32_t>(record.parts_count);
  }
  const bool checksums = in.checksum_mode && *in.checksum_mode == "ENABLED";
  if (selection.partial) {
    call.status = 206;
    out.content_range =
        fmt::format("bytes {}-{}/{}", selection.range.first,
                    selection.range.first + selection.range.length - 1, record.size_bytes);
  }
  if (!checksums) return;
  if (selection.part && !found.parts.empty()) {
    set_checksum(out, found.parts[*selection.part - 1].checksum, 0);
  } else if (!selection.partial || selection.part) {
    set_checksum(out, record.checksum, record.parts_count);
  }
}

void count_read(Logic& logic, const shapes::Call& call, std::string_view kind,
                const std::string& bucket, bool worked) {
  auto status = worked ? event::Span::Status::kOk : event::Span::Status::kError;
  Micros took = std::chrono::duration_cast<Micros>(logic.kernel().clock.now() - call.now);
  logic.kernel().journal.count(kind, "arn:aws:s3:::" + bucket, status, took);
}

}  // namespace

void Api::add_object_operations(shapes::Registry& registry) {
  namespace op = wire::op;
  add<op::PutObject>(registry, &Api::put_object);
  add<op::GetObject>(registry, &Api::get_object);
  add<op::HeadObject>(registry, &Api::head_object);
  add<op::CopyObject>(registry, &Api::copy_object);
  add<op::DeleteObject>(registry, &Api::delete_object);
  add<op::DeleteObjects>(registry, &Api::delete_objects);
  add<op::GetObjectAttributes>(registry, &Api::get_attributes);
  add<op::GetObjectAcl>(registry, &Api::get_object_acl);
  add<op::GetObjectTagging>(registry, &Api::get_object_tagging);
  add<op::PutObjectTagging>(registry, &Api::put_object_tagging);
  add<op::DeleteObjectTagging>(registry, &Api::delete_object_tagging);
}

Api::Reply<wire::op::PutObject> Api::put_object(shapes::Call& call, wire::PutObjectRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  PutRequest request{.requester = requester_of(call),
                     .bucket = std::move(in.bucket),
                     .key = std::move(in.key),
                     .conditions = {in.if_match, in.if_none_match}};
  CO_TRY(request.metadata, metadata_of(in));
  if (in.tagging) {
    CO_TRY(request.tags, tags_of_header(*in.tagging));
  }
  CO_TRY(request.expectation, expectation_of(call, in));
  shapes::Body body = in.body ? std::move(in.body) : shapes::body_of({});
  const Bytes key = request.key;
  CO_TRY(auto written, co_await logic_.put(std::move(request), std::move(body)));
  wire::PutObjectOutput out{.expiration = Logic::expiration(*written.bucket, key, written.record),
                            .etag = quoted(written.record.etag),
                            .version_id = written.version()};
  set_checksum(out, written.record.checksum, 0);
  set_encryption(logic_, out);
  co_return out;
}

Api::Reply<wire::op::GetObject> Api::get_object(shapes::Call& call, wire::GetObjectRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY(ReadRequest request, read_request_of(in));
  Selection selection;
  auto range_of = [&](const Found& found) -> Result<ByteRange> {
    TRY(selection, select(in, found));
    return selection.range;
  };
  auto opened = co_await logic_.read(std::move(request), range_of);
  count_read(logic_, call, "s3:GetObject", in.bucket, opened.has_value());
  if (!opened) co_return read_failure(call, std::move(opened.error()));
  wire::GetObjectOutput out;
  describe(logic_, call, in, opened->found, selection, out);
  out.body = std::move(opened->body);
  co_return out;
}

Api::Reply<wire::op::HeadObject> Api::head_object(shapes::Call& call, wire::HeadObjectRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY(ReadRequest request, read_request_of(in));
  auto found = co_await logic_.find(std::move(request));
  count_read(logic_, call, "s3:HeadObject", in.bucket, found.has_value());
  if (!found) co_return read_failure(call, std::move(found.error()));
  CO_TRY(Selection selection, select(in, *found));
  wire::HeadObjectOutput out;
  describe(logic_, call, in, *found, selection, out);
  co_return out;
}

Api::Reply<wire::op::CopyObject> Api::copy_object(shapes::Call& call, wire::CopyObjectRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY(CopySource source, copy_source_of(in.copy_source));
  CopyRequest request{.requester = requester_of(call),
                      .bucket = in.bucket,
                      .key = in.key,
                      .website_redirect = in.website_redirect_location,
                      .conditions = {in.if_match, in.if_none_match}};
  request.source = {source.bucket,
                    source.key,
                    source.version,
                    {in.copy_source_if_match, in.copy_source_if_none_match,
                     in.copy_source_if_modified_since, in.copy_source_if_unmodified_since}};
  const std::string metadata = in.metadata_directive.value_or("COPY");
  const std::string tagging = in.tagging_directive.value_or("COPY");
  if (metadata != "COPY" && metadata != "REPLACE") {
    co_return invalid_argument("Unknown metadata directive.", "x-amz-metadata-directive", metadata);
  }
  if (tagging != "COPY" && tagging != "REPLACE") {
    co_return invalid_argument("Unknown tagging directive.", "x-amz-tagging-directive", tagging);
  }
  if (metadata == "REPLACE") {
    CO_TRY(request.metadata, metadata_of(in));
  }
  if (tagging == "REPLACE") {
    CO_TRY(request.tags, tags_of_header(in.tagging.value_or("")));
  }
  CO_TRY(request.checksum_kind, kind_of(in.checksum_algorithm));
  const bool source_named = source.version.kind != VersionChoice::Kind::kCurrent;
  CO_TRY(auto copied, co_await logic_.copy(std::move(request)));
  wire::CopyObjectOutput out{
      .expiration = Logic::expiration(*copied.written.bucket, in.key, copied.written.record),
      .copy_source_version_id = copied.source_version,
      .version_id = copied.written.version()};
  if (source_named && !out.copy_source_version_id) out.copy_source_version_id = "null";
  auto& result = out.copy_object_result.emplace();
  result.etag = quoted(copied.written.record.etag);
  result.last_modified = whole_seconds(copied.written.record.modified);
  set_checksum(result, copied.written.record.checksum, 0);
  set_encryption(logic_, out);
  co_return out;
}

Api::Reply<wire::op::DeleteObject> Api::delete_object(shapes::Call& call,
                                                      wire::DeleteObjectRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  if (in.if_match_last_modified_time || in.if_match_size) {
    co_return not_implemented("x-amz-if-match-last-modified-time, x-amz-if-match-size");
  }
  RemoveItem item{.key = in.key, .version = {}, .if_match = in.if_match};
  CO_TRY(item.version, version_of(in.version_id));
  RemoveRequest request{.requester = requester_of(call), .bucket = in.bucket};
  CO_TRY(auto removed, co_await logic_.remove(std::move(request), std::move(item)));
  wire::DeleteObjectOutput out{.version_id = removed.version};
  if (removed.delete_marker) out.delete_marker = true;
  co_return out;
}

namespace {

wire::Error error_entry(const wire::ObjectIdentifier& object, const Error& error) {
  return {.key = object.key,
          .version_id = object.version_id,
          .code = error.code,
          .message = error.message};
}

wire::DeletedObject deleted_entry(const wire::ObjectIdentifier& object, const Removed& removed) {
  wire::DeletedObject out{.key = object.key, .version_id = object.version_id};
  if (removed.delete_marker) {
    out.delete_marker = true;
    out.delete_marker_version_id = removed.version;
  }
  return out;
}

}  // namespace

Api::Reply<wire::op::DeleteObjects> Api::delete_objects(shapes::Call& call,
                                                        wire::DeleteObjectsRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  auto& objects = in.delete_.objects;
  if (objects.empty() || objects.size() > kDeleteKeysMax) co_return malformed_xml();
  wire::DeleteObjectsOutput out;
  out.deleted.emplace();
  out.errors.emplace();
  std::vector<RemoveItem> items;
  std::vector<size_t> places;
  for (size_t i = 0; i < objects.size(); ++i) {
    auto& object = objects[i];
    if (object.last_modified_time || object.size) {
      co_return not_implemented("LastModifiedTime, Size");
    }
    auto version = version_of(object.version_id);
    if (!version) {
      out.errors->push_back(error_entry(object, version.error()));
      continue;
    }
    items.push_back({object.key, *version, object.etag});
    places.push_back(i);
  }
  RemoveRequest request{.requester = requester_of(call), .bucket = in.bucket};
  request.operation = "s3:DeleteObjects";
  CO_TRY(auto results, co_await logic_.remove_many(std::move(request), std::move(items)));
  for (size_t i = 0; i < results.size(); ++i) {
    auto& object = objects[places[i]];
    if (!results[i]) {
      out.errors->push_back(error_entry(object, results[i].error()));
    } else if (!in.delete_.quiet.value_or(false)) {
      out.deleted->push_back(deleted_entry(object, *results[i]));
    }
  }
  co_return out;
}

namespace {

constexpr int32_t kAttributePartsMax = 1000;

wire::GetObjectAttributesParts attribute_parts(const Found& found,
                                               const wire::GetObjectAttributesRequest& in) {
  wire::GetObjectAttributesParts out;
  const int32_t max = std::clamp(in.max_parts.value_or(kAttributePartsMax), 0, kAttributePartsMax);
  const int32_t marker = std::max(in.part_number_marker.value_or(0), 0);
  out.total_parts_count = static_cast<int32_t>(found.record.parts_count);
  out.part_number_marker = marker;
  out.max_parts = max;
  out.is_truncated = false;
  out.parts.emplace();
  for (auto& part : found.parts) {
    if (static_cast<int32_t>(part.number) <= marker) continue;
    if (static_cast<int32_t>(out.parts->size()) == max) {
      out.is_truncated = true;
      break;
    }
    wire::ObjectPart entry{.part_number = static_cast<int32_t>(part.number),
                           .size = static_cast<int64_t>(part.size_bytes)};
    set_checksum(entry, part.checksum, 0);
    out.next_part_number_marker = entry.part_number;
    out.parts->push_back(std::move(entry));
  }
  return out;
}

}  // namespace

Api::Reply<wire::op::GetObjectAttributes> Api::get_attributes(shapes::Call& call,
                                                              wire::GetObjectAttributesRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  ReadRequest request{.bucket = in.bucket, .key = in.key};
  CO_TRY(request.version, version_of(in.version_id));
  auto found = co_await logic_.find(std::move(request));
  count_read(logic_, call, "s3:GetObjectAttributes", in.bucket, found.has_value());
  if (!found) co_return read_failure(call, std::move(found.error()));
  const ObjectRecord& record = found->record;
  wire::GetObjectAttributesOutput out{.last_modified = whole_seconds(record.modified),
                                      .version_id = found->version()};
  for (auto& name : in.object_attributes) {
    if (name == "ETag") {
      out.etag = record.etag;
    } else if (name == "Checksum") {
      set_checksum(out.checksum.emplace(), record.checksum, record.parts_count);
    } else if (name == "ObjectParts") {
      if (record.parts_count != 0) out.object_parts = attribute_parts(*found, in);
    } else if (name == "StorageClass") {
      out.storage_class = "STANDARD";
    } else if (name == "ObjectSize") {
      out.object_size = static_cast<int64_t>(record.size_bytes);
    } else {
      co_return invalid_argument("Invalid attribute name specified.", "x-amz-object-attributes",
                                 name);
    }
  }
  co_return out;
}

Api::Reply<wire::op::GetObjectAcl> Api::get_object_acl(shapes::Call& call,
                                                       wire::GetObjectAclRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  ReadRequest request{.bucket = in.bucket, .key = in.key};
  CO_TRY(request.version, version_of(in.version_id));
  auto found = co_await logic_.find(std::move(request));
  if (!found) co_return read_failure(call, std::move(found.error()));
  wire::GetObjectAclOutput out{.owner = owner_of(logic_)};
  out.grants.emplace().push_back(
      {.grantee = wire::Grantee{.id = out.owner->id, .type = "CanonicalUser"},
       .permission = "FULL_CONTROL"});
  co_return out;
}

Api::Reply<wire::op::GetObjectTagging> Api::get_object_tagging(shapes::Call& call,
                                                               wire::GetObjectTaggingRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  ReadRequest request{.bucket = in.bucket, .key = in.key};
  CO_TRY(request.version, version_of(in.version_id));
  auto found = co_await logic_.find(std::move(request));
  if (!found) co_return read_failure(call, std::move(found.error()));
  co_return wire::GetObjectTaggingOutput{.version_id = found->version(),
                                         .tag_set = wire_tags(found->record.tags)};
}

Api::Reply<wire::op::PutObjectTagging> Api::put_object_tagging(shapes::Call& call,
                                                               wire::PutObjectTaggingRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  ReadRequest object{.bucket = in.bucket, .key = in.key};
  CO_TRY(object.version, version_of(in.version_id));
  CO_TRY(auto written,
         co_await logic_.put_tags(requester_of(call), std::move(object), tags_of(in.tagging)));
  co_return wire::PutObjectTaggingOutput{.version_id = written.version()};
}

Api::Reply<wire::op::DeleteObjectTagging> Api::delete_object_tagging(
    shapes::Call& call, wire::DeleteObjectTaggingRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  ReadRequest object{.bucket = in.bucket, .key = in.key};
  CO_TRY(object.version, version_of(in.version_id));
  CO_TRY(auto written,
         co_await logic_.put_tags(requester_of(call), std::move(object), std::nullopt));
  co_return wire::DeleteObjectTaggingOutput{.version_id = written.version()};
}

}  // namespace suiro::s3
