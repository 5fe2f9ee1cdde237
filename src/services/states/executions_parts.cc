// SPDX-License-Identifier: Apache-2.0
#include "services/states/executions_parts.h"

#include <fmt/format.h>

#include <set>

#include "base/digest.h"
#include "engine/workflow/resource.h"

namespace suiro::states {

workflow::ExecutionInfo execution_info(const event::Kernel& kernel, const ExecutionRow& row,
                                       const MachineRow& of, workflow::Payload input) {
  const MachineAtStart& machine = of.machine;
  workflow::ExecutionInfo info;
  info.execution_arn = row.arn;
  info.execution_name = row.name;
  info.machine_arn = machine.machine_arn;
  info.machine_name = machine.name;
  info.machine_alias_arn = machine.alias_arn;
  info.machine_version_arn = machine.version_arn;
  info.role_arn = machine.role_arn;
  info.region = kernel.region;
  info.type = machine.type;
  info.start = row.start;
  info.input = std::move(input);
  info.map_run_arn = row.map_run_arn;
  return info;
}

std::vector<std::string> activity_arns(const workflow::Plan& plan) {
  std::set<std::string> arns;
  for (const auto& [name, state] : plan.by_name) {
    const auto* task = std::get_if<workflow::TaskFields>(&state->fields);
    if (task == nullptr) continue;
    const auto resource = workflow::parse_resource(task->resource);
    if (resource && resource->kind == workflow::Resource::Kind::kActivity) {
      arns.insert(resource->arn);
    }
  }
  return {arns.begin(), arns.end()};
}

std::string effect_call_key(const ExecutionRow& row, uint64_t effect) {
  return hex_encode(
      sha256(fmt::format("{}\n{}\n{}", row.arn, row.start.time_since_epoch().count(), effect)));
}

}  // namespace suiro::states
