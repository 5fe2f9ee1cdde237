// SPDX-License-Identifier: Apache-2.0
// Which step runs an expression: a loop where its outcome is known to be the bound function's.
#include <limits>
#include <optional>

#include "engine/sql/evaluate_steps.h"

namespace suiro::sql {
namespace {

constexpr int64_t kSecondMs = 1'000, kMinuteMs = 60'000, kHourMs = 3'600'000, kDayMs = 86'400'000;

template <class T>
std::pair<int64_t, int64_t> range() {
  return {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
}

std::pair<int64_t, int64_t> range_of(TypeKind kind) {
  switch (kind) {
    case TypeKind::kTinyint:
      return range<int8_t>();
    case TypeKind::kSmallint:
      return range<int16_t>();
    case TypeKind::kInteger:
      return range<int32_t>();
    default:
      return range<int64_t>();
  }
}

std::optional<Relation> relation_of(std::string_view name) {
  if (name == "=") return Relation::kEqual;
  if (name == "<>") return Relation::kNotEqual;
  if (name == "<") return Relation::kLess;
  if (name == "<=") return Relation::kLessEqual;
  if (name == ">") return Relation::kGreater;
  if (name == ">=") return Relation::kGreaterEqual;
  return std::nullopt;
}

// Values of the two types compare as their integers do.
bool same_scale(const Type& a, const Type& b) {
  if (a.is_integer() && b.is_integer()) return true;
  if (a.kind != b.kind) return false;
  return a.is_datetime() || a.kind == TypeKind::kBoolean || a.kind == TypeKind::kIntervalDay ||
         (a.kind == TypeKind::kDecimal && a.scale == b.scale);
}

std::optional<int64_t> unit_of(const Expr& unit) {
  if (unit.kind != Expr::Kind::kLiteral || unit.literal.null) return std::nullopt;
  if (unit.literal.text == "SECOND") return kSecondMs;
  if (unit.literal.text == "MINUTE") return kMinuteMs;
  if (unit.literal.text == "HOUR") return kHourMs;
  if (unit.literal.text == "DAY") return kDayMs;
  return std::nullopt;
}

}  // namespace

Evaluator::Op Evaluator::choose(const Expr& expr, Step& step) {
  switch (expr.kind) {
    case Expr::Kind::kColumn:
      return Op::kColumn;
    case Expr::Kind::kRowtime:
      return Op::kRowtime;
    case Expr::Kind::kLiteral:
      return Op::kLiteral;
    case Expr::Kind::kAnd:
      return Op::kAnd;
    case Expr::Kind::kOr:
      return Op::kOr;
    case Expr::Kind::kCase:
      return Op::kCase;
    case Expr::Kind::kField:
      return Op::kField;
    case Expr::Kind::kCall:
      break;
  }
  if (expr.name == "IS_NULL" && expr.args.size() == 1 &&
      expr.args[0]->type.kind != TypeKind::kRow) {
    return Op::kIsNull;
  }
  if (expr.name == "NOT" && expr.args.size() == 1) return Op::kNot;
  if (expr.args.size() != 2) return Op::kCall;
  const Type& a = expr.args[0]->type;
  const Type& b = expr.args[1]->type;
  if (auto relation = relation_of(expr.name)) {
    step.relation = *relation;
    if (same_scale(a, b)) return Op::kIntegerCompare;
    if (a.lane() == Lane::kReal && b.lane() == Lane::kReal) return Op::kRealCompare;
    if (a.kind == TypeKind::kVarchar && b.kind == TypeKind::kVarchar) return Op::kTextCompare;
    return Op::kCall;
  }
  if (expr.name.size() == 1 && std::string_view("+-*/").contains(expr.name[0])) {
    step.symbol = expr.name[0];
    if (a.is_integer() && b.is_integer() && expr.type.is_integer()) {
      std::tie(step.least, step.most) = range_of(expr.type.kind);
      return Op::kIntegerArithmetic;
    }
    if (a.kind == TypeKind::kDouble && b.kind == TypeKind::kDouble &&
        expr.type.kind == TypeKind::kDouble) {
      return Op::kRealArithmetic;
    }
    return Op::kCall;
  }
  if (expr.name == "FLOOR_TO" && a.kind == TypeKind::kTimestamp) {
    if (auto unit = unit_of(*expr.args[1])) {
      step.unit_ms = *unit;
      return Op::kFloorTo;
    }
  }
  if (expr.name == "STEP" && a.kind == TypeKind::kTimestamp && b.kind == TypeKind::kIntervalDay &&
      expr.args[1]->kind == Expr::Kind::kLiteral) {
    const Value& interval = expr.args[1]->literal;
    if (!interval.null && interval.integer > 0 && interval.integer < kDayMs) {
      step.unit_ms = interval.integer;
      return Op::kFloorTo;
    }
  }
  return Op::kCall;
}

bool depends_on_rowtime_alone(const Expr& expr) {
  if (expr.kind == Expr::Kind::kColumn) return false;
  if (expr.kind == Expr::Kind::kCall && expr.function && !expr.function->deterministic) {
    return false;
  }
  for (const ExprPtr& arg : expr.args) {
    if (!depends_on_rowtime_alone(*arg)) return false;
  }
  return true;
}

Result<Value> evaluate_at(const ExprPtr& expr, int64_t rowtime_ms, int64_t query_start_ms,
                          Arena& arena) {
  Evaluator evaluator({expr}, query_start_ms);
  Rows rows;
  rows.rowtimes_ms = {rowtime_ms};
  std::vector<uint32_t> selection{0};
  evaluator.run(rows, selection, arena);
  if (!evaluator.errors().empty()) return fail(evaluator.errors()[0].error);
  Value value = value_at(evaluator.result(0), 0);
  if (!value.null) value.text = arena.keep(value.text);
  return value;
}

}  // namespace suiro::sql
