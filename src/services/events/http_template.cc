// SPDX-License-Identifier: Apache-2.0
#include "services/events/http_template.h"

#include <boost/json.hpp>

namespace suiro::events {

namespace json = boost::json;

Result<HttpTemplate::Value> HttpTemplate::value_of(const json::value& given) {
  Value out;
  if (given.is_string()) out.text = given.get_string();
  if (!out.text.starts_with("$.")) return out;
  TRY(out.path, JsonPath::compile(out.text));
  return out;
}

Result<HttpTemplate> HttpTemplate::compile(const json::object& parameters) {
  HttpTemplate out;
  if (const json::value* list = parameters.if_contains("PathParameterValues")) {
    if (const json::array* values = list->if_array()) {
      for (const json::value& value : *values) {
        TRY(Value read, value_of(value));
        out.path_.push_back(std::move(read));
      }
    }
  }
  auto read_map = [&](std::string_view name, std::map<std::string, Value>& map) -> Result<void> {
    const json::value* given = parameters.if_contains(name);
    if (given == nullptr || !given->is_object()) return ok();
    for (const auto& [key, value] : given->get_object()) {
      TRY(map[std::string(key)], value_of(value));
    }
    return ok();
  };
  TRY_VOID(read_map("HeaderParameters", out.headers_));
  TRY_VOID(read_map("QueryStringParameters", out.query_));
  return out;
}

std::string HttpTemplate::text_of(const Value& value, const json::value& event) {
  if (!value.path) return value.text;
  auto found = value.path->of(event);
  return found ? plain_text(*found) : std::string();
}

std::string HttpTemplate::fill(const json::value& event) const {
  json::object out;
  json::array path;
  for (const Value& value : path_) path.emplace_back(text_of(value, event));
  out["PathParameterValues"] = std::move(path);
  auto fill_map = [&](std::string_view name, const std::map<std::string, Value>& map) {
    json::object object;
    for (const auto& [key, value] : map) object[key] = text_of(value, event);
    out[name] = std::move(object);
  };
  fill_map("HeaderParameters", headers_);
  fill_map("QueryStringParameters", query_);
  return json::serialize(out);
}

}  // namespace suiro::events
