// SPDX-License-Identifier: Apache-2.0
#include "services/states/map_runs.h"

#include <unordered_map>

#include "base/check.h"
#include "base/log.h"
#include "services/states/errors.h"
#include "services/states/map_run_names.h"
#include "services/states/running_map.h"
#include "services/states/storage_map_run.h"

namespace suiro::states {
namespace {

using workflow::ChildStatus;
using workflow::ExecutionStatus;

ChildStatus status_of(ExecutionStatus status) {
  switch (status) {
    case ExecutionStatus::kSucceeded:
      return ChildStatus::kSucceeded;
    case ExecutionStatus::kFailed:
      return ChildStatus::kFailed;
    case ExecutionStatus::kTimedOut:
      return ChildStatus::kTimedOut;
    case ExecutionStatus::kAborted:
      return ChildStatus::kAborted;
    case ExecutionStatus::kRunning:
      break;
  }
  CHECK(status != ExecutionStatus::kRunning, "a child that runs has not ended");
  return ChildStatus::kAborted;
}

std::unexpected<Error> not_ready() {
  return fail(codes::kThrottled, "The Map Run is being started again.", Retry::kLater);
}

// Where they run: each map is touched on its shard alone.
struct Homes {
  std::vector<std::unordered_map<std::string, RunningMap*>> running;
};

}  // namespace

struct MapRuns::Impl {
  event::Kernel& kernel;
  event::OperationCaller* operations;
  size_t children_at_once_max;
  ChildRunner* children = nullptr;
  // Shared with what is posted to shards: that may run when this is gone.
  std::shared_ptr<Homes> homes = std::make_shared<Homes>();

  size_t home_of(const std::string& arn) const { return kernel.shards.owner_index(arn); }
  RunningMap* find(const std::string& arn) const {
    auto& running = homes->running[home_of(arn)];
    auto found = running.find(arn);
    return found == running.end() ? nullptr : found->second;
  }

  // A redrive may come while the run still stops its children, and a stop while it ends. What runs
  // for another effect ends by itself, or is a redrive that goes on.
  Task<bool> try_enter(RunningMap& running, size_t home) {
    auto [place, is_free] = homes->running[home].try_emplace(running.arn(), &running);
    if (is_free) co_return true;
    if (place->second->key() == running.key()) place->second->leave();
    co_await kernel.clock.sleep_for(kBusyPause);
    co_return false;
  }
  Task<void> leave(RunningMap& running, size_t home) {
    homes->running[home].erase(running.arn());
    while (running.is_updated()) co_await kernel.clock.sleep_for(kBusyPause);
  }
  Task<void> run(MapRunCall call, TaskReporter& reporter, Executor reporter_home);
  Task<Result<void>> abort(MapRunCall call);
  Task<Result<void>> update(UpdateMapRunRequest request);
  Task<Result<MapRunDescription>> describe(std::string arn);
};

MapRuns::MapRuns(event::Kernel& kernel, event::OperationCaller* operations,
                 size_t children_at_once_max)
    : impl_(std::make_unique<Impl>(kernel, operations, children_at_once_max)) {
  impl_->homes->running.resize(kernel.shards.size());
}

MapRuns::~MapRuns() = default;

void MapRuns::connect(ChildRunner& children) {
  impl_->children = &children;
}

namespace {

std::string arn_of(const MapRunCall& call) {
  if (!call.effect.redriven_map_run_arn.empty()) return call.effect.redriven_map_run_arn;
  const auto& state = *call.machine.plan->by_name.at(call.effect.state);
  return map_run_arn(call.machine.machine_arn,
                     map_label(state, call.machine.machine_arn, call.machine.revision_id),
                     map_run_uuid(call.key));
}

}  // namespace

Task<void> MapRuns::Impl::run(MapRunCall call, TaskReporter& reporter, Executor reporter_home) {
  const std::string arn = arn_of(call);
  const size_t home = home_of(arn);
  Result<void> done = ok();
  for (bool again = true; again;) {
    RunningMap running({kernel, operations, children, children_at_once_max}, call, &reporter,
                       kernel.shards.executor(home), reporter_home);
    while (!co_await try_enter(running, home)) {
    }
    done = co_await running.run();
    co_await leave(running, home);
    // What a busy store refused is as after a crash.
    again = !done && done.error().code == codes::kThrottled && !co_await running.look_for_end();
    if (again) co_await kernel.clock.sleep_for(kBusyPause);
  }
  if (!done && done.error().code != codes::kClosed) {
    log::warning("the map run {} does not go on before a restart: {}", arn, done.error().message);
  }
}

Task<void> MapRuns::perform(MapRunCall call, TaskReporter& reporter) {
  const Executor here = impl_->kernel.shards.executor(impl_->kernel.shards.current());
  const Executor home = impl_->kernel.shards.executor(impl_->home_of(arn_of(call)));
  co_await run_on(home, [&] { return impl_->run(std::move(call), reporter, here); });
}

Task<Result<void>> MapRuns::Impl::abort(MapRunCall call) {
  const std::string arn = arn_of(call);
  const size_t home = home_of(arn);
  const Executor here = kernel.shards.executor(home);
  RunningMap running({kernel, operations, children, children_at_once_max}, std::move(call), nullptr,
                     here, here);
  while (!co_await try_enter(running, home)) {
    // Where a redrive goes on with the run, nothing of this effect is left.
    const auto record = co_await read_run(kernel.store, arn);
    if (record && record->key != running.key()) co_return ok();
  }
  auto done = co_await running.abort();
  co_await leave(running, home);
  co_return done;
}

Task<Result<void>> MapRuns::cancel(MapRunCall call) {
  const Executor home = impl_->kernel.shards.executor(impl_->home_of(arn_of(call)));
  co_return co_await run_on(home, [&] { return impl_->abort(std::move(call)); });
}

void MapRuns::child_ends(const ChildEnd& end, store::Batch& batch) {
  const auto run = run_of_arn(end.map_run_arn);
  CHECK(run, "a child's map run has no ARN");
  const auto index = child_index(*run, end.name);
  CHECK(index, "a child's name is not of its map run");
  batch.put(keys::map_run_end(*run, *index), encode(RunEnd{.status = status_of(end.status),
                                                           .start = end.start,
                                                           .stop = end.stop,
                                                           .redrive_count = end.redrive_count,
                                                           .output = end.output,
                                                           .error = end.error,
                                                           .cause = end.cause}));
}

void MapRuns::child_ended(const ChildEnd& end) {
  const auto run = run_of_arn(end.map_run_arn);
  const auto index = child_index(run.value(), end.name);
  const size_t home = impl_->home_of(end.map_run_arn);
  asio::post(impl_->kernel.shards.executor(home),
             [homes = impl_->homes, home, arn = end.map_run_arn, index = index.value(),
              status = status_of(end.status)] {
               auto found = homes->running[home].find(arn);
               if (found != homes->running[home].end()) found->second->ended(index, status);
             });
}

Task<Result<void>> MapRuns::forget(std::string execution_arn) {
  const store::KeyRange range = keys::map_runs_of(execution_arn);
  for (bool more = true; more;) {
    CO_TRY(const auto page, co_await impl_->kernel.store.scan({.range = range}));
    if (page.entries.empty()) co_return ok();
    store::Batch batch;
    for (const store::Entry& entry : page.entries) {
      keys::erase_map_run(batch, keys::run_of_listed(entry.key));
      batch.erase(entry.key);
    }
    CO_TRY_VOID(co_await impl_->kernel.store.commit(std::move(batch)));
    more = page.more;
  }
  co_return ok();
}

// --- the API
// --------------------------------------------------------------------------------------

Task<Result<MapRunDescription>> MapRuns::Impl::describe(std::string arn) {
  RunningMap* running = find(arn);
  if (running != nullptr && running->is_loaded()) co_return running->description();
  CO_TRY(RunRecord record, co_await read_run(kernel.store, arn));
  // Its record has no counts.
  if (record.told.status == workflow::MapRunStatus::kRunning) co_return not_ready();
  co_return std::move(record.told);
}

Task<Result<MapRunDescription>> MapRuns::describe(std::string arn) {
  const Executor home = impl_->kernel.shards.executor(impl_->home_of(arn));
  co_return co_await run_on(home, [&] { return impl_->describe(arn); });
}

Task<Result<void>> MapRuns::Impl::update(UpdateMapRunRequest request) {
  CO_TRY(const RunRecord record, co_await read_run(kernel.store, request.arn));
  if (record.told.status != workflow::MapRunStatus::kRunning) {
    co_return fail("ValidationException", "Map Run is not running: '" + request.arn + "'");
  }
  RunningMap* running = find(request.arn);
  if (running == nullptr || !running->is_loaded()) co_return not_ready();
  co_return co_await running->update(std::move(request));
}

Task<Result<void>> MapRuns::update(UpdateMapRunRequest request) {
  const Executor home = impl_->kernel.shards.executor(impl_->home_of(request.arn));
  co_return co_await run_on(home, [&] { return impl_->update(std::move(request)); });
}

Task<Result<MapRunPage>> MapRuns::list(ListMapRunsRequest request) {
  store::KeyRange range = keys::map_runs_of(request.execution_arn);
  if (!request.next_token.empty()) {
    auto end = hex_decode(request.next_token);
    if (!end || *end < range.begin || *end >= range.end) {
      co_return invalid_token();
    }
    range.end = *std::move(end);
  }
  store::Store& store = impl_->kernel.store;
  CO_TRY(const auto page,
         co_await store.scan({.range = std::move(range),
                              .rows_max = std::min(request.results_max, kMapRunsListedMax),
                              .direction = store::Direction::kBackward}));
  MapRunPage told;
  for (const store::Entry& entry : page.entries) {
    const ByteView run = keys::run_of_listed(entry.key);
    CO_TRY(const auto found, co_await store.get(keys::map_run(run)));
    if (!found) co_return fail(codes::kCorrupt, "a listed map run has no record");
    CO_TRY(RunRecord record, decode_run(found->value));
    told.runs.push_back(std::move(record.told));
  }
  if (page.more) told.next_token = hex_encode(page.entries.back().key);
  co_return told;
}

}  // namespace suiro::states
