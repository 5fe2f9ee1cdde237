// SPDX-License-Identifier: Apache-2.0
#include "engine/event_pattern/branch.h"

#include <boost/json.hpp>

namespace suiro::event_pattern {
namespace {

namespace json = boost::json;

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> steps;
  for (size_t dot; (dot = path.find('.')) != path.npos; path.remove_prefix(dot + 1)) {
    steps.emplace_back(path.substr(0, dot));
  }
  steps.emplace_back(path);
  return steps;
}

// The scalars of a leaf: the value itself, or those in it where it is an array.
template <class Visit>
bool any_scalar(const json::value& value, Visit visit) {
  if (value.is_object()) return false;
  if (!value.is_array()) return visit(value);
  for (const json::value& element : value.get_array()) {
    if (any_scalar(element, visit)) return true;
  }
  return false;
}

// Whether a scalar stands under these names, in whichever element of whichever array.
bool is_there(const json::value& value, const std::vector<std::string>& steps, size_t step) {
  if (step == steps.size()) {
    return any_scalar(value, [](const json::value&) { return true; });
  }
  if (const json::array* array = value.if_array()) {
    return std::ranges::any_of(*array,
                               [&](const auto& element) { return is_there(element, steps, step); });
  }
  if (!value.is_object()) return false;
  const json::value* next = value.get_object().if_contains(steps[step]);
  return next != nullptr && is_there(*next, steps, step + 1);
}

bool allows(const Allowed& allowed, const json::value* value) {
  bool is_present = false;
  bool holds = value != nullptr && any_scalar(*value, [&](const json::value& scalar) {
                 is_present = true;
                 return allowed.holds(scalar);
               });
  return holds || (allowed.absent && !is_present);
}

bool children_match(const Node& node, const json::object* object) {
  for (const auto& [name, child] : node.children) {
    const json::value* value = object == nullptr ? nullptr : object->if_contains(name);
    if (!matches(child, value)) return false;
  }
  return true;
}

enum class Elements : uint8_t { kNoObjects, kNoMatch, kMatch };

// One element must have all that is asked.
Elements elements_match(const Node& node, const json::array& array) {
  Elements found = Elements::kNoObjects;
  for (const json::value& element : array) {
    if (element.is_array()) {
      found = std::max(found, elements_match(node, element.get_array()));
    } else if (element.is_object()) {
      bool good = children_match(node, &element.get_object());
      found = std::max(found, good ? Elements::kMatch : Elements::kNoMatch);
    }
    if (found == Elements::kMatch) break;
  }
  return found;
}

bool array_matches(const Node& node, const json::value& value) {
  for (const auto& steps : node.absent_everywhere) {
    if (is_there(value, steps, 0)) return false;
  }
  Elements found = elements_match(node, value.get_array());
  return found == Elements::kNoObjects ? children_match(node, nullptr) : found == Elements::kMatch;
}

// Per node, the leaves that must be absent everywhere: those that come before all that is asked of
// present values below the node.
void mark_absent(Node& root, const FlatBranch& flat) {
  for (const auto& [path, allowed] : flat) {
    if (!allowed->only_absent()) continue;
    std::vector<std::string> steps = split(path);
    std::string prefix;
    Node* node = &root;
    for (size_t i = 0; i + 1 < steps.size(); ++i) {
      node = &node->children.find(steps[i])->second;
      prefix += steps[i] + ".";
      bool comes_first = true;
      for (auto other = flat.lower_bound(prefix);
           other != flat.end() && other->first.starts_with(prefix) && other->first < path;
           ++other) {
        if (!other->second->only_absent()) comes_first = false;
      }
      if (comes_first) {
        node->absent_everywhere.emplace_back(steps.begin() + static_cast<ptrdiff_t>(i) + 1,
                                             steps.end());
      }
    }
  }
}

}  // namespace

Branch build(const FlatBranch& flat) {
  Branch branch;
  for (const auto& [path, allowed] : flat) {
    Node* node = &branch.root;
    for (std::string& step : split(path)) node = &node->children[std::move(step)];
    node->allowed = allowed;
  }
  mark_absent(branch.root, flat);
  return branch;
}

bool matches(const Node& node, const json::value* value) {
  if (node.allowed && !allows(*node.allowed, value)) return false;
  if (node.children.empty()) return true;
  if (value != nullptr && value->is_array()) return array_matches(node, *value);
  return children_match(node, value == nullptr ? nullptr : value->if_object());
}

}  // namespace suiro::event_pattern
