// SPDX-License-Identifier: Apache-2.0
// Forecasts: the runs of schedules in the time to come, computed in virtual time, and how those of
// two sets of schedules differ: what a change of definitions will do.
//
// Durations are what past runs of the task took; where there were none a run has none, and overlaps
// and peaks do not count it (Forecast::unknown names such tasks).
// Thread: pure functions.
#pragma once

#include <map>

#include "base/clock.h"
#include "engine/definition/document.h"
#include "engine/schedule/schedule.h"

namespace suiro::definition {

inline constexpr size_t kForecastRunsMax = 2'000'000;
inline constexpr size_t kForecastListedMax = 5;  // times that are listed of each kind

// One schedule of one target.
struct Planned {
  std::string schedule;  // its name
  std::string target;    // the task, function or queue that it starts
  std::string expression;
  std::string zone;
  bool enabled = true;
  std::string overlap = "allow";
  std::optional<TimePoint> start;
  std::optional<TimePoint> end;
  int64_t count = 1;
};
// Errors: kInvalidArgument names schedule, field and what was expected.
Result<schedule::Schedule> schedule_of(const Planned& planned, TimePoint now);
Planned planned_of(const Resource& resource);

struct Load {
  uint32_t cpu_units = 0;
  uint32_t memory_mb = 0;
  std::optional<Millis> duration;  // of past runs: the median
  std::optional<Millis> longest;
};

struct Peak {
  uint64_t value = 0;
  TimePoint at;
};

struct Overlap {
  std::string schedule;
  TimePoint at;  // the run that begins while the one before still runs
  size_t times = 0;
};

// A day on which the zone's clock is changed, and what that does to a schedule.
struct ClockChange {
  std::string schedule;
  std::string zone;
  TimePoint at;  // the instant of the change
  std::string what;
};

struct Forecast {
  std::map<std::string, std::vector<TimePoint>> runs;  // by schedule, ascending
  std::vector<Overlap> overlaps;
  std::vector<ClockChange> clock_changes;
  Peak cpu_units;
  Peak memory_mb;
  std::vector<std::string> unknown;  // tasks without past runs
  bool cut = false;                  // kForecastRunsMax was reached
};

// Errors: those of schedule_of().
Result<Forecast> forecast(const std::vector<Planned>& schedules,
                          const std::map<std::string, Load>& loads, TimePoint from, TimePoint to);

struct Moved {
  TimePoint from;
  TimePoint to;
};
struct Difference {
  std::string schedule;
  std::vector<TimePoint> added;
  std::vector<TimePoint> dropped;
  std::vector<Moved> moved;  // dropped and added within one UTC day, in order
  bool empty() const { return added.empty() && dropped.empty() && moved.empty(); }
};
std::vector<Difference> compare(const Forecast& before, const Forecast& after);

}  // namespace suiro::definition
