// SPDX-License-Identifier: Apache-2.0
// Schedules: cron(...), rate(...) and at(...) expressions, and the instants at which they are due
// (Amazon EventBridge User Guide, "Cron expressions", "Rate expressions"; EventBridge Scheduler
// User Guide, "Schedule types in EventBridge Scheduler").
//
//   auto expression = Expression::parse("cron(30 2 ? * MON-FRI *)", Dialect::kScheduler);
//   Schedule schedule({.expression = *expression, .zone = berlin});
//   for (TimePoint nominal : schedule.between(from, to)) ...
//
// Invariants:
//  1. cron and at name civil times. One that the zone's clock skips is skipped; one that it shows
//     twice is due at the first.
//  2. rate counts real time from its first run: rate(1 day) is 24 hours, whatever the clock does.
//  3. Nominal times ascend strictly, and next() and previous() agree on them.
//  4. Every search ends: cron knows the years up to 2199, rate and at those up to 9999.
// Thread: immutable. Errors: kInvalidArgument naming position, field and what was expected.
#pragma once

#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "base/time_zone.h"
#include "engine/schedule/cron.h"

namespace suiro::schedule {

inline constexpr size_t kExpressionBytesMax = 256;

// kRule: rules of EventBridge know no at(), and rate's unit is singular for 1 and plural otherwise.
// kScheduler: at() too; rate takes either form.
enum class Dialect { kRule, kScheduler };

class Expression {
 public:
  static Result<Expression> parse(std::string_view text, Dialect dialect);

  bool is_cron() const { return std::holds_alternative<Cron>(form_); }
  bool is_rate() const { return std::holds_alternative<Rate>(form_); }
  bool is_at() const { return std::holds_alternative<At>(form_); }
  // Of a rate expression.
  Millis period() const { return std::get<Rate>(form_).period; }
  // Of an at expression: what a clock shows in the schedule's zone.
  CivilTime civil_time() const { return std::get<At>(form_).civil; }
  const Cron& cron() const { return std::get<Cron>(form_); }
  const std::string& text() const { return text_; }

 private:
  struct Rate {
    Millis period;
  };
  struct At {
    CivilTime civil;
  };
  static Result<Rate> parse_rate(std::string_view inner, size_t offset, Dialect dialect);
  static Result<At> parse_at(std::string_view inner, size_t offset);

  std::string text_;
  std::variant<At, Rate, Cron> form_;
};

class Schedule {
 public:
  struct Options {
    Expression expression;
    TimeZone zone = {};
    // The first run of a rate expression: later ones follow at whole periods. For a schedule with a
    // start date that date; for one without, its creation; for a rule its creation plus a period.
    TimePoint rate_from = {};
    // Both inclusive.
    std::optional<TimePoint> start = {};
    std::optional<TimePoint> end = {};
  };
  explicit Schedule(Options options) : options_(std::move(options)) {}

  // The earliest nominal time later than `after`; nullopt: there is none.
  std::optional<TimePoint> next(TimePoint after) const;
  // The latest nominal time earlier than `before`; nullopt: there is none.
  std::optional<TimePoint> previous(TimePoint before) const;

  // The nominal times in [from, to), earliest first, computed as they are asked for. Borrows the
  // schedule.
  class Range;
  Range between(TimePoint from, TimePoint to) const;

  const Options& options() const { return options_; }

 private:
  std::optional<TimePoint> next_unbounded(TimePoint after) const;
  std::optional<TimePoint> previous_unbounded(TimePoint before) const;
  std::optional<TimePoint> next_cron(TimePoint after) const;
  std::optional<TimePoint> previous_cron(TimePoint before) const;
  // Civil times below this one are past at `time`: the clock showed them, or skipped them.
  CivilTime civil_reached(TimePoint time) const;

  Options options_;
};

class Schedule::Range {
 public:
  class Iterator {
   public:
    using value_type = TimePoint;
    using difference_type = std::ptrdiff_t;
    TimePoint operator*() const { return *at_; }
    Iterator& operator++() {
      at_ = range_->bounded(range_->schedule_->next(*at_));
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !at_; }

   private:
    friend class Range;
    const Range* range_ = nullptr;
    std::optional<TimePoint> at_;
  };
  Range(const Schedule& schedule, TimePoint from, TimePoint to)
      : schedule_(&schedule), from_(from), to_(to) {}
  Iterator begin() const {
    Iterator out;
    out.range_ = this;
    out.at_ = bounded(schedule_->next(from_ - Millis(1)));
    return out;
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  std::optional<TimePoint> bounded(std::optional<TimePoint> time) const {
    return time && *time < to_ ? time : std::nullopt;
  }
  const Schedule* schedule_;
  TimePoint from_;
  TimePoint to_;
};

inline Schedule::Range Schedule::between(TimePoint from, TimePoint to) const {
  return {*this, from, to};
}

}  // namespace suiro::schedule
