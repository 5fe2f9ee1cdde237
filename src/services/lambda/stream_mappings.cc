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

event::StreamStart start_of(const Mapping& mapping) {
  using At = event::StreamStart::At;
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
  auto is_waited_for = [&](const std::string& parent) {
    return !mapping->shards_done.contains(parent) &&
           std::ranges::find(shards, parent, &event::StreamShard::id) != shards.end();
  };
  for (const event::StreamShard& shard : shards) {
    if (!active(*mapping, epoch)) co_return ok();
    if (mapping->lanes.contains(shard.id) || mapping->shards_done.contains(shard.id)) continue;
    if (std::ranges::any_of(shard.parents, is_waited_for)) continue;
    CO_TRY(bool is_done, co_await prepare_shard(mapping, shard.id));
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

// Sees to it that each lane of the shard has a checkpoint. True: the shard is read to its end.
Task<Result<bool>> MappingRunner::prepare_shard(Held mapping, std::string shard) {
  const Mapping settings = mapping->record;
  store::KeyRange range = keys::lanes(settings.uuid, shard);
  CO_TRY(auto page, co_await context_.kernel.store.scan({.range = range}));
  std::vector<LaneProgress> lanes;
  for (const store::Entry& entry : page.entries) {
    CO_TRY(LaneProgress lane, decode<LaneProgress>(entry.value));
    lanes.push_back(std::move(lane));
  }
  bool is_done = !lanes.empty() && std::ranges::all_of(lanes, &LaneProgress::ended);
  if (is_done || lanes.size() == settings.parallelization) co_return is_done;
  // For another number of lanes than before, all begin where the last one of these was.
  LaneProgress begin;
  if (lanes.empty()) {
    CO_TRY(auto position,
           co_await mapping->stream->locate(settings.source_arn, shard, start_of(settings)));
    begin.position = position.offset;
  } else {
    begin.position = std::ranges::min(lanes, {}, &LaneProgress::position).position;
  }
  store::Batch batch;
  batch.erase_range(std::move(range));
  for (uint32_t i = 0; i < settings.parallelization; ++i) {
    batch.put(keys::lane(settings.uuid, shard, i), encode(begin));
  }
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  co_return false;
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
