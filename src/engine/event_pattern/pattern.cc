// SPDX-License-Identifier: Apache-2.0
#include "engine/event_pattern/pattern.h"

#include <boost/json.hpp>

#include "engine/event_pattern/branch.h"

namespace suiro::event_pattern {
namespace {

namespace json = boost::json;

bool has_dots(const json::value& value) {
  if (const json::array* array = value.if_array()) return std::ranges::any_of(*array, has_dots);
  if (!value.is_object()) return false;
  return std::ranges::any_of(value.get_object(), [](const auto& member) {
    return std::string_view(member.key()).find('.') != std::string_view::npos ||
           has_dots(member.value());
  });
}

// What stands twice under one name is an array of both: a pattern may match either.
void put(json::object& object, std::string_view name, json::value value) {
  json::value* there = object.if_contains(name);
  if (there == nullptr) {
    object[name] = std::move(value);
  } else if (there->is_object() && value.is_object()) {
    for (auto& [inner, member] : value.get_object()) put(there->get_object(), inner, member);
  } else {
    *there = json::array{std::move(*there), std::move(value)};
  }
}

// Nested objects for names with dots.
json::value without_dots(const json::value& value) {
  if (const json::array* array = value.if_array()) {
    json::array out;
    for (const json::value& element : *array) out.push_back(without_dots(element));
    return out;
  }
  if (!value.is_object()) return value;
  json::object out;
  for (const auto& [key, member] : value.get_object()) {
    std::string_view name = key;
    json::value inner = without_dots(member);
    // A name of many dots stays as it is: it would nest deeper than an event may.
    size_t dots = static_cast<size_t>(std::ranges::count(name, '.'));
    for (size_t dot; dots < kPatternDepthMax && (dot = name.rfind('.')) != name.npos;) {
      json::object outer;
      outer[name.substr(dot + 1)] = std::move(inner);
      inner = std::move(outer);
      name = name.substr(0, dot);
    }
    put(out, name, std::move(inner));
  }
  return out;
}

}  // namespace

Result<Event> Event::parse(std::string_view text) {
  json::parse_options options;
  options.max_depth = kEventDepthMax;
  boost::system::error_code failed;
  json::value document = json::parse(text, failed, {}, options);
  if (failed || !document.is_object()) {
    return fail(codes::kInvalidArgument, "the event is not a JSON object");
  }
  return Event(std::move(document));
}

Event::Event(json::value document) : document_(std::move(document)) {
  if (has_dots(document_)) nested_ = without_dots(document_);
}

std::optional<std::string_view> Event::string(std::string_view name) const {
  const json::object* object = document_.if_object();
  const json::value* value = object == nullptr ? nullptr : object->if_contains(name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string_view(value->get_string());
}

bool Pattern::matches(const Event& event) const {
  return std::ranges::any_of(branches_, [&](const auto& branch) {
    return event_pattern::matches(branch->root, &event.nested());
  });
}

std::optional<std::vector<std::string>> Pattern::strings_required(std::string_view name) const {
  std::vector<std::string> out;
  for (const auto& branch : branches_) {
    auto child = branch->root.children.find(name);
    bool is_required = child != branch->root.children.end() && child->second.allowed &&
                       child->second.allowed->only_strings();
    if (!is_required) return std::nullopt;
    const auto& strings = child->second.allowed->strings;
    out.insert(out.end(), strings.begin(), strings.end());
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

}  // namespace suiro::event_pattern
