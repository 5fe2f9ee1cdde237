// SPDX-License-Identifier: Apache-2.0
// What happens to an execution from outside. What nobody waits for changes nothing.
#include <fmt/format.h>

#include <algorithm>

#include "engine/workflow/machine.h"

namespace suiro::workflow {

void Machine::set_deadline() {
  if (!plan_->timeout_seconds) return;
  const auto seconds =
      static_cast<int64_t>(std::min(*plan_->timeout_seconds, static_cast<double>(kSecondsMax)));
  set_timer(header_.deadline, 0, moment_->now + std::chrono::seconds(seconds));
}

// Items of a distributed Map are wrapped: what is as deep as may be read becomes deeper.
void Machine::fail_by_input() {
  HistoryEvent& event = emit_at(header_.events, EventType::kExecutionFailed);
  event.error = "States.Runtime";
  event.cause =
      fmt::format("The input of the execution is not JSON of at most {} levels.", json::kDepthMax);
  end(Ending{.status = ExecutionStatus::kFailed, .error = event.error, .cause = event.cause});
}

void Machine::on(const Started&) {
  if (header_.is_started) return;
  header_.is_started = true;
  HistoryEvent& event = emit_at(0, EventType::kExecutionStarted);
  event.input = input_.text();
  event.role_arn = info_.role_arn;
  event.machine_alias_arn = info_.machine_alias_arn;
  event.machine_version_arn = info_.machine_version_arn;
  if (!json::is_readable(*info_.input)) return fail_by_input();
  const State* first =
      is_test() ? info_.presets->state : plan_->root.by_name.at(plan_->root.start_at);
  Strand& root = new_strand(nullptr, 0, *first);
  root.input = input_;
  if (info_.presets) {
    for (const auto& [name, value] : info_.presets->variables) {
      root.variables[name].data = Data::of(value);
      header_.variables_bytes += root.variables[name].data.text()->size();
    }
  }
  set_deadline();
}

void Machine::on(const TimerFired& fired) {
  if (fired.timer == 0) return;
  if (fired.timer == header_.deadline.id) {
    header_.deadline = {};
    // Without an error: so does DescribeExecution of such a one, as recorded.
    emit_at(0, EventType::kExecutionTimedOut);
    end(Ending{.status = ExecutionStatus::kTimedOut});
    return;
  }
  const auto owner = timer_owners_.find(fired.timer);
  if (owner == timer_owners_.end()) return;
  Strand& strand = *strands_.at(owner->second);
  timer_owners_.erase(owner);
  strand.changed = true;
  if (fired.timer == strand.timeout.id) {
    strand.timeout = {};
    task_timed_out(strand, Missed::kTimeout);
  } else if (fired.timer == strand.heartbeat.id) {
    strand.heartbeat = {};
    task_timed_out(strand, Missed::kHeartbeat);
  } else if (strand.phase == Phase::kRetrying) {
    strand.timer = {};
    set_phase(strand, Phase::kAttempt);
  } else {
    strand.timer = {};
    Step<Data> effective = effective_input(strand);
    Step<> done = effective ? complete(strand, *effective)
                            : Step<>(std::unexpected(std::move(effective.error())));
    if (!done) fail_state(strand, std::move(done.error()));
  }
}

Strand* Machine::waiting_for(uint64_t effect, Phase phase) {
  const auto owner = effect_owners_.find(effect);
  if (owner == effect_owners_.end()) return nullptr;
  Strand* strand = strands_.at(owner->second).get();
  return strand->phase == phase ? strand : nullptr;
}

void Machine::effect_ended(Strand& strand) {
  effect_owners_.erase(strand.effect);
  cancel_timer(strand.timeout);
  cancel_timer(strand.heartbeat);
}

void Machine::on(const EffectStarted& started) {
  Strand* strand = waiting_for(started.effect, Phase::kTask);
  if (strand == nullptr || strand->has_begun) return;
  begin_task(*strand);
  if (!started.worker_name.empty() && !out_->history.empty()) {
    out_->history.back().worker_name = started.worker_name;
  }
  start_task_timers(*strand);
}

void Machine::on(const EffectSubmitted& submitted) {
  Strand* strand = waiting_for(submitted.effect, Phase::kTask);
  if (strand == nullptr || strand->is_submitted) return;
  const std::string& resource = std::get<TaskFields>(strand->state->fields).resource;
  if (!resource.starts_with("arn:aws:states:::")) return;  // functions and activities just answer
  begin_task(*strand);
  strand->is_submitted = true;
  emit_task(*strand, EventType::kTaskSubmitted, EventType::kTaskSubmitted,
            EventType::kTaskSubmitted)
      .output = std::make_shared<const std::string>(submitted.output);
}

void Machine::on(const EffectSucceeded& succeeded) {
  if (Strand* strand = waiting_for(succeeded.effect, Phase::kMapRun)) {
    effect_ended(*strand);
    map_run_ended(*strand, &succeeded, nullptr);
    return;
  }
  Strand* strand = waiting_for(succeeded.effect, Phase::kTask);
  if (strand == nullptr) return;
  effect_ended(*strand);
  begin_task(*strand);
  Step<> done = task_succeeded(*strand, succeeded.output);
  if (!done) fail_state(*strand, std::move(done.error()));
}

void Machine::on(const EffectFailed& failed) {
  if (Strand* strand = waiting_for(failed.effect, Phase::kMapRun)) {
    effect_ended(*strand);
    map_run_ended(*strand, nullptr, &failed);
    return;
  }
  Strand* strand = waiting_for(failed.effect, Phase::kTask);
  if (strand == nullptr) return;
  effect_ended(*strand);
  task_failed(*strand, failed);
}

void Machine::on(const Heartbeat& beat) {
  Strand* strand = waiting_for(beat.effect, Phase::kTask);
  if (strand == nullptr || strand->heartbeat_seconds == 0) return;
  set_timer(strand->heartbeat, strand->id,
            moment_->now + std::chrono::seconds(strand->heartbeat_seconds));
  strand->changed = true;
}

void Machine::on(const MapRunBegan& began) {
  Strand* strand = waiting_for(began.effect, Phase::kMapRun);
  if (strand == nullptr || strand->has_begun) return;
  strand->has_begun = true;
  const bool goes_on = strand->map_run_arn == began.map_run_arn;
  strand->map_run_arn = began.map_run_arn;
  HistoryEvent& event =
      emit(*strand, goes_on ? EventType::kMapRunRedriven : EventType::kMapRunStarted);
  event.map_run_arn = began.map_run_arn;
  if (goes_on) event.redrive_count = static_cast<int64_t>(header_.redrives);
}

void Machine::on(const Stopped& stopped) {
  if (header_.status != ExecutionStatus::kRunning || !header_.is_started) return;
  HistoryEvent& event = emit_at(0, EventType::kExecutionAborted);
  event.error = cut_error(stopped.error);
  event.cause = cut_cause(stopped.cause);
  end(Ending{.status = ExecutionStatus::kAborted, .error = event.error, .cause = event.cause});
}

void Machine::on(const GivenUp& given_up) {
  if (header_.status != ExecutionStatus::kRunning || !header_.is_started) return;
  HistoryEvent& event = emit_at(header_.events, EventType::kExecutionFailed);
  event.error = given_up.error;
  event.cause = given_up.cause;
  end(Ending{.status = ExecutionStatus::kFailed, .error = event.error, .cause = event.cause});
}

// Source: Developer Guide, "Restarting state machine executions with redrive in Step Functions".
void Machine::on(const Redriven&) {
  if (header_.status == ExecutionStatus::kRunning ||
      header_.status == ExecutionStatus::kSucceeded) {
    return;
  }
  header_.status = ExecutionStatus::kRunning;
  header_.redriven = moment_->now;
  HistoryEvent& event = emit_at(header_.events, EventType::kExecutionRedriven);
  event.redrive_count = static_cast<int64_t>(++header_.redrives);
  if (!json::is_readable(*info_.input)) return fail_by_input();
  const uint64_t cause = event.id;
  for (auto& [id, strand] : strands_) redrive(*strand, cause);
  set_deadline();
}

// Children are redriven by themselves; a state that none are left of begins anew, without being
// entered again where it is a Task, Parallel or Map.
void Machine::redrive(Strand& strand, uint64_t cause) {
  strand.retries.clear();
  strand.retry_count = 0;
  const StateType type = type_of(*strand.state);
  const bool is_waiting = strand.entered_event != 0 && !children_of(strand.id).empty();
  if (is_waiting) {
    set_phase(strand, type == StateType::kMap ? Phase::kItems : Phase::kBranches);
    if (may_start(strand)) starting_.insert(strand.id);
    return;
  }
  erase_children(strand);
  strand.last_event = cause;
  const bool is_tried_again =
      type == StateType::kTask || type == StateType::kParallel || type == StateType::kMap;
  set_phase(strand, is_tried_again && strand.entered_event != 0 ? Phase::kAttempt : Phase::kReady);
}

}  // namespace suiro::workflow
