// SPDX-License-Identifier: Apache-2.0
// Names, transitions and labels of a whole definition. Reads its JSON, not the plan: what is wrong
// with one state does not hide where the others lead.
#include <fmt/format.h>

#include <unordered_set>

#include "engine/workflow/definition_fields.h"

namespace suiro::workflow {
namespace {

constexpr std::string_view kForbiddenInLabel = "<>{}[]?*\"#%\\^|~`$&,;:/";

const std::string* text_of(const json::Object& object, std::string_view name) {
  const json::Value* value = object.find(name);
  return value != nullptr && value->is_string() ? &value->as_string() : nullptr;
}

const json::Object* object_of(const json::Object& object, std::string_view name) {
  const json::Value* value = object.find(name);
  return value != nullptr && value->is_object() ? &value->as_object() : nullptr;
}

bool is_terminal(const json::Object& state) {
  const std::string* type = text_of(state, "Type");
  if (type != nullptr && (*type == "Succeed" || *type == "Fail")) return true;
  const json::Value* end = state.find("End");
  return end != nullptr && end->is_bool() && end->as_bool();
}

// The first character that a label must not have: spaces, controls, and what URLs and paths use.
std::string_view forbidden_character(std::string_view label) {
  for (size_t i = 0; i < label.size(); ++i) {
    auto byte = static_cast<uint8_t>(label[i]);
    if (byte <= 0x20 || byte == 0x7F ||
        kForbiddenInLabel.find(label[i]) != std::string_view::npos) {
      return label.substr(i, 1);
    }
    // U+0080 to U+009F
    if (byte == 0xC2 && i + 1 < label.size() && static_cast<uint8_t>(label[i + 1]) < 0xA0) {
      return label.substr(i, 2);
    }
  }
  return {};
}

class Graph {
 public:
  explicit Graph(Compilation& compilation) : compilation_(compilation) {}

  void check_group(const json::Object& group, const Place& place, int depth);
  void check_children(const json::Object& state, const Place& place, int depth);

 private:
  void check_name(const std::string& name, const Place& place);
  void check_label(const json::Object& state, const Place& place);
  // Calls visit(target, place) for each transition of a state.
  template <class Visit>
  void each_target(const json::Object& state, const Place& place, Visit visit);

  Compilation& compilation_;
  std::unordered_set<std::string_view> names_;
  std::unordered_set<std::string_view> labels_;
};

template <class Visit>
void Graph::each_target(const json::Object& state, const Place& place, Visit visit) {
  auto one = [&](const json::Object& object, std::string_view field, const Place& at) {
    if (const std::string* target = text_of(object, field)) visit(*target, Place(at, field));
  };
  one(state, "Next", place);
  one(state, "Default", place);
  for (std::string_view field : {"Choices", "Catch"}) {
    const json::Value* list = state.find(field);
    if (list == nullptr || !list->is_array()) continue;
    Place list_place(place, field);
    for (size_t i = 0; i < list->as_array().size(); ++i) {
      const json::Value& element = list->as_array()[i];
      if (element.is_object()) one(element.as_object(), "Next", Place(list_place, i));
    }
  }
}

void Graph::check_name(const std::string& name, const Place& place) {
  if (!names_.insert(name).second) {
    compilation_.error("DUPLICATE_STATE_NAME", "Duplicate State name: " + name, place);
  }
  if (characters(name) > kStateNameMax || name.empty()) {
    compilation_.error("INVALID_STATE_NAME",
                       name.empty() ? "State name cannot be empty"
                                    : fmt::format("State name '{}' exceeds the {}-character limit "
                                                  "allowed by the service",
                                                  name, kStateNameMax),
                       place);
  }
}

void Graph::check_label(const json::Object& state, const Place& place) {
  const std::string* label = text_of(state, "Label");
  if (label == nullptr) return;
  Place label_place(place, "Label");
  auto invalid = [&](std::string message) {
    compilation_.error("INVALID_LABEL_NAME", std::move(message), label_place);
  };
  if (label->empty()) {
    invalid("Label cannot be empty");
  } else if (characters(*label) > kLabelMax) {
    invalid(fmt::format("Label '{}' exceeds the {}-character limit allowed by the service", *label,
                        kLabelMax));
  } else if (std::string_view found = forbidden_character(*label); !found.empty()) {
    invalid(fmt::format("Label contains invalid character: '{}'", found));
  }
  if (!labels_.insert(*label).second) {
    compilation_.error("DUPLICATE_LABEL_NAME", "Duplicate Label name: " + *label, label_place);
  }
}

void Graph::check_children(const json::Object& state, const Place& place, int depth) {
  check_label(state, place);
  const json::Value* branches = state.find("Branches");
  if (branches != nullptr && branches->is_array()) {
    Place list(place, "Branches");
    for (size_t i = 0; i < branches->as_array().size(); ++i) {
      const json::Value& branch = branches->as_array()[i];
      if (branch.is_object()) check_group(branch.as_object(), Place(list, i), depth + 1);
    }
  }
  for (std::string_view field : {"ItemProcessor", "Iterator"}) {
    if (const json::Object* processor = object_of(state, field)) {
      check_group(*processor, Place(place, field), depth + 1);
    }
  }
}

// A group must have a way out at the top only: AWS accepts a branch that loops for ever. A state is
// reachable where anything leads to it: its own way from StartAt is not looked for.
void Graph::check_group(const json::Object& group, const Place& place, int depth) {
  const json::Object* states = object_of(group, "States");
  if (states == nullptr || depth > kGroupDepthMax) return;
  std::unordered_set<std::string_view> reached;
  auto visit = [&](const std::string& target, const Place& at) {
    reached.insert(target);
    if (!states->contains(target)) {
      compilation_.error("MISSING_TRANSITION_TARGET", "Missing 'Next' target: " + target, at);
    }
  };
  if (const std::string* start = text_of(group, "StartAt")) visit(*start, Place(place, "StartAt"));
  Place states_place(place, "States");
  bool ends = false;
  for (const auto& [name, value] : *states) {
    Place state_place(states_place, name);
    check_name(name, state_place);
    if (!value.is_object()) continue;
    const json::Object& state = value.as_object();
    ends = ends || is_terminal(state);
    each_target(state, state_place, visit);
    check_children(state, state_place, depth);
  }
  if (depth == 0 && !ends && !states->empty()) {
    compilation_.add({Severity::kError, "MISSING_END_STATE", "Workflow has no terminal state", ""});
    return;
  }
  for (const auto& [name, value] : *states) {
    if (reached.contains(name)) continue;
    compilation_.error("MISSING_TRANSITION_TARGET",
                       fmt::format("State \"{}\" is not reachable.", name),
                       Place(states_place, name));
  }
}

}  // namespace

void check_machine(Compilation& compilation, const json::Object& machine) {
  Graph(compilation).check_group(machine, Place(), 0);
}

void check_single_state(Compilation& compilation, const json::Object& state) {
  Graph(compilation).check_children(state, Place(), 0);
}

}  // namespace suiro::workflow
