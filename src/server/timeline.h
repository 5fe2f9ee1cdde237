// SPDX-License-Identifier: Apache-2.0
// The picture of runs for a person: a line a task, its runs as bars over time, and a list of what
// did not go as planned. `suiro timeline` prints it.
//
//   report         24  ▓█████      ·▓███████       ✗██
//                      00:00       06:00       12:00
//
// A column stands for a stretch of time; the worst of what happened in it is drawn. A run that was
// started later than `late` after its planned time is late.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "shapes/gen/suiro.h"

namespace suiro::server {

inline constexpr size_t kTimelineTroubleMax = 50;  // lines of what did not go as planned

struct TimelinePicture {
  TimePoint since;
  TimePoint until;
  TimePoint now;
  size_t columns = 100;  // of the terminal
  Millis late{60'000};
  enum class Colours { kNone, kAnsi } colours = Colours::kNone;
};

// Lines with a newline each. Runs in any order.
std::string format_timeline(const std::vector<shapes::suiro::Run>& runs,
                            const TimelinePicture& picture);

// How much later than planned the run started, or has not started until `now`; zero where it was
// not planned.
Millis lateness(const shapes::suiro::Run& run, TimePoint now);

}  // namespace suiro::server
