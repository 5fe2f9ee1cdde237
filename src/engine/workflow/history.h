// SPDX-License-Identifier: Apache-2.0
// HistoryEvent: one event of an execution's history, as GetExecutionHistory tells it.
// Thread: values.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace suiro::workflow {

// A JSON text that many hold: an input, an output. Never null where it stands in an optional.
using Payload = std::shared_ptr<const std::string>;

// In the order of the API's model: names by event_type_name().
enum class EventType : uint8_t {
  kActivityFailed,
  kActivityScheduled,
  kActivityScheduleFailed,
  kActivityStarted,
  kActivitySucceeded,
  kActivityTimedOut,
  kChoiceStateEntered,
  kChoiceStateExited,
  kEvaluationFailed,
  kExecutionAborted,
  kExecutionFailed,
  kExecutionRedriven,
  kExecutionStarted,
  kExecutionSucceeded,
  kExecutionTimedOut,
  kFailStateEntered,
  kLambdaFunctionFailed,
  kLambdaFunctionScheduled,
  kLambdaFunctionScheduleFailed,
  kLambdaFunctionStarted,
  kLambdaFunctionStartFailed,
  kLambdaFunctionSucceeded,
  kLambdaFunctionTimedOut,
  kMapIterationAborted,
  kMapIterationFailed,
  kMapIterationStarted,
  kMapIterationSucceeded,
  kMapRunAborted,
  kMapRunFailed,
  kMapRunRedriven,
  kMapRunStarted,
  kMapRunSucceeded,
  kMapStateAborted,
  kMapStateEntered,
  kMapStateExited,
  kMapStateFailed,
  kMapStateStarted,
  kMapStateSucceeded,
  kParallelStateAborted,
  kParallelStateEntered,
  kParallelStateExited,
  kParallelStateFailed,
  kParallelStateStarted,
  kParallelStateSucceeded,
  kPassStateEntered,
  kPassStateExited,
  kSucceedStateEntered,
  kSucceedStateExited,
  kTaskFailed,
  kTaskScheduled,
  kTaskStartFailed,
  kTaskStarted,
  kTaskStateAborted,
  kTaskStateEntered,
  kTaskStateExited,
  kTaskSubmitFailed,
  kTaskSubmitted,
  kTaskSucceeded,
  kTaskTimedOut,
  kWaitStateAborted,
  kWaitStateEntered,
  kWaitStateExited,
};
std::string_view event_type_name(EventType type);
std::optional<EventType> event_type_of(std::string_view name);

// Which members an event has follows from its type; they stand in the API's "...EventDetails"
// under the same names.
struct HistoryEvent {
  uint64_t id = 0;           // from 1, without gaps
  uint64_t previous_id = 0;  // the event that caused it; 0: none
  TimePoint time;
  EventType type = EventType::kExecutionStarted;

  std::string name;  // of the state
  std::optional<Payload> input;
  std::optional<Payload> output;
  std::optional<Payload> parameters;  // TaskScheduled
  std::optional<std::string> error;
  std::optional<std::string> cause;
  std::string resource;       // "sendMessage", or an ARN
  std::string resource_type;  // "sqs"
  std::string region;
  std::optional<int64_t> timeout_seconds;
  std::optional<int64_t> heartbeat_seconds;
  std::optional<std::string> credentials_role_arn;
  std::string worker_name;          // ActivityStarted
  std::optional<int64_t> index;     // of a Map's iteration
  std::optional<int64_t> length;    // of a Map's items
  std::string role_arn;             // ExecutionStarted
  std::string machine_alias_arn;    // ExecutionStarted
  std::string machine_version_arn;  // ExecutionStarted
  std::string map_run_arn;
  std::optional<int64_t> redrive_count;
  std::string location;                       // EvaluationFailed: the field
  std::optional<Payload> assigned_variables;  // a JSON object: name -> value
};

}  // namespace suiro::workflow
