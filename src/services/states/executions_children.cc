// SPDX-License-Identifier: Apache-2.0
// Children of distributed Maps, and the sweep of executions whose time is over.
#include "base/log.h"
#include "services/states/executions_durable.h"

namespace suiro::states {

using workflow::ExecutionStatus;

// --- children

Task<Result<void>> DurableExecutions::for_children(std::shared_ptr<const ChildFamily> family,
                                                   std::vector<Child> children, ForChild what) {
  // All at once: their commits become one group.
  Executor here = kernel_.shards.executor(kernel_.shards.current());
  TaskScope scope(here);
  Result<void> result = ok();
  for (auto& child : children) {
    auto one = [](DurableExecutions* self, std::shared_ptr<const ChildFamily> of, Child each,
                  ForChild call, Result<void>* out) -> Task<void> {
      auto done = co_await (self->*call)(std::move(of), std::move(each));
      if (!done) *out = std::move(done);
    };
    scope.spawn(one(this, family, std::move(child), what, &result));
  }
  co_await scope.close();
  co_return result;
}

Task<Result<void>> DurableExecutions::start(std::shared_ptr<const ChildFamily> family,
                                            std::vector<Child> children) {
  return for_children(std::move(family), std::move(children), &DurableExecutions::start_child);
}

Task<Result<void>> DurableExecutions::redrive(std::shared_ptr<const ChildFamily> family,
                                              std::vector<Child> children) {
  return for_children(std::move(family), std::move(children), &DurableExecutions::redrive_child);
}

Task<Result<void>> DurableExecutions::stop(std::shared_ptr<const ChildFamily> family,
                                           std::vector<Child> children) {
  return for_children(std::move(family), std::move(children), &DurableExecutions::stop_child);
}

Task<Result<void>> DurableExecutions::start_child(std::shared_ptr<const ChildFamily> family,
                                                  Child child) {
  StartRequest request;
  request.machine = family->machine;
  request.name = child.name;
  request.input = std::move(child.input);
  request.parent_arn = family->parent_arn;
  request.cause = family->cause;
  if (family->machine.type == workflow::MachineType::kExpress) {
    ArnHash id = arn_hash(child.arn);
    ExecutionRow row = express_row(request, child.arn, child.name);
    row.map_run_arn = family->map_run_arn;
    Shard& shard = shards_[owner_of(id)];
    co_return co_await run_on(shard.executions->executor(), [&]() -> Task<Result<void>> {
      CO_TRY(auto machine,
             shard.executions->machines().of_start(std::move(request.machine), family->map_state,
                                                   family->machine.machine_arn));
      row.machine = machine.machine->key;
      co_return shard.express->begin_child(std::move(row), machine.machine,
                                           std::move(request.input));
    });
  }
  CO_TRY_VOID(co_await start_at_owner({.request = std::move(request),
                                       .arn = child.arn,
                                       .name = child.name,
                                       .map_run_arn = family->map_run_arn,
                                       .map_state = family->map_state,
                                       .list_arn = family->machine.machine_arn}));
  co_return ok();
}

Task<Result<void>> DurableExecutions::redrive_child(std::shared_ptr<const ChildFamily>,
                                                    Child child) {
  Posted posted{.occurrence = workflow::Redriven{}};
  posted.check = [](const ExecutionRow& row) -> Result<void> {
    if (row.status != ExecutionStatus::kRunning && row.status != ExecutionStatus::kSucceeded) {
      return ok();
    }
    return fail(codes::kConditionFailed, "it runs, or has succeeded");
  };
  auto done = co_await post(arn_hash(child.arn), std::move(posted));
  if (done || done.error().code == codes::kConditionFailed) co_return ok();
  co_return fail(std::move(done).error());
}

Task<Result<void>> DurableExecutions::stop_child(std::shared_ptr<const ChildFamily> family,
                                                 Child child) {
  ArnHash id = arn_hash(child.arn);
  if (family->machine.type == workflow::MachineType::kExpress) {
    Shard& shard = shards_[owner_of(id)];
    co_return co_await run_on(shard.executions->executor(),
                              [&] { return shard.express->abort(id); });
  }
  auto done = co_await post(id, {.occurrence = workflow::Stopped{}});
  if (done || done.error().code == "ExecutionDoesNotExist") co_return ok();
  co_return fail(std::move(done).error());
}

// --- what is kept long enough

Task<void> DurableExecutions::sweep_loop() {
  store::Key from = ended_space();
  while (!closing_) {
    auto more = co_await sweep_once(from);
    if (!more) log::warning("states: old executions are not swept: {}", more.error().message);
    if (more && *more) continue;
    from = ended_space();
    TimePoint due = kernel_.clock.now() + kSweepInterval;
    while (!closing_ && kernel_.clock.now() < due) {
      co_await stop_signal_.wait_until(kernel_.clock, due);
    }
  }
}

// At most kSweepAtOnce executions in one commit, those from `from` on, which moves behind them.
// True: there may be more. What cannot be read stays.
Task<Result<bool>> DurableExecutions::sweep_once(store::Key& from) {
  TimePoint horizon = kernel_.clock.now() - parts_.config.retention;
  store::KeyRange range{from, ended_key(horizon, {})};
  CO_TRY(auto page, co_await kernel_.store.scan({.range = range, .rows_max = kSweepAtOnce}));
  if (page.entries.empty()) co_return false;
  store::Batch batch;
  for (const auto& entry : page.entries) {
    store::Batch one;
    auto done = co_await sweep_one(one, entry);
    if (done) {
      batch.merge(std::move(one));
    } else if (done.error().retry == Retry::kNever) {
      log::error("states: an old execution cannot be swept: {}", done.error().message);
    } else {
      co_return fail(std::move(done).error());
    }
  }
  if (!batch.empty()) CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  from = page.entries.back().key + '\0';
  co_return page.more;
}

Task<Result<void>> DurableExecutions::sweep_one(store::Batch& batch, store::Entry ended) {
  ArnHash id = execution_of_ended_key(ended.key);
  batch.erase(ended.key);
  CO_TRY(auto found, co_await kernel_.store.get(execution_key(id)));
  if (!found) co_return ok();
  CO_TRY(ExecutionRow row, decode_execution(found->value));
  if (row.stop != stop_of_ended_key(ended.key)) co_return ok();  // it was redriven
  if (parts_.map_runs != nullptr) CO_TRY_VOID(co_await parts_.map_runs->forget(row.arn));
  CO_TRY(MachinePtr machine, co_await machine_of(row));
  const MachineRow& of = machine->row;
  const std::string& own = of.list_arn.empty() ? of.machine.machine_arn : of.list_arn;
  for (const std::string* arn : {row.map_run_arn.empty() ? &own : &row.map_run_arn,
                                 &of.machine.version_arn, &of.machine.alias_arn}) {
    if (!arn->empty()) batch.erase(list_key(arn_hash(*arn), row.start, id));
  }
  // A redrive that comes now wins: then nothing of this commit happens.
  batch.require_version(found->key, found->version);
  batch.erase(execution_key(id));
  for (store::Key prefix : {cell_prefix(id), history_prefix(id), payload_prefix(id)}) {
    batch.erase_range(store::KeyRange::prefix(std::move(prefix)));
  }
  co_return ok();
}

}  // namespace suiro::states
