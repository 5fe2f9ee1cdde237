// SPDX-License-Identifier: Apache-2.0
#include "engine/workflow/timestamp.h"

namespace suiro::workflow {
namespace {

constexpr size_t kOffset = 6;

// "+02:00"
bool is_offset(std::string_view text) {
  return (text[0] == '+' || text[0] == '-') && text[3] == ':' && text.substr(1, 2) < "24" &&
         text.substr(4, 2) < "60";
}

}  // namespace

std::optional<TimePoint> parse_timestamp(std::string_view text) {
  constexpr size_t kTime = 10;     // "T"
  constexpr size_t kLeast = 20;    // up to "Z"
  constexpr size_t kLongest = 40;  // digits of a fraction
  if (text.size() < kLeast || text.size() > kLongest || text[kTime] != 'T') return std::nullopt;
  if (text.back() != 'Z' && !is_offset(text.substr(text.size() - kOffset))) return std::nullopt;
  auto time = parse_iso8601(text);
  if (!time) return std::nullopt;
  return *time;
}

}  // namespace suiro::workflow
