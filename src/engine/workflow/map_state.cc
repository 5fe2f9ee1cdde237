// SPDX-License-Identifier: Apache-2.0
// Map: its items, and the iterations of an inline one.
#include <fmt/format.h>

#include "engine/workflow/machine.h"

namespace suiro::workflow {

Step<Data> Machine::map_items(Strand& strand, const MapFields& fields, const Data& effective) {
  TRY(Data items, selected_items(strand, fields, effective));
  TRY_VOID(check_size(items, strand.state->name));
  return items;
}

Step<Data> Machine::selected_items(Strand& strand, const MapFields& fields, const Data& effective) {
  const auto suits = [&fields](const json::Value& value) {
    return value.is_array() || (fields.distributed && value.is_object());
  };
  if (strand.state->language == QueryLanguage::kJsonata) {
    if (!fields.items) {
      if (suits(effective.value())) return effective;
      return std::unexpected(Failure(Error{
          "States.QueryEvaluationError", fmt::format("Map state input must be an array but was: {}",
                                                     json::write(effective.value()))}));
    }
    TRY(json::Value value, fields.items->evaluate(scope(strand, effective.value()), "Items"));
    if (suits(value)) return Data::of(std::move(value));
    const Query* query = fields.items->query();
    return std::unexpected(Failure(unexpected_type(query != nullptr ? query->expression() : "Items",
                                                   "Items", "array", value)));
  }
  Data items = effective;
  std::string path = "$";
  if (fields.items_path.is_null) {
    items = Data::of(json::Object());
  } else if (fields.items_path.path) {
    path = fields.items_path.path->text();
    TRY(json::Value value,
        fields.items_path.path->evaluate(scope(strand, effective.value()), "ItemsPath"));
    items = Data::of(std::move(value));
  }
  saw(strand, "afterItemsPath", items.value());
  if (suits(items.value())) return items;
  return std::unexpected(
      Failure::runtime(fmt::format("Reference path \"{}\" must point to array.", path)));
}

Step<> Machine::do_map(Strand& strand) {
  const auto& fields = std::get<MapFields>(strand.state->fields);
  TRY(const Data effective, effective_input(strand));
  if (fields.distributed || is_test()) {
    TRY(MapRunEffect effect, map_run(strand, fields, effective));
    return do_map_run(strand, std::move(effect));
  }
  TRY(strand.work, map_items(strand, fields, effective));
  strand.effective_input = effective;
  uint64_t concurrency = 0;
  if (fields.concurrency_max) {
    TRY(const double given, number_field(*fields.concurrency_max, scope(strand, effective.value()),
                                         {.field = "MaxConcurrency"}));
    if (given < 0) {
      return std::unexpected(Failure::runtime("MaxConcurrency cannot be negative."));
    }
    concurrency = static_cast<uint64_t>(given);
  }
  const uint64_t most = limits_.inline_concurrency_max;
  strand.concurrency = concurrency == 0 ? most : std::min(concurrency, most);
  strand.children = strand.work.value().as_array().size();
  strand.started = strand.succeeded = 0;
  emit(strand, EventType::kMapStateStarted).length = static_cast<int64_t>(strand.children);
  set_phase(strand, Phase::kItems);
  if (strand.children == 0) return children_done(strand, strand.last_event);
  return start_iterations(strand, strand.last_event);
}

// As many as may run; those that are too much for this step begin in the next one. All point at
// `cause`.
Step<> Machine::start_iterations(Strand& strand, uint64_t cause) {
  while (may_start(strand)) {
    if (is_budget_used()) {
      starting_.insert(strand.id);
      return {};
    }
    begin_work();
    TRY_VOID(start_iteration(strand, cause));
  }
  starting_.erase(strand.id);
  return {};
}

Step<> Machine::start_iteration(Strand& strand, uint64_t cause) {
  const auto& fields = std::get<MapFields>(strand.state->fields);
  const uint64_t index = strand.started;
  const json::Value item = strand.work.value().as_array()[index];
  Data input = Data::of(item);
  // "Parameters" of an old definition is compiled into item_selector.
  if (fields.item_selector) {
    Scope with = scope(strand, strand.effective_input.value());
    with.context = [this, &strand, index, item] { return context_with_item(strand, index, item); };
    TRY(json::Value selected, fields.item_selector->evaluate(with, "ItemSelector"));
    input = Data::of(std::move(selected));
    saw(strand, "afterItemSelector", input.value());
    TRY_VOID(check_size(input, strand.state->name));
  }
  ++strand.started;
  strand.changed = true;
  const StateGroup& processor = fields.processor;
  HistoryEvent& event = emit_at(cause, EventType::kMapIterationStarted);
  event.name = strand.state->name;
  event.index = static_cast<int64_t>(index);
  Strand& child = new_strand(&strand, index, *processor.by_name.at(processor.start_at));
  child.last_event = event.id;
  child.input = std::move(input);
  return {};
}

}  // namespace suiro::workflow
