// SPDX-License-Identifier: Apache-2.0
// Start, stop, and the state of streams in memory.
#include "services/kinesis/logic.h"

#include "base/check.h"
#include "services/kinesis/storage.h"

namespace suiro::kinesis {
namespace {

constexpr size_t kScanRows = 1000;

// Calls `each(entry)` for every row of `range`; it returns a Result<void>.
template <class Each>
Task<Result<void>> for_each_row(store::Store& from, store::KeyRange range, Each each) {
  store::ScanOptions options{.range = std::move(range), .rows_max = kScanRows};
  while (true) {
    CO_TRY(store::ScanPage page, co_await from.scan(options));
    for (const store::Entry& entry : page.entries) CO_TRY_VOID(each(entry));
    if (!page.more || page.entries.empty()) co_return ok();
    options.range.begin = page.entries.back().key + '\0';
  }
}

}  // namespace

const ShardMap::Open& ShardMap::of(HashKey key) const {
  auto found = std::ranges::lower_bound(open, key, {}, &Open::end);
  CHECK(found != open.end());
  return *found;
}

size_t Stream::open_shards() const {
  return static_cast<size_t>(
      std::ranges::count_if(shards, [](const auto& shard) { return shard.second->is_open(); }));
}

bool OpenShards::try_add(size_t shards) {
  size_t before = count_.load();
  do {
    if (before + shards > most_) return false;
  } while (!count_.compare_exchange_weak(before, before + shards));
  return true;
}

Logic::Logic(event::Kernel& kernel, Config config)
    : kernel_(kernel), config_(config), open_shards_(config.open_shards_max) {
  for (size_t i = 0; i < kernel.shards.size(); ++i) {
    parts_.push_back(std::make_unique<Part>(kernel.shards.executor(i),
                                            config.tail_bytes_max / kernel.shards.size()));
  }
}

Logic::~Logic() = default;

std::string Logic::arn_of(std::string_view name) const {
  return fmt::format("arn:aws:kinesis:{}:{}:stream/{}", kernel_.region, kernel_.account, name);
}

Result<std::string> Logic::name_of(std::string_view arn) const {
  constexpr std::string_view kResource = "stream/";
  auto parsed = Arn::parse(arn);
  if (!parsed || parsed->service != "kinesis" || parsed->region != kernel_.region ||
      parsed->account != kernel_.account || !parsed->resource.starts_with(kResource)) {
    return fail(kResourceNotFound, fmt::format("Stream {} not found.", arn));
  }
  return parsed->resource.substr(kResource.size());
}

std::unexpected<Error> Logic::no_such_stream(std::string_view name) const {
  return fail(kResourceNotFound,
              fmt::format("Stream {} under account {} not found.", name, kernel_.account));
}

std::unexpected<Error> Logic::no_such_shard(std::string_view name, ShardIndex shard) const {
  return fail(kResourceNotFound, fmt::format("Could not find shard {} in stream {} under account "
                                             "{}.",
                                             shard_name(shard), name, kernel_.account));
}

Result<StreamPtr> Logic::find(std::string_view name) {
  auto& streams = part(name).streams;
  auto found = streams.find(name);
  if (found == streams.end() || found->second->deleted) return no_such_stream(name);
  return found->second;
}

// --- start

Task<Result<void>> Logic::start() {
  std::vector<std::pair<std::string, StreamRecord>> records;
  auto keep = [&](const store::Entry& entry) -> Result<void> {
    TRY(StreamRecord record, storage::decode_stream(entry.value));
    records.emplace_back(storage::stream_name_of(entry.key), std::move(record));
    return ok();
  };
  CO_TRY_VOID(co_await for_each_row(kernel_.store, storage::streams(), keep));
  for (auto& [name, record] : records) {
    auto there = [&]() -> Task<Result<void>> {
      co_return co_await load_stream(std::move(name), std::move(record));
    };
    CO_TRY_VOID(co_await run_on(kernel_.shards.owner(name), there));
  }
  for (size_t i = 0; i < parts_.size(); ++i) {
    auto there = [&]() -> Task<void> {
      parts_[i]->scope.spawn(sweep(*parts_[i]));
      co_return;
    };
    co_await run_on(kernel_.shards.executor(i), there);
  }
  co_return ok();
}

StreamPtr Logic::make_stream(std::string name, StreamRecord record) {
  std::string arn = arn_of(name);
  Executor executor = kernel_.shards.owner(name);
  return std::make_shared<Stream>(executor, std::move(name), std::move(arn), std::move(record));
}

Shard& Logic::add_shard(Stream& stream, ShardIndex index, ShardRecord record) {
  auto shard = std::make_unique<Shard>(kernel_.shards.owner(stream.name), index, std::move(record));
  Shard& added = *shard;
  stream.shards[index] = std::move(shard);
  return added;
}

void Logic::renew_map(Stream& stream) {
  auto map = std::make_shared<ShardMap>();
  map->stream = stream.id();
  map->epoch = stream.map ? stream.map->epoch + 1 : 1;
  map->record_bytes_max = size_t{stream.record.max_record_kib} << 10;
  map->is_encrypted = !stream.record.key_id.empty();
  for (const auto& [index, shard] : stream.shards) {
    if (!shard->is_open()) continue;
    map->open.push_back(
        {shard->record.range.end, index, SequenceFormat(shard->record.created, index)});
  }
  std::ranges::sort(map->open, {}, &ShardMap::Open::end);
  stream.map = std::move(map);
}

Task<Result<void>> Logic::load_stream(std::string name, StreamRecord record) {
  StreamPtr stream = make_stream(name, std::move(record));
  std::vector<std::pair<ShardIndex, ShardRecord>> shards;
  auto keep_shard = [&](const store::Entry& entry) -> Result<void> {
    TRY(ShardRecord shard, storage::decode_shard(entry.value));
    shards.emplace_back(storage::shard_index_of(entry.key), std::move(shard));
    return ok();
  };
  CO_TRY_VOID(co_await for_each_row(kernel_.store, storage::shards(stream->id()), keep_shard));
  auto keep_consumer = [&](const store::Entry& entry) -> Result<void> {
    TRY(ConsumerRecord consumer, storage::decode_consumer(entry.value));
    stream->consumers[storage::consumer_name_of(entry.key)] = {std::move(consumer)};
    return ok();
  };
  CO_TRY_VOID(
      co_await for_each_row(kernel_.store, storage::consumers(stream->id()), keep_consumer));
  for (auto& [index, shard] : shards) {
    CO_TRY_VOID(co_await load_shard(stream, index, std::move(shard)));
  }
  renew_map(*stream);
  open_shards_.add(stream->open_shards());
  part(name).streams[name] = stream;
  co_return ok();
}

Task<Result<void>> Logic::load_shard(StreamPtr stream, ShardIndex index, ShardRecord record) {
  Shard& shard = add_shard(*stream, index, std::move(record));
  shard.next = shard.is_open() ? shard.record.horizon : shard.record.end;
  shard.last_arrival = shard.record.created;
  storage::ShardId id{stream->id(), index};
  CO_TRY(auto page, co_await kernel_.store.scan({.range = storage::blocks(id),
                                                 .rows_max = 1,
                                                 .direction = store::Direction::kBackward}));
  if (!page.entries.empty()) {
    CO_TRY(Offset first, storage::block_offset_of(page.entries[0].key));
    CO_TRY(BlockFacts facts, facts_of(page.entries[0].value));
    shard.next = std::max(shard.next, first + facts.count);
    shard.last_arrival = facts.last_arrival;
  }
  CO_TRY(auto rows, co_await kernel_.store.scan({.range = storage::times(id),
                                                 .rows_max = 1,
                                                 .direction = store::Direction::kBackward}));
  if (rows.entries.empty()) co_return ok();
  CO_TRY(shard.last_time_row, storage::time_of(rows.entries[0].key));
  co_return ok();
}

// --- stop

Task<void> Logic::stop() {
  for (size_t i = 0; i < parts_.size(); ++i) {
    auto there = [&]() -> Task<void> { co_await stop_part(*parts_[i]); };
    co_await run_on(kernel_.shards.executor(i), there);
  }
}

// Puts on their way end with their commits.
Task<void> Logic::stop_part(Part& own) {
  own.closing = true;
  own.stopping.notify_all();
  for (const auto& [name, stream] : own.streams) {
    for (const auto& [index, shard] : stream->shards) shard->arrived.notify_all();
  }
  co_await own.scope.close();
  for (const auto& [name, stream] : own.streams) forget_tails(*stream);
}

void Logic::forget_tails(Stream& stream) {
  Tails& tails = part(stream.name).tails;
  for (const auto& [index, shard] : stream.shards) tails.clear(shard->tail);
}

}  // namespace suiro::kinesis
