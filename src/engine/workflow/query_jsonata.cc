// SPDX-License-Identifier: Apache-2.0
// Queries and templates of JSONata mode.
// Source: Step Functions Developer Guide, "Transforming data with JSONata".
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "engine/jsonata/expression.h"
#include "engine/workflow/query.h"
#include "engine/workflow/query_impl.h"
#include "engine/workflow/template_node.h"

namespace suiro::workflow {
namespace {

using json::Value;

constexpr size_t kDelimiterSize = 2;  // "{%", "%}"
constexpr std::string_view kStates = "states";
constexpr std::string_view kEvaluationError = "States.QueryEvaluationError";

std::unexpected<Error> evaluation_error(std::string message, std::string_view field) {
  Error error{std::string(kEvaluationError), std::move(message)};
  error.details.emplace_back("location", std::string(field));
  return fail(std::move(error));
}

// JSONata's own codes ("T2001"); limits have none.
bool is_coded(std::string_view code) {
  constexpr size_t kSize = 5;
  return code.size() == kSize && code[0] >= 'A' && code[0] <= 'Z' &&
         std::ranges::all_of(code.substr(1), [](char c) { return c >= '0' && c <= '9'; });
}

// Whether the expression may read $states.context: building that costs.
bool reads_context(const jsonata::Expression& expression) {
  return std::ranges::any_of(expression.references(), [](const jsonata::Reference& reference) {
    return reference.name == kStates &&
           (reference.path.empty() || reference.path.front() == "context");
  });
}

struct JsonataQuery final : Query::Impl {
  JsonataQuery(std::string_view whole, jsonata::Expression expression)
      : Impl(Query::Form::kJsonata, std::string(whole)),
        expression_(std::move(expression)),
        reads_context_(reads_context(expression_)) {
    for (const jsonata::Reference& reference : expression_.references()) {
      if (reference.name != kStates) variables.push_back(reference.name);
    }
    sort_names(variables);
  }

  Result<Value> evaluate(const Scope& scope, std::string_view field) const override {
    TRY(std::optional<Value> value, computed(scope, field));
    if (value) return *std::move(value);
    return evaluation_error(
        fmt::format("The JSONata expression '{}' specified for the field '{}' returned nothing "
                    "(undefined).",
                    expression(), field),
        field);
  }
  Result<std::optional<Value>> find(const Scope& scope) const override {
    return computed(scope, {});
  }
  std::string_view expression() const override { return expression_.text(); }

 private:
  Result<std::optional<Value>> computed(const Scope& scope, std::string_view field) const;
  Value states(const Scope& scope) const;

  jsonata::Expression expression_;
  bool reads_context_;
};

Value JsonataQuery::states(const Scope& scope) const {
  json::Object out;
  out.set("input", scope.input);
  if (scope.result) out.set("result", *scope.result);
  if (scope.error_output) out.set("errorOutput", *scope.error_output);
  if (reads_context_ && scope.context) out.set("context", scope.context());
  return out;
}

Result<std::optional<Value>> JsonataQuery::computed(const Scope& scope,
                                                    std::string_view field) const {
  CHECK(scope.random != nullptr, "a scope has dice");
  jsonata::Environment environment{
      .now = scope.now, .random = scope.random, .library = jsonata::Library::kWorkflows};
  environment.variable = [&](std::string_view name) -> std::optional<Value> {
    if (name == kStates) return states(scope);
    return scope.variable ? scope.variable(name) : std::nullopt;
  };
  if (scope.work != nullptr) {
    const Work& work = *scope.work;
    const uint64_t left = work.used_max - std::min(work.used, work.used_max);
    environment.limits.steps_max = std::min(environment.limits.steps_max, left);
    environment.steps_used = &scope.work->used;
  }
  auto value = expression_.evaluate(std::nullopt, environment);
  if (value) {
    if (*value) TRY_VOID(check_result(**value, expression()));
    return value;
  }
  const Error& error = value.error();
  return evaluation_error(
      fmt::format("The JSONata expression '{}' specified for the field '{}' threw an error during "
                  "evaluation{}{}",
                  expression(), field,
                  is_coded(error.code) ? fmt::format(". {}: ", error.code) : std::string(": "),
                  error.message),
      field);
}

// Texts between "{%" and "%}".
class JsonataReader final : public TemplateReader {
 public:
  Result<std::optional<Query>> of_member(std::string_view, const Value&) override {
    return std::nullopt;
  }
  Result<std::optional<Query>> of_value(const Value& value) override {
    if (!value.is_string() || !Query::is_jsonata(value.as_string())) return std::nullopt;
    TRY(Query query, Query::jsonata(value.as_string()));
    return std::optional(std::move(query));
  }
};

}  // namespace

Result<Query> Query::jsonata(std::string_view text) {
  CHECK(is_jsonata(text), "an expression of JSONata has its delimiters");
  std::string_view inner = trim(text.substr(kDelimiterSize, text.size() - 2 * kDelimiterSize));
  auto expression = jsonata::Expression::compile(inner);
  if (!expression) {
    return fail("INVALID_JSONATA_EXPRESSION", std::move(expression).error().message);
  }
  if (!expression->input_reads().empty()) {
    const std::string& name = expression->input_reads().front();
    return fail("UNSUPPORTED_JSONATA_EXPRESSION",
                fmt::format("Reference to '{}'{} is not supported.", name,
                            name == "$$" ? "" : " at the top level"));
  }
  return Query(std::make_shared<JsonataQuery>(text, *std::move(expression)));
}

Result<Template> Template::jsonata(const Value& source) {
  JsonataReader reader;
  return compile_template(source, reader);
}

Error unexpected_type(std::string_view expression, std::string_view field,
                      std::string_view expected, const Value& value) {
  return evaluation_error(
             fmt::format("The JSONata expression '{}' specified for the field '{}' returned an "
                         "unexpected result type. Expected '{}', but was '{}' for value: {}",
                         expression, field, expected, kind_name(value), json::write(value)),
             field)
      .error();
}

}  // namespace suiro::workflow
