// SPDX-License-Identifier: Apache-2.0
#include "services/ecr/tokens.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>

#include "base/digest.h"

namespace suiro::ecr {
namespace {

namespace json = boost::json;

int64_t millis_of(TimePoint time) {
  return time.time_since_epoch().count();
}

// Not before the proof was checked: until then it is anybody's text.
bool is_over(std::string_view end, TimePoint now) {
  int64_t end_ms = 0;
  auto [stop, error] = std::from_chars(end.data(), end.data() + end.size(), end_ms);
  return error != std::errc() || stop != end.data() + end.size() || end_ms <= millis_of(now);
}

json::object to_json(const shapes::Principal& caller) {
  json::object out{{"kind", static_cast<int>(caller.kind)},
                   {"account", caller.account},
                   {"arn", caller.arn},
                   {"user_id", caller.user_id}};
  if (caller.session == nullptr) return out;
  const shapes::Session& s = *caller.session;
  json::array arns, tags;
  for (const std::string& arn : s.policy_arns) arns.emplace_back(arn);
  for (const auto& [key, value] : s.tags) tags.push_back(json::array{key, value});
  out["session"] = json::object{{"role", s.role_arn},
                                {"role_id", s.role_id},
                                {"name", s.name},
                                {"policy", s.policy},
                                {"policies", std::move(arns)},
                                {"tags", std::move(tags)},
                                {"source", s.source_identity},
                                {"issued", millis_of(s.issued_at)}};
  return out;
}

// Only of text whose proof is right. Throws where it is of another version.
shapes::Principal from_json(const json::object& object) {
  auto text = [](const json::object& from, std::string_view name) {
    return std::string(from.at(name).as_string());
  };
  shapes::Principal out;
  out.kind = static_cast<shapes::Principal::Kind>(object.at("kind").to_number<uint8_t>());
  out.account = text(object, "account");
  out.arn = text(object, "arn");
  out.user_id = text(object, "user_id");
  const json::value* inner = object.if_contains("session");
  if (inner == nullptr) return out;
  const json::object& from = inner->as_object();
  shapes::Session session;
  session.role_arn = text(from, "role");
  session.role_id = text(from, "role_id");
  session.name = text(from, "name");
  session.policy = text(from, "policy");
  for (const auto& arn : from.at("policies").as_array()) {
    session.policy_arns.emplace_back(arn.as_string());
  }
  for (const auto& tag : from.at("tags").as_array()) {
    session.tags.emplace_back(tag.as_array().at(0).as_string(), tag.as_array().at(1).as_string());
  }
  session.source_identity = text(from, "source");
  session.issued_at = TimePoint(Millis(from.at("issued").to_number<int64_t>()));
  out.session = std::make_shared<const shapes::Session>(std::move(session));
  return out;
}

}  // namespace

std::string Tokens::proof(std::string_view what) const {
  return hex_encode(hmac_sha256(secret_, what));
}

std::string Tokens::password(const shapes::Principal& caller, TimePoint end) const {
  std::string head =
      fmt::format("{}.{}", millis_of(end), hex_encode(json::serialize(to_json(caller))));
  return fmt::format("{}.{}", head, proof("password " + head));
}

std::optional<shapes::Principal> Tokens::caller_of(std::string_view text, TimePoint now) const {
  size_t dot = text.rfind('.');
  if (dot == text.npos || secret_.empty()) return std::nullopt;
  std::string_view head = text.substr(0, dot);
  if (!equal_constant_time(text.substr(dot + 1), proof(fmt::format("password {}", head)))) {
    return std::nullopt;
  }
  size_t end = head.find('.');
  if (end == head.npos || is_over(head.substr(0, end), now)) return std::nullopt;
  auto caller = hex_decode(head.substr(end + 1));
  if (!caller) return std::nullopt;
  try {
    return from_json(json::parse(json::string_view(*caller)).as_object());
  } catch (const std::exception&) {
    return std::nullopt;  // of a version that told the ARN alone
  }
}

std::string Tokens::link(std::string_view repository, std::string_view digest,
                         TimePoint end) const {
  std::string what = fmt::format("link {} {} {}", repository, digest, millis_of(end));
  return fmt::format("end={}&proof={}", millis_of(end), proof(what));
}

bool Tokens::is_link(std::string_view repository, std::string_view digest, std::string_view end,
                     std::string_view given, TimePoint now) const {
  if (secret_.empty()) return false;
  std::string what = fmt::format("link {} {} {}", repository, digest, end);
  return equal_constant_time(given, proof(what)) && !is_over(end, now);
}

}  // namespace suiro::ecr
