// SPDX-License-Identifier: Apache-2.0
// Blocks: the records of one shard that became durable with one commit, as bytes. A block is a
// version byte and segments, one a request; a segment has one time of arrival.
//
// Invariants:
//  1. Records of a block have consecutive offsets; the first one's stands in the block's key.
//  2. Times of arrival do not fall from segment to segment.
//  3. A reader never reads outside of the bytes it was given, whatever they are.
// Thread: an instance belongs to one. Bytes: docs/formats/kinesis.md.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "services/kinesis/types.h"

namespace suiro::kinesis {

// The records of one request for one shard, encoded before the owner sees them.
class RecordsWriter {
 public:
  void add(std::string_view partition_key, std::optional<HashKey> explicit_hash_key, ByteView data);
  void reserve(size_t bytes) { bytes_.reserve(bytes); }
  uint32_t count() const { return count_; }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
  uint32_t count_ = 0;
};

// An empty block, to which segments are appended.
Bytes begin_block();
void append_segment(Bytes& block, TimePoint arrived, const RecordsWriter& records);

// Points into the block's bytes.
struct RecordView {
  Offset offset = 0;
  TimePoint arrived;
  std::string_view partition_key;
  std::optional<HashKey> explicit_hash_key;
  ByteView data;
};

class BlockReader {
 public:
  // `first`: the offset of the block's first record.
  BlockReader(ByteView block, Offset first);
  // The next record; false at the end or where the bytes are broken: ask end().
  bool next(RecordView& record);
  // Goes to the record of that offset, or to the end.
  void skip_to(Offset offset);
  // Goes to the first record that arrived at `time` or later, or to the end.
  void skip_to(TimePoint time);
  // The offset of what next() reads.
  Offset position() const { return next_; }
  // Errors: kCorrupt.
  Result<void> end() const;

 private:
  bool enter_segment();
  void leave_segment();
  bool take(size_t size, ByteView& out);
  bool take_varint(uint64_t& value);
  void break_off();

  ByteView rest_;     // behind the current segment
  ByteView segment_;  // what is left of the current one
  uint32_t records_left_ = 0;
  TimePoint arrived_;
  Offset next_;
  bool broken_ = false;
};

// A block in memory: durable, never changed.
struct Block {
  Offset first = 0;
  Offset end = 0;  // behind its last record
  Bytes bytes;
};
using BlockPtr = std::shared_ptr<const Block>;

struct BlockFacts {
  uint64_t count = 0;
  TimePoint last_arrival;
};
// Looks at the segments alone. Errors: kCorrupt.
Result<BlockFacts> facts_of(ByteView block);

}  // namespace suiro::kinesis
