// SPDX-License-Identifier: Apache-2.0
// What the tasks service is told at start. docs/configuration.md, [tasks].
#pragma once

#include <functional>
#include <string>

#include "engine/container/task_runner.h"
#include "kernel/store/store.h"

namespace suiro::ecs {

// What becomes of a task that does not fit on the machine at this moment.
enum class Full : uint8_t {
  kWait,  // it waits, first come first served
  kFail,  // RunTask answers failures[], as AWS does
};

// Where the containers of a task ask for keys of its role, below the endpoint, and with which
// token.
struct CredentialsPath {
  std::string path;
  std::string token;
};

struct Config {
  container::TaskRunner* runner = nullptr;  // null: no task can run
  uint32_t cpu_units = 0;                   // 0: what the runner's probe says
  uint32_t memory_mb = 0;                   // likewise
  uint32_t placed_max = 1000;               // tasks that have a disk at once; more of them wait
  Full full = Full::kWait;
  Millis keep_stopped = std::chrono::hours(24);  // how long DescribeTasks knows a stopped task
  std::string log_group = "/suiro/tasks";        // of containers without a logConfiguration
  // Writes to the batch what refuses a kDurable key from its commit on; RoleCredentials::revoke()
  // follows it. Empty: that alone refuses it.
  std::function<void(store::Batch&, const std::string& access_key_id)> revoke_with = {};
  // Suiro's URL inside the networks of tasks; empty: as everywhere else.
  std::string task_endpoint;
  // Empty: keys of a task's role stand in the environment, and are not renewed.
  std::function<CredentialsPath(const std::string& task_id)> credentials_path = {};
};

}  // namespace suiro::ecs
