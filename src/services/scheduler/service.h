// SPDX-License-Identifier: Apache-2.0
// EventBridge Scheduler as the server wires it: operations, and the target of universal events.
//
// Thread: made and wired before the shards start; then any shard. Bytes:
// docs/formats/scheduler.md.
#pragma once

#include "services/scheduler/api.h"
#include "services/scheduler/universal.h"

namespace suiro::scheduler {

class Service {
 public:
  // Registers its timers: before the kernel starts. `operations` is asked once the server is wired.
  Service(event::Kernel& kernel, event::OperationCaller& operations,
          const event::RolePermissions& permissions, Policy defaults = {})
      : logic_(kernel, operations, permissions, defaults),
        api_(logic_),
        universal_(kernel, operations) {}

  Task<Result<void>> start() { return logic_.start(); }
  void add_operations(shapes::Registry& registry) { api_.add_operations(registry); }
  // Of events to "arn:aws:scheduler:::aws-sdk:...".
  event::Target* target() { return &universal_; }

 private:
  Logic logic_;
  Api api_;
  UniversalTarget universal_;
};

}  // namespace suiro::scheduler
