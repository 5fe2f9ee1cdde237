// SPDX-License-Identifier: Apache-2.0
// What the log parsers share: columns as their arguments describe them, and ROWs of fields. Private
// to the folder.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sql/date_format.h"
#include "engine/sql/library.h"

namespace suiro::sql {

inline constexpr uint32_t kLogTextLength = 1'024;
inline constexpr size_t kLogColumnsMax = 1'000;

struct LogColumn {
  std::string name;
  Type type;
  std::shared_ptr<const DateFormat> format;  // null: as CAST reads it
  bool required = false;                     // NOT NULL
  size_t start = 0;                          // FIXED_COLUMN_LOG_PARSE: from 0
  size_t length = SIZE_MAX;
};

// kNames: name [type], ..  kTyped: name TYPE type ['format'] [NOT NULL], ..
// kPlaced: the same and START n [FOR n].
enum class LogColumnForm { kNames, kTyped, kPlaced };
Result<std::vector<LogColumn>> parse_log_columns(std::string_view text, LogColumnForm form);

// COLUMN1..n VARCHAR(1024).
Type text_row(size_t columns);
Type column_row(const std::vector<LogColumn>& columns);
Value row_value(const Value* fields);
// Whether a column's text may be read otherwise at another time.
bool uses_now(const std::vector<LogColumn>& columns);

// A field's text as the column's type; blanks around it do not count, except in a text's. Errors:
// errors::kInvalidCast, kInvalidFormat, kNullViolation.
Result<Value> read_field(const LogColumn& column, std::string_view text, EvalContext& context);
Result<Value> missing_field(const LogColumn& column);
// A text that a parser cannot take apart: the row goes to error_stream.
std::unexpected<Error> not_parsed(std::string_view name, std::string_view text);

}  // namespace suiro::sql
