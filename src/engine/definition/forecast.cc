// SPDX-License-Identifier: Apache-2.0
#include "engine/definition/forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "engine/definition/calls.h"

namespace suiro::definition {
namespace {

// Begins and ends of runs, as one sweep over time.
struct Step {
  TimePoint at;
  int64_t cpu_units;
  int64_t memory_mb;
};

void raise(Peak& peak, int64_t value, TimePoint at) {
  if (value > static_cast<int64_t>(peak.value)) peak = {static_cast<uint64_t>(value), at};
}

void find_peaks(std::vector<Step> steps, Forecast& out) {
  // What ends makes room before what begins at the same time.
  std::ranges::sort(steps, {},
                    [](const Step& s) { return std::tuple(s.at, s.cpu_units, s.memory_mb); });
  int64_t cpu_units = 0, memory_mb = 0;
  for (const Step& step : steps) {
    cpu_units += step.cpu_units;
    memory_mb += step.memory_mb;
    raise(out.cpu_units, cpu_units, step.at);
    raise(out.memory_mb, memory_mb, step.at);
  }
}

void find_overlap(const Planned& planned, const std::vector<TimePoint>& runs, Millis longest,
                  Forecast& out) {
  Overlap overlap{.schedule = planned.schedule};
  for (size_t i = 1; i < runs.size(); ++i) {
    if (runs[i] - runs[i - 1] >= longest) continue;
    if (overlap.times++ == 0) overlap.at = runs[i];
  }
  if (overlap.times > 0) out.overlaps.push_back(std::move(overlap));
}

// How many civil times of the schedule lie in [from, to).
size_t civil_times(const schedule::Schedule& schedule, CivilTime from, CivilTime to) {
  schedule::Schedule civil({.expression = schedule.options().expression});
  size_t count = 0;
  auto instant = [](CivilTime time) { return TimePoint(time.time_since_epoch()); };
  for (TimePoint at : civil.between(instant(from), instant(to))) {
    count += at >= instant(from) ? 1 : 0;
  }
  return count;
}

void find_clock_changes(const Planned& planned, const schedule::Schedule& schedule, TimePoint from,
                        TimePoint to, Forecast& out) {
  if (!schedule.options().expression.is_cron()) return;
  const TimeZone& zone = schedule.options().zone;
  for (auto change = zone.next_change(from); change && change->at < to;
       change = zone.next_change(change->at)) {
    auto civil = [&](std::chrono::seconds offset) {
      return CivilTime(change->at.time_since_epoch() + offset);
    };
    bool skips = change->after > change->before;
    CivilTime low = civil(std::min(change->before, change->after));
    CivilTime high = civil(std::max(change->before, change->after));
    size_t runs = civil_times(schedule, low, high);
    auto minutes = std::chrono::duration_cast<std::chrono::minutes>(high - low).count();
    std::string effect = "no run of it lies there";
    if (runs > 0) {
      effect = skips ? fmt::format("{} planned in them left out", runs)
                     : fmt::format("{} in them start once, at the first", runs);
    }
    out.clock_changes.push_back(
        {planned.schedule, planned.zone, change->at,
         fmt::format("the clock {} {} minutes{}: {}", skips ? "skips" : "shows", minutes,
                     skips ? "" : " twice", effect)});
  }
}

std::optional<TimePoint> time_at(const json::object& properties, std::string_view name) {
  std::string text = text_at(properties, name);
  if (text.empty()) return std::nullopt;
  auto time = parse_iso8601(text);
  return time ? std::optional(*time) : std::nullopt;
}

}  // namespace

Planned planned_of(const Resource& resource) {
  const json::object& p = resource.properties;
  Planned out;
  out.schedule = resource.name;
  for (const char* target : {"task", "function", "queue"}) {
    if (std::string name = text_at(p, target); !name.empty()) out.target = name;
  }
  out.expression = text_at(p, "expression");
  out.zone = text_at(p, "timezone", "UTC");
  out.enabled = boolean_at(p, "enabled");
  out.overlap = text_at(p, "overlap", "allow");
  out.start = time_at(p, "start");
  out.end = time_at(p, "end");
  out.count = integer_at(p, "count", 1);
  return out;
}

Result<schedule::Schedule> schedule_of(const Planned& planned, TimePoint now) {
  auto named = [&](Error error) {
    error.message = fmt::format("schedule {}: {}", planned.schedule, error.message);
    return fail(std::move(error));
  };
  auto expression = schedule::Expression::parse(planned.expression, schedule::Dialect::kScheduler);
  if (!expression) return named(std::move(expression).error());
  auto zone = TimeZone::load(planned.zone);
  if (!zone) return named(std::move(zone).error());
  return schedule::Schedule({.expression = *std::move(expression),
                             .zone = *std::move(zone),
                             .rate_from = planned.start.value_or(now),
                             .start = planned.start,
                             .end = planned.end});
}

Result<Forecast> forecast(const std::vector<Planned>& schedules,
                          const std::map<std::string, Load>& loads, TimePoint from, TimePoint to) {
  Forecast out;
  std::vector<Step> steps;
  std::set<std::string> unknown;
  size_t total = 0;
  for (const Planned& planned : schedules) {
    TRY(schedule::Schedule schedule, schedule_of(planned, from));
    if (!planned.enabled) continue;
    auto& runs = out.runs[planned.schedule];
    for (TimePoint at : schedule.between(from, to)) {
      if (++total > kForecastRunsMax) {
        out.cut = true;
        break;
      }
      runs.push_back(at);
    }
    find_clock_changes(planned, schedule, from, to, out);
    auto load = loads.find(planned.target);
    if (load == loads.end()) continue;
    const Load& l = load->second;
    if (!l.duration) {
      unknown.insert(planned.target);
      continue;
    }
    if (planned.overlap == "allow")
      find_overlap(planned, runs, l.longest.value_or(*l.duration), out);
    auto cpu_units = static_cast<int64_t>(l.cpu_units) * planned.count;
    auto memory_mb = static_cast<int64_t>(l.memory_mb) * planned.count;
    for (TimePoint at : runs) {
      steps.push_back({at, cpu_units, memory_mb});
      steps.push_back({at + *l.duration, -cpu_units, -memory_mb});
    }
  }
  find_peaks(std::move(steps), out);
  out.unknown.assign(unknown.begin(), unknown.end());
  return out;
}

std::vector<Difference> compare(const Forecast& before, const Forecast& after) {
  static const std::vector<TimePoint> kNone;
  std::set<std::string> names;
  for (const auto& [name, runs] : before.runs) names.insert(name);
  for (const auto& [name, runs] : after.runs) names.insert(name);
  auto runs_of = [](const Forecast& forecast, const std::string& name) -> const auto& {
    auto found = forecast.runs.find(name);
    return found == forecast.runs.end() ? kNone : found->second;
  };
  std::vector<Difference> out;
  for (const std::string& name : names) {
    const auto& old_runs = runs_of(before, name);
    const auto& new_runs = runs_of(after, name);
    Difference difference{.schedule = name};
    std::vector<TimePoint> added, dropped;
    std::ranges::set_difference(new_runs, old_runs, std::back_inserter(added));
    std::ranges::set_difference(old_runs, new_runs, std::back_inserter(dropped));
    size_t i = 0, j = 0;
    auto day = [](TimePoint time) { return std::chrono::floor<std::chrono::days>(time); };
    while (i < dropped.size() && j < added.size()) {
      if (day(dropped[i]) == day(added[j])) {
        difference.moved.push_back({dropped[i++], added[j++]});
      } else if (dropped[i] < added[j]) {
        difference.dropped.push_back(dropped[i++]);
      } else {
        difference.added.push_back(added[j++]);
      }
    }
    difference.dropped.insert(difference.dropped.end(), dropped.begin() + i, dropped.end());
    difference.added.insert(difference.added.end(), added.begin() + j, added.end());
    if (!difference.empty()) out.push_back(std::move(difference));
  }
  return out;
}

}  // namespace suiro::definition
