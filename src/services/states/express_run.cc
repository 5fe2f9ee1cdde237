// SPDX-License-Identifier: Apache-2.0
#include "services/states/express_run.h"

#include "services/states/history_log.h"

namespace suiro::states {
namespace {

// Steps, and events of one step, until others have their turn.
constexpr size_t kStepsAtOnce = 64;
constexpr size_t kEventsAtOnce = 200;
// Lines beyond this go to the log while the execution runs.
constexpr size_t kLineBytesMax = 1 << 20;

workflow::ExecutionLimits limits_of(const RuntimeConfig& config) {
  workflow::ExecutionLimits limits = config.limits;
  limits.events_max = UINT64_MAX;  // there is no history
  return limits;
}

}  // namespace

// An effect in progress, and what its Performer reports to.
class ExpressRun::Effect final : public TaskReporter {
 public:
  Effect(ExpressRun& run, workflow::Effect effect)
      : run_(run),
        id_(workflow::effect_id(effect)),
        effect_(std::move(effect)),
        wake_(run.executor_) {}

  Task<Result<void>> report(workflow::Occurrence occurrence) override {
    if (is_cancelled_ || !run_.execution_.awaits(id_)) {
      co_return fail(codes::kClosed, "nobody waits for this task any more");
    }
    run_.post(std::move(occurrence));
    co_return ok();
  }
  // Nothing of an Express execution survives.
  Task<Result<void>> save(Bytes) override { co_return ok(); }
  Task<Result<void>> report_and_save(workflow::Occurrence occurrence, Bytes) override {
    return report(std::move(occurrence));
  }
  bool cancelled() const override { return is_cancelled_; }
  Task<void> wait(Millis duration) override {
    Clock& clock = run_.kernel_.clock;
    const TimePoint due = clock.now() + duration;
    while (!is_cancelled_ && clock.now() < due) co_await wake_.wait_until(clock, due);
  }
  void cancel() {
    is_cancelled_ = true;
    wake_.notify_all();
    cancellation_->cancel();
  }
  std::shared_ptr<Cancellation> cancellation() const override { return cancellation_; }
  uint64_t id() const { return id_; }
  workflow::Effect& effect() { return effect_; }

 private:
  ExpressRun& run_;
  const uint64_t id_;
  workflow::Effect effect_;
  Signal wake_;
  const std::shared_ptr<Cancellation> cancellation_ = std::make_shared<Cancellation>();
  bool is_cancelled_ = false;
};

ExpressRun::ExpressRun(RuntimeParts& parts, ExecutionRow row, MachinePtr machine, std::string input,
                       Executor executor)
    : parts_(parts),
      kernel_(parts.kernel),
      row_(std::move(row)),
      machine_(std::move(machine)),
      input_(std::make_shared<const std::string>(std::move(input))),
      execution_(machine_->plan, execution_info(kernel_, row_, machine_->row, input_),
                 limits_of(parts.config)),
      executor_(executor),
      scope_(executor),
      wake_(executor) {}

ExpressRun::~ExpressRun() = default;

void ExpressRun::post(workflow::Occurrence occurrence) {
  inbox_.push_back(std::move(occurrence));
  wake_.notify_all();
}

void ExpressRun::abort(std::optional<std::string> error, std::optional<std::string> cause) {
  post(workflow::Stopped{std::move(error), std::move(cause)});
}

void ExpressRun::stop() {
  stopping_ = true;
  wake_.notify_all();
}

Task<Result<ExpressEnd>> ExpressRun::run() {
  // From its start, which may lie before a restart of the server.
  const TimePoint deadline = row_.start + parts_.config.express_duration_max;
  auto limit = kernel_.clock.alarm(executor_, deadline, [this] { end_by_time(); });
  if (kernel_.clock.now() >= deadline) end_by_time();
  inbox_.push_back(workflow::Started{});
  for (size_t steps = 1; !ending_ && !stopping_; ++steps) {
    if (inbox_.empty() && !more_) {
      co_await wake_.wait();
      continue;
    }
    // Timers and stops come before the next part of a chain.
    workflow::Occurrence next = workflow::Continue{};
    if (!inbox_.empty()) {
      next = std::move(inbox_.front());
      inbox_.pop_front();
    }
    const size_t before = events_;
    step(next);
    if (events_ - before >= kEventsAtOnce || steps % kStepsAtOnce == 0 ||
        computed_ >= parts_.config.limits.step_work_max) {
      computed_ = 0;
      co_await asio::post(executor_, use_task);
    }
  }
  limit.reset();
  timers_.clear();
  for (auto& [id, effect] : effects_) effect->cancel();
  if (!ending_) co_return fail(codes::kClosed, "the server stops", Retry::kLater);
  ExpressEnd end;
  end.row = row_;
  end.row.status = ending_->status;
  end.row.stop = kernel_.clock.now();
  end.row.error = ending_->error;
  end.row.cause = ending_->cause;
  if (ending_->output) {
    end.row.output.emplace();
    end.output = **ending_->output;
  }
  co_return end;
}

void ExpressRun::end_by_time() {
  if (ending_) return;
  workflow::HistoryEvent event;
  event.id = events_ + 1;
  event.previous_id = events_;
  event.time = kernel_.clock.now();
  event.type = workflow::EventType::kExecutionTimedOut;
  workflow::Outcome outcome;
  outcome.history.push_back(std::move(event));
  outcome.ended = workflow::Ending{.status = workflow::ExecutionStatus::kTimedOut};
  collect(std::move(outcome));
  wake_.notify_all();
}

void ExpressRun::step(const workflow::Occurrence& occurrence) {
  workflow::Moment moment;
  moment.now = kernel_.clock.now();
  moment.random = &kernel_.random;
  // Express executions take no callbacks: nobody can use what stands here.
  moment.token = [](uint64_t) { return std::string(); };
  workflow::Outcome outcome = execution_.step(occurrence, moment);
  more_ = outcome.more;
  computed_ += outcome.work;
  collect(std::move(outcome));
}

void ExpressRun::collect(workflow::Outcome outcome) {
  const LogSettings& logs = machine_->logs;
  size_t bytes = 0;
  for (const auto& event : outcome.history) {
    events_ = event.id;
    if (row_.log_stream.empty() || !is_logged(logs.level, event.type)) continue;
    lines_.push_back({event.time, log_line(event, row_.arn, 0, logs)});
  }
  for (const auto& line : lines_) bytes += line.message.size();
  if (bytes > kLineBytesMax && kernel_.logs != nullptr) {
    kernel_.logs->append(logs.group, row_.log_stream, take_lines());
  }
  for (uint64_t id : outcome.cancelled_effects) {
    if (auto effect = effects_.find(id); effect != effects_.end()) effect->second->cancel();
  }
  for (const auto& timer : outcome.timers_cancelled) timers_.erase(timer.id);
  for (const auto& timer : outcome.timers_set) {
    timers_[timer.id] = kernel_.clock.alarm(
        executor_, timer.due, [this, id = timer.id] { post(workflow::TimerFired{id}); });
  }
  if (outcome.ended) ending_ = std::move(outcome.ended);
  for (auto& effect : outcome.effects) begin(std::move(effect));
}

void ExpressRun::begin(workflow::Effect effect) {
  auto running = std::make_shared<Effect>(*this, std::move(effect));
  effects_[running->id()] = running;
  scope_.spawn(perform(std::move(running)));
}

Task<void> ExpressRun::perform(std::shared_ptr<Effect> effect) {
  if (auto* task = std::get_if<workflow::TaskEffect>(&effect->effect())) {
    const MachineAtStart& machine = machine_->row.machine;
    TaskCall call;
    call.execution_arn = row_.arn;
    call.machine_arn = machine.machine_arn;
    call.role_arn = machine.role_arn;
    call.express = true;
    call.effect = std::move(*task);
    call.key = effect_call_key(row_, effect->id());
    call.cause = {row_.trace_id, row_.span_id};
    co_await parts_.performer.perform(std::move(call), *effect);
  } else {
    static_cast<void>(co_await effect->report(workflow::EffectFailed{
        effect->id(), "States.Runtime", "Express executions have no distributed Map states",
        workflow::FailureStage::kRun}));
  }
  effects_.erase(effect->id());
}

}  // namespace suiro::states
