// SPDX-License-Identifier: Apache-2.0
// Reshard: splits and merges of a stream's shards, worked out on copies of their records, to be
// committed together.
//
// Invariants:
//  1. The open shards cover every hash key once, before and after each step.
//  2. A child is created later than its parents, so that its sequence numbers are above theirs.
//  3. A shard has at most two parents: a range that grew out of more is merged pair by pair, and a
//     range that is cut more than once is split again; such shards between are closed and empty.
// Thread: an instance belongs to one.
#pragma once

#include "services/kinesis/types.h"

namespace suiro::kinesis {

class Reshard {
 public:
  Reshard(std::map<ShardIndex, ShardRecord> shards, uint32_t shards_made, TimePoint now);

  // Both shards are open and hold `begin`, or touch, in this order: the caller has checked.
  void split(ShardIndex shard, HashKey begin);
  ShardIndex merge(ShardIndex first, ShardIndex second);
  // Makes `count` open shards of equal ranges.
  void scale_to(uint32_t count);

  // What changed, with what it became.
  const std::map<ShardIndex, ShardRecord>& changed() const { return changed_; }
  uint32_t shards_made() const { return shards_made_; }
  size_t open_shards() const { return open_.size(); }

 private:
  ShardIndex open(HashRange range, std::vector<ShardIndex> parents);
  ShardIndex holder_of(HashKey key) const;
  void close(ShardIndex shard);

  std::map<ShardIndex, ShardRecord> shards_;
  std::map<ShardIndex, ShardRecord> changed_;
  std::map<HashKey, ShardIndex> open_;  // by where their ranges begin
  uint32_t shards_made_;
  TimePoint now_;
};

// The ranges of `count` shards of equal size; the last one takes what the division leaves.
HashRange equal_range(uint32_t index, uint32_t count);

}  // namespace suiro::kinesis
