// SPDX-License-Identifier: Apache-2.0
// Matches of a cron expression, found field by field from the year down.
#include "engine/schedule/cron.h"

#include <bit>

namespace suiro::schedule {
namespace {

using std::chrono::day;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::last;
using std::chrono::local_days;
using std::chrono::minutes;
using std::chrono::month;
using std::chrono::weekday;
using std::chrono::year;
using std::chrono::year_month;
using std::chrono::year_month_day;

constexpr unsigned kSaturday = 6;
constexpr unsigned kSunday = 0;

// The lowest bit at or above `from`, and the highest at or below it; -1: there is none.
int bit_from(uint64_t mask, int from) {
  if (from > 63) return -1;
  mask &= ~uint64_t{0} << from;
  return mask == 0 ? -1 : std::countr_zero(mask);
}
int bit_upto(uint64_t mask, int upto) {
  if (upto < 0) return -1;
  mask &= ~uint64_t{0} >> (63 - upto);
  return mask == 0 ? -1 : 63 - std::countl_zero(mask);
}

uint32_t bit(unsigned n) {
  return uint32_t{1} << n;
}

// The weekday nearest to a day without leaving its month.
unsigned nearest_weekday(unsigned wanted, unsigned last_day, unsigned on) {
  if (on == kSaturday) return wanted == 1 ? 3 : wanted - 1;
  if (on == kSunday) return wanted == last_day ? wanted - 2 : wanted + 1;
  return wanted;
}

CivilMinutes civil(year y, int m, int d, int hour, int minute) {
  const local_days date(y / month(static_cast<unsigned>(m)) / day(static_cast<unsigned>(d)));
  return date + hours(hour) + minutes(minute);
}

struct Split {
  int year, month, day, hour, minute;
};

Split split(CivilMinutes time) {
  const auto midnight = std::chrono::floor<days>(time);
  const year_month_day date(midnight);
  const auto in_day = static_cast<int>((time - midnight).count());
  return {int{date.year()}, static_cast<int>(unsigned{date.month()}),
          static_cast<int>(unsigned{date.day()}), in_day / 60, in_day % 60};
}

}  // namespace

uint32_t Cron::days_by_month(unsigned last_day, year_month of) const {
  uint32_t out = days_;
  for (unsigned back : days_from_end_) {
    if (back < last_day) out |= bit(last_day - back);
  }
  for (unsigned near : near_days_) {
    const unsigned wanted = near == 0 ? last_day : near;
    if (wanted > last_day) continue;
    const unsigned on = weekday(local_days(of / day(wanted))).c_encoding();
    out |= bit(nearest_weekday(wanted, last_day, on));
  }
  return out;
}

uint32_t Cron::days_by_week(unsigned last_day, unsigned first_weekday) const {
  uint32_t out = 0;
  for (unsigned d = 1; d <= last_day; ++d) {
    if ((weekdays_ >> ((first_weekday + d - 1) % 7) & 1) != 0) out |= bit(d);
  }
  for (const Nth& nth : nth_) {
    unsigned d = 1 + (nth.weekday + 7 - first_weekday) % 7;
    if (nth.n > 0) {
      d += 7 * (nth.n - 1);
    } else {
      while (d + 7 <= last_day) d += 7;
    }
    if (d <= last_day) out |= bit(d);
  }
  return out;
}

uint32_t Cron::days_of(year y, month m) const {
  const year_month of = y / m;
  const auto last_day = unsigned{year_month_day(of / last).day()};
  const uint32_t all = static_cast<uint32_t>((uint64_t{1} << (last_day + 1)) - 2);
  if (!by_week_) return days_by_month(last_day, of) & all;
  return days_by_week(last_day, weekday(local_days(of / day(1))).c_encoding()) & all;
}

std::optional<Cron::Time> Cron::time_at_or_after(Time from) const {
  if ((hours_ >> from.hour & 1) != 0) {
    if (int minute = bit_from(minutes_, from.minute); minute >= 0) return Time{from.hour, minute};
  }
  const int hour = bit_from(hours_, from.hour + 1);
  if (hour < 0) return std::nullopt;
  return Time{hour, bit_from(minutes_, 0)};
}

std::optional<Cron::Time> Cron::time_at_or_before(Time from) const {
  if ((hours_ >> from.hour & 1) != 0) {
    if (int minute = bit_upto(minutes_, from.minute); minute >= 0) return Time{from.hour, minute};
  }
  const int hour = bit_upto(hours_, from.hour - 1);
  if (hour < 0) return std::nullopt;
  return Time{hour, bit_upto(minutes_, 59)};
}

std::optional<CivilMinutes> Cron::at_or_after(CivilMinutes from) const {
  Split at = split(std::max(from, civil(year(kCronYearMin), 1, 1, 0, 0)));
  for (int y = at.year; y <= kCronYearMax; ++y) {
    if (!has_year(y)) continue;
    const bool same_year = y == at.year;
    for (int m = bit_from(months_, same_year ? at.month : 1); m > 0; m = bit_from(months_, m + 1)) {
      const bool same_month = same_year && m == at.month;
      const uint32_t mask = days_of(year(y), month(static_cast<unsigned>(m)));
      for (int d = bit_from(mask, same_month ? at.day : 1); d > 0; d = bit_from(mask, d + 1)) {
        const bool same_day = same_month && d == at.day;
        const auto time = time_at_or_after(same_day ? Time{at.hour, at.minute} : Time{0, 0});
        if (time) return civil(year(y), m, d, time->hour, time->minute);
      }
    }
  }
  return std::nullopt;
}

std::optional<CivilMinutes> Cron::at_or_before(CivilMinutes from) const {
  Split at = split(std::min(from, civil(year(kCronYearMax), 12, 31, 23, 59)));
  for (int y = at.year; y >= kCronYearMin; --y) {
    if (!has_year(y)) continue;
    const bool same_year = y == at.year;
    for (int m = bit_upto(months_, same_year ? at.month : 12); m > 0;
         m = bit_upto(months_, m - 1)) {
      const bool same_month = same_year && m == at.month;
      const uint32_t mask = days_of(year(y), month(static_cast<unsigned>(m)));
      for (int d = bit_upto(mask, same_month ? at.day : 31); d > 0; d = bit_upto(mask, d - 1)) {
        const bool same_day = same_month && d == at.day;
        const auto time = time_at_or_before(same_day ? Time{at.hour, at.minute} : Time{23, 59});
        if (time) return civil(year(y), m, d, time->hour, time->minute);
      }
    }
  }
  return std::nullopt;
}

}  // namespace suiro::schedule
