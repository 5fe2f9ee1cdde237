// SPDX-License-Identifier: Apache-2.0
// + - * / of numbers, intervals and datetimes, the unary minus, ||, and the difference of two
// datetimes as an interval. The types of results: the reference's "Numeric Types and Precision";
// of two integers: the wider of both, at least INTEGER.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/sql/calendar.h"
#include "engine/sql/convert.h"
#include "engine/sql/library.h"

namespace suiro::sql {
namespace {

enum class Op { kAdd, kSubtract, kMultiply, kDivide };

constexpr std::string_view op_text(Op op) {
  constexpr std::string_view kTexts[] = {"+", "-", "*", "/"};
  return kTexts[static_cast<size_t>(op)];
}

auto overflow(const Type& type) {
  return fail(errors::kNumericOverflow, "the result is outside " + type.text());
}
auto division_by_zero() {
  return fail(errors::kDivisionByZero, "division by zero");
}

Result<Value> checked(const Type& type, __int128 value) {
  constexpr __int128 kMost = std::numeric_limits<int64_t>::max();
  if (value > kMost || value < -kMost - 1 || !fits(type, static_cast<int64_t>(value))) {
    return overflow(type);
  }
  return Value::of_integer(static_cast<int64_t>(value));
}

// The reference's rules; s is at least s1 where digits must go, then whole digits are kept.
Type decimal_result(Op op, const Type& a, const Type& b) {
  const uint32_t p1 = a.length, s1 = a.scale, p2 = b.length, s2 = b.scale;
  if (op == Op::kMultiply) {
    const uint32_t scale = std::min(s1 + s2, kDecimalDigitsCap);
    return decimal_type(std::min(p1 + p2, kDecimalDigitsCap), scale);
  }
  if (op == Op::kDivide) {
    const uint32_t whole = std::min(p1 - s1 + s2, kDecimalDigitsCap);
    uint32_t scale = std::min(std::max(6U, s1 + p2 + 1), kDecimalDigitsCap);
    if (whole + scale > kDecimalDigitsCap) {
      scale = std::max(s1, kDecimalDigitsCap - whole);
    }
    return decimal_type(std::min(whole + scale, kDecimalDigitsCap), scale);
  }
  const uint32_t scale = std::max(s1, s2);
  const uint32_t whole = std::max(p1 - s1, p2 - s2) + 1;
  return decimal_type(std::min(whole + scale, kDecimalDigitsCap), scale);
}

Type integer_result(const Type& a, const Type& b) {
  return simple_type(std::max({a.kind, b.kind, TypeKind::kInteger}));
}

BoundFunction integers(Op op, const Type& a, const Type& b) {
  BoundFunction out;
  out.type = integer_result(a, b);
  out.eval = [op, type = out.type](std::span<const Value> args, EvalContext&) -> Result<Value> {
    const __int128 x = args[0].integer;
    const __int128 y = args[1].integer;
    switch (op) {
      case Op::kAdd:
        return checked(type, x + y);
      case Op::kSubtract:
        return checked(type, x - y);
      case Op::kMultiply:
        return checked(type, x * y);
      case Op::kDivide:
        if (y == 0) return division_by_zero();
        return checked(type, x / y);
    }
    return overflow(type);
  };
  return out;
}

Result<Value> divide_decimals(const Type& type, const Type& a, const Type& b, int64_t x,
                              int64_t y) {
  if (y == 0) return division_by_zero();
  // x / 10^s1 / (y / 10^s2) * 10^s, rounded half away from zero.
  const int shift = static_cast<int>(type.scale + b.scale) - static_cast<int>(a.scale);
  __int128 dividend = x;
  __int128 divisor = y;
  for (int i = 0; i < shift; ++i) {
    if (dividend > std::numeric_limits<__int128>::max() / 20 ||
        dividend < std::numeric_limits<__int128>::min() / 20) {
      return overflow(type);
    }
    dividend *= 10;
  }
  for (int i = shift; i < 0; ++i) divisor *= 10;
  __int128 quotient = dividend / divisor;
  const __int128 rest = dividend % divisor;
  const __int128 twice = (rest < 0 ? -rest : rest) * 2;
  if (twice >= (divisor < 0 ? -divisor : divisor)) quotient += (x < 0) == (y < 0) ? 1 : -1;
  return checked(type, quotient);
}

BoundFunction decimals(Op op, const Type& left, const Type& right) {
  const Type a = as_decimal(left);
  const Type b = as_decimal(right);
  BoundFunction out;
  out.type = decimal_result(op, a, b);
  out.eval = [op, a, b, type = out.type](std::span<const Value> args,
                                         EvalContext&) -> Result<Value> {
    const int64_t x = args[0].integer;
    const int64_t y = args[1].integer;
    if (op == Op::kDivide) return divide_decimals(type, a, b, x, y);
    int64_t value = 0;
    if (op == Op::kMultiply) {
      TRY(value, rescale(static_cast<__int128>(x) * y, a.scale + b.scale, type.scale));
      return checked(type, value);
    }
    TRY(int64_t p, rescale(x, a.scale, type.scale));
    TRY(int64_t q, rescale(y, b.scale, type.scale));
    const __int128 sum =
        op == Op::kAdd ? static_cast<__int128>(p) + q : static_cast<__int128>(p) - q;
    return checked(type, sum);
  };
  return out;
}

BoundFunction reals(Op op, const Type& a, const Type& b) {
  BoundFunction out;
  const bool single = a.kind == TypeKind::kReal && b.kind == TypeKind::kReal;
  out.type = simple_type(single ? TypeKind::kReal : TypeKind::kDouble);
  out.eval = [op, a, b, single](std::span<const Value> args, EvalContext&) -> Result<Value> {
    const double x = real_of(a, args[0]);
    const double y = real_of(b, args[1]);
    double value = 0;
    switch (op) {
      case Op::kAdd:
        value = x + y;
        break;
      case Op::kSubtract:
        value = x - y;
        break;
      case Op::kMultiply:
        value = x * y;
        break;
      case Op::kDivide:
        if (y == 0) return division_by_zero();
        value = x / y;
    }
    if (single) value = static_cast<double>(static_cast<float>(value));
    if (std::isinf(value) && std::isfinite(x) && std::isfinite(y)) {
      return fail(errors::kNumericOverflow, "the result is outside DOUBLE");
    }
    return Value::of_real(value);
  };
  return out;
}

// Both intervals' fields: from the greater leading to the smaller trailing unit.
Type merged(const Type& a, const Type& b) {
  Type out = a;
  out.leading = std::min(a.leading, b.leading);
  out.trailing = std::max(a.trailing, b.trailing);
  out.leading_digits = std::max(a.leading_digits, b.leading_digits);
  out.fraction_digits = std::max(a.fraction_digits, b.fraction_digits);
  return out;
}

BoundFunction intervals(Op op, const Type& a, const Type& b) {
  BoundFunction out;
  out.type = merged(a, b);
  out.eval = [op, type = out.type](std::span<const Value> args, EvalContext&) -> Result<Value> {
    const __int128 x = args[0].integer;
    const __int128 y = args[1].integer;
    return checked(type, op == Op::kAdd ? x + y : x - y);
  };
  return out;
}

// interval * number, interval / number; the result is cut to whole ms or months.
BoundFunction scaled_interval(Op op, const Type& interval, const Type& number,
                              size_t interval_index) {
  BoundFunction out;
  out.type = interval;
  out.eval = [op, interval, number, interval_index](std::span<const Value> args,
                                                    EvalContext&) -> Result<Value> {
    const Value& size = args[interval_index];
    const Value& by = args[1 - interval_index];
    if (number.is_integer()) {
      const __int128 x = size.integer;
      if (op == Op::kMultiply) return checked(interval, x * by.integer);
      if (by.integer == 0) return division_by_zero();
      return checked(interval, x / by.integer);
    }
    const double factor = real_of(number, by);
    if (op == Op::kDivide && factor == 0) return division_by_zero();
    const auto x = static_cast<double>(size.integer);
    const double value = std::trunc(op == Op::kMultiply ? x * factor : x / factor);
    TRY(int64_t whole, scaled_of(value, 0));
    return Value::of_integer(whole);
  };
  return out;
}

Result<Value> shift_datetime(const Type& time, const Type& interval, int64_t at, __int128 by) {
  if (interval.kind == TypeKind::kIntervalMonth) {
    if (by > kYearMax * 12 || by < -kYearMax * 12) return overflow(time);
    const auto months = static_cast<int64_t>(by);
    if (time.kind == TypeKind::kDate) return Value::of_integer(add_months(at, months));
    const int64_t days = add_months(floor_div(at, kDayMs), months);
    return checked(time, static_cast<__int128>(days) * kDayMs + floor_mod(at, kDayMs));
  }
  if (time.kind == TypeKind::kDate) {
    const __int128 ms = static_cast<__int128>(at) * kDayMs + by;
    __int128 days = ms / kDayMs;
    if (ms % kDayMs < 0) --days;
    return checked(time, days);
  }
  if (time.kind == TypeKind::kTime) {
    return Value::of_integer(
        floor_mod(floor_mod(at, kDayMs) + static_cast<int64_t>(by % kDayMs), kDayMs));
  }
  return checked(time, static_cast<__int128>(at) + by);
}

BoundFunction shifted(Op op, const Type& time, const Type& interval, size_t time_index) {
  BoundFunction out;
  out.type = time;
  out.eval = [op, time, interval, time_index](std::span<const Value> args,
                                              EvalContext&) -> Result<Value> {
    const __int128 by = args[1 - time_index].integer;
    return shift_datetime(time, interval, args[time_index].integer, op == Op::kAdd ? by : -by);
  };
  return out;
}

// A bare NULL takes the other side's type.
Result<BoundFunction> bind_arithmetic(Op op, const Type& a, const Type& b) {
  if (a.kind == TypeKind::kNull && b.kind == TypeKind::kNull) {
    return bind_arithmetic(op, simple_type(TypeKind::kInteger), simple_type(TypeKind::kInteger));
  }
  if (a.kind == TypeKind::kNull) return bind_arithmetic(op, b, b);
  if (b.kind == TypeKind::kNull) return bind_arithmetic(op, a, a);
  if (a.is_numeric() && b.is_numeric()) {
    if (a.lane() == Lane::kReal || b.lane() == Lane::kReal) return reals(op, a, b);
    if (a.is_integer() && b.is_integer()) return integers(op, a, b);
    return decimals(op, a, b);
  }
  const bool additive = op == Op::kAdd || op == Op::kSubtract;
  if (a.is_interval() && b.is_interval() && additive && a.kind == b.kind) {
    return intervals(op, a, b);
  }
  if (a.is_interval() && b.is_numeric() && !additive) return scaled_interval(op, a, b, 0);
  if (a.is_numeric() && b.is_interval() && op == Op::kMultiply) {
    return scaled_interval(op, b, a, 1);
  }
  if (a.is_datetime() && b.is_interval() && additive) return shifted(op, a, b, 0);
  if (a.is_interval() && b.is_datetime() && op == Op::kAdd) return shifted(op, b, a, 1);
  if (a.is_datetime() && b.is_datetime() && op == Op::kSubtract) {
    return refuse(
        "cannot apply - to {} and {}: write ({} - {}) with an interval's qualifier, as "
        "(a - b) SECOND",
        a.text(), b.text(), a.text(), b.text());
  }
  return refuse("cannot apply {} to {} and {}", op_text(op), a.text(), b.text());
}

Registry::Scalar arithmetic(Op op) {
  return [op](Arguments args, const FunctionOptions&) -> Result<BoundFunction> {
    TRY_VOID(expect_count(op_text(op), args, 2, 2));
    return bind_arithmetic(op, args[0].type, args[1].type);
  };
}

Result<BoundFunction> bind_negate(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("unary -", args, 1, 1));
  const Type type = args[0].type;
  if (!type.is_numeric() && !type.is_interval() && type.kind != TypeKind::kNull) {
    return refuse("cannot apply - to {}", type.text());
  }
  BoundFunction out;
  out.type = type;
  out.eval = [type](std::span<const Value> values, EvalContext&) -> Result<Value> {
    if (type.lane() == Lane::kReal) return Value::of_real(-values[0].real);
    return checked(type, -static_cast<__int128>(values[0].integer));
  };
  return out;
}

// (a - b) qualifier: cut to the trailing unit, as the reference's examples show.
Result<BoundFunction> bind_between(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("(a - b) qualifier", args, 3, 3));
  TRY(auto qualifier, literal_text("(a - b) qualifier", args, 2));
  TRY(Type type, parse_interval_type(qualifier));
  const Type& a = args[0].type;
  const Type& b = args[1].type;
  const bool null = a.kind == TypeKind::kNull || b.kind == TypeKind::kNull;
  if (!null && (a.kind != b.kind || !a.is_datetime())) {
    return refuse(
        "(a - b) {}: both must be of the same type, DATE, TIME or TIMESTAMP, but they "
        "are {} and {}",
        qualifier, a.text(), b.text());
  }
  const bool months = type.kind == TypeKind::kIntervalMonth;
  if (months && a.kind == TypeKind::kTime) return refuse("a TIME has no months or years");
  const int64_t unit = a.kind == TypeKind::kDate ? kDayMs : 1;
  BoundFunction out;
  out.type = type;
  out.eval = [type, unit, months](std::span<const Value> values, EvalContext&) -> Result<Value> {
    const __int128 ms = (static_cast<__int128>(values[0].integer) - values[1].integer) * unit;
    if (!months) return checked(type, ms - ms % trailing_ms(type.trailing));
    return Value::of_integer(months_between(values[1].integer * unit, values[0].integer * unit));
  };
  return out;
}

Result<BoundFunction> bind_concat(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("||", args, 2, 2));
  const Type& a = args[0].type;
  const Type& b = args[1].type;
  const bool binary = a.is_binary() || b.is_binary();
  for (const Type* type : {&a, &b}) {
    const bool fine = binary ? type->is_binary() : type->is_text();
    if (!fine && type->kind != TypeKind::kNull) {
      return refuse("cannot apply || to {} and {}: CAST to VARCHAR first", a.text(), b.text());
    }
  }
  BoundFunction out;
  out.type = varchar_type(a.length + b.length);
  if (a.kind == TypeKind::kChar && b.kind == TypeKind::kChar) out.type.kind = TypeKind::kChar;
  if (binary) out.type.kind = TypeKind::kVarbinary;
  out.eval = [](std::span<const Value> values, EvalContext& context) -> Result<Value> {
    const auto x = values[0].text;
    const auto y = values[1].text;
    if (x.size() + y.size() > kTextBytesMax) {
      return fail(errors::kTooLong, "the text is longer than a VARCHAR may be");
    }
    char* room = context.arena.room(x.size() + y.size());
    if (!x.empty()) std::memcpy(room, x.data(), x.size());
    if (!y.empty()) std::memcpy(room + x.size(), y.data(), y.size());
    return Value::of_text({room, x.size() + y.size()});
  };
  return out;
}

}  // namespace

void add_arithmetic(Registry& to) {
  to.scalars["+"] = arithmetic(Op::kAdd);
  to.scalars["-"] = arithmetic(Op::kSubtract);
  to.scalars["*"] = arithmetic(Op::kMultiply);
  to.scalars["/"] = arithmetic(Op::kDivide);
  to.scalars["NEGATE"] = bind_negate;
  to.scalars["INTERVAL_BETWEEN"] = bind_between;
  to.scalars["||"] = bind_concat;
}

}  // namespace suiro::sql
