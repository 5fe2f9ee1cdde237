// SPDX-License-Identifier: Apache-2.0
#include "services/sts/service.h"

#include "shapes/gen/sts.h"

namespace suiro::sts {
namespace {

namespace shape = shapes::sts;

// The account for root; for an assumed role, AWS gives role id and session name: a function's
// session is its access key.
std::string user_id(const shapes::Principal& principal) {
  if (principal.kind == shapes::Principal::Kind::kRoot) return principal.account;
  return principal.access_key_id;
}

Task<Result<shape::GetCallerIdentityResponse>> get_caller_identity(
    shapes::Call& call, shape::GetCallerIdentityRequest) {
  shape::GetCallerIdentityResponse output;
  output.account = call.principal.account;
  output.arn = call.principal.arn;
  output.user_id = user_id(call.principal);
  co_return output;
}

}  // namespace

void add_operations(shapes::Registry& registry) {
  registry.add<shape::op::GetCallerIdentity>(get_caller_identity);
}

}  // namespace suiro::sts
