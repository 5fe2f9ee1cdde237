// SPDX-License-Identifier: Apache-2.0
#include "services/states/executions_shard.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/log.h"
#include "services/states/history_log.h"
#include "services/states/names.h"
#include "services/states/storage.h"

namespace suiro::states {

std::unexpected<Error> no_execution(std::string_view arn) {
  return fail("ExecutionDoesNotExist", fmt::format("Execution Does Not Exist: '{}'", arn));
}

ExecutionShard::ExecutionShard(RuntimeParts& parts,
                               std::vector<std::unique_ptr<ActivityQueues>>& activities,
                               Executor executor)
    : parts_(parts),
      kernel_(parts.kernel),
      activities_(activities),
      executor_(executor),
      scope_(executor),
      machines_(parts.kernel.store),
      effects_(parts, *this, executor),
      stop_signal_(executor) {}

ExecutionShard::~ExecutionShard() = default;

// --- who comes in

ExecutionShard::LivePtr ExecutionShard::live(ArnHash execution) {
  auto [slot, is_new] = lives_.try_emplace(execution);
  if (is_new) {
    slot->second = std::make_shared<Live>();
    slot->second->id = execution;
    slot->second->place = cache_order_.insert(cache_order_.end(), execution);
  }
  return slot->second;
}

void ExecutionShard::wake(const LivePtr& live) {
  if (live->is_driving) return;
  live->is_driving = true;
  scope_.spawn(drive(live));
}

Task<Result<Stepped>> ExecutionShard::post(ArnHash execution, Posted posted) {
  if (scope_.closing()) co_return fail(codes::kClosed, "the server stops", Retry::kLater);
  LivePtr to = live(execution);
  if (to->inbox.size() >= kInboxMax) {
    co_return fail(codes::kThrottled, "The execution has too much to do. Try again.",
                   Retry::kLater);
  }
  Answer<Result<Stepped>> answer(executor_);
  to->inbox.push_back({.posted = std::move(posted), .answer = &answer});
  wake(to);
  co_return co_await answer.take();
}

Task<Result<StartedExecution>> ExecutionShard::start(NewExecution request) {
  if (stopping_) co_return fail(codes::kClosed, "the server stops", Retry::kLater);
  ArnHash id = arn_hash(request.arn);
  while (lives_.contains(id)) {
    // Its turn comes when what is under way is durable: then the record tells.
    auto turn = co_await post(id, {});
    if (!turn && turn.error().code != "ExecutionDoesNotExist") co_return fail(turn.error());
    if (turn) break;
  }
  // A name that was made for this start is not there.
  if (!request.request.name.empty() || !request.map_run_arn.empty()) {
    CO_TRY(auto entry, co_await kernel_.store.get(execution_key(id)));
    if (entry) {
      CO_TRY(ExecutionRow row, decode_execution(entry->value));
      StartReply reply{row.arn, row.start};
      co_return StartedExecution{std::move(reply), std::move(row)};
    }
    if (lives_.contains(id)) co_return co_await start(std::move(request));
  }
  // Children are not refused: Maps wait for them, and limit them themselves.
  const bool is_child = !request.map_run_arn.empty();
  if (!is_child && parts_.open_executions.load() >= parts_.config.open_executions_max) {
    co_return fail("ExecutionLimitExceeded",
                   "The maximum number of running executions has been reached", Retry::kLater);
  }
  StartRequest& from = request.request;
  CO_TRY(auto machine, machines_.of_start(std::move(from.machine), std::move(request.map_state),
                                          std::move(request.list_arn)));
  LivePtr fresh = live(id);
  fresh->is_fresh = true;
  fresh->machine = machine.machine;
  fresh->machine_stored = machine.is_stored;
  const TimePoint now = kernel_.clock.now();
  ExecutionRow& row = fresh->row.emplace();
  row.arn = std::move(request.arn);
  row.name = std::move(request.name);
  row.machine = machine.machine->key;
  row.start = now;
  row.input = payload_ref(from.input);
  row.trace_header = std::move(from.trace_header);
  row.parent_arn = std::move(from.parent_arn);
  row.map_run_arn = std::move(request.map_run_arn);
  if (from.cause.trace_id.empty()) from.cause = TraceContext::begin(now, kernel_.random);
  row.trace_id = from.cause.trace_id;
  row.parent_span_id = from.cause.span_id;
  row.span_id = new_span_id(now, kernel_.random);
  if (fresh->machine->logs.level != LogSettings::Level::kOff) {
    row.log_stream = log_stream_name(fresh->machine->row.machine.name, now, kernel_.random);
  }
  fresh->input = std::make_shared<const std::string>(std::move(from.input));
  fresh->execution.emplace(fresh->machine->plan,
                           execution_info(kernel_, row, fresh->machine->row, fresh->input),
                           parts_.config.limits);
  StartReply reply{row.arn, now};
  CO_TRY_VOID(co_await post(id, {.occurrence = workflow::Started{}}));
  co_return StartedExecution{std::move(reply), std::nullopt};
}

void ExecutionShard::continue_later(ArnHash execution, Millis delay) {
  scope_.spawn(post_after(execution, delay, workflow::Continue{}));
}

// With the record of a chain that is cut.
Task<void> ExecutionShard::post_after(ArnHash execution, Millis delay,
                                      workflow::Occurrence occurrence) {
  event::Backoff backoff{kCommitRetryFirst, kCommitRetryLongest};
  TimePoint due = kernel_.clock.now() + delay;
  for (uint32_t failures = 1; !stopping_; ++failures) {
    while (!stopping_ && kernel_.clock.now() < due) {
      co_await stop_signal_.wait_until(kernel_.clock, due);
    }
    Posted posted{.occurrence = occurrence};
    posted.also.erase(effect_key({execution, 0}));
    auto done = co_await post(execution, std::move(posted));
    if (done || done.error().retry == Retry::kNever || done.error().code == codes::kUnavailable) {
      co_return;
    }
    due = kernel_.clock.now() + backoff.after(failures, kernel_.random);
  }
}

Task<Result<void>> ExecutionShard::ended(ArnHash execution,
                                         std::shared_ptr<Cancellation> cancellation) {
  auto [slot, is_new] = ends_.try_emplace(execution);
  if (is_new) slot->second = std::make_unique<Ends>(executor_);
  Ends& ends = *slot->second;
  ++ends.waiting;
  Result<void> result = fail(codes::kClosed, "the server stops", Retry::kLater);
  std::unique_ptr<Cancellation::Subscription> watch;
  if (cancellation) {
    watch = cancellation->subscribe(executor_, [&ends] { ends.signal.notify_all(); });
  }
  auto wanted = [&] { return !stopping_ && (!cancellation || !cancellation->cancelled()); };
  while (wanted()) {
    const uint64_t count = ends.count;
    auto entry = co_await kernel_.store.get(execution_key(execution));
    if (!entry) {
      result = fail(std::move(entry).error());
      break;
    }
    if (!*entry) {
      result = no_execution("");
      break;
    }
    auto row = decode_execution((*entry)->value);
    if (!row) {
      result = fail(std::move(row).error());
      break;
    }
    if (row->status != workflow::ExecutionStatus::kRunning) {
      result = ok();
      break;
    }
    if (wanted() && ends.count == count) co_await ends.signal.wait();
  }
  watch.reset();
  if (--ends.waiting == 0) ends_.erase(execution);
  co_return result;
}

// --- the loop of one execution

Task<void> ExecutionShard::drive(LivePtr live) {
  while (!live->inbox.empty() || live->more) co_await turn(*live);
  live->is_driving = false;
  // What has ended is not kept: its record may go before the name is used again.
  if (!live->row || !live->execution || live->row->status != workflow::ExecutionStatus::kRunning) {
    forget(*live);
  } else {
    touch(*live);
  }
  shrink();
}

Task<void> ExecutionShard::turn(Live& live) {
  Work work;
  auto ready = co_await prepare(live);
  if (ready) ready = co_await look_for_activities(live, work);
  bool is_ended = false;
  if (!ready) {
    auto ended = co_await end_unread(live, work, ready.error());
    is_ended = ended && *ended;
    if (is_ended) ready = ok();
  }
  if (!ready) {
    // A chain that is cut goes on: nobody else would wake it.
    if (std::exchange(live.more, false)) continue_later(live.id, kCommitRetryFirst);
    fail_inbox(live, ready.error());
    co_return;
  }
  if (!is_ended) co_await step_items(live, work);
  Result<void> done = ok();
  if (work.stepped || !work.batch.empty()) {
    write_work(live, work);
    done = co_await commit(live, work);
  }
  if (done) {
    after_commit(live, work);
  } else {
    after_failure(live, work, done.error());
  }
}

void ExecutionShard::fail_inbox(Live& live, const Error& error) {
  for (auto& item : std::exchange(live.inbox, {})) {
    if (item.answer != nullptr) item.answer->give(fail(error));
  }
}

// --- the cache

void ExecutionShard::forget(Live& live) {
  cached_bytes_ -= std::exchange(live.bytes, 0);
  cache_order_.erase(live.place);
  lives_.erase(live.id);
}

void ExecutionShard::touch(Live& live) {
  constexpr size_t kRowBytes = 1024;  // the record, the inbox, the tables' own
  size_t bytes = live.execution->memory_bytes() + kRowBytes +
                 live.stored.size() * (sizeof(workflow::PayloadHash) + 32);
  cached_bytes_ += bytes - live.bytes;
  live.bytes = bytes;
  cache_order_.splice(cache_order_.end(), cache_order_, live.place);
}

void ExecutionShard::shrink() {
  size_t room = parts_.config.cache_bytes / kernel_.shards.size();
  auto next = cache_order_.begin();
  while (cached_bytes_ > room && next != cache_order_.end()) {
    auto candidate = lives_.find(*next++);
    if (!candidate->second->is_driving) forget(*candidate->second);
  }
}

// --- from the store

Task<Result<void>> ExecutionShard::prepare(Live& live) {
  if (!live.row) {
    CO_TRY(auto entry, co_await kernel_.store.get(execution_key(live.id)));
    if (!entry) co_return no_execution("");
    CO_TRY(live.row, decode_execution(entry->value));
  }
  if (live.execution) co_return ok();
  auto is_redrive = [](const Item& item) {
    return item.posted.occurrence &&
           std::holds_alternative<workflow::Redriven>(*item.posted.occurrence);
  };
  bool is_over = live.row->status != workflow::ExecutionStatus::kRunning;
  if (is_over && std::ranges::none_of(live.inbox, is_redrive)) co_return ok();
  co_return co_await load_execution(live);
}

// Steps do not read: what they ask of activities is looked up before.
Task<Result<void>> ExecutionShard::look_for_activities(const Live& live, Work& work) {
  if (!live.execution || !live.machine) co_return ok();
  const MachinePtr machine = live.machine;
  for (const std::string& arn : machine->activities) {
    const auto name = parse_activity_arn(arn);
    std::optional<Stored<Activity>> found;
    if (name && arn == activity_arn(kernel_, *name)) {
      CO_TRY(found, co_await read_activity(kernel_.store, *name));
    }
    if (!found) work.activities_gone.insert(arn);
  }
  co_return ok();
}

Task<Result<void>> ExecutionShard::load_execution(Live& live) {
  CO_TRY(live.machine, co_await machines_.load(live.row->machine));
  std::vector<workflow::Cell> cells;
  store::ScanOptions options{.range = store::KeyRange::prefix(cell_prefix(live.id))};
  const size_t prefix = options.range.begin.size();
  for (bool more = true; more;) {
    CO_TRY(auto page, co_await kernel_.store.scan(options));
    for (auto& entry : page.entries) {
      cells.push_back({entry.key.substr(prefix), std::move(entry.value)});
    }
    more = page.more;
    if (more) options.range.begin = page.entries.back().key + '\0';
  }
  CO_TRY(auto hashes, workflow::Execution::payloads_of(cells));
  workflow::Payloads payloads;
  for (const auto& hash : hashes) {
    if (payloads.contains(hash)) continue;
    CO_TRY(payloads[hash], co_await load_payload(live.id, {hash, {}}));
    if (live.stored.size() < kStoredHashesMax) live.stored.insert(hash);
  }
  CO_TRY(live.input, co_await load_payload(live.id, live.row->input));
  CO_TRY(live.execution,
         workflow::Execution::load(
             live.machine->plan, execution_info(kernel_, *live.row, live.machine->row, live.input),
             parts_.config.limits, cells, payloads));
  co_return ok();
}

Task<Result<workflow::Payload>> ExecutionShard::load_payload(const ArnHash& id,
                                                             const PayloadRef& ref) {
  if (!ref.hash) co_return std::make_shared<const std::string>(ref.text);
  CO_TRY(auto entry, co_await kernel_.store.get(payload_key(id, *ref.hash)));
  if (!entry) co_return fail(codes::kCorrupt, "a payload of an execution is not there");
  co_return std::make_shared<const std::string>(std::move(entry->value));
}

void ExecutionShard::begin_stop() {
  stopping_ = true;
  stop_signal_.notify_all();
  for (auto& [execution, ends] : ends_) ends->signal.notify_all();
  effects_.begin_stop();
}

Task<void> ExecutionShard::stop_effects() {
  begin_stop();
  co_await effects_.stop();
}

Task<void> ExecutionShard::stop() {
  co_await stop_effects();
  co_await scope_.close();
}

}  // namespace suiro::states
