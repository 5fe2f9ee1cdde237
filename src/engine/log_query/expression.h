// SPDX-License-Identifier: Apache-2.0
// Expressions of a query, ready to be evaluated over a row: names are slots, regular expressions
// are compiled.
//
// Invariants: at most kDepthMax deep. Evaluating never fails: what makes no sense is missing.
// Threads: an expression is immutable; any thread may evaluate it.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <span>
#include <vector>

#include "engine/log_query/value.h"

namespace suiro::log_query {

inline constexpr int kDepthMax = 400;
// What one value of an expression may hold; longer ones are missing.
inline constexpr size_t kValueBytesMax = 1 << 20;

// An event's place, told by who reads the events and given back with the results.
struct Handle {
  uint64_t source = 0;
  uint64_t sequence = 0;
  uint32_t batch_index = 0;
  uint32_t event_index = 0;
};

struct Row {
  std::vector<Value> slots;
  // Of the event; meaningless behind `stats`.
  TimePoint time;
  Handle handle;
  uint64_t order = 0;  // in which it came
};

enum class Op : uint8_t {
  kLiteral,
  kSlot,
  kPath,  // a member of a structure
  kPeriod,
  kCall,
  kNegate,
  kNot,
  kAnd,
  kOr,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kPower,
  kContains,  // like "text"
  kMatches,   // like /regex/
  kIn,
};

// "5m", "1mo": calendar months where `months`, milliseconds otherwise.
struct Period {
  int64_t count = 1;
  enum class Unit : uint8_t { kMillis, kMonths } unit = Unit::kMillis;
};
TimePoint floor_time(TimePoint time, Period period);
TimePoint ceil_time(TimePoint time, Period period);

// What a function is given.
struct Arguments {
  std::span<const Value> values;
  Period period;   // where it takes one
  TimePoint time;  // the event's
  TimePoint now;   // when the query began
};

struct Function {
  std::string_view name;  // in lower case
  int arguments_min;
  int arguments_max;  // -1: any number
  // Which argument is a period; -1: none.
  int period;
  Value (*call)(const Arguments& in);
};
// By name in any case; null where there is none.
const Function* find_function(std::string_view name);

struct Node {
  Op op = Op::kLiteral;
  Value literal;
  size_t slot = 0;
  std::vector<std::string> path;
  Period period;
  const Function* function = nullptr;
  std::shared_ptr<const RE2> regex;
  std::vector<std::unique_ptr<Node>> parts;
  std::string text;  // as it stands in the query
  int depth = 1;
};
using NodePtr = std::unique_ptr<Node>;

Value evaluate(const Node& node, const Row& row, TimePoint now);
// The member of a structure that these names lead to; numbers are places in arrays.
const json::Value* find_path(const json::Value& root, std::span<const std::string> path);

}  // namespace suiro::log_query
