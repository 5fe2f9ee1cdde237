// SPDX-License-Identifier: Apache-2.0
// Streams themselves: create, delete, describe, list.
#include "services/kinesis/logic.h"
#include "services/kinesis/storage.h"

namespace suiro::kinesis {

Task<Result<void>> Logic::create(NewStream stream) {
  auto there = [&]() -> Task<Result<void>> {
    ControlLock lock = co_await ControlLock::take(part(stream.name).control);
    co_return co_await create_here(std::move(stream));
  };
  co_return co_await run_on(kernel_.shards.owner(stream.name), there);
}

Task<Result<void>> Logic::create_here(NewStream wanted) {
  if (find(wanted.name)) {
    co_return fail(kResourceInUse, fmt::format("Stream {} under account {} already exists.",
                                               wanted.name, kernel_.account));
  }
  if (wanted.shards > kStreamShardsMax) {
    co_return fail(kLimitExceeded,
                   fmt::format("A stream has at most {} shards.", kStreamShardsMax));
  }
  if (part(wanted.name).streams.size() >= kStreamsMax / parts_.size()) {
    co_return fail(kLimitExceeded, fmt::format("There are at most {} streams.", kStreamsMax));
  }
  StreamRecord record;
  record.id = StreamId(std::max<uint64_t>(1, kernel_.random.next()));  // 0: any generation
  record.created = kernel_.clock.now();
  record.mode = wanted.mode;
  record.max_record_kib = wanted.max_record_kib;
  record.shards_made = wanted.shards;
  CO_TRY_VOID(merge_tags(record.tags, std::move(wanted.tags), wanted.name));
  StreamPtr stream = make_stream(wanted.name, record);
  store::Batch batch;
  batch.require_absent(storage::stream_key(wanted.name));
  batch.put(storage::stream_key(wanted.name), storage::encode(record));
  for (uint32_t i = 0; i < wanted.shards; ++i) {
    ShardRecord shard;
    shard.created = record.created;
    shard.range = equal_range(i, wanted.shards);
    batch.put(storage::shard_key({record.id, ShardIndex(i)}), storage::encode(shard));
    add_shard(*stream, ShardIndex(i), std::move(shard)).last_arrival = record.created;
  }
  renew_map(*stream);
  if (!open_shards_.try_add(wanted.shards)) co_return too_many_shards(wanted.shards);
  auto committed = co_await kernel_.store.commit(std::move(batch));
  if (!committed) {
    open_shards_.remove(wanted.shards);
    co_return fail(std::move(committed).error());
  }
  part(wanted.name).streams[wanted.name] = std::move(stream);
  co_return ok();
}

Task<Result<void>> Logic::remove(std::string name, Consumers consumers) {
  auto run = [&](StreamPtr stream) -> Task<Result<void>> {
    co_return co_await remove_here(std::move(stream), consumers);
  };
  co_return co_await change(name, run);
}

Task<Result<void>> Logic::remove_here(StreamPtr stream, Consumers consumers) {
  if (consumers == Consumers::kRefuse && !stream->consumers.empty()) {
    co_return fail(kResourceInUse,
                   fmt::format("Stream {} under account {} has registered consumers.", stream->name,
                               kernel_.account));
  }
  co_await pause(stream);
  store::Batch batch;
  batch.erase(storage::stream_key(stream->name));
  storage::erase_contents(batch, stream->id());
  auto committed = co_await kernel_.store.commit(std::move(batch));
  if (committed) {
    stream->deleted = true;
    open_shards_.remove(stream->open_shards());
    part(stream->name).streams.erase(stream->name);
    forget_tails(*stream);
    for (const auto& [index, shard] : stream->shards) shard->arrived.notify_all();
  }
  resume(stream);
  if (!committed) co_return fail(std::move(committed).error());
  co_return ok();
}

Task<void> Logic::pause(StreamPtr stream) {
  stream->paused = true;
  while (stream->draining) co_await stream->idle.wait();
}

void Logic::resume(const StreamPtr& stream) {
  stream->paused = false;
  for (const auto& group : std::exchange(stream->groups, {})) {
    for (const PutPtr& put : group->puts) put->is_stale = true;
    group->is_done = true;
    group->committed.notify_all();
  }
  stream->pending_bytes = 0;
}

StreamView Logic::view_of(const Stream& stream) {
  return {stream.name, stream.arn, stream.record, stream.open_shards(), stream.consumers.size()};
}

Task<Result<StreamView>> Logic::describe(std::string name) {
  auto run = [](StreamPtr stream) -> Task<Result<StreamView>> { co_return view_of(*stream); };
  co_return co_await on_stream(std::move(name), run);
}

Task<Result<Logic::ShardList>> Logic::shards(std::string name) {
  auto run = [](StreamPtr stream) -> Task<Result<ShardList>> {
    ShardList list{stream->id(), {}};
    list.shards.reserve(stream->shards.size());
    for (const auto& [index, shard] : stream->shards) {
      list.shards.push_back({index, shard->record});
    }
    co_return list;
  };
  co_return co_await on_stream(std::move(name), run);
}

// "Quotas and limits" of the Developer Guide; the text is what AWS answers.
std::unexpected<Error> Logic::too_many_shards(size_t more) const {
  return fail(kLimitExceeded,
              fmt::format("This request would exceed the shard limit for the account {} in {}. "
                          "Current shard count for the account: {}. Limit: {}. Number of "
                          "additional shards that would have resulted from this request: {}.",
                          kernel_.account, kernel_.region, open_shards_.count(),
                          open_shards_.most(), more));
}

Task<bool> Logic::exists(std::string name) {
  auto run = [&]() -> Task<bool> { co_return find(name).has_value(); };
  co_return co_await run_on(kernel_.shards.owner(name), run);
}

Task<Logic::Usage> Logic::usage() {
  Usage total;
  total.open_shards_max = open_shards_.most();
  for (size_t i = 0; i < parts_.size(); ++i) {
    auto there = [&]() -> Task<void> {
      for (const auto& [name, stream] : parts_[i]->streams) {
        total.open_shards += stream->open_shards();
        if (stream->record.mode == Mode::kOnDemand) ++total.on_demand_streams;
      }
      co_return;
    };
    co_await run_on(kernel_.shards.executor(i), there);
  }
  co_return total;
}

Task<Result<Logic::StreamPage>> Logic::list(std::string after, size_t count) {
  store::ScanOptions options{.range = storage::streams(), .rows_max = count};
  if (!after.empty()) options.range.begin = storage::stream_key(after) + '\0';
  CO_TRY(store::ScanPage page, co_await kernel_.store.scan(std::move(options)));
  StreamPage out{.more = page.more};
  for (const store::Entry& entry : page.entries) {
    StreamView view;
    view.name = storage::stream_name_of(entry.key);
    view.arn = arn_of(view.name);
    CO_TRY(view.record, storage::decode_stream(entry.value));
    out.streams.push_back(std::move(view));
  }
  co_return out;
}

}  // namespace suiro::kinesis
