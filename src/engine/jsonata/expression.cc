// SPDX-License-Identifier: Apache-2.0
#include "engine/jsonata/expression.h"

#include "base/bytes.h"
#include "engine/jsonata/evaluator.h"
#include "engine/jsonata/parser.h"

namespace suiro::jsonata {

Result<Expression> Expression::compile(std::string_view text) {
  if (!is_valid_utf8(text)) return fail(codes::kInvalidArgument, "The expression is not UTF-8");
  Uses uses;
  auto program = compile_program(text, &uses);
  if (!program) return fail(error_of(program.error(), text));
  Expression out;
  out.program_ = *std::move(program);
  out.references_ = std::move(uses.references);
  out.input_reads_ = std::move(uses.input_reads);
  return out;
}

const std::string& Expression::text() const {
  return program_->text;
}

Result<std::optional<json::Value>> Expression::evaluate(const std::optional<json::Value>& input,
                                                        const Environment& environment) const {
  Evaluator evaluator(environment);
  const Value value = evaluator.run(*program_, input);
  json::Value out;
  const bool is_nothing = value.undefined() || value.is_function();
  const bool is_told = !value.is_failed() && (is_nothing || evaluator.to_json(value, out));
  if (environment.steps_used != nullptr) *environment.steps_used += evaluator.steps();
  if (is_told) return is_nothing ? std::nullopt : std::optional(std::move(out));
  if (!value.is_failed()) evaluator.explain();
  return fail(error_of(evaluator.fault(), program_->text));
}

}  // namespace suiro::jsonata
