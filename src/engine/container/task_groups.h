// SPDX-License-Identifier: Apache-2.0
// Control groups of tasks, on version 1, version 2 and hybrid hierarchies. A task's group bounds
// all of its containers together; the containers' own groups below it are made by runc.
//
//   suiro-tasks-INSTANCE/supervisors    without limits
//   suiro-tasks-INSTANCE/TASK           limits of the task
//   suiro-tasks-INSTANCE/TASK/NUMBER    limits of a container (runc)
//
// Invariant: the same path in every hierarchy, below the mount: what runc's cgroupsPath means.
// Unlike a sandbox's groups (engine/sandbox/cgroup.h) they outlive the process of Suiro.
// Thread: any; blocking. Failure: a missing controller is named, never an Error of open().
#pragma once

#include <array>
#include <string>
#include <vector>

#include "engine/sandbox/cgroup.h"

namespace suiro::container {

struct TaskLimits {
  uint32_t memory_mb = 0;  // 0: none
  uint32_t cpu_units = 0;  // 0: none; share and upper bound
  uint32_t processes = 0;
};

// Where the kernel counts what a container used.
struct Accounting {
  std::string out_of_memory;  // "oom_kill N"
  std::string memory_peak;
  std::string processor;  // nanoseconds, or cpu.stat of version 2
};

class TaskGroups {
 public:
  enum Kind { kMemory, kCpu, kProcesses, kAccounting, kKinds };

  static TaskGroups open(const std::string& instance, const sandbox::CgroupSources& sources = {});
  const sandbox::Controller& controller(Kind kind) const { return controllers_[kind]; }
  bool limits_swap() const { return limits_swap_; }
  // Files into which a supervisor writes itself.
  std::vector<std::string> supervisor_procs() const;
  std::string path_of(const std::string& task) const { return path_ + "/" + task; }
  Accounting accounting(const std::string& task, size_t container) const;
  // Makes the task's group, or sets its limits anew. Errors: kInternal.
  Result<void> make(const std::string& task, const TaskLimits& limits) const;
  // Ends every process of the task and removes its groups. Errors: kInternal when they stay.
  Result<void> remove(const std::string& task) const;
  // Removes this server's directories where they are empty.
  void close() const;

 private:
  std::string file(Kind kind, const std::string& task, std::string_view name) const;

  std::string path_;                 // "/suiro-tasks-INSTANCE"
  std::vector<std::string> mounts_;  // of every hierarchy
  std::array<sandbox::Controller, kKinds> controllers_;
  bool limits_swap_ = false;
};

}  // namespace suiro::container
