// SPDX-License-Identifier: Apache-2.0
// The awslogs driver: which group and stream the output of a container goes to, and which lines
// make one event. Source of the rules: Amazon ECS Developer Guide, "Send Amazon ECS logs to
// CloudWatch"; Docker documentation, "Amazon CloudWatch Logs logging driver".
//
// Threads: a LogPlan is constant; any.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "services/ecs/types.h"

namespace re2 {
class RE2;
}

namespace suiro::ecs {

enum class StreamPrefix { kOptional, kRequired };

// Errors: ClientException for what the driver refuses, NotImplemented for other drivers.
Result<void> check_log_configuration(const std::optional<shape::LogConfiguration>& configuration,
                                     StreamPrefix prefix);

struct LogPlan {
  std::string group;
  std::string stream;
  std::shared_ptr<const re2::RE2> first_line;  // of an event; null: each line is one
};

// `default_group`: where a container without a configuration writes to.
LogPlan log_plan(const shape::ContainerDefinition& container, const std::string& task_id,
                 const std::string& default_group);
bool is_first_line(const LogPlan& plan, std::string_view line);

// A strftime pattern as a regular expression that finds such a time. Errors: ClientException for a
// conversion that the driver does not know.
Result<std::string> datetime_pattern(std::string_view format);

}  // namespace suiro::ecs
