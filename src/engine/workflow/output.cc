// SPDX-License-Identifier: Apache-2.0
// The way of data into a state and out of it.
//
//   JSONPath  InputPath ─► Parameters ─► (work) ─► ResultSelector ─► ResultPath ─► OutputPath
//                                                        └─► Assign
//   JSONata   Arguments ─► (work) ─► Output and Assign, both against the values at entry
#include <fmt/format.h>

#include "engine/workflow/machine.h"

namespace suiro::workflow {
namespace {

Failure too_much_assigned(const State& state) {
  return Failure::whole("States.DataLimitExceeded",
                        fmt::format("The state/task '{}' assigned variables with a size exceeding "
                                    "the maximum number of bytes service limit.",
                                    state.name));
}

}  // namespace

Scope Machine::scope(const Strand& strand, json::Value input) const {
  Scope made;
  made.input = std::move(input);
  made.context = [this, at = &strand] { return context(*at); };
  made.variable = [this, at = &strand](std::string_view name) { return variable(*at, name); };
  made.now = moment_->now;
  made.random = moment_->random;
  made.work = work_.get();
  return made;
}

std::optional<json::Value> Machine::variable(const Strand& strand, std::string_view name) const {
  const Strand* at = &strand;
  while (true) {
    const auto found = at->variables.find(name);
    if (found != at->variables.end()) return found->second.data.value();
    if (at->parent == 0) return std::nullopt;
    at = strands_.at(at->parent).get();
  }
}

json::Value Machine::visible_variables(const Strand& strand) const {
  json::Object all;
  const Strand* at = &strand;
  while (true) {
    for (const auto& [name, kept] : at->variables) {
      if (!all.contains(name)) all.set(name, kept.data.value());
    }
    if (at->parent == 0) return all;
    at = strands_.at(at->parent).get();
  }
}

void Machine::saw(const Strand& strand, std::string_view stage, const json::Value& value) const {
  if (moment_->inspector != nullptr) moment_->inspector->saw(*strand.state, stage, value);
}

Step<Data> Machine::effective_input(const Strand& strand) {
  const PathField& field = strand.state->input_path;
  Data effective = strand.input;
  if (field.is_null) {
    effective = Data::of(json::Object());
  } else if (field.path) {
    TRY(json::Value value, field.path->evaluate(scope(strand, strand.input.value())));
    if (!value.same(strand.input.value())) {
      effective = Data::of(std::move(value));
      TRY_VOID(check_size(effective, strand.state->name));
    }
  }
  if (moment_->inspector != nullptr && strand.state->language == QueryLanguage::kJsonPath) {
    saw(strand, "afterInputPath", effective.value());
  }
  return effective;
}

Step<Data> Machine::arguments(const Strand& strand, const Data& effective,
                              const json::Value* context) {
  const bool is_jsonata = strand.state->language == QueryLanguage::kJsonata;
  Data result = effective;
  if (strand.state->parameters) {
    Scope with = scope(strand, effective.value());
    if (context != nullptr) with.context = [context] { return *context; };
    TRY(json::Value value,
        strand.state->parameters->evaluate(with, is_jsonata ? "Arguments" : "Parameters"));
    result = Data::of(std::move(value));
  }
  if (moment_->inspector != nullptr) {
    saw(strand, is_jsonata ? "afterArguments" : "afterParameters", result.value());
  }
  return result;
}

Step<std::vector<std::pair<std::string, json::Value>>> Machine::assignments(
    const std::vector<Assignment>& assign, const Scope& scope, std::string_view owner) const {
  std::vector<std::pair<std::string, json::Value>> assigned;
  assigned.reserve(assign.size());
  for (const Assignment& each : assign) {
    TRY(json::Value value,
        each.value.evaluate(scope, fmt::format("{}Assign/{}", owner, each.name)));
    assigned.emplace_back(each.name, std::move(value));
  }
  return assigned;
}

Step<> Machine::check_size(const Data& data, std::string_view of) const {
  switch (data.fit(limits_.payload_bytes_max)) {
    case json::Fit::kFits:
      break;
    case json::Fit::kTooLarge:
      return std::unexpected(Failure::too_large(of));
    case json::Fit::kTooDeep:
      return std::unexpected(Failure::whole(
          "States.Runtime",
          fmt::format("The state/task '{}' returned a result nested deeper than {} levels.", of,
                      json::kDepthMax)));
  }
  return {};
}

Step<Leaving> Machine::shape_json_path(const Strand& strand, const Data& result) {
  const State& state = *strand.state;
  Leaving leaving{.output = result};
  if (state.result_selector) {
    TRY(json::Value value,
        state.result_selector->evaluate(scope(strand, result.value()), "ResultSelector"));
    leaving.output = Data::of(std::move(value));
  }
  if (moment_->inspector != nullptr) saw(strand, "afterResultSelector", leaving.output.value());
  if (!state.assign.empty()) {
    TRY(leaving.assigned, assignments(state.assign, scope(strand, leaving.output.value())));
  }
  if (state.discards_result) {
    leaving.output = strand.input;
  } else if (state.result_path) {
    TRY(json::Value value,
        put_at(*state.result_path, strand.input.value(), leaving.output.value()));
    if (!value.same(leaving.output.value())) leaving.output = Data::of(std::move(value));
  }
  if (moment_->inspector != nullptr) saw(strand, "afterResultPath", leaving.output.value());
  if (state.output_path.is_null) {
    leaving.output = Data::of(json::Object());
  } else if (state.output_path.path) {
    TRY(json::Value value, state.output_path.path->evaluate(scope(strand, leaving.output.value())));
    if (!value.same(leaving.output.value())) leaving.output = Data::of(std::move(value));
  }
  return leaving;
}

Step<Leaving> Machine::shape_jsonata(const Strand& strand, const Data& result) {
  const State& state = *strand.state;
  Leaving leaving{.output = result};
  if (!state.output && state.assign.empty()) return leaving;
  Scope with = scope(strand, strand.input.value());
  const StateType type = type_of(state);
  if (type == StateType::kTask || type == StateType::kParallel || type == StateType::kMap) {
    with.result = result.value();
  }
  TRY(leaving.assigned, assignments(state.assign, with));
  if (state.output) {
    TRY(json::Value value, state.output->evaluate(with, "Output"));
    leaving.output = Data::of(std::move(value));
  }
  return leaving;
}

Step<Leaving> Machine::shape(const Strand& strand, const Data& result) {
  const bool is_jsonata = strand.state->language == QueryLanguage::kJsonata;
  TRY(Leaving leaving,
      is_jsonata ? shape_jsonata(strand, result) : shape_json_path(strand, result));
  if (!leaving.output.same(strand.input)) {
    TRY_VOID(check_size(leaving.output, strand.state->name));
  }
  return leaving;
}

Step<> Machine::complete(Strand& strand, const Data& result) {
  begin_work();
  TRY(Leaving leaving, shape(strand, result));
  const std::optional<std::string>& next = strand.state->next;
  return leave(strand, std::move(leaving), next ? &*next : nullptr);
}

// Sources of the limits: Step Functions Developer Guide, "Passing data between states with
// variables".
Step<Payload> Machine::assign(Strand& strand,
                              std::vector<std::pair<std::string, json::Value>> assigned) {
  json::Object told;
  for (const auto& [name, value] : assigned) told.set(name, value);
  const Data whole = Data::of(std::move(told));
  const json::Fit fit = whole.fit(limits_.payload_bytes_max);
  if (fit == json::Fit::kTooLarge) return std::unexpected(too_much_assigned(*strand.state));
  if (fit == json::Fit::kTooDeep) {
    return std::unexpected(Failure::whole(
        "States.Runtime",
        fmt::format("The state/task '{}' assigned variables nested deeper than {} levels.",
                    strand.state->name, json::kDepthMax)));
  }
  std::vector<std::pair<std::string, Data>> values;
  uint64_t total = header_.variables_bytes;
  for (auto& [name, value] : assigned) {
    Data data = Data::of(std::move(value));
    const auto old = strand.variables.find(name);
    if (old != strand.variables.end()) total -= old->second.data.text()->size();
    total += data.text()->size();
    values.emplace_back(std::move(name), std::move(data));
  }
  if (total > limits_.variables_bytes_max) {
    return std::unexpected(too_much_assigned(*strand.state));
  }
  for (auto& [name, data] : values) {
    Kept& kept = strand.variables[name];
    kept.data = std::move(data);
    kept.changed = true;
  }
  header_.variables_bytes = total;
  return whole.text();
}

// What the next state must not see of the one that was left.
void Machine::forget_state(Strand& strand) {
  strand.effect = 0;
  strand.map_run_arn.clear();
  strand.work = strand.effective_input = Data();
  strand.children = strand.started = strand.succeeded = 0;
}

Step<> Machine::leave(Strand& strand, Leaving leaving, const std::string* next) {
  static constexpr std::array kExited = {
      EventType::kPassStateExited,     EventType::kTaskStateExited,
      EventType::kChoiceStateExited,   EventType::kWaitStateExited,
      EventType::kSucceedStateExited,  EventType::kExecutionFailed,  // a Fail has no exit
      EventType::kParallelStateExited, EventType::kMapStateExited};
  std::optional<Payload> assigned;
  if (!leaving.assigned.empty()) {
    TRY(assigned, assign(strand, std::move(leaving.assigned)));
    if (moment_->inspector != nullptr) saw(strand, "variables", visible_variables(strand));
  }
  HistoryEvent& event = emit(strand, kExited[strand.state->fields.index()]);
  event.name = strand.state->name;
  event.output = leaving.output.text();
  event.assigned_variables = std::move(assigned);
  strand.changed = true;
  if (next == nullptr) {
    strand_succeeded(strand, std::move(leaving.output));
    return {};
  }
  const auto found = strand.state->group->by_name.find(*next);
  // TestState compiles single states.
  if (is_test() || found == strand.state->group->by_name.end()) {
    end(Ending{.status = ExecutionStatus::kSucceeded,
               .output = leaving.output.text(),
               .next_state = *next});
    return {};
  }
  strand.state = found->second;
  strand.input = std::move(leaving.output);
  strand.entered_event = 0;
  if (strand.effect != 0 || strand.work) forget_state(strand);
  set_phase(strand, Phase::kReady);
  return {};
}

}  // namespace suiro::workflow
