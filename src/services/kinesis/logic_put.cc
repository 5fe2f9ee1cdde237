// SPDX-License-Identifier: Apache-2.0
// Puts: encoded on the caller's shard for the shards as a map shows them, collected by the owner
// while a commit is under way, committed in groups.
#include "base/check.h"
#include "services/kinesis/logic.h"
#include "services/kinesis/storage.h"

namespace suiro::kinesis {
namespace {

// What a record adds to its key and data: lengths and an explicit hash key.
constexpr size_t kRecordOverheadBytes = 10;
constexpr uint32_t kRefused = UINT32_MAX;

store::Batch merged(std::vector<PutPtr>& puts) {
  store::Batch batch;
  for (const PutPtr& put : puts) {
    if (put->has_also) batch.merge(std::move(put->also));
  }
  return batch;
}

}  // namespace

// A put's records by shard, and where each of them went.
struct Logic::Plan {
  PutPtr put;
  struct Target {
    ShardIndex shard;
    uint32_t part = 0;   // or kRefused
    uint32_t index = 0;  // within the part
  };
  std::vector<Target> targets;
};

ShardIndex Logic::shard_of(const ShardMap& map, const NewRecord& record) {
  if (map.open.size() == 1) return map.open[0].shard;
  HashKey key =
      record.explicit_hash_key ? *record.explicit_hash_key : hash_of(record.partition_key);
  return map.of(key).shard;
}

Result<Logic::Plan> Logic::plan(const ShardMap& map, const std::vector<NewRecord>& records,
                                const std::vector<bool>& admitted) const {
  Plan out{std::make_shared<Put>(), {}};
  out.targets.reserve(records.size());
  size_t total = 0;
  for (const NewRecord& record : records) {
    size_t bytes = record.data.size() + record.partition_key.size();
    if (bytes > map.record_bytes_max) {
      return fail(codes::kTooLarge,
                  fmt::format("The record's data and partition key have {} bytes; this stream "
                              "takes records of at most {} bytes.",
                              bytes, map.record_bytes_max));
    }
    total += bytes;
  }
  if (total > kAppendBytesMax) {
    return fail(codes::kTooLarge,
                fmt::format("{} bytes of records; at most {} are appended at once.", total,
                            kAppendBytesMax));
  }
  auto& parts = out.put->parts;
  std::map<ShardIndex, uint32_t> part_of;
  for (size_t i = 0; i < records.size(); ++i) {
    const NewRecord& record = records[i];
    ShardIndex shard = shard_of(map, record);
    if (!admitted.empty() && !admitted[i]) {
      out.targets.push_back({shard, kRefused, 0});
      continue;
    }
    auto [place, is_new] = part_of.try_emplace(shard, static_cast<uint32_t>(parts.size()));
    if (is_new) {
      parts.push_back({shard, {}, 0});
      parts.back().records.reserve((total + records.size() * kRecordOverheadBytes) /
                                   map.open.size());
    }
    RecordsWriter& writer = parts[place->second].records;
    out.targets.push_back({shard, place->second, writer.count()});
    writer.add(record.partition_key, record.explicit_hash_key, record.data);
  }
  for (const PutPart& part : parts) out.put->bytes += part.records.bytes().size();
  return out;
}

PutPlaces Logic::places_of(const ShardMap& map, const Plan& plan) {
  PutPlaces places{.is_encrypted = map.is_encrypted};
  places.records.reserve(plan.targets.size());
  for (const Plan::Target& target : plan.targets) {
    PutPlace& place = places.records.emplace_back(PutPlace{target.shard, {}});
    if (target.part == kRefused) continue;
    auto open = std::ranges::find(map.open, target.shard, &ShardMap::Open::shard);
    place.sequence_number = open->sequences.of(plan.put->parts[target.part].first + target.index);
  }
  return places;
}

Task<Result<ShardMapPtr>> Logic::map_of(std::string name) {
  auto& maps = parts_[kernel_.shards.current()]->maps;
  if (auto found = maps.find(name); found != maps.end()) co_return found->second;
  auto run = [](StreamPtr stream) -> Task<Result<ShardMapPtr>> { co_return stream->map; };
  CO_TRY(ShardMapPtr map, co_await on_stream(name, run));
  if (maps.size() >= kMapsMax) maps.clear();
  maps[std::move(name)] = map;
  co_return map;
}

Task<Result<PutPlaces>> Logic::put(std::string name, std::vector<NewRecord> records, Origin origin,
                                   store::Batch also) {
  bool has_also = !also.empty();
  std::vector<bool> admitted;
  for (int attempt = 0; attempt < kPutAttemptsMax; ++attempt) {
    CO_TRY(ShardMapPtr map, co_await map_of(name));
    bool is_limited = origin == Origin::kClient && config_.limits == Limits::kAws;
    if (is_limited && attempt == 0) {
      CO_TRY(admitted, co_await admit(name, *map, records));
    }
    auto drafted = plan(*map, records, admitted);
    if (!drafted && attempt == 0) {
      // What the stream takes may have been changed since the map was kept.
      parts_[kernel_.shards.current()]->maps.erase(name);
      continue;
    }
    if (!drafted && origin == Origin::kClient && drafted.error().code == codes::kTooLarge) {
      co_return invalid(drafted.error().message);
    }
    CO_TRY(Plan planned, std::move(drafted));
    if (planned.put->parts.empty() && !has_also) co_return places_of(*map, planned);
    planned.put->also = std::move(also);
    planned.put->has_also = has_also;
    auto submitted = co_await submit(name, map, planned.put);
    auto& maps = parts_[kernel_.shards.current()]->maps;
    if (!submitted) {
      if (submitted.error().code == kResourceNotFound) maps.erase(name);
      co_return fail(std::move(submitted).error());
    }
    if (!*submitted) co_return places_of(*map, planned);
    maps[name] = *std::move(submitted);
    also = std::move(planned.put->also);
  }
  co_return fail(kThroughputExceeded, "The shards of the stream are being changed.", Retry::kLater);
}

Task<Result<ShardMapPtr>> Logic::submit(std::string name, ShardMapPtr map, PutPtr put) {
  auto run = [&](StreamPtr stream) -> Task<Result<ShardMapPtr>> {
    if (stream->id() != map->stream || stream->map->epoch != map->epoch) co_return stream->map;
    if (part(stream->name).closing) {
      co_return fail(codes::kUnavailable, "Suiro is stopping.", Retry::kLater);
    }
    if (stream->pending_bytes + put->bytes > kPendingBytesMax) {
      co_return fail(kThroughputExceeded,
                     fmt::format("More than {} bytes wait to be written to stream {} under account "
                                 "{}.",
                                 kPendingBytesMax, stream->name, kernel_.account),
                     Retry::kLater);
    }
    auto& groups = stream->groups;
    if (groups.empty() || groups.back()->bytes + put->bytes > kGroupBytesMax) {
      groups.push_back(std::make_shared<PutGroup>(kernel_.shards.owner(stream->name)));
    }
    std::shared_ptr<PutGroup> group = groups.back();
    group->puts.push_back(put);
    group->bytes += put->bytes;
    stream->pending_bytes += put->bytes;
    start_drain(stream);
    if (!group->is_done) co_await group->committed.wait();
    if (put->is_stale) {
      if (stream->deleted) co_return no_such_stream(stream->name);
      co_return stream->map;
    }
    CO_TRY_VOID(std::move(put->outcome));
    co_return nullptr;
  };
  co_return co_await on_stream(std::move(name), run);
}

void Logic::start_drain(const StreamPtr& stream) {
  if (stream->draining || stream->paused || stream->groups.empty()) return;
  stream->draining = true;
  part(stream->name).scope.spawn(drain(stream));
}

Task<void> Logic::drain(StreamPtr stream) {
  while (!stream->groups.empty() && !stream->paused) {
    std::shared_ptr<PutGroup> group = std::move(stream->groups.front());
    stream->groups.pop_front();
    co_await commit_group(stream, group->puts);
    stream->pending_bytes -= group->bytes;
    group->is_done = true;
    group->committed.notify_all();
  }
  stream->draining = false;
  stream->idle.notify_all();
}

// A condition of one put's `also` must not refuse the others: where one failed, each is committed
// by itself.
Task<void> Logic::commit_group(StreamPtr stream, std::vector<PutPtr> puts) {
  bool any_also = std::ranges::any_of(puts, [](const PutPtr& put) { return put->has_also; });
  if (puts.size() == 1 || !any_also) {
    auto committed = co_await commit_puts(stream, puts);
    for (const PutPtr& put : puts) put->outcome = committed;
    co_return;
  }
  std::vector<PutPtr> plain;
  for (PutPtr& put : puts) {
    if (!put->has_also) {
      plain.push_back(std::move(put));
      continue;
    }
    std::vector<PutPtr> alone;
    alone.push_back(put);
    put->outcome = co_await commit_puts(stream, std::move(alone));
  }
  if (plain.empty()) co_return;
  auto committed = co_await commit_puts(stream, plain);
  for (const PutPtr& put : plain) put->outcome = committed;
}

Task<Result<void>> Logic::commit_puts(StreamPtr stream, std::vector<PutPtr> puts) {
  TimePoint now = kernel_.clock.now();
  store::Batch batch = merged(puts);
  struct Growing {
    std::vector<std::shared_ptr<Block>> blocks;
    Offset next = 0;
    TimePoint arrived;
  };
  std::map<ShardIndex, Growing> growing;
  for (const PutPtr& put : puts) {
    for (PutPart& part : put->parts) {
      Shard* shard = stream->find(part.shard);
      CHECK(shard != nullptr && shard->is_open());
      auto [place, is_new] = growing.try_emplace(part.shard);
      Growing& out = place->second;
      if (is_new) {
        out.next = shard->next;
        out.arrived = std::max(now, shard->last_arrival);
      }
      if (out.blocks.empty() || out.blocks.back()->bytes.size() >= kBlockBytesMax) {
        out.blocks.push_back(std::make_shared<Block>(Block{out.next, out.next, begin_block()}));
      }
      part.first = out.next;
      append_segment(out.blocks.back()->bytes, out.arrived, part.records);
      out.next += part.records.count();
      out.blocks.back()->end = out.next;
    }
  }
  std::vector<std::pair<Shard*, TimePoint>> new_rows;
  for (auto& [index, out] : growing) {
    storage::ShardId id{stream->id(), index};
    Shard* shard = stream->find(index);
    if (!shard->last_time_row || out.arrived - *shard->last_time_row >= kTimeRowInterval) {
      batch.put(storage::time_key(id, out.arrived),
                storage::encode(TimeRow{out.blocks.front()->first, shard->last_arrival}));
      new_rows.emplace_back(shard, out.arrived);
    }
    for (const auto& block : out.blocks) {
      block->bytes.shrink_to_fit();  // what a tail counts is what it holds
      batch.put(storage::block_key(id, block->first), block->bytes);
    }
  }
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  for (auto& [shard, time] : new_rows) shard->last_time_row = time;
  for (auto& [index, out] : growing) {
    Shard* shard = stream->find(index);
    shard->last_arrival = out.arrived;
    publish(stream, *shard, {out.blocks.begin(), out.blocks.end()});
  }
  co_return ok();
}

void Logic::publish(const StreamPtr& stream, Shard& shard, std::vector<BlockPtr> blocks) {
  for (BlockPtr& block : blocks) {
    CHECK(block->first == shard.next);
    shard.next = block->end;
    part(stream->name).tails.add(shard.tail, std::move(block));
  }
  shard.arrived.notify_all();
}

}  // namespace suiro::kinesis
