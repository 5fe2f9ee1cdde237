// SPDX-License-Identifier: Apache-2.0
// Where the windows of groups and sorts begin and end: Windows of plan.h.
#include "engine/sql/calendar.h"
#include "engine/sql/operator.h"

namespace suiro::sql {

int64_t Windows::start(int64_t time_ms) const {
  const int64_t from_ms = time_ms - offset_ms;
  if (months == 0) return time_ms - floor_mod(from_ms, width_ms);
  const CivilDate date = date_of(floor_div(from_ms, kDayMs));
  const int64_t count = (date.year - 1970) * 12 + date.month - 1;
  return months_start(count - floor_mod(count, months));
}

int64_t Windows::end(int64_t time_ms) const {
  const int64_t start_ms = start(time_ms);
  if (months == 0) return add_time(start_ms, width_ms);
  const CivilDate date = date_of(floor_div(start_ms - offset_ms, kDayMs));
  return months_start((date.year - 1970) * 12 + date.month - 1 + months);
}

// `count`: since January 1970.
int64_t Windows::months_start(int64_t count) const {
  const int64_t days =
      days_of(1970 + floor_div(count, 12), static_cast<int>(floor_mod(count, 12)) + 1, 1);
  return add_time(days * kDayMs, offset_ms);
}

}  // namespace suiro::sql
