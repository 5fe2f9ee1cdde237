// SPDX-License-Identifier: Apache-2.0
// Split, merge, and the number of shards.
#include "services/kinesis/logic.h"
#include "services/kinesis/storage.h"

namespace suiro::kinesis {
namespace {

Result<void> check_provisioned(const Stream& stream, std::string_view operation) {
  if (stream.record.mode == Mode::kProvisioned) return ok();
  return fail(kValidation, fmt::format("{} is not allowed for stream {}: it is in ON_DEMAND mode.",
                                       operation, stream.name));
}

Reshard reshard_of(const Stream& stream, TimePoint now) {
  std::map<ShardIndex, ShardRecord> shards;
  for (const auto& [index, shard] : stream.shards) shards[index] = shard->record;
  return {std::move(shards), stream.record.shards_made, now};
}

}  // namespace

Result<Shard*> Logic::open_shard(Stream& stream, ShardIndex index) const {
  Shard* shard = stream.find(index);
  if (shard == nullptr) return no_such_shard(stream.name, index);
  if (shard->is_open()) return shard;
  return invalid(
      fmt::format("Shard {} in stream {} under account {} has already been merged or "
                  "split, and thus is not eligible for merging or splitting.",
                  shard_name(index), stream.name, kernel_.account));
}

Task<Result<void>> Logic::split(std::string name, ShardIndex index, HashKey begin) {
  auto run = [&](StreamPtr stream) -> Task<Result<void>> {
    CO_TRY_VOID(check_provisioned(*stream, "SplitShard"));
    CO_TRY(Shard * shard, open_shard(*stream, index));
    HashRange range = shard->record.range;
    bool fits = begin > range.begin && begin - range.begin > 1 && begin < range.end;
    if (!fits) {
      co_return invalid(fmt::format(
          "NewStartingHashKey {} used in SplitShard() on shard {} in stream {} under account {} is "
          "not both greater than one plus the shard's StartingHashKey {} and less than the shard's "
          "EndingHashKey {}.",
          hash_key_text(begin), shard_name(index), name, kernel_.account,
          hash_key_text(range.begin), hash_key_text(range.end)));
    }
    Reshard reshard = reshard_of(*stream, kernel_.clock.now());
    reshard.split(index, begin);
    co_return co_await apply(std::move(stream), std::move(reshard));
  };
  co_return co_await change(name, run);
}

Task<Result<void>> Logic::merge(std::string name, ShardIndex first, ShardIndex second) {
  auto run = [&](StreamPtr stream) -> Task<Result<void>> {
    CO_TRY_VOID(check_provisioned(*stream, "MergeShards"));
    CO_TRY(Shard * low, open_shard(*stream, first));
    CO_TRY(Shard * high, open_shard(*stream, second));
    bool is_pair = low->record.range.end != kHashKeyMax &&
                   low->record.range.end + 1 == high->record.range.begin;
    if (!is_pair) {
      co_return invalid(
          fmt::format("Shards {} and {} in stream {} under account {} are not an "
                      "adjacent pair of shards eligible for merging",
                      shard_name(first), shard_name(second), name, kernel_.account));
    }
    Reshard reshard = reshard_of(*stream, kernel_.clock.now());
    reshard.merge(first, second);
    co_return co_await apply(std::move(stream), std::move(reshard));
  };
  co_return co_await change(name, run);
}

Task<Result<size_t>> Logic::scale(std::string name, uint32_t count) {
  auto run = [&](StreamPtr stream) -> Task<Result<size_t>> {
    CO_TRY_VOID(check_provisioned(*stream, "UpdateShardCount"));
    size_t current = stream->open_shards();
    const char* wrong = nullptr;
    if (count > current * 2) wrong = "up over double your";
    if (size_t{count} * 2 < current) wrong = "down below half your";
    if (wrong != nullptr) {
      co_return invalid(
          fmt::format("UpdateShardCount cannot scale {} current open shard count. "
                      "Current open shard count: {} Target shard count: {}",
                      wrong, current, count));
    }
    if (count > kStreamShardsMax) {
      co_return fail(kLimitExceeded,
                     fmt::format("A stream has at most {} shards.", kStreamShardsMax));
    }
    Reshard reshard = reshard_of(*stream, kernel_.clock.now());
    if (count != current) reshard.scale_to(count);
    CO_TRY_VOID(co_await apply(std::move(stream), std::move(reshard)));
    co_return current;
  };
  co_return co_await change(name, run);
}

// Nothing is being committed while the shards change: what they took is what they will ever take.
Task<Result<void>> Logic::apply(StreamPtr stream, Reshard reshard) {
  if (reshard.changed().empty()) co_return ok();
  if (stream->shards.size() + reshard.changed().size() > kStreamShardsMax) {
    co_return fail(kLimitExceeded, fmt::format("A stream has at most {} shards, with the closed "
                                               "ones that its retention still keeps.",
                                               kStreamShardsMax));
  }
  size_t before = stream->open_shards();
  size_t after = reshard.open_shards();
  bool has_room = after <= before || open_shards_.try_add(after - before);
  if (!has_room) co_return too_many_shards(after - before);
  co_await pause(stream);
  StreamRecord record = stream->record;
  record.shards_made = reshard.shards_made();
  std::map<ShardIndex, ShardRecord> changed = reshard.changed();
  store::Batch batch;
  batch.put(storage::stream_key(stream->name), storage::encode(record));
  for (auto& [index, shard] : changed) {
    // Trimming may have moved the horizon of a shard since the copy was taken.
    if (const Shard* known = stream->find(index)) {
      shard.horizon = known->record.horizon;
      shard.end = known->next;
    }
    batch.put(storage::shard_key({stream->id(), index}), storage::encode(shard));
  }
  auto committed = co_await kernel_.store.commit(std::move(batch));
  if (committed && after < before) open_shards_.remove(before - after);
  if (!committed && after > before) open_shards_.remove(after - before);
  if (committed) {
    stream->record = std::move(record);
    for (auto& [index, shard] : changed) {
      if (Shard* known = stream->find(index)) {
        known->record = std::move(shard);
      } else {
        TimePoint created = shard.created;
        add_shard(*stream, index, std::move(shard)).last_arrival = created;
      }
    }
    renew_map(*stream);
    for (const auto& [index, shard] : changed) stream->find(index)->arrived.notify_all();
  }
  resume(stream);
  if (!committed) co_return fail(std::move(committed).error());
  co_return ok();
}

}  // namespace suiro::kinesis
