// SPDX-License-Identifier: Apache-2.0
// The evaluation of Choice rules: values of another type than the operator's compare as false.
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "engine/workflow/choice_node.h"
#include "engine/workflow/timestamp.h"

namespace suiro::workflow {
namespace {

using json::Value;
using Node = ChoiceCondition::Node;

Result<Value> value_at(const Query& path, const Scope& scope) {
  TRY(std::optional<Value> found, path.find(scope));
  if (found) return *std::move(found);
  return fail("States.Runtime",
              fmt::format("Invalid path '{}': The choice state's condition path references an "
                          "invalid value.",
                          path.text()));
}

// In the order of UTF-16, as Java compares: what has surrogates comes before U+E000..U+FFFF.
int compare_texts(std::string_view left, std::string_view right) {
  auto [a, b] = std::ranges::mismatch(left, right);
  if (a == left.end() || b == right.end()) return left.compare(right);
  auto x = static_cast<unsigned char>(*a);
  auto y = static_cast<unsigned char>(*b);
  constexpr unsigned char kFourBytes = 0xF0;
  constexpr unsigned char kAboveSurrogates = 0xEE;
  bool swapped = (x >= kFourBytes && y >= kAboveSurrogates && y < kFourBytes) ||
                 (y >= kFourBytes && x >= kAboveSurrogates && x < kFourBytes);
  return (x < y) != swapped ? -1 : 1;
}

template <class T>
int order(const T& left, const T& right) {
  return left < right ? -1 : right < left ? 1 : 0;
}

// Less than 0, 0, greater than 0; nullopt: one is not of the type.
std::optional<int> compare(ComparedType type, const Value& left, const Value& right) {
  switch (type) {
    case ComparedType::kString:
      if (!left.is_string() || !right.is_string()) return std::nullopt;
      return compare_texts(left.as_string(), right.as_string());
    case ComparedType::kNumber:
      if (!left.is_number() || !right.is_number()) return std::nullopt;
      if (left.is_integer() && right.is_integer()) {
        return order(left.as_integer(), right.as_integer());
      }
      return order(left.as_double(), right.as_double());
    case ComparedType::kBoolean:
      if (!left.is_bool() || !right.is_bool()) return std::nullopt;
      return order(left.as_bool(), right.as_bool());
    case ComparedType::kTimestamp: {
      if (!left.is_string() || !right.is_string()) return std::nullopt;
      auto a = parse_timestamp(left.as_string());
      auto b = parse_timestamp(right.as_string());
      if (!a || !b) return std::nullopt;
      return order(*a, *b);
    }
    case ComparedType::kNull:
      return std::nullopt;
  }
  return std::nullopt;
}

bool is_of(ComparedType type, const Value& value) {
  switch (type) {
    case ComparedType::kString:
      return value.is_string();
    case ComparedType::kNumber:
      return value.is_number();
    case ComparedType::kBoolean:
      return value.is_bool();
    case ComparedType::kTimestamp:
      return value.is_string() && parse_timestamp(value.as_string()).has_value();
    case ComparedType::kNull:
      return value.is_null();
  }
  return false;
}

bool fits(Comparison comparison, int order) {
  switch (comparison) {
    case Comparison::kEquals:
      return order == 0;
    case Comparison::kLess:
      return order < 0;
    case Comparison::kLessEquals:
      return order <= 0;
    case Comparison::kGreater:
      return order > 0;
    case Comparison::kGreaterEquals:
      return order >= 0;
    case Comparison::kMatches:
    case Comparison::kIs:
      return false;
  }
  return false;
}

Result<bool> compared(const ComparedCondition& condition, const Scope& scope) {
  TRY(Value left, value_at(condition.variable, scope));
  if (const auto* pattern = std::get_if<std::shared_ptr<const re2::RE2>>(&condition.operand)) {
    return left.is_string() && RE2::FullMatch(left.as_string(), **pattern);
  }
  Value right;
  if (const auto* path = std::get_if<Query>(&condition.operand)) {
    TRY(right, value_at(*path, scope));
  } else {
    right = std::get<Value>(condition.operand);
  }
  if (condition.comparison == Comparison::kIs) {
    return is_of(condition.type, left) == right.as_bool();
  }
  auto order = compare(condition.type, left, right);
  return order && fits(condition.comparison, *order);
}

Result<bool> holds_node(const Node& node, const Scope& scope) {
  if (const auto* presence = std::get_if<PresenceCondition>(&node.content)) {
    TRY(std::optional<Value> found, presence->variable.find(scope));
    return found.has_value() == presence->expected;
  }
  if (const auto* condition = std::get_if<ComparedCondition>(&node.content)) {
    return compared(*condition, scope);
  }
  const auto& combined = std::get<CombinedCondition>(node.content);
  if (combined.operation == BooleanOperation::kNot) {
    TRY(bool holds, holds_node(*combined.parts.front(), scope));
    return !holds;
  }
  const bool decisive = combined.operation == BooleanOperation::kOr;
  for (const auto& part : combined.parts) {
    TRY(bool holds, holds_node(*part, scope));
    if (holds == decisive) return decisive;
  }
  return !decisive;
}

}  // namespace

std::shared_ptr<const re2::RE2> compile_wildcards(std::string_view pattern) {
  std::string regex = "(?s)";
  std::string literal;
  auto flush = [&] {
    regex += RE2::QuoteMeta(literal);
    literal.clear();
  };
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size() &&
        (pattern[i + 1] == '*' || pattern[i + 1] == '\\')) {
      literal += pattern[++i];
    } else if (pattern[i] == '*') {
      flush();
      regex += ".*";
    } else {
      literal += pattern[i];
    }
  }
  flush();
  auto out = std::make_shared<const RE2>(regex, RE2::Quiet);
  return out->ok() ? out : nullptr;
}

Result<bool> ChoiceCondition::holds(const Scope& scope) const {
  return holds_node(*root_, scope);
}

}  // namespace suiro::workflow
