// SPDX-License-Identifier: Apache-2.0
// Functions of numbers. FLOOR and CEIL of a decimal are whole decimals; EXP, LN, LOG10, POWER and
// SQRT are DOUBLE. What has no value raises: LN(0), POWER(0, -1), POWER(-8, 0.5), MOD(1, 0).
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/sql/calendar.h"
#include "engine/sql/convert.h"
#include "engine/sql/library.h"

namespace suiro::sql {
namespace {

Result<BoundFunction> bind_abs(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("ABS", args, 1, 1));
  const Type type = args[0].type;
  if (!type.is_interval()) TRY_VOID(expect_numeric("ABS", args, 0));
  BoundFunction out;
  out.type = type;
  out.eval = [type](std::span<const Value> values, EvalContext&) -> Result<Value> {
    if (type.lane() == Lane::kReal) return Value::of_real(std::fabs(values[0].real));
    const int64_t value = values[0].integer;
    if (value >= 0) return values[0];
    if (value == std::numeric_limits<int64_t>::min() || !fits(type, -value)) {
      return fail(errors::kNumericOverflow, "the result is outside " + type.text());
    }
    return Value::of_integer(-value);
  };
  return out;
}

enum class Round { kDown, kUp };

Registry::Scalar whole(std::string_view name, Round round) {
  return [name, round](Arguments args, const FunctionOptions&) -> Result<BoundFunction> {
    TRY_VOID(expect_count(name, args, 1, 1));
    const Type type = args[0].type;
    if (type.is_datetime()) {
      return refuse("{} of a {} needs a unit: {}(x TO HOUR)", name, type.text(), name);
    }
    TRY_VOID(expect_numeric(name, args, 0));
    BoundFunction out;
    out.type = type;
    if (type.lane() == Lane::kReal) {
      out.eval = [round](std::span<const Value> values, EvalContext&) -> Result<Value> {
        const double x = values[0].real;
        return Value::of_real(round == Round::kDown ? std::floor(x) : std::ceil(x));
      };
      return out;
    }
    const bool fractional = type.kind == TypeKind::kDecimal && type.scale > 0;
    const int64_t unit = fractional ? power_of_ten(type.scale) : 1;
    if (fractional) {
      const uint32_t digits = type.length - type.scale + 1;  // 9.5 becomes 10
      out.type = decimal_type(std::min(digits, kDecimalDigitsCap), 0);
    }
    out.eval = [round, unit](std::span<const Value> values, EvalContext&) -> Result<Value> {
      const int64_t down = floor_div(values[0].integer, unit);
      const bool up = round == Round::kUp && floor_mod(values[0].integer, unit) != 0;
      return Value::of_integer(up ? down + 1 : down);
    };
    return out;
  };
}

Result<Value> finite(double value) {
  if (std::isfinite(value)) return Value::of_real(value);
  return fail(errors::kNumericOverflow, "the result is outside DOUBLE");
}

// A function of one number; `defined` says where it has a value.
Registry::Scalar real_function(std::string_view name, double (*function)(double),
                               bool (*defined)(double)) {
  return [=](Arguments args, const FunctionOptions&) -> Result<BoundFunction> {
    TRY_VOID(expect_count(name, args, 1, 1));
    TRY_VOID(expect_numeric(name, args, 0));
    BoundFunction out;
    out.type = simple_type(TypeKind::kDouble);
    out.eval = [=, type = args[0].type](std::span<const Value> values,
                                        EvalContext&) -> Result<Value> {
      const double x = real_of(type, values[0]);
      if (!defined(x)) {
        return fail(errors::kInvalidArgument, fmt::format("{}({}) has no value", name, x));
      }
      return finite(function(x));
    };
    return out;
  };
}

bool everywhere(double) {
  return true;
}
bool above_zero(double x) {
  return x > 0;
}
bool not_below_zero(double x) {
  return x >= 0;
}

Result<BoundFunction> bind_power(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("POWER", args, 2, 2));
  TRY_VOID(expect_numeric("POWER", args, 0));
  TRY_VOID(expect_numeric("POWER", args, 1));
  BoundFunction out;
  out.type = simple_type(TypeKind::kDouble);
  out.eval = [a = args[0].type, b = args[1].type](std::span<const Value> values,
                                                  EvalContext&) -> Result<Value> {
    const double base = real_of(a, values[0]);
    const double exponent = real_of(b, values[1]);
    const bool undefined = (base == 0 && exponent < 0) || (base < 0 && std::isfinite(exponent) &&
                                                           std::trunc(exponent) != exponent);
    if (undefined) {
      return fail(errors::kInvalidArgument,
                  fmt::format("POWER({}, {}) has no value", base, exponent));
    }
    return finite(std::pow(base, exponent));
  };
  return out;
}

Result<BoundFunction> bind_mod(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("MOD", args, 2, 2));
  for (size_t i = 0; i < 2; ++i) {
    const Type& type = args[i].type;
    if (type.is_numeric() && !type.is_integer() &&
        !(type.kind == TypeKind::kDecimal && type.scale == 0)) {
      return refuse("MOD takes whole numbers, not {}: CAST it AS INTEGER", type.text());
    }
    TRY_VOID(expect_integer("MOD", args, i));
  }
  BoundFunction out;
  out.type = args[1].type.kind == TypeKind::kNull ? args[0].type : args[1].type;
  out.eval = [](std::span<const Value> values, EvalContext&) -> Result<Value> {
    if (values[1].integer == 0) return fail(errors::kDivisionByZero, "MOD by zero");
    if (values[1].integer == -1) return Value::of_integer(0);
    return Value::of_integer(values[0].integer % values[1].integer);
  };
  return out;
}

}  // namespace

void add_numbers(Registry& to) {
  to.scalars["ABS"] = bind_abs;
  to.scalars["FLOOR"] = whole("FLOOR", Round::kDown);
  to.scalars["CEIL"] = to.scalars["CEILING"] = whole("CEIL", Round::kUp);
  to.scalars["EXP"] = real_function("EXP", std::exp, everywhere);
  to.scalars["LN"] = real_function("LN", std::log, above_zero);
  to.scalars["LOG10"] = real_function("LOG10", std::log10, above_zero);
  to.scalars["SQRT"] = real_function("SQRT", std::sqrt, not_below_zero);
  to.scalars["POWER"] = bind_power;
  to.scalars["MOD"] = bind_mod;
}

}  // namespace suiro::sql
