// SPDX-License-Identifier: Apache-2.0
// The fields of a log event: those that every event has, and those that are found in its message.
// Source: Amazon CloudWatch Logs User Guide, "Supported logs and discovered fields".
//
// Found are the members of a message that is a JSON object ("a.b", "list.0.x" or "list[0].x"); in
// groups of Lambda also those of the first JSON object within the message, and the fields of START,
// END and REPORT lines (@type, @requestId, @duration, @billedDuration, @initDuration, @memorySize,
// @maxMemoryUsed, @xrayTraceId; sizes in bytes).
// Thread: an EventFields belongs to one thread.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "engine/log_query/expression.h"

namespace suiro::log_query {

struct Event {
  TimePoint time;
  TimePoint ingested;
  std::string_view message;
  std::string_view stream;
  std::string_view log;  // "ACCOUNT:GROUP"
  enum class Source : uint8_t { kOther, kLambda } source = Source::kOther;
  Handle handle;
};

// A field as a query names it.
struct FieldName {
  std::string text;
  std::vector<std::string> path;  // of a discovered field
};

class EventFields {
 public:
  explicit EventFields(const Event& event) : event_(event) {}

  Value find(const FieldName& field);
  // All there are, for GetLogRecord.
  std::map<std::string, std::string> all();

 private:
  const json::Value& document();
  const std::map<std::string, Value, std::less<>>& report();

  const Event& event_;
  std::optional<json::Value> document_;
  std::optional<std::map<std::string, Value, std::less<>>> report_;
};

// The fields of a line that Lambda itself writes; empty for any other.
std::map<std::string, Value, std::less<>> report_fields(std::string_view message);

}  // namespace suiro::log_query
