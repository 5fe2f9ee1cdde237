// SPDX-License-Identifier: Apache-2.0
#include "services/s3/api_common.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "services/s3/copy_source.h"

namespace suiro::s3 {

Requester requester_of(const shapes::Call& call) {
  return {.request_id = call.request_id,
          .trace = call.trace,
          .caused_by = call.caused_by,
          .principal = call.principal.access_key_id.empty() ? call.principal.arn
                                                            : call.principal.access_key_id,
          .source_ip = call.source_ip,
          .start = call.now};
}

// AWS names an owner by a canonical id of 64 hexadecimal digits; the account stands in it.
wire::Owner owner_of(const Logic& logic) {
  return {.display_name = {}, .id = fmt::format("{:0>64}", logic.account())};
}

std::string quoted(std::string_view etag) {
  std::string out;
  out.reserve(etag.size() + 2);
  return out.append("\"").append(etag).append("\"");
}

Result<VersionChoice> version_of(const std::optional<std::string>& text) {
  if (!text) return VersionChoice();
  if (*text == "null") return VersionChoice{VersionChoice::Kind::kNull, {}};
  auto id = VersionId::parse(*text);
  if (!id) return invalid_argument("Invalid version id specified", "versionId", *text);
  return VersionChoice{VersionChoice::Kind::kId, *id};
}

Result<Tags> tags_of_header(std::string_view text) {
  auto refused = [&] {
    return invalid_argument(
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
        "without tag name duplicates.",
        "x-amz-tagging", std::string(text));
  };
  Tags out;
  for (std::string_view rest = text; !rest.empty();) {
    size_t end = rest.find('&');
    std::string_view pair = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
    if (pair.empty()) continue;
    size_t equals = pair.find('=');
    std::string_view value = equals == pair.npos ? std::string_view() : pair.substr(equals + 1);
    auto name = percent_decode(pair.substr(0, equals), Plus::kSpace);
    auto decoded = percent_decode(value, Plus::kSpace);
    if (!name || !decoded || !is_valid_utf8(*name) || !is_valid_utf8(*decoded)) return refused();
    for (auto& [seen, ignored] : out) {
      if (seen == *name) return refused();
    }
    out.emplace_back(*std::move(name), *std::move(decoded));
  }
  return out;
}

Tags tags_of(const wire::Tagging& tagging) {
  Tags out;
  for (auto& tag : tagging.tag_set) out.emplace_back(tag.key, tag.value);
  return out;
}

std::vector<wire::Tag> wire_tags(const Tags& tags) {
  std::vector<wire::Tag> out;
  for (auto& [key, value] : tags) out.push_back({key, value});
  return out;
}

Result<CopySource> copy_source_of(std::string_view text) {
  auto refused = [&] {
    return invalid_argument(
        "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
        "x-amz-copy-source", std::string(text));
  };
  if (text.starts_with("arn:")) return refuse::unsupported("a copy source named by an ARN");
  auto parsed = parse_copy_source(text);
  if (!parsed) return refused();
  CopySource out{std::move(parsed->bucket), std::move(parsed->key), {}};
  TRY(out.version, version_of(parsed->version));
  return out;
}

Failure not_there(std::string code, std::string message, const std::string& bucket) {
  return Failure(
      Error{std::move(code), std::move(message), Retry::kNever, {{"BucketName", bucket}}});
}

namespace refuse {

Failure acl() {
  return Failure(Error{"AccessControlListNotSupported", "The bucket does not allow ACLs"});
}

Failure unsupported(std::string what) {
  return Failure(
      Error{std::string(codes::kNotImplemented), fmt::format("Suiro does not support {}.", what)});
}

Result<void> encryption(const Logic& logic, const std::string& algorithm) {
  if (algorithm != "AES256") return unsupported("SSE-KMS");
  if (logic.config().encrypted_at_rest) return ok();
  return fail(codes::kNotImplemented,
              "Encryption at rest is off: this store was made without the setting `encryption`, so "
              "AES256 cannot be promised. Leave x-amz-server-side-encryption away, or make a store "
              "with encryption.");
}

Result<void> storage_class(const std::string& name) {
  if (name == "STANDARD") return ok();
  constexpr std::array<std::string_view, 11> kOthers = {"REDUCED_REDUNDANCY",
                                                        "STANDARD_IA",
                                                        "ONEZONE_IA",
                                                        "INTELLIGENT_TIERING",
                                                        "GLACIER",
                                                        "DEEP_ARCHIVE",
                                                        "OUTPOSTS",
                                                        "GLACIER_IR",
                                                        "SNOW",
                                                        "EXPRESS_ONEZONE",
                                                        "FSX_OPENZFS"};
  if (std::find(kOthers.begin(), kOthers.end(), name) != kOthers.end()) {
    return unsupported("storage class " + name + "; there is one: STANDARD");
  }
  return fail("InvalidStorageClass", "The storage class you specified is not valid");
}

Failure other_owner() {
  return Failure(Error{"AccessDenied", "Access Denied"});
}

}  // namespace refuse

Result<std::optional<ChecksumKind>> kind_of(const std::optional<std::string>& name) {
  if (!name) return std::optional<ChecksumKind>();
  auto kind = checksum_kind(*name);
  if (kind) return kind;
  return fail("InvalidRequest",
              "Checksum algorithm provided is unsupported. Please try again with any of the valid "
              "types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
}

Result<Bytes> raw_checksum(ChecksumKind kind, const std::string& text) {
  auto raw = base64_decode(text);
  if (raw && raw->size() == checksum_size(kind)) return *std::move(raw);
  return fail("InvalidRequest", fmt::format("Value for x-amz-checksum-{} header is invalid.",
                                            to_lower(checksum_name(kind))));
}

Result<std::optional<Bytes>> raw_md5(const std::optional<std::string>& text) {
  if (!text) return std::optional<Bytes>();
  auto raw = base64_decode(*text);
  if (raw && raw->size() == digest_size(DigestKind::kMd5)) return std::optional(*std::move(raw));
  return fail("InvalidDigest", "The Content-MD5 you specified was invalid.");
}

Result<void> check_metadata(const Metadata& metadata) {
  size_t size = 0;
  for (auto& [name, value] : metadata.user) size += name.size() + value.size();
  if (size > kMetadataBytesMax) {
    return Failure(Error{
        "MetadataTooLarge",
        "Your metadata headers exceed the maximum allowed metadata size",
        Retry::kNever,
        {{"Size", fmt::to_string(size)}, {"MaxSizeAllowed", fmt::to_string(kMetadataBytesMax)}}});
  }
  const std::string* redirect = metadata.find(SystemHeader::kWebsiteRedirect);
  if (redirect == nullptr || redirect->starts_with('/') || redirect->starts_with("http://") ||
      redirect->starts_with("https://")) {
    return ok();
  }
  return fail(
      "InvalidRedirectLocation",
      "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.");
}

}  // namespace suiro::s3
