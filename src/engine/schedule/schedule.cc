// SPDX-License-Identifier: Apache-2.0
#include "engine/schedule/schedule.h"

#include <algorithm>

namespace suiro::schedule {
namespace {

using std::chrono::floor;
using std::chrono::minutes;

// The end of the year 9999: later times have no text form.
constexpr TimePoint kLatest = std::chrono::sys_days(std::chrono::year(9999) / 12 / 31);
constexpr TimePoint kEarliest = std::chrono::sys_days(std::chrono::year(0) / 1 / 1);

}  // namespace

CivilTime Schedule::civil_reached(TimePoint time) const {
  const CivilTime shown = options_.zone.civil_at(time);
  // While a repeated hour is shown again, all of it was reached already.
  const auto change = options_.zone.last_change(time);
  if (!change) return shown;
  return std::max(shown, CivilTime(change->at.time_since_epoch() + change->before) - Millis(1));
}

std::optional<TimePoint> Schedule::next_cron(TimePoint after) const {
  const Cron& cron = options_.expression.cron();
  CivilMinutes from = floor<minutes>(civil_reached(after)) + minutes(1);
  for (auto civil = cron.at_or_after(from); civil; civil = cron.at_or_after(*civil + minutes(1))) {
    const auto instants = options_.zone.instants_of(*civil);
    if (instants.count > 0 && instants.first > after) return instants.first;
  }
  return std::nullopt;
}

std::optional<TimePoint> Schedule::previous_cron(TimePoint before) const {
  const Cron& cron = options_.expression.cron();
  const CivilMinutes from = floor<minutes>(civil_reached(before));
  for (auto civil = cron.at_or_before(from); civil;
       civil = cron.at_or_before(*civil - minutes(1))) {
    const auto instants = options_.zone.instants_of(*civil);
    if (instants.count > 0 && instants.first < before) return instants.first;
  }
  return std::nullopt;
}

std::optional<TimePoint> Schedule::next_unbounded(TimePoint after) const {
  const Expression& expression = options_.expression;
  if (expression.is_cron()) return next_cron(after);
  if (expression.is_at()) {
    const auto instants = options_.zone.instants_of(expression.civil_time());
    if (instants.count > 0 && instants.first > after) return instants.first;
    return std::nullopt;
  }
  const TimePoint first = options_.rate_from;
  if (after < first) return first;
  const Millis period = expression.period();
  return first + ((after - first) / period + 1) * period;
}

std::optional<TimePoint> Schedule::previous_unbounded(TimePoint before) const {
  const Expression& expression = options_.expression;
  if (expression.is_cron()) return previous_cron(before);
  if (expression.is_at()) {
    const auto instants = options_.zone.instants_of(expression.civil_time());
    if (instants.count > 0 && instants.first < before) return instants.first;
    return std::nullopt;
  }
  const TimePoint first = options_.rate_from;
  if (before <= first) return std::nullopt;
  const Millis period = expression.period();
  return first + (before - first - Millis(1)) / period * period;
}

std::optional<TimePoint> Schedule::next(TimePoint after) const {
  if (options_.start) after = std::max(after, *options_.start - Millis(1));
  after = std::clamp(after, kEarliest, kLatest);
  const auto found = next_unbounded(after);
  if (!found || *found > kLatest || (options_.end && *found > *options_.end)) return std::nullopt;
  return found;
}

std::optional<TimePoint> Schedule::previous(TimePoint before) const {
  if (options_.end) before = std::min(before, *options_.end + Millis(1));
  before = std::clamp(before, kEarliest, kLatest + Millis(1));
  const auto found = previous_unbounded(before);
  if (!found || (options_.start && *found < *options_.start)) return std::nullopt;
  return found;
}

}  // namespace suiro::schedule
