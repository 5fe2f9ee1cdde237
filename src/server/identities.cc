// SPDX-License-Identifier: Apache-2.0
#include "server/identities.h"

#include <algorithm>

#include "base/arn.h"
#include "base/bytes.h"
#include "base/check.h"

namespace suiro::server {
namespace {

using aws::CredentialProblem;

bool is_session_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) ||
           std::string_view("_+=,.@-").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

}  // namespace

Identities::Identities(Options o)
    : keys_(o.root),
      tokens_(o.root.secret_access_key),
      account_(o.account),
      mode_(o.mode),
      clock_(o.clock),
      random_(o.random),
      iam_(o.iam),
      root_{.kind = shapes::Principal::Kind::kRoot,
            .account = account_,
            .arn = fmt::format("arn:aws:iam::{}:root", account_),
            .access_key_id = keys_.root().access_key_id,
            .user_id = account_} {}

Identities::Found Identities::find(std::string_view access_key_id,
                                   std::string_view session_token) const {
  const KeyPair& root_keys = keys_.root();
  if (access_key_id == root_keys.access_key_id) {
    if (!session_token.empty()) return std::unexpected(CredentialProblem::kInvalidToken);
    return aws::Identity{root_keys.secret_access_key, root_};
  }
  std::string id(access_key_id);
  if (id.starts_with("AKIA")) {
    if (!session_token.empty()) return std::unexpected(CredentialProblem::kInvalidToken);
    return find_user(id);
  }
  if (auto key = keys_.temporary(id)) {
    if (!equal_constant_time(session_token, key->session_token)) {
      return std::unexpected(CredentialProblem::kInvalidToken);
    }
    return of_claims(id, key->pair.secret_access_key, key->claims);
  }
  if (session_token.empty()) return std::unexpected(CredentialProblem::kUnknownKey);
  auto claims = tokens_.open(id, session_token);
  if (!claims) return std::unexpected(CredentialProblem::kInvalidToken);
  if (claims->session.expires_at <= clock_.now()) {
    return std::unexpected(CredentialProblem::kExpiredToken);
  }
  if (iam_.directory()->is_revoked(id)) return std::unexpected(CredentialProblem::kInvalidToken);
  return of_claims(id, tokens_.secret_of(id), *claims);
}

Identities::Found Identities::find_user(const std::string& access_key_id) const {
  auto now = iam_.directory();
  auto key = now->key(access_key_id);
  if (!key || !key->key->active) return std::unexpected(CredentialProblem::kUnknownKey);
  return aws::Identity{key->key->secret,
                       {.kind = shapes::Principal::Kind::kUser,
                        .account = account_,
                        .arn = now->arn_of(*key->user),
                        .access_key_id = access_key_id,
                        .user_id = key->user->id}};
}

Identities::Found Identities::of_claims(const std::string& access_key_id, std::string secret,
                                        const SessionClaims& claims) const {
  auto now = iam_.directory();
  if (claims.of == SessionClaims::Of::kUser) {
    const iam::User* user = now->user(claims.owner);
    if (user == nullptr || user->id != claims.owner_id) {
      return std::unexpected(CredentialProblem::kInvalidToken);
    }
  }
  return aws::Identity{std::move(secret), principal_of(access_key_id, claims, *now)};
}

shapes::Principal Identities::principal_of(const std::string& access_key_id,
                                           const SessionClaims& claims,
                                           const iam::Directory& now) const {
  using Kind = shapes::Principal::Kind;
  shapes::Principal out = root_;
  out.access_key_id = access_key_id;
  out.session = std::make_shared<const shapes::Session>(claims.session);
  if (claims.of == SessionClaims::Of::kUser) {
    const iam::User* user = now.user(claims.owner);
    CHECK(user != nullptr);  // of_claims() has looked in this very directory
    out.kind = Kind::kUser;
    out.arn = now.arn_of(*user);
    out.user_id = claims.owner_id;
  }
  if (claims.of != SessionClaims::Of::kRole) return out;
  const shapes::Session& session = claims.session;
  const iam::Role* role = role_of(now, session.role_arn);
  const std::string_view name = iam::role_name_of(session.role_arn);
  if (session.role_id.empty() && role == nullptr && !now.knows_role(name)) {
    out.kind = Kind::kFunction;
    out.arn = claims.holder_arn;
    out.user_id = access_key_id;
    return out;
  }
  out.kind = Kind::kRole;
  out.arn = fmt::format("arn:aws:sts::{}:assumed-role/{}/{}", account_, name, session.name);
  std::string id = session.role_id;
  // Without a role of this ARN the session has no policies: everything is denied to it.
  if (id.empty()) id = role != nullptr ? role->id : access_key_id;
  out.user_id = fmt::format("{}:{}", id, session.name);
  return out;
}

const iam::Role* Identities::role_of(const iam::Directory& now, const std::string& arn) {
  const iam::Role* role = now.role(iam::role_name_of(arn));
  return role != nullptr && now.arn_of(*role) == arn ? role : nullptr;
}

Result<void> Identities::check_assumable(const iam::Directory& now, const std::string& role_arn,
                                         const std::string& service) const {
  auto arn = Arn::parse(role_arn);
  if (!arn || arn->service != "iam" || !arn->resource.starts_with("role/")) {
    return fail(codes::kInvalidArgument, fmt::format("{} is not the ARN of a role", role_arn));
  }
  const iam::Role* role = role_of(now, role_arn);
  if (role == nullptr) {
    bool known = now.knows_role(iam::role_name_of(role_arn));
    if (mode_ == IamMode::kLenient && !known) return ok();
    return fail(codes::kNotFound, fmt::format("there is no role {}", role_arn));
  }
  bool allowed = role->parsed_trust != nullptr && role->parsed_trust->names_service(service);
  if (allowed) return ok();
  return fail(event::kRoleNotAssumable,
              fmt::format("the trust policy of {} does not let {} assume it", role_arn, service));
}

Result<void> Identities::check(const std::string& role_arn, const std::string& service) const {
  auto now = iam_.directory();
  return check_assumable(*now, role_arn, service);
}

Result<SessionClaims> Identities::claims_of(event::RoleSession in) const {
  auto now = iam_.directory();
  const iam::Role* role = role_of(*now, in.role_arn);
  TRY_VOID(check_assumable(*now, in.role_arn, in.service));
  if (!is_session_name(in.session_name)) {
    return fail(codes::kInvalidArgument,
                fmt::format("'{}' is not a name of a session", in.session_name));
  }
  SessionClaims claims;
  claims.holder_arn = std::move(in.holder_arn);
  claims.session.role_arn = std::move(in.role_arn);
  if (role != nullptr) claims.session.role_id = role->id;
  claims.session.name = std::move(in.session_name);
  claims.session.issued_at = clock_.now();
  claims.session.expires_at = TimePoint::max();
  return claims;
}

Result<event::RoleKeys> Identities::issue(event::RoleSession in) {
  TRY(SessionClaims claims, claims_of(in));
  if (in.life == event::RoleSession::Life::kProcess) {
    TemporaryKey key = keys_.issue(std::move(claims), random_);
    return event::RoleKeys{key.pair.access_key_id, key.pair.secret_access_key, key.session_token,
                           TimePoint::max()};
  }
  if (in.lifetime < event::kRoleLifetimeMin || in.lifetime > event::kRoleLifetimeMax) {
    return fail(codes::kInvalidArgument, "credentials of a role live for 15 minutes to 12 hours");
  }
  claims.session.expires_at = clock_.now() + in.lifetime;
  return tokens_.seal(claims, random_);
}

void Identities::revoke(store::Batch& batch, const std::string& access_key_id) const {
  if (!access_key_id.starts_with("ASIA") || keys_.temporary(access_key_id) != nullptr) return;
  iam::Service::revoke(batch, access_key_id, clock_.now() + event::kRoleLifetimeMax);
}

void Identities::revoke(std::string access_key_id) {
  if (keys_.temporary(access_key_id) != nullptr) {
    keys_.revoke(access_key_id);
  } else if (access_key_id.starts_with("ASIA")) {
    iam_.revoke(std::move(access_key_id), clock_.now() + event::kRoleLifetimeMax);
  }
}

}  // namespace suiro::server
