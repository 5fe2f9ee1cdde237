// SPDX-License-Identifier: Apache-2.0
// Retention: what is older than it is erased, whole blocks at a time, by ranges; closed shards go
// when their last record has gone.
#include "base/log.h"
#include "services/kinesis/logic.h"
#include "services/kinesis/storage.h"

namespace suiro::kinesis {

Task<void> Logic::sweep(Part& own) {
  while (!own.closing) {
    co_await own.stopping.wait_until(kernel_.clock, kernel_.clock.now() + kTrimInterval);
    std::vector<std::string> names;
    for (const auto& [name, stream] : own.streams) names.push_back(name);
    for (const std::string& name : names) {
      if (own.closing) co_return;
      auto run = [this](StreamPtr stream) { return trim(std::move(stream)); };
      auto trimmed = co_await change(name, run);
      if (!trimmed && trimmed.error().code != kResourceNotFound) {
        log::warning("kinesis: expired records of {} stay for now: {}", name,
                     trimmed.error().message);
      }
    }
  }
}

Task<Result<void>> Logic::trim(StreamPtr stream) {
  TimePoint horizon = kernel_.clock.now() - std::chrono::hours(stream->record.retention_hours);
  std::vector<ShardIndex> indices;
  for (const auto& [index, shard] : stream->shards) {
    bool is_due = shard->record.horizon < shard->next || !shard->is_open();
    if (is_due) indices.push_back(index);
  }
  for (ShardIndex index : indices) {
    Shard* shard = stream->find(index);
    bool is_over =
        shard->record.closed && std::max(*shard->record.closed, shard->last_arrival) <= horizon;
    CO_TRY_VOID(is_over ? co_await erase_shard(stream, index)
                        : co_await trim_shard(stream, index, horizon));
  }
  co_return ok();
}

Task<Result<void>> Logic::erase_shard(StreamPtr stream, ShardIndex index) {
  store::Batch batch;
  storage::erase_shard(batch, {stream->id(), index});
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  part(stream->name).tails.clear(stream->find(index)->tail);
  stream->shards.erase(index);
  co_return ok();
}

// The last time row before which everything arrived at `horizon` or earlier.
Task<Result<std::optional<std::pair<store::Key, TimeRow>>>> Logic::row_at(storage::ShardId id,
                                                                          TimePoint horizon) {
  store::KeyRange all = storage::times(id);
  store::Key middle = storage::time_key(id, horizon + Millis(1));
  CO_TRY(auto after, co_await kernel_.store.scan({.range = {middle, all.end}, .rows_max = 1}));
  for (store::Entry& entry : after.entries) {
    CO_TRY(TimeRow row, storage::decode_time_row(entry.value));
    if (row.before <= horizon) co_return std::pair(std::move(entry.key), row);
  }
  CO_TRY(auto before, co_await kernel_.store.scan({.range = {all.begin, middle},
                                                   .rows_max = 1,
                                                   .direction = store::Direction::kBackward}));
  for (store::Entry& entry : before.entries) {
    CO_TRY(TimeRow row, storage::decode_time_row(entry.value));
    co_return std::pair(std::move(entry.key), row);
  }
  co_return std::nullopt;
}

Task<Result<void>> Logic::trim_shard(StreamPtr stream, ShardIndex index, TimePoint horizon) {
  Shard* shard = stream->find(index);
  storage::ShardId id{stream->id(), index};
  store::KeyRange times = storage::times(id);
  ShardRecord record = shard->record;
  store::Batch batch;
  bool is_empty = shard->last_arrival <= horizon;
  if (is_empty) {
    // A put on its way lies behind `next`, and no time row is taken from it.
    record.horizon = shard->next;
    times.end = storage::time_key(id, shard->last_arrival + Millis(1));
  } else {
    CO_TRY(auto row, co_await row_at(id, horizon));
    if (!row) co_return ok();
    record.horizon = row->second.offset;
    times.end = std::move(row->first);
  }
  if (record.horizon <= shard->record.horizon) co_return ok();
  batch.put(storage::shard_key(id), storage::encode(record));
  batch.erase_range({storage::blocks(id).begin, storage::block_key(id, record.horizon)});
  batch.erase_range(std::move(times));
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  shard->record.horizon = record.horizon;
  if (is_empty) shard->last_time_row.reset();
  co_return ok();
}

}  // namespace suiro::kinesis
