// SPDX-License-Identifier: Apache-2.0
#include "engine/policy/resource_policies.h"

#include <mutex>

#include "base/bytes.h"

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

namespace {

Caller caller_of(const ServiceAct& act) {
  Caller out;
  if (act.role_arn.empty()) {
    out.kind = Caller::Kind::kService;
    out.service = act.service;
    return out;
  }
  out.account = act.account;
  out.role_arn = act.role_arn;
  out.trust = Caller::Trust::kSelf;
  out.arn = fmt::format("arn:aws:sts::{}:assumed-role/{}/{}", act.account,
                        act.role_arn.substr(act.role_arn.rfind('/') + 1),
                        act.service.substr(0, act.service.find('.')));
  return out;
}

}  // namespace

Result<void> ResourcePolicies::permit(const ServiceAct& act) const {
  if (!any()) return ok();
  Request request{.caller = caller_of(act), .action = act.action, .resource = act.resource};
  request.context = {
      {"aws:currenttime", format_iso8601(act.now)},
      {"aws:epochtime", std::to_string(act.now.time_since_epoch().count() / 1000)},
      {"aws:principaltype", act.role_arn.empty() ? "Service" : "AssumedRole"},
      {"aws:resourceaccount", act.account},
      {"aws:securetransport", "true"},  // it crosses no network
      {"aws:viaawsservice", "false"},
  };
  if (act.role_arn.empty()) request.context["aws:sourceaccount"] = act.account;
  request.unknown = {"aws:principaltag/", "aws:resourcetag/", "aws:userid", "aws:sourcearn"};
  if (rule(request).decision != Decision::kDeny) return ok();
  return fail(
      "AccessDenied",
      fmt::format("User: {} is not authorized to perform: {} on resource: \"{}\" {}",
                  request.caller.arn.empty() ? act.service : request.caller.arn, act.action,
                  act.resource, reason_of({Decision::kDeny, Layer::kResource}, act.action)));
}

}  // namespace suiro::policy
