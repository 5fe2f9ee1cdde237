// SPDX-License-Identifier: Apache-2.0
#include "services/ecs/validate.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/arn.h"
#include "base/bytes.h"
#include "services/ecs/errors.h"
#include "services/ecs/limits.h"
#include "shapes/json.h"

namespace suiro::ecs {
namespace {

using Request = shape::RegisterTaskDefinitionRequest;

template <class List>
bool is_given(const std::optional<List>& list) {
  return list && !list->empty();
}

Result<void> refuse_task_settings(const Request& in) {
  if (is_given(in.placement_constraints)) return not_supported("placementConstraints");
  if (in.pid_mode) return not_supported("pidMode");
  if (in.ipc_mode) return not_supported("ipcMode");
  if (in.proxy_configuration) return not_supported("proxyConfiguration");
  if (is_given(in.inference_accelerators)) return not_supported("inferenceAccelerators");
  if (in.ephemeral_storage) return not_supported("ephemeralStorage");
  if (in.enable_fault_injection.value_or(false)) return not_supported("enableFaultInjection");
  if (in.runtime_platform) {
    if (in.runtime_platform->operating_system_family.value_or("LINUX") != "LINUX") {
      return not_supported("An operatingSystemFamily other than LINUX");
    }
    if (in.runtime_platform->cpu_architecture.value_or("X86_64") != "X86_64") {
      return not_supported("A cpuArchitecture other than X86_64");
    }
  }
  for (const auto& volume : in.volumes.value_or(std::vector<shape::Volume>())) {
    if (volume.docker_volume_configuration) return not_supported("dockerVolumeConfiguration");
    if (volume.efs_volume_configuration) return not_supported("efsVolumeConfiguration");
    if (volume.s3files_volume_configuration) return not_supported("s3filesVolumeConfiguration");
    if (volume.fsx_windows_file_server_volume_configuration) {
      return not_supported("fsxWindowsFileServerVolumeConfiguration");
    }
    if (volume.configured_at_launch.value_or(false)) return not_supported("configuredAtLaunch");
  }
  return ok();
}

Result<void> check_roles(const Request& in) {
  TRY_VOID(check_role(in.task_role_arn));
  return check_role(in.execution_role_arn);
}

Result<void> check_sizes(const Request& in) {
  uint32_t cpu = 0, memory = 0;
  if (in.cpu) {
    TRY(cpu, task_cpu(*in.cpu));
  }
  if (in.memory) {
    TRY(memory, task_memory(*in.memory));
  }
  uint64_t cpu_sum = 0, memory_sum = 0;
  for (const auto& container : in.container_definitions) {
    cpu_sum += static_cast<uint64_t>(container.cpu.value_or(0));
    memory_sum +=
        static_cast<uint64_t>(container.memory_reservation.value_or(container.memory.value_or(0)));
    if (!in.memory && !container.memory && !container.memory_reservation) {
      return client_error(
          fmt::format("Invalid setting for container '{}'. At least one of 'memory' or "
                      "'memoryReservation' must be specified.",
                      container.name.value_or("")));
    }
    if (in.memory && container.memory && static_cast<uint32_t>(*container.memory) > memory) {
      return client_error(
          fmt::format("Invalid setting for container '{}'. The hard limit of the container "
                      "('memory' = {}) exceeds the memory of the task ({}).",
                      container.name.value_or(""), *container.memory, memory));
    }
  }
  if (in.cpu && cpu_sum > cpu) {
    return client_error(fmt::format(
        "Invalid 'cpu' setting for task. The sum of all container cpu values ({}) cannot be "
        "greater than the value of the task cpu ({}).",
        cpu_sum, cpu));
  }
  if (in.memory && memory_sum > memory) {
    return client_error(fmt::format(
        "Invalid 'memory' setting for task. The sum of the memory reservations of all containers "
        "({}) cannot be greater than the memory of the task ({}).",
        memory_sum, memory));
  }
  return ok();
}

bool wants_fargate(const Request& in) {
  auto wanted = in.requires_compatibilities.value_or(std::vector<std::string>());
  return std::ranges::find(wanted, "FARGATE") != wanted.end();
}

Result<void> check_fargate(const Request& in) {
  if (!wants_fargate(in)) return ok();
  if (in.network_mode.value_or("") != "awsvpc") {
    return client_error("Fargate only supports network mode 'awsvpc'.");
  }
  if (!in.cpu) return client_error("Fargate requires that 'cpu' be defined at the task level.");
  if (!in.memory) {
    return client_error("Fargate requires that 'memory' be defined at the task level.");
  }
  TRY(uint32_t cpu, task_cpu(*in.cpu));
  TRY(uint32_t memory, task_memory(*in.memory));
  if (!is_fargate_size(cpu, memory)) {
    return client_error(
        fmt::format("No Fargate configuration exists for given values: {} CPU, {} memory. See the "
                    "Amazon ECS documentation for the valid values.",
                    cpu, memory));
  }
  for (const auto& volume : in.volumes.value_or(std::vector<shape::Volume>())) {
    if (volume.host && volume.host->source_path) {
      return client_error("Fargate does not support host volumes with a sourcePath.");
    }
  }
  return ok();
}

// Depth first over dependsOn; a container that is met again on its own path closes a cycle.
bool has_cycle(const std::string& name, const std::map<std::string, std::vector<std::string>>& on,
               std::set<std::string>& path, std::set<std::string>& done) {
  if (done.contains(name)) return false;
  if (!path.insert(name).second) return true;
  for (const auto& next : on.at(name)) {
    if (has_cycle(next, on, path, done)) return true;
  }
  path.erase(name);
  done.insert(name);
  return false;
}

Result<void> check_dependencies(const Request& in) {
  std::map<std::string, std::vector<std::string>> on;
  std::map<std::string, const shape::ContainerDefinition*> by_name;
  for (const auto& container : in.container_definitions) {
    on[*container.name];
    by_name[*container.name] = &container;
  }
  for (const auto& container : in.container_definitions) {
    for (const auto& row :
         container.depends_on.value_or(std::vector<shape::ContainerDependency>())) {
      auto other = by_name.find(row.container_name);
      if (other == by_name.end()) {
        return client_error(fmt::format(
            "Invalid 'dependsOn' setting for container '{}'. Container '{}' is not in the task "
            "definition.",
            *container.name, row.container_name));
      }
      if (row.condition == "HEALTHY" && !other->second->health_check) {
        return client_error(fmt::format(
            "Invalid 'dependsOn' setting for container '{}'. Container '{}' has no health check.",
            *container.name, row.container_name));
      }
      bool waits_for_end = row.condition == "COMPLETE" || row.condition == "SUCCESS";
      if (waits_for_end && other->second->essential.value_or(true)) {
        return client_error(fmt::format(
            "Invalid 'dependsOn' setting for container '{}'. Container '{}' is essential, and so "
            "cannot be waited for with the condition {}.",
            *container.name, row.container_name, row.condition));
      }
      on[*container.name].push_back(row.container_name);
    }
    for (const auto& row : container.volumes_from.value_or(std::vector<shape::VolumeFrom>())) {
      if (!by_name.contains(row.source_container.value_or(""))) {
        return client_error(fmt::format("Unknown container '{}' in volumesFrom.",
                                        row.source_container.value_or("")));
      }
      on[*container.name].push_back(*row.source_container);
    }
  }
  std::set<std::string> path, done;
  for (const auto& [name, rest] : on) {
    if (has_cycle(name, on, path, done)) {
      return client_error("Invalid 'dependsOn' setting. The containers depend on each other.");
    }
  }
  return ok();
}

Result<void> check_volumes(const Request& in) {
  std::set<std::string> names;
  for (const auto& volume : in.volumes.value_or(std::vector<shape::Volume>())) {
    std::string name = volume.name.value_or("");
    if (!is_name(name)) return client_error("Volume name contains invalid characters.");
    if (!names.insert(name).second) {
      return client_error(fmt::format("Duplicate volume name '{}'.", name));
    }
    bool is_relative =
        volume.host && volume.host->source_path && !volume.host->source_path->starts_with('/');
    if (is_relative) return client_error("The sourcePath of a volume must be an absolute path.");
  }
  for (const auto& container : in.container_definitions) {
    for (const auto& mount : container.mount_points.value_or(std::vector<shape::MountPoint>())) {
      if (!names.contains(mount.source_volume.value_or(""))) {
        return client_error(fmt::format("Unknown volume '{}'.", mount.source_volume.value_or("")));
      }
      if (!mount.container_path || !mount.container_path->starts_with('/')) {
        return client_error("The containerPath of a mount point must be an absolute path.");
      }
    }
  }
  return ok();
}

// The number before a unit; nullopt where it is none.
std::optional<double> number_before(std::string_view text, std::string_view unit) {
  std::string lower = to_lower(text);
  if (!lower.ends_with(unit)) return std::nullopt;
  std::string_view digits = trim(std::string_view(lower).substr(0, lower.size() - unit.size()));
  double value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value <= 0) {
    return std::nullopt;
  }
  return value;
}

constexpr double kUnitMax = 1 << 20;

}  // namespace

bool is_name(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  return !text.empty() && text.size() <= 255 && text.find_first_not_of(kAlphabet) == text.npos;
}

Result<void> check_role(const std::optional<std::string>& role) {
  if (!role || role->empty()) return ok();
  if (!role->starts_with("arn:")) return not_supported("A role that is not named by its ARN");
  auto arn = Arn::parse(*role);
  if (arn && arn->service == "iam" && arn->resource.starts_with("role/")) return ok();
  return client_error("Role is not valid");
}

Result<uint32_t> task_cpu(std::string_view text) {
  std::optional<double> units = number_before(text, "vcpu");
  if (units) {
    *units *= 1024;
  } else {
    units = number_before(text, "");
  }
  if (!units || *units < 1 || *units > kUnitMax) {
    return client_error(fmt::format("Invalid 'cpu' setting for task: {}", text));
  }
  return static_cast<uint32_t>(*units);
}

Result<uint32_t> task_memory(std::string_view text) {
  std::optional<double> mebibytes = number_before(text, "gb");
  if (mebibytes) {
    *mebibytes *= 1024;
  } else {
    mebibytes = number_before(text, "");
  }
  if (!mebibytes || *mebibytes < kMemoryMbMin || *mebibytes > kUnitMax * 16) {
    return client_error(fmt::format("Invalid 'memory' setting for task: {}", text));
  }
  return static_cast<uint32_t>(*mebibytes);
}

bool is_fargate_size(uint32_t cpu, uint32_t memory) {
  struct Row {
    uint32_t cpu, least, most, step;
  };
  static constexpr Row kRows[] = {{256, 512, 2048, 512},       {512, 1024, 4096, 1024},
                                  {1024, 2048, 8192, 1024},    {2048, 4096, 16384, 1024},
                                  {4096, 8192, 30720, 1024},   {8192, 16384, 61440, 4096},
                                  {16384, 32768, 122880, 8192}};
  if (cpu == 256 && memory == 1536) return false;
  return std::ranges::any_of(kRows, [&](const Row& row) {
    return row.cpu == cpu && memory >= row.least && memory <= row.most &&
           (memory - row.least) % row.step == 0;
  });
}

Result<void> validate(const Request& in) {
  if (!is_name(in.family)) {
    return client_error(
        "Family contains invalid characters. Up to 255 letters (uppercase and lowercase), "
        "numbers, underscores, and hyphens are allowed.");
  }
  if (in.container_definitions.empty()) {
    return client_error("Container list cannot be empty.");
  }
  if (in.container_definitions.size() > kContainersMax) {
    return client_error(
        fmt::format("Too many containers: a task definition has at most {}.", kContainersMax));
  }
  if (shapes::to_json(in).size() > kDefinitionBytesMax) {
    return client_error("Task definition exceeds the size limit of 64 KiB.");
  }
  std::set<std::string> names;
  bool is_any_essential = false;
  for (const auto& container : in.container_definitions) {
    TRY_VOID(validate_container(container, in));
    if (!names.insert(*container.name).second) {
      return client_error(fmt::format("Duplicate container name '{}'.", *container.name));
    }
    is_any_essential = is_any_essential || container.essential.value_or(true);
  }
  if (!is_any_essential) {
    return client_error("At least one container must be marked as essential.");
  }
  TRY_VOID(check_roles(in));
  TRY_VOID(refuse_task_settings(in));
  TRY_VOID(check_fargate(in));
  TRY_VOID(check_sizes(in));
  TRY_VOID(check_volumes(in));
  return check_dependencies(in);
}

}  // namespace suiro::ecs
