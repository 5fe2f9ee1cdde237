// SPDX-License-Identifier: Apache-2.0
#include "services/states/running_map.h"

#include <algorithm>

#include "base/log.h"
#include "services/states/map_run_names.h"

namespace suiro::states {
namespace {

using workflow::ChildStatus;
using workflow::MapRun;
using workflow::MapRunStatus;

constexpr size_t kRowsAtOnce = 1'000;
constexpr uint64_t kAllChildren = UINT64_MAX;
// Expressions may give any number; the API tells integers.
constexpr double kCountToldMax = INT32_MAX;

// What is asked again says the same until the server starts anew.
bool server_stops(const Error& error) {
  return error.code == codes::kClosed || error.code == codes::kUnavailable;
}

bool may_pass(const Error& error) {
  return error.retry == Retry::kLater && !server_stops(error);
}

std::shared_ptr<ChildFamily> family_of(const MapRunCall& call, const workflow::State& state,
                                       ByteView run) {
  const auto& fields = std::get<workflow::MapFields>(state.fields);
  const std::string label = map_label(state, call.machine.machine_arn, call.machine.revision_id);
  auto family = std::make_shared<ChildFamily>();
  family->map_run_arn = map_run_arn(call.machine.machine_arn, label, run);
  family->map_state = state.name;
  family->parent_arn = call.execution_arn;
  family->cause = call.cause;
  family->machine = call.machine;
  family->machine.machine_arn += "/" + label;
  family->machine.name += "/" + label;
  family->machine.version_arn.clear();
  family->machine.alias_arn.clear();
  family->machine.type =
      fields.express_children ? workflow::MachineType::kExpress : workflow::MachineType::kStandard;
  family->machine.plan = workflow::child_plan(call.machine.plan, state);
  return family;
}

Bytes run_of(const MapRunCall& call) {
  auto redriven = run_of_arn(call.effect.redriven_map_run_arn);
  return redriven ? *redriven : map_run_uuid(call.key);
}

workflow::MapRunLimits limits_of(const MapRunDescription& told) {
  return {.concurrency_max = told.concurrency_max,
          .tolerated_failure_count = told.tolerated_failure_count,
          .tolerated_failure_percentage = told.tolerated_failure_percentage};
}

}  // namespace

RunningMap::RunningMap(RunParts parts, MapRunCall call, TaskReporter* reporter, Executor home,
                       Executor reporter_home)
    : parts_(parts),
      call_(std::move(call)),
      state_(*call_.machine.plan->by_name.at(call_.effect.state)),
      reporter_(reporter),
      reporter_home_(reporter_home),
      scope_(home),
      wake_(home),
      run_(run_of(call_)),
      family_(family_of(call_, state_, run_)),
      machine_({}, parts_.children_at_once_max) {}

Task<Result<void>> RunningMap::run() {
  CO_TRY_VOID(co_await open());
  CO_TRY_VOID(co_await report(workflow::MapRunBegan{call_.effect.id, arn()}));
  if (record_.told.status != MapRunStatus::kRunning) co_return co_await tell();
  CO_TRY_VOID(co_await load());
  reading_ = true;
  scope_.spawn(read());
  co_await drive();
  wake_.notify_all();
  co_await scope_.close();
  if (gone_) co_return ok();
  CO_TRY_VOID(co_await finish());
  co_return co_await tell();
}

// --- the record
// -----------------------------------------------------------------------------------

Task<Result<void>> RunningMap::open() {
  CO_TRY(const auto entry, co_await parts_.kernel.store.get(keys::map_run(run_)));
  if (!entry) co_return co_await create();
  CO_TRY(record_, decode_run(entry->value));
  if (record_.key != call_.key) co_return co_await redrive();
  co_return ok();
}

Task<Result<void>> RunningMap::create() {
  is_new_ = true;
  MapRunDescription& told = record_.told;
  told.arn = arn();
  told.execution_arn = call_.execution_arn;
  told.machine_arn = family_->machine.machine_arn;
  told.start = parts_.kernel.clock.now();
  told.concurrency_max =
      static_cast<int64_t>(std::min(call_.effect.concurrency_max.value_or(0), kCountToldMax));
  told.tolerated_failure_count =
      static_cast<int64_t>(std::min(call_.effect.tolerated_failure_count, kCountToldMax));
  told.tolerated_failure_percentage = call_.effect.tolerated_failure_percentage;
  record_.key = call_.key;
  store::Batch batch;
  batch.put(keys::map_run(run_), encode(record_));
  batch.put(keys::map_run_listed(told.execution_arn, told.start, run_), Bytes(1, 1));
  co_return co_await commit(std::move(batch));
}

// Children that ended badly are marked as to go on. Done once more after a crash: no child starts
// before the last commit.
Task<Result<void>> RunningMap::redrive() {
  // Its children are gone, its outcome waits: the execution ended before it took it.
  const bool is_untold = record_.told.status == MapRunStatus::kSucceeded;
  store::KeyRange range = keys::map_run_ends(run_, 0, kAllChildren);
  for (bool more = !is_untold; more;) {
    CO_TRY(const auto page,
           co_await parts_.kernel.store.scan({.range = range, .rows_max = kRowsAtOnce}));
    store::Batch batch;
    for (const store::Entry& entry : page.entries) {
      CO_TRY(RunEnd end, decode_run_end(entry.value));
      if (end.status == ChildStatus::kSucceeded) continue;
      end.status = ChildStatus::kPending;
      batch.put(entry.key, encode(end));
    }
    if (!batch.empty()) CO_TRY_VOID(co_await commit(std::move(batch)));
    more = page.more;
    if (more) range.begin = page.entries.back().key + '\0';
  }
  MapRunDescription& told = record_.told;
  if (!is_untold) {
    told.status = MapRunStatus::kRunning;
    told.stop.reset();
  }
  ++told.redrive_count;
  told.redrive_time = parts_.kernel.clock.now();
  record_.key = call_.key;
  store::Batch batch;
  batch.put(keys::map_run(run_), encode(record_));
  if (!is_untold) batch.erase(keys::map_run_outcome(run_));
  co_return co_await commit(std::move(batch));
}

// --- after a crash
// --------------------------------------------------------------------------------

Task<Result<void>> RunningMap::load() {
  machine_ = MapRun(limits_of(record_.told), parts_.children_at_once_max);
  if (!is_new_) {
    CO_TRY(const auto progress, co_await parts_.kernel.store.get(keys::map_run_progress(run_)));
    if (progress) {
      CO_TRY(progress_, decode_run_progress(progress->value));
    }
    CO_TRY_VOID(co_await load_inputs());
    CO_TRY_VOID(co_await load_ends());
    if (progress_.done) machine_.reading_ended();
  }
  is_loaded_ = true;
  for (const auto& [index, status] : std::exchange(early_, {})) machine_.child_ended(index, status);
  co_return ok();
}

Task<Result<void>> RunningMap::load_inputs() {
  store::KeyRange range = keys::map_run_inputs(run_, 0, kAllChildren);
  for (bool more = true; more;) {
    CO_TRY(const auto page,
           co_await parts_.kernel.store.scan({.range = range, .rows_max = kRowsAtOnce}));
    for (const store::Entry& entry : page.entries) {
      CO_TRY(const RunInput input, decode_run_input(entry.value));
      machine_.add_child(input.items);
    }
    more = page.more;
    if (more) range.begin = page.entries.back().key + '\0';
  }
  co_return ok();
}

Task<Result<void>> RunningMap::load_ends() {
  store::KeyRange range = keys::map_run_ends(run_, 0, kAllChildren);
  for (bool more = true; more;) {
    CO_TRY(const auto page,
           co_await parts_.kernel.store.scan({.range = range, .rows_max = kRowsAtOnce}));
    for (const store::Entry& entry : page.entries) {
      CO_TRY(const RunEnd end, decode_run_end(entry.value));
      const uint64_t index = keys::index_of(entry.key);
      if (end.status == ChildStatus::kPending) {
        redriven_.insert(index);
      } else {
        machine_.child_ended(index, end.status);
      }
    }
    more = page.more;
    if (more) range.begin = page.entries.back().key + '\0';
  }
  co_return ok();
}

// --- children
// -------------------------------------------------------------------------------------

Task<void> RunningMap::drive() {
  while (!co_await look_for_end()) {
    const auto phase = machine_.phase();
    if (phase == MapRun::Phase::kWriting && starting_ == 0 && !reading_) co_return;
    if (phase == MapRun::Phase::kStopping && starting_ == 0 && !stopping_) {
      stopping_ = true;
      scope_.spawn(stop_children());
    }
    if (starting_ < kStartBatchesInFlight) {
      std::vector<uint64_t> starts = machine_.take_starts(kStartsAtOnce);
      if (!starts.empty()) {
        ++starting_;
        scope_.spawn(start(std::move(starts)));
        continue;
      }
    }
    co_await wake_.wait_until(parts_.kernel.clock, parts_.kernel.clock.now() + kLookAgain);
  }
}

// Whether nobody waits for this incarnation any more: the Map was cancelled, and abort() follows,
// or the server stops.
Task<bool> RunningMap::look_for_end() {
  if (gone_ || reporter_ == nullptr) co_return gone_;
  gone_ =
      co_await run_on(reporter_home_, [this]() -> Task<bool> { co_return reporter_->cancelled(); });
  co_return gone_;
}

void RunningMap::ended(uint64_t index, ChildStatus status) {
  if (!is_loaded_) {
    early_.emplace_back(index, status);
    return;
  }
  machine_.child_ended(index, status);
  wake_.notify_all();
}

void RunningMap::leave() {
  gone_ = true;
  wake_.notify_all();
}

Child RunningMap::child(uint64_t index, std::string input) const {
  Child child{.index = index, .name = child_name(run_, index), .input = std::move(input)};
  child.arn = child_arn(arn(), family_->machine.type, child.name);
  return child;
}

Task<void> RunningMap::start(std::vector<uint64_t> indices) {
  auto done = co_await start_range(indices);
  if (!done && server_stops(done.error())) gone_ = true;
  if (!done && !gone_) {
    log::warning("the children of {} cannot start: {}", arn(), done.error().message);
    machine_.fail({"States.Runtime", done.error().message});
    co_await stop_surely(std::move(indices));  // some of them may run
  }
  --starting_;
  wake_.notify_all();
}

// The indices grow; between them may lie others that succeeded before a redrive.
Task<Result<void>> RunningMap::start_range(std::vector<uint64_t> indices) {
  store::KeyRange range = keys::map_run_inputs(run_, indices.front(), indices.back() + 1);
  size_t at = 0;
  for (bool more = true; more && !gone_;) {
    const auto page = co_await parts_.kernel.store.scan({.range = range, .rows_max = kRowsAtOnce});
    if (!page && !may_pass(page.error())) co_return fail(page.error());
    if (!page) {
      co_await parts_.kernel.clock.sleep_for(kBusyPause);
      continue;
    }
    std::vector<Child> starts;
    std::vector<Child> redrives;
    for (const store::Entry& entry : page->entries) {
      const uint64_t index = keys::index_of(entry.key);
      if (at == indices.size() || index != indices[at]) continue;
      ++at;
      CO_TRY(RunInput input, decode_run_input(entry.value));
      const bool goes_on =
          redriven_.erase(index) > 0 && family_->machine.type == workflow::MachineType::kStandard;
      (goes_on ? redrives : starts).push_back(child(index, std::move(input.text)));
    }
    more = page->more;
    if (more) range.begin = page->entries.back().key + '\0';
    while (!starts.empty() || !redrives.empty()) {
      Result<void> done;
      if (!starts.empty()) done = co_await parts_.children->start(family_, starts);
      if (done) starts.clear();
      if (done && !redrives.empty()) done = co_await parts_.children->redrive(family_, redrives);
      if (done) break;
      if (!may_pass(done.error()) || gone_) co_return fail(done.error());
      co_await parts_.kernel.clock.sleep_for(kBusyPause);
      // Express ones that ended meanwhile would begin anew.
      std::erase_if(starts, [this](const Child& each) {
        return machine_.status(each.index) != ChildStatus::kRunning;
      });
    }
  }
  co_return ok();
}

Task<Result<void>> RunningMap::stop(std::vector<uint64_t> indices) {
  std::vector<Child> children;
  for (const uint64_t index : indices) children.push_back(child(index, ""));
  while (true) {
    auto done = co_await parts_.children->stop(family_, children);
    // What child_ended() posted comes first.
    co_await asio::post(scope_.executor(), use_task);
    if (done || !may_pass(done.error()) || gone_) co_return done;
    co_await parts_.kernel.clock.sleep_for(kBusyPause);
  }
}

// Their ends are told first; what is left never ran. What cannot be stopped is left to the next
// start of the server.
Task<void> RunningMap::stop_surely(std::vector<uint64_t> indices) {
  auto done = co_await stop(indices);
  if (!done) {
    if (!server_stops(done.error())) {
      log::warning("the children of {} cannot be stopped: {}", arn(), done.error().message);
    }
    gone_ = true;
    co_return;
  }
  for (const uint64_t index : indices) machine_.child_ended(index, ChildStatus::kAborted);
}

// Completes when nobody runs any more.
Task<void> RunningMap::stop_children() {
  for (uint64_t from = 0; !gone_;) {
    const std::vector<uint64_t> running = machine_.running(from, kStartsAtOnce);
    if (running.empty()) break;
    from = running.back() + 1;
    co_await stop_surely(running);
  }
  wake_.notify_all();
}

// Who of those without an end had started is not known: all are stopped, which does nothing to
// those that had not. kReadAheadMax bounds their number.
Task<Result<void>> RunningMap::abort() {
  CO_TRY(const auto entry, co_await parts_.kernel.store.get(keys::map_run(run_)));
  if (!entry) co_return ok();
  CO_TRY(record_, decode_run(entry->value));
  if (record_.key != call_.key || record_.told.status != MapRunStatus::kRunning) co_return ok();
  CO_TRY_VOID(co_await load());
  machine_.abort();
  std::vector<uint64_t> waiting;
  for (uint64_t index = 0; index <= machine_.children(); ++index) {
    const bool is_end = index == machine_.children();
    if (!is_end && machine_.status(index) == ChildStatus::kPending) waiting.push_back(index);
    if (waiting.size() < kStartsAtOnce && !(is_end && !waiting.empty())) continue;
    CO_TRY_VOID(co_await stop(std::exchange(waiting, {})));
  }
  co_return co_await finish();
}

// --- the end
// --------------------------------------------------------------------------------------

Task<Result<void>> RunningMap::commit(store::Batch batch) {
  while (true) {
    auto done = co_await parts_.kernel.store.commit(batch.clone());
    if (done) co_return ok();
    if (done.error().code != codes::kThrottled || co_await look_for_end()) {
      co_return fail(done.error());
    }
    co_await parts_.kernel.clock.sleep_for(kBusyPause);
  }
}

Task<Result<RunOutcome>> RunningMap::outcome() {
  RunResults results(parts_.kernel, parts_.operations, call_, *family_, machine_.children());
  while (true) {
    if (machine_.verdict() == MapRunStatus::kAborted) co_return RunOutcome{};
    if (machine_.verdict() == MapRunStatus::kFailed) {
      // What was found goes into files, too. That it cannot be written changes nothing.
      if (results.writes_files()) (void)co_await results.make();
      const auto& failure = machine_.failure().value();
      co_return RunOutcome{.output = {}, .error = failure.error, .cause = failure.cause};
    }
    auto made = co_await results.make();
    if (made) co_return RunOutcome{.output = *std::move(made), .error = {}, .cause = {}};
    if (server_stops(made.error())) co_return fail(made.error());
    if (!may_pass(made.error())) {
      machine_.fail({made.error().code, made.error().message});
      continue;
    }
    if (co_await look_for_end()) co_return fail(codes::kClosed, "nobody waits for this map run");
    co_await parts_.kernel.clock.sleep_for(kBusyPause);
  }
}

Task<Result<void>> RunningMap::finish() {
  CO_TRY(const RunOutcome made, co_await outcome());
  record_.told = description();
  record_.told.status = machine_.verdict();
  record_.told.stop = parts_.kernel.clock.now();
  record_.children = machine_.children();
  store::Batch batch;
  batch.put(keys::map_run(run_), encode(record_));
  if (record_.told.status != MapRunStatus::kAborted) {
    batch.put(keys::map_run_outcome(run_), encode(made));
  }
  // Those of others may be redriven.
  if (record_.told.status == MapRunStatus::kSucceeded) {
    keys::erase_map_run_children(batch, run_);
  }
  co_return co_await commit(std::move(batch));
}

Task<Result<void>> RunningMap::tell() {
  if (record_.told.status == MapRunStatus::kAborted) co_return ok();
  CO_TRY(const auto entry, co_await parts_.kernel.store.get(keys::map_run_outcome(run_)));
  if (!entry) co_return ok();  // taken before
  CO_TRY(RunOutcome made, decode_run_outcome(entry->value));
  if (made.output) {
    CO_TRY_VOID(co_await report(
        workflow::EffectSucceeded{call_.effect.id, std::move(made.output).value()}));
  } else {
    CO_TRY_VOID(co_await report(workflow::EffectFailed{.effect = call_.effect.id,
                                                       .error = std::move(made.error),
                                                       .cause = std::move(made.cause)}));
  }
  store::Batch batch;
  batch.erase(keys::map_run_outcome(run_));
  co_return co_await commit(std::move(batch));
}

Task<Result<void>> RunningMap::report(workflow::Occurrence occurrence) {
  co_return co_await run_on(
      reporter_home_, [this, &occurrence] { return reporter_->report(std::move(occurrence)); });
}

// --- the API
// --------------------------------------------------------------------------------------

MapRunDescription RunningMap::description() const {
  MapRunDescription told = record_.told;
  told.executions = machine_.executions();
  told.items = machine_.items();
  return told;
}

Task<Result<void>> RunningMap::update(UpdateMapRunRequest request) {
  MapRunDescription& told = record_.told;
  const workflow::MapRunLimits before = limits_of(told);
  if (request.concurrency_max) told.concurrency_max = *request.concurrency_max;
  if (request.tolerated_failure_count) {
    told.tolerated_failure_count = *request.tolerated_failure_count;
  }
  if (request.tolerated_failure_percentage) {
    told.tolerated_failure_percentage = *request.tolerated_failure_percentage;
  }
  store::Batch batch;
  batch.put(keys::map_run(run_), encode(record_));
  // Once: what comes behind the end of the run would bring it back.
  ++updates_;
  auto done = co_await parts_.kernel.store.commit(std::move(batch));
  --updates_;
  if (!done) {
    told.concurrency_max = before.concurrency_max;
    told.tolerated_failure_count = before.tolerated_failure_count;
    told.tolerated_failure_percentage = before.tolerated_failure_percentage;
    co_return fail(std::move(done).error());
  }
  machine_.update(limits_of(record_.told));
  wake_.notify_all();
  co_return ok();
}

}  // namespace suiro::states
