// SPDX-License-Identifier: Apache-2.0
// The context object ("$$", $states.context). Source: Step Functions Developer Guide, "Accessing
// execution data from the Context object"; recordings.
#include "engine/workflow/machine.h"

namespace suiro::workflow {
namespace {

json::Value item_object(uint64_t index, json::Value item) {
  json::Object fields;
  fields.set("Index", static_cast<int64_t>(index));
  fields.set("Value", std::move(item));
  json::Object map;
  map.set("Item", std::move(fields));
  return map;
}

bool can_retry(const State& state) {
  const StateType type = type_of(state);
  return type == StateType::kTask || type == StateType::kParallel || type == StateType::kMap;
}

bool is_in_map(const State& state) {
  for (const State* at = state.group->parent; at != nullptr; at = at->group->parent) {
    if (type_of(*at) == StateType::kMap) return true;
  }
  return false;
}

bool has_token(const Strand& strand) {
  const auto* task = std::get_if<TaskFields>(&strand.state->fields);
  if (task == nullptr || strand.effect == 0) return false;
  return task->resource.ends_with(".waitForTaskToken");
}

}  // namespace

json::Value Machine::context(const Strand& strand) const {
  if (info_.presets && info_.presets->context) return *info_.presets->context;
  json::Object execution;
  execution.set("Id", info_.execution_arn);
  execution.set("Input", input_.value());
  execution.set("StartTime", format_iso8601(info_.start));
  execution.set("Name", info_.execution_name);
  execution.set("RoleArn", info_.role_arn);
  if (!is_test()) execution.set("RedriveCount", static_cast<int64_t>(header_.redrives));
  if (header_.redrives > 0) execution.set("RedriveTime", format_iso8601(header_.redriven));
  json::Object machine;
  machine.set("Id", info_.machine_arn);
  machine.set("Name", info_.machine_name);
  json::Object state;
  state.set("Name", strand.state->name);
  state.set("EnteredTime", format_iso8601(strand.entered));
  if (can_retry(*strand.state)) {
    state.set("RetryCount", static_cast<int64_t>(strand.retry_count));
  }

  json::Object root;
  root.set("Execution", std::move(execution));
  // The innermost iteration around the state.
  for (const Strand* at = &strand; at->parent != 0;) {
    const Strand& parent = *strands_.at(at->parent);
    if (type_of(*parent.state) == StateType::kMap) {
      const json::Array& items = parent.work.value().as_array();
      root.set("Map", item_object(at->index, items[at->index]));
      break;
    }
    at = &parent;
  }
  // A test has no iterations around its state: its input stands for the first item.
  if (is_test() && is_in_map(*strand.state)) root.set("Map", item_object(0, input_.value()));
  root.set("StateMachine", std::move(machine));
  root.set("State", std::move(state));
  if (has_token(strand) && moment_->token) {
    json::Object task;
    task.set("Token", moment_->token(strand.effect));
    root.set("Task", std::move(task));
  }
  return root;
}

json::Value Machine::context_with_item(const Strand& strand, uint64_t index,
                                       json::Value item) const {
  json::Value root = context(strand);
  root.edit_object().set("Map", item_object(index, std::move(item)));
  return root;
}

}  // namespace suiro::workflow
