// SPDX-License-Identifier: Apache-2.0
// StateMachineTarget: events to state machines (of rules, schedules, pipes of the lake) start
// executions.
//
// Invariant: an event starts one Standard execution, however often it is delivered: the execution's
// name follows from the event's id, and a name starts once. Express executions start at least once,
// as in AWS.
// Thread: any shard. Errors: those of StartExecution.
#pragma once

#include "services/states/logic.h"

namespace suiro::states {

class StateMachineTarget final : public event::Target {
 public:
  // `executions` may be null: nothing can be started then.
  StateMachineTarget(event::Kernel& kernel, Logic& logic, Executions* executions)
      : kernel_(kernel), logic_(logic), executions_(executions) {}
  Task<Result<void>> deliver(event::Event event, store::Batch consume) override;
  Task<Result<void>> accepts(std::string target_arn, event::Sender sender) override;

 private:
  event::Kernel& kernel_;
  Logic& logic_;
  Executions* executions_;
};

}  // namespace suiro::states
