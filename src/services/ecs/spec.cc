// SPDX-License-Identifier: Apache-2.0
#include "services/ecs/spec.h"

#include "services/ecs/limits.h"

namespace suiro::ecs {
namespace {

using std::chrono::seconds;

template <class T>
const T& or_empty(const std::optional<T>& value) {
  static const T kEmpty{};
  return value ? *value : kEmpty;
}

uint32_t number(const std::optional<int32_t>& value) {
  return static_cast<uint32_t>(std::max(0, value.value_or(0)));
}

container::Dependency::Condition condition_of(std::string_view name) {
  using Condition = container::Dependency::Condition;
  if (name == "COMPLETE") return Condition::kComplete;
  if (name == "SUCCESS") return Condition::kSuccess;
  if (name == "HEALTHY") return Condition::kHealthy;
  return Condition::kStart;
}

void set_limits(container::ContainerSpec& out, const ContainerParts& parts) {
  const auto& in = *parts.definition;
  const auto* over = parts.override;
  out.cpu_units = number(over != nullptr && over->cpu ? over->cpu : in.cpu);
  out.memory_mb = number(over != nullptr && over->memory ? over->memory : in.memory);
  out.memory_reservation_mb =
      number(over != nullptr && over->memory_reservation ? over->memory_reservation
                                                         : in.memory_reservation);
  for (const auto& limit : or_empty(in.ulimits)) {
    // -1: none.
    out.ulimits.push_back({limit.name, static_cast<uint64_t>(int64_t{limit.soft_limit}),
                           static_cast<uint64_t>(int64_t{limit.hard_limit})});
  }
}

void set_linux(container::ContainerSpec& out, const shape::ContainerDefinition& in) {
  out.read_only_root = in.readonly_root_filesystem.value_or(false);
  for (const auto& control : or_empty(in.system_controls)) {
    out.system_controls[control.namespace_.value_or("")] = control.value.value_or("");
  }
  if (!in.linux_parameters) return;
  const shape::LinuxParameters& parameters = *in.linux_parameters;
  out.init_process = parameters.init_process_enabled.value_or(false);
  out.shared_memory_mb = number(parameters.shared_memory_size);
  for (const auto& mount : or_empty(parameters.tmpfs)) {
    out.tmpfs.push_back(
        {mount.container_path, static_cast<uint32_t>(mount.size), or_empty(mount.mount_options)});
  }
  if (!parameters.capabilities) return;
  out.add_capabilities = or_empty(parameters.capabilities->add);
  out.drop_capabilities = or_empty(parameters.capabilities->drop);
}

void set_places(container::ContainerSpec& out, const shape::ContainerDefinition& in) {
  for (const auto& mount : or_empty(in.mount_points)) {
    out.mounts.push_back({mount.source_volume.value_or(""), mount.container_path.value_or(""),
                          mount.read_only.value_or(false) ? container::Access::kReadOnly
                                                          : container::Access::kReadWrite});
  }
  for (const auto& from : or_empty(in.volumes_from)) {
    out.volumes_from.push_back(from.source_container.value_or(""));
  }
  for (const auto& port : or_empty(in.port_mappings)) {
    out.ports.push_back({static_cast<uint16_t>(number(port.container_port)),
                         static_cast<uint16_t>(number(port.host_port)),
                         port.protocol.value_or("tcp")});
  }
  for (const auto& host : or_empty(in.extra_hosts)) {
    out.extra_hosts[host.hostname] = host.ip_address;
  }
}

void set_life(container::ContainerSpec& out, const shape::ContainerDefinition& in) {
  for (const auto& row : or_empty(in.depends_on)) {
    out.dependencies.push_back({row.container_name, condition_of(row.condition)});
  }
  out.start_timeout = seconds(in.start_timeout.value_or(0));
  if (in.stop_timeout) out.stop_timeout = seconds(*in.stop_timeout);
  if (in.health_check) {
    container::HealthCheck check;
    check.command = in.health_check->command;
    if (in.health_check->interval) check.interval = seconds(*in.health_check->interval);
    if (in.health_check->timeout) check.timeout = seconds(*in.health_check->timeout);
    if (in.health_check->retries) check.retries = number(in.health_check->retries);
    check.start_period = seconds(in.health_check->start_period.value_or(0));
    out.health_check = std::move(check);
  }
  if (in.restart_policy && in.restart_policy->enabled) {
    container::RestartPolicy policy;
    for (int32_t code : or_empty(in.restart_policy->ignored_exit_codes)) {
      policy.ignored_exit_codes.push_back(code);
    }
    if (in.restart_policy->restart_attempt_period) {
      policy.attempt_period = seconds(*in.restart_policy->restart_attempt_period);
    }
    out.restart = std::move(policy);
  }
}

container::ContainerSpec container_of(const ContainerParts& parts, Variables environment) {
  const shape::ContainerDefinition& in = *parts.definition;
  container::ContainerSpec out;
  out.name = in.name.value_or("");
  out.image = in.image.value_or("");
  out.essential = in.essential.value_or(true);
  out.entry_point = or_empty(in.entry_point);
  bool overrides_command = parts.override != nullptr && parts.override->command;
  out.command = overrides_command ? *parts.override->command : or_empty(in.command);
  out.working_directory = in.working_directory.value_or("");
  out.user = in.user.value_or("");
  out.environment = std::move(environment);
  out.hostname = in.hostname.value_or("");
  out.privileged = in.privileged.value_or(false);
  if (in.log_configuration && in.log_configuration->options) {
    auto mode = in.log_configuration->options->find("mode");
    bool drops = mode != in.log_configuration->options->end() && mode->second == "non-blocking";
    if (drops) out.full_output = container::FullOutput::kDrop;
  }
  set_limits(out, parts);
  set_linux(out, in);
  set_places(out, in);
  set_life(out, in);
  return out;
}

container::NetworkMode network_of(std::string_view mode) {
  if (mode == "none") return container::NetworkMode::kNone;
  if (mode == "host") return container::NetworkMode::kHost;
  if (mode == "awsvpc") return container::NetworkMode::kAwsvpc;
  return container::NetworkMode::kBridge;
}

}  // namespace

std::vector<ContainerParts> parts_of(const shape::TaskDefinition& definition,
                                     const shape::TaskOverride& overrides) {
  std::vector<ContainerParts> out;
  for (const auto& container : or_empty(definition.container_definitions)) {
    ContainerParts& parts = out.emplace_back();
    parts.definition = &container;
    for (const auto& over : or_empty(overrides.container_overrides)) {
      if (over.name == container.name) parts.override = &over;
    }
  }
  return out;
}

container::TaskSpec spec_of(const TaskRecord& record, const shape::TaskDefinition& definition,
                            std::vector<Variables> environments) {
  container::TaskSpec out;
  out.id = record.id;
  out.arn = record.task.task_arn.value_or("");
  out.family = definition.family.value_or("");
  size_t index = 0;
  static const shape::TaskOverride kNone;
  const auto& overrides = record.task.overrides ? *record.task.overrides : kNone;
  for (const auto& parts : parts_of(definition, overrides)) {
    out.containers.push_back(container_of(parts, std::move(environments.at(index++))));
  }
  for (const auto& volume : or_empty(definition.volumes)) {
    out.volumes.push_back(
        {volume.name.value_or(""), volume.host ? volume.host->source_path.value_or("") : ""});
  }
  out.network = network_of(definition.network_mode.value_or("bridge"));
  // Without limits of the task its containers' own limits hold, which may exceed what is reserved.
  if (definition.cpu || overrides.cpu) out.cpu_units = record.cpu_units;
  if (definition.memory || overrides.memory) out.memory_mb = record.memory_mb;
  return out;
}

}  // namespace suiro::ecs
