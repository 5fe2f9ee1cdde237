// SPDX-License-Identifier: Apache-2.0
#include "engine/rehearsal/recorded.h"

#include <cmath>

namespace suiro::rehearsal {
namespace {

using workflow::HistoryEvent;

constexpr std::string_view kDetailsSuffix = "EventDetails";

std::optional<std::string> text_of(const json::Value& value, std::string_view name) {
  const json::Value* member = value.find(name);
  if (member == nullptr || !member->is_string()) return std::nullopt;
  return member->as_string();
}

void read_details(HistoryEvent& event, const json::Value& details) {
  event.name = text_of(details, "name").value_or("");
  event.resource = text_of(details, "resource").value_or("");
  event.resource_type = text_of(details, "resourceType").value_or("");
  event.error = text_of(details, "error");
  event.cause = text_of(details, "cause");
  event.map_run_arn = text_of(details, "mapRunArn").value_or("");
  const json::Value* index = details.find("index");
  if (index != nullptr && index->is_integer()) event.index = index->as_integer();
  if (auto input = text_of(details, "input")) {
    event.input = std::make_shared<const std::string>(std::move(*input));
  }
  if (auto output = text_of(details, "output")) {
    event.output = std::make_shared<const std::string>(std::move(*output));
  }
}

Result<HistoryEvent> read_event(const json::Value& value) {
  const json::Value* id = value.find("id");
  const json::Value* previous = value.find("previousEventId");
  auto type = workflow::event_type_of(text_of(value, "type").value_or(""));
  auto time = time_member(value, "timestamp");
  if (id == nullptr || !id->is_integer() || !type || !time) {
    return fail(codes::kInvalidArgument, "this is no event of a history: " + json::write(value));
  }
  HistoryEvent event{.id = static_cast<uint64_t>(id->as_integer()), .time = *time, .type = *type};
  if (previous != nullptr && previous->is_integer()) {
    event.previous_id = static_cast<uint64_t>(previous->as_integer());
  }
  for (const auto& [name, member] : value.as_object()) {
    if (name.ends_with(kDetailsSuffix)) read_details(event, member);
  }
  return event;
}

}  // namespace

std::optional<TimePoint> time_member(const json::Value& value, std::string_view name) {
  const json::Value* member = value.find(name);
  if (member == nullptr) return std::nullopt;
  if (member->is_number()) return TimePoint(Millis(std::llround(member->as_double() * 1000)));
  if (!member->is_string()) return std::nullopt;
  auto time = parse_iso8601(member->as_string());
  return time ? std::optional(*time) : std::nullopt;
}

Result<std::vector<HistoryEvent>> read_history(const json::Value& events) {
  if (!events.is_array()) return fail(codes::kInvalidArgument, "a history is a list of events");
  std::vector<HistoryEvent> out;
  for (const json::Value& value : events.as_array()) {
    TRY(HistoryEvent event, read_event(value));
    out.push_back(std::move(event));
  }
  return out;
}

}  // namespace suiro::rehearsal
