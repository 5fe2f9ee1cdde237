// SPDX-License-Identifier: Apache-2.0
// The sessions that STS hands out: who may assume a role, and for how long. Source: AWS STS API
// Reference, "AssumeRole" and "GetSessionToken"; IAM User Guide, "Methods to assume a role".
#include <set>

#include "base/arn.h"
#include "server/identities.h"
#include "server/request_context.h"

namespace suiro::server {
namespace {

using Kind = shapes::Principal::Kind;

constexpr int32_t kChainedSecondsMax = 3'600;
constexpr int32_t kSecondsDefault = 3'600;
constexpr size_t kSessionPolicyCharsMax = 2'048;
constexpr size_t kSessionPoliciesMax = 10;
constexpr size_t kSessionTagsMax = 50;

std::unexpected<Error> denied(const shapes::Call& call, std::string_view action,
                              const std::string& role_arn) {
  return fail("AccessDenied",
              fmt::format("User: {} is not authorized to perform: {} on resource: {}",
                          call.principal.arn, action, role_arn));
}

Result<void> check_seconds(const shapes::Call& call, const iam::Role& role, int32_t seconds) {
  if (call.principal.kind == Kind::kRole && seconds > kChainedSecondsMax) {
    return fail("ValidationError",
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed "
                "by role chaining");
  }
  if (static_cast<uint32_t>(seconds) <= role.max_session_seconds) return ok();
  return fail("ValidationError",
              "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
}

// IAM User Guide, "Pass session tags in AWS STS": keys differ by more than their case, and those of
// AWS are its own.
Result<void> check_session_tags(const sts::AssumeRequest& request) {
  std::set<std::string> keys;
  for (const auto& [key, value] : request.tags) {
    std::string lower = to_lower(key);
    if (lower.starts_with("aws:")) {
      return fail("ValidationError", "The system tag prefix 'aws:' is reserved for AWS use.");
    }
    if (keys.insert(std::move(lower)).second) continue;
    return fail("ValidationError",
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
  }
  return ok();
}

Result<void> check_session_policies(const iam::Directory& now, const sts::AssumeRequest& request) {
  if (!request.policy.empty()) {
    auto parsed = policy::Policy::parse(request.policy, policy::Form::kIdentity);
    if (!parsed) return fail("MalformedPolicyDocument", parsed.error().message);
  }
  if (iam::policy_chars(request.policy) > kSessionPolicyCharsMax ||
      request.policy_arns.size() > kSessionPoliciesMax || request.tags.size() > kSessionTagsMax) {
    return fail("PackedPolicyTooLarge",
                "The session's policies and tags together are larger than a session can hold.");
  }
  for (const std::string& arn : request.policy_arns) {
    if (now.policy(arn) != nullptr) continue;
    return fail("ValidationError",
                fmt::format("Policy {} does not exist or is not attachable.", arn));
  }
  return ok();
}

}  // namespace

Result<void> Identities::check_trust(const shapes::Call& call, const iam::Directory& now,
                                     const iam::Role& role,
                                     const sts::AssumeRequest& request) const {
  policy::Request asked = request_of(call, now);
  asked.resource = request.role_arn;
  if (!call.denial.empty()) asked.caller.trust = policy::Caller::Trust::kSelf;
  asked.context["sts:rolesessionname"] = request.session_name;
  if (request.external_id) asked.context["sts:externalid"] = *request.external_id;
  if (!request.source_identity.empty()) {
    asked.context["sts:sourceidentity"] = request.source_identity;
  }
  for (const auto& [key, value] : request.tags) {
    asked.context["aws:requesttag/" + to_lower(key)] = value;
    asked.lists["aws:tagkeys"].push_back(key);
  }
  set_resource_tags(asked, now, request.role_arn);
  std::vector<std::string> actions = {"sts:AssumeRole"};
  if (!request.tags.empty()) actions.emplace_back("sts:TagSession");
  if (!request.source_identity.empty()) actions.emplace_back("sts:SetSourceIdentity");
  for (const std::string& action : actions) {
    asked.action = action;
    bool trusted = role.parsed_trust != nullptr &&
                   role.parsed_trust->decide(asked) == policy::Decision::kAllow;
    if (!trusted) return denied(call, action, request.role_arn);
    // The gatekeeper has asked the caller's own policies about sts:AssumeRole alone. Whom the trust
    // policy names needs no Allow of its own, but no Deny holds less for that.
    if (action == "sts:AssumeRole") continue;
    policy::Verdict own = policy::evaluate(grants_of(call.principal, now), asked);
    bool named = !call.denial.empty() && own.decision == policy::Decision::kNone;
    if (!own.allowed() && !named) return denied(call, action, request.role_arn);
  }
  return ok();
}

Result<sts::Assumed> Identities::assume(const shapes::Call& call, sts::AssumeRequest request) {
  auto now = iam_.directory();
  if (call.principal.kind == Kind::kRoot) {
    return fail("AccessDenied", "Roles may not be assumed by root accounts.");
  }
  auto arn = Arn::parse(request.role_arn);
  if (!arn || iam::role_name_of(request.role_arn).empty()) {
    return fail("ValidationError", fmt::format("{} is invalid", request.role_arn));
  }
  const iam::Role* role = role_of(*now, request.role_arn);
  if (role == nullptr) return denied(call, "sts:AssumeRole", request.role_arn);
  TRY_VOID(check_session_tags(request));
  TRY_VOID(check_trust(call, *now, *role, request));
  int32_t seconds = request.seconds.value_or(kSecondsDefault);
  TRY_VOID(check_seconds(call, *role, seconds));
  TRY_VOID(check_session_policies(*now, request));
  SessionClaims claims;
  shapes::Session& session = claims.session;
  session.role_arn = request.role_arn;
  session.role_id = role->id;
  session.name = request.session_name;
  session.policy = std::move(request.policy);
  session.policy_arns = std::move(request.policy_arns);
  session.tags = std::move(request.tags);
  session.source_identity = std::move(request.source_identity);
  session.issued_at = clock_.now();
  session.expires_at = clock_.now() + std::chrono::seconds(seconds);
  sts::Assumed out;
  out.keys = tokens_.seal(claims, random_);
  shapes::Principal principal = principal_of(out.keys.access_key_id, claims, *now);
  out.arn = std::move(principal.arn);
  out.id = std::move(principal.user_id);
  return out;
}

Result<event::RoleKeys> Identities::own_session(const shapes::Call& call, Millis lifetime) {
  const shapes::Principal& caller = call.principal;
  bool long_term = caller.session == nullptr;
  bool known = caller.kind == Kind::kRoot || caller.kind == Kind::kUser;
  if (!long_term || !known) {
    return fail("AccessDenied", "Cannot call GetSessionToken with session credentials");
  }
  SessionClaims claims;
  claims.of = caller.kind == Kind::kRoot ? SessionClaims::Of::kRoot : SessionClaims::Of::kUser;
  if (caller.kind == Kind::kUser) {
    claims.owner_id = caller.user_id;
    claims.owner = caller.arn.substr(caller.arn.rfind('/') + 1);
  }
  claims.session.issued_at = clock_.now();
  claims.session.expires_at = clock_.now() + lifetime;
  return tokens_.seal(claims, random_);
}

bool Identities::is_of_account(const std::string& access_key_id) const {
  return access_key_id == keys_.root().access_key_id ||
         iam_.directory()->key(access_key_id).has_value() ||
         keys_.temporary(access_key_id) != nullptr;
}

}  // namespace suiro::server
