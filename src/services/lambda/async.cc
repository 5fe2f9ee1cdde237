// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/async.h"

#include <boost/json.hpp>

#include "base/log.h"
#include "base/utf8.h"
#include "services/lambda/errors.h"
#include "services/lambda/storage.h"

namespace suiro::lambda {
namespace {

constexpr size_t kErrorMessageBytesMax = 1024;  // of the dead-letter queue's ErrorMessage

// The JSON value of a payload; what is no JSON (a bootstrap may answer anything) stands as text.
boost::json::value json_or_text(ByteView payload) {
  if (payload.empty()) return nullptr;
  boost::system::error_code failed;
  boost::json::value value = boost::json::parse(payload, failed);
  if (failed) return boost::json::string(payload);
  return value;
}

Millis throttle_delay(uint32_t throttles) {
  Millis delay = kThrottleDelayMin;
  for (uint32_t i = 1; i < throttles && delay < kThrottleDelayMax; ++i) delay *= 2;
  return std::min(delay, kThrottleDelayMax);
}

}  // namespace

Bytes invocation_record(const InvocationRecord& record) {
  boost::json::object document{{"version", "1.0"},
                               {"timestamp", format_iso8601(record.at)},
                               {"requestContext",
                                {{"requestId", record.request_id},
                                 {"functionArn", record.function_arn},
                                 {"condition", record.condition},
                                 {"approximateInvokeCount", record.invoke_count}}},
                               {"requestPayload", json_or_text(record.request_payload)}};
  if (!record.version.empty()) {
    boost::json::object response{{"statusCode", 200}, {"executedVersion", record.version}};
    if (record.failed) response["functionError"] = "Unhandled";
    document["responseContext"] = std::move(response);
    document["responsePayload"] = json_or_text(record.response_payload);
  }
  return boost::json::serialize(document);
}

void AsyncRunner::register_timers() {
  context_.kernel.timers.handle(
      std::string(kTimerKind),
      [this](event::Timer timer, store::Batch consume) -> Task<Result<void>> {
        return on_timer(std::move(timer), std::move(consume));
      });
}

Task<Result<void>> AsyncRunner::accept(FunctionState* function, Request request,
                                       store::Batch batch) {
  if (function->async.backlog >= kAsyncBacklogMax) {
    co_return throttled("CallerRateLimitExceeded");
  }
  AsyncInvocation record;
  record.request_id = std::move(request.request_id);
  record.qualifier = std::move(request.qualifier);
  record.accepted = context_.kernel.clock.now();
  record.client_context = std::move(request.client_context);
  record.cause = std::move(request.cause);
  Bytes id = keys::async_id(record.accepted, record.request_id);
  batch.put(keys::async_record(function->name, id), encode(record));
  batch.put(keys::async_payload(function->name, id), std::move(request.payload));
  ++function->async.backlog;
  Result<store::CommitReceipt> committed = co_await context_.kernel.store.commit(std::move(batch));
  if (!committed) {
    uint64_t& backlog = function->async.backlog;
    if (backlog > 0) --backlog;  // zero: the function was deleted meanwhile
    co_return std::unexpected(std::move(committed).error());
  }
  offer(function, std::move(id));
  pump(function);
  co_return ok();
}

// Puts a ready invocation in line; false when memory is full and a scan will find it.
bool AsyncRunner::offer(FunctionState* function, Bytes id) {
  AsyncQueue& queue = function->async;
  if (queue.more_on_disk || queue.ready.size() >= kAsyncReadyMax) {
    queue.more_on_disk = true;
    return false;
  }
  if (queue.held.insert(id).second) queue.ready.push_back(std::move(id));
  return true;
}

uint32_t AsyncRunner::running_max(const FunctionState& function) const {
  uint64_t by_memory = kAsyncRunningMax;
  if (function.latest) {
    by_memory = std::max<uint64_t>(
        1, context_.capacity.memory_mb_max() / std::max(1U, function.latest->memory_mb));
  }
  uint64_t most = std::min<uint64_t>(kAsyncRunningMax, by_memory);
  if (function.record.reserved_concurrency) {
    most = std::min<uint64_t>(most, std::max(1U, *function.record.reserved_concurrency));
  }
  return static_cast<uint32_t>(most);
}

void AsyncRunner::pump(FunctionState* function) {
  AsyncQueue& queue = function->async;
  ShardState& shard = context_.shard();
  while (!context_.stopping && !queue.ready.empty() && queue.running < running_max(*function)) {
    Bytes id = std::move(queue.ready.front());
    queue.ready.pop_front();
    ++queue.running;
    shard.work.spawn(run_one(this, function, std::move(id)));
  }
  if (queue.more_on_disk && queue.ready.empty() && !queue.scanning && !context_.stopping) {
    queue.scanning = true;
    shard.work.spawn(refill(this, function));
  }
}

Task<void> AsyncRunner::refill(AsyncRunner* runner, FunctionState* function) {
  AsyncQueue& queue = function->async;
  queue.more_on_disk = false;  // set again by what arrives while the scan runs
  bool more = false;
  store::ScanOptions options{keys::of_function(keys::Kind::kAsync, function->name)};
  for (bool going = true; going;) {
    Result<store::ScanPage> page = co_await runner->context_.kernel.store.scan(options);
    if (!page) {
      log::warning("asynchronous invocations of {} cannot be read: {}", function->name,
                   page.error().message);
      more = co_await runner->waits_for_store(page.error());
      break;
    }
    for (const store::Entry& entry : page->entries) {
      Result<AsyncInvocation> record = decode<AsyncInvocation>(entry.value);
      if (!record || record->state != AsyncInvocation::State::kReady) continue;
      Bytes id(keys::parts(entry.key).rest);
      if (queue.held.contains(id)) continue;
      if (queue.ready.size() >= kAsyncReadyMax) {
        more = true;
        break;
      }
      queue.held.insert(id);
      queue.ready.push_back(std::move(id));
    }
    going = page->more && !more;
    if (going) options.range.begin = page->entries.back().key + '\0';
  }
  queue.more_on_disk = queue.more_on_disk || more;
  queue.scanning = false;
  runner->pump(function);
}

Task<bool> AsyncRunner::waits_for_store(Error error) {
  bool passes = error.code == codes::kThrottled || error.code == codes::kUnavailable;
  if (!passes || !context_.kernel.store.latched().empty()) co_return false;
  Clock& clock = context_.kernel.clock;
  TimePoint until = clock.now() + kAsyncStoreDelay;
  while (!context_.stopping && clock.now() < until) {
    co_await context_.shard().tick.wait_until(clock, until);
  }
  co_return !context_.stopping;
}

Task<Result<void>> AsyncRunner::recover(FunctionState* function) {
  store::ScanOptions options{keys::of_function(keys::Kind::kAsync, function->name)};
  function->async.backlog = 0;
  for (bool going = true; going;) {
    CO_TRY(store::ScanPage page, co_await context_.kernel.store.scan(options));
    for (const store::Entry& entry : page.entries) {
      CO_TRY(AsyncInvocation record, decode<AsyncInvocation>(entry.value));
      ++function->async.backlog;
      if (record.state == AsyncInvocation::State::kReady) {
        offer(function, Bytes(keys::parts(entry.key).rest));
      }
    }
    going = page.more;
    if (going) options.range.begin = page.entries.back().key + '\0';
  }
  co_return ok();
}

Task<void> AsyncRunner::run_one(AsyncRunner* runner, FunctionState* function, Bytes id) {
  Result<std::optional<Job>> job = co_await runner->load(function, id);
  Result<void> done = ok();
  if (!job) {
    done = std::unexpected(std::move(job).error());
  } else if (*job) {
    done = co_await runner->run_job(*std::move(*job));
  }
  AsyncQueue& queue = function->async;
  if (!done) {  // the record stays: it runs again, at the latest after the next start
    log::error("asynchronous invocation of {}: {}: {}", function->name, done.error().code,
               done.error().message);
    if (co_await runner->waits_for_store(done.error())) queue.again.insert(id);
  }
  queue.held.erase(id);
  --queue.running;
  if (queue.again.erase(id) != 0) runner->offer(function, std::move(id));
  runner->pump(function);
}

Task<Result<std::optional<AsyncRunner::Job>>> AsyncRunner::load(FunctionState* function, Bytes id) {
  store::Store& store = context_.kernel.store;
  CO_TRY(auto record, co_await store.get(keys::async_record(function->name, id)));
  if (!record) co_return std::optional<Job>();
  CO_TRY(auto payload, co_await store.get(keys::async_payload(function->name, id)));
  Job job{function, std::move(id), {}, payload ? std::move(payload->value) : Bytes()};
  CO_TRY(job.record, decode<AsyncInvocation>(record->value));
  // A scan may have seen it before it was put off: then its timer brings it back.
  if (job.record.state != AsyncInvocation::State::kReady) co_return std::optional<Job>();
  co_return std::optional<Job>(std::move(job));
}

AsyncRunner::Limits AsyncRunner::limits_of(const FunctionState& function,
                                           const std::string& qualifier) const {
  Limits limits{std::chrono::seconds(kAsyncAgeSecondsMax), kAsyncRetriesMax, {}};
  auto found = function.invoke_configs.find(qualifier == kLatest ? "" : qualifier);
  if (found == function.invoke_configs.end()) return limits;
  limits.config = found->second;
  if (limits.config.age_max_s) limits.age_max = std::chrono::seconds(*limits.config.age_max_s);
  if (limits.config.retries_max) limits.retries_max = *limits.config.retries_max;
  return limits;
}

Task<Result<void>> AsyncRunner::run_job(Job job) {
  FunctionState& function = *job.function;
  Limits limits = limits_of(function, job.record.qualifier);
  Result<Resolved> target = invoker_.resolve(function, job.record.qualifier);
  if (!target) {
    co_return co_await finish(std::move(job), std::move(limits),
                              {"FunctionDeleted", "", std::nullopt, "", target.error().message});
  }
  std::string dead_letter = target->settings->dead_letter_arn;
  if (context_.kernel.clock.now() - job.record.accepted >= limits.age_max) {
    co_return co_await finish(std::move(job), std::move(limits),
                              {"EventAgeExceeded", "", std::nullopt, dead_letter,
                               "The event was in the queue for longer than its maximum age."});
  }
  if (function.record.reserved_concurrency == 0U) {
    co_return co_await finish(std::move(job), std::move(limits),
                              {"ZeroReservedConcurrency", "", std::nullopt, dead_letter,
                               "The function's reserved concurrency is zero."});
  }
  Result<sandbox::Outcome> outcome = co_await invoker_.run(
      {&function, target->settings, target->invoked_arn, job.record.request_id, job.payload,
       job.record.client_context, job.record.cause});
  if (context_.stopping && (!outcome || outcome->end != sandbox::Outcome::End::kReturned)) {
    co_return ok();  // ended by us, not by the function: it runs again after the start
  }
  if (!outcome) {
    ++job.record.throttles;
    Millis delay = throttle_delay(job.record.throttles);
    co_return co_await postpone(std::move(job), std::move(limits), delay);
  }
  job.record.throttles = 0;
  std::string version = target->settings->version;
  if (outcome->end != sandbox::Outcome::End::kReturned) {
    co_return co_await after_failure(std::move(job), std::move(limits), *std::move(outcome),
                                     std::move(version));
  }
  ++job.record.attempts;
  co_return co_await finish(std::move(job), std::move(limits),
                            {"Success", std::move(version), *std::move(outcome), "", ""});
}

Task<Result<void>> AsyncRunner::after_failure(Job job, Limits limits, sandbox::Outcome outcome,
                                              std::string version) {
  uint32_t attempts = ++job.record.attempts;
  if (attempts <= limits.retries_max) {
    size_t step = std::min<size_t>(attempts, std::size(kAsyncRetryDelays)) - 1;
    co_return co_await postpone(std::move(job), std::move(limits), kAsyncRetryDelays[step]);
  }
  End end{"RetriesExhausted", std::move(version), std::nullopt, "", outcome.error_message};
  Result<Resolved> target = invoker_.resolve(*job.function, job.record.qualifier);
  if (target) end.dead_letter_arn = target->settings->dead_letter_arn;
  end.outcome = std::move(outcome);
  co_return co_await finish(std::move(job), std::move(limits), std::move(end));
}

event::Timer AsyncRunner::timer_of(const Job& job) const {
  return {std::string(kTimerKind), context_.arn(job.function->name), job.record.request_id,
          job.record.due, job.id};
}

Task<Result<void>> AsyncRunner::postpone(Job job, Limits limits, Millis delay) {
  TimePoint expires = job.record.accepted + limits.age_max;
  job.record.state = AsyncInvocation::State::kWaiting;
  job.record.due = std::min(context_.kernel.clock.now() + delay, expires);
  store::Batch batch;
  batch.put(keys::async_record(job.function->name, job.id), encode(job.record));
  context_.kernel.timers.set(batch, timer_of(job));
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  co_return ok();
}

Task<Result<void>> AsyncRunner::on_timer(event::Timer timer, store::Batch consume) {
  CO_TRY(Arn arn, Arn::parse(timer.owner));
  CO_TRY(FunctionName name, parse_function_name(timer.owner, std::nullopt, context_.place));
  FunctionState* function = &context_.state(name.name);
  store::Store& store = context_.kernel.store;
  CO_TRY(auto entry, co_await store.get(keys::async_record(name.name, timer.payload)));
  if (entry) {
    CO_TRY(AsyncInvocation record, decode<AsyncInvocation>(entry->value));
    record.state = AsyncInvocation::State::kReady;
    consume.put(keys::async_record(name.name, timer.payload), encode(record));
  }
  CO_TRY_VOID(co_await store.commit(std::move(consume)));
  if (!entry) co_return ok();
  if (function->async.held.contains(timer.payload)) {
    function->async.again.insert(timer.payload);
  } else {
    offer(function, timer.payload);
    pump(function);
  }
  co_return ok();
}

void AsyncRunner::emit_records(store::Batch& batch, const Job& job, const Limits& limits,
                               const End& end) {
  const event::Kernel& kernel = context_.kernel;
  bool success = end.condition == "Success";
  std::string source = context_.arn(job.function->name);
  event::Event event;
  event.source_arn = source;
  event.cause = job.record.cause;
  event.at = kernel.clock.now();
  const std::string& destination =
      success ? limits.config.on_success_arn : limits.config.on_failure_arn;
  if (!destination.empty()) {
    event::Event to_destination = event;
    to_destination.kind = success ? "lambda:OnSuccess" : "lambda:OnFailure";
    to_destination.target_arn = destination;
    InvocationRecord record{
        event.at,
        job.record.request_id,
        context_.arn(job.function->name,
                     job.record.qualifier.empty() ? std::string(kLatest) : job.record.qualifier),
        end.condition,
        job.record.attempts,
        job.payload,
        end.version,
        false,
        {}};
    if (end.outcome) {
      record.failed = !success;
      record.response_payload = end.outcome->payload;
    }
    to_destination.payload = invocation_record(record);
    event::emit(batch, std::move(to_destination), kernel.random);
  }
  if (!success && !end.dead_letter_arn.empty()) {
    event.kind = "lambda:DeadLetter";
    event.target_arn = end.dead_letter_arn;
    event.payload = job.payload;
    event.attributes = {
        {"RequestID", job.record.request_id},
        {"ErrorCode", end.outcome ? "200" : "429"},
        {"ErrorMessage", std::string(utf8_prefix(end.message, kErrorMessageBytesMax))}};
    event::emit(batch, std::move(event), kernel.random);
  }
}

Task<Result<void>> AsyncRunner::finish(Job job, Limits limits, End end) {
  store::Batch batch;
  emit_records(batch, job, limits, end);
  batch.erase(keys::async_record(job.function->name, job.id));
  batch.erase(keys::async_payload(job.function->name, job.id));
  if (end.condition != "Success") {
    log::info("asynchronous invocation {} of {} is discarded: {}", job.record.request_id,
              job.function->name, end.condition);
  }
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  uint64_t& backlog = job.function->async.backlog;
  if (backlog > 0) --backlog;  // zero: the function was deleted meanwhile
  co_return ok();
}

}  // namespace suiro::lambda
