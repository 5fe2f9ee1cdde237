// SPDX-License-Identifier: Apache-2.0
// What services do as a role, and whether its policies allow it.
#include "base/arn.h"
#include "server/identities.h"
#include "server/request_context.h"

namespace suiro::server {

std::string session_of(std::string_view service) {
  return std::string(service.substr(0, service.find('.')));
}

Result<shapes::Principal> Identities::caller(const std::string& role_arn,
                                             const std::string& service) const {
  const std::string session = session_of(service);
  auto claims = claims_of({.role_arn = role_arn,
                           .session_name = session,
                           .service = service,
                           .holder_arn = fmt::format("arn:aws:sts::{}:assumed-role/{}/{}", account_,
                                                     iam::role_name_of(role_arn), session)});
  if (claims) return principal_of("", *claims);
  return fail("AccessDenied",
              fmt::format("{} cannot act as a role: {}", service, claims.error().message));
}

Result<void> Identities::permits(Question question) const {
  shapes::Call call;
  call.now = clock_.now();
  call.account = account_;
  TRY(call.principal, caller(question.role_arn, question.service));
  // IAM never knew the role (IamMode::kLenient).
  if (call.principal.kind != shapes::Principal::Kind::kRole) return ok();
  const auto& [action, resource] = question.permission;
  if (auto arn = Arn::parse(resource)) call.region = arn->region;
  auto now = iam_.directory();
  policy::Request asked = request_of(call, *now);
  asked.action = action;
  asked.resource = resource;
  set_resource_tags(asked, *now, resource);
  for (auto& [key, value] : question.context) asked.context[key] = std::move(value);
  const policy::Verdict verdict = policy::evaluate(grants_of(call.principal, *now), asked);
  if (verdict.allowed()) return ok();
  return fail(
      "AccessDenied",
      fmt::format("User: {} is not authorized to perform: {} on resource: {} {}",
                  call.principal.arn, action, resource, policy::reason_of(verdict, action)));
}

}  // namespace suiro::server
