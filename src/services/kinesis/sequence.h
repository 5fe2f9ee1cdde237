// SPDX-License-Identifier: Apache-2.0
// Names of shards, sequence numbers and hash keys as text.
//
// A sequence number has 56 decimal digits, like those of AWS, and tells its record's place:
//
//   49 | creation of the shard in ms (15) | ordinal (20) | shard (12) | 00000
//
// The ordinal is the record's offset + 1; 0 is the shard's starting sequence number, and a closed
// shard's ending one has the ordinal behind its last record.
//
// Invariants:
//  1. Within a shard they grow with the offset; those of a child are above those of its parents,
//     because it was created later. They have the same length: text compares as number.
// Thread: pure functions.
#pragma once

#include "services/kinesis/types.h"

namespace suiro::kinesis {

std::string shard_name(ShardIndex shard);
// nullopt: not the name of a shard.
std::optional<ShardIndex> parse_shard_name(std::string_view name);

struct SequenceNumber {
  TimePoint created;
  ShardIndex shard;
  uint64_t ordinal = 0;
};

// Sequence numbers of one shard.
class SequenceFormat {
 public:
  SequenceFormat(TimePoint created, ShardIndex shard);
  std::string starting() const { return with_ordinal(0); }
  std::string of(Offset offset) const { return with_ordinal(offset + 1); }

 private:
  std::string with_ordinal(uint64_t ordinal) const;
  std::string text_;  // with ordinal 0
};

// nullopt: not one of ours.
std::optional<SequenceNumber> parse_sequence(std::string_view text);

std::string hash_key_text(HashKey key);
// nullopt: not a decimal number below 2^128.
std::optional<HashKey> parse_hash_key(std::string_view text);
HashKey hash_of(std::string_view partition_key);

}  // namespace suiro::kinesis
