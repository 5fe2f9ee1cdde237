// SPDX-License-Identifier: Apache-2.0
// Security Token Service: who the caller is, and sessions. No state, nothing on disk; any shard.
// The identities behind it are the server's (Sessions).
#pragma once

#include "kernel/event/role_credentials.h"
#include "shapes/registry.h"

namespace suiro::sts {

struct AssumeRequest {
  std::string role_arn;
  std::string session_name;
  std::optional<int32_t> seconds;
  std::string policy;  // of the session, JSON; empty: none
  std::vector<std::string> policy_arns;
  std::optional<std::string> external_id;
  std::string source_identity;
  std::vector<std::pair<std::string, std::string>> tags;
};

struct Assumed {
  event::RoleKeys keys;
  std::string arn;  // "arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION"
  std::string id;   // "AROA...:SESSION"
};

// Who keeps roles and makes keys. Any thread; does not block.
class Sessions {
 public:
  virtual ~Sessions() = default;
  // Errors: AccessDenied, ValidationError, MalformedPolicyDocument.
  virtual Result<Assumed> assume(const shapes::Call& call, AssumeRequest request) = 0;
  // Keys that act as the caller does. Errors: AccessDenied for a session.
  virtual Result<event::RoleKeys> own_session(const shapes::Call& call, Millis lifetime) = 0;
  virtual bool is_of_account(const std::string& access_key_id) const = 0;
};

// Registers AssumeRole, GetAccessKeyInfo, GetCallerIdentity and GetSessionToken (AWS STS API
// Reference). GetCallerIdentity needs no permission and never fails for a caller that was
// authenticated. `sessions` is borrowed.
void add_operations(shapes::Registry& registry, Sessions& sessions);

}  // namespace suiro::sts
