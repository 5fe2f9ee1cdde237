// SPDX-License-Identifier: Apache-2.0
#include "engine/container/task_groups.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "engine/sandbox/files.h"

namespace suiro::container {

namespace {

using sandbox::read_small_file;
using sandbox::write_control;

constexpr std::array<std::string_view, TaskGroups::kKinds> kNames{"memory", "cpu", "pids",
                                                                  "cpuacct"};
constexpr uint32_t kPeriodUs = 100'000;
constexpr uint32_t kUnitsOfCore = 1024;
constexpr int kRemoveRounds = 5'000;  // of kRemovePauseUs: 5 s
constexpr useconds_t kRemovePauseUs = 1'000;
constexpr size_t kDepthMax = 4;
constexpr std::string_view kSupervisors = "supervisors";

bool make_group(const std::string& path) {
  return ::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST;
}

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

// Hands memory, cpu and pids down to the children of a version-2 group.
Result<void> hand_down(const std::string& group) {
  auto available = read_small_file(group + "/cgroup.controllers");
  if (!available) return fail(available.error());
  std::istringstream names(*available);
  std::string change;
  for (std::string name; names >> name;) {
    if (name == "memory" || name == "cpu" || name == "pids") change += "+" + name + " ";
  }
  if (change.empty()) return fail(codes::kInternal, "no controllers at " + group);
  return write_control(group + "/cgroup.subtree_control", change);
}

// Kills what is in the group and in those below it.
void kill_all(const std::string& directory, size_t depth) {
  std::error_code error;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    if (depth > 0 && at->is_directory(error)) kill_all(at->path().string(), depth - 1);
  }
  auto processes = read_small_file(directory + "/cgroup.procs");
  std::istringstream numbers(processes ? *processes : "");
  for (pid_t process = 0; numbers >> process;) {
    if (process > 1) ::kill(process, SIGKILL);
  }
}

// Removes the group and those below it; false while something is in use.
bool remove_all(const std::string& directory, size_t depth) {
  std::error_code error;
  std::vector<std::string> below;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    if (depth > 0 && at->is_directory(error)) below.push_back(at->path().string());
  }
  bool all = true;
  for (const auto& group : below) all = remove_all(group, depth - 1) && all;
  return all && (::rmdir(directory.c_str()) == 0 || errno == ENOENT);
}

}  // namespace

TaskGroups TaskGroups::open(const std::string& instance, const sandbox::CgroupSources& sources) {
  TaskGroups groups;
  groups.path_ = "/suiro-tasks-" + instance;
  for (auto& controller : groups.controllers_) {
    controller.detail = "no cgroup hierarchy with this controller is mounted";
  }
  auto text = read_small_file(sources.mountinfo);
  if (!text) return groups;
  auto take = [&](Kind kind, int version, const sandbox::CgroupMount& mount) {
    auto& controller = groups.controllers_[kind];
    if (controller.version != 0) return;
    controller = {version, mount.point + groups.path_,
                  fmt::format("cgroup v{} at {}", version, mount.point)};
  };
  auto mounts = sandbox::parse_cgroup_mounts(*text);
  for (const auto& mount : mounts) {
    if (std::ranges::find(groups.mounts_, mount.point) != groups.mounts_.end()) continue;
    groups.mounts_.push_back(mount.point);
    if (mount.version != 1) continue;
    for (int kind = 0; kind < kKinds; ++kind) {
      if (std::ranges::find(mount.controllers, kNames[kind]) == mount.controllers.end()) continue;
      if (make_group(mount.point + groups.path_)) {
        take(static_cast<Kind>(kind), 1, mount);
      } else {
        groups.controllers_[kind].detail =
            sandbox::errno_error("create " + mount.point + groups.path_).message;
      }
    }
  }
  for (const auto& mount : mounts) {
    if (mount.version != 2 || groups.controllers_[kMemory].version == 1) continue;
    auto made = hand_down(mount.point);
    if (made && !make_group(mount.point + groups.path_)) {
      made = fail(sandbox::errno_error("create " + mount.point + groups.path_));
    }
    if (made) made = hand_down(mount.point + groups.path_);
    for (int kind = 0; kind < kKinds; ++kind) {
      if (made) take(static_cast<Kind>(kind), 2, mount);
      if (!made) groups.controllers_[kind].detail = made.error().message;
    }
    break;
  }
  const auto& memory = groups.controllers_[kMemory];
  groups.limits_swap_ =
      exists(memory.directory +
             (memory.version == 1 ? "/memory.memsw.limit_in_bytes" : "/memory.swap.max"));
  return groups;
}

std::string TaskGroups::file(Kind kind, const std::string& task, std::string_view name) const {
  return fmt::format("{}/{}/{}", controllers_[kind].directory, task, name);
}

std::vector<std::string> TaskGroups::supervisor_procs() const {
  std::vector<std::string> files;
  for (const auto& controller : controllers_) {
    if (controller.version == 0) continue;
    std::string group = fmt::format("{}/{}", controller.directory, kSupervisors);
    std::string procs = group + "/cgroup.procs";
    if (std::ranges::find(files, procs) != files.end()) continue;
    if (make_group(group)) files.push_back(procs);
  }
  return files;
}

Accounting TaskGroups::accounting(const std::string& task, size_t container) const {
  std::string below = fmt::format("{}/{}", task, container);
  Accounting files;
  if (controllers_[kMemory].version == 1) {
    files.out_of_memory = file(kMemory, below, "memory.oom_control");
    files.memory_peak = file(kMemory, below, "memory.max_usage_in_bytes");
  } else if (controllers_[kMemory].version == 2) {
    files.out_of_memory = file(kMemory, below, "memory.events");
    files.memory_peak = file(kMemory, below, "memory.peak");
  }
  if (controllers_[kAccounting].version == 1) {
    files.processor = file(kAccounting, below, "cpuacct.usage");
  } else if (controllers_[kAccounting].version == 2) {
    files.processor = file(kAccounting, below, "cpu.stat");
  }
  return files;
}

Result<void> TaskGroups::make(const std::string& task, const TaskLimits& limits) const {
  for (const auto& controller : controllers_) {
    if (controller.version == 0) continue;
    std::string directory = controller.directory + "/" + task;
    if (!make_group(controller.directory) || !make_group(directory)) {
      return fail(sandbox::errno_error("create " + directory));
    }
    if (controller.version == 2) TRY_VOID(hand_down(directory));
  }
  int memory = controllers_[kMemory].version, cpu = controllers_[kCpu].version;
  if (limits.memory_mb != 0 && memory != 0) {
    std::string bytes = fmt::format("{}", uint64_t{limits.memory_mb} * 1024 * 1024);
    TRY_VOID(write_control(
        file(kMemory, task, memory == 1 ? "memory.limit_in_bytes" : "memory.max"), bytes));
    std::string swap =
        file(kMemory, task, memory == 1 ? "memory.memsw.limit_in_bytes" : "memory.swap.max");
    if (limits_swap_) TRY_VOID(write_control(swap, memory == 1 ? bytes : "0"));
  }
  if (limits.cpu_units != 0 && cpu != 0) {
    uint64_t quota =
        std::max<uint64_t>(1'000, uint64_t{limits.cpu_units} * kPeriodUs / kUnitsOfCore);
    if (cpu == 1) {
      TRY_VOID(write_control(file(kCpu, task, "cpu.shares"),
                             fmt::format("{}", std::max(2U, limits.cpu_units))));
      TRY_VOID(write_control(file(kCpu, task, "cpu.cfs_quota_us"), fmt::format("{}", quota)));
    } else {
      uint64_t weight = std::clamp<uint64_t>(limits.cpu_units * 100ULL / kUnitsOfCore, 1, 10'000);
      TRY_VOID(write_control(file(kCpu, task, "cpu.weight"), fmt::format("{}", weight)));
      TRY_VOID(write_control(file(kCpu, task, "cpu.max"), fmt::format("{} {}", quota, kPeriodUs)));
    }
  }
  if (controllers_[kProcesses].version != 0) {
    TRY_VOID(
        write_control(file(kProcesses, task, "pids.max"), fmt::format("{}", limits.processes)));
  }
  return ok();
}

Result<void> TaskGroups::remove(const std::string& task) const {
  // A killed process leaves its group when it was reaped, which no file of version 1 announces:
  // hence the bounded polling.
  for (int round = 0; round < kRemoveRounds; ++round) {
    bool all = true;
    for (const auto& mount : mounts_) {
      std::string directory = mount + path_of(task);
      if (!exists(directory) || remove_all(directory, kDepthMax)) continue;
      kill_all(directory, kDepthMax);
      all = false;
    }
    if (all) return ok();
    ::usleep(kRemovePauseUs);
  }
  return fail(codes::kInternal, "processes of task " + task + " do not end");
}

void TaskGroups::close() const {
  for (const auto& mount : mounts_) {
    ::rmdir(fmt::format("{}{}/{}", mount, path_, kSupervisors).c_str());
    ::rmdir((mount + path_).c_str());
  }
}

}  // namespace suiro::container
