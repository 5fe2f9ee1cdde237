// SPDX-License-Identifier: Apache-2.0
#include "services/kinesis/storage.h"

#include "base/check.h"
#include "kernel/event/record_parts.h"

namespace suiro::kinesis::storage {
namespace {

using event::RecordReader;
using event::RecordWriter;

constexpr uint8_t kVersion = 1;
constexpr size_t kFamilyBytes = 3;
constexpr size_t kShardPrefixBytes = kFamilyBytes + 8 + 4;
constexpr uint32_t kListMax = 1000;  // metrics, parents
constexpr char kStreams = 's', kShards = 'h', kConsumers = 'c', kBlocks = 'r', kTimes = 't';

store::Key family(char name) {
  return {'k', 1, name};
}

store::Key of_stream(char name, StreamId stream) {
  store::Key key = family(name);
  append_be64(key, stream.value());
  return key;
}

store::Key of_shard(char name, ShardId id) {
  store::Key key = of_stream(name, id.stream);
  append_be32(key, id.shard.value());
  return key;
}

void write_hash_key(RecordWriter& out, HashKey key) {
  out.u64(static_cast<uint64_t>(key >> 64));
  out.u64(static_cast<uint64_t>(key));
}

HashKey read_hash_key(RecordReader& in) {
  HashKey high = in.u64();
  return high << 64 | in.u64();
}

Result<uint64_t> last_number(ByteView key) {
  if (key.size() != kShardPrefixBytes + 8) {
    return fail(codes::kCorrupt, "stream records: a key has another length");
  }
  return read_be64(key.substr(kShardPrefixBytes));
}

}  // namespace

store::Key stream_key(std::string_view name) {
  return family(kStreams).append(name);
}

store::Key shard_key(ShardId id) {
  return of_shard(kShards, id);
}

store::Key consumer_key(StreamId stream, std::string_view name) {
  return of_stream(kConsumers, stream).append(name);
}

store::Key block_key(ShardId id, Offset first) {
  store::Key key = of_shard(kBlocks, id);
  append_be64(key, first);
  return key;
}

store::Key time_key(ShardId id, TimePoint time) {
  store::Key key = of_shard(kTimes, id);
  append_be64(key, static_cast<uint64_t>(std::max<int64_t>(0, time.time_since_epoch().count())));
  return key;
}

store::KeyRange streams() {
  return store::KeyRange::prefix(family(kStreams));
}

store::KeyRange shards(StreamId stream) {
  return store::KeyRange::prefix(of_stream(kShards, stream));
}

store::KeyRange consumers(StreamId stream) {
  return store::KeyRange::prefix(of_stream(kConsumers, stream));
}

store::KeyRange blocks(ShardId id) {
  return store::KeyRange::prefix(of_shard(kBlocks, id));
}

store::KeyRange times(ShardId id) {
  return store::KeyRange::prefix(of_shard(kTimes, id));
}

std::string stream_name_of(ByteView key) {
  return std::string(key.substr(kFamilyBytes));
}

ShardIndex shard_index_of(ByteView key) {
  CHECK(key.size() >= kShardPrefixBytes);
  return ShardIndex(read_be32(key.substr(kFamilyBytes + 8)));
}

std::string consumer_name_of(ByteView key) {
  return std::string(key.substr(kFamilyBytes + 8));
}

Result<Offset> block_offset_of(ByteView key) {
  return last_number(key);
}

Result<TimePoint> time_of(ByteView key) {
  TRY(uint64_t millis, last_number(key));
  return TimePoint(Millis(static_cast<int64_t>(millis)));
}

Bytes encode(const StreamRecord& record) {
  RecordWriter out(kVersion);
  out.u64(record.id.value());
  out.time(record.created);
  out.u8(static_cast<uint8_t>(record.mode));
  out.u32(record.retention_hours);
  out.u32(record.max_record_kib);
  out.u32(record.shards_made);
  event::write_map(out, record.tags);
  out.u32(static_cast<uint32_t>(record.metrics.size()));
  for (const std::string& metric : record.metrics) out.text(metric);
  out.text(record.key_id);
  return out.take();
}

Result<StreamRecord> decode_stream(ByteView value) {
  RecordReader in(value);
  in.version(kVersion);
  StreamRecord record;
  record.id = StreamId(in.u64());
  record.created = in.time();
  uint8_t mode = in.u8();
  if (mode > static_cast<uint8_t>(Mode::kOnDemand)) {
    return fail(codes::kCorrupt, "stream record: its mode");
  }
  record.mode = static_cast<Mode>(mode);
  record.retention_hours = in.u32();
  record.max_record_kib = in.u32();
  record.shards_made = in.u32();
  record.tags = event::read_map(in);
  uint32_t metrics = in.u32();
  if (metrics > kListMax) return fail(codes::kCorrupt, "stream record: too many metrics");
  for (uint32_t i = 0; i < metrics; ++i) record.metrics.push_back(in.text());
  record.key_id = in.text();
  TRY_VOID(in.end("stream record"));
  return record;
}

Bytes encode(const ShardRecord& record) {
  RecordWriter out(kVersion);
  write_hash_key(out, record.range.begin);
  write_hash_key(out, record.range.end);
  out.time(record.created);
  out.u8(record.closed ? 1 : 0);
  out.time(record.closed.value_or(TimePoint{}));
  out.u64(record.end);
  out.u64(record.horizon);
  out.u32(static_cast<uint32_t>(record.parents.size()));
  for (ShardIndex parent : record.parents) out.u32(parent.value());
  return out.take();
}

Result<ShardRecord> decode_shard(ByteView value) {
  RecordReader in(value);
  in.version(kVersion);
  ShardRecord record;
  record.range.begin = read_hash_key(in);
  record.range.end = read_hash_key(in);
  record.created = in.time();
  bool is_closed = in.u8() != 0;
  TimePoint closed = in.time();
  if (is_closed) record.closed = closed;
  record.end = in.u64();
  record.horizon = in.u64();
  uint32_t parents = in.u32();
  if (parents > kListMax) return fail(codes::kCorrupt, "shard record: too many parents");
  for (uint32_t i = 0; i < parents; ++i) record.parents.emplace_back(in.u32());
  TRY_VOID(in.end("shard record"));
  return record;
}

Bytes encode(const ConsumerRecord& record) {
  RecordWriter out(kVersion);
  out.time(record.created);
  event::write_map(out, record.tags);
  return out.take();
}

Result<ConsumerRecord> decode_consumer(ByteView value) {
  RecordReader in(value);
  in.version(kVersion);
  ConsumerRecord record;
  record.created = in.time();
  record.tags = event::read_map(in);
  TRY_VOID(in.end("consumer record"));
  return record;
}

Bytes encode(const TimeRow& row) {
  RecordWriter out(kVersion);
  out.u64(row.offset);
  out.time(row.before);
  return out.take();
}

Result<TimeRow> decode_time_row(ByteView value) {
  RecordReader in(value);
  in.version(kVersion);
  TimeRow row;
  row.offset = in.u64();
  row.before = in.time();
  TRY_VOID(in.end("time row"));
  return row;
}

void erase_contents(store::Batch& batch, StreamId stream) {
  for (char name : {kShards, kConsumers, kBlocks, kTimes}) {
    batch.erase_range(store::KeyRange::prefix(of_stream(name, stream)));
  }
}

void erase_shard(store::Batch& batch, ShardId id) {
  batch.erase(shard_key(id));
  batch.erase_range(blocks(id));
  batch.erase_range(times(id));
}

}  // namespace suiro::kinesis::storage
