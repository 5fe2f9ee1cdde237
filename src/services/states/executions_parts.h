// SPDX-License-Identifier: Apache-2.0
// What the parts of the runtime of executions share.
// Threads: RuntimeParts is constant after open(), but for its counter; the rest as noted.
#pragma once

#include <atomic>

#include "kernel/event/listeners.h"
#include "services/states/executions_config.h"
#include "services/states/map_runs.h"
#include "services/states/performer.h"
#include "services/states/storage_execution.h"
#include "services/states/tokens.h"

namespace suiro::states {

struct RuntimeParts {
  event::Kernel& kernel;
  RuntimeConfig config;
  Performer& performer;
  MapRunDriver* map_runs = nullptr;             // null: distributed Maps fail with States.Runtime
  const event::Listeners* listeners = nullptr;  // of the default bus; null: somebody may listen
  std::optional<Tokens> tokens;                 // from open() on
  std::atomic<uint64_t> open_executions = 0;
};

// How much of an execution is logged: loggingConfiguration.
struct LogSettings {
  enum class Level : uint8_t { kOff, kFatal, kError, kAll };
  Level level = Level::kOff;
  bool include_data = false;
  std::string group;
};

// A machine as executions were started with it. Shared, immutable.
struct LoadedMachine {
  ArnHash key;
  MachineRow row;  // its plan: null
  std::shared_ptr<const workflow::Plan> plan;
  LogSettings logs;
  std::vector<std::string> activities;  // ARNs that tasks of the plan name, sorted
};
using MachinePtr = std::shared_ptr<const LoadedMachine>;

workflow::ExecutionInfo execution_info(const event::Kernel& kernel, const ExecutionRow& row,
                                       const MachineRow& machine, workflow::Payload input);

// Those that tasks anywhere in the plan name, sorted.
std::vector<std::string> activity_arns(const workflow::Plan& plan);

// TaskCall::key.
std::string effect_call_key(const ExecutionRow& row, uint64_t effect);

// What one coroutine waits for and another part of the same shard gives.
template <class T>
class Answer {
 public:
  explicit Answer(Executor executor) : signal_(executor) {}
  void give(T value) {
    value_ = std::move(value);
    signal_.notify_all();
  }
  Task<T> take() {
    while (!value_) co_await signal_.wait();
    co_return *std::move(value_);
  }

 private:
  Signal signal_;
  std::optional<T> value_;
};

}  // namespace suiro::states
