// SPDX-License-Identifier: Apache-2.0
// The types of states, except Map and Task (definition_map.cc, definition_task.cc).
#include <fmt/format.h>

#include <array>

#include "engine/workflow/definition_fields.h"
#include "engine/workflow/timestamp.h"

namespace suiro::workflow {
namespace {

constexpr double kMaxDelaySecondsMax = 31'622'400;
constexpr std::string_view kAllErrors = "States.ALL";

constexpr FieldRule kRetrierFields[] = {{"ErrorEquals"}, {"IntervalSeconds"}, {"MaxAttempts"},
                                        {"BackoffRate"}, {"MaxDelaySeconds"}, {"JitterStrategy"},
                                        {"Comment"}};
constexpr std::array kJitterStrategies = {std::string_view("NONE"), std::string_view("FULL")};
constexpr FieldRule kCatcherFields[] = {{"ErrorEquals"}, {"Next"},    {"ResultPath", In::kJsonPath},
                                        {"Assign"},      {"Comment"}, {"Output", In::kJsonata}};
constexpr FieldRule kExpressionRuleFields[] = {
    {"Condition"}, {"Next"}, {"Assign"}, {"Output"}, {"Comment"}};
constexpr FieldRule kBranchFields[] = {{"StartAt"}, {"States"}, {"Comment"}};

// States.ALL stands alone, in the last element.
void check_all_errors(Fields& fields, const std::vector<std::string>& errors, bool last) {
  for (const std::string& error : errors) {
    if (error != kAllErrors || (errors.size() == 1 && last)) continue;
    fields.compilation().error("States.ALL must appear alone and at end of list",
                               fields.at("ErrorEquals"));
    return;
  }
}

Retrier read_retrier(Fields& fields, bool last) {
  Retrier retrier;
  fields.allow(kRetrierFields);
  fields.require({"ErrorEquals"});
  retrier.errors = fields.texts("ErrorEquals");
  check_all_errors(fields, retrier.errors, last);
  fields.text("Comment");
  if (auto seconds = fields.integer("IntervalSeconds", {0, kSecondsMax})) {
    retrier.interval_seconds = static_cast<double>(*seconds);
  }
  if (auto attempts = fields.integer("MaxAttempts", {0, kSecondsMax})) {
    retrier.attempts_max = *attempts;
  }
  if (auto rate = fields.number("BackoffRate", {1})) retrier.backoff_rate = *rate;
  if (auto seconds = fields.integer("MaxDelaySeconds", {1, kMaxDelaySecondsMax})) {
    retrier.delay_seconds_max = static_cast<double>(*seconds);
  }
  retrier.full_jitter = fields.one_of("JitterStrategy", kJitterStrategies) == 1;
  return retrier;
}

Catcher read_catcher(Fields& fields, bool last) {
  Catcher catcher;
  fields.allow(kCatcherFields);
  fields.require({"ErrorEquals", "Next"});
  catcher.errors = fields.texts("ErrorEquals");
  check_all_errors(fields, catcher.errors, last);
  fields.text("Comment");
  catcher.next = fields.text("Next").value_or("");
  catcher.discards_result = fields.result_path(catcher.result_path);
  if (fields.context().is_jsonata()) catcher.output = fields.payload("Output");
  catcher.assign = fields.assign();
  return catcher;
}

// Calls read(fields of an element, whether it is the last one) for each object of an array.
template <class Read>
void each_object(Fields& fields, std::string_view name, Read read) {
  const json::Array* array = fields.array_of(name);
  if (array == nullptr) return;
  Place list = fields.at(name);
  for (size_t i = 0; i < array->size(); ++i) {
    Place place(list, i);
    if (!(*array)[i].is_object()) {
      fields.compilation().error("Expected value of type [OBJECT]", place);
      continue;
    }
    Fields element(fields.compilation(), (*array)[i].as_object(), place, fields.context());
    read(element, i + 1 == array->size());
  }
}

std::optional<Query> read_condition(Fields& fields) {
  const json::Value* value = fields.find("Condition");
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return fields.expression(value->as_string(), fields.at("Condition"));
  if (value->is_bool()) {
    return fields.expression(value->as_bool() ? "{% true %}" : "{% false %}",
                             fields.at("Condition"));
  }
  fields.compilation().error("Expected value of type [STRING, BOOLEAN]", fields.at("Condition"));
  return std::nullopt;
}

std::optional<ChoiceCondition> read_comparison(Fields& fields) {
  Result<ChoiceCondition> condition = ChoiceCondition::compile(json::Value(fields.object()));
  if (condition) {
    fields.reads(condition->variables());
    return *std::move(condition);
  }
  std::string location = fields.place().text();
  for (const auto& [key, value] : condition.error().details) {
    if (key == "path") location += value;
  }
  fields.compilation().add({Severity::kError, "SCHEMA_VALIDATION_FAILED", condition.error().message,
                            std::move(location)});
  return std::nullopt;
}

void read_rule(Fields& fields, std::vector<ChoiceRule>& rules) {
  std::optional<std::variant<ChoiceCondition, Query>> condition;
  if (fields.context().is_jsonata()) {
    constexpr FieldRule kComparisonFields[] = {{"Variable", In::kJsonPath},
                                               {"And", In::kJsonPath},
                                               {"Or", In::kJsonPath},
                                               {"Not", In::kJsonPath}};
    fields.allow(kExpressionRuleFields, kComparisonFields);
    fields.require({"Condition", "Next"});
    if (auto query = read_condition(fields)) condition.emplace(std::move(*query));
  } else {
    if (fields.has("Condition") || fields.has("Output")) {
      constexpr FieldRule kExpressionFields[] = {{"Condition", In::kJsonata},
                                                 {"Output", In::kJsonata}};
      for (const FieldRule& rule : kExpressionFields) {
        if (!fields.has(rule.name)) continue;
        fields.compilation().error(
            fmt::format("The QueryLanguage is set to 'JSONPath', but field '{}' is only supported "
                        "for the 'JSONata' QueryLanguage",
                        rule.name),
            fields.place());
      }
      if (fields.has("Condition")) return;
    }
    fields.require({"Next"});
    if (auto comparison = read_comparison(fields)) condition.emplace(std::move(*comparison));
  }
  std::string next = fields.text("Next").value_or("");
  std::optional<Template> output;
  if (fields.context().is_jsonata()) output = fields.payload("Output");
  std::vector<Assignment> assign = fields.assign();
  if (!condition) return;
  rules.push_back({std::move(next), std::move(*condition), std::move(output), std::move(assign)});
}

}  // namespace

void compile_error_handlers(Fields& fields, State& state) {
  each_object(fields, "Retry", [&](Fields& element, bool last) {
    state.retry.push_back(read_retrier(element, last));
  });
  each_object(fields, "Catch", [&](Fields& element, bool last) {
    FieldContext context = element.context();
    context.has_error_output = true;
    Fields catcher(element.compilation(), element.object(), element.place(), context);
    state.catchers.push_back(read_catcher(catcher, last));
  });
}

void compile_input_output(Fields& fields, State& state) {
  state.input_path = fields.path("InputPath");
  state.output_path = fields.path("OutputPath");
  if (fields.context().is_jsonata()) state.output = fields.payload("Output");
  state.assign = fields.assign();
}

void compile_payloads(Fields& fields, State& state) {
  if (fields.context().is_jsonata()) {
    state.parameters = fields.payload("Arguments");
    return;
  }
  state.parameters = fields.payload("Parameters");
  state.result_selector = fields.payload("ResultSelector");
  state.discards_result = fields.result_path(state.result_path);
}

void compile_pass(Fields& fields, State& state) {
  PassFields pass;
  if (!fields.context().is_jsonata()) {
    compile_payloads(fields, state);
    if (const json::Value* result = fields.find("Result")) {
      pass.result = *result;
      if (result->is_string() && result->as_string().starts_with("$.")) {
        fields.compilation().warn("PASS_RESULT_IS_STATIC",
                                  "Attempt to use a path in the result of a pass state.",
                                  fields.at("Result"));
      }
    }
  }
  state.fields = std::move(pass);
}

void compile_choice(Fields& fields, State& state) {
  ChoiceFields choice;
  fields.require({"Choices"});
  const json::Value* choices = fields.find("Choices");
  if (choices != nullptr && choices->is_array() && choices->as_array().empty()) {
    fields.compilation().error("Value cannot be empty", fields.at("Choices"));
  }
  each_object(fields, "Choices", [&](Fields& rule, bool) { read_rule(rule, choice.rules); });
  choice.default_next = fields.text("Default");
  state.fields = std::move(choice);
}

void compile_wait(Fields& fields, State& state) {
  WaitFields wait;
  if (fields.exactly_one({"SecondsPath", "Seconds", "TimestampPath", "Timestamp"})) {
    wait.seconds = fields.number_or_query({"Seconds", "SecondsPath", {0, kSecondsMax}});
    if (fields.has("Timestamp")) {
      wait.timestamp = fields.text_or_query("Timestamp");
      const std::string* constant =
          wait.timestamp ? std::get_if<std::string>(&*wait.timestamp) : nullptr;
      if (constant != nullptr && !parse_timestamp(*constant)) {
        fields.compilation().error("String does not match RFC3339 timestamp",
                                   fields.at("Timestamp"));
      }
    } else if (fields.has("TimestampPath") && !fields.context().is_jsonata()) {
      if (auto query = fields.reference("TimestampPath")) wait.timestamp = std::move(*query);
    }
  }
  state.fields = std::move(wait);
}

void compile_succeed(Fields&, State& state) {
  state.end = true;
  state.fields = SucceedFields{};
}

void compile_fail(Fields& fields, State& state) {
  FailFields fail_fields;
  auto read = [&](std::string_view name, std::string_view path) -> std::optional<TextField> {
    if (!fields.at_most_one({name, path})) return std::nullopt;
    if (fields.has(name)) return fields.text_or_query(name);
    if (auto query = fields.path_or_function(path)) return TextField(std::move(*query));
    return std::nullopt;
  };
  fail_fields.error = read("Error", "ErrorPath");
  fail_fields.cause = read("Cause", "CausePath");
  state.end = true;
  state.fields = std::move(fail_fields);
}

void compile_parallel(Fields& fields, State& state) {
  ParallelFields& parallel = state.fields.emplace<ParallelFields>();
  fields.require({"Branches"});
  compile_payloads(fields, state);
  compile_error_handlers(fields, state);
  const json::Value* branches = fields.find("Branches");
  if (branches != nullptr && branches->is_array()) {
    if (branches->as_array().empty()) {
      fields.compilation().error("Value cannot be empty", fields.at("Branches"));
    }
    // States point at their group.
    parallel.branches.reserve(branches->as_array().size());
  }
  each_object(fields, "Branches", [&](Fields& element, bool) {
    FieldContext context = fields.context();
    context.language = context.machine_language;
    ++context.depth;
    Fields branch(fields.compilation(), element.object(), element.place(), context);
    branch.allow(kBranchFields);
    StateGroup& group = parallel.branches.emplace_back();
    group.parent = &state;
    compile_group(branch, group);
  });
}

}  // namespace suiro::workflow
