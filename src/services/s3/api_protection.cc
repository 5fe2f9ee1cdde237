// SPDX-License-Identifier: Apache-2.0
// Public access block, object ownership and default encryption of buckets.
//
// Nothing in a bucket is public and no object has an owner but the account, whatever the first two
// say: they are kept and come back as they were put. Encryption is the store's
// (docs/decisions/070-s3-encryption-honesty.md): a put can only say what is so already.
#include "services/s3/api_common.h"
#include "shapes/json.h"

namespace suiro::s3 {
namespace {

constexpr std::string_view kEnforced = "BucketOwnerEnforced";

Failure no_ownership(const Bucket& bucket) {
  return not_there("OwnershipControlsNotFoundError", "The bucket ownership controls were not found",
                   bucket.name);
}

Failure no_public_access(const Bucket& bucket) {
  return not_there("NoSuchPublicAccessBlockConfiguration",
                   "The public access block configuration was not found", bucket.name);
}

// Errors: MalformedXML, NotImplemented for another owner than the bucket's.
Result<void> check_ownership(const wire::OwnershipControls& controls) {
  if (controls.rules.size() != 1) return malformed_xml();
  const std::string& asked = controls.rules.front().object_ownership;
  if (asked == kEnforced) return ok();
  if (asked != "BucketOwnerPreferred" && asked != "ObjectWriter") return malformed_xml();
  return refuse::unsupported("object ownership other than BucketOwnerEnforced");
}

// Errors: MalformedXML, NotImplemented for what the store does not do.
Result<void> check_encryption(const Logic& logic,
                              const wire::ServerSideEncryptionConfiguration& document) {
  if (document.rules.size() != 1) return malformed_xml();
  const auto& rule = document.rules.front();
  if (!rule.apply_server_side_encryption_by_default) return malformed_xml();
  if (rule.bucket_key_enabled.value_or(false)) return refuse::unsupported("S3 bucket keys");
  if (rule.blocked_encryption_types) return refuse::unsupported("blocked encryption types");
  const auto& by_default = *rule.apply_server_side_encryption_by_default;
  if (by_default.kms_master_key_id) return refuse::unsupported("SSE-KMS");
  return refuse::encryption(logic, by_default.sse_algorithm);
}

}  // namespace

void Api::add_protection_operations(shapes::Registry& registry) {
  namespace op = wire::op;
  add<op::GetBucketEncryption>(registry, &Api::get_encryption);
  add<op::PutBucketEncryption>(registry, &Api::put_encryption);
  add<op::DeleteBucketEncryption>(registry, &Api::delete_encryption);
  add<op::GetBucketOwnershipControls>(registry, &Api::get_ownership);
  add<op::PutBucketOwnershipControls>(registry, &Api::put_ownership);
  add<op::DeleteBucketOwnershipControls>(registry, &Api::delete_ownership);
  add<op::GetPublicAccessBlock>(registry, &Api::get_public_access);
  add<op::PutPublicAccessBlock>(registry, &Api::put_public_access);
  add<op::DeletePublicAccessBlock>(registry, &Api::delete_public_access);
}

Api::Reply<wire::op::GetBucketEncryption> Api::get_encryption(shapes::Call& call,
                                                              wire::GetBucketEncryptionRequest in) {
  CO_TRY(auto bucket, co_await existing(call, std::move(in)));
  if (!logic_.config().encrypted_at_rest) {
    co_return not_there("ServerSideEncryptionConfigurationNotFoundError",
                        "The server side encryption configuration was not found", bucket->name);
  }
  wire::ServerSideEncryptionRule rule;
  rule.apply_server_side_encryption_by_default =
      wire::ServerSideEncryptionByDefault{.sse_algorithm = "AES256"};
  rule.bucket_key_enabled = false;
  wire::GetBucketEncryptionOutput out;
  out.server_side_encryption_configuration.emplace().rules.push_back(std::move(rule));
  co_return out;
}

Api::Reply<wire::op::PutBucketEncryption> Api::put_encryption(shapes::Call& call,
                                                              wire::PutBucketEncryptionRequest in) {
  const auto document = in.server_side_encryption_configuration;
  CO_TRY_VOID(co_await existing(call, std::move(in)));
  CO_TRY_VOID(check_encryption(logic_, document));
  co_return wire::op::PutBucketEncryption::Output{};
}

Api::Reply<wire::op::DeleteBucketEncryption> Api::delete_encryption(
    shapes::Call& call, wire::DeleteBucketEncryptionRequest in) {
  CO_TRY_VOID(co_await existing(call, std::move(in)));
  co_return wire::op::DeleteBucketEncryption::Output{};
}

Api::Reply<wire::op::GetBucketOwnershipControls> Api::get_ownership(
    shapes::Call& call, wire::GetBucketOwnershipControlsRequest in) {
  CO_TRY(auto bucket, co_await existing(call, std::move(in)));
  wire::GetBucketOwnershipControlsOutput out;
  if (const std::string* text = bucket->record.document(documents::kOwnership)) {
    CO_TRY(out.ownership_controls, read_document<wire::OwnershipControls>(*text));
    if (out.ownership_controls->rules.empty()) co_return no_ownership(*bucket);
  } else {
    out.ownership_controls.emplace().rules.push_back({std::string(kEnforced)});
  }
  co_return out;
}

Api::Reply<wire::op::PutBucketOwnershipControls> Api::put_ownership(
    shapes::Call& call, wire::PutBucketOwnershipControlsRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY_VOID(check_ownership(in.ownership_controls));
  CO_TRY_VOID(co_await logic_.put_document(requester_of(call), in.bucket,
                                           "s3:PutBucketOwnershipControls",
                                           std::string(documents::kOwnership), std::nullopt));
  co_return wire::op::PutBucketOwnershipControls::Output{};
}

Api::Reply<wire::op::DeleteBucketOwnershipControls> Api::delete_ownership(
    shapes::Call& call, wire::DeleteBucketOwnershipControlsRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY_VOID(co_await logic_.put_document(
      requester_of(call), in.bucket, "s3:DeleteBucketOwnershipControls",
      std::string(documents::kOwnership), shapes::to_json(wire::OwnershipControls{})));
  co_return wire::op::DeleteBucketOwnershipControls::Output{};
}

Api::Reply<wire::op::GetPublicAccessBlock> Api::get_public_access(
    shapes::Call& call, wire::GetPublicAccessBlockRequest in) {
  CO_TRY(auto bucket, co_await existing(call, std::move(in)));
  wire::PublicAccessBlockConfiguration block{true, true, true, true};
  if (const std::string* text = bucket->record.document(documents::kPublicAccess)) {
    CO_TRY(block, read_document<wire::PublicAccessBlockConfiguration>(*text));
    if (!block.block_public_acls) co_return no_public_access(*bucket);
  }
  co_return wire::GetPublicAccessBlockOutput{.public_access_block_configuration = block};
}

Api::Reply<wire::op::PutPublicAccessBlock> Api::put_public_access(
    shapes::Call& call, wire::PutPublicAccessBlockRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  auto& block = in.public_access_block_configuration;
  for (auto* setting : {&block.block_public_acls, &block.ignore_public_acls,
                        &block.block_public_policy, &block.restrict_public_buckets}) {
    *setting = setting->value_or(false);
  }
  CO_TRY_VOID(co_await logic_.put_document(requester_of(call), in.bucket, "s3:PutPublicAccessBlock",
                                           std::string(documents::kPublicAccess),
                                           shapes::to_json(block)));
  co_return wire::op::PutPublicAccessBlock::Output{};
}

Api::Reply<wire::op::DeletePublicAccessBlock> Api::delete_public_access(
    shapes::Call& call, wire::DeletePublicAccessBlockRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY_VOID(
      co_await logic_.put_document(requester_of(call), in.bucket, "s3:DeletePublicAccessBlock",
                                   std::string(documents::kPublicAccess),
                                   shapes::to_json(wire::PublicAccessBlockConfiguration{})));
  co_return wire::op::DeletePublicAccessBlock::Output{};
}

}  // namespace suiro::s3
