// SPDX-License-Identifier: Apache-2.0
// The rules of one container of a definition, and AWS's defaults.
#include <algorithm>
#include <set>

#include "services/ecs/errors.h"
#include "services/ecs/limits.h"
#include "services/ecs/log_options.h"
#include "services/ecs/validate.h"

namespace suiro::ecs {
namespace {

using Request = shape::RegisterTaskDefinitionRequest;

template <class List>
bool is_given(const std::optional<List>& list) {
  return list && !list->empty();
}

template <class T>
const T& or_empty(const std::optional<T>& value) {
  static const T kEmpty{};
  return value ? *value : kEmpty;
}

std::unexpected<Error> invalid_setting(const shape::ContainerDefinition& container,
                                       std::string_view what) {
  return client_error(
      fmt::format("Invalid setting for container '{}'. {}", container.name.value_or(""), what));
}

Result<void> check_ports(const shape::ContainerDefinition& container, std::string_view mode) {
  bool must_match = mode == "host" || mode == "awsvpc";
  for (const auto& port : or_empty(container.port_mappings)) {
    if (port.container_port_range) return not_supported("containerPortRange");
    int32_t inside = port.container_port.value_or(0);
    int32_t outside = port.host_port.value_or(0);
    if (inside < 1 || inside > 65535) {
      return invalid_setting(container, "'containerPort' must be between 1 and 65535.");
    }
    if (outside < 0 || outside > 65535) {
      return invalid_setting(container, "'hostPort' must be between 0 and 65535.");
    }
    if (must_match && outside != 0 && outside != inside) {
      return client_error(fmt::format(
          "When networkMode={}, the host ports and container ports in port mappings must match.",
          mode));
    }
    if (mode == "none") return client_error("Port mappings are not allowed with networkMode=none.");
  }
  return ok();
}

Result<void> check_health(const shape::ContainerDefinition& container) {
  if (!container.health_check) return ok();
  const shape::HealthCheck& check = *container.health_check;
  bool is_command = !check.command.empty() &&
                    (check.command.front() == "CMD" || check.command.front() == "CMD-SHELL");
  if (!is_command || check.command.size() < 2) {
    return invalid_setting(container, "The health check command must begin with CMD or CMD-SHELL.");
  }
  auto outside = [](const std::optional<int32_t>& value, int32_t least, int32_t most) {
    return value && (*value < least || *value > most);
  };
  if (outside(check.interval, 5, 300)) {
    return invalid_setting(container, "The health check interval must be between 5 and 300.");
  }
  if (outside(check.timeout, 2, 120)) {
    return invalid_setting(container, "The health check timeout must be between 2 and 120.");
  }
  if (outside(check.retries, 1, 10)) {
    return invalid_setting(container, "The health check retries must be between 1 and 10.");
  }
  if (outside(check.start_period, 0, 300)) {
    return invalid_setting(container, "The health check startPeriod must be between 0 and 300.");
  }
  return ok();
}

Result<void> check_environment(const shape::ContainerDefinition& container) {
  std::set<std::string> names;
  for (const auto& variable : or_empty(container.environment)) {
    std::string name = variable.name.value_or("");
    if (name.empty() || name.find('=') != name.npos || name.find('\0') != name.npos) {
      return invalid_setting(container, "The name of an environment variable is invalid.");
    }
    names.insert(std::move(name));
  }
  for (const auto& secret : or_empty(container.secrets)) {
    if (!names.insert(secret.name).second) {
      return client_error(fmt::format(
          "The secret name must be unique and not shared with any new or existing environment "
          "variables set on the container, such as '{}'",
          secret.name));
    }
    if (!secret.value_from.starts_with("arn:aws:s3:::")) {
      return not_supported(
          "A secret that is not an object of the lake (arn:aws:s3:::bucket/key): Secrets Manager "
          "and Systems Manager");
    }
  }
  if (or_empty(container.environment_files).size() > kEnvironmentFilesMax) {
    return client_error("A container has at most 10 environment files.");
  }
  for (const auto& file : or_empty(container.environment_files)) {
    if (file.type != "s3" || !file.value.starts_with("arn:aws:s3:::")) {
      return client_error("An environment file must be the ARN of an S3 object, with type s3.");
    }
    if (!file.value.ends_with(".env")) {
      return client_error("The name of an environment file must end with .env.");
    }
  }
  return ok();
}

Result<void> check_numbers(const shape::ContainerDefinition& c) {
  if (c.cpu.value_or(0) < 0) return invalid_setting(c, "'cpu' must not be negative.");
  if (c.memory && *c.memory < static_cast<int32_t>(kMemoryMbMin)) {
    return invalid_setting(c, "'memory' must be at least 4.");
  }
  if (c.memory_reservation && *c.memory_reservation < static_cast<int32_t>(kMemoryMbMin)) {
    return invalid_setting(c, "'memoryReservation' must be at least 4.");
  }
  if (c.memory && c.memory_reservation && *c.memory < *c.memory_reservation) {
    return invalid_setting(c, "The 'memory' must be greater than the 'memoryReservation'.");
  }
  if (c.stop_timeout && (*c.stop_timeout < 0 || *c.stop_timeout > 86'400)) {
    return invalid_setting(c, "'stopTimeout' is out of range.");
  }
  if (c.start_timeout && *c.start_timeout < 0) {
    return invalid_setting(c, "'startTimeout' is out of range.");
  }
  for (const auto& limit : or_empty(c.ulimits)) {
    if (limit.soft_limit > limit.hard_limit && limit.hard_limit >= 0) {
      return invalid_setting(c, "A soft limit must not exceed its hard limit.");
    }
  }
  if (c.restart_policy && c.restart_policy->restart_attempt_period) {
    int32_t period = *c.restart_policy->restart_attempt_period;
    if (period < 60 || period > 1800) {
      return invalid_setting(c, "'restartAttemptPeriod' must be between 60 and 1800.");
    }
  }
  return ok();
}

}  // namespace

Result<void> refuse_unsupported(const shape::ContainerDefinition& c) {
  if (c.repository_credentials &&
      !c.repository_credentials->credentials_parameter.starts_with("arn:aws:s3:::")) {
    return not_supported("repositoryCredentials that are not an object of the lake");
  }
  if (is_given(c.links)) return not_supported("links");
  if (c.disable_networking.value_or(false)) return not_supported("disableNetworking");
  if (is_given(c.dns_servers)) return not_supported("dnsServers");
  if (is_given(c.dns_search_domains)) return not_supported("dnsSearchDomains");
  if (is_given(c.docker_security_options)) return not_supported("dockerSecurityOptions");
  if (c.interactive.value_or(false)) return not_supported("interactive");
  if (c.pseudo_terminal.value_or(false)) return not_supported("pseudoTerminal");
  if (is_given(c.resource_requirements)) return not_supported("resourceRequirements");
  if (c.firelens_configuration) return not_supported("firelensConfiguration");
  if (is_given(c.credential_specs)) return not_supported("credentialSpecs");
  if (c.version_consistency.value_or("disabled") != "disabled") {
    return not_supported("versionConsistency other than disabled");
  }
  for (const auto& from : or_empty(c.volumes_from)) {
    if (from.read_only.value_or(false)) return not_supported("volumesFrom with readOnly");
  }
  if (c.linux_parameters) {
    if (is_given(c.linux_parameters->devices)) return not_supported("linuxParameters.devices");
    if (c.linux_parameters->max_swap) return not_supported("linuxParameters.maxSwap");
    if (c.linux_parameters->swappiness) return not_supported("linuxParameters.swappiness");
  }
  return ok();
}

Result<void> validate_container(const shape::ContainerDefinition& container, const Request& in) {
  if (!container.name || container.name->empty()) {
    return client_error("Container.name should not be null or empty.");
  }
  if (!is_name(*container.name)) {
    return client_error("Container.name contains invalid characters.");
  }
  if (!container.image || container.image->empty()) {
    return client_error("Container.image should not be null or empty.");
  }
  TRY_VOID(refuse_unsupported(container));
  TRY_VOID(check_numbers(container));
  TRY_VOID(check_ports(container, in.network_mode.value_or("bridge")));
  TRY_VOID(check_health(container));
  TRY_VOID(check_environment(container));
  auto wanted = or_empty(in.requires_compatibilities);
  bool is_fargate = std::ranges::find(wanted, "FARGATE") != wanted.end();
  if (is_fargate && container.stop_timeout.value_or(0) > 120) {
    return invalid_setting(container, "'stopTimeout' must be at most 120 on Fargate.");
  }
  return check_log_configuration(container.log_configuration,
                                 is_fargate ? StreamPrefix::kRequired : StreamPrefix::kOptional);
}

namespace {

void add_defaults(shape::ContainerDefinition& container, std::string_view mode) {
  if (!container.cpu) container.cpu = 0;
  if (!container.essential) container.essential = true;
  if (!container.port_mappings) container.port_mappings.emplace();
  if (!container.environment) container.environment.emplace();
  if (!container.mount_points) container.mount_points.emplace();
  if (!container.volumes_from) container.volumes_from.emplace();
  if (!container.system_controls) container.system_controls.emplace();
  for (auto& port : *container.port_mappings) {
    if (!port.protocol) port.protocol = "tcp";
    bool matches = mode == "host" || mode == "awsvpc";
    if (!port.host_port || (matches && *port.host_port == 0)) {
      port.host_port = matches ? *port.container_port : 0;
    }
  }
  if (container.health_check) {
    shape::HealthCheck& check = *container.health_check;
    if (!check.interval) check.interval = 30;
    if (!check.timeout) check.timeout = 5;
    if (!check.retries) check.retries = 3;
  }
}

}  // namespace

shape::TaskDefinition definition_of(Request in) {
  shape::TaskDefinition out;
  std::string mode = in.network_mode.value_or("bridge");
  for (auto& container : in.container_definitions) add_defaults(container, mode);
  out.family = std::move(in.family);
  out.container_definitions = std::move(in.container_definitions);
  out.task_role_arn = std::move(in.task_role_arn);
  out.execution_role_arn = std::move(in.execution_role_arn);
  out.network_mode = std::move(in.network_mode);
  out.volumes = in.volumes ? std::move(*in.volumes) : std::vector<shape::Volume>();
  out.status = "ACTIVE";
  out.placement_constraints.emplace();
  out.requires_attributes.emplace();
  out.compatibilities = {"EC2"};
  bool is_fargate = false;
  if (in.cpu && in.memory && mode == "awsvpc") {
    auto cpu = task_cpu(*in.cpu);
    auto memory = task_memory(*in.memory);
    is_fargate = cpu && memory && is_fargate_size(*cpu, *memory);
  }
  if (is_fargate) out.compatibilities->push_back("FARGATE");
  out.requires_compatibilities = std::move(in.requires_compatibilities);
  out.runtime_platform = std::move(in.runtime_platform);
  if (in.cpu) out.cpu = std::to_string(task_cpu(*in.cpu).value_or(0));
  if (in.memory) out.memory = std::to_string(task_memory(*in.memory).value_or(0));
  return out;
}

}  // namespace suiro::ecs
