// SPDX-License-Identifier: Apache-2.0
// What the tasks service is told at start. docs/configuration.md, [tasks].
#pragma once

#include <string>

#include "engine/container/task_runner.h"

namespace suiro::ecs {

// What becomes of a task that does not fit on the machine at this moment.
enum class Full : uint8_t {
  kWait,  // it waits, first come first served
  kFail,  // RunTask answers failures[], as AWS does
};

struct Config {
  container::TaskRunner* runner = nullptr;  // null: no task can run
  uint32_t cpu_units = 0;                   // 0: what the runner's probe says
  uint32_t memory_mb = 0;                   // likewise
  uint32_t placed_max = 1000;               // tasks that have a disk at once; more of them wait
  Full full = Full::kWait;
  Millis keep_stopped = std::chrono::hours(24);  // how long DescribeTasks knows a stopped task
  std::string log_group = "/suiro/tasks";        // of containers without a logConfiguration
};

}  // namespace suiro::ecs
