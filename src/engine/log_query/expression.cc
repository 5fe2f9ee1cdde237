// SPDX-License-Identifier: Apache-2.0
#include "engine/log_query/expression.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace suiro::log_query {
namespace {

Value arithmetic(Op op, const Value& left, const Value& right) {
  auto a = number_of(left), b = number_of(right);
  if (!a || !b) return {};
  const auto* i = std::get_if<int64_t>(&left);
  const auto* j = std::get_if<int64_t>(&right);
  if (i != nullptr && j != nullptr) {
    int64_t whole = 0;
    bool overflows = op == Op::kAdd        ? __builtin_add_overflow(*i, *j, &whole)
                     : op == Op::kSubtract ? __builtin_sub_overflow(*i, *j, &whole)
                     : op == Op::kMultiply ? __builtin_mul_overflow(*i, *j, &whole)
                                           : true;
    if (!overflows) return whole;
  }
  switch (op) {
    case Op::kAdd:
      return value_of(*a + *b);
    case Op::kSubtract:
      return value_of(*a - *b);
    case Op::kMultiply:
      return value_of(*a * *b);
    case Op::kDivide:
      return value_of(*a / *b);
    case Op::kModulo:
      return value_of(std::fmod(*a, *b));
    default:
      return value_of(std::pow(*a, *b));
  }
}

bool compares(Op op, const Value& left, const Value& right) {
  if (op == Op::kEqual) return equal(left, right);
  if (op == Op::kNotEqual) return !equal(left, right);
  if (is_missing(left) || is_missing(right)) return false;
  int order = compare(left, right);
  switch (op) {
    case Op::kLess:
      return order < 0;
    case Op::kLessEqual:
      return order <= 0;
    case Op::kGreater:
      return order > 0;
    default:
      return order >= 0;
  }
}

Value call(const Node& node, const Row& row, TimePoint now) {
  std::vector<Value> values;
  values.reserve(node.parts.size());
  Arguments in{.time = row.time, .now = now};
  for (const NodePtr& part : node.parts) {
    if (part->op == Op::kPeriod) {
      in.period = part->period;
      values.emplace_back();
    } else {
      values.push_back(evaluate(*part, row, now));
    }
  }
  in.values = values;
  Value out = node.function->call(in);
  if (bytes_of(out) > kValueBytesMax) return {};
  return out;
}

bool text_hits(const Node& node, const Row& row, TimePoint now) {
  Value value = evaluate(*node.parts[0], row, now);
  if (is_missing(value)) return false;
  std::string room;
  std::string_view text = view_of(value, room);
  if (node.op == Op::kMatches) return RE2::PartialMatch(text, *node.regex);
  std::string room_part;
  Value part = evaluate(*node.parts[1], row, now);
  return !is_missing(part) && text.find(view_of(part, room_part)) != text.npos;
}

bool is_in(const Node& node, const Row& row, TimePoint now) {
  Value value = evaluate(*node.parts[0], row, now);
  return std::any_of(node.parts.begin() + 1, node.parts.end(),
                     [&](const NodePtr& item) { return equal(value, evaluate(*item, row, now)); });
}

}  // namespace

const json::Value* find_path(const json::Value& root, std::span<const std::string> path) {
  const json::Value* at = &root;
  for (const std::string& name : path) {
    if (at->is_array()) {
      size_t index = 0;
      auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), index);
      bool is_index = failed == std::errc() && end == name.data() + name.size();
      if (!is_index || index >= at->as_array().size()) return nullptr;
      at = &at->as_array()[index];
    } else {
      at = at->find(name);
      if (at == nullptr) return nullptr;
    }
  }
  return at;
}

Value evaluate(const Node& node, const Row& row, TimePoint now) {
  auto part = [&](size_t index) { return evaluate(*node.parts[index], row, now); };
  switch (node.op) {
    case Op::kLiteral:
      return node.literal;
    case Op::kSlot:
      return row.slots[node.slot];
    case Op::kPath: {
      const auto* tree = std::get_if<json::Value>(&row.slots[node.slot]);
      const json::Value* found = tree == nullptr ? nullptr : find_path(*tree, node.path);
      return found == nullptr ? Value() : value_of(*found);
    }
    case Op::kPeriod:
      return {};
    case Op::kCall:
      return call(node, row, now);
    case Op::kNegate: {
      auto number = number_of(part(0));
      return number ? Value(-*number) : Value();
    }
    case Op::kNot:
      return !truth_of(part(0));
    case Op::kAnd:
      return truth_of(part(0)) && truth_of(part(1));
    case Op::kOr:
      return truth_of(part(0)) || truth_of(part(1));
    case Op::kContains:
    case Op::kMatches:
      return text_hits(node, row, now);
    case Op::kIn:
      return is_in(node, row, now);
    case Op::kEqual:
    case Op::kNotEqual:
    case Op::kLess:
    case Op::kLessEqual:
    case Op::kGreater:
    case Op::kGreaterEqual:
      return compares(node.op, part(0), part(1));
    default:
      return arithmetic(node.op, part(0), part(1));
  }
}

namespace {

int64_t floor_to(int64_t value, int64_t step) {
  int64_t rest = value % step;
  return value - (rest < 0 ? rest + step : rest);
}

// Months since January of the year 1970.
int64_t month_of(TimePoint time) {
  std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(time));
  return (int64_t{int(day.year())} - 1970) * 12 + unsigned(day.month()) - 1;
}

TimePoint begin_of_month(int64_t months) {
  int64_t years = floor_to(months, 12) / 12;
  std::chrono::year_month_day day(
      std::chrono::year(static_cast<int>(years + 1970)),
      std::chrono::month(static_cast<unsigned>(months - years * 12 + 1)), std::chrono::day(1));
  return std::chrono::sys_days(day);
}

}  // namespace

TimePoint floor_time(TimePoint time, Period period) {
  if (period.unit == Period::Unit::kMonths) {
    return begin_of_month(floor_to(month_of(time), period.count));
  }
  return TimePoint(Millis(floor_to(time.time_since_epoch().count(), period.count)));
}

TimePoint ceil_time(TimePoint time, Period period) {
  TimePoint floor = floor_time(time, period);
  if (floor == time) return time;
  if (period.unit == Period::Unit::kMonths) {
    return begin_of_month(floor_to(month_of(time), period.count) + period.count);
  }
  return floor + Millis(period.count);
}

}  // namespace suiro::log_query
