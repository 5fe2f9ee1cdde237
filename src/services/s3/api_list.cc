// SPDX-License-Identifier: Apache-2.0
// ListObjects, ListObjectsV2, ListObjectVersions.
#include <fmt/format.h>

#include "services/s3/api_common.h"

namespace suiro::s3 {
namespace {

// Names in a reply: as they are, or percent-encoded where the client asked for it.
class Names {
 public:
  static Result<Names> of(const std::optional<std::string>& encoding) {
    if (encoding && *encoding != "url") {
      return invalid_argument("Invalid Encoding Method specified in Request", "encoding-type",
                              *encoding);
    }
    return Names(encoding.has_value());
  }
  std::string operator()(ByteView name) const {
    return encode_ ? percent_encode(name, Slash::kKeep) : std::string(name);
  }
  std::optional<std::string> operator()(const std::optional<std::string>& name) const {
    return name ? std::optional((*this)(ByteView(*name))) : std::nullopt;
  }

 private:
  explicit Names(bool encode) : encode_(encode) {}
  bool encode_;
};

Result<size_t> rows_of(const std::optional<int32_t>& given) {
  if (!given) return kListKeysMax;
  if (*given < 0) {
    return invalid_argument("Argument maxKeys must be an integer between 0 and 2147483647",
                            "maxKeys", fmt::to_string(*given));
  }
  return std::min(static_cast<size_t>(*given), kListKeysMax);
}

// RestoreStatus is of archived objects alone; here none is, so that no entry ever has one.
Result<void> check_attributes(const std::optional<std::vector<std::string>>& wanted) {
  if (!wanted) return ok();
  for (const std::string& name : *wanted) {
    if (name == "RestoreStatus") continue;
    return invalid_argument("Invalid attribute name specified", "x-amz-optional-object-attributes",
                            name);
  }
  return ok();
}

template <class Input>
Result<ListRequest> list_request_of(const Input& in) {
  TRY_VOID(check_attributes(in.optional_object_attributes));
  ListRequest out{.bucket = in.bucket};
  out.prefix = in.prefix.value_or("");
  out.delimiter = in.delimiter.value_or("");
  TRY(out.rows_max, rows_of(in.max_keys));
  if (!is_valid_utf8(out.prefix)) return invalid_argument("Invalid prefix", "prefix", "");
  return out;
}

std::vector<wire::CommonPrefix> wire_prefixes(const Names& names,
                                              const std::vector<Bytes>& prefixes) {
  std::vector<wire::CommonPrefix> out;
  for (auto& prefix : prefixes) out.push_back({names(ByteView(prefix))});
  return out;
}

// What objects and versions in lists have in common.
template <class Entry>
Entry entry_of(const Names& names, const ListedObject& listed) {
  const ObjectRecord& record = listed.record;
  Entry out;
  out.key = names(ByteView(listed.key));
  out.last_modified = whole_seconds(record.modified);
  out.etag = quoted(record.etag);
  out.size = static_cast<int64_t>(record.size_bytes);
  out.storage_class = "STANDARD";
  if (record.checksum) {
    out.checksum_algorithm.emplace().emplace_back(checksum_name(record.checksum->kind));
    out.checksum_type =
        record.checksum->scope == ChecksumScope::kComposite ? "COMPOSITE" : "FULL_OBJECT";
  }
  return out;
}

template <class Output, class Input>
Output list_output_of(const Names& names, const Input& in, const ListRequest& request,
                      const Listing& listing) {
  Output out;
  out.name = in.bucket;
  out.prefix = names(ByteView(request.prefix));
  out.delimiter = names(in.delimiter);
  out.encoding_type = in.encoding_type;
  out.max_keys = static_cast<int32_t>(request.rows_max);
  out.is_truncated = listing.truncated;
  if (!listing.prefixes.empty()) out.common_prefixes = wire_prefixes(names, listing.prefixes);
  return out;
}

// Opaque to clients: the name after which to go on.
constexpr std::string_view kTokenMark = "1";
std::string token_of(ByteView name) {
  return base64_encode(std::string(kTokenMark).append(name));
}
Result<Bytes> name_of_token(const std::string& token) {
  auto decoded = base64_decode(token);
  if (!decoded || !decoded->starts_with(kTokenMark)) {
    return invalid_argument("The continuation token provided is incorrect", "continuation-token",
                            token);
  }
  return decoded->substr(kTokenMark.size());
}

void count_list(Logic& logic, const shapes::Call& call, const std::string& bucket) {
  Micros took = std::chrono::duration_cast<Micros>(logic.kernel().clock.now() - call.now);
  logic.kernel().journal.count("s3:ListObjects", "arn:aws:s3:::" + bucket, event::Span::Status::kOk,
                               took);
}

}  // namespace

void Api::add_list_operations(shapes::Registry& registry) {
  add<wire::op::ListObjects>(registry, &Api::list_objects);
  add<wire::op::ListObjectsV2>(registry, &Api::list_objects_v2);
  add<wire::op::ListObjectVersions>(registry, &Api::list_versions);
}

Api::Reply<wire::op::ListObjects> Api::list_objects(shapes::Call& call,
                                                    wire::ListObjectsRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY(Names names, Names::of(in.encoding_type));
  CO_TRY(ListRequest request, list_request_of(in));
  request.after = in.marker.value_or("");
  CO_TRY(Listing listing, co_await logic_.list(request));
  auto out = list_output_of<wire::ListObjectsOutput>(names, in, request, listing);
  out.marker = names(ByteView(request.after));
  // Without a delimiter the last key of the page is the marker of the next.
  if (listing.truncated && in.delimiter) out.next_marker = names(ByteView(listing.next));
  out.contents.emplace();
  for (auto& object : listing.objects) {
    out.contents->push_back(entry_of<wire::Object>(names, object));
    out.contents->back().owner = owner_of(logic_);
  }
  count_list(logic_, call, in.bucket);
  co_return out;
}

Api::Reply<wire::op::ListObjectsV2> Api::list_objects_v2(shapes::Call& call,
                                                         wire::ListObjectsV2Request in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY(Names names, Names::of(in.encoding_type));
  CO_TRY(ListRequest request, list_request_of(in));
  request.after = in.start_after.value_or("");
  if (in.continuation_token) {
    CO_TRY(request.after, name_of_token(*in.continuation_token));
  }
  CO_TRY(Listing listing, co_await logic_.list(request));
  auto out = list_output_of<wire::ListObjectsV2Output>(names, in, request, listing);
  out.key_count = static_cast<int32_t>(listing.objects.size() + listing.prefixes.size());
  out.continuation_token = in.continuation_token;
  out.start_after = names(in.start_after);
  if (listing.truncated) out.next_continuation_token = token_of(listing.next);
  out.contents.emplace();
  for (auto& object : listing.objects) {
    out.contents->push_back(entry_of<wire::Object>(names, object));
    if (in.fetch_owner.value_or(false)) out.contents->back().owner = owner_of(logic_);
  }
  count_list(logic_, call, in.bucket);
  co_return out;
}

Api::Reply<wire::op::ListObjectVersions> Api::list_versions(shapes::Call& call,
                                                            wire::ListObjectVersionsRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY(Names names, Names::of(in.encoding_type));
  VersionsRequest request;
  CO_TRY(request.list, list_request_of(in));
  request.list.after = in.key_marker.value_or("");
  request.after_version = in.version_id_marker.value_or("");
  if (!request.after_version.empty() && request.list.after.empty()) {
    co_return invalid_argument("A version-id marker cannot be specified without a key marker.",
                               "version-id-marker", request.after_version);
  }
  if (!request.after_version.empty()) CO_TRY_VOID(version_of(request.after_version));
  CO_TRY(Listing listing, co_await logic_.list_versions(request));
  auto out = list_output_of<wire::ListObjectVersionsOutput>(names, in, request.list, listing);
  out.key_marker = names(ByteView(request.list.after));
  out.version_id_marker = request.after_version;
  if (listing.truncated) {
    out.next_key_marker = names(ByteView(listing.next));
    if (!listing.next_version.empty()) out.next_version_id_marker = listing.next_version;
  }
  out.versions.emplace();
  out.delete_markers.emplace();
  for (auto& object : listing.objects) {
    std::string version = object.record.version_text();
    if (object.record.delete_marker) {
      out.delete_markers->push_back({.owner = owner_of(logic_),
                                     .key = names(ByteView(object.key)),
                                     .version_id = std::move(version),
                                     .is_latest = object.latest,
                                     .last_modified = whole_seconds(object.record.modified)});
      continue;
    }
    auto entry = entry_of<wire::ObjectVersion>(names, object);
    entry.version_id = std::move(version);
    entry.is_latest = object.latest;
    entry.owner = owner_of(logic_);
    out.versions->push_back(std::move(entry));
  }
  count_list(logic_, call, in.bucket);
  co_return out;
}

}  // namespace suiro::s3
