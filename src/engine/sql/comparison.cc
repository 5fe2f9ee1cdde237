// SPDX-License-Identifier: Apache-2.0
// = <> < <= > >=, IS [NOT] DISTINCT FROM, IS TRUE/FALSE/UNKNOWN/NULL and NOT, in three-valued
// logic. Numbers compare with numbers, texts with texts, binaries with binaries, each datetime with
// its own kind, intervals of one class.

#include "engine/sql/convert.h"
#include "engine/sql/library.h"

namespace suiro::sql {
namespace {

enum class Op { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };

using Compare = std::function<int(const Value&, const Value&)>;

bool holds(Op op, int order) {
  switch (op) {
    case Op::kEqual:
      return order == 0;
    case Op::kNotEqual:
      return order != 0;
    case Op::kLess:
      return order < 0;
    case Op::kLessEqual:
      return order <= 0;
    case Op::kGreater:
      return order > 0;
    case Op::kGreaterEqual:
      return order >= 0;
  }
  return false;
}

int compare_decimals(uint32_t a_scale, uint32_t b_scale, int64_t a, int64_t b) {
  __int128 x = a;
  __int128 y = b;
  if (a_scale < b_scale) x *= power_of_ten(b_scale - a_scale);
  if (b_scale < a_scale) y *= power_of_ten(a_scale - b_scale);
  return x < y ? -1 : x > y ? 1 : 0;
}

Compare lane_compare(Lane lane) {
  return [lane](const Value& x, const Value& y) { return compare_values(lane, x, y); };
}

Result<Compare> comparer(std::string_view name, const Type& a, const Type& b) {
  if (a.kind == TypeKind::kNull || b.kind == TypeKind::kNull) {
    const Type& known = a.kind == TypeKind::kNull ? b : a;
    return lane_compare(known.lane());
  }
  if (a.is_numeric() && b.is_numeric()) {
    if (a.lane() == Lane::kReal || b.lane() == Lane::kReal) {
      return Compare([a, b](const Value& x, const Value& y) {
        return compare_values(Lane::kReal, Value::of_real(real_of(a, x)),
                              Value::of_real(real_of(b, y)));
      });
    }
    const uint32_t p = a.kind == TypeKind::kDecimal ? a.scale : 0;
    const uint32_t q = b.kind == TypeKind::kDecimal ? b.scale : 0;
    if (p == q) return lane_compare(Lane::kInteger);
    return Compare([p, q](const Value& x, const Value& y) {
      return compare_decimals(p, q, x.integer, y.integer);
    });
  }
  if (a.is_text() && b.is_text()) {
    const bool padded = a.kind == TypeKind::kChar || b.kind == TypeKind::kChar;
    if (!padded) return lane_compare(Lane::kText);
    return Compare([](const Value& x, const Value& y) { return compare_padded(x.text, y.text); });
  }
  const bool alike =
      (a.is_binary() && b.is_binary()) || (a.kind == b.kind && a.kind != TypeKind::kRow);
  if (alike) return lane_compare(a.lane());
  return refuse("cannot compare {} {} {}: CAST one of them", a.text(), name, b.text());
}

Registry::Scalar comparison(std::string_view name, Op op) {
  return [name, op](Arguments args, const FunctionOptions&) -> Result<BoundFunction> {
    TRY_VOID(expect_count(name, args, 2, 2));
    const bool ordered = op != Op::kEqual && op != Op::kNotEqual;
    if (ordered && args[0].type.is_binary()) return refuse("binary values have no order");
    TRY(auto compare, comparer(name, args[0].type, args[1].type));
    BoundFunction out;
    out.type = simple_type(TypeKind::kBoolean);
    out.eval = [op, compare = std::move(compare)](std::span<const Value> values,
                                                  EvalContext&) -> Result<Value> {
      return Value::of_integer(holds(op, compare(values[0], values[1])) ? 1 : 0);
    };
    return out;
  };
}

Result<BoundFunction> bind_not_distinct(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("IS NOT DISTINCT FROM", args, 2, 2));
  TRY(auto compare, comparer("IS NOT DISTINCT FROM", args[0].type, args[1].type));
  BoundFunction out;
  out.type = simple_type(TypeKind::kBoolean);
  out.type.nullable = false;
  out.null_on_null = false;
  out.eval = [compare = std::move(compare)](std::span<const Value> values,
                                            EvalContext&) -> Result<Value> {
    if (values[0].null || values[1].null) {
      return Value::of_integer(values[0].null && values[1].null ? 1 : 0);
    }
    return Value::of_integer(compare(values[0], values[1]) == 0 ? 1 : 0);
  };
  return out;
}

Result<void> expect_boolean(std::string_view name, Arguments args) {
  TRY_VOID(expect_count(name, args, 1, 1));
  const auto kind = args[0].type.kind;
  if (kind == TypeKind::kBoolean || kind == TypeKind::kNull) return ok();
  return refuse("{} needs a BOOLEAN, not {}", name, args[0].type.text());
}

Result<BoundFunction> bind_not(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_boolean("NOT", args));
  BoundFunction out;
  out.type = simple_type(TypeKind::kBoolean);
  out.eval = [](std::span<const Value> values, EvalContext&) -> Result<Value> {
    return Value::of_integer(values[0].integer == 0 ? 1 : 0);
  };
  return out;
}

enum class Is { kTrue, kFalse, kUnknown };

Registry::Scalar truth(std::string_view name, Is is) {
  return [name, is](Arguments args, const FunctionOptions&) -> Result<BoundFunction> {
    TRY_VOID(expect_boolean(name, args));
    BoundFunction out;
    out.type = simple_type(TypeKind::kBoolean);
    out.type.nullable = false;
    out.null_on_null = false;
    out.eval = [is](std::span<const Value> values, EvalContext&) -> Result<Value> {
      const Value& value = values[0];
      const bool yes = is == Is::kUnknown
                           ? value.null
                           : !value.null && (value.integer != 0) == (is == Is::kTrue);
      return Value::of_integer(yes ? 1 : 0);
    };
    return out;
  };
}

Result<BoundFunction> bind_is_null(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("IS NULL", args, 1, 1));
  BoundFunction out;
  out.type = simple_type(TypeKind::kBoolean);
  out.type.nullable = false;
  out.null_on_null = false;
  out.eval = [](std::span<const Value> values, EvalContext&) -> Result<Value> {
    return Value::of_integer(values[0].null ? 1 : 0);
  };
  return out;
}

}  // namespace

void add_comparison(Registry& to) {
  to.scalars["="] = comparison("=", Op::kEqual);
  to.scalars["<>"] = comparison("<>", Op::kNotEqual);
  to.scalars["<"] = comparison("<", Op::kLess);
  to.scalars["<="] = comparison("<=", Op::kLessEqual);
  to.scalars[">"] = comparison(">", Op::kGreater);
  to.scalars[">="] = comparison(">=", Op::kGreaterEqual);
  to.scalars["IS_NOT_DISTINCT"] = bind_not_distinct;
  to.scalars["NOT"] = bind_not;
  to.scalars["IS_TRUE"] = truth("IS TRUE", Is::kTrue);
  to.scalars["IS_FALSE"] = truth("IS FALSE", Is::kFalse);
  to.scalars["IS_UNKNOWN"] = truth("IS UNKNOWN", Is::kUnknown);
  to.scalars["IS_NULL"] = bind_is_null;
}

}  // namespace suiro::sql
