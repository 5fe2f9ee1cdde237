// SPDX-License-Identifier: Apache-2.0
// Calls: functions, aggregates, analytic functions, functions written in SQL.
#include <fmt/format.h>

#include <algorithm>

#include "engine/sql/bind.h"
#include "engine/sql/lexer.h"

namespace suiro::sql {
namespace {

// Aggregates that make sense with OVER alone.
bool is_analytic_only(std::string_view name) {
  return name == "LAG" || name == "LEAD" || name == "NTH_VALUE" || name == "EXP_AVG";
}

// Whether an argument may be given for a parameter: the types are the same but for lengths.
bool matches(const Type& argument, const Type& parameter) {
  if (argument.kind == TypeKind::kNull) return true;
  if (argument.is_text()) return parameter.is_text();
  if (argument.is_binary()) return parameter.is_binary();
  if (argument.kind != parameter.kind) return false;
  return argument.kind != TypeKind::kDecimal || argument.scale == parameter.scale;
}

std::string signature(const AstFunction& function) {
  std::string out = function.name.text + "(";
  for (size_t i = 0; i < function.parameters.size(); ++i) {
    out += (i > 0 ? ", " : "") + function.parameters[i].type.text();
  }
  return out + ")";
}

// With what is said beside the arguments.
std::string full_name(const AstExpr& call) {
  std::string out = call.name;
  if (call.quantifier == AggregateCall::Quantifier::kDistinct) out += " DISTINCT";
  if (call.from == AggregateCall::From::kLast) out += " FROM LAST";
  if (call.nulls == NullTreatment::kIgnore) out += " IGNORE NULLS";
  return out;
}

}  // namespace

Result<ExprPtr> Binder::call(const AstExpr& ast, const Place& place) {
  if (ast.over) return analytic_call(ast, place);
  if (functions_.is_aggregate(ast.name) && !user_functions_.contains(ast.name)) {
    return aggregate_call(ast, place);
  }
  if (ast.quantifier == AggregateCall::Quantifier::kDistinct) {
    return found_expected(ast.at, ast.name + "(DISTINCT ..)", "an aggregate before DISTINCT");
  }
  TRY(std::optional<ExprPtr> form, form_call(ast, place));
  if (form) return *form;
  TRY(std::vector<ExprPtr> args, all_of(ast.args, place));
  if (user_functions_.contains(ast.name)) return user_call(ast, std::move(args));
  TRY(ExprPtr out, call_expr(ast.name, std::move(args), ast.at));
  if (ast.name == "INTERVAL_BETWEEN" && out->type.is_interval() && ast.type.is_interval()) {
    Expr typed = *out;
    typed.type.leading_digits = ast.type.leading_digits;
    typed.type.fraction_digits = ast.type.fraction_digits;
    return made(std::move(typed));
  }
  return out;
}

// What looks like a call and is none. Nothing: it is one.
Result<std::optional<ExprPtr>> Binder::form_call(const AstExpr& ast, const Place& place) {
  const std::string& name = ast.name;
  const bool rows = std::ranges::any_of(
      ast.args, [](const AstPtr& arg) { return arg->kind == AstExpr::Kind::kRow; });
  if (rows && (name == "=" || name == "<>")) {
    TRY(ExprPtr out, equality(*ast.args[0], *ast.args[1], place));
    if (name == "<>") {
      TRY(out, call_expr("NOT", {std::move(out)}, ast.at));
    }
    return std::optional(std::move(out));
  }
  if (name == "MONOTONIC") {
    if (ast.args.size() != 1) return refused(ast.at, "MONOTONIC takes one argument");
    TRY(ExprPtr value, expr(*ast.args[0], place));
    if (value->monotonic != Monotonic::kNo) return std::optional(std::move(value));
    Expr out = *value;
    out.monotonic = Monotonic::kIncreasing;
    TRY(value, made(std::move(out)));
    return std::optional(std::move(value));
  }
  if (name == "COALESCE") {
    TRY(std::vector<ExprPtr> args, all_of(ast.args, place));
    if (args.empty()) return refused(ast.at, "COALESCE takes at least one argument");
    TRY(ExprPtr out, coalesce(std::move(args), ast.at));
    return std::optional(std::move(out));
  }
  if (name == "NULLIF") {
    if (ast.args.size() != 2) return refused(ast.at, "NULLIF takes two arguments");
    TRY(std::vector<ExprPtr> args, all_of(ast.args, place));
    TRY(ExprPtr equal, call_expr("=", {args[0], args[1]}, ast.at));
    TRY(ExprPtr null, null_of(args[0]->type, ast.at));
    TRY(ExprPtr out, case_expr({std::move(equal), std::move(null), args[0]}, ast.at));
    return std::optional(std::move(out));
  }
  return std::nullopt;
}

// CASE WHEN a IS NOT NULL THEN a .. ELSE the last END
Result<ExprPtr> Binder::coalesce(std::vector<ExprPtr> args, Position at) {
  std::vector<ExprPtr> parts;
  for (size_t i = 0; i + 1 < args.size(); ++i) {
    TRY(ExprPtr null, call_expr("IS_NULL", {args[i]}, at));
    TRY(ExprPtr some, call_expr("NOT", {std::move(null)}, at));
    parts.push_back(std::move(some));
    parts.push_back(args[i]);
  }
  parts.push_back(args.back());
  if (parts.size() == 1) return parts[0];
  return case_expr(std::move(parts), at);
}

Result<BoundAggregate> Binder::bound_aggregate(const AstExpr& ast, std::span<const ExprPtr> args,
                                               AggregateCall::Place where) {
  AggregateCall call;
  call.name = ast.name;
  call.quantifier = ast.quantifier;
  call.from = ast.from;
  call.nulls = ast.nulls;
  call.place = where;
  for (const auto& arg : args) {
    call.args.push_back({arg->type, arg->kind == Expr::Kind::kLiteral ? &arg->literal : nullptr});
  }
  auto bound = functions_.aggregate(call);
  if (!bound) return refused(ast.at, bound.error().message);
  return std::move(*bound);
}

Result<ExprPtr> Binder::aggregate_call(const AstExpr& ast, const Place& place) {
  if (is_analytic_only(ast.name)) {
    return found_expected(ast.at, ast.name + " alone", "OVER after it");
  }
  if (place.aggregates == nullptr) {
    return found_expected(ast.at, fmt::format("the aggregate {} in {}", ast.name, place.clause),
                          "an expression of single rows");
  }
  const Place inner{place.scope, "an aggregate"};
  TRY(std::vector<ExprPtr> args, all_of(ast.args, inner));
  TRY(BoundAggregate function, bound_aggregate(ast, args, AggregateCall::Place::kGroup));
  Expr out;
  out.kind = Expr::Kind::kColumn;
  out.at = ast.at;
  out.name = ast.name;
  out.type = function.type;
  auto& known = place.aggregates->aggregates;
  const std::string name = full_name(ast);
  // The same call twice is one aggregate.
  size_t index = 0;
  for (; index < known.size(); ++index) {
    const auto& other = known[index];
    const bool same = other.name == name &&
                      std::ranges::equal(other.args, args, [](const ExprPtr& a, const ExprPtr& b) {
                        return same_expr(*a, *b);
                      });
    if (same) break;
  }
  if (index == known.size()) {
    known.push_back({std::move(function), name, std::move(args)});
  }
  out.column = kAggregateBase + index;
  return made(std::move(out));
}

Result<ExprPtr> Binder::analytic_call(const AstExpr& ast, const Place& place) {
  if (place.analytics == nullptr) {
    return found_expected(ast.at,
                          fmt::format("the analytic function {} in {}", ast.name, place.clause),
                          "an expression of single rows: a subquery can compute it before");
  }
  if (place.scope.over != Over::kStream) {
    return found_expected(ast.at, "OVER on a table", "a stream");
  }
  TRY(Calls::Analytic analytic, analytic_window(ast, place));
  const Place inner{place.scope, "OVER", place.aggregates};
  TRY(analytic.call.args, all_of(ast.args, inner));
  TRY(analytic.call.function,
      bound_aggregate(ast, analytic.call.args, AggregateCall::Place::kWindow));
  analytic.call.name = full_name(ast);
  Expr out;
  out.kind = Expr::Kind::kColumn;
  out.at = ast.at;
  out.name = ast.name;
  out.type = analytic.call.function.type;
  out.column = kAnalyticBase + place.analytics->analytics.size();
  place.analytics->analytics.push_back(std::move(analytic));
  return made(std::move(out));
}

// The window of a call: inline, named, or named and added to.
Result<Calls::Analytic> Binder::analytic_window(const AstExpr& ast, const Place& place) {
  const AstWindow* window = ast.over.get();
  const AstWindow* base = nullptr;
  if (window->reference) {
    base = window_named(*window->reference, place.select);
    if (base == nullptr) {
      return found_expected(window->reference->at, fmt::format("\"{}\"", window->reference->text),
                            "the name of a window of the WINDOW clause");
    }
  }
  const AstWindow* frame_of = window->frame || base == nullptr ? window : base;
  const AstWindow* order_of = window->order.empty() && base != nullptr ? base : window;
  const bool own_partition = !window->partition.empty() || base == nullptr;
  const auto& partition = own_partition ? window->partition : base->partition;
  if (!order_of->order.empty()) {
    return found_expected(order_of->order[0].expr->at, "ORDER BY in a window",
                          "none: a stream is in the order of its ROWTIME");
  }
  if (!frame_of->frame) {
    return found_expected(frame_of->at, "a window without bounds",
                          "RANGE INTERVAL '..' .. PRECEDING or ROWS n PRECEDING");
  }
  if (frame_of->end == AstWindow::End::kFollowing) {
    return found_expected(frame_of->at, "a window that does not end with the current row",
                          "CURRENT ROW at its end");
  }
  if (frame_of->zero == AstWindow::Zero::kPreceding &&
      options_.zero_preceding == LanguageOptions::ZeroPreceding::kRefuse) {
    return found_expected(frame_of->at, "0 PRECEDING", "CURRENT ROW");
  }
  Calls::Analytic out;
  out.frame = *frame_of->frame;
  const Place inner{place.scope, "PARTITION BY", place.aggregates};
  TRY(out.partition, all_of(partition, inner));
  return out;
}

Result<const AstFunction*> Binder::overload(const AstExpr& ast,
                                            std::span<const ExprPtr> args) const {
  const auto& candidates = user_functions_.find(ast.name)->second;
  std::string known;
  for (const auto& [function] : candidates) {
    known += (known.empty() ? "" : " or ") + signature(function);
    if (function.parameters.size() != args.size()) continue;
    bool fits = true;
    for (size_t i = 0; i < args.size(); ++i) {
      fits = fits && matches(args[i]->type, function.parameters[i].type);
    }
    if (fits) return &function;
  }
  std::string found = ast.name + "(";
  for (size_t i = 0; i < args.size(); ++i) found += (i > 0 ? ", " : "") + args[i]->type.text();
  return found_expected(ast.at, found + ")", known);
}

// The body in the place of the call; every argument is bound once and stands where it is named.
Result<ExprPtr> Binder::user_call(const AstExpr& ast, std::vector<ExprPtr> args) {
  TRY(const AstFunction* function, overload(ast, args));
  if (calls_nested_ >= kCallsNestedMax) {
    return found_expected(ast.at, "functions that call each other without end",
                          fmt::format("at most {} levels", kCallsNestedMax));
  }
  std::map<std::string, ExprPtr> parameters;
  for (size_t i = 0; i < args.size(); ++i) {
    const auto& parameter = function->parameters[i];
    TRY(args[i], fit(args[i], parameter.type, ast.at));
    parameters[parameter.name.text] = args[i];
  }
  const Scope scope{.over = Over::kRelation, .parameters = &parameters};
  ++calls_nested_;
  auto body = expr(*function->body, Place{scope, "a function"});
  --calls_nested_;
  if (!body) return std::unexpected(std::move(body).error());
  TRY(ExprPtr out, cast(*body, function->returns, ast.at));
  expanded_ += weights_[out.get()];
  if (expanded_ > kExpandedMax) {
    return found_expected(ast.at, "functions that grow beyond all measure", "fewer calls");
  }
  if (function->on_null == AstFunction::OnNull::kCall) return out;
  std::vector<ExprPtr> parts;
  for (const auto& arg : args) {
    TRY(ExprPtr null, call_expr("IS_NULL", {arg}, ast.at));
    TRY(ExprPtr nothing, null_of(out->type, ast.at));
    parts.push_back(std::move(null));
    parts.push_back(std::move(nothing));
  }
  parts.push_back(std::move(out));
  if (parts.size() == 1) return parts[0];
  return case_expr(std::move(parts), ast.at);
}

}  // namespace suiro::sql
