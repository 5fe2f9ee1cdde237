// SPDX-License-Identifier: Apache-2.0
// SourceReader: the records of a Kinesis stream into a delivery stream, a reader a shard.
//
//   shards() ─► a reader for each shard whose parents were read to their end
//   reader: read ─► block and position, one commit ─► read ... ─► ended
//
// Invariants:
//  1. A record is queued in the commit that moves its shard's position: once, whenever the process
//     dies.
//  2. A shard's records keep their order, and come behind those of its parents.
//  3. Reading begins where the stream stood when the delivery stream was created
//     (DeliveryStartTimestamp), and waits while the delivery stream holds kBacklogBytesMax.
// Thread: the shard of the delivery stream.
#pragma once

#include "services/firehose/delivery.h"
#include "services/firehose/intake.h"

namespace suiro::firehose {

class SourceReader {
 public:
  SourceReader(Context& context, Intake& intake) : context_(context), intake_(intake) {}
  // Until the stream closes.
  Task<void> run(StatePtr state);

 private:
  enum class Progress : uint8_t { kReading, kEnded };
  using Shards = std::map<std::string, Progress>;
  Task<Result<void>> look(StatePtr state, std::shared_ptr<Shards> known);
  Task<void> read_shard(StatePtr state, std::shared_ptr<Shards> known, std::string shard,
                        SourcePosition position);
  Task<Result<void>> read_once(StatePtr state, const std::string& shard, SourcePosition& position);
  Task<Result<std::optional<SourcePosition>>> stored(StatePtr state, std::string shard);
  Task<void> pause(StatePtr state, Millis duration);

  Context& context_;
  Intake& intake_;
};

}  // namespace suiro::firehose
