// SPDX-License-Identifier: Apache-2.0
// SessionTokens: credentials of sessions that need no record. The token says what the session is,
// with a MAC; the secret follows from the key id. Nothing is stored, so they survive a restart.
//
// Invariants:
//  1. A token opens only with the access key id for which it was sealed, and whole.
//  2. Both keys (for MACs and for secrets) are derived from the root's secret: new root credentials
//     end all sessions.
// Thread: immutable; any. See docs/decisions/172-session-tokens.md.
#pragma once

#include <expected>

#include "base/random.h"
#include "kernel/event/role_credentials.h"
#include "shapes/call.h"

namespace suiro::server {

// Whose session it is.
struct SessionClaims {
  enum class Of : uint8_t { kRoot, kUser, kRole } of = Of::kRole;
  std::string owner_id;    // of == kUser: the user's id
  std::string owner;       // of == kUser: the user's name
  std::string holder_arn;  // of == kRole: the function or task that runs; empty for AssumeRole
  shapes::Session session;
};

class SessionTokens {
 public:
  explicit SessionTokens(std::string_view root_secret);

  event::RoleKeys seal(const SessionClaims& claims, Random& random) const;
  std::string secret_of(std::string_view access_key_id) const;
  // nullopt: not one of ours, or not of this key.
  std::optional<SessionClaims> open(std::string_view access_key_id, std::string_view token) const;

 private:
  Bytes mac_of(std::string_view access_key_id, std::string_view body) const;

  Bytes mac_key_;
  Bytes secret_key_;
};

}  // namespace suiro::server
