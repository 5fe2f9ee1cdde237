// SPDX-License-Identifier: Apache-2.0
// CloudWatch Logs, wired: operations, retention timers, and the sink for the lines of other
// services.
#pragma once

#include "services/logs/api.h"
#include "services/logs/sink.h"

namespace suiro::logs {

struct Config {
  Insights::Threads query_threads = Insights::Threads::kOwn;
  // Of the buckets that groups are exported to. Null: none is asked.
  const policy::ResourcePolicies* policies = nullptr;
};

class Service {
 public:
  // Registers its timers with the kernel: before these start.
  Service(event::Kernel& kernel, Config config);

  // Nothing but queries is kept in memory, and these end with it.
  Task<Result<void>> start();
  // Writes the lines that the sink holds: after the services that append have stopped.
  Task<void> stop();
  void add_operations(shapes::Registry& registry);
  // For Kernel::logs.
  event::LogSink* sink() { return &sink_; }

 private:
  Logic logic_;
  Insights insights_;
  Api api_;
  Sink sink_;
};

}  // namespace suiro::logs
