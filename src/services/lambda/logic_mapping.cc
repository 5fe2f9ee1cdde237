// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/errors.h"
#include "services/lambda/logic.h"
#include "services/lambda/storage.h"

namespace suiro::lambda {
namespace {

std::unexpected<Error> no_mapping() {
  return fail(kResourceNotFound, "The resource you requested does not exist.");
}

Result<void> check_range(std::string_view member, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return ok();
  return range_error(std::to_string(value), member, fmt::format("between {} and {}", low, high));
}

}  // namespace

Result<Mapping> Logic::changed(Mapping mapping, const MappingChange& change) {
  if (change.batch_size) {
    TRY_VOID(check_range("batchSize", *change.batch_size, 1, kBatchSizeMax));
    mapping.batch_size = static_cast<uint32_t>(*change.batch_size);
  }
  if (change.window_s) {
    TRY_VOID(
        check_range("maximumBatchingWindowInSeconds", *change.window_s, 0, kBatchWindowSecondsMax));
    mapping.window_s = static_cast<uint32_t>(*change.window_s);
  }
  if (change.enabled) mapping.enabled = *change.enabled;
  if (change.report_failures) mapping.report_failures = *change.report_failures;
  if (change.filters) mapping.filters = *change.filters;
  if (change.function) {
    mapping.function_name = change.function->name;
    mapping.qualifier = change.function->qualifier;
  }
  TRY_VOID(Pattern::parse(mapping.filters));
  return mapping;
}

Result<Mapping> Logic::changed_queue(Mapping mapping, const MappingChange& change, bool fifo) {
  if (change.has_stream_settings()) {
    return fail(kInvalidParameter,
                "StartingPosition, ParallelizationFactor, BisectBatchOnFunctionError, "
                "MaximumRecordAgeInSeconds, MaximumRetryAttempts, TumblingWindowInSeconds and "
                "DestinationConfig are not valid for SQS event sources.");
  }
  TRY(mapping, changed(std::move(mapping), change));
  if (change.clear_concurrency) mapping.concurrency_max.reset();
  if (change.concurrency_max) {
    TRY_VOID(check_range("scalingConfig.maximumConcurrency", *change.concurrency_max,
                         kMappingConcurrencyMin, kMappingConcurrencyMax));
    mapping.concurrency_max = static_cast<uint32_t>(*change.concurrency_max);
  }
  if (fifo && mapping.batch_size > kBatchSizeFifoMax) {
    return fail(kInvalidParameter, "Batch size cannot be greater than 10 for FIFO queues.");
  }
  if (fifo && mapping.window_s > 0) {
    return fail(kInvalidParameter, "Batching window is not supported for FIFO queues.");
  }
  if (mapping.batch_size > kPullRecordsMax && mapping.window_s == 0) {
    return fail(kInvalidParameter,
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
                "greater than 10");
  }
  return mapping;
}

Result<Mapping> Logic::changed_stream(Mapping mapping, const MappingChange& change) {
  TRY(mapping, changed(std::move(mapping), change));
  if (change.concurrency_max || change.clear_concurrency) {
    return fail(kInvalidParameter, "ScalingConfig is not valid for Kinesis event sources.");
  }
  // -1: without bound.
  auto set = [](std::optional<uint32_t>& member, int32_t value) {
    member = value < 0 ? std::nullopt : std::optional(static_cast<uint32_t>(value));
  };
  if (change.parallelization) {
    TRY_VOID(check_range("parallelizationFactor", *change.parallelization, 1, kParallelizationMax));
    mapping.parallelization = static_cast<uint32_t>(*change.parallelization);
  }
  if (change.record_age_max_s) {
    if (*change.record_age_max_s != -1) {
      TRY_VOID(check_range("maximumRecordAgeInSeconds", *change.record_age_max_s,
                           kRecordAgeSecondsMin, kRecordAgeSecondsMax));
    }
    set(mapping.record_age_max_s, *change.record_age_max_s);
  }
  if (change.retries_max) {
    TRY_VOID(check_range("maximumRetryAttempts", *change.retries_max, -1, kStreamRetriesMax));
    set(mapping.retries_max, *change.retries_max);
  }
  if (change.tumbling_window_s) {
    TRY_VOID(
        check_range("tumblingWindowInSeconds", *change.tumbling_window_s, 0, kTumblingSecondsMax));
    mapping.tumbling_window_s = static_cast<uint32_t>(*change.tumbling_window_s);
  }
  if (change.bisect) mapping.bisect = *change.bisect;
  if (change.on_failure_arn) mapping.on_failure_arn = *change.on_failure_arn;
  if (mapping.tumbling_window_s > 0 && mapping.parallelization > 1) {
    return fail(kInvalidParameter,
                "TumblingWindowInSeconds needs a ParallelizationFactor of 1: a window has one "
                "state a shard.");
  }
  return mapping;
}

Result<void> Logic::set_start(Mapping& mapping, const MappingChange& change, TimePoint now) {
  std::string position = change.starting_position.value_or("");
  if (position != "TRIM_HORIZON" && position != "LATEST" && position != "AT_TIMESTAMP") {
    return fail(kInvalidParameter,
                "StartingPosition is required for Kinesis event sources: TRIM_HORIZON, LATEST or "
                "AT_TIMESTAMP.");
  }
  if ((position == "AT_TIMESTAMP") != change.starting_at.has_value()) {
    return fail(kInvalidParameter,
                "StartingPositionTimestamp belongs to the StartingPosition AT_TIMESTAMP.");
  }
  mapping.starting_position = std::move(position);
  mapping.starting_at = change.starting_at.value_or(now);
  return ok();
}

Task<Result<void>> Logic::check_source(Mapping mapping) {
  if (mapping.starting_position.empty()) co_return co_await check_queue(std::move(mapping));
  CO_TRY_VOID(co_await get_function({mapping.function_name, mapping.qualifier}));
  if (mapping.on_failure_arn.empty()) co_return ok();
  auto arn = Arn::parse(mapping.on_failure_arn);
  if (!arn || arn->service != "sqs") {
    co_return unsupported("An on-failure destination other than an SQS queue");
  }
  co_return co_await check_destination(mapping.on_failure_arn, "destination");
}

// The queue exists and hides what it gives at least as long as the function may run.
Task<Result<void>> Logic::check_queue(Mapping mapping) {
  CO_TRY(event::PullSource * source, context_.kernel.targets.source(mapping.source_arn));
  CO_TRY(event::PullSource::Info info, co_await source->describe(mapping.source_arn));
  CO_TRY(View function, co_await get_function({mapping.function_name, mapping.qualifier}));
  auto timeout = std::chrono::seconds(function.settings.timeout_s);
  if (info.visibility < timeout) {
    co_return fail(kInvalidParameter,
                   fmt::format("Queue visibility timeout: {} seconds is less than Function "
                               "timeout: {} seconds",
                               info.visibility.count() / 1000, timeout.count()));
  }
  co_return ok();
}

MappingView Logic::mapping_view(const Mapping& mapping) {
  MappingView result{mapping, context_.arn(mapping.function_name, mapping.qualifier), "", ""};
  const MappingState* state = mappings_.find(mapping.uuid);
  bool reading = state != nullptr && state->readers > 0;
  result.state =
      mapping.enabled ? (reading ? "Enabled" : "Enabling") : (reading ? "Disabling" : "Disabled");
  if (state != nullptr) result.last_result = state->last_result;
  return result;
}

Task<Result<Mapping>> Logic::new_mapping(std::string source_arn, const MappingChange& settings) {
  Mapping mapping;
  mapping.uuid = context_.kernel.random.uuid();
  mapping.source_arn = source_arn;
  Result<Arn> arn = Arn::parse(source_arn);
  Result<event::StreamSource*> stream = context_.kernel.targets.stream(source_arn);
  if (arn && stream) {
    auto shards = co_await (*stream)->shards(source_arn);
    if (!shards) {
      co_return fail(kInvalidParameter,
                     fmt::format("Stream not found: {}", shards.error().message));
    }
    mapping.batch_size = kStreamBatchSizeDefault;
    if (!shards->empty()) mapping.generation = shards->front().generation.value();
    CO_TRY_VOID(set_start(mapping, settings, context_.kernel.clock.now()));
    co_return changed_stream(std::move(mapping), settings);
  }
  Result<event::PullSource*> source = context_.kernel.targets.source(source_arn);
  if (!arn || !source) {
    co_return fail(kInvalidParameter,
                   fmt::format("Unrecognized event source: {}. Suiro reads from SQS queues and "
                               "Kinesis streams.",
                               source_arn));
  }
  auto info = co_await (*source)->describe(source_arn);
  if (!info) {
    co_return fail(kInvalidParameter,
                   "Error occurred while ReceiveMessage. SQS Error Code: "
                   "AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified "
                   "queue does not exist.");
  }
  co_return changed_queue(std::move(mapping), settings, info->fifo);
}

Task<Result<MappingView>> Logic::create_mapping(std::string source_arn, MappingChange settings) {
  CO_TRY(Mapping mapping, co_await new_mapping(std::move(source_arn), settings));
  CO_TRY_VOID(co_await check_source(mapping));
  co_return co_await save_new(std::move(mapping));
}

Task<Result<MappingView>> Logic::save_new(Mapping mapping) {
  auto create = [this, mapping]() mutable -> Task<Result<MappingView>> {
    FunctionState& function = context_.state(mapping.function_name);
    CO_TRY(UpdateGate::Pass pass, co_await function.gate.enter());
    CO_TRY_VOID(existing({mapping.function_name, mapping.qualifier}));
    for (const Mapping& other : mappings_.of_function(mapping.function_name)) {
      if (other.source_arn != mapping.source_arn || other.qualifier != mapping.qualifier) continue;
      co_return fail(kResourceConflict,
                     fmt::format("An event source mapping with {} arn (\" {} \") and function "
                                 "(\" {} \") already exists. Please update or delete the existing "
                                 "mapping with UUID {}",
                                 mapping.starting_position.empty() ? "SQS" : "Kinesis",
                                 mapping.source_arn, mapping.function_name, other.uuid));
    }
    mapping.last_modified = context_.kernel.clock.now();
    store::Batch batch;
    batch.put(keys::mapping(mapping.uuid), encode(mapping));
    CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
    CO_TRY_VOID(mappings_.apply(mapping));
    co_return mapping_view(mapping);
  };
  co_return co_await run_on(context_.owner(mapping.function_name), std::move(create));
}

Task<Result<Logic::StoredMapping>> Logic::find_mapping(std::string uuid) {
  CO_TRY(auto entry, co_await context_.kernel.store.get(keys::mapping(uuid)));
  if (!entry) co_return no_mapping();
  CO_TRY(Mapping mapping, decode<Mapping>(entry->value));
  co_return StoredMapping{std::move(mapping), entry->version};
}

Task<Result<MappingView>> Logic::get_mapping(std::string uuid) {
  CO_TRY(StoredMapping stored, co_await find_mapping(std::move(uuid)));
  const Mapping& mapping = stored.mapping;
  auto get = [this, mapping]() -> Task<Result<MappingView>> { co_return mapping_view(mapping); };
  co_return co_await run_on(context_.owner(mapping.function_name), get);
}

Task<Result<MappingView>> Logic::update_mapping(std::string uuid, MappingChange change) {
  CO_TRY(StoredMapping stored, co_await find_mapping(uuid));
  const Mapping& before = stored.mapping;
  Mapping after;
  if (before.starting_position.empty()) {
    CO_TRY(event::PullSource * source, context_.kernel.targets.source(before.source_arn));
    auto info = co_await source->describe(before.source_arn);
    CO_TRY(after, changed_queue(before, change, info && info->fifo));
  } else {
    CO_TRY(after, changed_stream(before, change));
  }
  if (change.function || change.on_failure_arn) CO_TRY_VOID(co_await check_source(after));
  after.last_modified = context_.kernel.clock.now();
  store::Batch batch;
  // Of two updates at once the later one would write over the other's change: it is refused.
  batch.require_version(keys::mapping(uuid), stored.version);
  batch.put(keys::mapping(uuid), encode(after));
  auto committed = co_await context_.kernel.store.commit(std::move(batch));
  if (!committed && committed.error().code == codes::kConditionFailed) {
    co_return fail(kResourceInUse, "The event source mapping is being changed by another request.");
  }
  if (!committed) co_return std::unexpected(std::move(committed).error());
  if (before.function_name != after.function_name) {
    auto leave = [this, uuid]() -> Task<Result<void>> {
      mappings_.remove(uuid);
      co_return ok();
    };
    CO_TRY_VOID(co_await run_on(context_.owner(before.function_name), leave));
  }
  auto apply = [this, after]() -> Task<Result<MappingView>> {
    CO_TRY_VOID(mappings_.apply(after));
    co_return mapping_view(after);
  };
  co_return co_await run_on(context_.owner(after.function_name), apply);
}

Task<Result<MappingView>> Logic::delete_mapping(std::string uuid) {
  CO_TRY(StoredMapping stored, co_await find_mapping(uuid));
  const Mapping& mapping = stored.mapping;
  store::Batch batch;
  batch.erase(keys::mapping(uuid));
  batch.erase_range(keys::lanes_of(uuid));
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  auto remove = [this, mapping]() -> Task<Result<MappingView>> {
    mappings_.remove(mapping.uuid);
    MappingView last = mapping_view(mapping);
    last.state = "Deleting";
    co_return last;
  };
  co_return co_await run_on(context_.owner(mapping.function_name), remove);
}

Task<Result<Page<MappingView>>> Logic::list_mappings(MappingFilter filter, PageRequest page) {
  Page<MappingView> result;
  store::ScanOptions options{keys::all(keys::Kind::kMapping)};
  if (!page.marker.empty()) options.range.begin = keys::mapping(page.marker) + '\0';
  for (bool more = true; more;) {
    CO_TRY(store::ScanPage rows, co_await context_.kernel.store.scan(options));
    for (const store::Entry& row : rows.entries) {
      CO_TRY(Mapping mapping, decode<Mapping>(row.value));
      if (!filter.source_arn.empty() && mapping.source_arn != filter.source_arn) continue;
      if (!filter.function.empty() && mapping.function_name != filter.function) continue;
      if (result.items.size() >= page.items_max) {
        result.next_marker = result.items.back().mapping.uuid;
        co_return result;
      }
      auto get = [this, mapping]() -> Task<Result<MappingView>> {
        co_return mapping_view(mapping);
      };
      CO_TRY(MappingView one, co_await run_on(context_.owner(mapping.function_name), get));
      result.items.push_back(std::move(one));
    }
    more = rows.more;
    if (more) options.range.begin = rows.entries.back().key + '\0';
  }
  co_return result;
}

}  // namespace suiro::lambda
