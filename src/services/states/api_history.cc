// SPDX-License-Identifier: Apache-2.0
// Events of a history as GetExecutionHistory tells them: each type has its own structure of
// details, or none. Source: Step Functions API Reference, "HistoryEvent".
#include "engine/json/value.h"
#include "services/states/api.h"

namespace suiro::states {
namespace {

using workflow::EventType;
using workflow::HistoryEvent;

shape::HistoryEventExecutionDataDetails whole() {
  shape::HistoryEventExecutionDataDetails out;
  out.truncated = false;
  return out;
}

// One event on its way. Members that an event lacks are left out.
struct Writer {
  const HistoryEvent& event;
  ExecutionData data;

  template <class Details>
  void failure(std::optional<Details>& details) const {
    Details& out = details ? *details : details.emplace();
    out.error = event.error;
    out.cause = event.cause;
  }
  template <class Details>
  void input(Details& out) const {
    if (!event.input || data == ExecutionData::kLeftOut) return;
    out.input = **event.input;
    out.input_details = whole();
  }
  template <class Details>
  void output(Details& out) const {
    if (!event.output || data == ExecutionData::kLeftOut) return;
    out.output = **event.output;
    out.output_details = whole();
  }
  template <class Details>
  Details& task(std::optional<Details>& details) const {
    Details& out = details.emplace();
    out.resource = event.resource;
    out.resource_type = event.resource_type;
    return out;
  }
  template <class Details>
  void credentials(Details& out) const {
    if (event.credentials_role_arn)
      out.task_credentials.emplace().role_arn = *event.credentials_role_arn;
  }
  void iteration(std::optional<shape::MapIterationEventDetails>& details) const {
    auto& out = details.emplace();
    out.name = event.name;
    if (event.index) out.index = static_cast<int32_t>(*event.index);
  }

  void entered(shape::HistoryEvent& to) const {
    auto& out = to.state_entered_event_details.emplace();
    out.name = event.name;
    input(out);
  }
  void exited(shape::HistoryEvent& to) const {
    auto& out = to.state_exited_event_details.emplace();
    out.name = event.name;
    output(out);
    if (!event.assigned_variables || data == ExecutionData::kLeftOut) return;
    auto variables = json::parse(**event.assigned_variables);
    if (!variables || !variables->is_object()) return;
    auto& assigned = out.assigned_variables.emplace();
    for (const auto& [name, value] : variables->as_object()) assigned[name] = json::write(value);
    out.assigned_variables_details.emplace().truncated = false;
  }

  bool activity(shape::HistoryEvent& to) const;
  bool execution(shape::HistoryEvent& to) const;
  bool function(shape::HistoryEvent& to) const;
  bool map(shape::HistoryEvent& to) const;
  bool task_event(shape::HistoryEvent& to) const;
};

bool Writer::activity(shape::HistoryEvent& to) const {
  switch (event.type) {
    case EventType::kActivityScheduled: {
      auto& out = to.activity_scheduled_event_details.emplace();
      out.resource = event.resource;
      input(out);
      out.timeout_in_seconds = event.timeout_seconds;
      out.heartbeat_in_seconds = event.heartbeat_seconds;
      return true;
    }
    case EventType::kActivityStarted: {
      auto& out = to.activity_started_event_details.emplace();
      if (!event.worker_name.empty()) out.worker_name = event.worker_name;
      return true;
    }
    case EventType::kActivitySucceeded:
      return output(to.activity_succeeded_event_details.emplace()), true;
    case EventType::kActivityFailed:
      return failure(to.activity_failed_event_details), true;
    case EventType::kActivityScheduleFailed:
      return failure(to.activity_schedule_failed_event_details), true;
    case EventType::kActivityTimedOut:
      return failure(to.activity_timed_out_event_details), true;
    default:
      return false;
  }
}

bool Writer::execution(shape::HistoryEvent& to) const {
  switch (event.type) {
    case EventType::kExecutionStarted: {
      auto& out = to.execution_started_event_details.emplace();
      input(out);
      out.role_arn = event.role_arn;
      if (!event.machine_alias_arn.empty()) out.state_machine_alias_arn = event.machine_alias_arn;
      if (!event.machine_version_arn.empty()) {
        out.state_machine_version_arn = event.machine_version_arn;
      }
      return true;
    }
    case EventType::kExecutionSucceeded:
      return output(to.execution_succeeded_event_details.emplace()), true;
    case EventType::kExecutionFailed:
      return failure(to.execution_failed_event_details), true;
    case EventType::kExecutionAborted:
      return failure(to.execution_aborted_event_details), true;
    case EventType::kExecutionTimedOut:
      return failure(to.execution_timed_out_event_details), true;
    case EventType::kExecutionRedriven: {
      auto& out = to.execution_redriven_event_details.emplace();
      out.redrive_count = static_cast<int32_t>(event.redrive_count.value_or(0));
      return true;
    }
    case EventType::kEvaluationFailed: {
      auto& out = to.evaluation_failed_event_details.emplace();
      out.state = event.name;
      out.error = event.error;
      out.cause = event.cause;
      if (!event.location.empty()) out.location = event.location;
      return true;
    }
    default:
      return false;
  }
}

bool Writer::function(shape::HistoryEvent& to) const {
  switch (event.type) {
    case EventType::kLambdaFunctionScheduled: {
      auto& out = to.lambda_function_scheduled_event_details.emplace();
      out.resource = event.resource;
      input(out);
      out.timeout_in_seconds = event.timeout_seconds;
      credentials(out);
      return true;
    }
    case EventType::kLambdaFunctionSucceeded:
      return output(to.lambda_function_succeeded_event_details.emplace()), true;
    case EventType::kLambdaFunctionFailed:
      return failure(to.lambda_function_failed_event_details), true;
    case EventType::kLambdaFunctionScheduleFailed:
      return failure(to.lambda_function_schedule_failed_event_details), true;
    case EventType::kLambdaFunctionStartFailed:
      return failure(to.lambda_function_start_failed_event_details), true;
    case EventType::kLambdaFunctionTimedOut:
      return failure(to.lambda_function_timed_out_event_details), true;
    default:
      return false;
  }
}

bool Writer::map(shape::HistoryEvent& to) const {
  switch (event.type) {
    case EventType::kMapStateStarted: {
      auto& out = to.map_state_started_event_details.emplace();
      if (event.length) out.length = static_cast<int32_t>(*event.length);
      return true;
    }
    case EventType::kMapIterationStarted:
      return iteration(to.map_iteration_started_event_details), true;
    case EventType::kMapIterationSucceeded:
      return iteration(to.map_iteration_succeeded_event_details), true;
    case EventType::kMapIterationFailed:
      return iteration(to.map_iteration_failed_event_details), true;
    case EventType::kMapIterationAborted:
      return iteration(to.map_iteration_aborted_event_details), true;
    case EventType::kMapRunStarted:
      return to.map_run_started_event_details.emplace().map_run_arn = event.map_run_arn, true;
    case EventType::kMapRunFailed:
      return failure(to.map_run_failed_event_details), true;
    case EventType::kMapRunRedriven: {
      auto& out = to.map_run_redriven_event_details.emplace();
      out.map_run_arn = event.map_run_arn;
      out.redrive_count = static_cast<int32_t>(event.redrive_count.value_or(0));
      return true;
    }
    default:
      return false;
  }
}

bool Writer::task_event(shape::HistoryEvent& to) const {
  switch (event.type) {
    case EventType::kTaskScheduled: {
      auto& out = task(to.task_scheduled_event_details);
      out.region = event.region;
      // Required by the model: without execution data it is told empty.
      if (event.parameters && data == ExecutionData::kIncluded) out.parameters = **event.parameters;
      out.timeout_in_seconds = event.timeout_seconds;
      out.heartbeat_in_seconds = event.heartbeat_seconds;
      credentials(out);
      return true;
    }
    case EventType::kTaskStarted:
      return task(to.task_started_event_details), true;
    case EventType::kTaskSubmitted:
      return output(task(to.task_submitted_event_details)), true;
    case EventType::kTaskSucceeded:
      return output(task(to.task_succeeded_event_details)), true;
    case EventType::kTaskFailed:
      return task(to.task_failed_event_details), failure(to.task_failed_event_details), true;
    case EventType::kTaskStartFailed:
      task(to.task_start_failed_event_details);
      return failure(to.task_start_failed_event_details), true;
    case EventType::kTaskSubmitFailed:
      task(to.task_submit_failed_event_details);
      return failure(to.task_submit_failed_event_details), true;
    case EventType::kTaskTimedOut:
      return task(to.task_timed_out_event_details), failure(to.task_timed_out_event_details), true;
    default:
      return false;
  }
}

}  // namespace

shape::HistoryEvent to_shape(const HistoryEvent& event, ExecutionData data) {
  const std::string_view type = event_type_name(event.type);
  shape::HistoryEvent out;
  out.timestamp = event.time;
  out.type = type;
  out.id = static_cast<int64_t>(event.id);
  out.previous_event_id = static_cast<int64_t>(event.previous_id);
  const Writer writer{.event = event, .data = data};
  if (type.ends_with("StateEntered")) {
    writer.entered(out);
  } else if (type.ends_with("StateExited")) {
    writer.exited(out);
  } else {
    static_cast<void>(writer.activity(out) || writer.execution(out) || writer.function(out) ||
                      writer.map(out) || writer.task_event(out));
  }
  return out;
}

}  // namespace suiro::states
