// SPDX-License-Identifier: Apache-2.0
// Pass, Choice, Wait, Succeed, Fail: states that need nothing but time.
#include <fmt/format.h>

#include "engine/workflow/machine.h"
#include "engine/workflow/timestamp.h"

namespace suiro::workflow {
namespace {

constexpr std::string_view kNoChoice =
    "Failed to transition out of the state. The state does not point to a next state.";

}  // namespace

Step<> Machine::do_pass(Strand& strand) {
  const auto& fields = std::get<PassFields>(strand.state->fields);
  if (strand.state->language == QueryLanguage::kJsonata) return complete(strand, strand.input);
  TRY(const Data effective, effective_input(strand));
  TRY(Data result, arguments(strand, effective, nullptr));
  if (fields.result) result = Data::of(*fields.result);
  saw(strand, "result", result.value());
  return complete(strand, result);
}

Step<> Machine::do_choice(Strand& strand) {
  const State& state = *strand.state;
  const auto& fields = std::get<ChoiceFields>(state.fields);
  TRY(const Data effective, effective_input(strand));
  const Scope with = scope(strand, effective.value());
  for (const ChoiceRule& rule : fields.rules) {
    const std::string owner = fmt::format("Choices[{}]/", &rule - fields.rules.data());
    bool holds = false;
    if (const auto* condition = std::get_if<ChoiceCondition>(&rule.condition)) {
      TRY(holds, condition->holds(with));
    } else {
      const Query& query = std::get<Query>(rule.condition);
      const std::string field = owner + "Condition";
      TRY(const json::Value value, query.evaluate(with, field));
      if (!value.is_bool()) {
        return std::unexpected(
            Failure(unexpected_type(query.expression(), field, "boolean", value)));
      }
      holds = value.as_bool();
    }
    if (!holds) continue;
    if (state.language == QueryLanguage::kJsonPath) {
      TRY(Leaving leaving, shape(strand, effective));
      TRY(leaving.assigned, assignments(rule.assign, with, owner));
      return leave(strand, std::move(leaving), &rule.next);
    }
    Leaving leaving{.output = strand.input};
    TRY(leaving.assigned, assignments(rule.assign, with, owner));
    if (rule.output) {
      TRY(json::Value value, rule.output->evaluate(with, owner + "Output"));
      leaving.output = Data::of(std::move(value));
      TRY_VOID(check_size(leaving.output, state.name));
    }
    return leave(strand, std::move(leaving), &rule.next);
  }
  if (!fields.default_next) {
    return std::unexpected(Failure(Error{"States.NoChoiceMatched", std::string(kNoChoice)}));
  }
  TRY(Leaving leaving, shape(strand, effective));
  return leave(strand, std::move(leaving), &*fields.default_next);
}

Step<TimePoint> Machine::wait_until(const WaitFields& fields, const Scope& with) {
  if (fields.seconds) {
    TRY(const uint64_t seconds, seconds_field(*fields.seconds, with, "Seconds"));
    return moment_->now + std::chrono::seconds(seconds);
  }
  if (!fields.timestamp) return moment_->now;
  const auto* query = std::get_if<Query>(&*fields.timestamp);
  if (query == nullptr) {
    return parse_timestamp(std::get<std::string>(*fields.timestamp)).value_or(moment_->now);
  }
  if (query->form() == Query::Form::kJsonata) {
    TRY(const json::Value value, query->evaluate(with, "Timestamp"));
    if (value.is_string()) {
      if (const auto time = parse_timestamp(value.as_string())) return *time;
    }
    return std::unexpected(
        Failure(unexpected_type(query->expression(), "Timestamp", "timestamp", value)));
  }
  TRY(const std::optional<json::Value> found, query->find(with));
  if (!found) {
    return std::unexpected(Failure::runtime(fmt::format(
        "The TimestampPath parameter does not reference an input value: {}", query->text())));
  }
  if (found->is_string()) {
    if (const auto time = parse_timestamp(found->as_string())) return *time;
  }
  return std::unexpected(Failure::runtime(
      fmt::format("The TimestampPath parameter does not reference a valid ISO-8601 extended offset "
                  "date-time format string: {} == {}",
                  query->text(), found->is_string() ? found->as_string() : json::write(*found))));
}

Step<> Machine::do_wait(Strand& strand) {
  TRY(const Data effective, effective_input(strand));
  TRY(const TimePoint due,
      wait_until(std::get<WaitFields>(strand.state->fields), scope(strand, effective.value())));
  if (due <= moment_->now) return complete(strand, effective);
  set_timer(strand.timer, strand.id, due);
  set_phase(strand, Phase::kWaiting);
  return {};
}

Step<> Machine::do_succeed(Strand& strand) {
  TRY(const Data effective, effective_input(strand));
  return complete(strand, effective);
}

Step<> Machine::do_fail(Strand& strand) {
  const auto& fields = std::get<FailFields>(strand.state->fields);
  if (moment_->inspector != nullptr) saw(strand, "afterInputPath", strand.input.value());
  const Scope with = scope(strand, strand.input.value());
  Failure failure;
  failure.is_whole = true;
  if (fields.error) {
    TRY(failure.error, text_field(*fields.error, with, "Error"));
  }
  if (fields.cause) {
    TRY(failure.cause, text_field(*fields.cause, with, "Cause"));
  }
  return std::unexpected(std::move(failure));
}

}  // namespace suiro::workflow
