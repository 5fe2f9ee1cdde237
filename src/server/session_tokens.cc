// SPDX-License-Identifier: Apache-2.0
#include "server/session_tokens.h"

#include <boost/json.hpp>

#include "base/digest.h"

namespace suiro::server {
namespace {

namespace json = boost::json;

constexpr char kFormat = 1;
constexpr size_t kMacBytes = 32;
constexpr size_t kSecretChars = 40;
constexpr std::string_view kKeyLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

int64_t number_of(TimePoint time) {
  return time.time_since_epoch().count();
}

json::object to_json(const SessionClaims& claims) {
  const shapes::Session& s = claims.session;
  json::array arns, tags;
  for (const std::string& arn : s.policy_arns) arns.emplace_back(arn);
  for (const auto& [key, value] : s.tags) tags.push_back(json::array{key, value});
  return {{"of", static_cast<int>(claims.of)},
          {"owner_id", claims.owner_id},
          {"owner", claims.owner},
          {"holder", claims.holder_arn},
          {"role", s.role_arn},
          {"role_id", s.role_id},
          {"name", s.name},
          {"policy", s.policy},
          {"policies", std::move(arns)},
          {"tags", std::move(tags)},
          {"source", s.source_identity},
          {"issued", number_of(s.issued_at)},
          {"expires", number_of(s.expires_at)}};
}

// Only of text whose MAC is right: it is our own, of this version or of another one of ours.
SessionClaims from_json(const json::object& object) {
  auto text = [&](std::string_view name) { return std::string(object.at(name).as_string()); };
  auto time = [&](std::string_view name) {
    return TimePoint(Millis(object.at(name).to_number<int64_t>()));
  };
  SessionClaims claims;
  claims.of = static_cast<SessionClaims::Of>(object.at("of").to_number<uint8_t>());
  claims.owner_id = text("owner_id");
  claims.owner = text("owner");
  claims.holder_arn = text("holder");
  shapes::Session& s = claims.session;
  s.role_arn = text("role");
  s.role_id = text("role_id");
  s.name = text("name");
  s.policy = text("policy");
  for (const auto& arn : object.at("policies").as_array()) {
    s.policy_arns.emplace_back(arn.as_string());
  }
  for (const auto& tag : object.at("tags").as_array()) {
    s.tags.emplace_back(tag.as_array().at(0).as_string(), tag.as_array().at(1).as_string());
  }
  s.source_identity = text("source");
  s.issued_at = time("issued");
  s.expires_at = time("expires");
  return claims;
}

}  // namespace

SessionTokens::SessionTokens(std::string_view root_secret)
    : mac_key_(hmac_sha256(root_secret, "suiro session token")),
      secret_key_(hmac_sha256(root_secret, "suiro session secret")) {}

Bytes SessionTokens::mac_of(std::string_view access_key_id, std::string_view body) const {
  return hmac_sha256(mac_key_, fmt::format("{}\n{}", access_key_id, body));
}

std::string SessionTokens::secret_of(std::string_view access_key_id) const {
  return base64_encode(hmac_sha256(secret_key_, access_key_id)).substr(0, kSecretChars);
}

event::RoleKeys SessionTokens::seal(const SessionClaims& claims, Random& random) const {
  event::RoleKeys out;
  out.access_key_id = "ASIA" + random.text(16, kKeyLetters);
  out.secret_access_key = secret_of(out.access_key_id);
  Bytes body = Bytes(1, kFormat) + json::serialize(to_json(claims));
  out.session_token = base64_encode(mac_of(out.access_key_id, body) + body);
  out.expires_at = claims.session.expires_at;
  return out;
}

std::optional<SessionClaims> SessionTokens::open(std::string_view access_key_id,
                                                 std::string_view token) const {
  auto bytes = base64_decode(token);
  if (!bytes || bytes->size() <= kMacBytes) return std::nullopt;
  std::string_view mac = std::string_view(*bytes).substr(0, kMacBytes);
  std::string_view body = std::string_view(*bytes).substr(kMacBytes);
  if (!equal_constant_time(mac, mac_of(access_key_id, body))) return std::nullopt;
  if (body.front() != kFormat) return std::nullopt;
  try {
    return from_json(json::parse(json::string_view(body.substr(1))).as_object());
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace suiro::server
