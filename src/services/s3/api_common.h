// SPDX-License-Identifier: Apache-2.0
// What the operations of S3 have in common: who asks, members that Suiro refuses, checksums,
// versions, metadata and tags in their wire forms.
//
// Thread: pure functions.
#pragma once

#include "services/s3/api.h"

namespace suiro::s3 {

Requester requester_of(const shapes::Call& call);
wire::Owner owner_of(const Logic& logic);
std::string quoted(std::string_view etag);
inline TimePoint whole_seconds(TimePoint time) {
  return std::chrono::floor<std::chrono::seconds>(time);
}

// Errors: InvalidArgument for a text that is no version id.
Result<VersionChoice> version_of(const std::optional<std::string>& text);
// "k=v&k2=v2" of x-amz-tagging. Errors: InvalidArgument.
Result<Tags> tags_of_header(std::string_view text);
Tags tags_of(const wire::Tagging& tagging);
std::vector<wire::Tag> wire_tags(const Tags& tags);

struct CopySource {
  std::string bucket;
  Bytes key;
  VersionChoice version;
};
// "/bucket/key?versionId=..." percent-encoded, as in x-amz-copy-source. Errors: InvalidArgument.
Result<CopySource> copy_source_of(std::string_view text);

// A sub-resource that the bucket does not have: AWS's code and text for it.
Failure not_there(std::string code, std::string message, const std::string& bucket);

// Refusals, each with AWS's error where AWS has one for it.
namespace refuse {
Failure acl();
Failure unsupported(std::string what);
Result<void> encryption(const Logic& logic, const std::string& algorithm);
Result<void> storage_class(const std::string& name);
Failure other_owner();
}  // namespace refuse

// Refuses every member of a request that asks for something that Suiro does not do.
template <class Input>
Result<void> refuse_unsupported(const Logic& logic, const Input& in) {
  if constexpr (requires { in.expected_bucket_owner; }) {
    if (in.expected_bucket_owner && *in.expected_bucket_owner != logic.account()) {
      return refuse::other_owner();
    }
  }
  if constexpr (requires { in.expected_source_bucket_owner; }) {
    if (in.expected_source_bucket_owner && *in.expected_source_bucket_owner != logic.account()) {
      return refuse::other_owner();
    }
  }
  if constexpr (requires { in.acl; }) {
    if (in.acl && *in.acl != "private" && *in.acl != "bucket-owner-full-control")
      return refuse::acl();
  }
  if constexpr (requires { in.grant_read; }) {
    if (in.grant_full_control || in.grant_read || in.grant_read_acp || in.grant_write_acp) {
      return refuse::acl();
    }
  }
  if constexpr (requires { in.server_side_encryption; }) {
    if (in.server_side_encryption) TRY_VOID(refuse::encryption(logic, *in.server_side_encryption));
  }
  if constexpr (requires { in.ssekms_key_id; }) {
    if (in.ssekms_key_id || in.bucket_key_enabled.value_or(false)) {
      return refuse::unsupported("SSE-KMS");
    }
  }
  if constexpr (requires { in.sse_customer_algorithm; }) {
    if (in.sse_customer_algorithm || in.sse_customer_key || in.sse_customer_key_md5) {
      return refuse::unsupported("SSE-C");
    }
  }
  if constexpr (requires { in.copy_source_sse_customer_algorithm; }) {
    if (in.copy_source_sse_customer_algorithm || in.copy_source_sse_customer_key ||
        in.copy_source_sse_customer_key_md5) {
      return refuse::unsupported("SSE-C");
    }
  }
  if constexpr (requires { in.storage_class; }) {
    if (in.storage_class) TRY_VOID(refuse::storage_class(*in.storage_class));
  }
  if constexpr (requires { in.object_lock_mode; }) {
    if (in.object_lock_mode || in.object_lock_retain_until_date ||
        in.object_lock_legal_hold_status) {
      return fail("InvalidRequest", "Bucket is missing Object Lock Configuration");
    }
  }
  if constexpr (requires { in.mfa; }) {
    if (in.mfa) return refuse::unsupported("MFA delete");
  }
  if constexpr (requires { in.write_offset_bytes; }) {
    if (in.write_offset_bytes) return refuse::unsupported("appending to objects");
  }
  if constexpr (requires { in.checksum_xxhash64; }) {
    if (in.checksum_sha512 || in.checksum_md5 || in.checksum_xxhash64 || in.checksum_xxhash3 ||
        in.checksum_xxhash128) {
      return refuse::unsupported("checksums other than CRC32, CRC32C, CRC64NVME, SHA1 and SHA256");
    }
  }
  return ok();
}

template <class Input>
Task<Result<BucketPtr>> Api::existing(shapes::Call&, Input input) {
  CO_TRY_VOID(refuse_unsupported(logic_, input));
  co_return co_await logic_.bucket(input.bucket, Freshness::kCached);
}

// "CRC32" and its like. Errors: InvalidRequest for another name.
Result<std::optional<ChecksumKind>> kind_of(const std::optional<std::string>& name);
// Errors: InvalidRequest for a text that is not the base64 of such a checksum.
Result<Bytes> raw_checksum(ChecksumKind kind, const std::string& text);
// Content-MD5. Errors: InvalidDigest.
Result<std::optional<Bytes>> raw_md5(const std::optional<std::string>& text);

// Calls visit(kind, member) for each checksum member of a shape.
template <class Shape, class Visit>
void each_checksum(Shape& shape, Visit visit) {
  visit(ChecksumKind::kCrc32, shape.checksum_crc32);
  visit(ChecksumKind::kCrc32c, shape.checksum_crc32c);
  visit(ChecksumKind::kCrc64Nvme, shape.checksum_crc64nvme);
  visit(ChecksumKind::kSha1, shape.checksum_sha1);
  visit(ChecksumKind::kSha256, shape.checksum_sha256);
}

// The checksums that a request gives, as text.
template <class Input>
std::vector<std::pair<ChecksumKind, std::string>> given_checksums(const Input& in) {
  std::vector<std::pair<ChecksumKind, std::string>> out;
  each_checksum(in, [&](ChecksumKind kind, auto& member) {
    if (member) out.emplace_back(kind, *member);
  });
  return out;
}

// Writes a stored checksum into its member and, where there is one, checksum_type.
template <class Output>
void set_checksum(Output& out, const std::optional<StoredChecksum>& checksum,
                  uint32_t parts_count) {
  if (!checksum) return;
  each_checksum(out, [&](ChecksumKind kind, auto& member) {
    if (kind == checksum->kind) member = checksum_text(*checksum, parts_count);
  });
  if constexpr (requires { out.checksum_type; }) {
    out.checksum_type = checksum->scope == ChecksumScope::kComposite ? "COMPOSITE" : "FULL_OBJECT";
  }
}

// Whether the store's encryption is said: docs/decisions/070-s3-encryption-honesty.md.
template <class Output>
void set_encryption(const Logic& logic, Output& out) {
  if (logic.config().encrypted_at_rest) out.server_side_encryption = "AES256";
}

// What a body must be. Errors: InvalidRequest, InvalidDigest.
template <class Input>
Result<Expectation> expectation_of(const shapes::Call& call, const Input& in) {
  Expectation out;
  TRY(out.md5, raw_md5(in.content_md5));
  TRY(out.kind, kind_of(in.checksum_algorithm));
  for (auto& [kind, text] : given_checksums(in)) {
    if (!out.checksums.empty()) {
      return fail("InvalidRequest",
                  "Expecting a single x-amz-checksum- header. Multiple checksum Types are not "
                  "allowed.");
    }
    TRY(Bytes raw, raw_checksum(kind, text));
    if (out.kind && *out.kind != kind) {
      return fail("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.");
    }
    out.kind = kind;
    out.checksums.emplace_back(kind, std::move(raw));
  }
  out.facts = call.body_facts;
  if (out.facts && out.facts->trailer_kind) out.kind = out.facts->trailer_kind;
  return out;
}

// The metadata of a write. Errors: MetadataTooLarge, InvalidRedirectLocation.
Result<void> check_metadata(const Metadata& metadata);
template <class Input>
Result<Metadata> metadata_of(const Input& in) {
  Metadata out;
  auto take = [&](SystemHeader header, const std::optional<std::string>& value) {
    if (value) out.system.emplace_back(header, *value);
  };
  take(SystemHeader::kContentType, in.content_type);
  take(SystemHeader::kCacheControl, in.cache_control);
  take(SystemHeader::kContentDisposition, in.content_disposition);
  take(SystemHeader::kContentEncoding, in.content_encoding);
  take(SystemHeader::kContentLanguage, in.content_language);
  take(SystemHeader::kExpires, in.expires);
  take(SystemHeader::kWebsiteRedirect, in.website_redirect_location);
  if (in.metadata) {
    for (auto& [name, value] : *in.metadata) out.user.emplace_back(to_lower(name), value);
  }
  TRY_VOID(check_metadata(out));
  return out;
}

}  // namespace suiro::s3
