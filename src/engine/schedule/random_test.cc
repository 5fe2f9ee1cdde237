// SPDX-License-Identifier: Apache-2.0
// Random expressions against a matcher that looks at each minute of a year, in zones whose
// clocks change in every way. The civil time of a minute is the C library's; the matcher knows a
// date only, and no search. SUIRO_SCHEDULE_SEED replays a failure.
#include "base/random.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "engine/schedule/schedule.h"

namespace suiro::schedule {
namespace {

using namespace std::chrono;

struct Minute {
  TimePoint at;
  int minute, hour, day, month, weekday, year, last_day;  // weekday 1: Sunday
  bool again;                                             // its civil time was shown before
};

constexpr size_t kBlock = 30;

// A field of an expression, and what it means, made by hand.
using Matches = std::function<bool(const Minute&)>;
struct Field {
  std::string text;
  Matches matches;
};

class Maker {
 public:
  explicit Maker(Random& random) : random_(random) {}

  struct Expected {
    std::string text;
    Matches date;  // of day, month, weekday, year
    Matches time;  // of hour and minute
  };
  Expected expression() {
    const bool by_week = random_.below(2) == 0;
    const Field minute = numbers(0, 59, &Minute::minute, {});
    const Field hour = numbers(0, 23, &Minute::hour, {});
    const Field day = by_week ? Field{"?", anything()} : day_of_month();
    const Field month = numbers(1, 12, &Minute::month, kMonths);
    const Field weekday = by_week ? day_of_week() : Field{"?", anything()};
    const Field year = numbers(2023, 2027, &Minute::year, {}, 2199);
    return {fmt::format("cron({} {} {} {} {} {})", minute.text, hour.text, day.text, month.text,
                        weekday.text, year.text),
            [=](const Minute& m) {
              return day.matches(m) && month.matches(m) && weekday.matches(m) && year.matches(m);
            },
            [=](const Minute& m) { return hour.matches(m) && minute.matches(m); }};
  }

 private:
  using Names = std::vector<std::string>;
  static inline const Names kMonths = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                       "JUL", "aug", "Sep", "OCT", "NOV", "DEC"};
  static inline const Names kWeekdays = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "sat"};

  static Matches anything() {
    return [](const Minute&) { return true; };
  }
  int between(int min, int max) {
    return min + static_cast<int>(random_.below(static_cast<uint64_t>(max - min + 1)));
  }
  std::string name(int value, int min, const Names& names) {
    const bool named = !names.empty() && random_.below(2) == 0;
    return named ? names[static_cast<size_t>(value - min)] : std::to_string(value);
  }

  // Lists of numbers, ranges and steps. `steps_to`: where a step without an end stops.
  Field numbers(int min, int max, int Minute::* part, const Names& names, int steps_to = 0) {
    if (random_.below(3) == 0) return {"*", anything()};
    const int end = std::max(max, steps_to);
    Field out;
    std::vector<Matches> any;
    for (uint64_t left = 1 + random_.below(3); left > 0; --left) {
      int from = between(min, max), to = from, step = 1;
      std::string text = name(from, min, names);
      const auto form = random_.below(4);
      if (form == 1 || form == 2) {
        to = between(from, max);
        text += "-" + name(to, min, names);
      }
      if (form >= 2) {
        step = between(1, std::max(1, (max - min) / 2));
        text += fmt::format("/{}", step);
        if (form == 3) to = end;
      }
      out.text += (any.empty() ? "" : ",") + text;
      any.push_back([=](const Minute& minute) {
        const int value = minute.*part;
        return value >= from && value <= to && (value - from) % step == 0;
      });
    }
    out.matches = [any](const Minute& minute) {
      return std::ranges::any_of(any, [&](auto& one) { return one(minute); });
    };
    return out;
  }

  Field day_of_month() {
    const int n = between(1, 31);
    switch (random_.below(6)) {
      case 0:
        return {"L", [](const Minute& m) { return m.day == m.last_day; }};
      case 1:
        return {fmt::format("L-{}", std::min(n, 30)),
                [back = std::min(n, 30)](const Minute& m) { return m.day == m.last_day - back; }};
      case 2:
        return {"LW", [](const Minute& m) { return is_near(m, m.last_day); }};
      case 3:
        return {fmt::format("{}W", n), [n](const Minute& m) { return is_near(m, n); }};
      default:
        return numbers(1, 31, &Minute::day, {});
    }
  }
  // Whether this minute's day is the working day nearest to day n, told from this day alone.
  static bool is_near(const Minute& m, int n) {
    if (n > m.last_day || m.weekday == 1 || m.weekday == 7) return false;
    if (m.day == n) return true;
    const bool monday = m.weekday == 2, friday = m.weekday == 6;
    if (friday && m.day == n - 1) return true;           // n is a Saturday
    if (monday && m.day == n + 1) return true;           // n is a Sunday
    if (monday && n == 1 && m.day == 3) return true;     // the 1st is a Saturday
    return friday && n == m.last_day && m.day == n - 2;  // the last is a Sunday
  }

  Field day_of_week() {
    const int weekday = between(1, 7), n = between(1, 5);
    switch (random_.below(5)) {
      case 0:
        return {name(weekday, 1, kWeekdays) + "L", [weekday](const Minute& m) {
                  return m.weekday == weekday && m.day > m.last_day - 7;
                }};
      case 1:
        return {fmt::format("{}#{}", name(weekday, 1, kWeekdays), n),
                [=](const Minute& m) { return m.weekday == weekday && (m.day - 1) / 7 + 1 == n; }};
      case 2:
        return {"L", [](const Minute& m) { return m.weekday == 7; }};
      default:
        return numbers(1, 7, &Minute::weekday, kWeekdays);
    }
  }

  Random& random_;
};

// Each minute of the year 2026 as the zone's clock shows it. The library is asked at each half
// hour: at no other time do the clocks of these zones change.
std::vector<Minute> minutes_of(const std::string& zone) {
  setenv("TZ", zone.c_str(), 1);
  tzset();
  std::vector<Minute> out;
  TimePoint latest_civil = TimePoint::min();
  const TimePoint begin = sys_days(2025y / 12 / 31), end = sys_days(2027y / 1 / 2);
  for (TimePoint at = begin; at < end; at += 30min) {
    std::time_t seconds = floor<std::chrono::seconds>(at).time_since_epoch().count();
    std::tm parts = {};
    localtime_r(&seconds, &parts);
    const TimePoint civil = at + std::chrono::seconds(parts.tm_gmtoff);
    const year_month_day_last last(year(parts.tm_year + 1900),
                                   month_day_last(month(static_cast<unsigned>(parts.tm_mon + 1))));
    for (int i = 0; i < static_cast<int>(kBlock); ++i) {
      out.push_back({at + minutes(i), parts.tm_min + i, parts.tm_hour, parts.tm_mday,
                     parts.tm_mon + 1, parts.tm_wday + 1, parts.tm_year + 1900,
                     static_cast<int>(unsigned{last.day()}), civil + minutes(i) <= latest_civil});
      latest_civil = std::max(latest_civil, civil + minutes(i));
    }
  }
  unsetenv("TZ");
  tzset();
  return out;
}

// What is due, by its place among the minutes. A date is looked at once in half an hour: no clock
// changes within one.
std::vector<size_t> due_of(const std::vector<Minute>& minutes, const Maker::Expected& expected) {
  std::vector<size_t> out;
  for (size_t block = 0; block < minutes.size(); block += kBlock) {
    if (!expected.date(minutes[block])) continue;
    for (size_t i = block; i < block + kBlock; ++i) {
      if (!minutes[i].again && expected.time(minutes[i])) out.push_back(i);
    }
  }
  return out;
}

// The minutes [from, to), forwards and backwards.
void compare(const std::vector<Minute>& minutes, const std::vector<size_t>& due,
             const Schedule& schedule, size_t from, size_t to) {
  const std::string& text = schedule.options().expression.text();
  const auto first = std::ranges::lower_bound(due, from), last = std::ranges::lower_bound(due, to);
  const TimePoint begin = minutes[from].at, end = minutes[to - 1].at + 1min;
  auto wanted = first;
  for (TimePoint time : schedule.between(begin, end)) {
    ASSERT_TRUE(wanted != last) << text << " too many: " << format_iso8601(time);
    ASSERT_EQ(time, minutes[*wanted].at) << text << " " << format_iso8601(minutes[*wanted].at);
    ++wanted;
  }
  ASSERT_TRUE(wanted == last) << text << " lacks " << format_iso8601(minutes[*wanted].at);
  auto back = schedule.previous(end);
  for (; wanted != first; back = schedule.previous(*back)) {
    --wanted;
    ASSERT_TRUE(back) << text;
    ASSERT_EQ(*back, minutes[*wanted].at) << text << " " << format_iso8601(minutes[*wanted].at);
  }
  ASSERT_TRUE(!back || *back < begin) << text;
}

// What is due often is looked at near the changes of the clock only: all of a year takes long.
void compare_year(const std::vector<Minute>& minutes, const std::vector<size_t>& due,
                  const Schedule& schedule) {
  constexpr size_t kDueMax = 2000;
  constexpr ptrdiff_t kNear = 2 * 1440;
  if (due.size() <= kDueMax) return compare(minutes, due, schedule, 0, minutes.size());
  compare(minutes, due, schedule, 0, kNear);
  const TimeZone& zone = schedule.options().zone;
  for (auto change = zone.next_change(minutes.front().at); change && change->at < minutes.back().at;
       change = zone.next_change(change->at)) {
    const ptrdiff_t at = (change->at - minutes.front().at) / 1min;
    compare(minutes, due, schedule, static_cast<size_t>(std::max<ptrdiff_t>(0, at - kNear)),
            static_cast<size_t>(std::min<ptrdiff_t>(std::ssize(minutes), at + kNear)));
  }
}

// From any time, not from due times alone.
void compare_anywhere(const std::vector<Minute>& minutes, const std::vector<size_t>& due,
                      const Schedule& schedule, Random& random) {
  const std::string& text = schedule.options().expression.text();
  for (int i = 0; i < 50; ++i) {
    const size_t from = random.below(minutes.size());
    const TimePoint time = minutes[from].at + Millis(random.below(60'000));
    const auto next = std::ranges::upper_bound(due, from);
    const auto found = schedule.next(time);
    if (next != due.end()) {
      ASSERT_TRUE(found) << text;
      EXPECT_EQ(*found, minutes[*next].at) << text << " after " << format_iso8601(time);
    } else {
      EXPECT_TRUE(!found || *found > minutes.back().at) << text;
    }
    const auto before = schedule.previous(time + Millis(1));
    if (next != due.begin()) {
      ASSERT_TRUE(before) << text;
      EXPECT_EQ(*before, minutes[*std::prev(next)].at)
          << text << " before " << format_iso8601(time);
    } else {
      EXPECT_TRUE(!before || *before < minutes.front().at) << text;
    }
  }
}

TEST(RandomScheduleTest, AgreesWithAMatcherOfMinutes) {
  const char* given = std::getenv("SUIRO_SCHEDULE_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : SystemRandom().next();
  SCOPED_TRACE(fmt::format("SUIRO_SCHEDULE_SEED={}", seed));
  SeededRandom random(seed);
  Maker maker(random);
  constexpr int kExpressions = 8;
  for (const char* name : {"Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "Asia/Beirut",
                           "UTC", "Asia/Tokyo", "Europe/Berlin", "America/New_York"}) {
    SCOPED_TRACE(name);
    const auto minutes = minutes_of(name);
    auto zone = TimeZone::load(name);
    ASSERT_TRUE(zone);
    auto check = [&](const Maker::Expected& expected) {
      auto expression = Expression::parse(expected.text, Dialect::kRule);
      ASSERT_TRUE(expression) << expected.text << ": " << expression.error().message;
      const Schedule schedule({.expression = *std::move(expression), .zone = *zone});
      const auto due = due_of(minutes, expected);
      compare_year(minutes, due, schedule);
      compare_anywhere(minutes, due, schedule, random);
    };
    for (int i = 0; i < kExpressions && !testing::Test::HasFatalFailure(); ++i) {
      check(maker.expression());
    }
    const auto every = [](const Minute&) { return true; };
    check({"cron(* * * * ? *)", every, every});
  }
}

}  // namespace
}  // namespace suiro::schedule
