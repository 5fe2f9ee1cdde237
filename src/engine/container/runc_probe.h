// SPDX-License-Identifier: Apache-2.0
// What this machine can do for tasks, found out by running a container whose program tells what it
// may do. Blocking.
#pragma once

#include "engine/container/task_run.h"

namespace suiro::container {

struct RuncProbe {
  RunnerProbe probe;
  bool user_namespaces = false;
};

// The setting's programs, groups and folders are ready. `directory` is empty and of this machine's
// disk; it is removed afterwards.
RuncProbe probe_runc(const TaskSetting& setting, const std::string& directory);

// The first of them that can be executed; empty where none can.
std::string find_program(std::initializer_list<std::string> candidates);

}  // namespace suiro::container
