// SPDX-License-Identifier: Apache-2.0
// Settings of the analytics service (docs/configuration.md, [analytics]).
#pragma once

#include "base/clock.h"
#include "engine/sql/engine.h"
#include "engine/sql/switches.h"

namespace suiro::analytics {

struct Config {
  // How often a silent input is told that time passes, so that its windows close. 0: never.
  Millis heartbeat{1000};
  // The engine's state is written at least so often while rows come in...
  Millis checkpoint_interval{10'000};
  // ... and after so many bytes of records: what a restart reads again.
  size_t checkpoint_bytes = size_t{256} << 20;
  size_t state_bytes_max = size_t{1} << 30;  // of one application's operators together
  size_t operator_bytes_max = size_t{256} << 20;
  sql::Switches switches;  // docs/decisions/136-sql-open-points.md
};

}  // namespace suiro::analytics
