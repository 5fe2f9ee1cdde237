// SPDX-License-Identifier: Apache-2.0
// Buckets, and the sub-resources that are as an untouched bucket's.
#include <fmt/format.h>

#include "services/s3/api_common.h"
#include "shapes/json.h"

namespace suiro::s3 {
namespace {

constexpr int32_t kListedBucketsMax = 10'000;

wire::Grant full_control(const Logic& logic) {
  auto owner = owner_of(logic);
  return {.grantee = wire::Grantee{.id = owner.id, .type = "CanonicalUser"},
          .permission = "FULL_CONTROL"};
}

Result<void> refuse_bucket_members(const wire::CreateBucketRequest& in) {
  const bool acl = in.acl && *in.acl != "private";
  if (acl || in.grant_full_control || in.grant_read || in.grant_read_acp || in.grant_write ||
      in.grant_write_acp) {
    return fail("InvalidBucketAclWithObjectOwnership",
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting");
  }
  if (in.object_lock_enabled_for_bucket.value_or(false)) return refuse::unsupported("object lock");
  if (in.object_ownership && *in.object_ownership != "BucketOwnerEnforced") {
    return refuse::unsupported("object ownership other than BucketOwnerEnforced");
  }
  if (in.bucket_namespace && *in.bucket_namespace != "global") {
    return refuse::unsupported("bucket namespaces other than global");
  }
  if (in.create_bucket_configuration &&
      (in.create_bucket_configuration->location || in.create_bucket_configuration->bucket)) {
    return refuse::unsupported("directory buckets");
  }
  return ok();
}

}  // namespace

void Api::add_operations(shapes::Registry& registry) {
  add_bucket_operations(registry);
  add_configuration_operations(registry);
  add_protection_operations(registry);
  add_policy_operations(registry);
  add_object_operations(registry);
  add_list_operations(registry);
  add_multipart_operations(registry);
}

void Api::add_bucket_operations(shapes::Registry& registry) {
  namespace op = wire::op;
  add<op::CreateBucket>(registry, &Api::create_bucket);
  add<op::HeadBucket>(registry, &Api::head_bucket);
  add<op::ListBuckets>(registry, &Api::list_buckets);
  add<op::DeleteBucket>(registry, &Api::delete_bucket);
  add<op::GetBucketLocation>(registry, &Api::get_location);
  add<op::GetBucketVersioning>(registry, &Api::get_versioning);
  add<op::PutBucketVersioning>(registry, &Api::put_versioning);
  add<op::GetBucketAcl>(registry, &Api::get_acl);
  add<op::GetBucketWebsite>(registry, &Api::get_website);
  add<op::GetBucketLogging>(registry, &Api::get_logging);
  add<op::GetBucketRequestPayment>(registry, &Api::get_request_payment);
  add<op::GetBucketAccelerateConfiguration>(registry, &Api::get_accelerate);
  add<op::GetBucketReplication>(registry, &Api::get_replication);
  add<op::GetObjectLockConfiguration>(registry, &Api::get_object_lock);
}

Api::Reply<wire::op::CreateBucket> Api::create_bucket(shapes::Call& call,
                                                      wire::CreateBucketRequest in) {
  CO_TRY_VOID(refuse_bucket_members(in));
  std::optional<std::string> constraint;
  Tags tags;
  if (in.create_bucket_configuration) {
    constraint = in.create_bucket_configuration->location_constraint;
    if (in.create_bucket_configuration->tags) {
      tags = tags_of({*in.create_bucket_configuration->tags});
    }
  }
  CO_TRY_VOID(check_bucket_name(in.bucket));
  CO_TRY_VOID(check_location(logic_.region(), constraint));
  CO_TRY_VOID(check_tags(tags, kBucketTagsMax));
  Pairs documents;
  if (!tags.empty()) {
    documents.emplace_back(documents::kTagging, shapes::to_json(wire::Tagging{wire_tags(tags)}));
  }
  CO_TRY_VOID(co_await logic_.create_bucket(requester_of(call), in.bucket, std::move(documents)));
  co_return wire::CreateBucketOutput{.location = "/" + in.bucket};
}

Api::Reply<wire::op::HeadBucket> Api::head_bucket(shapes::Call& call, wire::HeadBucketRequest in) {
  CO_TRY(auto bucket, co_await existing(call, std::move(in)));
  co_return wire::HeadBucketOutput{.bucket_region = bucket->record.region};
}

Api::Reply<wire::op::ListBuckets> Api::list_buckets(shapes::Call&, wire::ListBucketsRequest in) {
  const int32_t rows = in.max_buckets.value_or(kListedBucketsMax);
  if (rows < 1 || rows > kListedBucketsMax) {
    co_return invalid_argument("Argument max-buckets must be an integer between 1 and 10000",
                               "max-buckets", fmt::to_string(rows));
  }
  wire::ListBucketsOutput out{.owner = owner_of(logic_), .prefix = in.prefix};
  out.buckets.emplace();
  if (in.bucket_region && *in.bucket_region != logic_.region()) co_return out;
  std::string after;
  if (in.continuation_token) {
    auto decoded = base64_decode(*in.continuation_token);
    if (!decoded) {
      co_return invalid_argument("The continuation token provided is incorrect",
                                 "continuation-token", *in.continuation_token);
    }
    after = *std::move(decoded);
  }
  CO_TRY(auto page,
         co_await logic_.list_buckets(in.prefix.value_or(""), after, static_cast<size_t>(rows)));
  for (auto& bucket : page.buckets) {
    out.buckets->push_back({.name = bucket.name,
                            .creation_date = whole_seconds(bucket.record.created),
                            .bucket_region = bucket.record.region});
  }
  if (page.more) out.continuation_token = base64_encode(page.buckets.back().name);
  co_return out;
}

Api::Reply<wire::op::DeleteBucket> Api::delete_bucket(shapes::Call& call,
                                                      wire::DeleteBucketRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  CO_TRY_VOID(co_await logic_.delete_bucket(requester_of(call), in.bucket));
  co_return wire::op::DeleteBucket::Output{};
}

Api::Reply<wire::op::GetBucketLocation> Api::get_location(shapes::Call& call,
                                                          wire::GetBucketLocationRequest in) {
  CO_TRY(auto bucket, co_await existing(call, std::move(in)));
  wire::GetBucketLocationOutput out;
  // us-east-1 is said by saying nothing.
  if (bucket->record.region != "us-east-1") out.location_constraint = bucket->record.region;
  co_return out;
}

Api::Reply<wire::op::GetBucketVersioning> Api::get_versioning(shapes::Call& call,
                                                              wire::GetBucketVersioningRequest in) {
  CO_TRY(auto bucket, co_await existing(call, std::move(in)));
  wire::GetBucketVersioningOutput out;
  if (bucket->record.versioning == Versioning::kEnabled) out.status = "Enabled";
  if (bucket->record.versioning == Versioning::kSuspended) out.status = "Suspended";
  co_return out;
}

Api::Reply<wire::op::PutBucketVersioning> Api::put_versioning(shapes::Call& call,
                                                              wire::PutBucketVersioningRequest in) {
  CO_TRY_VOID(refuse_unsupported(logic_, in));
  auto& wanted = in.versioning_configuration;
  if (wanted.mfa_delete && *wanted.mfa_delete != "Disabled") {
    co_return refuse::unsupported("MFA delete");
  }
  if (!wanted.status) {
    co_return fail("IllegalVersioningConfigurationException",
                   "The Versioning element must be specified");
  }
  if (*wanted.status != "Enabled" && *wanted.status != "Suspended") co_return malformed_xml();
  const auto state = *wanted.status == "Enabled" ? Versioning::kEnabled : Versioning::kSuspended;
  auto edit = [state](BucketRecord& record, store::Batch&) -> Result<void> {
    record.versioning = state;
    return ok();
  };
  CO_TRY_VOID(
      co_await logic_.edit_bucket(requester_of(call), in.bucket, "s3:PutBucketVersioning", edit));
  co_return wire::op::PutBucketVersioning::Output{};
}

Api::Reply<wire::op::GetBucketAcl> Api::get_acl(shapes::Call& call, wire::GetBucketAclRequest in) {
  CO_TRY_VOID(co_await existing(call, std::move(in)));
  wire::GetBucketAclOutput out{.owner = owner_of(logic_)};
  out.grants.emplace().push_back(full_control(logic_));
  co_return out;
}

Api::Reply<wire::op::GetBucketWebsite> Api::get_website(shapes::Call& call,
                                                        wire::GetBucketWebsiteRequest in) {
  CO_TRY(auto bucket, co_await existing(call, std::move(in)));
  co_return not_there("NoSuchWebsiteConfiguration",
                      "The specified bucket does not have a website configuration", bucket->name);
}

Api::Reply<wire::op::GetBucketLogging> Api::get_logging(shapes::Call& call,
                                                        wire::GetBucketLoggingRequest in) {
  CO_TRY_VOID(co_await existing(call, std::move(in)));
  co_return wire::GetBucketLoggingOutput{};
}

Api::Reply<wire::op::GetBucketRequestPayment> Api::get_request_payment(
    shapes::Call& call, wire::GetBucketRequestPaymentRequest in) {
  CO_TRY_VOID(co_await existing(call, std::move(in)));
  co_return wire::GetBucketRequestPaymentOutput{.payer = "BucketOwner"};
}

Api::Reply<wire::op::GetBucketAccelerateConfiguration> Api::get_accelerate(
    shapes::Call& call, wire::GetBucketAccelerateConfigurationRequest in) {
  CO_TRY_VOID(co_await existing(call, std::move(in)));
  co_return wire::GetBucketAccelerateConfigurationOutput{};
}

Api::Reply<wire::op::GetBucketReplication> Api::get_replication(
    shapes::Call& call, wire::GetBucketReplicationRequest in) {
  CO_TRY(auto bucket, co_await existing(call, std::move(in)));
  co_return not_there("ReplicationConfigurationNotFoundError",
                      "The replication configuration was not found", bucket->name);
}

Api::Reply<wire::op::GetObjectLockConfiguration> Api::get_object_lock(
    shapes::Call& call, wire::GetObjectLockConfigurationRequest in) {
  CO_TRY(auto bucket, co_await existing(call, std::move(in)));
  co_return not_there("ObjectLockConfigurationNotFoundError",
                      "Object Lock configuration does not exist for this bucket", bucket->name);
}

}  // namespace suiro::s3
