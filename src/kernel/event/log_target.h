// SPDX-License-Identifier: Apache-2.0
// LogTarget: a log group as a target of events (Amazon EventBridge User Guide, "Amazon CloudWatch
// Logs log group targets"). The event's payload becomes one line, in a stream of the day.
//
// Invariant: the line and the event's `consume` batch are one commit. Threads: any shard.
// Errors: kNotFound where no logs service is wired; those of LogSink::write.
#pragma once

#include "kernel/event/event.h"
#include "kernel/event/log_sink.h"

namespace suiro::event {

class LogTarget final : public Target {
 public:
  // Borrowed; null: there is no logs service.
  explicit LogTarget(LogSink* logs) : logs_(logs) {}
  Task<Result<void>> deliver(Event event, store::Batch consume) override;
  // A group is made on its first line.
  Task<Result<void>> accepts(std::string target_arn, Sender sender) override;

 private:
  LogSink* logs_;
};

// The name in "arn:aws:logs:REGION:ACCOUNT:log-group:NAME" or "...:NAME:*". Errors: kNotFound.
Result<std::string> log_group_of(std::string_view arn);

}  // namespace suiro::event
