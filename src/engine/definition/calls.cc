// SPDX-License-Identifier: Apache-2.0
#include "engine/definition/calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace suiro::definition {

Result<json::object> Calls::call(std::string_view service, std::string_view operation,
                                 const json::object& input) const {
  auto reply = function_(service, operation, json::serialize(input));
  if (!reply) {
    Error error = std::move(reply).error();
    error.message = fmt::format("{}:{}: {}", service, operation, error.message);
    return fail(std::move(error));
  }
  boost::system::error_code failed;
  json::value value = json::parse(*reply, failed);
  if (failed || !value.is_object()) {
    return fail(codes::kInternal,
                fmt::format("{}:{} did not answer with JSON", service, operation));
  }
  return std::move(value.as_object());
}

Result<std::optional<json::object>> Calls::find(
    std::string_view service, std::string_view operation, const json::object& input,
    std::initializer_list<std::string_view> absent) const {
  auto reply = call(service, operation, input);
  if (reply) return std::optional(*std::move(reply));
  if (std::ranges::find(absent, reply.error().code) != absent.end())
    return std::optional<json::object>();
  return fail(std::move(reply).error());
}

std::string text_at(const json::object& object, std::string_view name, std::string_view fallback) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::string(fallback);
  return std::string(value->as_string());
}

int64_t integer_at(const json::object& object, std::string_view name, int64_t fallback) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return fallback;
  boost::system::error_code failed;
  auto number = value->to_number<int64_t>(failed);
  return failed ? fallback : number;
}

bool boolean_at(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->as_bool();
}

const json::object& object_at(const json::object& object, std::string_view name) {
  static const json::object kNone;
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_object() ? value->as_object() : kNone;
}

const json::array& array_at(const json::object& object, std::string_view name) {
  static const json::array kNone;
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_array() ? value->as_array() : kNone;
}

std::string last_part(const std::string& arn) {
  return arn.substr(arn.find_last_of(":/") + 1);
}

json::array sorted(json::array items) {
  std::ranges::sort(items, {}, [](const json::value& item) { return json::serialize(item); });
  return items;
}

json::object object_of_pairs(const json::array& pairs, std::string_view name,
                             std::string_view value) {
  std::map<std::string, std::string> sorted;
  for (const auto& pair : pairs) {
    if (pair.is_object())
      sorted[text_at(pair.as_object(), name)] = text_at(pair.as_object(), value);
  }
  json::object out;
  for (const auto& [key, text] : sorted) out.emplace(key, text);
  return out;
}

json::array pairs_of_object(const json::object& object, std::string_view name,
                            std::string_view value) {
  json::array out;
  for (const auto& entry : object) {
    out.push_back(json::object{{name, entry.key()}, {value, entry.value()}});
  }
  return out;
}

}  // namespace suiro::definition
