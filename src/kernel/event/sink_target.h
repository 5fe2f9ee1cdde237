// SPDX-License-Identifier: Apache-2.0
// SinkTarget: what takes records (a stream, a delivery stream) as a target of events. The event's
// payload becomes one record; its attribute "PartitionKey", or else its id, the record's key.
//
// Invariant: the record and the event's `consume` batch are one commit: an event becomes exactly
// one record. Threads: any shard. Errors: those of RecordSink::append.
#pragma once

#include "kernel/event/event.h"

namespace suiro::event {

inline constexpr std::string_view kPartitionKeyAttribute = "PartitionKey";

class SinkTarget final : public Target {
 public:
  // `sink` is borrowed.
  explicit SinkTarget(RecordSink* sink) : sink_(sink) {}
  Task<Result<void>> deliver(Event event, store::Batch consume) override;
  // Streams have no resource policy that a sender of this kind is judged by: they exist or not.
  Task<Result<void>> accepts(std::string target_arn, Sender sender) override;

 private:
  RecordSink* sink_;
};

}  // namespace suiro::event
