// SPDX-License-Identifier: Apache-2.0
// Path: a JSONPath of the Amazon States Language, which is Jayway's dialect.
//
//   $ $$ $variable   roots: the input, the context object, a variable
//   .name ['name'] [0] [-1]                  one place ("definite")
//   ['a','b'] [0,1] [1:3] [*] .* ..name [?(@.a == 'x' && !@.b)]   any number of places
//   .length() .min() ...                     of what was selected, at the end only
//
// Invariants:
//  1. A definite path selects one value or none; any other one gives an array, which may be empty
//     where a part of the path is not there (recorded: "$.item.items[*]" of {} is []).
//  2. No path and no value makes a selection visit more than kPathVisitsMax values.
//
// Source: Amazon States Language specification, "Paths"; Step Functions Developer Guide,
// "Processing input and output"; the documentation of Jayway's JsonPath.
// Threads: immutable once parsed; any.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/json/value.h"

namespace re2 {
class RE2;
}

namespace suiro::workflow {

inline constexpr size_t kPathTextMax = 16'384;
inline constexpr size_t kPathStepsMax = 256;
inline constexpr int kFilterDepthMax = 8;  // parentheses, negations, filters in filters
// Of one path; together they take at most their number times kPathRegexMemoryMax.
inline constexpr size_t kPathRegexesMax = 8;
inline constexpr int64_t kPathRegexMemoryMax = 1 << 20;
inline constexpr size_t kPathVisitsMax = 1'000'000;
inline constexpr size_t kVariableNameBytesMax = 320;  // 80 characters

struct Filter;

// --- the parts of a path
// --------------------------------------------------------------------------

struct NameStep {
  std::vector<std::string> names;
};
struct IndexStep {
  std::vector<int64_t> indices;
};
// Jayway's: ends below 0 count from the end where only one end is given; between two given ends
// they are taken as they are ([1:-1] is empty).
struct SliceStep {
  std::optional<int64_t> from;
  std::optional<int64_t> to;
};
struct WildcardStep {};
// "..": the values at all depths; the step behind it applies to each of them.
struct ScanStep {};
struct FilterStep {
  std::shared_ptr<const Filter> filter;
};
enum class PathFunction : uint8_t { kLength, kMin, kMax, kSum, kAverage, kDeviation, kKeys };
struct FunctionStep {
  PathFunction function = PathFunction::kLength;
};
using PathStep =
    std::variant<NameStep, IndexStep, SliceStep, WildcardStep, ScanStep, FilterStep, FunctionStep>;

enum class PathRoot : uint8_t { kInput, kContext, kVariable, kCurrent };  // kCurrent: "@", filters

struct Path {
  PathRoot root = PathRoot::kInput;
  std::string variable;  // of kVariable
  std::vector<PathStep> steps;
  std::string text;

  bool is_definite() const;
  // Names and indices only: exactly one place, which may be written to.
  bool is_reference() const;
};
// One step as Jayway's errors have it: "['a']", "[0]".
void append_step(std::string& out, const PathStep& step);

// Errors: kInvalidArgument, the reason with its place in the text.
Result<Path> parse_path(std::string_view text);

// --- filters
// --------------------------------------------------------------------------------------

enum class FilterOperator : uint8_t {
  kEqual,
  kNotEqual,
  kSameEqual,  // "===": of the same type
  kNotSameEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kMatches,  // "=~"
  kIn,
  kNotIn,
  kContains,
  kSize,
  kEmpty,
  kSubsetOf,
  kAnyOf,
  kNoneOf,
};
struct FilterRegex {
  std::shared_ptr<const re2::RE2> regex;
};
using FilterOperand = std::variant<json::Value, Path, FilterRegex>;

struct Filter {
  enum class Kind : uint8_t { kAnd, kOr, kNot, kExists, kCompare };
  Kind kind = Kind::kExists;
  std::vector<std::shared_ptr<const Filter>> parts;  // kAnd, kOr: two or more; kNot: one
  FilterOperand left;                                // kExists, kCompare
  FilterOperator operation = FilterOperator::kEqual;
  FilterOperand right;
};

// --- selection
// ------------------------------------------------------------------------------------

struct Selection {
  std::optional<json::Value> value;
  std::string missing;  // where there is none: Jayway's reason
};

// `root`: the value at the path's root. Errors: States.Runtime, beyond kPathVisitsMax or where a
// function does not fit its value.
Result<Selection> select(const Path& path, const json::Value& root);

}  // namespace suiro::workflow
