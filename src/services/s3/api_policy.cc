// SPDX-License-Identifier: Apache-2.0
// Policies of buckets: what PutBucketPolicy takes, and what it gives back. They are asked before an
// operation is called (docs/decisions/246-policies-of-buckets-and-repositories.md).
#include "services/s3/api_common.h"
#include "services/s3/policy_rules.h"

namespace suiro::s3 {
namespace {

Result<std::string> policy_of(const Bucket& bucket) {
  if (const std::string* text = bucket.record.document(documents::kPolicy)) return *text;
  return not_there("NoSuchBucketPolicy", "The bucket policy does not exist", bucket.name);
}

// BlockPublicPolicy of the bucket's public access block; a bucket is made with it.
Result<bool> blocks_public(const BucketRecord& record) {
  const std::string* text = record.document(documents::kPublicAccess);
  if (text == nullptr) return true;
  TRY(auto block, read_document<wire::PublicAccessBlockConfiguration>(*text));
  return block.block_public_policy.value_or(false);
}

Failure blocked(const shapes::Call& call, const std::string& bucket) {
  return Failure(
      Error{"AccessDenied",
            fmt::format("User: {} is not authorized to perform: s3:PutBucketPolicy on resource: "
                        "\"arn:aws:s3:::{}\" because public policies are blocked by the "
                        "BlockPublicPolicy block public access setting.",
                        call.principal.arn, bucket)});
}

}  // namespace

void Api::add_policy_operations(shapes::Registry& registry) {
  namespace op = wire::op;
  add<op::GetBucketPolicy>(registry, &Api::get_policy);
  add<op::GetBucketPolicyStatus>(registry, &Api::get_policy_status);
  add<op::PutBucketPolicy>(registry, &Api::put_policy);
  add<op::DeleteBucketPolicy>(registry, &Api::delete_policy);
}

Api::Reply<wire::op::GetBucketPolicy> Api::get_policy(shapes::Call& call,
                                                      wire::GetBucketPolicyRequest in) {
  CO_TRY(auto bucket, co_await existing(call, std::move(in)));
  CO_TRY(std::string text, policy_of(*bucket));
  co_return wire::GetBucketPolicyOutput{.policy = std::move(text)};
}

Api::Reply<wire::op::GetBucketPolicyStatus> Api::get_policy_status(
    shapes::Call& call, wire::GetBucketPolicyStatusRequest in) {
  CO_TRY(auto bucket, co_await existing(call, std::move(in)));
  CO_TRY(const std::string text, policy_of(*bucket));
  CO_TRY(const Publicity publicity, check_policy(text, bucket->name));
  wire::GetBucketPolicyStatusOutput out;
  out.policy_status.emplace().is_public = publicity == Publicity::kPublic;
  co_return out;
}

Api::Reply<wire::op::PutBucketPolicy> Api::put_policy(shapes::Call& call,
                                                      wire::PutBucketPolicyRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY_VOID(co_await logic_.bucket(in.bucket, Freshness::kCached));
  CO_TRY(const Publicity publicity, check_policy(in.policy, in.bucket));
  auto edit = [&](BucketRecord& record, store::Batch&) -> Result<void> {
    TRY(const bool blocks, blocks_public(record));
    if (blocks && publicity == Publicity::kPublic) return blocked(call, in.bucket);
    record.set_document(documents::kPolicy, in.policy);
    return ok();
  };
  CO_TRY_VOID(
      co_await logic_.edit_bucket(requester_of(call), in.bucket, "s3:PutBucketPolicy", edit));
  call.status = 204;
  co_return wire::op::PutBucketPolicy::Output{};
}

Api::Reply<wire::op::DeleteBucketPolicy> Api::delete_policy(shapes::Call& call,
                                                            wire::DeleteBucketPolicyRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY_VOID(co_await logic_.put_document(requester_of(call), in.bucket, "s3:DeleteBucketPolicy",
                                           std::string(documents::kPolicy), std::nullopt));
  co_return wire::op::DeleteBucketPolicy::Output{};
}

}  // namespace suiro::s3
