// SPDX-License-Identifier: Apache-2.0
// Plans and forecasts for a person: as text for a terminal, or as Markdown for a pull request; and
// as JSON for programs, with every run.
#pragma once

#include "engine/definition/forecast.h"
#include "engine/definition/plan.h"

namespace suiro::definition {

enum class Format { kText, kMarkdown, kJson };

struct Report {
  const Plan& plan;
  const std::vector<Planned>& schedules;  // as they will be
  const Forecast& before;
  const Forecast& after;
  TimePoint from;
  TimePoint to;
  uint64_t cpu_units = 0;  // of the machine; 0: unknown
  uint64_t memory_mb = 0;
};

std::string format_report(const Report& report, Format format);
// "create task nightly-report".
std::string describe(const Change& change);

}  // namespace suiro::definition
