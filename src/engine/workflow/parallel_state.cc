// SPDX-License-Identifier: Apache-2.0
// Parallel, and what it shares with Map: children and their results.
#include "engine/workflow/machine.h"

namespace suiro::workflow {

Step<> Machine::do_parallel(Strand& strand) {
  const auto& fields = std::get<ParallelFields>(strand.state->fields);
  TRY(const Data effective, effective_input(strand));
  TRY(strand.work, arguments(strand, effective, nullptr));
  TRY_VOID(check_size(strand.work, strand.state->name));
  if (is_test())
    return ask_for_run(strand, {.state = strand.state->name, .input = strand.work.value()});
  emit(strand, EventType::kParallelStateStarted);
  strand.children = strand.started = fields.branches.size();
  strand.succeeded = 0;
  set_phase(strand, Phase::kBranches);
  for (size_t index = 0; index < fields.branches.size(); ++index) {
    const StateGroup& branch = fields.branches[index];
    Strand& child = new_strand(&strand, index, *branch.by_name.at(branch.start_at));
    child.input = strand.work;
    child.last_event = strand.last_event;
  }
  return {};
}

// `cause`: the last event of the child.
void Machine::child_succeeded(Strand& parent, uint64_t index, uint64_t cause, Data output) {
  parent.results_bytes += output.text()->size() + 1;
  parent.results[index].data = std::move(output);
  parent.new_results.push_back(index);
  ++parent.succeeded;
  parent.changed = true;
  Step<> done;
  if (type_of(*parent.state) == StateType::kMap) {
    HistoryEvent& event = emit_at(cause, EventType::kMapIterationSucceeded);
    parent.last_event = event.id;
    event.name = parent.state->name;
    event.index = static_cast<int64_t>(index);
    done = check_results(parent);
    if (done) done = start_iterations(parent, cause);
  } else {
    parent.last_event = cause;
    done = check_results(parent);
  }
  if (done && parent.succeeded == parent.children) done = children_done(parent, parent.last_event);
  if (!done) fail_state(parent, std::move(done.error()));
}

// What the results would take as one array: no more of them are collected than may come out.
Step<> Machine::check_results(const Strand& parent) const {
  if (parent.results_bytes + 1 <= limits_.payload_bytes_max) return {};
  return std::unexpected(Failure::too_large(parent.state->name));
}

// Both events point at what ended the last child. Source: recordings.
Step<> Machine::children_done(Strand& parent, uint64_t cause) {
  const bool is_map = type_of(*parent.state) == StateType::kMap;
  std::vector<Data> outputs;
  outputs.reserve(parent.results.size());
  for (const auto& [index, kept] : parent.results) outputs.push_back(kept.data);
  const Data result = Data::of_list(outputs);
  TRY_VOID(check_size(result, parent.state->name));
  emit_at(cause, is_map ? EventType::kMapStateSucceeded : EventType::kParallelStateSucceeded);
  erase_children(parent);
  saw(parent, "result", result.value());
  return complete(parent, result);
}

}  // namespace suiro::workflow
