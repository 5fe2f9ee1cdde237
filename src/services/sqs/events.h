// SPDX-License-Identifier: Apache-2.0
// A queue as a target of events and as a source of event source mappings.
//
// Invariants:
//  1. deliver() commits the message and the event's `consume` batch in one commit: an event becomes
//     exactly one message. A delivery that a FIFO queue recognises as a duplicate consumes the
//     event.
//  2. pull() gives records in the form that AWS Lambda gives to functions (Lambda Developer Guide,
//     "Using Lambda with Amazon SQS").
//
// Threads: any shard.
#pragma once

#include "services/sqs/logic.h"

namespace suiro::sqs {

class QueueTarget final : public event::Target {
 public:
  QueueTarget(event::Kernel& kernel, Logic& logic) : kernel_(kernel), logic_(logic) {}
  Task<Result<void>> deliver(event::Event event, store::Batch consume) override;
  Task<Result<void>> accepts(std::string target_arn, event::Sender sender) override;

 private:
  event::Kernel& kernel_;
  Logic& logic_;
};

class QueueSource final : public event::PullSource {
 public:
  QueueSource(event::Kernel& kernel, Logic& logic) : kernel_(kernel), logic_(logic) {}
  Task<Result<std::vector<event::SourceRecord>>> pull(PullRequest request) override;
  Task<Result<void>> ack(std::string arn, std::vector<std::string> handles,
                         store::Batch also) override;
  Task<Result<void>> release(std::string arn, std::vector<std::string> handles,
                             Millis delay) override;
  Task<Result<uint64_t>> backlog(std::string arn) override;
  Task<Result<Info>> describe(std::string arn) override;

 private:
  event::SourceRecord record_of(const std::string& arn, Received received) const;
  event::Kernel& kernel_;
  Logic& logic_;
};

// The system attributes that a receive shows, by their AWS names. Used by the wire and by records.
Attributes system_attributes(const Received& received);

}  // namespace suiro::sqs
