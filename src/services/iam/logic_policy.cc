// SPDX-License-Identifier: Apache-2.0
// Managed policies and their versions.
#include <algorithm>

#include "services/iam/logic.h"

namespace suiro::iam {
namespace {

Result<ManagedPolicy> own_policy(const Directory& now, const std::string& arn) {
  TRY(const ManagedPolicy* found, need_policy(now, arn));
  if (found->by_aws) {
    return fail("AccessDenied",
                fmt::format("Policy {} is AWS managed and cannot be changed.", arn));
  }
  return *found;
}

Result<void> check_managed(const std::string& document) {
  if (policy_chars(document) > kManagedPolicyCharsMax) {
    return quota("PolicySize", kManagedPolicyCharsMax);
  }
  return check_document(document, policy::Form::kIdentity);
}

}  // namespace

Result<void> create_policy(Draft& draft, NewPolicy in) {
  TRY_VOID(check_name(in.name, "policyName", 128));
  ManagedPolicy policy;
  TRY(policy.path, checked_path(in.path));
  if (draft.now().policies.contains(to_lower(in.name))) {
    return fail(kAlreadyExists,
                fmt::format("A policy called {} already exists. Duplicate names are not allowed.",
                            in.name));
  }
  if (draft.now().policies.size() >= kPoliciesMax) return quota("PoliciesPerAccount", kPoliciesMax);
  TRY_VOID(check_managed(in.document));
  TRY_VOID(apply_tags(policy.tags, std::move(in.tags), {}));
  policy.name = std::move(in.name);
  policy.id = draft.new_id("ANPA");
  policy.description = std::move(in.description);
  policy.created = policy.updated = draft.time();
  policy.versions.push_back({1, std::move(in.document), draft.time()});
  draft.put(std::move(policy));
  return ok();
}

Result<void> delete_policy(Draft& draft, std::string arn) {
  TRY(ManagedPolicy policy, own_policy(draft.now(), arn));
  auto usage = draft.now().usage_of(arn);
  if (usage.attached != 0 || usage.boundaries != 0) {
    return fail(kDeleteConflict, "Cannot delete a policy attached to entities.");
  }
  if (policy.versions.size() > 1) {
    return fail(kDeleteConflict,
                "This policy has more than one version. Before you delete a policy, you must "
                "delete the policy's versions. The default version is deleted with the policy.");
  }
  draft.erase(policy);
  return ok();
}

Result<void> create_version(Draft& draft, std::string arn, std::string document, AsDefault set) {
  TRY(ManagedPolicy policy, own_policy(draft.now(), arn));
  TRY_VOID(check_managed(document));
  if (policy.versions.size() >= kPolicyVersionsMax) {
    return fail(kLimitExceeded,
                fmt::format("A managed policy can have up to {} versions. Before you create a new "
                            "version, you must delete an existing version.",
                            kPolicyVersionsMax));
  }
  policy.versions.push_back({++policy.last_version, std::move(document), draft.time()});
  if (set == AsDefault::kYes) policy.default_version = policy.last_version;
  policy.updated = draft.time();
  draft.put(std::move(policy));
  return ok();
}

Result<void> delete_version(Draft& draft, std::string arn, std::string version_id) {
  TRY(ManagedPolicy policy, own_policy(draft.now(), arn));
  TRY(const PolicyVersion* version, need_version(policy, arn, version_id));
  if (version->number == policy.default_version) {
    return fail(kDeleteConflict, "Cannot delete the default version of a policy.");
  }
  std::erase_if(policy.versions, [number = version->number](const PolicyVersion& one) {
    return one.number == number;
  });
  draft.put(std::move(policy));
  return ok();
}

Result<void> set_default_version(Draft& draft, std::string arn, std::string version_id) {
  TRY(ManagedPolicy policy, own_policy(draft.now(), arn));
  TRY(const PolicyVersion* version, need_version(policy, arn, version_id));
  policy.default_version = version->number;
  policy.updated = draft.time();
  draft.put(std::move(policy));
  return ok();
}

Result<void> change_policy_tags(Draft& draft, std::string arn, std::vector<Tag> add,
                                std::vector<std::string> remove) {
  TRY(ManagedPolicy policy, own_policy(draft.now(), arn));
  TRY_VOID(apply_tags(policy.tags, std::move(add), remove));
  draft.put(std::move(policy));
  return ok();
}

}  // namespace suiro::iam
