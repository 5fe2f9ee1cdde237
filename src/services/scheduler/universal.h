// SPDX-License-Identifier: Apache-2.0
// UniversalTarget: the target "arn:aws:scheduler:::aws-sdk:SERVICE:operation" of events: calls the
// operation with the event's payload as its input, as the schedule's service principal.
//
// Invariant: the event is consumed after the call: the operation runs at least once, and again
// after a crash between the two. Threads: any shard. Errors: the operation's.
#pragma once

#include "kernel/event/kernel.h"
#include "kernel/event/operation_caller.h"

namespace suiro::scheduler {

class UniversalTarget final : public event::Target {
 public:
  UniversalTarget(event::Kernel& kernel, event::OperationCaller& operations)
      : kernel_(kernel), operations_(operations) {}
  Task<Result<void>> deliver(event::Event event, store::Batch consume) override;
  Task<Result<void>> accepts(std::string target_arn, event::Sender sender) override;

 private:
  event::Kernel& kernel_;
  event::OperationCaller& operations_;
};

}  // namespace suiro::scheduler
