// SPDX-License-Identifier: Apache-2.0
// What this machine can do for tasks, found out by running a container whose program tells what it
// may do. Blocking.
#pragma once

#include <atomic>

#include "engine/container/task_run.h"

namespace suiro::container {

struct RuncProbe {
  RunnerProbe probe;
  bool user_namespaces = false;
};

// What is known without a container: the machine's resources, and what is missing. Pending where
// nothing is.
RunnerProbe look_at_machine(const RuncConfig& config);

// The setting's programs, groups and folders are ready. `directory` is empty and of this machine's
// disk; it is removed afterwards. Ends early, with any result, once `unwanted`.
RuncProbe probe_runc(const TaskSetting& setting, const std::string& directory,
                     const std::atomic<bool>& unwanted);

// The first of them that can be executed; empty where none can.
std::string find_program(std::initializer_list<std::string> candidates);

}  // namespace suiro::container
