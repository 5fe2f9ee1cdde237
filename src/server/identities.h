// SPDX-License-Identifier: Apache-2.0
// Identities: who holds which access key. What the front end asks about a key, what runs as a role
// is given, and the sessions that STS hands out.
//
// Invariants:
//  1. A session acts as its role is now: its policies are read at each call. A session of a role
//     that was deleted, or made again under its name, may do nothing.
//  2. What began without a role (IamMode::kLenient) is bound by the role as soon as there is one.
//     Lenience is for names that IAM never knew: the name of a deleted role, or of a role under
//     another path, gives nothing.
// Threads: any. See docs/decisions/170-roles-of-functions.md.
#pragma once

#include "kernel/event/role_permissions.h"
#include "protocol/aws/authenticator.h"
#include "server/credentials.h"
#include "server/session_tokens.h"
#include "services/iam/service.h"
#include "services/sts/service.h"

namespace suiro::server {

// What becomes of a role's ARN that IAM does not keep.
enum class IamMode { kLenient, kStrict };

// The name of a service's sessions: "states" of "states.amazonaws.com".
std::string session_of(std::string_view service);

class Identities final : public aws::CredentialSource,
                         public event::RoleCredentials,
                         public event::RolePermissions,
                         public sts::Sessions {
 public:
  struct Options {
    KeyPair root;
    std::string account;
    IamMode mode = IamMode::kLenient;
    Clock& clock;
    Random& random;  // usable from every thread
    iam::Service& iam;
  };
  explicit Identities(Options options);

  std::expected<aws::Identity, aws::CredentialProblem> find(
      std::string_view access_key_id, std::string_view session_token) const override;

  Result<void> check(const std::string& role_arn, const std::string& service) const override;
  Result<event::RoleKeys> issue(event::RoleSession session) override;
  void revoke(std::string access_key_id) override;
  // The same of a kDurable key, as a part of the batch's commit; revoke() follows it.
  void revoke(store::Batch& batch, const std::string& access_key_id) const;

  // Who the service is as that role: a session without keys, since it never leaves the process.
  // Errors: AccessDenied.
  Result<shapes::Principal> caller(const std::string& role_arn, const std::string& service) const;
  Result<void> permits(Question question) const override;

  Result<sts::Assumed> assume(const shapes::Call& call, sts::AssumeRequest request) override;
  Result<event::RoleKeys> own_session(const shapes::Call& call, Millis lifetime) override;
  bool is_of_account(const std::string& access_key_id) const override;

 private:
  using Found = std::expected<aws::Identity, aws::CredentialProblem>;
  Found find_user(const std::string& access_key_id) const;
  Found of_claims(const std::string& access_key_id, std::string secret,
                  const SessionClaims& claims) const;
  shapes::Principal principal_of(const std::string& access_key_id, const SessionClaims& claims,
                                 const iam::Directory& now) const;
  shapes::Principal principal_of(const std::string& access_key_id,
                                 const SessionClaims& claims) const {
    return principal_of(access_key_id, claims, *iam_.directory());
  }
  // The role of exactly this ARN; nullptr: none.
  static const iam::Role* role_of(const iam::Directory& now, const std::string& arn);
  Result<void> check_assumable(const iam::Directory& now, const std::string& role_arn,
                               const std::string& service) const;
  Result<SessionClaims> claims_of(event::RoleSession session) const;
  Result<void> check_trust(const shapes::Call& call, const iam::Directory& now,
                           const iam::Role& role, const sts::AssumeRequest& request) const;

  KeyRing keys_;
  SessionTokens tokens_;
  std::string account_;
  IamMode mode_;
  Clock& clock_;
  Random& random_;
  iam::Service& iam_;
  shapes::Principal root_;
};

}  // namespace suiro::server
