// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "engine/container/bundle.h"
#include "engine/container/seccomp_profile.h"

namespace suiro::container {

namespace {

constexpr std::array kUlimits = {"as",      "core",     "cpu",        "data",   "fsize", "locks",
                                 "memlock", "msgqueue", "nice",       "nofile", "nproc", "rss",
                                 "rtprio",  "rttime",   "sigpending", "stack"};
constexpr std::array kTmpfsOptions = {
    "ro",         "rw",       "exec",       "noexec",      "nosuid",        "nodev",
    "async",      "sync",     "dirsync",    "atime",       "noatime",       "diratime",
    "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime", "defaults"};
// Namespaced ones alone ("systemControls": IPC and network).
constexpr std::array kIpcControls = {"kernel.msgmax", "kernel.msgmnb",         "kernel.msgmni",
                                     "kernel.sem",    "kernel.shmall",         "kernel.shmmax",
                                     "kernel.shmmni", "kernel.shm_rmid_forced"};
constexpr size_t kTextBytesMax = 64 * 1024;
constexpr size_t kEnvironmentBytesMax = 1024 * 1024;

template <class List>
bool has(const List& list, std::string_view word) {
  return std::ranges::find(list, word) != std::end(list);
}

template <class... Arguments>
std::unexpected<Error> refuse(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
  return fail(codes::kInvalidArgument, fmt::format(text, std::forward<Arguments>(arguments)...));
}

bool plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

bool plain_text(std::string_view text) {
  return text.size() <= kTextBytesMax &&
         std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

bool absolute_path(std::string_view path) {
  return path.starts_with('/') && path.size() < 4096 && plain_text(path);
}

Result<void> check_process(const ContainerSpec& c) {
  if (c.image.empty() || !plain_text(c.image)) return refuse("container {}: image", c.name);
  if (!c.working_directory.empty() && !absolute_path(c.working_directory)) {
    return refuse("container {}: the working directory must be an absolute path", c.name);
  }
  if (!plain_text(c.user)) return refuse("container {}: user", c.name);
  if (!c.hostname.empty() && !plain_name(c.hostname)) {
    return refuse("container {}: malformed hostname", c.name);
  }
  size_t bytes = 0;
  for (const auto& [name, value] : c.environment) {
    bool bad = name.empty() || name.contains('=') || name.contains('\0') || value.contains('\0');
    if (bad) return refuse("container {}: malformed environment variable {}", c.name, name);
    bytes += name.size() + value.size();
  }
  if (bytes > kEnvironmentBytesMax) {
    return refuse("container {}: the environment is larger than 1 MiB", c.name);
  }
  for (const auto* list : {&c.command, &c.entry_point}) {
    for (const auto& word : *list) {
      if (word.contains('\0')) return refuse("container {}: NUL in the command", c.name);
    }
  }
  for (const auto& one : c.ulimits) {
    if (!has(kUlimits, one.name)) return refuse("container {}: ulimit {}", c.name, one.name);
    if (one.soft > one.hard) {
      return refuse("container {}: ulimit {}: the soft limit exceeds the hard one", c.name,
                    one.name);
    }
  }
  return ok();
}

Result<void> check_health(const ContainerSpec& c) {
  if (!c.health_check) return ok();
  const auto& words = c.health_check->command;
  bool shell = words.size() == 2 && words[0] == "CMD-SHELL";
  bool program = words.size() >= 2 && words[0] == "CMD";
  if (!shell && !program) {
    return refuse("container {}: a health check is CMD and a program or CMD-SHELL and a text",
                  c.name);
  }
  if (c.health_check->interval.count() < 1 || c.health_check->timeout.count() < 1) {
    return refuse("container {}: health check: interval and timeout are at least one second",
                  c.name);
  }
  return ok();
}

Result<void> check_walls(const TaskSpec& spec, const ContainerSpec& c,
                         const Allowances& allowances) {
  if (c.privileged && allowances.privileged == Allowed::kNo) {
    return refuse("container {}: privileged containers are not allowed by the configuration",
                  c.name);
  }
  TRY_VOID(capabilities_of(c));
  for (const auto& [name, value] : c.system_controls) {
    bool network = name.starts_with("net.") && spec.network != NetworkMode::kHost;
    bool known = network || has(kIpcControls, name) || name.starts_with("fs.mqueue.");
    if (!known || !plain_text(name) || !plain_text(value) || name.contains("..")) {
      return refuse("container {}: system control {} is not allowed", c.name, name);
    }
  }
  for (const auto& [name, address] : c.extra_hosts) {
    if (!plain_name(name) || !plain_text(address) || address.contains(' ')) {
      return refuse("container {}: malformed extra host {}", c.name, name);
    }
  }
  uint32_t memory = c.memory_mb;
  if (memory != 0 && memory < kMemoryMbMin) {
    return refuse("container {}: memory is at least {} MiB", c.name, kMemoryMbMin);
  }
  if (memory != 0 && c.memory_reservation_mb > memory) {
    return refuse("container {}: memoryReservation exceeds memory", c.name);
  }
  for (const auto& port : c.ports) {
    if (spec.network == NetworkMode::kBridge) {
      return refuse(
          "container {}: port {} cannot be published: bridge networks of this machine "
          "have no way in from outside; use awsvpc (its containers reach each other on "
          "localhost) or, where it is allowed, host",
          c.name, port.container_port);
    }
    if (spec.network == NetworkMode::kNone) {
      return refuse("container {}: port mappings without a network", c.name);
    }
  }
  return ok();
}

Result<void> check_mounts(const TaskSpec& spec, const ContainerSpec& c) {
  for (const auto& mount : c.mounts) {
    if (std::ranges::find(spec.volumes, mount.volume, &Volume::name) == spec.volumes.end()) {
      return refuse("container {}: unknown volume {}", c.name, mount.volume);
    }
    if (!absolute_path(mount.path)) {
      return refuse("container {}: the path of volume {} must be absolute", c.name, mount.volume);
    }
  }
  for (const auto& name : c.volumes_from) {
    if (std::ranges::find(spec.containers, name, &ContainerSpec::name) == spec.containers.end()) {
      return refuse("container {}: volumesFrom names an unknown container {}", c.name, name);
    }
  }
  for (const auto& one : c.tmpfs) {
    if (!absolute_path(one.path) || one.size_mb == 0) {
      return refuse("container {}: a tmpfs has an absolute path and a size", c.name);
    }
    for (const auto& option : one.options) {
      if (!has(kTmpfsOptions, option)) {
        return refuse("container {}: tmpfs option {} is not allowed", c.name, option);
      }
    }
  }
  return ok();
}

Result<void> check_order(const TaskSpec& spec) {
  std::set<std::string> placed;
  for (size_t round = 0; round < spec.containers.size(); ++round) {
    for (const auto& c : spec.containers) {
      bool open = std::ranges::any_of(c.dependencies,
                                      [&](const auto& d) { return !placed.contains(d.container); });
      if (!open) placed.insert(c.name);
    }
  }
  for (const auto& c : spec.containers) {
    for (const auto& dependency : c.dependencies) {
      auto at = std::ranges::find(spec.containers, dependency.container, &ContainerSpec::name);
      if (at == spec.containers.end()) {
        return refuse("container {}: depends on an unknown container {}", c.name,
                      dependency.container);
      }
      if (dependency.condition == Dependency::Condition::kHealthy && !at->health_check) {
        return refuse("container {}: depends on the health of {}, which has no health check",
                      c.name, dependency.container);
      }
    }
    if (!placed.contains(c.name)) return refuse("container {}: circular dependency", c.name);
  }
  return ok();
}

}  // namespace

Result<HostFolder> host_folder(const std::string& host_path,
                               const std::vector<std::string>& allowed) {
  if (!absolute_path(host_path)) return refuse("host volume {}: not an absolute path", host_path);
  auto wanted = std::filesystem::path(host_path).lexically_normal();
  for (const auto& folder : allowed) {
    auto root = std::filesystem::path(folder).lexically_normal();
    auto below = wanted.lexically_relative(root);
    if (below.empty() || *below.begin() == "..") continue;
    return HostFolder{root.string(), below.string()};
  }
  return refuse("host volume {}: not below a folder that [tasks] host_volumes allows", host_path);
}

Result<void> check_spec(const TaskSpec& spec, const Allowances& allowances) {
  bool hexadecimal = std::ranges::all_of(
      spec.id, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (spec.id.size() != 32 || !hexadecimal) return refuse("task id {}", spec.id);
  if (spec.containers.empty() || spec.containers.size() > kContainersMax) {
    return refuse("a task has one to {} containers", kContainersMax);
  }
  if (spec.volumes.size() > kVolumesMax)
    return refuse("a task has at most {} volumes", kVolumesMax);
  if (spec.network == NetworkMode::kHost && allowances.host_network == Allowed::kNo) {
    return refuse("the machine's network is not allowed by the configuration");
  }
  for (const auto& volume : spec.volumes) {
    if (!volume.host_path.empty()) {
      TRY_VOID(host_folder(volume.host_path, allowances.host_volumes));
    }
  }
  std::set<std::string> names;
  for (const auto& c : spec.containers) {
    if (!plain_name(c.name)) return refuse("malformed container name {}", c.name);
    if (!names.insert(c.name).second) return refuse("two containers are named {}", c.name);
    TRY_VOID(check_process(c));
    TRY_VOID(check_health(c));
    TRY_VOID(check_walls(spec, c, allowances));
    TRY_VOID(check_mounts(spec, c));
  }
  return check_order(spec);
}

}  // namespace suiro::container
