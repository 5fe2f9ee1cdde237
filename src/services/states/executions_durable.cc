// SPDX-License-Identifier: Apache-2.0
#include "services/states/executions_durable.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/log.h"
#include "services/states/status_event.h"

namespace suiro::states {

using workflow::ExecutionStatus;

namespace {

// "arn:aws:states:REGION:ACCOUNT:stateMachine:NAME" with another kind and more parts behind.
std::string sibling_arn(std::string_view machine_arn, std::string_view kind,
                        std::string_view rest) {
  constexpr std::string_view kMachine = ":stateMachine:";
  size_t at = machine_arn.find(kMachine);
  if (at == machine_arn.npos) return fmt::format("{}:{}:{}", machine_arn, kind, rest);
  return fmt::format("{}:{}:{}:{}", machine_arn.substr(0, at), kind,
                     machine_arn.substr(at + kMachine.size()), rest);
}

std::unexpected<Error> task_gone() {
  return fail("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'");
}

}  // namespace

std::string execution_arn_of(const MachineAtStart& machine, std::string_view name, Random& random) {
  if (machine.type == workflow::MachineType::kStandard) {
    return sibling_arn(machine.machine_arn, "execution", name);
  }
  return sibling_arn(machine.machine_arn, "express", fmt::format("{}:{}", name, random.uuid()));
}

DurableExecutions::DurableExecutions(event::Kernel& kernel, RuntimeConfig config,
                                     Performer& performer, MapRunDriver* map_runs)
    : parts_{.kernel = kernel,
             .config = std::move(config),
             .performer = performer,
             .map_runs = map_runs,
             .tokens = std::nullopt},
      kernel_(kernel),
      home_(kernel.shards.owner("states")),
      scope_(home_),
      stop_signal_(home_) {
  for (size_t i = 0; i < kernel.shards.size(); ++i) {
    Executor executor = kernel.shards.executor(i);
    activities_.push_back(std::make_unique<ActivityQueues>(
        parts_, executor,
        [this](EffectKey effect, std::string worker, store::Batch also) -> Task<Result<bool>> {
          Posted posted{.occurrence = workflow::EffectStarted{effect.effect, std::move(worker)},
                        .effect = effect.effect,
                        .also = std::move(also)};
          CO_TRY(Stepped stepped, co_await post(effect.execution, std::move(posted)));
          co_return stepped.awaited;
        }));
    Shard& shard = shards_.emplace_back();
    shard.executions = std::make_unique<ExecutionShard>(parts_, activities_, executor);
    shard.express = std::make_unique<ExpressRuns>(parts_, shard.executions->machines(), executor);
  }
  kernel.timers.handle(std::string(kTimerKind), [this](event::Timer timer, store::Batch consume) {
    return on_timer(std::move(timer), std::move(consume));
  });
}

DurableExecutions::~DurableExecutions() = default;

// --- life

Task<Result<void>> DurableExecutions::read_secret() {
  for (;;) {
    CO_TRY(auto entry, co_await kernel_.store.get(secret_key()));
    if (entry) {
      if (entry->value.size() != 1 + kTokenSecretBytes || entry->value[0] != 1) {
        co_return fail(codes::kCorrupt, "the secret of task tokens has an unknown form");
      }
      parts_.tokens.emplace(entry->value.substr(1));
      co_return ok();
    }
    store::Batch batch;
    batch.require_absent(secret_key());
    batch.put(secret_key(), Bytes(1, 1) + kernel_.random.bytes(kTokenSecretBytes));
    auto done = co_await kernel_.store.commit(std::move(batch));
    if (!done && done.error().code != codes::kConditionFailed) {
      co_return fail(std::move(done).error());
    }
  }
}

Task<Result<void>> DurableExecutions::for_each_key(store::Key space,
                                                   std::function<void(ByteView key)> visit) {
  store::ScanOptions options{.range = store::KeyRange::prefix(std::move(space))};
  for (bool more = true; more;) {
    CO_TRY(auto page, co_await kernel_.store.scan(options));
    for (const auto& entry : page.entries) visit(entry.key);
    more = page.more;
    if (more) options.range.begin = page.entries.back().key + '\0';
  }
  co_return ok();
}

Task<Result<void>> DurableExecutions::open() {
  CO_TRY_VOID(co_await read_secret());
  uint64_t running = 0;
  CO_TRY_VOID(co_await for_each_key(running_space(), [&](ByteView) { ++running; }));
  parts_.open_executions = running;
  co_return ok();
}

Task<Result<void>> DurableExecutions::resume() {
  std::vector<EffectKey> cancelled;
  std::vector<EffectKey> effects;
  std::vector<ArnHash> express;
  CO_TRY_VOID(co_await for_each_key(
      cancel_space(), [&](ByteView key) { cancelled.push_back(effect_of_key(key)); }));
  CO_TRY_VOID(co_await for_each_key(effect_space(),
                                    [&](ByteView key) { effects.push_back(effect_of_key(key)); }));
  CO_TRY_VOID(co_await for_each_key(express_space(), [&](ByteView key) {
    if (key.size() == express_space().size() + 16) {
      express.push_back(arn_hash_of_bytes(key.substr(express_space().size())));
    }
  }));
  for (size_t i = 0; i < shards_.size(); ++i) {
    co_await run_on(kernel_.shards.executor(i), [&]() -> Task<void> {
      Shard& shard = shards_[i];
      for (const EffectKey& key : cancelled) {
        if (owner_of(key.execution) == i) shard.executions->effects().found_cancelled(key);
      }
      for (const EffectKey& key : effects) {
        if (owner_of(key.execution) != i) continue;
        if (key.effect == 0) {
          shard.executions->continue_later(key.execution, Millis(0));
        } else {
          shard.executions->effects().found(key);
        }
      }
      for (const ArnHash& execution : express) {
        if (owner_of(execution) == i) shard.express->resume(execution);
      }
      co_return;
    });
  }
  co_await run_on(home_, [&]() -> Task<void> {
    scope_.spawn(sweep_loop());
    co_return;
  });
  co_return ok();
}

Task<void> DurableExecutions::begin_close() {
  for (Shard& shard : shards_) {
    co_await run_on(shard.executions->executor(), [&]() -> Task<void> {
      shard.express->begin_stop();
      shard.executions->begin_stop();
      co_return;
    });
  }
}

Task<void> DurableExecutions::close() {
  co_await begin_close();
  co_await run_on(home_, [&]() -> Task<void> {
    closing_ = true;
    stop_signal_.notify_all();
    co_await scope_.close();
  });
  for (auto& queues : activities_) {
    co_await run_on(queues->executor(), [&] { return queues->stop(); });
  }
  // What is performed on one shard may post to any other.
  for (Shard& shard : shards_) {
    co_await run_on(shard.executions->executor(), [&]() -> Task<void> {
      co_await shard.express->stop();
      co_await shard.executions->stop_effects();
    });
  }
  for (Shard& shard : shards_) {
    co_await run_on(shard.executions->executor(), [&] { return shard.executions->stop(); });
  }
}

size_t DurableExecutions::cached_bytes() const {
  size_t bytes = 0;
  for (const Shard& shard : shards_) bytes += shard.executions->cached_bytes();
  return bytes;
}

// --- ways to an execution

size_t DurableExecutions::owner_of(const ArnHash& execution) const {
  return kernel_.shards.owner_index(execution.view());
}

Task<Result<Stepped>> DurableExecutions::post(ArnHash execution, Posted posted) {
  ExecutionShard& shard = *shards_[owner_of(execution)].executions;
  auto there = std::make_shared<Posted>(std::move(posted));
  co_return co_await run_on(shard.executor(), [&shard, execution, there] {
    return shard.post(execution, std::move(*there));
  });
}

Task<Result<void>> DurableExecutions::on_timer(event::Timer timer, store::Batch consume) {
  if (timer.owner.size() != 16 || timer.id.size() != 8) {
    co_return fail(codes::kCorrupt, "a timer of an execution has an unknown form");
  }
  // Its own batch has a condition that would fail the other occurrences of the commit, where the
  // timer was cancelled meanwhile; the execution knows which timers it waits for.
  Posted posted{.occurrence = workflow::TimerFired{read_be64(timer.id)}};
  kernel_.timers.cancel(posted.also, timer);
  auto done = co_await post(arn_hash_of_bytes(timer.owner), std::move(posted));
  if (!done && done.error().code == codes::kCorrupt) {
    // The same would be read at each attempt.
    log::error("states: an execution cannot be read: {}", done.error().message);
    Posted given_up{
        .occurrence = workflow::GivenUp{
            .error = "States.Runtime",
            .cause = fmt::format("The execution cannot be read: {}", done.error().message)}};
    kernel_.timers.cancel(given_up.also, timer);
    done = co_await post(arn_hash_of_bytes(timer.owner), std::move(given_up));
  }
  if (done) co_return ok();
  if (done.error().code != "ExecutionDoesNotExist") co_return fail(std::move(done).error());
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(consume)));
  co_return ok();
}

// --- starts

Task<Result<StartedExecution>> DurableExecutions::start_at_owner(NewExecution request) {
  ExecutionShard& shard = *shards_[owner_of(arn_hash(request.arn))].executions;
  auto there = std::make_shared<NewExecution>(std::move(request));
  co_return co_await run_on(shard.executor(),
                            [&shard, there] { return shard.start(std::move(*there)); });
}

Task<Result<StartReply>> DurableExecutions::start(StartRequest request) {
  std::string name = request.name.empty() ? kernel_.random.uuid() : request.name;
  std::string arn = execution_arn_of(request.machine, name, kernel_.random);
  if (request.machine.type == workflow::MachineType::kExpress) {
    Shard& shard = shards_[owner_of(arn_hash(arn))];
    ExecutionRow row = express_row(request, arn, name);
    StartReply reply{arn, row.start};
    CO_TRY_VOID(co_await run_on(shard.executions->executor(), [&]() -> Task<Result<void>> {
      CO_TRY(auto machine,
             shard.executions->machines().of_start(std::move(request.machine), "", ""));
      row.machine = machine.machine->key;
      co_return co_await shard.express->start_later(std::move(row), machine,
                                                    std::move(request.input));
    }));
    co_return reply;
  }
  std::string input = request.input;
  CO_TRY(auto started,
         co_await start_at_owner({.request = std::move(request), .arn = arn, .name = name}));
  if (!started.existing) co_return std::move(started.reply);
  const ExecutionRow& row = *started.existing;
  PayloadRef same = payload_ref(input);
  bool is_same = row.status == ExecutionStatus::kRunning && row.input.hash == same.hash &&
                 row.input.text == same.text;
  if (is_same) co_return std::move(started.reply);
  co_return fail("ExecutionAlreadyExists", fmt::format("Execution Already Exists: '{}'", arn));
}

ExecutionRow DurableExecutions::express_row(const StartRequest& request, std::string arn,
                                            std::string name) const {
  const TimePoint now = kernel_.clock.now();
  TraceContext cause = request.cause;
  if (cause.trace_id.empty()) cause = TraceContext::begin(now, kernel_.random);
  ExecutionRow row;
  row.arn = std::move(arn);
  row.name = std::move(name);
  row.start = now;
  row.trace_header = request.trace_header;
  row.parent_arn = request.parent_arn;
  row.trace_id = cause.trace_id;
  row.parent_span_id = cause.span_id;
  row.span_id = new_span_id(now, kernel_.random);
  return row;
}

Task<Result<ExecutionRecord>> DurableExecutions::run_sync(StartRequest request) {
  std::string name = request.name.empty() ? kernel_.random.uuid() : request.name;
  std::string arn = execution_arn_of(request.machine, name, kernel_.random);
  ExecutionRow row = express_row(request, arn, name);
  std::string input = request.input;
  // Whoever runs it: a new ARN each time.
  size_t index = kernel_.shards.current();
  Shard& shard = shards_[index];
  CO_TRY(auto machine, shard.executions->machines().of_start(std::move(request.machine), "", ""));
  row.machine = machine.machine->key;
  CO_TRY(ExpressEnd end,
         co_await shard.express->run(std::move(row), machine.machine, std::move(request.input)));
  ExecutionRecord record = summary_of(end.row, machine.machine->row);
  record.input = std::move(input);
  if (end.row.output) record.output = std::move(end.output);
  co_return record;
}

// --- changes

Task<Result<TimePoint>> DurableExecutions::stop(std::string arn, std::optional<std::string> error,
                                                std::optional<std::string> cause) {
  ArnHash id = arn_hash(arn);
  Posted posted{.occurrence = workflow::Stopped{std::move(error), std::move(cause)}};
  auto done = co_await post(id, std::move(posted));
  if (!done && done.error().code == "ExecutionDoesNotExist") co_return no_execution(arn);
  if (!done) co_return fail(std::move(done).error());
  co_return done->stop.value_or(kernel_.clock.now());
}

Task<Result<TimePoint>> DurableExecutions::redrive(std::string arn, std::string client_token) {
  if (arn.find(":express:") != arn.npos) {
    co_return fail("ValidationException", "Express executions cannot be redriven");
  }
  const TimePoint now = kernel_.clock.now();
  std::optional<TimePoint> before;
  Posted posted{.occurrence = workflow::Redriven{}};
  posted.redrive_token = client_token;
  posted.check = [&, this](const ExecutionRow& row) -> Result<void> {
    if (!client_token.empty() && row.redrive_token == client_token) {
      before = row.redrive_time;
      return fail(codes::kConditionFailed, "it was redriven by this very request");
    }
    RedriveStatus status = redrive_status_of(row, parts_.config, now);
    if (status.status == "REDRIVABLE_BY_MAP_RUN") {
      return fail("ExecutionNotRedrivable",
                  "Execution is a child of a Map Run and is redriven with it");
    }
    if (status.status != "REDRIVABLE") return fail("ExecutionNotRedrivable", status.reason);
    if (parts_.open_executions.load() >= parts_.config.open_executions_max) {
      return fail("ExecutionLimitExceeded",
                  "The maximum number of running executions has been reached", Retry::kLater);
    }
    return ok();
  };
  auto done = co_await post(arn_hash(arn), std::move(posted));
  if (before) co_return *before;
  if (!done && done.error().code == "ExecutionDoesNotExist") co_return no_execution(arn);
  if (!done) co_return fail(std::move(done).error());
  co_return done->redriven.value_or(now);
}

// --- callbacks

Task<Result<void>> DurableExecutions::post_for_token(std::string token,
                                                     workflow::Occurrence occurrence,
                                                     EffectKey key) {
  Posted posted{.occurrence = std::move(occurrence), .effect = key.effect};
  bool is_result = !std::holds_alternative<workflow::Heartbeat>(*posted.occurrence);
  if (is_result) {
    posted.also.erase(effect_key(key));
    posted.also.erase(notes_key(key));
  }
  auto done = co_await post(key.execution, std::move(posted));
  if (!done && done.error().code == "ExecutionDoesNotExist") {
    co_return fail("TaskDoesNotExist", fmt::format("Task does not exist: '{}'", token));
  }
  if (!done) co_return fail(std::move(done).error());
  if (!done->awaited) co_return task_gone();
  if (is_result) {
    ExecutionShard& shard = *shards_[owner_of(key.execution)].executions;
    asio::post(shard.executor(), [&shard, key] { shard.effects().settled(key); });
  }
  co_return ok();
}

Task<Result<void>> DurableExecutions::task_succeeded(std::string token, std::string output) {
  CO_TRY(EffectKey key, parts_.tokens->read(token));
  if (output.size() > parts_.config.limits.payload_bytes_max || !json::parse(output)) {
    co_return fail("InvalidOutput", "Invalid Output: 'Output is not valid JSON'");
  }
  co_return co_await post_for_token(std::move(token),
                                    workflow::EffectSucceeded{key.effect, std::move(output)}, key);
}

Task<Result<void>> DurableExecutions::task_failed(std::string token, std::string error,
                                                  std::string cause) {
  CO_TRY(EffectKey key, parts_.tokens->read(token));
  workflow::EffectFailed failed{key.effect, std::move(error), std::move(cause),
                                workflow::FailureStage::kRun};
  co_return co_await post_for_token(std::move(token), std::move(failed), key);
}

Task<Result<void>> DurableExecutions::task_heartbeat(std::string token) {
  CO_TRY(EffectKey key, parts_.tokens->read(token));
  co_return co_await post_for_token(std::move(token), workflow::Heartbeat{key.effect}, key);
}

Task<Result<ActivityTask>> DurableExecutions::take_activity_task(
    std::string activity_arn, std::string worker_name, std::shared_ptr<Cancellation> cancellation) {
  ArnHash activity = arn_hash(activity_arn);
  ActivityQueues& queues = *activities_[owner_of(activity)];
  co_return co_await run_on(queues.executor(), [&] {
    return queues.take(std::move(activity_arn), std::move(worker_name), std::move(cancellation));
  });
}

}  // namespace suiro::states
