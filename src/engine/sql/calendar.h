// SPDX-License-Identifier: Apache-2.0
// The proleptic Gregorian calendar in 64-bit days, as TIMESTAMP's range of hundreds of millions of
// years needs it. Pure functions; any thread.
#pragma once

#include <cstdint>

#include "engine/sql/type.h"

namespace suiro::sql {

inline constexpr int64_t kSecondMs = 1'000;
inline constexpr int64_t kMinuteMs = 60 * kSecondMs;
inline constexpr int64_t kHourMs = 60 * kMinuteMs;
inline constexpr int64_t kDayMs = 24 * kHourMs;
// Years beyond this are refused, so that no sum of milliseconds overflows.
inline constexpr int64_t kYearMax = 290'000'000;

// Length of a unit from DAY on; of YEAR and MONTH: 1.
constexpr int64_t unit_ms(TimeUnit unit) {
  constexpr int64_t kLengths[] = {1, 1, kDayMs, kHourMs, kMinuteMs, kSecondMs};
  return kLengths[static_cast<size_t>(unit)];
}
// What an interval that ends in the unit counts: ms behind seconds' point.
constexpr int64_t trailing_ms(TimeUnit unit) {
  return unit == TimeUnit::kSecond ? 1 : unit_ms(unit);
}

struct CivilDate {
  int64_t year = 1970;
  int month = 1;  // 1..12
  int day = 1;    // 1..31
};

// Rounds towards minus infinity; `divisor` > 0.
constexpr int64_t floor_div(int64_t value, int64_t divisor) {
  const int64_t quotient = value / divisor;
  return value % divisor < 0 ? quotient - 1 : quotient;
}
constexpr int64_t floor_mod(int64_t value, int64_t divisor) {
  const int64_t rest = value % divisor;
  return rest < 0 ? rest + divisor : rest;
}

// Days since 1970-01-01. A day outside the month counts on: (2012, 2, 30) is March 1.
constexpr int64_t days_of(int64_t year, int month, int64_t day) {
  const int64_t y = month <= 2 ? year - 1 : year;
  const int64_t era = floor_div(y, 400);
  const int64_t year_of_era = y - era * 400;
  const int64_t month_from_march = month > 2 ? month - 3 : month + 9;
  const int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

constexpr CivilDate date_of(int64_t days) {
  days += 719'468;
  const int64_t era = floor_div(days, 146'097);
  const int64_t day_of_era = days - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted = (5 * day_of_year + 2) / 153;
  const int month = static_cast<int>(shifted < 10 ? shifted + 3 : shifted - 9);
  return {.year = year_of_era + era * 400 + (month <= 2 ? 1 : 0),
          .month = month,
          .day = static_cast<int>(day_of_year - (153 * shifted + 2) / 5 + 1)};
}

constexpr bool is_leap(int64_t year) {
  return floor_mod(year, 4) == 0 && (floor_mod(year, 100) != 0 || floor_mod(year, 400) == 0);
}
constexpr int days_in_month(int64_t year, int month) {
  if (month == 2) return is_leap(year) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}
// 0 = Sunday.
constexpr int weekday_of(int64_t days) {
  return static_cast<int>(floor_mod(days + 4, 7));
}
// The same day of another month, or that month's last (SQL: January 31 + 1 month).
constexpr int64_t add_months(int64_t days, int64_t months) {
  const CivilDate date = date_of(days);
  const int64_t count = date.year * 12 + (date.month - 1) + months;
  const int64_t year = floor_div(count, 12);
  const int month = static_cast<int>(floor_mod(count, 12)) + 1;
  const int last = days_in_month(year, month);
  return days_of(year, month, date.day < last ? date.day : last);
}

// Whole months from one time to another, counted as SQL does: only full ones.
constexpr int64_t months_between(int64_t from_ms, int64_t to_ms) {
  const CivilDate from = date_of(floor_div(from_ms, kDayMs));
  const CivilDate to = date_of(floor_div(to_ms, kDayMs));
  const int64_t months = (to.year - from.year) * 12 + to.month - from.month;
  const int64_t rest =
      (to.day - from.day) * kDayMs + floor_mod(to_ms, kDayMs) - floor_mod(from_ms, kDayMs);
  if (months > 0 && rest < 0) return months - 1;
  if (months < 0 && rest > 0) return months + 1;
  return months;
}

}  // namespace suiro::sql
