// SPDX-License-Identifier: Apache-2.0
// Queries: VALUES, UNION, EXCEPT, INTERSECT and their ORDER BY.
#include <fmt/format.h>

#include "engine/sql/bind.h"
#include "engine/sql/lexer.h"

namespace suiro::sql {
namespace {

// A query's columns as a scope of their own.
Scope scope_of(const Bound& bound) {
  Scope scope;
  scope.schema = bound.node->schema;
  scope.facts = bound.facts;
  scope.over = bound.over;
  ScopeSource source;
  source.over = bound.over;
  for (const auto& field : scope.schema) source.names.push_back(field.name);
  scope.sources.push_back(std::move(source));
  return scope;
}

}  // namespace

Result<Bound> Binder::query(const AstQuery& query, RowtimeItems rowtimes) {
  switch (query.kind) {
    case AstQuery::Kind::kSelect:
      return select(query, rowtimes);
    case AstQuery::Kind::kValues: {
      TRY(Bound bound, values(query));
      return order_set(query, std::move(bound));
    }
    case AstQuery::Kind::kSet: {
      TRY(Bound bound, set_operation(query, rowtimes));
      return order_set(query, std::move(bound));
    }
  }
  return refused(query.at, "a query of an unknown kind");
}

Result<Bound> Binder::values(const AstQuery& query) {
  ValuesNode node;
  const Scope nothing{.over = Over::kRelation};
  std::vector<Type> types(query.values[0].size());
  for (const auto& row : query.values) {
    if (row.size() != types.size()) {
      return found_expected(row[0]->at, fmt::format("a row of {} values", row.size()),
                            fmt::format("{}", types.size()));
    }
    TRY(std::vector<ExprPtr> exprs, all_of(row, Place{nothing, "VALUES"}));
    for (size_t i = 0; i < exprs.size(); ++i) {
      auto common = common_type(types[i], exprs[i]->type);
      if (!common) {
        return found_expected(exprs[i]->at, "a value of type " + exprs[i]->type.text(),
                              types[i].text() + ", as in the rows before");
      }
      const bool nullable = node.rows.empty() ? exprs[i]->type.nullable : common->nullable;
      types[i] = *common;
      types[i].nullable = nullable;
    }
    node.rows.push_back(std::move(exprs));
  }
  Bound out;
  out.over = Over::kRelation;
  Schema schema;
  for (size_t i = 0; i < types.size(); ++i) {
    schema.push_back({fmt::format("EXPR${}", i), types[i]});
  }
  for (auto& row : node.rows) {
    for (size_t i = 0; i < types.size(); ++i) {
      TRY(row[i], fit(row[i], types[i], row[i]->at));
    }
  }
  out.facts.resize(schema.size());
  out.node = make_node(std::move(schema), {}, query.at, std::move(node));
  return out;
}

Result<Bound> Binder::set_operation(const AstQuery& query_ast, RowtimeItems rowtimes) {
  TRY(Bound left, query(*query_ast.left, rowtimes));
  TRY(Bound right, query(*query_ast.right, rowtimes));
  const Schema& a = left.node->schema;
  const Schema& b = right.node->schema;
  if (left.over != right.over) {
    return found_expected(query_ast.at, "a stream and a table", "two streams or two tables");
  }
  if (left.over == Over::kStream && query_ast.set != UnionNode::Kind::kAll) {
    return found_expected(query_ast.at, "UNION, EXCEPT or INTERSECT of streams", "UNION ALL");
  }
  if (a.size() != b.size()) {
    return found_expected(query_ast.right->at, fmt::format("a query of {} columns", b.size()),
                          fmt::format("{}", a.size()));
  }
  std::vector<Type> types;
  for (size_t i = 0; i < a.size(); ++i) {
    const auto common = common_type(a[i].type, b[i].type);
    if (!common) {
      return found_expected(query_ast.right->at,
                            fmt::format("column {} of type {}", i + 1, b[i].type.text()),
                            a[i].type.text());
    }
    types.push_back(*common);
  }
  TRY(left, aligned(std::move(left), types, query_ast.at));
  TRY(right, aligned(std::move(right), types, query_ast.at));
  Bound out;
  out.over = left.over;
  Schema schema;
  for (size_t i = 0; i < types.size(); ++i) schema.push_back({left.node->schema[i].name, types[i]});
  out.facts.resize(schema.size());
  out.node =
      make_node(std::move(schema), {left.node, right.node}, query_ast.at, UnionNode{query_ast.set});
  return out;
}

// The same rows with columns of these types.
Result<Bound> Binder::aligned(Bound bound, std::span<const Type> types, Position at) {
  const Schema& from = bound.node->schema;
  ProjectNode project;
  Schema schema;
  bool changed = false;
  for (size_t i = 0; i < types.size(); ++i) {
    TRY(ExprPtr one, column_of(from, i, bound.facts[i].monotonic, at));
    TRY(ExprPtr cast, fit(one, types[i], at));
    changed = changed || cast != one;
    schema.push_back({from[i].name, types[i]});
    project.columns.push_back(std::move(cast));
  }
  if (!changed) return bound;
  bound.node = make_node(std::move(schema), {bound.node}, at, std::move(project));
  return bound;
}

// ORDER BY behind a set operation or VALUES: over the names of its columns.
Result<Bound> Binder::order_set(const AstQuery& query, Bound bound) {
  if (query.order_by.empty()) return bound;
  const Scope scope = scope_of(bound);
  std::vector<SortKey> keys;
  for (const auto& order : query.order_by) {
    if (order.within_ms) {
      return found_expected(order.expr->at, "WITHIN behind a set operation",
                            "a query of its own around it");
    }
    const AstExpr& ast = *order.expr;
    ExprPtr key;
    if (ast.kind == AstExpr::Kind::kLiteral && ast.type.is_integer()) {
      const int64_t ordinal = ast.value.integer;
      if (ordinal < 1 || static_cast<size_t>(ordinal) > scope.schema.size()) {
        return found_expected(ast.at, fmt::format("the ordinal {}", ordinal),
                              fmt::format("a number from 1 to {}", scope.schema.size()));
      }
      TRY(key, column(scope, static_cast<size_t>(ordinal) - 1, ast.at));
    } else {
      TRY(key, expr(ast, Place{scope, "ORDER BY"}));
    }
    keys.push_back({std::move(key), order.order});
  }
  TRY_VOID(check_sort(keys, scope, query.at));
  bound.node = sort_node(bound.node, std::move(keys), scope, query.at);
  return bound;
}

Result<void> Binder::check_sort(const std::vector<SortKey>& keys, const Scope& scope,
                                Position at) const {
  for (const auto& key : keys) {
    if (key.key->type.kind == TypeKind::kRow || key.key->type.is_binary()) {
      return found_expected(key.key->at, "ORDER BY a " + key.key->type.text(),
                            "a type that has an order");
    }
  }
  if (scope.over == Over::kRelation) return ok();
  if (keys[0].key->monotonic != Monotonic::kIncreasing) {
    return found_expected(at, "ORDER BY of a stream whose first key is not monotonic",
                          "one such as FLOOR(s.ROWTIME TO SECOND) first");
  }
  if (keys[0].order != SortKey::Order::kAscending) {
    return found_expected(at, "DESC at the first key", "ASC: a stream goes forward in time");
  }
  return ok();
}

NodePtr Binder::sort_node(NodePtr input, std::vector<SortKey> keys, const Scope& scope,
                          Position at) {
  SortNode sort;
  if (scope.over == Over::kStream) {
    sort.steps = windows_of(steps_of(*keys[0].key, scope.facts));
  }
  sort.keys = std::move(keys);
  Schema schema = input->schema;
  return make_node(std::move(schema), {std::move(input)}, at, std::move(sort));
}

}  // namespace suiro::sql
