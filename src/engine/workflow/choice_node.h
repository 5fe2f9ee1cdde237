// SPDX-License-Identifier: Apache-2.0
// The parts of a compiled Choice rule. Internal to engine/workflow. Thread: immutable; any.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "engine/workflow/query.h"

namespace re2 {
class RE2;
}

namespace suiro::workflow {

enum class BooleanOperation : uint8_t { kAnd, kOr, kNot };
enum class ComparedType : uint8_t { kString, kNumber, kBoolean, kTimestamp, kNull };
enum class Comparison : uint8_t {
  kEquals,
  kLess,
  kLessEquals,
  kGreater,
  kGreaterEquals,
  kMatches,
  kIs,
};

struct CombinedCondition {
  BooleanOperation operation = BooleanOperation::kAnd;
  std::vector<std::shared_ptr<const ChoiceCondition::Node>> parts;  // kNot: one
};
struct PresenceCondition {
  Query variable;
  bool expected = true;
};
// What the variable is compared with; a path; the pattern of StringMatches.
using ComparedOperand = std::variant<json::Value, Query, std::shared_ptr<const re2::RE2>>;
struct ComparedCondition {
  Query variable;
  ComparedType type = ComparedType::kString;
  Comparison comparison = Comparison::kEquals;
  ComparedOperand operand;
};

struct ChoiceCondition::Node {
  std::variant<CombinedCondition, PresenceCondition, ComparedCondition> content;
};

// "*" is any text; "\*" and "\\" are the characters. Null where the pattern needs too much memory.
std::shared_ptr<const re2::RE2> compile_wildcards(std::string_view pattern);

}  // namespace suiro::workflow
