// SPDX-License-Identifier: Apache-2.0
#include "services/states/history_log.h"

#include "engine/json/value.h"
#include "shapes/json.h"

namespace suiro::states {
namespace {

using workflow::EventType;

class Details {
 public:
  explicit Details(const LogSettings& settings) : settings_(settings) {}
  void text(const char* name, const std::string& value) {
    if (!value.empty()) shapes::append_json_member(out_, name, value);
  }
  void text(const char* name, const std::optional<std::string>& value) {
    if (value) shapes::append_json_member(out_, name, *value);
  }
  void number(const char* name, const std::optional<int64_t>& value) {
    if (value) shapes::append_json_member(out_, name, std::to_string(*value));
  }
  void payload(const char* name, const std::optional<workflow::Payload>& value) {
    if (!value) return;
    bool is_cut = (*value)->size() > kLoggedPayloadMax;
    if (settings_.include_data) {
      shapes::append_json_member(
          out_, name, std::string_view(**value).substr(0, is_cut ? kLoggedPayloadMax : -1));
    }
    out_.pop_back();
    if (out_.size() > 1) out_.push_back(',');
    out_.append(fmt::format("\"{}Details\":{{\"truncated\":{}}}}}", name,
                            is_cut || !settings_.include_data));
  }
  const std::string& text() const { return out_; }

 private:
  const LogSettings& settings_;
  std::string out_ = "{}";
};

// Under the names of the API's "...EventDetails".
void fill(Details& details, const workflow::HistoryEvent& event) {
  details.text("name", event.name);
  details.payload("input", event.input);
  details.payload("output", event.output);
  details.text("roleArn", event.role_arn);
  details.text("stateMachineAliasArn", event.machine_alias_arn);
  details.text("stateMachineVersionArn", event.machine_version_arn);
  details.text("resourceType", event.resource_type);
  details.text("resource", event.resource);
  details.text("region", event.region);
  if (event.parameters) details.text("parameters", **event.parameters);
  details.number("timeoutInSeconds", event.timeout_seconds);
  details.number("heartbeatInSeconds", event.heartbeat_seconds);
  details.text("workerName", event.worker_name);
  details.number("index", event.index);
  details.number("length", event.length);
  details.text("mapRunArn", event.map_run_arn);
  details.number("redriveCount", event.redrive_count);
  details.text("location", event.location);
  details.text("error", event.error);
  details.text("cause", event.cause);
  details.payload("assignedVariables", event.assigned_variables);
}

bool is_fatal(EventType type) {
  return type == EventType::kExecutionAborted || type == EventType::kExecutionFailed ||
         type == EventType::kExecutionTimedOut;
}

}  // namespace

bool is_logged(LogSettings::Level level, EventType type) {
  using Level = LogSettings::Level;
  if (level == Level::kOff) return false;
  if (level == Level::kAll || is_fatal(type)) return true;
  if (level == Level::kFatal) return false;
  std::string_view name = workflow::event_type_name(type);
  return name.ends_with("Failed") || name.ends_with("TimedOut") || name.ends_with("Aborted") ||
         type == EventType::kFailStateEntered;
}

std::string log_line(const workflow::HistoryEvent& event, std::string_view execution_arn,
                     uint64_t redrive_count, const LogSettings& settings) {
  Details details(settings);
  fill(details, event);
  std::string line = "{}";
  shapes::append_json_member(line, "id", std::to_string(event.id));
  shapes::append_json_member(line, "type", workflow::event_type_name(event.type));
  line.pop_back();
  line.append(",\"details\":").append(details.text()).append("}");
  shapes::append_json_member(line, "redrive_count", std::to_string(redrive_count));
  shapes::append_json_member(line, "previous_event_id", std::to_string(event.previous_id));
  shapes::append_json_member(line, "event_timestamp",
                             std::to_string(event.time.time_since_epoch().count()));
  shapes::append_json_member(line, "execution_arn", execution_arn);
  return line;
}

std::string log_stream_name(std::string_view machine_name, TimePoint now, Random& random) {
  std::string time = format_iso8601(now).substr(0, 16);  // "2026-01-02T03:04"
  for (char& c : time) {
    if (c == 'T' || c == ':') c = '-';
  }
  return fmt::format("states/{}/{}/{}", machine_name, time, hex_encode(random.bytes(4)));
}

}  // namespace suiro::states
