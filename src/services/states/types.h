// SPDX-License-Identifier: Apache-2.0
// What the service keeps of state machines, their versions and aliases, and of activities.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "engine/workflow/plan.h"
#include "shapes/gen/states.h"

namespace suiro::states {

namespace shape = shapes::states;
using Tags = std::map<std::string, std::string>;

inline constexpr std::string_view kPrincipal = "states.amazonaws.com";
inline constexpr std::string_view kDeleteTimer = "states.delete";

// What a revision of a state machine holds besides its definition.
struct Configuration {
  uint64_t revision = 1;    // ours: names the definition; grows with each change
  std::string revision_id;  // AWS's; empty until the first change
  std::string role_arn;
  std::string logging;  // JSON of shape::LoggingConfiguration, with its defaults
  std::string tracing;  // JSON of shape::TracingConfiguration, with its defaults
};

struct Machine {
  std::string name;
  uint64_t incarnation = 0;  // drawn at its creation: tells machines of one name apart
  workflow::MachineType type = workflow::MachineType::kStandard;
  TimePoint created;
  TimePoint updated;
  bool deleting = false;
  Configuration now;
  uint64_t versions_made = 0;
  uint64_t published = 0;  // the version of the current revision; 0: none
  // Of its creation, for requests that repeat it.
  bool created_with_version = false;
  std::string created_description;
  Tags tags;
};

struct Version {
  uint64_t number = 0;
  TimePoint created;
  std::string description;
  Configuration configuration;
};

struct Route {
  uint64_t version = 0;
  uint32_t weight = 0;
  bool operator==(const Route&) const = default;
};
inline bool leads_to(const std::vector<Route>& routes, uint64_t version) {
  return std::ranges::find(routes, version, &Route::version) != routes.end();
}
struct Alias {
  std::string name;
  TimePoint created;
  TimePoint updated;
  std::string description;
  std::vector<Route> routes;
};

struct Activity {
  std::string name;
  TimePoint created;
  Tags tags;
};

}  // namespace suiro::states
