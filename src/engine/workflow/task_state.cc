// SPDX-License-Identifier: Apache-2.0
// Task: work that somebody else does.
//
//   Scheduled ─► Started ─► (Submitted ─►) Succeeded | Failed | TimedOut
//
// Events have three families by kind of resource: LambdaFunction... for a function's ARN,
// Activity... for an activity's, Task... for the rest.
#include <fmt/format.h>

#include "engine/workflow/machine.h"

namespace suiro::workflow {
namespace {

Resource resource_of(const State& state) {
  // compile() accepts no other.
  return parse_resource(std::get<TaskFields>(state.fields).resource).value_or(Resource{});
}

// What AWS's sentences call the task.
std::string called(const Resource& resource) {
  const bool is_integration =
      resource.kind == Resource::Kind::kIntegration || resource.kind == Resource::Kind::kSdk;
  return is_integration ? resource.type_text() : resource.arn;
}

bool wants_token(const Resource& resource) {
  return resource.kind == Resource::Kind::kActivity ||
         resource.pattern == Pattern::kWaitForTaskToken;
}

}  // namespace

HistoryEvent& Machine::emit_task(Strand& strand, EventType task, EventType function,
                                 EventType activity) {
  const Resource resource = resource_of(*strand.state);
  if (resource.kind == Resource::Kind::kLambdaFunction) return emit(strand, function);
  if (resource.kind == Resource::Kind::kActivity) return emit(strand, activity);
  HistoryEvent& event = emit(strand, task);
  event.resource = resource.action_text();
  event.resource_type = resource.type_text();
  return event;
}

Step<> Machine::do_task(Strand& strand) {
  const auto& fields = std::get<TaskFields>(strand.state->fields);
  const Resource resource = resource_of(*strand.state);
  strand.effect = new_id();  // the context object tells its token
  TRY(const Data effective, effective_input(strand));
  TRY(const Data arguments, this->arguments(strand, effective, nullptr));
  const Scope with = scope(strand, effective.value());
  strand.timeout_seconds = strand.heartbeat_seconds = 0;
  if (fields.timeout_seconds) {
    TRY(strand.timeout_seconds, seconds_field(*fields.timeout_seconds, with, "TimeoutSeconds"));
  }
  if (fields.heartbeat_seconds) {
    TRY(strand.heartbeat_seconds,
        seconds_field(*fields.heartbeat_seconds, with, "HeartbeatSeconds"));
  }
  std::string role_arn;
  if (fields.credentials) {
    TRY(const json::Value credentials, fields.credentials->evaluate(with, "Credentials"));
    const json::Value* role = credentials.find("RoleArn");
    if (role == nullptr || !role->is_string()) {
      return std::unexpected(
          Failure::runtime("The RoleArn of the field 'Credentials' is not a string."));
    }
    role_arn = role->as_string();
  }
  TRY_VOID(check_size(arguments, strand.state->name));
  if (resource.kind == Resource::Kind::kActivity && moment_->activity_exists &&
      !moment_->activity_exists(resource.arn)) {
    return std::unexpected(
        Failure::runtime(fmt::format("The activity {} does not exist.", resource.arn)));
  }

  TaskEffect effect{.id = strand.effect,
                    .state = strand.state->name,
                    .resource = resource,
                    .arguments = *arguments.text(),
                    .credentials_role_arn = role_arn};
  if (wants_token(resource) && moment_->token) effect.token = moment_->token(effect.id);
  HistoryEvent& event =
      emit_task(strand, EventType::kTaskScheduled, EventType::kLambdaFunctionScheduled,
                EventType::kActivityScheduled);
  if (event.type == EventType::kTaskScheduled) {
    event.parameters = arguments.text();
    event.region = info_.region;
  } else {
    event.input = arguments.text();
    event.resource = resource.arn;
  }
  if (strand.timeout_seconds > 0) {
    event.timeout_seconds = effect.timeout_seconds = strand.timeout_seconds;
  }
  if (strand.heartbeat_seconds > 0) {
    event.heartbeat_seconds = effect.heartbeat_seconds = strand.heartbeat_seconds;
  }
  if (!role_arn.empty()) event.credentials_role_arn = role_arn;
  out_->effects.emplace_back(std::move(effect));
  effect_owners_[strand.effect] = strand.id;
  strand.has_begun = strand.is_submitted = false;
  set_phase(strand, Phase::kTask);
  start_task_timers(strand);
  return {};
}

// From when the task is scheduled, and again from when it begins.
// Source: Developer Guide, "Task workflow state".
void Machine::start_task_timers(Strand& strand) {
  if (strand.timeout_seconds > 0) {
    set_timer(strand.timeout, strand.id,
              moment_->now + std::chrono::seconds(strand.timeout_seconds));
  }
  if (strand.heartbeat_seconds > 0) {
    set_timer(strand.heartbeat, strand.id,
              moment_->now + std::chrono::seconds(strand.heartbeat_seconds));
  }
}

void Machine::begin_task(Strand& strand) {
  if (strand.has_begun) return;
  strand.has_begun = true;
  strand.changed = true;
  emit_task(strand, EventType::kTaskStarted, EventType::kLambdaFunctionStarted,
            EventType::kActivityStarted);
}

Step<> Machine::task_succeeded(Strand& strand, const std::string& output) {
  const Resource resource = resource_of(*strand.state);
  const std::string name = called(resource);
  Failure failure;
  if (output.size() > limits_.payload_bytes_max) {
    failure = Failure::too_large(name);
  }
  Result<json::Value> parsed;
  if (!failure.error) {
    parsed = json::parse(output);
    if (!parsed) {
      failure =
          Failure::whole("States.Runtime",
                         fmt::format("The state/task '{}' returned a result that is not JSON: {}",
                                     name, parsed.error().message));
    }
  }
  if (failure.error) {
    HistoryEvent& event = emit_task(strand, EventType::kTaskFailed,
                                    EventType::kLambdaFunctionFailed, EventType::kActivityFailed);
    event.error = failure.error;
    event.cause = failure.cause;
    return std::unexpected(std::move(failure));
  }
  const Data result = Data::of(std::move(*parsed), std::make_shared<const std::string>(output));
  emit_task(strand, EventType::kTaskSucceeded, EventType::kLambdaFunctionSucceeded,
            EventType::kActivitySucceeded)
      .output = result.text();
  saw(strand, "result", result.value());
  return complete(strand, result);
}

void Machine::task_failed(Strand& strand, const EffectFailed& failed) {
  EventType task = EventType::kTaskFailed;
  EventType function = EventType::kLambdaFunctionFailed;
  EventType activity = EventType::kActivityFailed;
  if (failed.stage == FailureStage::kSchedule) {
    function = EventType::kLambdaFunctionScheduleFailed;
    activity = EventType::kActivityScheduleFailed;
  } else if (failed.stage == FailureStage::kStart) {
    task = EventType::kTaskStartFailed;
    function = EventType::kLambdaFunctionStartFailed;
  } else {
    begin_task(strand);
    if (failed.stage == FailureStage::kSubmit) task = EventType::kTaskSubmitFailed;
  }
  HistoryEvent& event = emit_task(strand, task, function, activity);
  Failure failure;
  failure.is_whole = true;
  failure.error = event.error = cut_error(failed.error);
  failure.cause = event.cause = cut_cause(failed.cause);
  fail_state(strand, std::move(failure));
}

// The recordings tell States.Timeout for missed heartbeats, too.
void Machine::task_timed_out(Strand& strand, Missed missed) {
  cancel_work(strand);
  HistoryEvent& event = emit_task(strand, EventType::kTaskTimedOut,
                                  EventType::kLambdaFunctionTimedOut, EventType::kActivityTimedOut);
  Failure failure;
  failure.is_whole = true;
  failure.is_heartbeat = missed == Missed::kHeartbeat;
  failure.error = event.error = "States.Timeout";
  fail_state(strand, std::move(failure));
}

}  // namespace suiro::workflow
