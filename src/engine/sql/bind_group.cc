// SPDX-License-Identifier: Apache-2.0
// GROUP BY, WINDOWED BY STAGGER, HAVING and OVER.
//
// The items were bound over the rows that come in. Once the keys are known, every part of an item
// that equals a key becomes the key's column, every aggregate its own; what is left of the rows
// then is an error.
#include <fmt/format.h>

#include <algorithm>

#include "engine/sql/bind.h"
#include "engine/sql/lexer.h"
#include "engine/sql/selected.h"

namespace suiro::sql {
namespace {

bool moves(const Expr& key) {
  return key.monotonic == Monotonic::kIncreasing || key.monotonic == Monotonic::kDecreasing;
}

Field key_field(const Expr& key, size_t index) {
  const bool named = key.kind == Expr::Kind::kColumn || key.kind == Expr::Kind::kField;
  return {named ? key.name : fmt::format("KEY${}", index), key.type};
}

}  // namespace

Result<void> Binder::group(Selected& state) {
  const AstSelect& ast = state.ast;
  if (!ast.group_by.empty()) {
    state.grouping = Selected::Grouping::kTumbling;
    TRY_VOID(bind_keys(state, ast.group_by, "GROUP BY"));
  } else if (ast.stagger) {
    state.grouping = Selected::Grouping::kStagger;
    if (state.scope.over == Over::kRelation) {
      return found_expected(state.query.at, "WINDOWED BY on a table", "GROUP BY");
    }
    TRY_VOID(bind_keys(state, ast.stagger->partition, "PARTITION BY"));
  } else if (!state.calls.aggregates.empty() || state.having) {
    if (state.scope.over == Over::kStream) {
      return found_expected(state.query.at, "aggregates over a stream without GROUP BY",
                            "GROUP BY with a monotonic expression, WINDOWED BY STAGGER or OVER");
    }
    state.grouping = Selected::Grouping::kTumbling;
  } else {
    return ok();
  }
  Schema schema;
  std::vector<Facts> facts;
  for (size_t i = 0; i < state.keys.size(); ++i) schema.push_back(key_field(*state.keys[i], i));
  for (const auto& call : state.calls.aggregates) {
    schema.push_back({call.name, call.function.type});
  }
  facts.resize(schema.size());
  NodePtr node;
  if (state.grouping == Selected::Grouping::kStagger) {
    StaggerNode stagger{state.keys, ast.stagger->width_ms, state.calls.aggregates};
    node = make_node(schema, {state.node}, state.query.at, std::move(stagger));
  } else {
    TRY(GroupNode group, tumbling(state));
    for (size_t i = 0; i < state.keys.size(); ++i) {
      facts[i].monotonic = i == group.monotonic_key ? state.keys[i]->monotonic : Monotonic::kNo;
    }
    // All rows of one window have one ROWTIME, and no other window has it.
    if (group.steps.known()) facts[group.monotonic_key].steps = {.width_ms = 1};
    node = make_node(schema, {state.node}, state.query.at, std::move(group));
  }
  TRY_VOID(rewrite_over_group(state));
  state.node = std::move(node);
  state.facts = std::move(facts);
  if (state.having) {
    const Position at = state.having->at;
    state.node = make_node(schema, {state.node}, at, FilterNode{state.having});
  }
  return ok();
}

Result<void> Binder::bind_keys(Selected& state, std::span<const AstPtr> keys,
                               std::string_view clause) {
  TRY(state.keys, all_of(keys, Place{state.scope, clause}));
  for (const auto& key : state.keys) {
    if (key->type.kind == TypeKind::kRow || key->type.kind == TypeKind::kNull) {
      return found_expected(key->at, "a key of type " + key->type.text(), "a value");
    }
  }
  return ok();
}

// Which key makes the groups end, and when.
Result<GroupNode> Binder::tumbling(const Selected& state) const {
  GroupNode group;
  group.keys = state.keys;
  group.aggregates = state.calls.aggregates;
  if (state.scope.over == Over::kRelation) {
    group.over = GroupNode::Over::kRelation;
    return group;
  }
  const ExprPtr* of_rowtime = nullptr;
  std::optional<size_t> best;
  Steps steps;
  for (size_t i = 0; i < state.keys.size(); ++i) {
    const Expr& key = *state.keys[i];
    if (has_rowtime(key)) {
      if (of_rowtime != nullptr) {
        return found_expected(key.at, "a second expression of ROWTIME in GROUP BY",
                              "one: a group ends when it changes");
      }
      of_rowtime = &state.keys[i];
    }
    if (!moves(key)) continue;
    const Steps mine = steps_of(key, state.facts);
    if (!best || (!steps.known() && mine.known())) {
      best = i;
      steps = mine;
    }
  }
  if (!best) {
    return found_expected(state.keys[0]->at, "a GROUP BY of which no key is monotonic",
                          "one such as FLOOR(s.ROWTIME TO MINUTE), STEP(s.ROWTIME BY INTERVAL "
                          "'10' SECOND) or MONOTONIC(..): without it no group of a stream ends");
  }
  group.monotonic_key = *best;
  group.steps = windows_of(steps);
  return group;
}

Result<void> Binder::rewrite_over_group(Selected& state) {
  for (auto& item : state.items) {
    TRY(item.expr, over_group(state, item.expr));
  }
  if (state.having) {
    TRY(state.having, over_group(state, state.having));
  }
  for (auto& order : state.orders) {
    TRY(order.key, over_group(state, order.key));
  }
  for (auto& analytic : state.calls.analytics) {
    for (auto& arg : analytic.call.args) {
      TRY(arg, over_group(state, arg));
    }
    for (auto& key : analytic.partition) {
      TRY(key, over_group(state, key));
    }
  }
  return ok();
}

Result<ExprPtr> Binder::over_group(const Selected& state, const ExprPtr& expr) {
  const size_t keys = state.keys.size();
  const auto replace = [&](const ExprPtr& one) -> Result<ExprPtr> {
    for (size_t i = 0; i < keys; ++i) {
      if (!same_expr(*one, *state.keys[i]) || one->kind == Expr::Kind::kLiteral) continue;
      Expr out;
      out.kind = Expr::Kind::kColumn;
      out.at = one->at;
      out.type = state.keys[i]->type;
      out.column = i;
      out.name = key_field(*state.keys[i], i).name;
      out.monotonic = state.keys[i]->monotonic;
      return made(std::move(out));
    }
    if (one->kind == Expr::Kind::kColumn) {
      if (one->column >= kAnalyticBase) return one;
      if (one->column >= kAggregateBase) {
        Expr out = *one;
        out.column = keys + one->column - kAggregateBase;
        return made(std::move(out));
      }
      return found_expected(one->at, fmt::format("the column \"{}\", which is no key", one->name),
                            "a key of the grouping, or an aggregate of the column");
    }
    if (one->kind == Expr::Kind::kRowtime && !one->name.empty()) {
      return found_expected(
          one->at, fmt::format("\"{}\".ROWTIME, which is no key", one->name),
          "a key of the grouping, an aggregate, or ROWTIME alone for the time of the result");
    }
    return one->kind == Expr::Kind::kRowtime ? one : ExprPtr();
  };
  return rewrite(expr, replace);
}

// The analytic calls, one window for each partition and frame.
Result<void> Binder::windows(Selected& state) {
  auto& analytics = state.calls.analytics;
  if (analytics.empty()) return ok();
  WindowNode node;
  std::vector<std::vector<size_t>> calls;  // of each window
  for (size_t i = 0; i < analytics.size(); ++i) {
    const auto& one = analytics[i];
    const auto found = std::ranges::find_if(node.windows, [&](const WindowNode::Window& window) {
      return window.frame.kind == one.frame.kind && window.frame.preceding == one.frame.preceding &&
             std::ranges::equal(
                 window.partition, one.partition,
                 [](const ExprPtr& a, const ExprPtr& b) { return same_expr(*a, *b); });
    });
    const auto index = static_cast<size_t>(found - node.windows.begin());
    if (found == node.windows.end()) {
      node.windows.push_back({one.partition, one.frame, {}});
      calls.emplace_back();
    }
    node.windows[index].calls.push_back(one.call);
    calls[index].push_back(i);
  }
  Schema schema = state.node->schema;
  std::vector<size_t> column_of_call(analytics.size());
  for (const auto& window : calls) {
    for (const size_t call : window) {
      column_of_call[call] = schema.size();
      schema.push_back({analytics[call].call.name, analytics[call].call.function.type});
    }
  }
  const auto replace = [&](const ExprPtr& one) -> Result<ExprPtr> {
    if (one->kind != Expr::Kind::kColumn || one->column < kAnalyticBase) return ExprPtr();
    Expr out = *one;
    out.column = column_of_call[one->column - kAnalyticBase];
    return made(std::move(out));
  };
  for (auto& item : state.items) {
    TRY(item.expr, rewrite(item.expr, replace));
  }
  for (auto& order : state.orders) {
    TRY(order.key, rewrite(order.key, replace));
  }
  state.facts.resize(schema.size());
  state.node = make_node(std::move(schema), {state.node}, state.query.at, std::move(node));
  return ok();
}

}  // namespace suiro::sql
