// SPDX-License-Identifier: Apache-2.0
#include "engine/policy/resource_policies.h"

#include <mutex>

namespace suiro::policy {

std::string_view policy_holder_of(std::string_view resource) {
  if (!resource.starts_with("arn:aws:s3:::")) return resource;
  return resource.substr(0, resource.find('/'));
}

void ResourcePolicies::put(const std::string& arn, std::string_view document, Form form) {
  auto parsed = Policy::parse(document, form);
  put(arn, parsed ? std::make_shared<const Policy>(*std::move(parsed)) : nullptr);
}

void ResourcePolicies::put_unreadable(const std::string& arn) {
  put(arn, nullptr);
}

void ResourcePolicies::put(const std::string& arn, PolicyPtr policy) {
  std::unique_lock lock(mutex_);
  policies_[arn] = std::move(policy);
  count_.store(policies_.size(), std::memory_order_release);
}

void ResourcePolicies::erase(const std::string& arn) {
  std::unique_lock lock(mutex_);
  policies_.erase(arn);
  count_.store(policies_.size(), std::memory_order_release);
}

Ruling ResourcePolicies::rule(const Request& request) const {
  if (!any()) return {};
  PolicyPtr policy;
  {
    std::shared_lock lock(mutex_);
    auto found = policies_.find(policy_holder_of(request.resource));
    if (found == policies_.end()) return {};
    policy = found->second;
  }
  if (policy == nullptr) return {.decision = Decision::kDeny};
  return policy->rule(request);
}

}  // namespace suiro::policy
