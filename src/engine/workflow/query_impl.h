// SPDX-License-Identifier: Apache-2.0
// What stands behind a Query. Internal to engine/workflow. Thread: immutable; any.
#pragma once

#include "engine/workflow/path.h"
#include "engine/workflow/query.h"

namespace suiro::workflow {

struct Query::Impl {
  Impl(Form form_, std::string text_) : form(form_), text(std::move(text_)) {}
  virtual ~Impl() = default;
  virtual Result<json::Value> evaluate(const Scope& scope, std::string_view field) const = 0;
  virtual Result<std::optional<json::Value>> find(const Scope& scope) const = 0;
  virtual std::string_view expression() const { return text; }
  // Null where the query is no path.
  virtual const Path* path() const { return nullptr; }

  Form form;
  std::string text;
  VariableNames variables;
};

// Errors: States.DataLimitExceeded, States.Runtime, where a computed value may not be written.
Result<void> check_result(const json::Value& value, std::string_view expression,
                          size_t bytes_max = kQueryResultMax);

// "array", "object", "string", "number", "boolean", "null".
std::string_view kind_name(const json::Value& value);

// Sorted, each once.
void sort_names(VariableNames& names);

}  // namespace suiro::workflow
