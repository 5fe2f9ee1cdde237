// SPDX-License-Identifier: Apache-2.0
#include "services/ecr/tokens.h"

#include <fmt/format.h>

#include <charconv>

#include "base/digest.h"

namespace suiro::ecr {
namespace {

int64_t millis_of(TimePoint time) {
  return time.time_since_epoch().count();
}

// Not before the proof was checked: until then it is anybody's text.
bool is_over(std::string_view end, TimePoint now) {
  int64_t end_ms = 0;
  auto [stop, error] = std::from_chars(end.data(), end.data() + end.size(), end_ms);
  return error != std::errc() || stop != end.data() + end.size() || end_ms <= millis_of(now);
}

}  // namespace

std::string Tokens::proof(std::string_view what) const {
  return hex_encode(hmac_sha256(secret_, what));
}

std::string Tokens::password(std::string_view principal, TimePoint end) const {
  std::string head = fmt::format("{}.{}", millis_of(end), hex_encode(principal));
  return fmt::format("{}.{}", head, proof("password " + head));
}

bool Tokens::is_password(std::string_view text, TimePoint now) const {
  size_t dot = text.rfind('.');
  if (dot == text.npos || secret_.empty()) return false;
  std::string_view head = text.substr(0, dot);
  if (!equal_constant_time(text.substr(dot + 1), proof(fmt::format("password {}", head)))) {
    return false;
  }
  return !is_over(head.substr(0, head.find('.')), now);
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
