// SPDX-License-Identifier: Apache-2.0
// Cron: AWS's cron(minutes hours day-of-month month day-of-week year) over civil time: no zone, no
// instants (Amazon EventBridge User Guide, "Cron expressions").
//
//   field          values           besides , - * /
//   minutes        0-59
//   hours          0-23
//   day of month   1-31             ? L L-n nW LW
//   month          1-12, JAN-DEC
//   day of week    1-7, SUN-SAT     ? L nL n#m         1 is Sunday
//   year           1970-2199
//
// Invariants:
//  1. Exactly one of the two day fields is "?".
//  2. Searches are bounded by the 230 years that the year field knows.
// Thread: immutable. Errors: kInvalidArgument naming field, position and what was expected.
#pragma once

#include <bitset>
#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace suiro::schedule {

inline constexpr int kCronYearMin = 1970;
inline constexpr int kCronYearMax = 2199;

// Minutes of civil time since 1970-01-01T00:00.
using CivilMinutes = std::chrono::local_time<std::chrono::minutes>;

class Cron {
 public:
  // `fields`: what stands in the parentheses. `offset`: its place in the whole text, for messages.
  static Result<Cron> parse(std::string_view fields, size_t offset);

  // The earliest match at or after `from`; nullopt: there is none up to the end of 2199.
  std::optional<CivilMinutes> at_or_after(CivilMinutes from) const;
  // The latest match at or before `from`; nullopt: there is none from 1970 on.
  std::optional<CivilMinutes> at_or_before(CivilMinutes from) const;

 private:
  friend class CronReader;
  // n-th weekday of a month; 0: the last.
  struct Nth {
    unsigned weekday;  // 0: Sunday
    unsigned n;
  };
  struct Time {
    int hour;
    int minute;
  };
  // Bit d is set where day d of that month matches.
  uint32_t days_of(std::chrono::year year, std::chrono::month month) const;
  uint32_t days_by_month(unsigned last_day, std::chrono::year_month month) const;
  uint32_t days_by_week(unsigned last_day, unsigned first_weekday) const;
  std::optional<Time> time_at_or_after(Time from) const;
  std::optional<Time> time_at_or_before(Time from) const;
  bool has_year(int year) const {
    return years_.test(static_cast<size_t>(year) - static_cast<size_t>(kCronYearMin));
  }

  uint64_t minutes_ = 0;
  uint32_t hours_ = 0;
  uint32_t months_ = 0;                  // bits 1..12
  uint32_t days_ = 0;                    // bits 1..31
  uint32_t weekdays_ = 0;                // bits 0..6
  std::vector<unsigned> days_from_end_;  // L: 0, L-2: 2
  std::vector<unsigned> near_days_;      // 3W: 3; LW: 0
  std::vector<Nth> nth_;                 // 6L, 5#2
  bool by_week_ = false;                 // the day of month is "?"
  std::bitset<kCronYearMax - kCronYearMin + 1> years_;
};

}  // namespace suiro::schedule
