// SPDX-License-Identifier: Apache-2.0
// Which way expressions go over the rows of a stream, and where they change in terms of ROWTIME.
// Source of the rules: the service's SQL reference, "Monotonic Expressions and Operators".

#include "engine/sql/bind.h"
#include "engine/sql/calendar.h"

namespace suiro::sql {
namespace {

bool is_constant(const Expr& expr) {
  return expr.monotonic == Monotonic::kConstant;
}

Monotonic reversed(Monotonic way) {
  if (way == Monotonic::kIncreasing) return Monotonic::kDecreasing;
  if (way == Monotonic::kDecreasing) return Monotonic::kIncreasing;
  return way;
}

// Of a literal number or interval: -1, 0, 1. Nothing where it is not known.
std::optional<int> sign_of(const Expr& expr) {
  if (expr.kind != Expr::Kind::kLiteral || expr.literal.null) return std::nullopt;
  if (expr.type.lane() == Lane::kReal) {
    return expr.literal.real < 0 ? -1 : expr.literal.real > 0 ? 1 : 0;
  }
  if (expr.type.lane() != Lane::kInteger) return std::nullopt;
  return expr.literal.integer < 0 ? -1 : expr.literal.integer > 0 ? 1 : 0;
}

Monotonic of_sum(const Expr& a, const Expr& b) {
  if (is_constant(a)) return b.monotonic;
  if (is_constant(b)) return a.monotonic;
  return a.monotonic == b.monotonic ? a.monotonic : Monotonic::kNo;
}

Monotonic of_difference(const Expr& a, const Expr& b) {
  if (is_constant(b)) return a.monotonic;
  if (is_constant(a)) return reversed(b.monotonic);
  return a.monotonic == reversed(b.monotonic) ? a.monotonic : Monotonic::kNo;
}

Monotonic scaled(const Expr& moving, const Expr& by) {
  const auto sign = sign_of(by);
  if (!sign) return Monotonic::kNo;
  if (*sign == 0) return Monotonic::kConstant;
  return *sign > 0 ? moving.monotonic : reversed(moving.monotonic);
}

// Functions that keep the order of their argument `args[index]`, where the others are constant.
std::optional<size_t> keeps_order(std::string_view name) {
  if (name == "FLOOR" || name == "CEIL" || name == "FLOOR_TO" || name == "CEIL_TO" ||
      name == "STEP" || name == "UNIX_TIMESTAMP" || name == "TO_TIMESTAMP") {
    return 0;
  }
  return std::nullopt;
}

// x, cut down to multiples of `unit`.
Steps floored(Steps x, int64_t unit) {
  if (x.width_ms == 0 || x.rise <= 0 || unit <= 0) return {};
  const int64_t rest = floor_mod(x.value, unit);
  if (x.rise % unit == 0 && rest == 0) return x;  // nothing is cut
  if (unit % x.rise != 0 || rest % x.rise != 0) return {};
  const int64_t count = unit / x.rise;
  constexpr int64_t kWidthMax = int64_t{1} << 40;  // some thirty years
  if (count > kWidthMax / x.width_ms) return {};
  x.offset_ms -= rest / x.rise * x.width_ms;
  x.value -= rest;
  x.width_ms *= count;
  x.rise = unit;
  return x;
}

// CEIL is FLOOR of what lies below, one unit up.
Steps raised(Steps x, int64_t unit) {
  if (x.width_ms == 0 || x.rise <= 0) return {};
  x.value -= x.rise;
  Steps out = floored(x, unit);
  if (out.width_ms == 0 || out.rise != unit) return {};
  out.value += unit;
  return out;
}

Steps divided(const Steps& x, int64_t by) {
  if (by <= 0) return {};
  Steps out = floored(x, by);
  if (out.width_ms == 0) return {};
  out.rise /= by;
  out.value /= by;
  return out;
}

Steps multiplied(Steps x, int64_t by) {
  constexpr int64_t kMost = int64_t{1} << 40;
  if (by <= 0 || by > kMost / (x.rise + 1) || std::abs(x.value) > kMost) return {};
  x.rise *= by;
  x.value *= by;
  return x;
}

// x, cut down to months: where it moves by what divides a day.
Steps to_months(const Steps& x, int64_t months) {
  constexpr int64_t kMonthsMax = 12'000;
  constexpr int64_t kMost = int64_t{1} << 60;
  if (x.width_ms == 0 || x.rise != x.width_ms || months <= 0 || months > kMonthsMax) return {};
  if (kDayMs % x.width_ms != 0 || x.value % x.width_ms != 0 || std::abs(x.value) > kMost) return {};
  return {.offset_ms = x.offset_ms - x.value, .months = months};
}

// Of a unit's name; 0: it is shorter.
int64_t unit_months(std::string_view name) {
  const auto unit = unit_named(name);
  if (unit == TimeUnit::kYear) return 12;
  return unit == TimeUnit::kMonth ? 1 : 0;
}

// Milliseconds of a unit's name; 0: its length varies.
int64_t unit_ms(std::string_view name) {
  const auto unit = unit_named(name);
  if (!unit) return 0;
  switch (*unit) {
    case TimeUnit::kDay:
      return 86'400'000;
    case TimeUnit::kHour:
      return 3'600'000;
    case TimeUnit::kMinute:
      return 60'000;
    case TimeUnit::kSecond:
      return 1'000;
    default:
      return 0;
  }
}

std::optional<int64_t> whole_literal(const Expr& expr) {
  if (expr.kind != Expr::Kind::kLiteral || expr.literal.null) return std::nullopt;
  if (expr.type.lane() != Lane::kInteger) return std::nullopt;
  if (expr.type.kind == TypeKind::kDecimal && expr.type.scale > 0) return std::nullopt;
  return expr.literal.integer;
}

Steps shifted(Steps x, int64_t by) {
  constexpr int64_t kMost = int64_t{1} << 60;
  if (std::abs(x.value) > kMost || std::abs(by) > kMost) return {};
  x.value += by;
  return x;
}

// Dates are days: their lane does not add up with milliseconds.
bool in_ms(const Type& type) {
  return type.kind == TypeKind::kTimestamp || type.kind == TypeKind::kIntervalDay;
}

Steps steps_of_call(const Expr& expr, std::span<const Facts> columns) {
  const auto& args = expr.args;
  const auto& name = expr.name;
  if (args.empty()) return {};
  Steps x = steps_of(*args[0], columns);
  if (x.months > 0) {  // months to years
    const bool floors = name == "FLOOR_TO" && 12 % x.months == 0;
    if (floors) x.months = std::max(x.months, unit_months(args[1]->literal_text));
    return floors && unit_months(args[1]->literal_text) > 0 ? x : Steps{};
  }
  if (x.width_ms == 0) return {};
  if (x.rise == 0) return {};
  if (args.size() == 1) {
    return name == "UNIX_TIMESTAMP" || name == "TO_TIMESTAMP" ? x : Steps{};
  }
  if ((name == "FLOOR_TO" || name == "CEIL_TO") && in_ms(args[0]->type)) {
    if (const int64_t months = unit_months(args[1]->literal_text); months > 0) {
      if (name == "CEIL_TO") x.value -= x.rise;
      return to_months(x, months);
    }
  }
  if (name == "FLOOR_TO" && in_ms(args[0]->type)) return floored(x, unit_ms(args[1]->literal_text));
  if (name == "CEIL_TO" && in_ms(args[0]->type)) return raised(x, unit_ms(args[1]->literal_text));
  const auto by = whole_literal(*args[1]);
  if (!by) return {};
  if (name == "STEP" && args[1]->type.kind == TypeKind::kIntervalMonth && in_ms(args[0]->type)) {
    return to_months(x, *by);
  }
  const bool alike = args[0]->type.is_integer() ? args[1]->type.is_integer() : in_ms(args[0]->type);
  if (name == "STEP" && alike) return floored(x, *by);
  if (name == "+" && alike && (args[0]->type.is_integer() || in_ms(args[1]->type))) {
    return shifted(x, *by);
  }
  if (name == "-" && alike && (args[0]->type.is_integer() || in_ms(args[1]->type))) {
    return shifted(x, -*by);
  }
  if (name == "*" && args[1]->type.is_integer()) return multiplied(x, *by);
  if (name == "/" && args[1]->type.is_integer()) return divided(x, *by);
  if (name == "INTERVAL_BETWEEN" && in_ms(args[0]->type) && in_ms(args[1]->type)) {
    // The difference is cut to its last unit; seconds keep their milliseconds.
    const Steps difference = shifted(x, -*by);
    if (expr.type.trailing == TimeUnit::kSecond) return difference;
    return floored(difference, unit_ms(unit_name(expr.type.trailing)));
  }
  return {};
}

}  // namespace

Monotonic monotonic_of_call(std::string_view name, std::span<const ExprPtr> args) {
  if (name == "CURRENT_ROW_TIMESTAMP") return Monotonic::kIncreasing;
  bool constant = true;
  for (const auto& arg : args) constant = constant && is_constant(*arg);
  if (constant) return Monotonic::kConstant;
  if (name == "NEGATE") return reversed(args[0]->monotonic);
  if (name == "+" && args.size() == 2) return of_sum(*args[0], *args[1]);
  if ((name == "-" && args.size() == 2) || name == "INTERVAL_BETWEEN") {
    return of_difference(*args[0], *args[1]);
  }
  if (name == "*" && is_constant(*args[1])) return scaled(*args[0], *args[1]);
  if (name == "*" && is_constant(*args[0])) return scaled(*args[1], *args[0]);
  if (name == "/" && is_constant(*args[1])) {
    return sign_of(*args[1]) == 0 ? Monotonic::kNo : scaled(*args[0], *args[1]);
  }
  if (const auto index = keeps_order(name)) {
    for (size_t i = 0; i < args.size(); ++i) {
      if (i != *index && !is_constant(*args[i])) return Monotonic::kNo;
    }
    return args[*index]->monotonic;
  }
  if (name == "SUBSTRING_FROM" || name == "SUBSTRING") {
    // From the beginning, for a constant length.
    const bool begins = args.size() == 3 && is_constant(*args[2]) && whole_literal(*args[1]) &&
                        *whole_literal(*args[1]) <= 1;
    return begins ? args[0]->monotonic : Monotonic::kNo;
  }
  return Monotonic::kNo;
}

Monotonic monotonic_of_cast(const Expr& from, const Type& to) {
  if (is_constant(from)) return Monotonic::kConstant;
  const Type& type = from.type;
  const bool time = type.kind == TypeKind::kTimestamp || type.kind == TypeKind::kDate;
  const bool keeps = (type.is_numeric() && to.is_numeric()) ||
                     (type.is_interval() && (to.is_interval() || to.is_numeric())) ||
                     (time && (to.kind == TypeKind::kTimestamp || to.kind == TypeKind::kDate));
  return keeps ? from.monotonic : Monotonic::kNo;
}

Steps steps_of(const Expr& expr, std::span<const Facts> columns) {
  switch (expr.kind) {
    case Expr::Kind::kRowtime:
      return kRowtimeSteps;
    case Expr::Kind::kColumn:
      return expr.column < columns.size() ? columns[expr.column].steps : Steps{};
    case Expr::Kind::kCall:
      if (expr.name == "CAST") {
        return same_type(expr.type, expr.args[0]->type) ||
                       (expr.type.is_integer() && expr.args[0]->type.is_integer())
                   ? steps_of(*expr.args[0], columns)
                   : Steps{};
      }
      return steps_of_call(expr, columns);
    default:
      return {};
  }
}

Windows windows_of(const Steps& steps) {
  Windows out{.width_ms = steps.width_ms, .offset_ms = steps.offset_ms, .months = steps.months};
  if (steps.width_ms > 0) out.offset_ms = floor_mod(steps.offset_ms, steps.width_ms);
  return steps.known() ? out : Windows{};
}

}  // namespace suiro::sql
