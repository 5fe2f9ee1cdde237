// SPDX-License-Identifier: Apache-2.0
// A value of a record as one of a column: JSON tokens and CSV fields to the types of an input
// schema. The table of rules is in docs/decisions/142-sql-input-mapping.md.
//
// How it fails: errors::kInvalidCast with what was found and what the column wants.
// Thread: any.
#pragma once

#include <string_view>

#include "engine/sql/type.h"
#include "engine/sql/value.h"

namespace suiro::sql {

// A JSON value as it stands in the record: `token` begins at its first character and may have
// blanks behind it. Strings without escapes are not copied; others are made in `arena`.
Result<Value> coerce_json(const Type& type, std::string_view token, Arena& arena);
// Text of a CSV field, or of a JSON string without its quotes.
Result<Value> coerce_text(const Type& type, std::string_view text, Arena& arena);
// Lax forms of date, time and timestamp: a T between them, up to nine digits of a fraction (three
// count), a Z behind, a timestamp without its time.
Result<int64_t> parse_lax_datetime(TypeKind kind, std::string_view text);

}  // namespace suiro::sql
