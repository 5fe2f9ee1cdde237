// SPDX-License-Identifier: Apache-2.0
#include "services/states/status_event.h"

#include "shapes/json.h"

namespace suiro::states {

using workflow::ExecutionStatus;

namespace {

// An event holds at most 256 KiB: longer texts are left out, and the event says so.
constexpr size_t kEventTextMax = 120 << 10;

void raw_member(std::string& object, std::string_view name, std::string_view value) {
  object.pop_back();
  if (object.size() > 1) object.push_back(',');
  shapes::append_json_string(object, name);
  object.append(":").append(value).push_back('}');
}

void text_or_null(std::string& object, std::string_view name,
                  const std::optional<std::string>& text) {
  if (text) {
    shapes::append_json_member(object, name, *text);
  } else {
    raw_member(object, name, "null");
  }
}

std::optional<std::string> unless_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

std::string millis_or_null(const std::optional<TimePoint>& time) {
  return time ? std::to_string(time->time_since_epoch().count()) : "null";
}

void payload(std::string& object, std::string_view name, std::string_view details,
             const std::string* text) {
  if (text == nullptr) {
    raw_member(object, name, "null");
    raw_member(object, details, "null");
    return;
  }
  bool is_included = text->size() <= kEventTextMax;
  text_or_null(object, name, is_included ? std::optional(*text) : std::nullopt);
  raw_member(object, details, fmt::format("{{\"included\":{}}}", is_included));
}

}  // namespace

RedriveStatus redrive_status_of(const ExecutionRow& row, const RuntimeConfig& config,
                                TimePoint now) {
  auto refused = [](std::string reason) {
    return RedriveStatus{"NOT_REDRIVABLE", std::move(reason)};
  };
  if (row.status == ExecutionStatus::kRunning || row.status == ExecutionStatus::kSucceeded) {
    return refused(fmt::format("Execution is {} and cannot be redriven", status_name(row.status)));
  }
  if (row.stop && now - *row.stop > config.redrive_period) {
    return refused("Execution redrivable period exceeded");
  }
  // The redrive writes an event of its own, and so does the end.
  if (row.events + 2 > config.limits.events_max) {
    return refused("Execution history event limit exceeded");
  }
  if (!row.map_run_arn.empty()) return {"REDRIVABLE_BY_MAP_RUN", ""};
  return {"REDRIVABLE", ""};
}

std::string status_event(const event::Kernel& kernel, const RuntimeConfig& config,
                         const ExecutionRow& row, const MachineRow& machine, ExecutionTexts texts) {
  TimePoint now = kernel.clock.now();
  std::string detail = "{}";
  shapes::append_json_member(detail, "executionArn", row.arn);
  shapes::append_json_member(
      detail, "stateMachineArn",
      machine.list_arn.empty() ? machine.machine.machine_arn : machine.list_arn);
  shapes::append_json_member(detail, "name", row.name);
  shapes::append_json_member(detail, "status", status_name(row.status));
  raw_member(detail, "startDate", millis_or_null(row.start));
  raw_member(detail, "stopDate", millis_or_null(row.stop));
  payload(detail, "input", "inputDetails", texts.input);
  payload(detail, "output", "outputDetails", texts.output);
  text_or_null(detail, "error", row.error);
  text_or_null(detail, "cause", row.cause);
  text_or_null(detail, "stateMachineVersionArn", unless_empty(machine.machine.version_arn));
  text_or_null(detail, "stateMachineAliasArn", unless_empty(machine.machine.alias_arn));
  raw_member(detail, "redriveCount", std::to_string(row.redrive_count));
  raw_member(detail, "redriveDate", millis_or_null(row.redrive_time));
  RedriveStatus redrive = redrive_status_of(row, config, now);
  shapes::append_json_member(detail, "redriveStatus", redrive.status);
  text_or_null(detail, "redriveStatusReason", unless_empty(redrive.reason));

  std::string document = "{}";
  shapes::append_json_member(document, "version", "0");
  shapes::append_json_member(document, "id", kernel.random.uuid());
  shapes::append_json_member(document, "detail-type", "Step Functions Execution Status Change");
  shapes::append_json_member(document, "source", kStatusEventSource);
  shapes::append_json_member(document, "account", kernel.account);
  shapes::append_json_member(document, "time", format_iso8601(now));
  shapes::append_json_member(document, "region", kernel.region);
  std::string resources = "[";
  shapes::append_json_string(resources, row.arn);
  raw_member(document, "resources", resources + "]");
  raw_member(document, "detail", detail);
  return document;
}

event::Span execution_span(const ExecutionRow& row, TimePoint now) {
  event::Span span;
  span.trace_id = row.trace_id;
  span.span_id = row.span_id;
  span.parent_id = row.parent_span_id;
  span.kind = "states:Execution";
  span.resource = row.arn;
  span.start = row.start;
  if (row.status == ExecutionStatus::kRunning) {
    span.status = event::Span::Status::kRunning;
    return span;
  }
  span.duration = row.stop.value_or(now) - row.start;
  bool is_good = row.status == ExecutionStatus::kSucceeded;
  span.status = is_good ? event::Span::Status::kOk : event::Span::Status::kError;
  span.detail = status_name(row.status);
  if (row.error) span.detail += ": " + *row.error;
  return span;
}

}  // namespace suiro::states
