// SPDX-License-Identifier: Apache-2.0
// EXISTS (query) and x IN (query) as conditions of WHERE: lookups that let rows of the stream pass
// once, or stop them. The query may name columns of the outer one in its WHERE.
#include <fmt/format.h>

#include <algorithm>

#include "engine/sql/bind.h"
#include "engine/sql/lexer.h"
#include "engine/sql/selected.h"

namespace suiro::sql {
namespace {

bool has_aggregate(const AstExpr& ast, const FunctionLibrary& functions) {
  return (ast.kind == AstExpr::Kind::kCall && functions.is_aggregate(ast.name)) ||
         std::ranges::any_of(ast.args,
                             [&](const AstPtr& arg) { return has_aggregate(*arg, functions); });
}

// A select whose rows follow from its FROM and WHERE one by one.
bool is_plain(const AstQuery& query, const FunctionLibrary& functions) {
  const AstSelect& select = query.select;
  if (query.kind != AstQuery::Kind::kSelect) return false;
  for (const auto& item : select.items) {
    if (item.expr && has_aggregate(*item.expr, functions)) return false;
  }
  const auto one_side = [](const AstSource& source) {
    return source.kind != AstSource::Kind::kJoin || source.match != AstSource::Match::kCross;
  };
  return select.group_by.empty() && !select.stagger && !select.having &&
         select.mode == AstSelect::Mode::kPlain && one_side(*select.from);
}

void split(const AstPtr& condition, std::vector<AstPtr>& to) {
  if (condition->kind != AstExpr::Kind::kAnd) {
    to.push_back(condition);
    return;
  }
  split(condition->args[0], to);
  split(condition->args[1], to);
}

// The names of the inner query go before those of the outer one; its columns stand behind.
Scope inner_scope(const Scope& outer, const Scope& inner) {
  Scope both;
  both.over = outer.over;
  both.schema = outer.schema;
  both.schema.insert(both.schema.end(), inner.schema.begin(), inner.schema.end());
  both.facts = outer.facts;
  both.facts.insert(both.facts.end(), inner.facts.begin(), inner.facts.end());
  both.sources = inner.sources;
  for (auto& source : both.sources) source.first += outer.schema.size();
  both.preferred = both.sources.size();
  both.sources.insert(both.sources.end(), outer.sources.begin(), outer.sources.end());
  both.merged = inner.merged;
  for (auto& one : both.merged) {
    one.column += outer.schema.size();
    one.other += outer.schema.size();
  }
  return both;
}

}  // namespace

Result<void> Binder::semi_join(Selected& state, const AstExpr& ast, LookupNode::Match match) {
  TRY(Subquery inner, subquery(state, *ast.query));
  LookupNode lookup;
  lookup.match = match;
  std::vector<ExprPtr> conditions = std::move(inner.conditions);
  if (ast.kind == AstExpr::Kind::kInQuery) {
    TRY_VOID(membership(state, ast, inner, match, conditions));
  }
  TRY(lookup.keys, equi_keys(conditions, state.scope.schema.size()));
  TRY(lookup.condition, both_of(std::move(conditions)));
  state.node = make_node(state.scope.schema, {state.node, inner.node}, ast.at, std::move(lookup));
  return ok();
}

std::unexpected<Error> Binder::no_stream(const AstQuery& ast) const {
  return found_expected(ast.at, "a subquery over a stream",
                        "one over a reference table: a stream is joined with a window");
}

Result<Binder::Subquery> Binder::subquery(const Selected& state, const AstQuery& ast) {
  Subquery out;
  const size_t outer_columns = state.scope.schema.size();
  if (!is_plain(ast, functions_)) return closed_subquery(ast, outer_columns);
  TRY(std::vector<Side> sides, from(ast.select));
  if (sides[0].scope.over == Over::kStream) return no_stream(ast);
  const Scope both = inner_scope(state.scope, sides[0].scope);
  std::vector<AstPtr> parts;
  if (ast.select.where) split(ast.select.where, parts);
  std::vector<ExprPtr> own;
  for (const auto& part : parts) {
    TRY(ExprPtr one, condition(*part, Place{both, "WHERE"}));
    std::set<size_t> columns;
    columns_of(*one, columns);
    if (columns.empty() || *columns.begin() < outer_columns || has_rowtime(*one)) {
      out.conditions.push_back(std::move(one));
      continue;
    }
    TRY(one, rewrite(one, [&](const ExprPtr& x) -> Result<ExprPtr> {
          if (x->kind != Expr::Kind::kColumn) return ExprPtr();
          Expr copy = *x;
          copy.column -= outer_columns;
          return made(std::move(copy));
        }));
    own.push_back(std::move(one));
  }
  TRY(out.node, filtered(sides[0].node, std::move(own)));
  for (const auto& item : ast.select.items) {
    if (item.expr) {
      TRY(ExprPtr one, expr(*item.expr, Place{both, "SELECT"}));
      out.columns.push_back(std::move(one));
      continue;
    }
    for (const auto& source : std::span(both.sources).first(both.preferred)) {
      for (size_t i = 0; i + source.hidden < source.names.size(); ++i) {
        TRY(ExprPtr one, column(both, source.first + i, item.at));
        out.columns.push_back(std::move(one));
      }
    }
  }
  return out;
}

// A query that names nothing of the outer one.
Result<Binder::Subquery> Binder::closed_subquery(const AstQuery& ast, size_t outer_columns) {
  TRY(Bound bound, query(ast, RowtimeItems::kColumns));
  if (bound.over == Over::kStream) return no_stream(ast);
  Subquery out;
  out.node = std::move(bound.node);
  for (size_t i = 0; i < out.node->schema.size(); ++i) {
    TRY(ExprPtr one, column_of(out.node->schema, i, Monotonic::kNo, ast.at));
    Expr moved = *one;
    moved.column += outer_columns;
    TRY(one, made(std::move(moved)));
    out.columns.push_back(std::move(one));
  }
  return out;
}

// x IN (query) is TRUE where x = a row; x NOT IN (query) where no x = row is TRUE or UNKNOWN.
Result<void> Binder::membership(const Selected& state, const AstExpr& in, const Subquery& query,
                                LookupNode::Match match, std::vector<ExprPtr>& conditions) {
  const AstExpr& value = *in.args[0];
  const bool row = value.kind == AstExpr::Kind::kRow;
  const size_t parts = row ? value.args.size() : 1;
  if (query.columns.size() != parts) {
    return found_expected(in.query->at,
                          fmt::format("a subquery of {} columns", query.columns.size()),
                          fmt::format("{}", parts));
  }
  for (size_t i = 0; i < parts; ++i) {
    TRY(ExprPtr left, expr(row ? *value.args[i] : value, Place{state.scope, "WHERE"}));
    const ExprPtr& right = query.columns[i];
    const bool may_be_unknown = left->type.nullable || right->type.nullable;
    TRY(ExprPtr equal, call_expr("=", {std::move(left), right}, in.at));
    if (match == LookupNode::Match::kAnti && may_be_unknown) {
      TRY(ExprPtr known, call_expr("IS_FALSE", {std::move(equal)}, in.at));
      TRY(equal, call_expr("NOT", {std::move(known)}, in.at));
    }
    conditions.push_back(std::move(equal));
  }
  return ok();
}

}  // namespace suiro::sql
