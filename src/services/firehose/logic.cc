// SPDX-License-Identifier: Apache-2.0
// Start and stop, and the life of streams; puts are in logic_put.cc.
#include "services/firehose/logic.h"

#include "base/arn.h"
#include "base/log.h"
#include "services/firehose/errors.h"

namespace suiro::firehose {
namespace {

// Block numbers go on from the clock, so that no number is given twice, whatever was erased.
uint64_t first_number(TimePoint now) {
  return static_cast<uint64_t>(std::chrono::duration_cast<Micros>(now.time_since_epoch()).count());
}

std::unexpected<Error> in_use(std::string_view name, std::string_view account) {
  return fail("ResourceInUseException",
              fmt::format("Firehose {} under accountId {} already exists", name, account));
}

}  // namespace

Logic::Logic(event::Kernel& kernel, Context::Send send)
    : context_(kernel, std::move(send)), intake_(context_), consumers_(context_, intake_) {}

Task<Result<void>> Logic::start() {
  pool_ = std::make_unique<asio::thread_pool>(kCompressThreads);
  context_.pool = pool_.get();
  for (size_t i = 0; i < context_.shards.size(); ++i) {
    CO_TRY_VOID(
        co_await run_on(context_.kernel.shards.executor(i), [this] { return load_shard(); }));
  }
  co_return ok();
}

Task<void> Logic::close() {
  for (size_t i = 0; i < context_.shards.size(); ++i) {
    auto close_shard = [this]() -> Task<void> {
      for (auto& [name, state] : context_.shard().streams) {
        state->closing = true;
        state->ring();
      }
      co_return;
    };
    co_await run_on(context_.kernel.shards.executor(i), close_shard);
  }
}

Task<void> Logic::stop() {
  co_await close();
  for (size_t i = 0; i < context_.shards.size(); ++i) {
    auto stop_shard = [this]() -> Task<void> {
      co_await context_.shard().scope.close();
      context_.shard().streams.clear();
    };
    co_await run_on(context_.kernel.shards.executor(i), stop_shard);
  }
}

Task<Result<void>> Logic::load_shard() {
  size_t here = context_.kernel.shards.current();
  store::ScanOptions options{.range = keys::streams()};
  std::vector<StatePtr> loaded;
  for (bool more = true; more;) {
    CO_TRY(store::ScanPage page, co_await context_.kernel.store.scan(options));
    more = page.more;
    if (more) options.range.begin = page.entries.back().key + '\0';
    for (auto& entry : page.entries) {
      std::string name = entry.key.substr(keys::stream("").size());
      if (context_.kernel.shards.owner_index(context_.arn_of(name)) != here) continue;
      CO_TRY(StatePtr state, co_await load(std::move(entry)));
      loaded.push_back(std::move(state));
    }
  }
  for (const StatePtr& state : loaded) consumers_.start(state);
  co_return ok();
}

Task<Result<StatePtr>> Logic::load(store::Entry entry) {
  CO_TRY(StreamRecord record, decode_stream(entry.value));
  CO_TRY(DestinationPtr destination, compile(record.kind, record.document));
  StatePtr state = add_state(std::move(record), entry.version, std::move(destination));
  for (LaneKind kind : kLaneKinds) CO_TRY_VOID(co_await load_lane(state, kind));
  co_return state;
}

StatePtr Logic::add_state(StreamRecord record, store::Version version, DestinationPtr destination) {
  std::string name = record.name;
  auto state = std::make_shared<StreamState>(context_.shard().scope.executor(), std::move(record),
                                             std::move(destination), context_.arn_of(name),
                                             first_number(context_.kernel.clock.now()));
  state->version = version;
  context_.shard().streams[name] = state;
  return state;
}

Task<Result<void>> Logic::load_lane(StatePtr state, LaneKind kind) {
  StreamId id = state->record.id;
  uint64_t boundary = UINT64_MAX;
  CO_TRY(auto entry, co_await context_.kernel.store.get(keys::attempt(id, kind)));
  if (entry) {
    CO_TRY(Attempt attempt, decode_attempt(entry->value));
    boundary = attempt.last_block;
    state->attempts[kind] = std::move(attempt);
  }
  store::KeyRange facts = store::KeyRange::prefix(keys::facts_of_lane(id, kind));
  CO_TRY(auto oldest, co_await context_.kernel.store.scan({.range = facts, .rows_max = 1}));
  store::KeyRange without_facts = store::KeyRange::prefix(keys::lane(id, kind));
  if (!oldest.entries.empty()) {
    CO_TRY(uint64_t number, block_number(oldest.entries[0].key));
    without_facts.end = keys::block(id, kind, number);
  }
  Lane& lane = state->lane(kind);
  // Blocks from before there were facts: these are read.
  auto take = [&](ReadBlock read) -> Result<void> {
    uint64_t bytes = 0;
    for (const Bytes& record : read.block.records) bytes += record.size();
    lane.load({read.number, bytes, read.block.arrived, read.block.queued}, boundary);
    return ok();
  };
  CO_TRY_VOID(co_await read_blocks(context_.kernel.store, std::move(without_facts), take));
  store::ScanOptions options{.range = std::move(facts), .rows_max = kFactsScanned};
  for (bool more = true; more;) {
    CO_TRY(store::ScanPage page, co_await context_.kernel.store.scan(options));
    for (const store::Entry& row : page.entries) {
      CO_TRY(uint64_t number, block_number(row.key));
      CO_TRY(BlockFacts block, decode_facts(row.value));
      lane.load({number, block.bytes, block.arrived, block.queued}, boundary);
    }
    more = page.more;
    if (more) options.range.begin = page.entries.back().key + '\0';
  }
  co_return ok();
}

// --- The life of streams ---

Task<Result<std::string>> Logic::create(CreateRequest request) {
  CO_TRY(request.document, complete_document(request.kind, request.document));
  CO_TRY(DestinationPtr destination, compile(request.kind, request.document));
  if (request.source == SourceType::kKinesis) {
    auto arn = Arn::parse(request.source_arn);
    if (!arn || arn->service != "kinesis") {
      co_return invalid("KinesisStreamARN is not the ARN of a Kinesis stream");
    }
    CO_TRY(auto* stream, context_.kernel.targets.stream(request.source_arn));
    auto shards = co_await stream->shards(request.source_arn);
    if (!shards) co_return invalid(shards.error().message);
  }
  CO_TRY(Names names, co_await list({.after = {}, .names_max = kStreamsMax, .source = {}}));
  if (names.names.size() >= kStreamsMax) {
    co_return fail("LimitExceededException",
                   fmt::format("There are {} delivery streams already", kStreamsMax));
  }
  std::string arn = context_.arn_of(request.name);
  Executor owner = context_.owner(request.name);
  auto go = [this, request = std::move(request),
             destination = std::move(destination)]() mutable -> Task<Result<void>> {
    return create_here(std::move(request), std::move(destination));
  };
  CO_TRY_VOID(co_await run_on(owner, std::move(go)));
  co_return arn;
}

Task<Result<void>> Logic::create_here(CreateRequest request, DestinationPtr destination) {
  event::Kernel& kernel = context_.kernel;
  if (context_.shard().streams.contains(request.name)) {
    co_return in_use(request.name, kernel.account);
  }
  StreamRecord record{.id = StreamId(kernel.random.next()),
                      .name = request.name,
                      .created = kernel.clock.now(),
                      .updated = kernel.clock.now(),
                      .source = request.source,
                      .source_arn = std::move(request.source_arn),
                      .source_role = std::move(request.source_role),
                      .kind = request.kind,
                      .document = std::move(request.document),
                      .tags = std::move(request.tags)};
  store::Batch batch;
  batch.require_absent(keys::stream(record.name));
  batch.put(keys::stream(record.name), encode(record));
  auto done = co_await kernel.store.commit(std::move(batch));
  if (!done) {
    if (done.error().code == codes::kConditionFailed) co_return in_use(record.name, kernel.account);
    co_return fail(std::move(done).error());
  }
  consumers_.start(
      add_state(std::move(record), store::Version(done->sequence), std::move(destination)));
  co_return ok();
}

Task<Result<StreamRecord>> Logic::describe(std::string name) {
  Executor owner = context_.owner(name);
  auto go = [this, name = std::move(name)]() -> Task<Result<StreamRecord>> {
    CO_TRY(StatePtr state, context_.find(name));
    co_return state->record;
  };
  co_return co_await run_on(owner, std::move(go));
}

Task<Result<Logic::Names>> Logic::list(ListRequest request) {
  store::ScanOptions options{.range = keys::streams()};
  if (!request.after.empty()) options.range.begin = keys::stream(request.after) + '\0';
  Names out;
  for (bool more = true; more && !out.more;) {
    CO_TRY(store::ScanPage page, co_await context_.kernel.store.scan(options));
    more = page.more;
    if (more) options.range.begin = page.entries.back().key + '\0';
    for (const auto& entry : page.entries) {
      CO_TRY(StreamRecord record, decode_stream(entry.value));
      if (request.source && record.source != *request.source) continue;
      if (out.names.size() == request.names_max) {
        out.more = true;
        break;
      }
      out.names.push_back(std::move(record.name));
    }
  }
  co_return out;
}

Task<Result<void>> Logic::remove(std::string name) {
  Executor owner = context_.owner(name);
  auto go = [this, name = std::move(name)]() -> Task<Result<void>> { return remove_here(name); };
  co_return co_await run_on(owner, std::move(go));
}

Task<void> Logic::close_stream(StatePtr state) {
  state->closing = true;
  state->ring();
  while (state->running != 0) co_await state->idle.wait();
}

Task<Result<void>> Logic::remove_here(std::string name) {
  CO_TRY(StatePtr state, context_.find(name));
  co_await close_stream(state);
  StreamId id = state->record.id;
  store::Batch batch;
  batch.erase(keys::stream(name));
  batch.erase_range(store::KeyRange::prefix(keys::positions(id)));
  for (LaneKind kind : kLaneKinds) {
    batch.erase_range(store::KeyRange::prefix(keys::lane(id, kind)));
    batch.erase_range(store::KeyRange::prefix(keys::facts_of_lane(id, kind)));
    batch.erase(keys::attempt(id, kind));
  }
  auto done = co_await context_.kernel.store.commit(std::move(batch));
  if (!done) {
    state->closing = false;
    consumers_.start(state);
    co_return fail(std::move(done).error());
  }
  context_.shard().streams.erase(name);
  co_return ok();
}

Task<Result<void>> Logic::update(UpdateRequest request) {
  Executor owner = context_.owner(request.name);
  auto go = [this, request = std::move(request)]() mutable -> Task<Result<void>> {
    return update_here(std::move(request));
  };
  co_return co_await run_on(owner, std::move(go));
}

Task<Result<void>> Logic::commit_record(StatePtr state, StreamRecord record) {
  store::Batch batch;
  batch.require_version(keys::stream(record.name), state->version);
  batch.put(keys::stream(record.name), encode(record));
  auto done = co_await context_.kernel.store.commit(std::move(batch));
  if (!done) {
    if (done.error().code != codes::kConditionFailed) co_return fail(std::move(done).error());
    co_return fail("ConcurrentModificationException",
                   "Another modification has already happened. Fetch VersionId again.");
  }
  state->version = store::Version(done->sequence);
  state->record = std::move(record);
  co_return ok();
}

Task<Result<void>> Logic::update_here(UpdateRequest request) {
  CO_TRY(StatePtr state, context_.find(request.name));
  if (request.destination_id != kDestinationId) {
    co_return invalid(fmt::format("Destination Id {} not found", request.destination_id));
  }
  if (request.version != fmt::to_string(state->record.version)) {
    co_return fail("ConcurrentModificationException",
                   fmt::format("Cannot update firehose: {} since the current version id: {} and "
                               "specified version id: {} do not match",
                               request.name, state->record.version, request.version));
  }
  if (request.kind != state->record.kind) {
    co_return invalid("The destination's type cannot be changed");
  }
  StreamRecord record = state->record;
  CO_TRY(record.document, merge_document(record.document, request.document));
  CO_TRY(record.document, complete_document(record.kind, record.document));
  CO_TRY(DestinationPtr destination, compile(record.kind, record.document));
  if (state->destination->backup && !destination->backup) {
    co_return invalid("S3BackupMode cannot be disabled once it is enabled");
  }
  ++record.version;
  record.updated = context_.kernel.clock.now();
  CO_TRY_VOID(co_await commit_record(state, std::move(record)));
  state->destination = std::move(destination);
  state->ring();
  co_return ok();
}

Task<Result<void>> Logic::change_tags(std::string name, std::map<std::string, std::string> tags,
                                      std::vector<std::string> keys) {
  Executor owner = context_.owner(name);
  auto go = [this, name, tags = std::move(tags),
             keys = std::move(keys)]() mutable -> Task<Result<void>> {
    CO_TRY(StatePtr state, context_.find(name));
    StreamRecord record = state->record;
    for (auto& [key, value] : tags) record.tags[key] = std::move(value);
    for (const auto& key : keys) record.tags.erase(key);
    if (record.tags.size() > kTagsMax) {
      co_return fail("LimitExceededException", "A delivery stream can have at most 50 tags");
    }
    co_return co_await commit_record(state, std::move(record));
  };
  co_return co_await run_on(owner, std::move(go));
}

}  // namespace suiro::firehose
