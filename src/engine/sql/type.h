// SPDX-License-Identifier: Apache-2.0
// Types of streaming SQL, and how their values lie in memory.
//
// Every type is held in one of three lanes, so that operators need three loops and not twenty:
//   kInteger  BOOLEAN (0, 1), TINYINT..BIGINT, DECIMAL (scaled by 10^scale), DATE (days since
//             1970-01-01), TIME (ms of the day), TIMESTAMP (ms since the epoch, UTC),
//             INTERVAL DAY TO SECOND (ms), INTERVAL YEAR TO MONTH (months)
//   kReal     REAL, DOUBLE, FLOAT
//   kText     CHAR, VARCHAR (UTF-8), BINARY, VARBINARY
// ROW values (results of the log parsers) have no lane: only their fields are read.
//
// Source of the rules: the service's SQL reference, "Data Types".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace suiro::sql {

inline constexpr uint32_t kDecimalDigitsMax = 19;   // of a declared type
inline constexpr uint32_t kDecimalDigitsCap = 18;   // of a computed one
inline constexpr uint32_t kTextLengthMax = 65'535;  // CHAR, VARCHAR, BINARY, VARBINARY

enum class TypeKind : uint8_t {
  kNull,  // of a bare NULL; assignable to everything
  kBoolean,
  kTinyint,
  kSmallint,
  kInteger,
  kBigint,
  kDecimal,
  kReal,
  kDouble,
  kChar,
  kVarchar,
  kBinary,
  kVarbinary,
  kDate,
  kTime,
  kTimestamp,
  kIntervalDay,    // day to second
  kIntervalMonth,  // year to month
  kRow,
};

enum class Lane : uint8_t { kInteger, kReal, kText, kNone };

enum class TimeUnit : uint8_t { kYear, kMonth, kDay, kHour, kMinute, kSecond };

struct Field;

struct Type {
  TypeKind kind = TypeKind::kNull;
  uint32_t length = 0;  // CHAR, VARCHAR, BINARY, VARBINARY: characters; DECIMAL: digits
  uint32_t scale = 0;   // DECIMAL
  bool nullable = true;
  // Intervals: from the leading to the trailing unit, with the leading precision in digits and the
  // fraction of seconds.
  TimeUnit leading = TimeUnit::kDay;
  TimeUnit trailing = TimeUnit::kSecond;
  uint8_t leading_digits = 2;
  uint8_t fraction_digits = 3;
  std::shared_ptr<const std::vector<Field>> fields;  // kRow

  Lane lane() const;
  bool is_text() const;      // CHAR, VARCHAR
  bool is_binary() const;    // BINARY, VARBINARY
  bool is_integer() const;   // TINYINT..BIGINT
  bool is_numeric() const;   // integers, DECIMAL, REAL, DOUBLE
  bool is_datetime() const;  // DATE, TIME, TIMESTAMP
  bool is_interval() const;
  // As in a program: "VARCHAR(16)", "DECIMAL(10,2)", "TIMESTAMP".
  std::string text() const;
};

struct Field {
  std::string name;  // as stored: unquoted identifiers are in upper case
  Type type;
};

// The columns of a stream, a table or an operator's output. ROWTIME is not among them: every row
// has one beside its columns.
using Schema = std::vector<Field>;

// Reads "VARCHAR(16)", "DOUBLE PRECISION", as it stands in an input schema or a program.
// Errors: "InvalidArgument" with what was expected.
Result<Type> parse_type(std::string_view text);
// Reads what follows INTERVAL: "HOUR TO SECOND", "MINUTE(3)", "SECOND(2,3)". Errors: as above.
Result<Type> parse_interval_type(std::string_view text);

// "YEAR".."SECOND", and back in any case of letters.
std::string_view unit_name(TimeUnit unit);
std::optional<TimeUnit> unit_named(std::string_view name);

}  // namespace suiro::sql
