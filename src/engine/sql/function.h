// SPDX-License-Identifier: Apache-2.0
// The functions of streaming SQL: scalar ones by name and argument types, aggregates as
// accumulators with a state that can be stored, and table functions over a cursor.
//
// Invariants:
//  1. An evaluation that fails returns an error with a name of the error stream (kNumericOverflow
//     ..); the row goes to error_stream, nothing else is lost.
//  2. decode(encode(x)) continues as x would have: states are part of checkpoints, and their first
//     byte is a version.
//  3. Unless a function says otherwise, a NULL argument gives NULL.
// Threads: a library is immutable and shared; accumulators belong to one thread.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "engine/sql/type.h"
#include "engine/sql/value.h"

namespace suiro::sql {

// What an evaluation may look at besides its arguments.
struct EvalContext {
  Arena& arena;
  int64_t row_time_ms = 0;     // of the row that is evaluated: CURRENT_ROW_TIMESTAMP
  int64_t query_start_ms = 0;  // CURRENT_TIMESTAMP and its family
};

struct ScalarFunction;

// A call bound to its argument types.
struct BoundFunction {
  Type type;  // of the result
  // Args are as many and of such types as were bound. The result's text lives in the context's
  // arena, in an argument, or for ever.
  std::function<Result<Value>(std::span<const Value> args, EvalContext& context)> eval;
  bool null_on_null = true;   // eval is not called where an argument is NULL
  bool deterministic = true;  // false: not to be folded (CURRENT_ROW_TIMESTAMP)
};

// A literal argument matters to binding (formats, units, regular expressions compiled once).
struct ArgumentInfo {
  Type type;
  const Value* literal = nullptr;  // null: not a constant
};

// State of an aggregate over one group or window.
class Accumulator {
 public:
  virtual ~Accumulator() = default;
  virtual Result<void> add(std::span<const Value> args, int64_t row_time_ms) = 0;
  // By how many bytes add() of these would let size_bytes() grow at most, or the error that it
  // would give: asked first, so that a row enters all aggregates or none. Only where the aggregate
  // grows; elsewhere add() neither grows nor fails.
  virtual Result<size_t> growth(std::span<const Value>) const { return size_t{0}; }
  // Takes back the oldest row that was added; only where the aggregate is removable().
  virtual Result<void> remove(std::span<const Value> args, int64_t row_time_ms) = 0;
  virtual Result<Value> result(Arena& arena) const = 0;
  virtual void encode(Bytes& to) const = 0;
  virtual Result<void> decode(ByteView from) = 0;
  virtual size_t size_bytes() const = 0;
};

struct BoundAggregate {
  Type type;
  std::function<std::unique_ptr<Accumulator>()> create;
  bool removable = false;
  bool grows = false;  // add() may need memory, or fail: growth() is asked first
  // For the engine's fast paths; kOther has none.
  enum class Fast { kOther, kCountRows, kCount, kSum, kMin, kMax, kAvg } fast = Fast::kOther;
};

enum class NullTreatment { kRespect, kIgnore };

struct AggregateCall {
  std::string name;                // upper case: "COUNT", "EXP_AVG", "LAG", "NTH_VALUE"
  std::vector<ArgumentInfo> args;  // COUNT(*): none
  enum class Quantifier { kAll, kDistinct } quantifier = Quantifier::kAll;
  enum class From { kFirst, kLast } from = From::kFirst;  // NTH_VALUE
  NullTreatment nulls = NullTreatment::kRespect;
  enum class Place { kGroup, kWindow } place = Place::kGroup;
};

// A function over a whole cursor: TOP_K_ITEMS_TUMBLING, RANDOM_CUT_FOREST...
class TableFunction {
 public:
  virtual ~TableFunction() = default;
  // Rows of the cursor come in, rows go out, as soon as they are known.
  virtual Result<void> add(const Rows& rows, Rows& out) = 0;
  // Rows of the last add() that were not taken: their indices, in order.
  struct Refused {
    size_t row = 0;
    Error error;
  };
  virtual std::vector<Refused> take_refused() { return {}; }
  // No row earlier than `bound_ms` will follow; `now_ms` is the processing time (idle limits).
  virtual Result<void> advance(int64_t bound_ms, int64_t now_ms, Rows& out) = 0;
  virtual void encode(Bytes& to) const = 0;
  virtual Result<void> decode(ByteView from) = 0;
  virtual size_t size_bytes() const = 0;
};

struct BoundTableFunction {
  Schema schema;
  std::function<std::unique_ptr<TableFunction>()> create;
};

// Switches for what the documents leave open (docs/decisions/130-*.md).
struct FunctionOptions {
  // TSDIFF(a, b): the page's text says end - start, programs use both directions as durations.
  enum class Tsdiff { kAbsolute, kEndMinusStart, kFirstMinusSecond } tsdiff = Tsdiff::kAbsolute;
  // SUBSTRING that begins past the end: NULL in the comma form and '' in the FROM form, or one of
  // them in both.
  enum class PastEnd { kAsPages, kEmpty, kNull } substring_past_end = PastEnd::kAsPages;
  // CAST of an interval to a text that is too short: cut, as one example shows, or an error.
  enum class IntervalText { kCut, kRefuse } interval_text = IntervalText::kCut;
  // TIMESTAMP_TO_CHAR of NULL: the text 'null', as the page says, or NULL.
  enum class NullToChar { kText, kNull } null_to_char = NullToChar::kText;
  // The column of HOTSPOTS: the name of the samples, or of the page's heading.
  enum class HotspotsColumn {
    kHotspotsResult,
    kHotspotResults
  } hotspots_column = HotspotsColumn::kHotspotsResult;
};

// Names of functions are in upper case. Syntax with key words reaches these as plain calls:
//   FLOOR(x TO HOUR)            "FLOOR_TO"(x, 'HOUR')         CEIL alike
//   STEP(x BY INTERVAL ..)      "STEP"(x, interval)           STEP(x BY n) alike
//   EXTRACT(HOUR FROM x)        "EXTRACT"('HOUR', x)
//   TRIM(BOTH c FROM s)         "TRIM"('BOTH', c, s)
//   SUBSTRING(s FROM i FOR n)   "SUBSTRING_FROM"(s, i, n)     the comma form: "SUBSTRING"
//   SUBSTRING(s SIMILAR p ESCAPE e)  "SUBSTRING_SIMILAR"(s, p, e)
//   OVERLAY(s PLACING r FROM i FOR n) "OVERLAY"(s, r, i, n)
//   POSITION(a IN b)            "POSITION"(a, b)
//   s LIKE p ESCAPE e           "LIKE"(s, p, e)               SIMILAR TO: "SIMILAR"
//   (a - b) HOUR TO SECOND      "INTERVAL_BETWEEN"(a, b, 'HOUR TO SECOND')
//   operators                   "+", "-", "*", "/", "||", "=", "<>", "<", "<=", ">", ">=",
//                               unary "NEGATE", "NOT", "IS_NULL", "IS_TRUE", "IS_FALSE",
//                               "IS_UNKNOWN", "IS_NOT_DISTINCT"
//   period predicates           "PERIOD_CONTAINS"(s1, e1, s2, e2), "PERIOD_STRICTLY_OVERLAPS"...
// AND, OR, CASE, COALESCE and NULLIF are forms of the expression itself (plan.h), since they decide
// what is evaluated.
class FunctionLibrary {
 public:
  explicit FunctionLibrary(const FunctionOptions& options = {});
  ~FunctionLibrary();

  // Errors: "InvalidArgument" with a text for the author of the program: no such function, or what
  // the arguments should have been.
  Result<BoundFunction> scalar(std::string_view name, std::span<const ArgumentInfo> args) const;
  Result<BoundFunction> cast(const Type& from, const Type& to) const;
  Result<BoundAggregate> aggregate(const AggregateCall& call) const;
  // `cursor` is the schema of the cursor; `args` are the literals that follow it.
  Result<BoundTableFunction> table(std::string_view name, const Schema& cursor,
                                   std::span<const ArgumentInfo> args) const;
  bool is_aggregate(std::string_view name) const;
  bool is_table(std::string_view name) const;
  // Reserved words that the language has but no function page: a clear refusal.
  bool is_known(std::string_view name) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Names of rows in error_stream's ERROR_NAME, as codes of the errors that evaluation returns.
namespace errors {
inline constexpr char kDivisionByZero[] = "DivisionByZero";
inline constexpr char kNumericOverflow[] = "NumericOverflow";
inline constexpr char kInvalidCast[] = "InvalidCast";
inline constexpr char kInvalidFormat[] = "InvalidFormat";
inline constexpr char kInvalidArgument[] = "InvalidArgument";
inline constexpr char kTooLong[] = "StringTooLong";
inline constexpr char kNullViolation[] = "NullViolation";
inline constexpr char kLateRow[] = "LateRow";
inline constexpr char kLimit[] = "LimitExceeded";
}  // namespace errors

}  // namespace suiro::sql
