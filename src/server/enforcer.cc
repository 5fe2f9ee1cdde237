// SPDX-License-Identifier: Apache-2.0
#include "server/enforcer.h"

#include <algorithm>

#include "base/log.h"
#include "server/request_context.h"

namespace suiro::server {

namespace {

// Policies write groups of logs with and without ":*" (Service Authorization Reference, "Amazon
// CloudWatch Logs").
std::string alias_of(const std::string& resource) {
  bool is_group = resource.starts_with("arn:aws:logs:") &&
                  resource.find(":log-group:") != resource.npos &&
                  resource.find(":log-stream:") == resource.npos;
  return is_group ? resource + ":*" : "";
}

// What root may do whatever the policy says: else a policy could lock everyone out.
bool mends_policy(std::string_view action) {
  constexpr std::string_view kActions[] = {"s3:GetBucketPolicy",      "s3:PutBucketPolicy",
                                           "s3:DeleteBucketPolicy",   "ecr:GetRepositoryPolicy",
                                           "ecr:SetRepositoryPolicy", "ecr:DeleteRepositoryPolicy"};
  return std::ranges::find(kActions, action) != std::end(kActions);
}

bool has_policies(const shapes::Principal& caller) {
  using Kind = shapes::Principal::Kind;
  return caller.kind == Kind::kUser || caller.kind == Kind::kRole;
}

}  // namespace

struct Enforcer::Asked {
  shapes::Call& call;
  const iam::Directory& directory;
  policy::Request request;
  policy::Grants grants;
};

std::optional<std::string> Enforcer::deny(shapes::Call& call, const shapes::Operation& operation,
                                          const shapes::Value& input) {
  using Kind = shapes::Principal::Kind;
  const shapes::Principal& caller = call.principal;
  const bool bound = has_policies(caller);
  if (caller.kind == Kind::kFunction) {
    if (auto text = deny_function(call, operation)) return text;
  }
  if (!bound && !policies_.any()) return std::nullopt;
  std::string_view service = operation.service->id;
  if (caller.kind == Kind::kUser && caller.session == nullptr) {
    iam_.note_use(caller.access_key_id, service);
  }
  const std::vector<Check>* checks = find_checks(service, operation.name);
  if (checks == nullptr) return bound ? deny_unknown(call, operation) : std::nullopt;
  if (checks->empty()) return std::nullopt;
  auto directory = iam_.directory();
  Asked asked{call, *directory, request_of(call, *directory), grants_of(caller, *directory)};
  if (bound) asked.request.caller.trust = policy::Caller::Trust::kSelf;
  add_input_keys(asked.request, operation, input);
  Subject subject{input, *directory, call.region};
  if (caller.kind == Kind::kUser) {
    subject.caller = caller.arn.substr(caller.arn.find(":user/") + 6);
  }
  for (const Check& check : *checks) {
    for (const Need& need : needs_of(check, subject)) {
      auto text = deny_one(asked, check, need);
      if (!text) continue;
      report(call, need.resource, *text);
      return text;
    }
  }
  return std::nullopt;
}

std::optional<std::string> Enforcer::deny_unknown(const shapes::Call& call,
                                                  const shapes::Operation& operation) {
  std::string text =
      fmt::format("User: {} is not authorized to perform: {}:{} because only root's keys may",
                  call.principal.arn, operation.service->id, operation.name);
  report(call, "*", text);
  return text;
}

Result<void> Enforcer::may_pass(shapes::Call& call, const std::string& role_arn,
                                std::string_view service) {
  using Kind = shapes::Principal::Kind;
  if (call.principal.kind != Kind::kUser && call.principal.kind != Kind::kRole) return ok();
  auto directory = iam_.directory();
  Asked asked{call, *directory, request_of(call, *directory),
              grants_of(call.principal, *directory)};
  asked.request.context["iam:passedtoservice"] = service;
  auto text =
      deny_one(asked, {.action_service = "iam", .action = "PassRole"}, {"iam:PassRole", role_arn});
  if (!text) return ok();
  report(call, role_arn, *text);
  return fail("AccessDeniedException", *std::move(text));
}

// Who has no role of its own may not take one, nor change what others may do.
std::optional<std::string> Enforcer::deny_function(const shapes::Call& call,
                                                   const shapes::Operation& operation) {
  std::string_view service = operation.service->id;
  bool open = service != "iam" && (service != "sts" || operation.name == "GetCallerIdentity");
  if (open) return std::nullopt;
  std::string text =
      fmt::format("User: {} is not authorized to perform: {}:{} because IAM keeps no role for it",
                  call.principal.arn, service, operation.name);
  report(call, "*", text);
  return text;
}

policy::Verdict Enforcer::verdict_on(Asked& asked, const Need& need) const {
  policy::Request& request = asked.request;
  const policy::Ruling ruling = policies_.rule(request);
  const shapes::Principal& caller = asked.call.principal;
  if (!has_policies(caller)) {
    bool spared = caller.kind == shapes::Principal::Kind::kRoot && mends_policy(need.action);
    bool denied = ruling.decision == policy::Decision::kDeny && !spared;
    return {denied ? policy::Decision::kDeny : policy::Decision::kAllow, policy::Layer::kResource};
  }
  policy::Verdict verdict = policy::evaluate(asked.grants, request, ruling);
  const std::string alias = alias_of(need.resource);
  if (!alias.empty() && verdict.decision != policy::Decision::kDeny) {
    request.resource = alias;
    policy::Verdict other = policy::evaluate(asked.grants, request);
    if (other.decision != policy::Decision::kNone) verdict = other;
  }
  return verdict;
}

std::optional<std::string> Enforcer::deny_one(Asked& asked, const Check& check, const Need& need) {
  asked.request.action = need.action;
  asked.request.resource = need.resource;
  set_resource_tags(asked.request, asked.directory, need.resource);
  const policy::Verdict verdict = verdict_on(asked, need);
  if (verdict.allowed()) return std::nullopt;
  // S3 quotes the resource, the others do not.
  std::string_view quote = check.action_service == "s3" ? "\"" : "";
  std::string text = fmt::format("User: {} is not authorized to perform: {} on resource: {}{}{} {}",
                                 asked.call.principal.arn, need.action, quote, need.resource, quote,
                                 policy::reason_of(verdict, need.action));
  bool ask_resource = check.resource_policy && verdict.decision == policy::Decision::kNone &&
                      verdict.layer == policy::Layer::kIdentity && !asked.grants.boundary &&
                      !asked.grants.session;
  if (!ask_resource) return text;
  asked.call.denial = std::move(text);
  return std::nullopt;
}

void Enforcer::report(const shapes::Call& call, const std::string& resource,
                      const std::string& text) {
  TimePoint now = kernel_.clock.now();
  kernel_.journal.count("iam:Deny", call.principal.arn, event::Span::Status::kError, Micros(0));
  Reported& reported = reported_[kernel_.shards.current()];
  int64_t second = now.time_since_epoch().count() / 1000;
  if (reported.second != second) reported = {second, 0};
  if (++reported.count > kDenialsPerSecond) return;
  log::info("denied ({}): {}", call.request_id, text);
  event::Span span{call.trace.trace_id,
                   new_span_id(now, kernel_.random),
                   call.trace.span_id,
                   "iam:Deny",
                   resource,
                   call.request_id,
                   now};
  span.status = event::Span::Status::kError;
  span.detail = text;
  kernel_.journal.record(span);
}

}  // namespace suiro::server
