// SPDX-License-Identifier: Apache-2.0
// Identities: what the front end asks about a key, and what a sandbox is given. Both views of one
// KeyRing. Threads: any.
#pragma once

#include "protocol/aws/authenticator.h"
#include "server/credentials.h"
#include "services/lambda/config.h"

namespace suiro::server {

class Identities final : public aws::CredentialSource, public lambda::CredentialIssuer {
 public:
  // `random` is usable from every thread.
  Identities(KeyPair root, std::string account, Random& random);

  std::expected<aws::Identity, aws::CredentialProblem> find(
      std::string_view access_key_id, std::string_view session_token) const override;
  // Where signatures are off.

  sandbox::Credentials issue(std::string function_arn) override;
  void revoke(std::string access_key_id) override;

 private:
  KeyRing keys_;
  std::string account_;
  shapes::Principal root_;
  Random& random_;
};

}  // namespace suiro::server
