// SPDX-License-Identifier: Apache-2.0
// Step Functions as the server wires it: operations, and the target of events that start
// executions.
//
// Thread: made and wired before the shards start; then any shard. Bytes: docs/formats/states.md.
#pragma once

#include "services/states/api.h"
#include "services/states/target.h"

namespace suiro::states {

class Service {
 public:
  // Registers its timers: before the kernel starts. `operations` and `permissions` are asked once
  // the server is wired. `executions` may be null: state machines are kept then, and nothing runs.
  Service(event::Kernel& kernel, event::OperationCaller& operations,
          const event::RolePermissions& permissions, Executions* executions)
      : logic_(kernel, operations, permissions, executions),
        api_(logic_, executions),
        target_(kernel, logic_, executions) {}

  void add_operations(shapes::Registry& registry) { api_.add_operations(registry); }
  // Of events to state machines.
  event::Target* target() { return &target_; }

 private:
  Logic logic_;
  Api api_;
  StateMachineTarget target_;
};

}  // namespace suiro::states
