// SPDX-License-Identifier: Apache-2.0
#include "services/scheduler/plan.h"

#include "base/random.h"
#include "services/scheduler/errors.h"

namespace suiro::scheduler {
namespace {

constexpr std::string_view kSuperseded = "missed: a later run was due, too";
constexpr std::string_view kTooLate = "missed: later than its schedule allows";
constexpr std::string_view kNoCatchup = "missed: its schedule does not catch up";

// Why a run that is late is not to begin; empty: it is.
std::string_view why_missed(const Policy& policy, Millis late, bool superseded) {
  if (late <= kOnTime) return {};
  if (policy.catchup == Catchup::kNone) return kNoCatchup;
  if (policy.catchup == Catchup::kLast && superseded) return kSuperseded;
  return late > policy.max_delay ? kTooLate : std::string_view();
}

Result<Millis> window_of(const shape::FlexibleTimeWindow& window) {
  if (window.mode == "OFF") {
    if (!window.maximum_window_in_minutes) return Millis(0);
    return invalid(
        "MaximumWindowInMinutes must not be provided when FlexibleTimeWindowMode is set to OFF.");
  }
  if (window.maximum_window_in_minutes) {
    return Millis(std::chrono::minutes(*window.maximum_window_in_minutes));
  }
  return invalid(
      "MaximumWindowInMinutes must be provided when FlexibleTimeWindowMode is set to FLEXIBLE.");
}

}  // namespace

Result<TimeZone> Zones::get(const std::string& name) {
  auto& known = by_shard_[shards_.current()];
  if (const auto found = known.find(name); found != known.end()) return found->second;
  TRY(TimeZone zone, TimeZone::load(name));
  if (known.size() >= kZonesMax) known.clear();
  known.emplace(name, zone);
  return zone;
}

Result<Plan> Plan::compile(const shape::CreateScheduleInput& in, TimePoint rate_from,
                           Zones& zones) {
  auto expression =
      schedule::Expression::parse(in.schedule_expression, schedule::Dialect::kScheduler);
  // AWS's text alone, since clients compare it; what is wrong is a member of its own.
  if (!expression) {
    return fail(
        Error{.code = "ValidationException",
              .message = fmt::format("Invalid Schedule Expression {}.", in.schedule_expression),
              .details = {{"Reason", std::move(expression).error().message}}});
  }
  const std::string name = in.schedule_expression_timezone.value_or("UTC");
  auto zone = zones.get(name);
  if (!zone) return invalid(fmt::format("Invalid Schedule Expression Timezone {}.", name));
  if (expression->is_at() && zone->instants_of(expression->civil_time()).count == 0) {
    return invalid(fmt::format("Invalid Schedule Expression {}: the clocks of {} skip this time.",
                               in.schedule_expression, name));
  }
  TRY(Millis window, window_of(in.flexible_time_window));
  const bool one_time = expression->is_at();
  if (!one_time && in.start_date && in.end_date && *in.start_date >= *in.end_date) {
    return invalid("The StartDate you specify must come before the EndDate.");
  }
  schedule::Schedule::Options options{
      .expression = *std::move(expression), .zone = *std::move(zone), .rate_from = rate_from};
  // One-time schedules ignore both dates.
  if (!one_time) {
    options.start = in.start_date;
    options.end = in.end_date;
  }
  return Plan(schedule::Schedule(std::move(options)), window);
}

std::optional<Planned> Plan::after(TimePoint time, const Policy& policy, std::string_view salt,
                                   TimePoint not_before) const {
  const auto nominal = schedule_.next(time);
  if (!nominal) return std::nullopt;
  Millis later{0};
  if (const Millis span = window_ + policy.jitter; span > Millis(0)) {
    SeededRandom draw(stable_hash(std::string(salt) + "\n" + format_iso8601(*nominal)));
    later = Millis(draw.below(static_cast<uint64_t>(span.count())));
  }
  return Planned{*nominal, std::max(*nominal + later, not_before)};
}

Step Plan::decide(Planned head, TimePoint now, const Policy& policy, std::string_view salt) const {
  Step step;
  while (step.missed.size() < kMissedAtOnce) {
    const auto following = after(head.nominal, policy, salt, head.due);
    const bool superseded = following && following->due <= now;
    const std::string_view reason = why_missed(policy, now - head.due, superseded);
    if (reason.empty()) {
      step.run = head;
      step.next = following;
      return step;
    }
    step.missed.push_back({head, reason});
    if (!following || following->due > now) {
      step.next = following;
      return step;
    }
    head = *following;
  }
  step.next = head;
  return step;
}

}  // namespace suiro::scheduler
