// SPDX-License-Identifier: Apache-2.0
#include "services/states/express_runs.h"

#include "base/check.h"
#include "base/log.h"
#include "kernel/event/backoff.h"
#include "services/states/express_run.h"
#include "services/states/history_log.h"
#include "services/states/status_event.h"

namespace suiro::states {
namespace {

constexpr event::Backoff kBackoff{kCommitRetryFirst, kCommitRetryLongest};

}  // namespace

ExpressRuns::ExpressRuns(RuntimeParts& parts, MachineCache& machines, Executor executor)
    : parts_(parts),
      machines_(machines),
      executor_(executor),
      scope_(executor),
      stop_signal_(executor),
      ended_(executor) {}

ExpressRuns::~ExpressRuns() = default;

Result<ExpressRuns::Slot> ExpressRuns::take_slot() {
  if (stopping_) return fail(codes::kClosed, "the server stops", Retry::kLater);
  if (taken_ < kExpressRunsMax) return Slot(*this);
  return fail("ExecutionLimitExceeded", "The maximum number of running executions has been reached",
              Retry::kLater);
}

Task<Result<ExpressEnd>> ExpressRuns::run_here(ExecutionRow row, MachinePtr machine,
                                               std::string input, AtEnd at_end, Slot slot) {
  ArnHash id = arn_hash(row.arn);
  if (row.log_stream.empty() && machine->logs.level != LogSettings::Level::kOff) {
    row.log_stream =
        log_stream_name(machine->row.machine.name, parts_.kernel.clock.now(), parts_.kernel.random);
  }
  auto run =
      std::make_shared<ExpressRun>(parts_, std::move(row), machine, std::move(input), executor_);
  runs_[id] = run.get();
  auto end = co_await run->run();
  if (end) {
    store::Batch batch = at_end(*end);
    parts_.kernel.journal.record(batch, execution_span(end->row, parts_.kernel.clock.now()));
    auto done =
        co_await commit_surely(machine->logs, end->row, run->take_lines(), std::move(batch));
    if (!done) end = fail(std::move(done).error());
  }
  runs_.erase(id);
  ended_.notify_all();
  if (scope_.closing()) {
    co_await run->close();
  } else {
    scope_.spawn(close_run(std::move(run), std::move(slot)));
  }
  co_return end;
}

// Calls that were cancelled may take their time; the slot is theirs until then.
Task<void> ExpressRuns::close_run(std::shared_ptr<ExpressRun> run, Slot) {
  co_await run->close();
}

Task<Result<void>> ExpressRuns::commit_surely(const LogSettings& logs, const ExecutionRow& row,
                                              std::vector<event::LogLine> lines,
                                              store::Batch batch) {
  event::Kernel& kernel = parts_.kernel;
  bool is_logged = kernel.logs != nullptr && !lines.empty();
  for (uint32_t failures = 1;; ++failures) {
    Result<void> done = ok();
    if (is_logged) {
      done = co_await kernel.logs->write(logs.group, row.log_stream, lines, batch.clone());
    } else if (auto committed = co_await kernel.store.commit(batch.clone()); !committed) {
      done = fail(std::move(committed).error());
    }
    if (done || stopping_ || done.error().retry == Retry::kNever ||
        done.error().code == codes::kUnavailable) {
      co_return done;
    }
    co_await pause(failures);
  }
}

Task<void> ExpressRuns::pause(uint32_t failures) {
  Clock& clock = parts_.kernel.clock;
  const TimePoint due = clock.now() + kBackoff.after(failures, parts_.kernel.random);
  while (!stopping_ && clock.now() < due) co_await stop_signal_.wait_until(clock, due);
}

// --- synchronous

Task<Result<ExpressEnd>> ExpressRuns::run(ExecutionRow row, MachinePtr machine, std::string input) {
  CO_TRY(Slot slot, take_slot());
  // The span goes with the next group; nobody waits for it.
  co_return co_await run_here(
      std::move(row), std::move(machine), std::move(input),
      [](const ExpressEnd&) { return store::Batch(); }, std::move(slot));
}

// --- asynchronous

Task<Result<void>> ExpressRuns::start_later(ExecutionRow row, MachineCache::Started machine,
                                            std::string input) {
  CO_TRY(Slot slot, take_slot());
  store::Batch batch;
  if (!machine.is_stored) {
    batch.put(machine_key(machine.machine->key), encode_machine(machine.machine->row));
  }
  batch.put(express_key(arn_hash(row.arn)), encode_express({row, input}));
  parts_.kernel.journal.record(batch, execution_span(row, parts_.kernel.clock.now()));
  CO_TRY_VOID(co_await parts_.kernel.store.commit(std::move(batch)));
  machines_.stored(machine.machine->key);
  scope_.spawn(run_later(std::move(row), machine.machine, std::move(input), std::move(slot)));
  co_return ok();
}

Task<void> ExpressRuns::run_later(ExecutionRow row, MachinePtr machine, std::string input,
                                  Slot slot) {
  ArnHash id = arn_hash(row.arn);
  auto at_end = [id](const ExpressEnd&) {
    store::Batch batch;
    batch.erase(express_key(id));
    return batch;
  };
  auto end = co_await run_here(std::move(row), std::move(machine), std::move(input),
                               std::move(at_end), std::move(slot));
  if (!end && end.error().code != codes::kClosed && end.error().code != codes::kUnavailable) {
    log::error("states: the end of an Express execution is not kept: {}", end.error().message);
  }
}

void ExpressRuns::resume(ArnHash execution) {
  to_resume_.push_back(execution);
  if (!std::exchange(resuming_, true)) scope_.spawn(resume_all());
}

Task<void> ExpressRuns::resume_all() {
  while (!stopping_ && !to_resume_.empty()) {
    if (taken_ >= kExpressRunsMax || loading_ >= kExpressLoadsMax) {
      co_await ended_.wait();
      continue;
    }
    ++loading_;
    scope_.spawn(run_resumed(to_resume_.front(), Slot(*this)));
    to_resume_.pop_front();
  }
  resuming_ = false;
}

Task<void> ExpressRuns::run_resumed(ArnHash execution, Slot slot) {
  auto found = co_await load_surely(execution);
  --loading_;
  ended_.notify_all();
  if (!found && !stopping_) {
    log::error("states: an Express execution cannot begin anew: {}", found.error().message);
  }
  if (!found || !*found || stopping_) co_return;
  Acknowledged begun = **std::move(found);
  co_await run_later(std::move(begun.row), std::move(begun.machine), std::move(begun.input),
                     std::move(slot));
}

Task<Result<std::optional<ExpressRuns::Acknowledged>>> ExpressRuns::load_surely(ArnHash execution) {
  for (uint32_t failures = 1;; ++failures) {
    auto found = co_await load(execution);
    if (found || stopping_ || found.error().retry == Retry::kNever) co_return found;
    co_await pause(failures);
  }
}

Task<Result<std::optional<ExpressRuns::Acknowledged>>> ExpressRuns::load(ArnHash execution) {
  CO_TRY(auto entry, co_await parts_.kernel.store.get(express_key(execution)));
  if (!entry) co_return std::nullopt;
  CO_TRY(auto row, decode_express(entry->value));
  CO_TRY(MachinePtr machine, co_await machines_.load(row.execution.machine));
  co_return Acknowledged{std::move(row.execution), std::move(machine), std::move(row.input)};
}

// --- children

Result<void> ExpressRuns::begin_child(ExecutionRow row, MachinePtr machine, std::string input) {
  if (runs_.contains(arn_hash(row.arn))) return ok();
  TRY(Slot slot, take_slot());
  scope_.spawn(run_child(std::move(row), std::move(machine), std::move(input), std::move(slot)));
  return ok();
}

Task<void> ExpressRuns::run_child(ExecutionRow row, MachinePtr machine, std::string input,
                                  Slot slot) {
  ChildEnd told;
  told.map_run_arn = row.map_run_arn;
  told.arn = row.arn;
  told.name = row.name;
  told.input = input;
  told.start = row.start;
  auto at_end = [&](const ExpressEnd& ended) {
    told.status = ended.row.status;
    if (ended.row.output) told.output = ended.output;
    told.error = ended.row.error;
    told.cause = ended.row.cause;
    told.stop = ended.row.stop.value_or(ended.row.start);
    store::Batch batch;
    if (parts_.map_runs != nullptr) parts_.map_runs->child_ends(told, batch);
    return batch;
  };
  auto end = co_await run_here(std::move(row), std::move(machine), std::move(input),
                               std::move(at_end), std::move(slot));
  if (end && parts_.map_runs != nullptr) parts_.map_runs->child_ended(told);
}

Task<Result<void>> ExpressRuns::abort(ArnHash execution) {
  if (auto run = runs_.find(execution); run != runs_.end()) run->second->abort({}, {});
  while (!stopping_ && runs_.contains(execution)) co_await ended_.wait();
  co_return ok();
}

void ExpressRuns::begin_stop() {
  stopping_ = true;
  stop_signal_.notify_all();
  ended_.notify_all();
  for (auto& [id, run] : runs_) run->stop();
}

Task<void> ExpressRuns::stop() {
  begin_stop();
  co_await scope_.close();
  while (taken_ > 0) co_await ended_.wait();
}

}  // namespace suiro::states
