// SPDX-License-Identifier: Apache-2.0
// Reads: the owner tells what there is and hands out blocks of the tail; older blocks are scanned,
// and records decoded, on the reader's shard.
#include "base/check.h"
#include "services/kinesis/logic.h"
#include "services/kinesis/storage.h"

namespace suiro::kinesis {
namespace {

// What a record is counted as beside its key and data, so that many empty ones end a reply too.
constexpr size_t kRecordOverheadBytes = 16;

Logic::Located located(const Stream& stream, Offset offset) {
  return {stream.id(), offset};
}

// The children that took over the keys of a closed shard.
std::vector<ShardView> children_of(const Stream& stream, ShardIndex parent) {
  std::vector<ShardView> children;
  for (const auto& [index, shard] : stream.shards) {
    if (std::ranges::find(shard->record.parents, parent) != shard->record.parents.end()) {
      children.push_back({index, shard->record});
    }
  }
  return children;
}

}  // namespace

// What the owner knows of a place of a shard.
struct Logic::View {
  StreamId stream;
  TimePoint created;
  Offset from = 0;  // not behind the horizon, not beyond `next`
  Offset next = 0;  // of the next record to come, or the end of the closed shard
  bool is_closed = false;
  bool is_encrypted = false;
  std::vector<BlockPtr> tail;       // empty where the place is older than the tail
  std::vector<ShardView> children;  // of a closed shard
};

Task<Result<Logic::View>> Logic::view(Place place, Offset from, ReadLimits limits) {
  TimePoint deadline = kernel_.clock.now() + limits.wait;
  auto run = [&](StreamPtr stream) -> Task<Result<View>> {
    if (place.id && *place.id != stream->id()) co_return no_such_stream(place.stream);
    for (;;) {
      Shard* shard = stream->find(place.shard);
      if (shard == nullptr || stream->deleted) {
        co_return stream->deleted ? no_such_stream(place.stream)
                                  : no_such_shard(place.stream, place.shard);
      }
      View out;
      out.stream = stream->id();
      out.created = shard->record.created;
      out.is_encrypted = !stream->record.key_id.empty();
      out.next = shard->next;
      out.from = std::clamp(from, std::min(shard->record.horizon, out.next), out.next);
      out.is_closed = !shard->is_open();
      if (out.is_closed) out.children = children_of(*stream, place.shard);
      if (out.from < out.next) {
        if (!shard->tail.empty() && out.from >= shard->tail.first()) {
          out.tail = shard->tail.from(out.from, limits.bytes);
        }
        co_return out;
      }
      bool may_wait =
          !out.is_closed && kernel_.clock.now() < deadline && !part(stream->name).closing;
      if (!may_wait) co_return out;
      co_await shard->arrived.wait_until(kernel_.clock, deadline);
    }
  };
  co_return co_await on_stream(place.stream, run);
}

// The block that holds `from` (or, where it is gone, the next one), and those behind it.
Task<Result<std::vector<BlockPtr>>> Logic::stored_blocks(StreamId stream, ShardIndex shard,
                                                         Offset from, size_t bytes) {
  storage::ShardId id{stream, shard};
  std::vector<BlockPtr> blocks;
  auto add = [&](store::Entry& entry) -> Result<void> {
    TRY(Offset first, storage::block_offset_of(entry.key));
    TRY(BlockFacts facts, facts_of(entry.value));
    if (first + facts.count <= from) return ok();
    bytes -= std::min(bytes, entry.value.size());
    blocks.push_back(
        std::make_shared<Block>(Block{first, first + facts.count, std::move(entry.value)}));
    return ok();
  };
  store::KeyRange range = storage::blocks(id);
  store::Key here = storage::block_key(id, from);
  CO_TRY(auto before, co_await kernel_.store.scan({.range = {range.begin, here},
                                                   .rows_max = 1,
                                                   .direction = store::Direction::kBackward}));
  for (store::Entry& entry : before.entries) CO_TRY_VOID(add(entry));
  range.begin = std::move(here);
  if (bytes == 0) co_return blocks;
  CO_TRY(auto page, co_await kernel_.store.scan({.range = std::move(range), .bytes_max = bytes}));
  for (store::Entry& entry : page.entries) CO_TRY_VOID(add(entry));
  co_return blocks;
}

Task<Result<Slice>> Logic::read(Place place, Offset from, ReadLimits limits) {
  for (int attempt = 0; attempt < kReadAttemptsMax; ++attempt) {
    CO_TRY(View seen, co_await view(place, from, limits));
    place.id = seen.stream;
    Slice out{.created = seen.created, .next = seen.from, .is_encrypted = seen.is_encrypted};
    if (seen.from == seen.next) {
      out.ended = seen.is_closed;
      out.children = std::move(seen.children);
      co_return out;
    }
    out.blocks = std::move(seen.tail);
    if (out.blocks.empty()) {
      CO_TRY(out.blocks, co_await stored_blocks(seen.stream, place.shard, seen.from, limits.bytes));
    }
    CO_TRY(bool is_behind, fill(out, seen.from, seen.next, limits));
    // What the view showed was trimmed before the scan.
    if (out.records.empty()) continue;
    if (is_behind) {
      TimePoint last = out.records.back().arrived;
      out.millis_behind =
          static_cast<uint64_t>(std::max<int64_t>(0, (kernel_.clock.now() - last).count()));
    }
    out.ended = seen.is_closed && !is_behind;
    if (out.ended) out.children = std::move(seen.children);
    co_return out;
  }
  co_return fail(codes::kCorrupt,
                 fmt::format("Records of {} of stream {} are not where they should be.",
                             shard_name(place.shard), place.stream));
}

// Points to the records from `from` on that fit. True where records remain behind them.
Result<bool> Logic::fill(Slice& out, Offset from, Offset next, const ReadLimits& limits) {
  size_t bytes = 0;
  bool is_full = false;
  for (const BlockPtr& block : out.blocks) {
    BlockReader reader(block->bytes, block->first);
    reader.skip_to(from);
    RecordView record;
    while (!is_full && reader.position() < next && reader.next(record)) {
      size_t size = record.data.size() + record.partition_key.size() + kRecordOverheadBytes;
      is_full = out.records.size() >= limits.records ||
                (!out.records.empty() && bytes + size > limits.bytes);
      if (is_full) break;
      bytes += size;
      out.records.push_back(record);
      out.next = record.offset + 1;
    }
    TRY_VOID(reader.end());
    if (is_full) break;
  }
  return out.next < next;
}

// --- places

Task<Result<Logic::Located>> Logic::locate(Place place, Start start) {
  using At = Start::At;
  auto run = [&](StreamPtr stream) -> Task<Result<Located>> {
    if (place.id && *place.id != stream->id()) co_return no_such_stream(place.stream);
    const Shard* shard = stream->find(place.shard);
    if (shard == nullptr) co_return no_such_shard(place.stream, place.shard);
    if (start.at == At::kTrimHorizon) co_return located(*stream, shard->record.horizon);
    if (start.at == At::kLatest) co_return located(*stream, shard->next);
    if (start.at == At::kTimestamp) {
      // Later than all that is there: what comes next.
      bool is_later = start.timestamp > shard->last_arrival;
      co_return located(*stream, is_later ? shard->next : shard->record.horizon);
    }
    auto sequence = parse_sequence(start.sequence);
    if (!sequence || sequence->shard != place.shard || sequence->created != shard->record.created ||
        sequence->ordinal > shard->next + 1) {
      co_return invalid(
          fmt::format("StartingSequenceNumber {} used in GetShardIterator on shard "
                      "{} in stream {} under account {} is invalid because it did "
                      "not come from this stream.",
                      start.sequence, shard_name(place.shard), place.stream, kernel_.account));
    }
    // The ordinal is the offset + 1; the starting number, 0, stands before the first record.
    bool is_at = start.at == At::kSequence && sequence->ordinal > 0;
    co_return located(*stream, std::min(sequence->ordinal - (is_at ? 1 : 0), shard->next));
  };
  CO_TRY(Located found, co_await on_stream(place.stream, run));
  if (start.at == At::kTimestamp) {
    place.id = found.stream;
    CO_TRY(Offset from, co_await time_row_before(found.stream, place.shard, start.timestamp));
    CO_TRY(found.offset, co_await first_at(place, std::max(found.offset, from), start.timestamp));
  }
  co_return found;
}

// An offset before which every record is older than `time`.
Task<Result<Offset>> Logic::time_row_before(StreamId stream, ShardIndex shard, TimePoint time) {
  storage::ShardId id{stream, shard};
  store::KeyRange range = storage::times(id);
  range.end = storage::time_key(id, time);
  CO_TRY(auto rows, co_await kernel_.store.scan(
                        {.range = range, .rows_max = 1, .direction = store::Direction::kBackward}));
  if (rows.entries.empty()) co_return Offset{0};
  CO_TRY(TimeRow row, storage::decode_time_row(rows.entries[0].value));
  co_return row.offset;
}

// The first record from `from` on that arrived at `time` or later; the end where there is none.
Task<Result<Offset>> Logic::first_at(Place place, Offset from, TimePoint time) {
  for (;;) {
    CO_TRY(Slice slice, co_await read(place, from, {}));
    for (const RecordView& record : slice.records) {
      if (record.arrived >= time) co_return record.offset;
    }
    if (slice.records.empty()) co_return slice.next;
    from = slice.next;
  }
}

}  // namespace suiro::kinesis
