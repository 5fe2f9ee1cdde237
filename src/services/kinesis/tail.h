// SPDX-License-Identifier: Apache-2.0
// Tail: the newest blocks of one shard, in memory. Tails: the bound on the bytes of all tails of
// one shard of the process: the oldest block of all goes first.
//
// Invariants:
//  1. A tail is without gaps: only its oldest block is ever dropped.
//  2. bytes() is the sum over all tails; never more than the bound, but for one block.
//  3. A tail that is destroyed was cleared before.
// Thread: the owner shard's.
#pragma once

#include <deque>
#include <map>

#include "services/kinesis/block.h"

namespace suiro::kinesis {

inline constexpr size_t kTailBytesDefault = 64 << 20;   // of all shards together
inline constexpr size_t kShardTailBytesMax = 16 << 20;  // of one shard

class Tail {
 public:
  ~Tail();
  bool empty() const { return blocks_.empty(); }
  // The offset of its oldest record; not of an empty tail.
  Offset first() const { return blocks_.front().block->first; }
  // Blocks from the one that holds `from`, which is first() or later, until `bytes` are reached.
  std::vector<BlockPtr> from(Offset from, size_t bytes) const;

 private:
  friend class Tails;
  struct Entry {
    BlockPtr block;
    uint64_t order;
  };
  std::deque<Entry> blocks_;
  size_t bytes_ = 0;
};

class Tails {
 public:
  explicit Tails(size_t bytes_max) : bytes_max_(bytes_max) {}
  void add(Tail& tail, BlockPtr block);
  void clear(Tail& tail);
  size_t bytes() const { return bytes_; }

 private:
  void drop_oldest(Tail& tail);

  const size_t bytes_max_;
  size_t bytes_ = 0;
  uint64_t order_ = 0;
  std::map<uint64_t, Tail*> by_oldest_;  // each tail that is not empty, by its oldest block
};

}  // namespace suiro::kinesis
