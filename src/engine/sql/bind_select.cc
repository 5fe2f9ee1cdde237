// SPDX-License-Identifier: Apache-2.0
// SELECT: its clauses in the order in which rows pass them.
//
//   FROM, WHERE ─► GROUP BY | STAGGER ─► HAVING ─► OVER ─► ORDER BY ─► items ─► DISTINCT
#include <fmt/format.h>

#include <algorithm>

#include "engine/sql/bind.h"
#include "engine/sql/lexer.h"
#include "engine/sql/selected.h"

namespace suiro::sql {
namespace {

// Parts of WHERE that AND connects.
void split(const AstPtr& condition, std::vector<AstPtr>& to) {
  if (condition->kind != AstExpr::Kind::kAnd) {
    to.push_back(condition);
    return;
  }
  split(condition->args[0], to);
  split(condition->args[1], to);
}

void split(const ExprPtr& condition, std::vector<ExprPtr>& to) {
  if (condition->kind != Expr::Kind::kAnd) {
    to.push_back(condition);
    return;
  }
  split(condition->args[0], to);
  split(condition->args[1], to);
}

// EXISTS or IN (query) under any number of NOT; null: something else.
const AstExpr* subquery_of(const AstExpr& ast, LookupNode::Match& match) {
  const AstExpr* inner = &ast;
  match = LookupNode::Match::kSemi;
  while (inner->kind == AstExpr::Kind::kCall && inner->name == "NOT") {
    match = match == LookupNode::Match::kSemi ? LookupNode::Match::kAnti : LookupNode::Match::kSemi;
    inner = inner->args[0].get();
  }
  const bool found =
      inner->kind == AstExpr::Kind::kExists || inner->kind == AstExpr::Kind::kInQuery;
  return found ? inner : nullptr;
}

std::string name_of(const AstItem& item, size_t index) {
  if (item.alias) return item.alias->text;
  if (item.expr->kind == AstExpr::Kind::kName) return item.expr->path.back().text;
  return fmt::format("EXPR${}", index);
}

}  // namespace

Result<Bound> Binder::select(const AstQuery& query, RowtimeItems rowtimes) {
  Selected state{.query = query, .ast = query.select, .rowtimes = rowtimes};
  TRY_VOID(bind_where(state));
  TRY_VOID(check_mode(state));
  TRY_VOID(bind_items(state));
  TRY_VOID(bind_orders(state));
  TRY_VOID(group(state));
  TRY_VOID(windows(state));
  if (state.ast.quantifier == AstSelect::Quantifier::kDistinct) return project_distinct(state);
  TRY_VOID(sort_before(state));
  return project(state);
}

Result<void> Binder::check_mode(const Selected& state) const {
  if (state.ast.mode == AstSelect::Mode::kStream && state.scope.over == Over::kRelation) {
    return found_expected(state.query.at, "SELECT STREAM from tables alone",
                          "SELECT, or a stream in FROM");
  }
  return ok();
}

// FROM and WHERE.
Result<void> Binder::bind_where(Selected& state) {
  TRY(std::vector<Side> sides, from(state.ast));
  std::vector<AstPtr> parts;
  if (state.ast.where) split(state.ast.where, parts);
  std::vector<ExprPtr> conditions;
  std::vector<std::pair<const AstExpr*, LookupNode::Match>> halves;
  const Scope all = scope_of_all(sides);
  for (const auto& part : parts) {
    LookupNode::Match match{};
    if (const AstExpr* subquery = subquery_of(*part, match)) {
      halves.emplace_back(subquery, match);
      continue;
    }
    TRY(ExprPtr one, condition(*part, Place{all, "WHERE"}));
    split(one, conditions);
  }
  Side side;
  if (sides.size() == 1) {
    side = std::move(sides[0]);
  } else {
    TRY(side, cross(std::move(sides), conditions, state.ast.from->at));
  }
  state.scope = std::move(side.scope);
  state.node = std::move(side.node);
  TRY(state.node, filtered(std::move(state.node), std::move(conditions)));
  for (const auto& [ast, match] : halves) TRY_VOID(semi_join(state, *ast, match));
  state.facts = state.scope.facts;
  return ok();
}

// What one side of a lookup alone decides is decided before the lookup.
Result<NodePtr> Binder::filtered(NodePtr node, std::vector<ExprPtr> conditions) {
  if (const auto* lookup = std::get_if<LookupNode>(&node->what)) {
    const size_t left_columns = node->inputs[0]->schema.size();
    std::vector<ExprPtr> below, rest;
    for (auto& condition : conditions) {
      std::set<size_t> columns;
      columns_of(*condition, columns);
      const bool left = columns.empty() || *columns.rbegin() < left_columns;
      (left ? below : rest).push_back(std::move(condition));
    }
    conditions = std::move(rest);
    TRY(NodePtr input, filtered(node->inputs[0], std::move(below)));
    NodePtr relation = node->inputs[1];
    if (lookup->kind == JoinKind::kInner) {
      TRY(relation, filtered_relation(std::move(relation), conditions, left_columns));
    }
    if (input != node->inputs[0] || relation != node->inputs[1]) {
      node = make_node(node->schema, {std::move(input), std::move(relation)}, node->at, *lookup);
    }
  }
  TRY(ExprPtr filter, both_of(std::move(conditions)));
  if (!filter) return node;
  const Position at = filter->at;
  Schema schema = node->schema;
  return make_node(std::move(schema), {std::move(node)}, at, FilterNode{std::move(filter)});
}

Result<void> Binder::bind_items(Selected& state) {
  for (size_t i = 0; i < state.ast.items.size(); ++i) {
    const auto& item = state.ast.items[i];
    if (item.expr) {
      TRY_VOID(bind_item(state, item, i));
    } else {
      TRY_VOID(expand_star(state, item));
    }
  }
  if (state.ast.having) {
    Place place = state.place("HAVING");
    place.analytics = nullptr;
    TRY(state.having, condition(*state.ast.having, place));
  }
  return ok();
}

Result<void> Binder::bind_item(Selected& state, const AstItem& item, size_t index) {
  Selected::Item out;
  out.at = item.at;
  out.name = name_of(item, index);
  if (item.alias) out.alias = item.alias->text;
  TRY(out.expr, expr(*item.expr, state.place("SELECT")));
  if (out.expr->type.kind == TypeKind::kRow) return expand_row(state, item, out.expr);
  if (out.name == "ROWTIME") {
    if (state.scope.over == Over::kRelation) {
      return found_expected(item.at, "ROWTIME of a table", "another name");
    }
    out.role = Selected::Item::Role::kRowtime;
    if (out.expr->type.kind != TypeKind::kTimestamp) {
      return found_expected(item.at, "a ROWTIME of type " + out.expr->type.text(), "TIMESTAMP");
    }
    if (item.alias && out.expr->kind != Expr::Kind::kRowtime) {
      out.sets = Selected::Item::Sets::kYes;
    }
  }
  state.items.push_back(std::move(out));
  return ok();
}

// What a log parser gives, as one column for each field: "R.COLUMN1", or "COLUMN1" without alias.
Result<void> Binder::expand_row(Selected& state, const AstItem& item, const ExprPtr& row) {
  const auto& fields = *row->type.fields;
  for (size_t i = 0; i < fields.size(); ++i) {
    Expr field;
    field.kind = Expr::Kind::kField;
    field.at = item.at;
    field.column = i;
    field.name = fields[i].name;
    field.type = fields[i].type;
    field.type.nullable = true;
    field.args = {row};
    Selected::Item out;
    out.at = item.at;
    out.name = item.alias ? item.alias->text + "." + field.name : field.name;
    if (i == 0) out.row_fields = fields.size();
    TRY(out.expr, made(std::move(field)));
    state.items.push_back(std::move(out));
  }
  return ok();
}

Result<void> Binder::push_column(Selected& state, size_t index, Position at) {
  const Scope& scope = state.scope;
  Selected::Item item;
  TRY(item.expr, column(scope, index, at));
  for (const auto& source : scope.sources) {
    if (index >= source.first && index < source.first + source.names.size()) {
      item.name = source.names[index - source.first];
    }
  }
  item.at = at;
  state.items.push_back(std::move(item));
  return ok();
}

Result<void> Binder::expand_star(Selected& state, const AstItem& item) {
  const Scope& scope = state.scope;
  if (!item.qualifier) {
    for (const auto& merged : scope.merged) {
      TRY_VOID(push_column(state, merged.column, item.at));
    }
  }
  bool found = false;
  for (const auto& source : scope.sources) {
    if (item.qualifier && source.alias != item.qualifier->text) continue;
    found = true;
    for (size_t i = 0; i + source.hidden < source.names.size(); ++i) {
      const size_t index = source.first + i;
      const bool is_merged =
          !item.qualifier && std::ranges::any_of(scope.merged, [&](const Scope::Merged& one) {
            return one.column == index || one.other == index;
          });
      if (!is_merged) TRY_VOID(push_column(state, index, item.at));
    }
  }
  if (!found) {
    return found_expected(item.at, fmt::format("\"{}\".*", item.qualifier->text),
                          "the alias of a stream or table in FROM");
  }
  return ok();
}

Result<void> Binder::bind_orders(Selected& state) {
  for (const auto& order : state.query.order_by) {
    TRY(ExprPtr key, bind_order(state, order));
    if (order.within_ms) {
      if (state.query.order_by.size() > 1) {
        return found_expected(order.expr->at, "WITHIN among several keys", "one key");
      }
      state.within_ms = order.within_ms;
    }
    state.orders.push_back({std::move(key), order.order});
  }
  return ok();
}

// An ordinal, an alias of the list, or any expression.
Result<ExprPtr> Binder::bind_order(Selected& state, const AstOrder& order) {
  const AstExpr& ast = *order.expr;
  if (ast.kind == AstExpr::Kind::kLiteral && ast.type.is_integer()) {
    const int64_t ordinal = ast.value.integer;
    if (ordinal < 1 || static_cast<size_t>(ordinal) > state.items.size()) {
      return found_expected(ast.at, fmt::format("the ordinal {}", ordinal),
                            fmt::format("a number from 1 to {}", state.items.size()));
    }
    return state.items[static_cast<size_t>(ordinal) - 1].expr;
  }
  if (ast.kind == AstExpr::Kind::kName && ast.path.size() == 1 && ast.path[0].text != "ROWTIME") {
    const auto named = std::ranges::find(state.items, ast.path[0].text, &Selected::Item::alias);
    if (named != state.items.end()) return named->expr;
  }
  return expr(ast, state.place("ORDER BY"));
}

// ORDER BY ts WITHIN ..: the rows are put into the order of ts, which becomes their ROWTIME.
Result<void> Binder::time_sort(Selected& state) {
  const ExprPtr& time = state.orders[0].key;
  if (state.scope.over != Over::kStream) {
    return found_expected(time->at, "WITHIN on a table", "a stream");
  }
  if (time->type.kind != TypeKind::kTimestamp) {
    return found_expected(time->at, "WITHIN with a key of type " + time->type.text(), "TIMESTAMP");
  }
  const auto item =
      std::ranges::find(state.items, Selected::Item::Sets::kYes, &Selected::Item::sets);
  if (item == state.items.end() || !same_expr(*item->expr, *time)) {
    return found_expected(time->at, "ORDER BY .. WITHIN alone",
                          "its expression AS ROWTIME in the select list too");
  }
  item->sets = Selected::Item::Sets::kNo;
  state.node =
      make_node(state.node->schema, {state.node}, time->at, TimeSortNode{time, *state.within_ms});
  for (auto& facts : state.facts) facts = {};
  return ok();
}

Result<void> Binder::sort_before(Selected& state) {
  if (state.orders.empty()) return ok();
  if (state.within_ms) return time_sort(state);
  Scope over;
  over.over = state.scope.over;
  over.facts = state.facts;
  const Position at = state.orders[0].key->at;
  TRY_VOID(check_sort(state.orders, over, at));
  state.node = sort_node(state.node, state.orders, over, at);
  return ok();
}

Result<Bound> Binder::project(Selected& state) {
  Bound out;
  out.over = state.scope.over;
  ProjectNode project;
  Schema schema;
  for (auto& item : state.items) {
    if (item.sets == Selected::Item::Sets::kYes) {
      if (project.rowtime) return found_expected(item.at, "a second AS ROWTIME", "one");
      project.rowtime = item.expr;
    }
    const bool aside =
        item.role == Selected::Item::Role::kRowtime && state.rowtimes == RowtimeItems::kAside;
    if (aside) continue;
    if (item.row_fields > 0) out.rows.push_back({schema.size(), {}});
    if (item.expr->kind == Expr::Kind::kField && !out.rows.empty()) {
      out.rows.back().fields.push_back(item.expr->name);
    }
    schema.push_back({item.name, item.expr->type});
    out.facts.push_back({item.expr->monotonic, steps_of(*item.expr, state.facts)});
    project.columns.push_back(std::move(item.expr));
  }
  if (project.rowtime) {
    for (auto& facts : out.facts) facts.steps = {};
  }
  out.node = make_node(std::move(schema), {state.node}, state.query.at, std::move(project));
  return out;
}

}  // namespace suiro::sql
