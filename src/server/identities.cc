// SPDX-License-Identifier: Apache-2.0
#include "server/identities.h"

#include "base/bytes.h"

namespace suiro::server {

Identities::Identities(KeyPair root, std::string account, Random& random)
    : keys_(std::move(root)),
      account_(std::move(account)),
      root_{shapes::Principal::Kind::kRoot, account_, fmt::format("arn:aws:iam::{}:root", account_),
            keys_.root().access_key_id},
      random_(random) {}

std::expected<aws::Identity, aws::CredentialProblem> Identities::find(
    std::string_view access_key_id, std::string_view session_token) const {
  const KeyPair& root_keys = keys_.root();
  if (access_key_id == root_keys.access_key_id) {
    if (!session_token.empty()) return std::unexpected(aws::CredentialProblem::kInvalidToken);
    return aws::Identity{root_keys.secret_access_key, root_};
  }
  auto key = keys_.temporary(std::string(access_key_id));
  if (key == nullptr) return std::unexpected(aws::CredentialProblem::kUnknownKey);
  if (!equal_constant_time(session_token, key->session_token)) {
    return std::unexpected(aws::CredentialProblem::kInvalidToken);
  }
  return aws::Identity{
      key->pair.secret_access_key,
      {shapes::Principal::Kind::kFunction, account_, key->function_arn, key->pair.access_key_id}};
}

sandbox::Credentials Identities::issue(std::string function_arn) {
  TemporaryKey key = keys_.issue(std::move(function_arn), random_);
  return {key.pair.access_key_id, key.pair.secret_access_key, key.session_token};
}

void Identities::revoke(std::string access_key_id) {
  keys_.revoke(access_key_id);
}

}  // namespace suiro::server
