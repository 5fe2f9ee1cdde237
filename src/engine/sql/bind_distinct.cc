// SPDX-License-Identifier: Apache-2.0
// SELECT DISTINCT. Duplicates are found by the columns without ROWTIME; what has gone is forgotten
// when a monotonic column changes. Where ROWTIME itself is the only monotonic item, rows are
// compared with those of the same ROWTIME.
//
//   node ─► Project (columns, perhaps ROWTIME) ─► Distinct ─► Sort ─► Project (the list)

#include "engine/sql/bind.h"
#include "engine/sql/lexer.h"
#include "engine/sql/selected.h"

namespace suiro::sql {
namespace {

// ROWTIME under any name takes no part in the search for duplicates.
bool is_rowtime(const Binder::Selected::Item& item) {
  return item.expr->kind == Expr::Kind::kRowtime;
}

}  // namespace

Result<Bound> Binder::project_distinct(Selected& state) {
  using Role = Selected::Item::Role;
  ProjectNode project;
  Bound bound;
  bound.over = state.scope.over;
  Schema schema;
  std::vector<size_t> items;  // of the columns
  const Selected::Item* rowtime = nullptr;
  DistinctNode distinct;
  for (size_t i = 0; i < state.items.size(); ++i) {
    const auto& item = state.items[i];
    if (item.role == Role::kRowtime || is_rowtime(item)) {
      rowtime = &item;
      if (item.sets == Selected::Item::Sets::kYes) project.rowtime = item.expr;
      continue;
    }
    const Monotonic way = item.expr->monotonic;
    if (way == Monotonic::kIncreasing || way == Monotonic::kDecreasing) {
      distinct.monotonic.push_back(project.columns.size());
    }
    items.push_back(i);
    schema.push_back({item.name, item.expr->type});
    bound.facts.push_back({way, steps_of(*item.expr, state.facts)});
    project.columns.push_back(item.expr);
  }
  if (bound.over == Over::kStream && distinct.monotonic.empty()) {
    if (rowtime == nullptr) {
      return found_expected(state.query.at, "DISTINCT of a stream by columns that come again",
                            "a monotonic expression in the list, as FLOOR(s.ROWTIME TO MINUTE)");
    }
    distinct.monotonic.push_back(project.columns.size());
    schema.push_back({"ROWTIME", rowtime->expr->type});
    bound.facts.push_back({Monotonic::kIncreasing, kRowtimeSteps});
    project.columns.push_back(rowtime->expr);
  }
  if (bound.over == Over::kRelation) distinct.monotonic.clear();
  if (project.rowtime) {
    for (auto& facts : bound.facts) facts.steps = {};
  }
  if (state.within_ms) {
    return found_expected(state.query.at, "DISTINCT with ORDER BY .. WITHIN", "one of both");
  }
  bound.node = make_node(schema, {state.node}, state.query.at, std::move(project));
  bound.node = make_node(schema, {bound.node}, state.query.at, std::move(distinct));
  TRY_VOID(sort_distinct(state, bound, items));
  return finish_distinct(state, std::move(bound), items);
}

// Sorts by columns that are selected: rows that were left out have no others.
Result<void> Binder::sort_distinct(Selected& state, Bound& bound, std::span<const size_t> items) {
  if (state.orders.empty()) return ok();
  std::vector<SortKey> keys;
  for (const auto& order : state.orders) {
    if (order.key->kind == Expr::Kind::kRowtime) {
      keys.push_back(order);
      continue;
    }
    size_t index = 0;
    while (index < items.size() && !same_expr(*state.items[items[index]].expr, *order.key)) ++index;
    if (index == items.size()) {
      return found_expected(order.key->at, "ORDER BY an expression that is not selected",
                            "one of the select list, because of DISTINCT");
    }
    TRY(ExprPtr key,
        column_of(bound.node->schema, index, bound.facts[index].monotonic, order.key->at));
    keys.push_back({std::move(key), order.order});
  }
  Scope over;
  over.over = bound.over;
  over.facts = bound.facts;
  const Position at = keys[0].key->at;
  TRY_VOID(check_sort(keys, over, at));
  bound.node = sort_node(bound.node, std::move(keys), over, at);
  return ok();
}

// The list as it was written: without what was added, with ROWTIME where it is a column.
Result<Bound> Binder::finish_distinct(Selected& state, Bound bound, std::span<const size_t> items) {
  using Role = Selected::Item::Role;
  const bool every_item = state.rowtimes == RowtimeItems::kColumns;
  ProjectNode project;
  Schema schema;
  std::vector<Facts> facts;
  size_t next = 0;  // column of the node
  for (const auto& item : state.items) {
    if (item.role != Role::kRowtime && !is_rowtime(item)) {
      TRY(ExprPtr one, column_of(bound.node->schema, next, bound.facts[next].monotonic, item.at));
      schema.push_back({item.name, one->type});
      facts.push_back(bound.facts[next]);
      project.columns.push_back(std::move(one));
      ++next;
      continue;
    }
    if (item.role == Role::kRowtime && !every_item) continue;
    Scope over;
    over.over = bound.over;
    TRY(ExprPtr time, rowtime(Place{over, "SELECT"}, nullptr, item.at));
    schema.push_back({item.name, time->type});
    facts.push_back({Monotonic::kIncreasing, kRowtimeSteps});
    project.columns.push_back(std::move(time));
  }
  if (schema.size() == items.size() && bound.node->schema.size() == items.size()) return bound;
  bound.node = make_node(std::move(schema), {bound.node}, state.query.at, std::move(project));
  bound.facts = std::move(facts);
  return bound;
}

}  // namespace suiro::sql
