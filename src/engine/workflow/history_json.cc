// SPDX-License-Identifier: Apache-2.0
#include "engine/workflow/history_json.h"

namespace suiro::workflow {
namespace {

class Details {
 public:
  void text(const char* name, const std::string& value) {
    if (!value.empty()) object_.set(name, value);
  }
  void text(const char* name, const std::optional<std::string>& value) {
    if (value) object_.set(name, *value);
  }
  void number(const char* name, const std::optional<int64_t>& value) {
    if (value) object_.set(name, *value);
  }
  // With the "...Details" beside it.
  void payload(const std::string& name, const std::optional<Payload>& value) {
    if (!value) return;
    object_.set(name, **value);
    json::Object details;
    details.set("truncated", false);
    object_.set(name + "Details", std::move(details));
  }
  json::Object take() { return std::move(object_); }
  void set(const char* name, json::Value value) { object_.set(name, std::move(value)); }

 private:
  json::Object object_;
};

void add_assigned(Details& details, const HistoryEvent& event) {
  if (!event.assigned_variables) return;
  json::Object texts;
  const json::Value assigned = json::parse(**event.assigned_variables).value_or(json::Object());
  for (const auto& [name, value] : assigned.as_object()) texts.set(name, json::write(value));
  details.set("assignedVariables", std::move(texts));
  json::Object truncated;
  truncated.set("truncated", false);
  details.set("assignedVariablesDetails", std::move(truncated));
}

json::Object details_of(const HistoryEvent& event) {
  Details details;
  if (event.type == EventType::kEvaluationFailed) {
    details.text("state", event.name);
  } else {
    details.text("name", event.name);
  }
  details.payload("input", event.input);
  details.payload("output", event.output);
  if (event.parameters) details.set("parameters", **event.parameters);
  details.text("error", event.error);
  details.text("cause", event.cause);
  details.text("location", event.location);
  details.text("resource", event.resource);
  details.text("resourceType", event.resource_type);
  details.text("region", event.region);
  details.number("timeoutInSeconds", event.timeout_seconds);
  if (event.type != EventType::kLambdaFunctionScheduled) {
    details.number("heartbeatInSeconds", event.heartbeat_seconds);
  }
  if (event.credentials_role_arn) {
    json::Object credentials;
    credentials.set("roleArn", *event.credentials_role_arn);
    details.set("taskCredentials", std::move(credentials));
  }
  details.text("workerName", event.worker_name);
  details.number("index", event.index);
  details.number("length", event.length);
  details.text("roleArn", event.role_arn);
  details.text("stateMachineAliasArn", event.machine_alias_arn);
  details.text("stateMachineVersionArn", event.machine_version_arn);
  details.text("mapRunArn", event.map_run_arn);
  details.number("redriveCount", event.redrive_count);
  add_assigned(details, event);
  return details.take();
}

}  // namespace

std::string details_name(EventType type) {
  const std::string_view name = event_type_name(type);
  if (name.ends_with("StateEntered")) return "stateEnteredEventDetails";
  if (name.ends_with("StateExited")) return "stateExitedEventDetails";
  switch (type) {
    case EventType::kLambdaFunctionStarted:
    case EventType::kMapRunSucceeded:
    case EventType::kMapRunAborted:
    case EventType::kMapStateAborted:
    case EventType::kMapStateFailed:
    case EventType::kMapStateSucceeded:
    case EventType::kParallelStateAborted:
    case EventType::kParallelStateFailed:
    case EventType::kParallelStateStarted:
    case EventType::kParallelStateSucceeded:
    case EventType::kTaskStateAborted:
    case EventType::kWaitStateAborted:
      return "";
    default:
      break;
  }
  std::string member = std::string(name) + "EventDetails";
  member[0] = static_cast<char>(member[0] - 'A' + 'a');
  return member;
}

json::Value history_json(const HistoryEvent& event) {
  json::Object object;
  object.set("id", static_cast<int64_t>(event.id));
  object.set("previousEventId", static_cast<int64_t>(event.previous_id));
  object.set("timestamp", format_iso8601(event.time));
  object.set("type", event_type_name(event.type));
  const std::string member = details_name(event.type);
  if (!member.empty()) object.set(member, details_of(event));
  return object;
}

}  // namespace suiro::workflow
