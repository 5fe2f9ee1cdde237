// SPDX-License-Identifier: Apache-2.0
// What the service keeps. A schedule's settings are kept in the form of the public interface, the
// JSON of CreateSchedule's input; beside it stands what only Suiro knows.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "shapes/gen/scheduler.h"

namespace suiro::scheduler {

namespace shape = shapes::scheduler;
using Tags = std::map<std::string, std::string>;

inline constexpr std::string_view kDefaultGroup = "default";
inline constexpr std::string_view kPrincipal = "scheduler.amazonaws.com";
inline constexpr std::string_view kRunTimer = "scheduler.run";
inline constexpr std::string_view kGroupTimer = "scheduler.group";

struct Group {
  std::string name;
  TimePoint created;
  TimePoint modified;
  bool deleting = false;
  std::string client_token;
  Tags tags;
};

// A run that was not handled yet: which time it stands for, and when it begins.
struct Planned {
  TimePoint nominal;
  TimePoint due;  // nominal, and what a flexible window and jitter add
  bool operator==(const Planned&) const = default;
};

struct Record {
  std::string group;
  std::string name;
  TimePoint created;
  TimePoint modified;
  uint32_t revision = 1;  // grows with each update
  std::string client_token;
  TimePoint rate_from;          // the first run of a rate expression
  std::optional<Planned> next;  // a timer stands for it; none: disabled or completed
  std::string document;         // JSON of shape::CreateScheduleInput
};

}  // namespace suiro::scheduler
