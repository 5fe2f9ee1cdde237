// SPDX-License-Identifier: Apache-2.0
// Key layout and values of the streams service: the one place that knows how streams, shards and
// blocks lie in the store.
//
// Invariants:
//  1. decode(encode(x)) == x; a value of another version or with bytes left over is kCorrupt.
// Thread: pure functions. Bytes on disk: docs/formats/kinesis.md.
#pragma once

#include "kernel/store/store.h"
#include "services/kinesis/types.h"

namespace suiro::kinesis::storage {

struct ShardId {
  StreamId stream;
  ShardIndex shard;
};

store::Key stream_key(std::string_view name);
store::Key shard_key(ShardId id);
store::Key consumer_key(StreamId stream, std::string_view name);
store::Key block_key(ShardId id, Offset first);
store::Key time_key(ShardId id, TimePoint time);

store::KeyRange streams();
store::KeyRange shards(StreamId stream);
store::KeyRange consumers(StreamId stream);
store::KeyRange blocks(ShardId id);
store::KeyRange times(ShardId id);

std::string stream_name_of(ByteView key);
ShardIndex shard_index_of(ByteView key);
std::string consumer_name_of(ByteView key);
// Errors: kCorrupt.
Result<Offset> block_offset_of(ByteView key);
Result<TimePoint> time_of(ByteView key);

Bytes encode(const StreamRecord& record);
Bytes encode(const ShardRecord& record);
Bytes encode(const ConsumerRecord& record);
Bytes encode(const TimeRow& row);

// Errors: kCorrupt.
Result<StreamRecord> decode_stream(ByteView value);
Result<ShardRecord> decode_shard(ByteView value);
Result<ConsumerRecord> decode_consumer(ByteView value);
Result<TimeRow> decode_time_row(ByteView value);

// Everything of a stream but its own record.
void erase_contents(store::Batch& batch, StreamId stream);
// A shard's record, blocks and times.
void erase_shard(store::Batch& batch, ShardId id);

}  // namespace suiro::kinesis::storage
