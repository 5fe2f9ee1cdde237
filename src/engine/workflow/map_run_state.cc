// SPDX-License-Identifier: Apache-2.0
// Distributed Map: one effect, whose children are executions of their own.
#include "engine/workflow/machine.h"
#include "engine/workflow/query_impl.h"

namespace suiro::workflow {
namespace {

Step<std::optional<double>> optional_number(const std::optional<NumberField>& field,
                                            const Scope& scope, NumberNames names) {
  if (!field) return std::optional<double>();
  TRY(const double number, number_field(*field, scope, names));
  return std::optional<double>(number);
}

Step<std::optional<json::Value>> optional_template(const std::optional<Template>& field,
                                                   const Scope& scope, std::string_view name) {
  if (!field) return std::optional<json::Value>();
  TRY(json::Value value, field->evaluate(scope, name));
  TRY_VOID(check_result(value, name));
  return std::optional<json::Value>(std::move(value));
}

}  // namespace

// All but what AWS looks at behind MapStateStarted.
Step<MapRunEffect> Machine::map_run(Strand& strand, const MapFields& fields,
                                    const Data& effective) {
  const bool is_jsonata = strand.state->language == QueryLanguage::kJsonata;
  const Scope with = scope(strand, effective.value());
  MapRunEffect effect{.state = strand.state->name, .input = effective.value()};
  if (!fields.item_reader) {
    TRY(const Data items, map_items(strand, fields, effective));
    effect.items = items.value();
  } else {
    TRY(effect.reader_arguments,
        optional_template(fields.item_reader->arguments, with,
                          is_jsonata ? "ItemReader/Arguments" : "Parameters"));
  }
  TRY(effect.concurrency_max,
      optional_number(fields.concurrency_max, with, {.field = "MaxConcurrency"}));
  if (effect.concurrency_max.value_or(0) < 0) {
    return std::unexpected(Failure::runtime("MaxConcurrency cannot be negative."));
  }
  saw(strand, "maxConcurrency", effect.concurrency_max.value_or(0));
  if (fields.item_batcher) {
    TRY(effect.batch_items_max,
        optional_number(fields.item_batcher->items_max, with, {.field = "MaxItemsPerBatch"}));
    TRY(effect.batch_bytes_max,
        optional_number(fields.item_batcher->bytes_max, with, {.field = "MaxInputBytesPerBatch"}));
    TRY(effect.batch_input,
        optional_template(fields.item_batcher->batch_input, with,
                          is_jsonata ? "ItemBatcher/BatchInput" : "BatchInput"));
  }
  if (fields.result_writer) {
    TRY(effect.writer_arguments,
        optional_template(fields.result_writer->arguments, with,
                          is_jsonata ? "ResultWriter/Arguments" : "Parameters"));
  }
  effect.variables = visible_variables(strand);
  effect.context = context(strand);
  TRY_VOID(check_result(effect.variables, "variables", 2 * limits_.variables_bytes_max));
  TRY_VOID(check_result(effect.context, "$$"));
  return effect;
}

Step<> Machine::do_map_run(Strand& strand, MapRunEffect effect) {
  const auto& fields = std::get<MapFields>(strand.state->fields);
  const Scope with = scope(strand, effect.input);
  int64_t length = 0;
  if (effect.items) {
    length = static_cast<int64_t>(effect.items->is_array() ? effect.items->as_array().size()
                                                           : effect.items->as_object().size());
  }
  emit(strand, EventType::kMapStateStarted).length = length;
  if (fields.item_reader) {
    TRY(effect.items_max,
        optional_number(fields.item_reader->items_max, with, {.field = "MaxItems"}));
  }
  TRY(const std::optional<double> count,
      optional_number(fields.tolerated_failure_count, with, {.field = "ToleratedFailureCount"}));
  TRY(const std::optional<double> percentage,
      optional_number(fields.tolerated_failure_percentage, with,
                      {.field = "ToleratedFailurePercentage", .is_float = true}));
  effect.tolerated_failure_count = count.value_or(0);
  effect.tolerated_failure_percentage = percentage.value_or(0);
  if (effect.tolerated_failure_count < 0) {
    return std::unexpected(Failure::runtime("ToleratedFailureCount cannot be negative."));
  }
  if (effect.tolerated_failure_percentage < 0 || effect.tolerated_failure_percentage > 100) {
    return std::unexpected(
        Failure::runtime("ToleratedFailurePercentage must be between 0 and 100."));
  }
  if (count) saw(strand, "toleratedFailureCount", *count);
  if (percentage) saw(strand, "toleratedFailurePercentage", *percentage);
  return ask_for_run(strand, std::move(effect));
}

Step<> Machine::ask_for_run(Strand& strand, MapRunEffect effect) {
  effect.id = strand.effect = new_id();
  effect.redriven_map_run_arn = strand.map_run_arn;
  effect_owners_[strand.effect] = strand.id;
  strand.has_begun = false;
  out_->effects.emplace_back(std::move(effect));
  set_phase(strand, Phase::kMapRun);
  return {};
}

// Exactly one of them. All recordings agree that the exit of the execution's first state points at
// the end of the run, and that of a later state at its start (decision 221).
void Machine::map_run_ended(Strand& strand, const EffectSucceeded* succeeded,
                            const EffectFailed* failed) {
  if (failed != nullptr) {
    HistoryEvent& event = emit(strand, EventType::kMapRunFailed);
    Failure failure;
    failure.is_whole = failure.of_children = true;
    failure.error = event.error = cut_error(failed->error);
    failure.cause = event.cause = cut_cause(failed->cause);
    fail_state(strand, std::move(failure));
    return;
  }
  Result<json::Value> parsed = json::parse(succeeded->output);
  Step<> done;
  if (!parsed) {
    done = std::unexpected(Failure::runtime(parsed.error().message));
  } else {
    const Data result =
        Data::of(std::move(*parsed), std::make_shared<const std::string>(succeeded->output));
    const uint64_t begun = strand.last_event;
    emit(strand, EventType::kMapRunSucceeded);
    emit_at(strand.last_event, EventType::kMapStateSucceeded);
    constexpr uint64_t kFirstEntered = 2;  // right after ExecutionStarted
    if (strand.entered_event != kFirstEntered) strand.last_event = begun;
    strand.map_run_arn.clear();
    saw(strand, "result", result.value());
    done = check_size(result, strand.state->name);
    if (done) done = complete(strand, result);
  }
  if (!done) fail_state(strand, std::move(done.error()));
}

}  // namespace suiro::workflow
