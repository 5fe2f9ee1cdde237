// SPDX-License-Identifier: Apache-2.0
// The parsed form of a filter pattern; between pattern.cc (parser) and pattern_match.cc.
#pragma once

#include <re2/re2.h>

#include <optional>
#include <variant>
#include <vector>

#include "services/logs/pattern.h"

namespace suiro::logs {

// What a value is compared with.
struct Operand {
  std::string text;
  std::optional<double> number;      // unquoted and a number
  std::shared_ptr<const RE2> regex;  // %...%: found anywhere
  std::shared_ptr<const RE2> glob;   // of a text with '*', any characters: the whole value
};

enum class Comparison { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };

// One step of a selector: a member, an element, or every element.
struct Step {
  std::string member;
  std::optional<size_t> element;
  bool every = false;
};

struct Condition {
  enum class Kind { kAnd, kOr, kCompare, kIsNull, kIsTrue, kIsFalse, kNotExists, kAlways };
  Kind kind = Kind::kAlways;
  std::vector<Condition> children;  // kAnd, kOr
  std::vector<Step> selector;       // JSON patterns
  Comparison comparison = Comparison::kEqual;
  Operand operand;
};

struct Term {
  enum class Role { kRequired, kAny, kExcluded } role = Role::kRequired;
  std::string text;
  std::shared_ptr<const RE2> regex;
};

struct Terms {
  std::vector<Term> all;
};

struct JsonCondition {
  Condition root;
};

// A pattern of fields; `rest` is where "..." stands.
struct Fields {
  std::vector<Condition> before;
  bool has_rest = false;
  std::vector<Condition> after;
};

struct Pattern::Node {
  std::variant<Terms, JsonCondition, Fields> what;
};

}  // namespace suiro::logs
