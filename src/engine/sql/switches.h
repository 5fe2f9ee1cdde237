// SPDX-License-Identifier: Apache-2.0
// Switches: where the documents of the service leave a choice, by name and value, as the command
// line and the configuration give them. docs/decisions/136-sql-open-points.md lists what they mean.
//
// Threads: pure functions. Failure: "InvalidArgument" that tells what there is.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/sql/engine.h"
#include "engine/sql/input_mapper.h"
#include "engine/sql/plan.h"

namespace suiro::sql {

struct Switches {
  LanguageOptions language;
  FunctionOptions functions;
  OutputLayout output;
  EngineOptions::GroupRowtime group_rowtime = EngineOptions::GroupRowtime::kWindowEnd;
};

struct SwitchInfo {
  std::string_view name;
  std::span<const std::string_view> values;  // the first is the default
  void (*set)(Switches& to, size_t value);
  size_t (*get)(const Switches& from);
};

std::span<const SwitchInfo> all_switches();
Result<void> set_switch(Switches& to, std::string_view name, std::string_view value);
// NAME=VALUE.
Result<void> set_switch(Switches& to, std::string_view setting);

// NAME=VALUE of those that do not have their default, a blank behind each: what results depend on.
std::string settings_text(const Switches& switches);

}  // namespace suiro::sql
