// SPDX-License-Identifier: Apache-2.0
// Expressions of the plan: making, counting, folding, comparing, rewriting them.

#include <algorithm>

#include "engine/sql/bind.h"
#include "engine/sql/lexer.h"

namespace suiro::sql {
namespace {

bool same_value(const Expr& a, const Expr& b) {
  if (a.literal.null || b.literal.null) return a.literal.null == b.literal.null;
  return compare_values(a.type.lane(), a.literal, b.literal) == 0;
}

// The value of a call whose arguments are constants. Nothing: it fails, and must fail row by row.
std::optional<Expr> folded(const Expr& call) {
  std::vector<Value> args;
  bool any_null = false;
  for (const auto& arg : call.args) {
    args.push_back(arg->literal);
    any_null = any_null || arg->literal.null;
  }
  Expr out;
  out.at = call.at;
  out.type = call.type;
  out.monotonic = Monotonic::kConstant;
  if (any_null && call.function->null_on_null) return out;
  Arena arena;
  EvalContext context{arena};
  auto value = call.function->eval(args, context);
  if (!value) return std::nullopt;
  out.literal = *value;
  if (out.type.lane() == Lane::kText && !value->null) out.literal_text = std::string(value->text);
  return out;
}

bool is_foldable(const Expr& expr) {
  return expr.kind == Expr::Kind::kCall && expr.function->deterministic &&
         expr.type.lane() != Lane::kNone && !expr.args.empty() &&
         std::ranges::all_of(expr.args,
                             [](const ExprPtr& arg) { return arg->kind == Expr::Kind::kLiteral; });
}

}  // namespace

NodePtr make_node(Schema schema, std::vector<NodePtr> inputs, Position at,
                  decltype(Node::what) what) {
  auto node = std::make_shared<Node>();
  node->schema = std::move(schema);
  node->inputs = std::move(inputs);
  node->at = at;
  node->what = std::move(what);
  return node;
}

bool same_expr(const Expr& a, const Expr& b) {
  if (&a == &b) return true;
  if (a.kind != b.kind || a.args.size() != b.args.size() || !same_type(a.type, b.type))
    return false;
  switch (a.kind) {
    case Expr::Kind::kColumn:
      return a.column == b.column;
    case Expr::Kind::kRowtime:
      return true;
    case Expr::Kind::kLiteral:
      return same_value(a, b);
    case Expr::Kind::kCall:
      if (a.name != b.name) return false;
      break;
    case Expr::Kind::kField:
      if (a.column != b.column) return false;
      break;
    default:
      break;
  }
  return std::ranges::equal(a.args, b.args,
                            [](const ExprPtr& x, const ExprPtr& y) { return same_expr(*x, *y); });
}

bool has_rowtime(const Expr& expr) {
  return expr.kind == Expr::Kind::kRowtime ||
         std::ranges::any_of(expr.args, [](const ExprPtr& arg) { return has_rowtime(*arg); });
}

void columns_of(const Expr& expr, std::set<size_t>& to) {
  if (expr.kind == Expr::Kind::kColumn) to.insert(expr.column);
  for (const auto& arg : expr.args) columns_of(*arg, to);
}

// Every expression of the plan passes here once: it is counted, and its text gets its place.
Result<ExprPtr> Binder::made(Expr expr) {
  uint64_t weight = 1;
  for (const auto& arg : expr.args) weight += weights_[arg.get()];
  if (exprs_.size() >= kExprsMax || weight > kWeightMax) {
    return found_expected(expr.at, "an expression that grows beyond all measure",
                          "fewer calls of functions within each other");
  }
  const Position at = expr.at;
  auto out = std::make_shared<Expr>(std::move(expr));
  out->at = at;
  if (out->kind == Expr::Kind::kLiteral && out->type.lane() == Lane::kText) {
    out->literal.text = out->literal_text;
  }
  exprs_.push_back(out);
  weights_[out.get()] = weight;
  return ExprPtr(std::move(out));
}

Result<ExprPtr> Binder::bound_call(std::string name, BoundFunction function,
                                   std::vector<ExprPtr> args, Position at) {
  Expr out;
  out.kind = Expr::Kind::kCall;
  out.at = at;
  out.type = function.type;
  out.monotonic = monotonic_of_call(name, args);
  if (!function.deterministic && out.monotonic == Monotonic::kConstant) {
    out.monotonic = Monotonic::kNo;
  }
  out.name = std::move(name);
  out.function = std::make_shared<const BoundFunction>(std::move(function));
  out.args = std::move(args);
  if (is_foldable(out)) {
    if (auto value = folded(out)) return made(std::move(*value));
  }
  return made(std::move(out));
}

Result<ExprPtr> Binder::call_expr(std::string name, std::vector<ExprPtr> args, Position at) {
  std::vector<ArgumentInfo> infos;
  infos.reserve(args.size());
  for (const auto& arg : args) {
    infos.push_back({arg->type, arg->kind == Expr::Kind::kLiteral ? &arg->literal : nullptr});
  }
  auto function = functions_.scalar(name, infos);
  if (!function) return refused(at, function.error().message);
  return bound_call(std::move(name), std::move(*function), std::move(args), at);
}

Result<ExprPtr> Binder::logic(Expr::Kind kind, ExprPtr left, ExprPtr right) {
  Expr out;
  out.kind = kind;
  out.at = left->at;
  out.type.kind = TypeKind::kBoolean;
  out.type.nullable = left->type.nullable || right->type.nullable;
  out.args = {std::move(left), std::move(right)};
  return made(std::move(out));
}

Result<ExprPtr> Binder::null_of(const Type& type, Position at) {
  Expr out;
  out.at = at;
  out.type = type;
  out.type.nullable = true;
  out.monotonic = Monotonic::kConstant;
  return made(std::move(out));
}

Result<ExprPtr> Binder::cast(ExprPtr from, const Type& to, Position at) {
  if (same_type(from->type, to)) return from;
  if (from->kind == Expr::Kind::kLiteral && from->literal.null) return null_of(to, at);
  auto function = functions_.cast(from->type, to);
  if (!function) return refused(at, function.error().message);
  const Monotonic monotonic = monotonic_of_cast(*from, to);
  TRY(ExprPtr call, bound_call("CAST", std::move(*function), {std::move(from)}, at));
  if (call->kind == Expr::Kind::kLiteral || call->monotonic == monotonic) return call;
  Expr out = *call;
  out.monotonic = monotonic;
  return made(std::move(out));
}

Result<ExprPtr> Binder::fit(ExprPtr from, const Type& to, Position at) {
  const bool varying = to.kind == TypeKind::kVarchar || to.kind == TypeKind::kVarbinary;
  if (varying && is_assignable(from->type, to) && from->type.kind != TypeKind::kNull &&
      from->type.length <= to.length) {
    return from;
  }
  return cast(std::move(from), to, at);
}

Result<ExprPtr> Binder::column_of(const Schema& schema, size_t index, Monotonic monotonic,
                                  Position at) {
  Expr out;
  out.kind = Expr::Kind::kColumn;
  out.at = at;
  out.column = index;
  out.name = schema[index].name;
  out.type = schema[index].type;
  out.monotonic = monotonic;
  return made(std::move(out));
}

Result<ExprPtr> Binder::rewrite(const ExprPtr& expr, const Replacement& replace) {
  std::unordered_map<const Expr*, ExprPtr> known;
  return rewrite(expr, replace, known);
}

Result<ExprPtr> Binder::rewrite(const ExprPtr& expr, const Replacement& replace,
                                std::unordered_map<const Expr*, ExprPtr>& known) {
  if (auto found = known.find(expr.get()); found != known.end()) return found->second;
  TRY(ExprPtr out, replace(expr));
  if (!out) {
    std::vector<ExprPtr> args;
    bool changed = false;
    for (const auto& arg : expr->args) {
      TRY(ExprPtr other, rewrite(arg, replace, known));
      changed = changed || other != arg;
      args.push_back(std::move(other));
    }
    out = expr;
    if (changed) {
      Expr copy = *expr;
      copy.args = std::move(args);
      TRY(out, made(std::move(copy)));
    }
  }
  known[expr.get()] = out;
  return out;
}

}  // namespace suiro::sql
