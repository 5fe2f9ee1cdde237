// SPDX-License-Identifier: Apache-2.0
// Zones as SimpleDateFormat reads them: names that stand for one offset, GMT+hh:mm, RFC 822 and
// ISO 8601 offsets.
#include <array>

#include "base/bytes.h"
#include "engine/sql/calendar.h"
#include "engine/sql/date_format.h"

namespace suiro::sql {
namespace {

struct Zone {
  std::string_view name;
  int minutes;
};
// Longer names stand before those that they begin with.
constexpr std::array<Zone, 52> kZones = {{
    {"Coordinated Universal Time", 0},
    {"Greenwich Mean Time", 0},
    {"Pacific Standard Time", -480},
    {"Pacific Daylight Time", -420},
    {"Mountain Standard Time", -420},
    {"Mountain Daylight Time", -360},
    {"Central Standard Time", -360},
    {"Central Daylight Time", -300},
    {"Eastern Standard Time", -300},
    {"Eastern Daylight Time", -240},
    {"Central European Summer Time", 120},
    {"Central European Time", 60},
    {"Japan Standard Time", 540},
    {"UTC", 0},
    {"UCT", 0},
    {"GMT", 0},
    {"WEST", 60},
    {"WET", 0},
    {"PST", -480},
    {"PDT", -420},
    {"MST", -420},
    {"MDT", -360},
    {"CST", -360},
    {"CDT", -300},
    {"EST", -300},
    {"EDT", -240},
    {"AST", -240},
    {"ADT", -180},
    {"NST", -210},
    {"NDT", -150},
    {"AKST", -540},
    {"AKDT", -480},
    {"HST", -600},
    {"BRT", -180},
    {"ART", -180},
    {"BST", 60},
    {"CEST", 120},
    {"CET", 60},
    {"MEST", 120},
    {"MET", 60},
    {"EEST", 180},
    {"EET", 120},
    {"MSK", 180},
    {"SAST", 120},
    {"IST", 330},
    {"ICT", 420},
    {"SGT", 480},
    {"HKT", 480},
    {"JST", 540},
    {"KST", 540},
    {"AEST", 600},
    {"NZST", 720},
}};

int digit(std::string_view text, size_t at) {
  return at < text.size() && text[at] >= '0' && text[at] <= '9' ? text[at] - '0' : -1;
}

// [+-]h, [+-]hh, [+-]hhmm, [+-]h:mm, [+-]hh:mm.
ZoneText offset_at(std::string_view text) {
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return {};
  size_t at = 1;
  int hours = 0;
  for (; at < 3 && digit(text, at) >= 0; ++at) hours = hours * 10 + digit(text, at);
  if (at == 1 || hours > 23) return {};
  const bool colon = at < text.size() && text[at] == ':';
  const size_t minutes_at = colon ? at + 1 : at;
  int minutes = 0;
  if ((colon || at == 3) && digit(text, minutes_at) >= 0 && digit(text, minutes_at + 1) >= 0) {
    minutes = digit(text, minutes_at) * 10 + digit(text, minutes_at + 1);
    if (minutes > 59) return {};
    at = minutes_at + 2;
  }
  const int64_t offset = hours * kHourMs + minutes * kMinuteMs;
  return {.bytes = at, .offset_ms = text[0] == '-' ? -offset : offset};
}

}  // namespace

ZoneText read_zone(std::string_view text) {
  if (const auto offset = offset_at(text); offset.bytes > 0) return offset;
  for (const auto& zone : kZones) {
    if (!equal_ignore_case(text.substr(0, zone.name.size()), zone.name)) continue;
    if (zone.name == "GMT" || zone.name == "UTC") {
      const auto offset = offset_at(text.substr(3));
      if (offset.bytes > 0) return {.bytes = 3 + offset.bytes, .offset_ms = offset.offset_ms};
    }
    return {.bytes = zone.name.size(), .offset_ms = zone.minutes * kMinuteMs};
  }
  if (text.starts_with('Z')) return {.bytes = 1, .offset_ms = 0};
  return {};
}

}  // namespace suiro::sql
