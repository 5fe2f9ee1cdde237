// SPDX-License-Identifier: Apache-2.0
// RoleCredentials: what a service asks for when something that it starts (a function's sandbox, a
// task's container) shall act as an IAM role. The identity side implements it and wires it into
// Kernel::roles; no service sees another.
//
// Invariants:
//  1. The holder is arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION; its calls are evaluated against
//     the role's policies as they are at the time of each call.
//  2. Where no role of the ARN exists, Mode decides (setting auth.iam): lenient, the holder may do
//     all but Suiro's own operations; strict, there are no credentials.
//  3. kProcess keys end with this process; kDurable keys and their revocations outlive it.
// Threads: any; nothing blocks. Failure: Result; codes below.
// Source of the rules: IAM User Guide, "Temporary security credentials in IAM".
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace suiro::event {

struct RoleSession {
  std::string role_arn;      // "arn:aws:iam::000000000000:role/batch/nightly"
  std::string session_name;  // function name or task id: 1 to 64 of [A-Za-z0-9_+=,.@-]
  std::string service;       // who assumes it: "ecs-tasks.amazonaws.com"; asked of the trust policy
  std::string holder_arn;    // the function or task, for the log
  enum class Life : uint8_t { kProcess, kDurable } life = Life::kDurable;
  // kDurable: from kRoleLifetimeMin to kRoleLifetimeMax. kProcess: unused, there is no end but
  // revoke().
  Millis lifetime = std::chrono::hours(6);
};
inline constexpr Millis kRoleLifetimeMin = std::chrono::minutes(15);
inline constexpr Millis kRoleLifetimeMax = std::chrono::hours(12);
inline constexpr std::string_view kRoleNotAssumable = "RoleNotAssumable";

struct RoleKeys {
  std::string access_key_id;  // "ASIA..."
  std::string secret_access_key;
  std::string session_token;
  TimePoint expires_at{};  // kProcess: TimePoint::max()
};

class RoleCredentials {
 public:
  virtual ~RoleCredentials() = default;
  // Whether issue() would give keys: to be asked when a function or task definition names the role.
  // Errors: kInvalidArgument (no role's ARN); kNotFound (strict, and there is no
  // such role); kRoleNotAssumable (the role's trust policy does not let `service` assume it).
  virtual Result<void> check(const std::string& role_arn, const std::string& service) const = 0;
  // Errors: as check(), and kInvalidArgument for a session name or lifetime out of bounds.
  virtual Result<RoleKeys> issue(RoleSession session) = 0;
  // The key is refused, of kDurable ones after the next commit. Unknown keys are ignored.
  virtual void revoke(std::string access_key_id) = 0;
};

}  // namespace suiro::event
