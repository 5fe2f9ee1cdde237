// SPDX-License-Identifier: Apache-2.0
// HttpTemplate: the HttpParameters of a rule's target, compiled. A value that begins with "$." is a
// path into the event; any other stands for itself. What a path does not find is an empty text.
// Thread: immutable; any. Source: EventBridge API Reference, "HttpParameters".
#pragma once

#include <map>

#include "services/events/document.h"

namespace suiro::events {

class HttpTemplate {
 public:
  // Errors: kInvalidArgument for a path that is none.
  static Result<HttpTemplate> compile(const boost::json::object& parameters);
  // JSON of the parameters for an event (api_destination_request.h).
  std::string fill(const boost::json::value& event) const;

 private:
  struct Value {
    std::string text;
    std::optional<JsonPath> path;
  };
  static Result<Value> value_of(const boost::json::value& given);
  static std::string text_of(const Value& value, const boost::json::value& event);

  std::vector<Value> path_;
  std::map<std::string, Value> headers_;
  std::map<std::string, Value> query_;
};

}  // namespace suiro::events
