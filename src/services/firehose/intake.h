// SPDX-License-Identifier: Apache-2.0
// Intake: records into a delivery stream's lanes, durably.
//
//   put() ─► the open group (leader: who opened it) ─► one block, one commit ─► all its puts answer
//
// Invariants:
//  1. A put is answered after the commit of its block. All records of a put are in one block.
//  2. At most kCommitsAtOnce groups of a stream are being committed; what waits joins the open
//  group,
//     which ends at kBlockBytesMax. At most kWaitingBytesMax of a stream are not yet durable.
//  3. Where the stream keeps the source's records, the block stands in the backup lane as well, in
//  the
//     same commit.
// Thread: the shard of the stream. Errors: ServiceUnavailableException beyond the limits, those of
// the store.
#pragma once

#include "services/firehose/context.h"

namespace suiro::firehose {

class Intake {
 public:
  explicit Intake(Context& context) : context_(context) {}

  // Sizes were checked. The records' places, in their order.
  Task<Result<std::vector<RecordPlace>>> put(StatePtr state, std::vector<Bytes> records,
                                             TraceContext cause);
  // One commit with `also`, whatever the number of blocks.
  struct Arrival {
    std::vector<Bytes> records;
    TimePoint arrived;
    TraceContext cause;
  };
  Task<Result<void>> append(StatePtr state, Arrival arrival, store::Batch also);

  // Adds blocks of `records` to a lane in a commit of the caller's: hold() after it, or abort().
  class Write {
   public:
    Write(StatePtr state, TimePoint now) : state_(std::move(state)), now_(now) {}
    void add(store::Batch& batch, LaneKind lane, const std::vector<Bytes>& records,
             TimePoint arrived, const TraceContext& cause);
    // The number of the block.
    uint64_t add(store::Batch& batch, LaneKind lane, const BlockBuilder& block, TimePoint arrived,
                 const TraceContext& cause);
    void hold();
    void abort();

   private:
    StatePtr state_;
    TimePoint now_;
    std::vector<std::pair<LaneKind, Lane::Held>> blocks_;
  };

 private:
  Result<void> check_room(const StreamState& state, uint64_t bytes) const;
  Task<void> lead(StatePtr state, std::shared_ptr<Group> group);
  Task<Result<void>> commit(StatePtr state, Group& group);

  Context& context_;
};

}  // namespace suiro::firehose
