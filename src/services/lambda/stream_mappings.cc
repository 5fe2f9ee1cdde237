// SPDX-License-Identifier: Apache-2.0
// Mappings that read streams: which shards are read, and by how many lanes. Parents are read to
// their end before their children.
#include <algorithm>

#include "base/log.h"
#include "services/lambda/mappings.h"
#include "services/lambda/storage.h"
#include "services/lambda/stream_lane.h"

namespace suiro::lambda {
namespace {

event::StreamStart start_of(const Mapping& mapping, event::StreamGeneration generation) {
  using At = event::StreamStart::At;
  // The starting position is one in the stream that the mapping was made for.
  bool is_made_again = mapping.generation != 0 && mapping.generation != generation.value();
  if (is_made_again) return {At::kTrimHorizon};
  // LATEST is the time at which the mapping was made: nothing that comes later is missed.
  if (mapping.starting_position == "TRIM_HORIZON") return {At::kTrimHorizon};
  return {At::kTimestamp, mapping.starting_at};
}

}  // namespace

Task<void> MappingRunner::supervisor(MappingRunner* runner, Held mapping, uint64_t epoch) {
  // Lanes of settings that are no more finish the batch that they have.
  while (runner->active(*mapping, epoch) && mapping->readers > 1) {
    co_await runner->pause(kLaneLook);
  }
  mapping->lanes.clear();
  mapping->shards_done.clear();
  mapping->generation = {};
  while (runner->active(*mapping, epoch)) {
    auto looked = co_await runner->look_at_shards(mapping, epoch);
    if (!looked) mapping->last_result = "PROBLEM: " + looked.error().message;
    if (!runner->active(*mapping, epoch)) break;
    Clock& clock = runner->context_.kernel.clock;
    co_await mapping->lane_ended.wait_until(clock, clock.now() + kPollWait);
  }
  --mapping->readers;
  if (mapping->epoch == epoch) --mapping->current;
  runner->forget_if_done(*mapping);
}

Task<void> MappingRunner::lane(MappingRunner* runner, Held mapping, uint64_t epoch,
                               StreamLane::Place place) {
  StreamLane reader(runner->context_, runner->invoker_, mapping, epoch, place);
  bool has_ended = co_await reader.run();
  if (mapping->epoch == epoch && has_ended) {
    uint32_t& left = mapping->lanes[place.shard];
    if (--left == 0) {
      mapping->lanes.erase(place.shard);
      mapping->shards_done.insert(place.shard);
    }
  }
  --mapping->readers;
  mapping->lane_ended.notify_all();
  runner->forget_if_done(*mapping);
}

// Starts what can be read now: shards whose parents are done, or gone.
Task<Result<void>> MappingRunner::look_at_shards(Held mapping, uint64_t epoch) {
  CO_TRY(auto shards, co_await mapping->stream->shards(mapping->record.source_arn));
  if (!shards.empty() && shards.front().generation != mapping->generation) {
    // The lanes of the stream before hear of its end by themselves.
    if (!mapping->lanes.empty()) co_return ok();
    CO_TRY_VOID(co_await enter_generation(mapping, shards));
  }
  auto is_waited_for = [&](const std::string& parent) {
    return !mapping->shards_done.contains(parent) &&
           std::ranges::find(shards, parent, &event::StreamShard::id) != shards.end();
  };
  for (const event::StreamShard& shard : shards) {
    if (!active(*mapping, epoch)) co_return ok();
    if (mapping->lanes.contains(shard.id) || mapping->shards_done.contains(shard.id)) continue;
    if (std::ranges::any_of(shard.parents, is_waited_for)) continue;
    CO_TRY(bool is_done, co_await prepare_shard(mapping, shard));
    if (!active(*mapping, epoch)) co_return ok();
    if (is_done) {
      mapping->shards_done.insert(shard.id);
      continue;
    }
    start_lanes(mapping, epoch, shard.id);
  }
  co_return co_await forget_shards(mapping, shards);
}

void MappingRunner::start_lanes(const Held& mapping, uint64_t epoch, const std::string& shard) {
  uint32_t count = mapping->record.parallelization;
  if (mapping->readers + count > kStreamLanesMax) {
    mapping->last_result = "PROBLEM: The stream has more shards than one mapping reads";
    return;
  }
  mapping->lanes[shard] = count;
  for (uint32_t i = 0; i < count; ++i) {
    ++mapping->readers;
    context_.shard().work.spawn(lane(this, mapping, epoch, {shard, i, count}));
  }
}

// Another stream of this name than before: what is left of the checkpoints of that one goes. Those
// of shards that both have are replaced when their lanes begin.
Task<Result<void>> MappingRunner::enter_generation(Held mapping,
                                                   const std::vector<event::StreamShard>& shards) {
  const std::string uuid = mapping->record.uuid;
  event::StreamGeneration entered = shards.front().generation;
  store::ScanOptions options{.range = keys::lanes_of(uuid)};
  std::set<store::Key, std::less<>> listed;  // what keys of their lanes begin with
  for (const event::StreamShard& shard : shards) listed.insert(keys::lanes(uuid, shard.id).begin);
  store::Batch batch;
  for (bool more = true; more;) {
    CO_TRY(auto page, co_await context_.kernel.store.scan(options));
    for (const store::Entry& entry : page.entries) {
      CO_TRY(LaneProgress lane, decode<LaneProgress>(entry.value));
      bool is_other = lane.generation != 0 && lane.generation != entered.value();
      bool is_listed = listed.contains(ByteView(entry.key).substr(0, entry.key.size() - 4));
      if (is_other && !is_listed) batch.erase(entry.key);
    }
    more = page.more;
    if (more) options.range.begin = page.entries.back().key + '\0';
  }
  if (!batch.empty()) CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  mapping->shards_done.clear();
  mapping->generation = entered;
  co_return ok();
}

// Sees to it that each lane of the shard has a checkpoint. True: the shard is read to its end.
Task<Result<bool>> MappingRunner::prepare_shard(Held mapping, event::StreamShard shard) {
  const Mapping settings = mapping->record;
  store::KeyRange range = keys::lanes(settings.uuid, shard.id);
  CO_TRY(auto page, co_await context_.kernel.store.scan({.range = range}));
  std::vector<LaneProgress> lanes;
  for (const store::Entry& entry : page.entries) {
    CO_TRY(LaneProgress lane, decode<LaneProgress>(entry.value));
    lanes.push_back(std::move(lane));
  }
  // Of the stream that had this name before; what has no generation is older than generations.
  uint64_t generation = shard.generation.value();
  std::erase_if(lanes, [&](const LaneProgress& lane) {
    return lane.generation != 0 && lane.generation != generation;
  });
  bool is_done = !lanes.empty() && std::ranges::all_of(lanes, &LaneProgress::ended);
  bool is_told = std::ranges::all_of(
      lanes, [&](const LaneProgress& lane) { return lane.generation == generation; });
  bool fits = is_done || lanes.size() == settings.parallelization;
  if (fits && is_told) co_return is_done;
  if (!fits) {
    // For another number of lanes than before, all begin where the last one of these was.
    LaneProgress begin;
    if (lanes.empty()) {
      CO_TRY(auto position,
             co_await mapping->stream->locate({settings.source_arn, shard.id, shard.generation},
                                              start_of(settings, shard.generation)));
      begin.position = position.offset;
    } else {
      begin.position = std::ranges::min(lanes, {}, &LaneProgress::position).position;
    }
    lanes.assign(settings.parallelization, begin);
  }
  store::Batch batch;
  batch.erase_range(std::move(range));
  for (uint32_t i = 0; i < lanes.size(); ++i) {
    lanes[i].generation = generation;
    batch.put(keys::lane(settings.uuid, shard.id, i), encode(lanes[i]));
  }
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  co_return is_done;
}

// The checkpoints of shards that the stream has no more.
Task<Result<void>> MappingRunner::forget_shards(Held mapping,
                                                const std::vector<event::StreamShard>& shards) {
  store::Batch batch;
  std::erase_if(mapping->shards_done, [&](const std::string& shard) {
    if (std::ranges::find(shards, shard, &event::StreamShard::id) != shards.end()) return false;
    batch.erase_range(keys::lanes(mapping->record.uuid, shard));
    return true;
  });
  if (batch.empty()) co_return ok();
  auto committed = co_await context_.kernel.store.commit(std::move(batch));
  if (!committed) co_return fail(std::move(committed).error());
  co_return ok();
}

}  // namespace suiro::lambda
