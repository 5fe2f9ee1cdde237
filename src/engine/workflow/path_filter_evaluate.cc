// SPDX-License-Identifier: Apache-2.0
// The evaluation of filters: Jayway's comparisons. A number and a text that reads as one are equal;
// what is not there equals nothing.
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "engine/workflow/path_filter.h"

namespace suiro::workflow {
namespace {

using json::Value;
using Operand = std::optional<Value>;  // nullopt: not there

std::optional<double> number_in(const Value& value) {
  if (value.is_number()) return value.as_double();
  if (!value.is_string()) return std::nullopt;
  std::string_view text = trim(value.as_string());
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

bool loosely_equal(const Operand& left, const Operand& right) {
  if (!left || !right) return false;
  if ((left->is_number() && right->is_string()) || (left->is_string() && right->is_number())) {
    auto a = number_in(*left);
    auto b = number_in(*right);
    return a && b && *a == *b;
  }
  return *left == *right;
}

// Less than 0, 0, greater than 0; nullopt: no order between these.
std::optional<int> compare(const Operand& left, const Operand& right) {
  if (!left || !right) return std::nullopt;
  if (left->is_string() && right->is_string()) {
    return left->as_string().compare(right->as_string());
  }
  if (!left->is_number() && !right->is_number()) return std::nullopt;
  auto a = number_in(*left);
  auto b = number_in(*right);
  if (!a || !b) return std::nullopt;
  return *a < *b ? -1 : *a > *b ? 1 : 0;
}

bool is_in(const Operand& value, const Operand& list) {
  if (!value || !list || !list->is_array()) return false;
  return std::ranges::any_of(list->as_array(),
                             [&](const Value& element) { return loosely_equal(value, element); });
}

bool contains(const Operand& left, const Operand& right) {
  if (!left || !right) return false;
  if (left->is_array()) return is_in(right, left);
  return left->is_string() && right->is_string() &&
         left->as_string().find(right->as_string()) != std::string::npos;
}

std::optional<int64_t> size_of(const Operand& value) {
  if (!value) return std::nullopt;
  if (value->is_array()) return static_cast<int64_t>(value->as_array().size());
  if (value->is_string()) return static_cast<int64_t>(value->as_string().size());
  if (value->is_object()) return static_cast<int64_t>(value->as_object().size());
  return std::nullopt;
}

// How many elements of one list are in the other; nullopt: these are no lists.
std::optional<size_t> common(const Operand& left, const Operand& right) {
  if (!left || !right || !left->is_array() || !right->is_array()) return std::nullopt;
  return static_cast<size_t>(std::ranges::count_if(
      left->as_array(), [&](const Value& element) { return is_in(element, right); }));
}

// At least 1.
size_t elements(const Operand& value) {
  return value && value->is_array() ? value->as_array().size() + 1 : 1;
}

bool same(const Operand& left, const Operand& right) {
  return left && right && *left == *right;
}

bool holds_between(FilterOperator operation, const Operand& left, const Operand& right) {
  switch (operation) {
    case FilterOperator::kEqual:
      return loosely_equal(left, right);
    case FilterOperator::kNotEqual:
      return !loosely_equal(left, right);
    case FilterOperator::kSameEqual:
      return same(left, right);
    case FilterOperator::kNotSameEqual:
      return !same(left, right);
    case FilterOperator::kLess:
      return compare(left, right).value_or(0) < 0;
    case FilterOperator::kLessEqual:
      return compare(left, right).value_or(1) <= 0;
    case FilterOperator::kGreater:
      return compare(left, right).value_or(0) > 0;
    case FilterOperator::kGreaterEqual:
      return compare(left, right).value_or(-1) >= 0;
    case FilterOperator::kIn:
      return is_in(left, right);
    case FilterOperator::kNotIn:
      return !is_in(left, right);
    case FilterOperator::kContains:
      return contains(left, right);
    case FilterOperator::kSize: {
      auto size = size_of(left);
      return size && right && *right == Value(*size);
    }
    case FilterOperator::kEmpty: {
      auto size = size_of(left);
      return size && right && right->is_bool() && (*size == 0) == right->as_bool();
    }
    case FilterOperator::kSubsetOf: {
      auto count = common(left, right);
      return count && *count == left->as_array().size();
    }
    case FilterOperator::kAnyOf:
      return common(left, right).value_or(0) > 0;
    case FilterOperator::kNoneOf:
      return common(left, right).value_or(1) == 0;
    case FilterOperator::kMatches:
      return false;  // with a regular expression only: filter_holds()
  }
  return false;
}

Result<Operand> operand_value(const FilterOperand& operand, const Value& current, const Value& root,
                              size_t& visits) {
  if (const auto* value = std::get_if<Value>(&operand)) return Operand(*value);
  const auto& path = std::get<Path>(operand);
  const Value& from = path.root == PathRoot::kCurrent ? current : root;
  TRY(Selection found, select_within(path, from, root, visits));
  return std::move(found.value);
}

bool matches(const Operand& value, const RE2& regex) {
  if (!value) return false;
  auto one = [&](const Value& text) {
    return text.is_string() && RE2::FullMatch(text.as_string(), regex);
  };
  return value->is_array() ? std::ranges::any_of(value->as_array(), one) : one(*value);
}

}  // namespace

Result<bool> filter_holds(const Filter& filter, const Value& current, const Value& root,
                          size_t& visits) {
  switch (filter.kind) {
    case Filter::Kind::kAnd:
    case Filter::Kind::kOr: {
      const bool decisive = filter.kind == Filter::Kind::kOr;
      for (const auto& part : filter.parts) {
        TRY(bool holds, filter_holds(*part, current, root, visits));
        if (holds == decisive) return decisive;
      }
      return !decisive;
    }
    case Filter::Kind::kNot: {
      TRY(bool holds, filter_holds(*filter.parts.front(), current, root, visits));
      return !holds;
    }
    case Filter::Kind::kExists: {
      TRY(Operand value, operand_value(filter.left, current, root, visits));
      // An indefinite path is there when it selects something.
      const auto& path = std::get<Path>(filter.left);
      if (value && !path.is_definite() && value->is_array()) return !value->as_array().empty();
      return value.has_value();
    }
    case Filter::Kind::kCompare:
      break;
  }
  TRY(Operand left, operand_value(filter.left, current, root, visits));
  if (const auto* regex = std::get_if<FilterRegex>(&filter.right)) {
    return matches(left, *regex->regex);
  }
  TRY(Operand right, operand_value(filter.right, current, root, visits));
  visits += elements(left) * elements(right);
  if (visits > kPathVisitsMax) {
    return fail("States.Runtime",
                fmt::format("A filter compares more than {} values", kPathVisitsMax));
  }
  return holds_between(filter.operation, left, right);
}

}  // namespace suiro::workflow
