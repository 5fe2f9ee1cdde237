// SPDX-License-Identifier: Apache-2.0
// Storage: keys and bytes of the service, read and written in batches. No rules.
// Key layout: docs/formats/firehose.md.
//
// Thread: any. Errors: those of the store, kCorrupt for bytes that are not ours.
#pragma once

#include <optional>

#include "kernel/event/stream_follower.h"
#include "services/firehose/types.h"

namespace suiro::firehose {

namespace keys {
store::Key stream(std::string_view name);
store::KeyRange streams();
store::Key lane(StreamId id, LaneKind lane);
store::Key block(StreamId id, LaneKind lane, uint64_t number);
// What memory keeps of a block, beside it: a start reads these and not the records.
store::Key facts_of_lane(StreamId id, LaneKind lane);
store::Key facts(StreamId id, LaneKind lane, uint64_t number);
store::Key attempt(StreamId id, LaneKind lane);
store::Key position(StreamId id, std::string_view shard);
store::Key positions(StreamId id);
// first..last, both included.
store::KeyRange blocks(StreamId id, LaneKind lane, uint64_t first, uint64_t last);
store::KeyRange facts(StreamId id, LaneKind lane, uint64_t first, uint64_t last);
}  // namespace keys

// Makes a block's bytes without holding its records a second time.
class BlockBuilder {
 public:
  void add(ByteView record);
  size_t count() const { return count_; }
  size_t record_bytes() const { return record_bytes_; }
  bool empty() const { return count_ == 0; }
  Bytes finish(TimePoint arrived, TimePoint queued, const TraceContext& cause) const;

 private:
  Bytes body_;
  uint32_t count_ = 0;
  size_t record_bytes_ = 0;
};

struct BlockFacts {
  uint64_t bytes = 0;  // of its records
  TimePoint arrived;
  TimePoint queued;
};
Bytes encode(const BlockFacts& facts);
Result<BlockFacts> decode_facts(ByteView bytes);

Bytes encode(const StreamRecord& record);
Bytes encode(const Attempt& attempt);
Result<StreamRecord> decode_stream(ByteView bytes);
Result<Attempt> decode_attempt(ByteView bytes);
Result<Block> decode_block(ByteView bytes);
Result<uint64_t> block_number(ByteView key);

Bytes encode(const event::FollowPosition& position);
Result<event::FollowPosition> decode_position(ByteView bytes);

// A part of a lane, read.
struct ReadBlock {
  uint64_t number = 0;
  Block block;
};
// Calls `take` with every block of the range, in order.
Task<Result<void>> read_blocks(store::Store& store, store::KeyRange range,
                               std::function<Result<void>(ReadBlock)> take);

}  // namespace suiro::firehose
