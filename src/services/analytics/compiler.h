// SPDX-License-Identifier: Apache-2.0
// Compiler: an application's configuration as a program of the SQL engine.
//
// Whether a configuration is complete decides how much is checked: AWS takes code whose streams and
// tables are added by later calls (Terraform adds reference tables so), and refuses it at the
// start. Threads: immutable, any.
#pragma once

#include "engine/sql/engine.h"
#include "engine/sql/input_mapper.h"
#include "services/analytics/types.h"

namespace suiro::analytics {

class Compiler {
 public:
  Compiler(const sql::LanguageOptions& language, const sql::FunctionOptions& functions)
      : functions_(functions), language_(language) {}

  // Errors: "CodeValidationException" with the compiler's text ("line 1, column 8: ...").
  Result<std::shared_ptr<const sql::Program>> compile(const Configuration& configuration) const;
  // The same for a configuration that later calls may complete: code that only lacks a table passes
  // while there is no reference source, and any code while there is no input.
  Result<void> check(const Configuration& configuration) const;

 private:
  sql::FunctionLibrary functions_;
  sql::LanguageOptions language_;
};

// Errors: "InvalidArgument": a type that is none.
Result<sql::Schema> columns_of(const Schema& schema);
// The columns of a schema and those that a stream's record has beside its data.
Result<std::vector<sql::InputColumn>> input_columns(const Schema& schema);
// The columns of a schema alone: reference tables.
Result<std::vector<sql::InputColumn>> table_columns(const Schema& schema);
sql::InputFormat format_of(const Schema& schema);

}  // namespace suiro::analytics
