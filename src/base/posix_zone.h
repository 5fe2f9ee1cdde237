// SPDX-License-Identifier: Apache-2.0
// PosixZone: a rule in POSIX's TZ form, with RFC 8536's hours from -167 to 167: the footer of TZif
// files. "EST5EDT,M3.2.0,M11.1.0", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "JST-9".
//
// Thread: a value. Errors: kCorrupt.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace suiro {

struct PosixZone {
  // The day of a year, and the time of that day by the clock that is in force until then.
  struct Turn {
    enum class Form { kWeekday, kJulian, kZeroBased };
    Form form = Form::kWeekday;
    int month = 0;    // kWeekday
    int week = 0;     // kWeekday; 5: the last
    int weekday = 0;  // kWeekday; 0: Sunday
    int day = 0;      // kJulian 1..365 without February 29th, kZeroBased 0..365
    int time_s = 0;
  };
  struct Summer {
    int32_t offset_s = 0;
    Turn begin;
    Turn end;
  };
  int32_t offset_s = 0;  // ahead of UTC
  std::optional<Summer> summer = {};

  static Result<PosixZone> parse(std::string_view text);

  // The two changes of a year in order of their time.
  struct Step {
    int64_t at = 0;  // Unix seconds
    int32_t offset_s = 0;
  };
  // Needs `summer`.
  std::array<Step, 2> steps_of(std::chrono::year year) const;
};

}  // namespace suiro
