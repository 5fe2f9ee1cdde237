// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/storage.h"

#include "kernel/event/record_parts.h"
#include "services/firehose/limits.h"

namespace suiro::firehose {
namespace {

using event::RecordReader;
using event::RecordWriter;

constexpr uint8_t kVersion = 1;
constexpr uint8_t kPositionVersion = 2;      // 1: without the generation
constexpr size_t kNumberOffset = 3 + 8 + 1;  // 'f', 1, 'b', stream, lane

store::Key family(char name) {
  return {'f', 1, name};
}

store::Key family_of(char name, StreamId id) {
  store::Key key = family(name);
  append_be64(key, id.value());
  return key;
}

void write_cause(RecordWriter& out, const TraceContext& cause) {
  out.text(cause.trace_id);
  out.text(cause.span_id);
}

}  // namespace

namespace keys {

store::Key stream(std::string_view name) {
  return family('s') + std::string(name);
}

store::KeyRange streams() {
  return store::KeyRange::prefix(family('s'));
}

store::Key lane(StreamId id, LaneKind lane) {
  return family_of('b', id) + static_cast<char>(lane);
}

store::Key block(StreamId id, LaneKind kind, uint64_t number) {
  store::Key key = lane(id, kind);
  append_be64(key, number);
  return key;
}

store::Key facts_of_lane(StreamId id, LaneKind lane) {
  return family_of('i', id) + static_cast<char>(lane);
}

store::Key facts(StreamId id, LaneKind lane, uint64_t number) {
  store::Key key = facts_of_lane(id, lane);
  append_be64(key, number);
  return key;
}

store::KeyRange facts(StreamId id, LaneKind lane, uint64_t first, uint64_t last) {
  return {facts(id, lane, first), facts(id, lane, last) + '\0'};
}

store::Key attempt(StreamId id, LaneKind lane) {
  return family_of('a', id) + static_cast<char>(lane);
}

store::Key positions(StreamId id) {
  return family_of('p', id);
}

store::Key position(StreamId id, std::string_view shard) {
  return positions(id) + std::string(shard);
}

store::KeyRange blocks(StreamId id, LaneKind lane, uint64_t first, uint64_t last) {
  return {block(id, lane, first), block(id, lane, last) + '\0'};
}

}  // namespace keys

void BlockBuilder::add(ByteView record) {
  append_be32(body_, static_cast<uint32_t>(record.size()));
  body_.append(record);
  ++count_;
  record_bytes_ += record.size();
}

Bytes BlockBuilder::finish(TimePoint arrived, TimePoint queued, const TraceContext& cause) const {
  RecordWriter out(kVersion);
  out.time(arrived);
  out.time(queued);
  write_cause(out, cause);
  out.u32(count_);
  Bytes bytes = out.take();
  bytes += body_;
  return bytes;
}

Result<Block> decode_block(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  Block block{.arrived = in.time(), .queued = in.time()};
  block.cause.trace_id = in.text();
  block.cause.span_id = in.text();
  uint32_t count = in.u32();
  if (count > kBlockRecordsMax || count > bytes.size()) {
    return fail(codes::kCorrupt, "block of delivery stream: its count");
  }
  block.records.reserve(count);
  for (uint32_t i = 0; i < count; ++i) block.records.push_back(in.text());
  TRY_VOID(in.end("block of delivery stream"));
  return block;
}

Result<uint64_t> block_number(ByteView key) {
  if (key.size() != kNumberOffset + 8) {
    return fail(codes::kCorrupt, "block of delivery stream: its key has another length");
  }
  return read_be64(key.substr(kNumberOffset));
}

Bytes encode(const BlockFacts& facts) {
  RecordWriter out(kVersion);
  out.u64(facts.bytes);
  out.time(facts.arrived);
  out.time(facts.queued);
  return out.take();
}

Result<BlockFacts> decode_facts(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  BlockFacts facts{.bytes = in.u64(), .arrived = in.time(), .queued = in.time()};
  TRY_VOID(in.end("facts of a block"));
  return facts;
}

Bytes encode(const StreamRecord& record) {
  RecordWriter out(kVersion);
  out.u64(record.id.value());
  out.text(record.name);
  out.time(record.created);
  out.time(record.updated);
  out.u32(record.version);
  out.u8(static_cast<uint8_t>(record.source));
  out.text(record.source_arn);
  out.text(record.source_role);
  out.u8(static_cast<uint8_t>(record.kind));
  out.text(record.document);
  event::write_map(out, record.tags);
  return out.take();
}

Result<StreamRecord> decode_stream(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  StreamRecord record;
  record.id = StreamId(in.u64());
  record.name = in.text();
  record.created = in.time();
  record.updated = in.time();
  record.version = in.u32();
  uint8_t source = in.u8();
  record.source_arn = in.text();
  record.source_role = in.text();
  uint8_t kind = in.u8();
  record.document = in.text();
  if (source < 1 || source > 2 || kind < 1 || kind > 3) {
    return fail(codes::kCorrupt, "delivery stream: a field has no such value");
  }
  record.source = static_cast<SourceType>(source);
  record.kind = static_cast<Kind>(kind);
  record.tags = event::read_map(in);
  TRY_VOID(in.end("delivery stream"));
  return record;
}

Bytes encode(const Attempt& attempt) {
  RecordWriter out(kVersion);
  out.u64(attempt.last_block);
  out.text(attempt.request_id);
  out.time(attempt.first);
  out.u32(attempt.made);
  out.u32(static_cast<uint32_t>(attempt.remaining.size()));
  for (uint32_t index : attempt.remaining) out.u32(index);
  return out.take();
}

Result<Attempt> decode_attempt(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  Attempt attempt;
  attempt.last_block = in.u64();
  attempt.request_id = in.text();
  attempt.first = in.time();
  attempt.made = in.u32();
  uint32_t count = in.u32();
  if (count > bytes.size() / 4) return fail(codes::kCorrupt, "delivery attempt: its count");
  for (uint32_t i = 0; i < count; ++i) attempt.remaining.push_back(in.u32());
  TRY_VOID(in.end("delivery attempt"));
  return attempt;
}

Bytes encode(const event::FollowPosition& position) {
  RecordWriter out(kPositionVersion);
  out.u64(position.offset);
  out.u8(position.ended ? 1 : 0);
  out.u64(position.generation.value());
  return out.take();
}

Result<event::FollowPosition> decode_position(ByteView bytes) {
  RecordReader in(bytes);
  uint8_t version = in.version_of(kVersion, kPositionVersion);
  event::FollowPosition position{.offset = in.u64(), .ended = in.u8() != 0};
  if (version > 1) position.generation = event::StreamGeneration(in.u64());
  TRY_VOID(in.end("position in a stream"));
  return position;
}

Task<Result<void>> read_blocks(store::Store& store, store::KeyRange range,
                               std::function<Result<void>(ReadBlock)> take) {
  store::ScanOptions options{.range = std::move(range), .bytes_max = kScanBytes};
  for (bool more = true; more;) {
    CO_TRY(store::ScanPage page, co_await store.scan(options));
    for (const auto& entry : page.entries) {
      CO_TRY(uint64_t number, block_number(entry.key));
      CO_TRY(Block block, decode_block(entry.value));
      CO_TRY_VOID(take({number, std::move(block)}));
    }
    more = page.more;
    if (more) options.range.begin = page.entries.back().key + '\0';
  }
  co_return ok();
}

}  // namespace suiro::firehose
