// SPDX-License-Identifier: Apache-2.0
// Streams as other services see them: to be read by shard and position, and to be appended to.
//
// Invariants:
//  1. A position is an offset: it counts the shard's records from 0 and never changes. The
//     generation is the stream's id.
//  2. append() is one commit: all records and `also`, or nothing.
// Threads: any shard.
#pragma once

#include "services/kinesis/logic.h"

namespace suiro::kinesis {

class Source final : public event::StreamSource {
 public:
  explicit Source(Logic& logic) : logic_(logic) {}
  Task<Result<std::vector<event::StreamShard>>> shards(std::string stream_arn) override;
  Task<Result<event::StreamPosition>> locate(event::StreamPlace place,
                                             event::StreamStart start) override;
  Task<Result<event::StreamBatch>> read(ReadRequest request) override;

 private:
  Result<Logic::Place> place_of(const event::StreamPlace& place) const;

  Logic& logic_;
};

class Sink final : public event::RecordSink {
 public:
  Sink(event::Kernel& kernel, Logic& logic) : kernel_(kernel), logic_(logic) {}
  Task<Result<void>> append(std::string arn, std::vector<event::SinkRecord> records,
                            store::Batch also, TraceContext cause) override;
  Task<Result<void>> check(std::string arn) override;

 private:
  event::Kernel& kernel_;
  Logic& logic_;
};

}  // namespace suiro::kinesis
