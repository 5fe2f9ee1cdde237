// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/mappings.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/log.h"
#include "services/lambda/errors.h"
#include "services/lambda/storage.h"

namespace suiro::lambda {
namespace {

// What {"Records":[...]} and the commas add to the records' bytes.
constexpr size_t kFrameBytes = 16;

std::vector<std::string> handles_of(const std::vector<event::SourceRecord>& records) {
  std::vector<std::string> handles;
  handles.reserve(records.size());
  for (const auto& record : records) handles.push_back(record.handle);
  return handles;
}

Bytes payload_of(const std::vector<event::SourceRecord>& records) {
  Bytes payload = "{\"Records\":[";
  for (const auto& record : records) {
    if (payload.back() != '[') payload += ',';
    payload += record.document;
  }
  return payload += "]}";
}

}  // namespace

std::optional<std::vector<std::string>> failed_items(ByteView response) {
  std::vector<std::string> failed;
  boost::system::error_code bad;
  boost::json::value value = boost::json::parse(response, bad);
  if (bad || value.is_null()) return failed;  // "an empty response" counts as success
  const boost::json::object* object = value.if_object();
  const boost::json::value* list =
      object == nullptr ? nullptr : object->if_contains("batchItemFailures");
  if (list == nullptr || list->is_null()) return failed;
  if (!list->is_array()) return std::nullopt;
  for (const boost::json::value& item : list->get_array()) {
    const boost::json::object* one = item.if_object();
    const boost::json::value* id = one == nullptr ? nullptr : one->if_contains("itemIdentifier");
    if (id == nullptr || !id->is_string() || id->get_string().empty()) return std::nullopt;
    failed.emplace_back(std::string_view(id->get_string()));
  }
  return failed;
}

Result<void> MappingRunner::apply(Mapping mapping) {
  TRY(Pattern pattern, Pattern::parse(mapping.filters));
  auto stream = context_.kernel.targets.stream(mapping.source_arn);
  auto source = context_.kernel.targets.source(mapping.source_arn);
  if (!stream && !source) return fail(std::move(source).error());
  auto& mine = by_shard_[context_.kernel.shards.current()];
  Held& held = mine[mapping.uuid];
  if (!held) {
    held = std::make_shared<MappingState>(
        context_.kernel.shards.executor(context_.kernel.shards.current()));
  }
  held->record = std::move(mapping);
  held->pattern = std::move(pattern);
  held->source = source ? *source : nullptr;
  held->stream = stream ? *stream : nullptr;
  held->deleting = false;
  ++held->epoch;
  held->current = 0;
  held->lane_ended.notify_all();
  if (held->record.enabled) start_reader(held);
  return ok();
}

MappingState* MappingRunner::find(const std::string& uuid) {
  auto& mine = by_shard_[context_.kernel.shards.current()];
  auto found = mine.find(uuid);
  return found == mine.end() ? nullptr : found->second.get();
}

std::vector<Mapping> MappingRunner::of_function(const std::string& function) const {
  std::vector<Mapping> found;
  for (const auto& [uuid, held] : by_shard_[context_.kernel.shards.current()]) {
    if (held->record.function_name == function && !held->deleting) found.push_back(held->record);
  }
  return found;
}

void MappingRunner::remove(const std::string& uuid) {
  MappingState* mapping = find(uuid);
  if (mapping == nullptr) return;
  ++mapping->epoch;
  mapping->current = 0;
  mapping->deleting = true;
  mapping->lane_ended.notify_all();
  forget_if_done(*mapping);
}

void MappingRunner::forget_if_done(const MappingState& mapping) {
  if (!mapping.deleting || mapping.readers != 0) return;
  std::string uuid = mapping.record.uuid;
  if (mapping.stream != nullptr) {
    // A checkpoint may have been on its way when the mapping went.
    store::Batch batch;
    batch.erase_range(keys::lanes_of(uuid));
    context_.kernel.store.commit_later(std::move(batch));
  }
  by_shard_[context_.kernel.shards.current()].erase(uuid);
}

void MappingRunner::start_reader(const Held& mapping) {
  if (context_.stopping) return;
  ++mapping->readers;
  ++mapping->current;
  context_.shard().work.spawn(mapping->stream != nullptr ? supervisor(this, mapping, mapping->epoch)
                                                         : reader(this, mapping, mapping->epoch));
}

bool MappingRunner::active(const MappingState& mapping, uint64_t epoch) const {
  return !context_.stopping && mapping.epoch == epoch;
}

Task<void> MappingRunner::pause(Millis delay) {
  Clock& clock = context_.kernel.clock;
  TimePoint until = clock.now() + delay;
  while (!context_.stopping && clock.now() < until) {
    co_await context_.shard().tick.wait_until(clock, until);
  }
}

Task<void> MappingRunner::reader(MappingRunner* runner, Held mapping, uint64_t epoch) {
  Millis backoff = kPollBackoff;
  while (runner->active(*mapping, epoch)) {
    Round ended = co_await runner->round(mapping, epoch);
    if (ended == Round::kIdle && mapping->epoch == epoch && mapping->current > 1) break;
    if (ended == Round::kFailed) {
      co_await runner->pause(backoff);
      backoff = std::min(backoff * 2, kPollBackoffMax);
    } else {
      backoff = kPollBackoff;
    }
  }
  --mapping->readers;
  if (mapping->epoch == epoch) --mapping->current;
  runner->forget_if_done(*mapping);
}

// Why no invocation can succeed now; empty: one may. Reading would only wear out the messages.
std::string MappingRunner::obstacle(const Mapping& mapping) {
  FunctionState* function = context_.find(mapping.function_name);
  if (function == nullptr) return "The function does not exist.";
  Result<Resolved> target = invoker_.resolve(*function, mapping.qualifier);
  if (!target) return target.error().message;
  if (function->record.reserved_concurrency == 0U) {
    return "The function's reserved concurrency is zero.";
  }
  return {};
}

Task<MappingRunner::Round> MappingRunner::round(Held mapping, uint64_t epoch) {
  if (std::string why = obstacle(mapping->record); !why.empty()) {
    mapping->last_result = "PROBLEM: " + why;
    co_return Round::kFailed;
  }
  Result<Records> records = co_await gather(mapping, epoch);
  if (!records) {
    mapping->last_result = "PROBLEM: " + records.error().message;
    co_return Round::kFailed;
  }
  if (records->empty()) co_return Round::kIdle;
  if (context_.stopping) {  // whoever reads next gets them at once
    auto released = co_await mapping->source->release(mapping->record.source_arn,
                                                      handles_of(*records), Millis(0));
    if (!released) log::warning("records were not given back: {}", released.error().message);
    co_return Round::kIdle;
  }
  co_await grow(mapping, epoch);
  bool good = co_await process(mapping, *std::move(records));
  co_return good ? Round::kWorked : Round::kFailed;
}

// One batch: a first read that waits when this is the only reader, then, within the batching
// window, as many as the batch may hold.
Task<Result<MappingRunner::Records>> MappingRunner::gather(Held mapping, uint64_t epoch) {
  Clock& clock = context_.kernel.clock;
  const Mapping settings = mapping->record;
  Records batch;
  size_t bytes = kFrameBytes;
  std::optional<TimePoint> window_end;
  for (;;) {
    event::PullSource::PullRequest request{settings.source_arn};
    request.records_max = std::min<size_t>(kPullRecordsMax, settings.batch_size - batch.size());
    if (window_end) {
      request.wait = std::min<Millis>(kPollWait, *window_end - clock.now());
    } else if (mapping->current <= 1) {
      request.wait = kPollWait;
    }
    Result<Records> pulled = co_await mapping->source->pull(request);
    if (!pulled) {
      if (batch.empty()) co_return pulled;
      break;
    }
    for (auto& record : *pulled) {
      bytes += record.document.size() + 1;
      batch.push_back(std::move(record));
    }
    if (batch.empty() || settings.window_s == 0) break;
    if (!window_end) window_end = clock.now() + std::chrono::seconds(settings.window_s);
    if (batch.size() >= settings.batch_size || bytes >= kSyncPayloadBytesMax) break;
    if (clock.now() >= *window_end || !active(*mapping, epoch)) break;
  }
  co_return batch;
}

uint32_t MappingRunner::readers_max(const MappingState& mapping) {
  uint64_t most = mapping.record.concurrency_max.value_or(kMappingConcurrencyMax);
  FunctionState* function = context_.find(mapping.record.function_name);
  if (function != nullptr && function->exists) {
    uint64_t by_memory = context_.capacity.memory_mb_max() / function->latest->memory_mb;
    most = std::min(most, std::max<uint64_t>(1, by_memory));
    if (function->record.reserved_concurrency) {
      most = std::min<uint64_t>(most, std::max(1U, *function->record.reserved_concurrency));
    }
  }
  return static_cast<uint32_t>(most);
}

Task<void> MappingRunner::grow(Held mapping, uint64_t epoch) {
  if (mapping->current >= readers_max(*mapping)) co_return;
  Result<uint64_t> backlog = co_await mapping->source->backlog(mapping->record.source_arn);
  if (!backlog || *backlog == 0 || !active(*mapping, epoch)) co_return;
  if (mapping->current < readers_max(*mapping)) start_reader(mapping);
}

// Invokes with as many records at a time as a payload holds. After a failure the rest stays in the
// queue, so that the order of a FIFO queue's groups holds.
Task<bool> MappingRunner::process(Held mapping, Records records) {
  if (!co_await drop_unmatched(mapping, &records)) co_return false;
  auto next = records.begin();
  while (next != records.end()) {
    Records chunk;
    size_t bytes = kFrameBytes;
    while (next != records.end() &&
           (chunk.empty() || bytes + next->document.size() + 1 <= kSyncPayloadBytesMax)) {
      bytes += next->document.size() + 1;
      chunk.push_back(std::move(*next++));
    }
    if (!co_await invoke(mapping, std::move(chunk))) co_return false;
  }
  co_return true;
}

Task<bool> MappingRunner::drop_unmatched(Held mapping, Records* records) {
  if (mapping->pattern.everything()) co_return true;
  Records kept;
  std::vector<std::string> dropped;
  for (auto& record : *records) {
    if (mapping->pattern.matches(record.document)) {
      kept.push_back(std::move(record));
    } else {
      dropped.push_back(std::move(record.handle));
    }
  }
  *records = std::move(kept);
  if (dropped.empty()) co_return true;
  auto done = co_await mapping->source->ack(mapping->record.source_arn, std::move(dropped), {});
  if (!done) mapping->last_result = "PROBLEM: " + done.error().message;
  co_return done.has_value();
}

Task<bool> MappingRunner::invoke(Held mapping, Records records) {
  FunctionState* function = context_.find(mapping->record.function_name);
  Result<Resolved> target = function == nullptr
                                ? fail(kResourceNotFound, "The function does not exist.")
                                : invoker_.resolve(*function, mapping->record.qualifier);
  if (!target) {
    mapping->last_result = "PROBLEM: " + target.error().message;
    co_return false;
  }
  Run run{function,
          target->settings,
          target->invoked_arn,
          context_.kernel.random.uuid(),
          payload_of(records),
          "",
          records.front().cause};
  Result<sandbox::Outcome> outcome = co_await invoke_patiently(mapping, std::move(run));
  if (!outcome) {
    mapping->last_result = "PROBLEM: " + outcome.error().message;
    co_return false;
  }
  co_return co_await finish(mapping, std::move(records), *std::move(outcome));
}

// A throttled batch is offered again while it is surely still ours: each return to the queue would
// count as a receive and bring its records nearer to the dead-letter queue.
Task<Result<sandbox::Outcome>> MappingRunner::invoke_patiently(Held mapping, Run run) {
  Result<event::PullSource::Info> info =
      co_await mapping->source->describe(mapping->record.source_arn);
  Clock& clock = context_.kernel.clock;
  TimePoint patience = clock.now() + (info ? info->visibility / 2 : Millis(0));
  for (;;) {
    Result<sandbox::Outcome> outcome = co_await invoker_.run(run);
    bool again = !outcome && outcome.error().code == kTooManyRequests &&
                 clock.now() + kPollBackoff < patience && !context_.stopping;
    if (!again) co_return outcome;
    co_await pause(kPollBackoff);
  }
}

Task<bool> MappingRunner::finish(Held mapping, Records records, sandbox::Outcome outcome) {
  if (outcome.end != sandbox::Outcome::End::kReturned) {
    mapping->last_result = "PROBLEM: Function call failed";
    co_return true;  // the visibility timeout is the pause
  }
  std::vector<std::string> done;
  if (mapping->record.report_failures) {
    std::optional<std::vector<std::string>> failed = failed_items(outcome.payload);
    auto known = [&](const std::string& id) {
      return std::ranges::any_of(records, [&](const auto& record) { return record.id == id; });
    };
    if (!failed || !std::ranges::all_of(*failed, known)) {
      mapping->last_result = "PROBLEM: The partial batch response is invalid";
      co_return true;
    }
    for (const auto& record : records) {
      if (std::ranges::find(*failed, record.id) == failed->end()) done.push_back(record.handle);
    }
  } else {
    done = handles_of(records);
  }
  mapping->last_result = "OK";
  if (done.empty()) co_return true;
  auto removed = co_await mapping->source->ack(mapping->record.source_arn, std::move(done), {});
  if (!removed) mapping->last_result = "PROBLEM: " + removed.error().message;
  co_return removed.has_value();
}

}  // namespace suiro::lambda
