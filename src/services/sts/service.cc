// SPDX-License-Identifier: Apache-2.0
#include "services/sts/service.h"

#include "shapes/gen/sts.h"

namespace suiro::sts {
namespace {

namespace shape = shapes::sts;

constexpr int32_t kSessionSecondsDefault = 43'200;
constexpr int32_t kRootSessionSecondsMax = 3'600;

// The account for root, the unique id for users; of a role, id and session name; a function without
// a role is known by its access key.
std::string user_id(const shapes::Principal& principal) {
  if (principal.kind == shapes::Principal::Kind::kRoot) return principal.account;
  return principal.user_id.empty() ? principal.access_key_id : principal.user_id;
}

Task<Result<shape::GetCallerIdentityResponse>> get_caller_identity(
    shapes::Call& call, shape::GetCallerIdentityRequest) {
  shape::GetCallerIdentityResponse output;
  output.account = call.principal.account;
  output.arn = call.principal.arn;
  output.user_id = user_id(call.principal);
  co_return output;
}

shape::Credentials to_shape(event::RoleKeys keys) {
  shape::Credentials out;
  out.access_key_id = std::move(keys.access_key_id);
  out.secret_access_key = std::move(keys.secret_access_key);
  out.session_token = std::move(keys.session_token);
  out.expiration = keys.expires_at;
  return out;
}

Result<shape::AssumeRoleResponse> assume_role(Sessions& sessions, const shapes::Call& call,
                                              shape::AssumeRoleRequest in) {
  AssumeRequest request;
  request.role_arn = std::move(in.role_arn);
  request.session_name = std::move(in.role_session_name);
  request.seconds = in.duration_seconds;
  request.policy = in.policy.value_or("");
  if (in.policy_arns) {
    for (auto& one : *in.policy_arns) request.policy_arns.push_back(one.arn.value_or(""));
  }
  request.external_id = std::move(in.external_id);
  request.source_identity = in.source_identity.value_or("");
  if (in.tags) {
    for (auto& tag : *in.tags) request.tags.emplace_back(tag.key, tag.value);
  }
  shape::AssumeRoleResponse out;
  if (!request.source_identity.empty()) out.source_identity = request.source_identity;
  TRY(Assumed assumed, sessions.assume(call, std::move(request)));
  out.credentials = to_shape(std::move(assumed.keys));
  shape::AssumedRoleUser user;
  user.arn = std::move(assumed.arn);
  user.assumed_role_id = std::move(assumed.id);
  out.assumed_role_user = std::move(user);
  return out;
}

Result<shape::GetSessionTokenResponse> get_session_token(Sessions& sessions,
                                                         const shapes::Call& call,
                                                         shape::GetSessionTokenRequest in) {
  int32_t seconds = in.duration_seconds.value_or(kSessionSecondsDefault);
  bool root = call.principal.kind == shapes::Principal::Kind::kRoot;
  if (root) seconds = std::min(seconds, kRootSessionSecondsMax);
  shape::GetSessionTokenResponse out;
  TRY(auto keys, sessions.own_session(call, std::chrono::seconds(seconds)));
  out.credentials = to_shape(std::move(keys));
  return out;
}

}  // namespace

void add_operations(shapes::Registry& registry, Sessions& sessions) {
  using shapes::Call;
  registry.add<shape::op::GetCallerIdentity>(get_caller_identity);
  registry.add<shape::op::AssumeRole>(
      [&sessions](Call& call,
                  shape::AssumeRoleRequest in) -> Task<Result<shape::AssumeRoleResponse>> {
        co_return assume_role(sessions, call, std::move(in));
      });
  registry.add<shape::op::GetSessionToken>([&sessions](Call& call, shape::GetSessionTokenRequest in)
                                               -> Task<Result<shape::GetSessionTokenResponse>> {
    co_return get_session_token(sessions, call, std::move(in));
  });
  registry.add<shape::op::GetAccessKeyInfo>([&sessions](Call& call,
                                                        shape::GetAccessKeyInfoRequest in)
                                                -> Task<Result<shape::GetAccessKeyInfoResponse>> {
    if (!sessions.is_of_account(in.access_key_id)) {
      co_return fail("ValidationError",
                     fmt::format("The access key {} is not of this account's.", in.access_key_id));
    }
    shape::GetAccessKeyInfoResponse out;
    out.account = call.account;
    co_return out;
  });
}

}  // namespace suiro::sts
