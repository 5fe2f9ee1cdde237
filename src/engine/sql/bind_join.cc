// SPDX-License-Identifier: Apache-2.0
// Joins: stream with stream (windows), stream with table (lookups), EXISTS and IN as half joins.
//
// Columns of a join: the left side's, then the right side's. A table that stands left of a stream
// is moved to the right; only the numbers of the columns change, not the order of names in `*`.
#include <fmt/format.h>

#include <algorithm>

#include "engine/sql/bind.h"
#include "engine/sql/lexer.h"
#include "engine/sql/selected.h"

namespace suiro::sql {
namespace {

bool is_stream(const Side& side) {
  return side.scope.over == Over::kStream;
}

void append(Schema& to, const Schema& from, std::vector<Facts>& facts,
            const std::vector<Facts>& more) {
  to.insert(to.end(), from.begin(), from.end());
  facts.insert(facts.end(), more.begin(), more.end());
}

// Names of both sides in the order of FROM, columns in the order of the node.
enum class Order { kAsWritten, kSwapped };
Scope scope_of_both(const Scope& left, const Scope& right, Order order) {
  Scope both;
  both.over =
      left.over == Over::kStream || right.over == Over::kStream ? Over::kStream : Over::kRelation;
  append(both.schema, left.schema, both.facts, left.facts);
  append(both.schema, right.schema, both.facts, right.facts);
  auto shifted = right.sources;
  for (auto& source : shifted) {
    source.first += left.schema.size();
    if (source.rowtime_column) *source.rowtime_column += left.schema.size();
  }
  auto merged = right.merged;
  for (auto& one : merged) {
    one.column += left.schema.size();
    one.other += left.schema.size();
  }
  both.sources = left.sources;
  both.merged = left.merged;
  if (order == Order::kAsWritten) {
    both.sources.insert(both.sources.end(), shifted.begin(), shifted.end());
  } else {
    both.sources.insert(both.sources.begin(), shifted.begin(), shifted.end());
  }
  both.merged.insert(both.merged.end(), merged.begin(), merged.end());
  return both;
}

JoinKind mirrored(JoinKind kind) {
  if (kind == JoinKind::kLeft) return JoinKind::kRight;
  if (kind == JoinKind::kRight) return JoinKind::kLeft;
  return kind;
}

// Parts of a condition that AND connects.
void split(const ExprPtr& condition, std::vector<ExprPtr>& to) {
  if (condition->kind != Expr::Kind::kAnd) {
    to.push_back(condition);
    return;
  }
  split(condition->args[0], to);
  split(condition->args[1], to);
}

enum class Reads { kNothing, kLeft, kRight, kBoth };
Reads reads(const Expr& expr, size_t left_columns) {
  std::set<size_t> columns;
  columns_of(expr, columns);
  const bool left = !columns.empty() && *columns.begin() < left_columns;
  const bool right = !columns.empty() && *columns.rbegin() >= left_columns;
  if (left && right) return Reads::kBoth;
  return left ? Reads::kLeft : right ? Reads::kRight : Reads::kNothing;
}

void set_nullable(Schema& schema, size_t from, size_t to) {
  for (size_t i = from; i < to; ++i) schema[i].type.nullable = true;
}

const ExprPtr* rowtime_equality(const std::vector<ExprPtr>& conditions, const Scope& both) {
  std::set<size_t> rowtimes;
  for (const auto& source : both.sources) {
    if (source.rowtime_column) rowtimes.insert(*source.rowtime_column);
  }
  for (const auto& condition : conditions) {
    const bool equality =
        condition->kind == Expr::Kind::kCall && condition->name == "=" &&
        std::ranges::all_of(condition->args, [&](const ExprPtr& arg) {
          return arg->kind == Expr::Kind::kColumn && rowtimes.contains(arg->column);
        });
    if (equality && condition->args[0]->column != condition->args[1]->column) return &condition;
  }
  return nullptr;
}

}  // namespace

Result<ExprPtr> Binder::both_of(std::vector<ExprPtr> conditions) {
  while (conditions.size() > 1) {
    std::vector<ExprPtr> halved;
    for (size_t i = 0; i + 1 < conditions.size(); i += 2) {
      TRY(ExprPtr both, logic(Expr::Kind::kAnd, conditions[i], conditions[i + 1]));
      halved.push_back(std::move(both));
    }
    if (conditions.size() % 2 == 1) halved.push_back(conditions.back());
    conditions = std::move(halved);
  }
  return conditions.empty() ? nullptr : conditions[0];
}

// Takes the equalities of a left with a right expression out of `conditions`.
Result<std::vector<EquiKey>> Binder::equi_keys(std::vector<ExprPtr>& conditions,
                                               size_t left_columns) {
  std::vector<EquiKey> keys;
  std::vector<ExprPtr> rest;
  for (auto& condition : conditions) {
    const bool equality = condition->kind == Expr::Kind::kCall && condition->name == "=";
    ExprPtr left, right;
    if (equality) {
      left = condition->args[0];
      right = condition->args[1];
      if (reads(*left, left_columns) == Reads::kRight) std::swap(left, right);
    }
    const bool sides = equality && reads(*left, left_columns) == Reads::kLeft &&
                       reads(*right, left_columns) == Reads::kRight && !has_rowtime(*left) &&
                       !has_rowtime(*right);
    // A CHAR is equal to a VARCHAR with fewer blanks at its end: that is no equality of bytes.
    const bool padded =
        sides && (left->type.kind == TypeKind::kChar || right->type.kind == TypeKind::kChar) &&
        !same_type(left->type, right->type);
    if (!sides || padded) {
      rest.push_back(std::move(condition));
      continue;
    }
    if (left->type.is_numeric()) {
      const auto common = common_type(left->type, right->type);
      if (common) {
        TRY(left, cast(left, *common, left->at));
        TRY(right, cast(right, *common, right->at));
      }
    }
    keys.push_back({std::move(left), std::move(right)});
  }
  conditions = std::move(rest);
  return keys;
}

// The side of "a JOIN b ON ..". The comma and CROSS JOIN: cross().
Result<Side> Binder::join(const AstSource& ast) {
  TRY(Side left, source(*ast.left));
  TRY(Side right, source(*ast.right));
  TRY_VOID(distinct_aliases(left.scope, right.scope, ast.right->at));
  Scope both = scope_of_both(left.scope, right.scope, Order::kAsWritten);
  TRY(std::vector<ExprPtr> conditions, join_conditions(ast, left, right, both));
  const auto merged = both.merged;
  const size_t left_columns = left.scope.schema.size();
  const size_t right_columns = right.scope.schema.size();
  TRY(Combined out, combine(std::move(left), std::move(right), {.kind = ast.join},
                            std::move(conditions), ast.at));
  out.side.scope.merged = merged;
  if (out.swapped) {
    for (auto& one : out.side.scope.merged) {
      for (size_t* column : {&one.column, &one.other}) {
        *column = *column < left_columns ? *column + right_columns : *column - left_columns;
      }
    }
  }
  return std::move(out.side);
}

Result<void> Binder::distinct_aliases(const Scope& left, const Scope& right, Position at) const {
  for (const auto& a : left.sources) {
    for (const auto& b : right.sources) {
      if (!a.alias.empty() && a.alias == b.alias) {
        return found_expected(at, fmt::format("\"{}\" a second time", b.alias), "another alias");
      }
    }
  }
  return ok();
}

// The names of several sides together, in the order of FROM.
Scope Binder::scope_of_all(std::span<const Side> sides) const {
  Scope all = sides[0].scope;
  for (const auto& side : sides.subspan(1)) {
    all = scope_of_both(all, side.scope, Order::kAsWritten);
  }
  return all;
}

// Joins sides that commas connect. `conditions` are those of WHERE over scope_of_all(); what
// belongs to a join is taken out, the rest is left over the columns of the result.
Result<Side> Binder::cross(std::vector<Side> sides, std::vector<ExprPtr>& conditions, Position at) {
  Side out = std::move(sides[0]);
  // Where the columns of scope_of_all() are in `out`, as far as they are joined.
  std::vector<size_t> at_column(out.scope.schema.size());
  for (size_t i = 0; i < at_column.size(); ++i) at_column[i] = i;
  const auto moved = [&](const ExprPtr& condition) {
    return rewrite(condition, [&](const ExprPtr& one) -> Result<ExprPtr> {
      if (one->kind != Expr::Kind::kColumn || at_column[one->column] == one->column) {
        return one->kind == Expr::Kind::kColumn ? one : ExprPtr();
      }
      Expr copy = *one;
      copy.column = at_column[one->column];
      return made(std::move(copy));
    });
  };
  for (size_t k = 1; k < sides.size(); ++k) {
    TRY_VOID(distinct_aliases(out.scope, sides[k].scope, at));
    const size_t joined = at_column.size();
    const size_t left_columns = out.scope.schema.size();
    const size_t right_columns = sides[k].scope.schema.size();
    for (size_t i = 0; i < right_columns; ++i) at_column.push_back(left_columns + i);
    std::vector<ExprPtr> mine, rest;
    for (auto& condition : conditions) {
      std::set<size_t> columns;
      columns_of(*condition, columns);
      const bool here = !columns.empty() && *columns.rbegin() < at_column.size() &&
                        *columns.begin() < joined && *columns.rbegin() >= joined &&
                        !has_rowtime(*condition);
      if (!here) {
        rest.push_back(std::move(condition));
        continue;
      }
      TRY(ExprPtr one, moved(condition));
      mine.push_back(std::move(one));
    }
    conditions = std::move(rest);
    TRY(Combined next, combine(std::move(out), std::move(sides[k]), {.by = Joining::By::kComma},
                               std::move(mine), at));
    out = std::move(next.side);
    if (next.swapped) {
      for (auto& column : at_column) {
        column = column < left_columns ? column + right_columns : column - left_columns;
      }
    }
  }
  for (auto& condition : conditions) {
    TRY(condition, moved(condition));
  }
  return out;
}

// `conditions` are over the left's columns, then the right's.
Result<Binder::Combined> Binder::combine(Side left, Side right, Joining how,
                                         std::vector<ExprPtr> conditions, Position at) {
  Combined out;
  JoinKind& kind = how.kind;
  out.swapped = is_stream(left) != is_stream(right) ? is_stream(right)
                                                    : !is_stream(left) && kind == JoinKind::kRight;
  if (out.swapped) {
    const size_t left_columns = left.scope.schema.size();
    const size_t right_columns = right.scope.schema.size();
    for (auto& condition : conditions) {
      TRY(condition, rewrite(condition, [&](const ExprPtr& one) -> Result<ExprPtr> {
            if (one->kind != Expr::Kind::kColumn) return ExprPtr();
            Expr copy = *one;
            copy.column = one->column < left_columns ? one->column + right_columns
                                                     : one->column - left_columns;
            return made(std::move(copy));
          }));
    }
    std::swap(left, right);
    kind = mirrored(kind);
  }
  Scope& scope = out.side.scope;
  scope = scope_of_both(left.scope, right.scope, out.swapped ? Order::kSwapped : Order::kAsWritten);
  const size_t left_columns = left.scope.schema.size();
  if (kind == JoinKind::kLeft || kind == JoinKind::kFull) {
    set_nullable(scope.schema, left_columns, scope.schema.size());
  }
  if (kind == JoinKind::kRight || kind == JoinKind::kFull) {
    set_nullable(scope.schema, 0, left_columns);
  }
  if (is_stream(right)) {
    TRY(out.side.node, stream_join(left, right, scope, how, std::move(conditions), at));
    return out;
  }
  if (kind != JoinKind::kInner && kind != JoinKind::kLeft) {
    return found_expected(at, "an outer join that keeps all rows of a table",
                          "one that keeps the rows of the stream");
  }
  for (size_t i = left_columns; i < scope.facts.size(); ++i) scope.facts[i] = {};
  LookupNode lookup;
  lookup.kind = kind;
  TRY(right.node, filtered_relation(std::move(right.node), conditions, left_columns));
  TRY(lookup.keys, equi_keys(conditions, left_columns));
  TRY(lookup.condition, both_of(std::move(conditions)));
  out.side.node = make_node(scope.schema, {left.node, right.node}, at, std::move(lookup));
  return out;
}

// Takes out of `conditions` what the relation alone decides: fewer of its rows are kept.
Result<NodePtr> Binder::filtered_relation(NodePtr relation, std::vector<ExprPtr>& conditions,
                                          size_t left_columns) {
  std::vector<ExprPtr> own, rest;
  for (auto& condition : conditions) {
    if (reads(*condition, left_columns) != Reads::kRight || has_rowtime(*condition)) {
      rest.push_back(std::move(condition));
      continue;
    }
    TRY(ExprPtr one, rewrite(condition, [&](const ExprPtr& x) -> Result<ExprPtr> {
          if (x->kind != Expr::Kind::kColumn) return ExprPtr();
          Expr copy = *x;
          copy.column -= left_columns;
          return made(std::move(copy));
        }));
    own.push_back(std::move(one));
  }
  conditions = std::move(rest);
  return filtered(std::move(relation), std::move(own));
}

Result<NodePtr> Binder::stream_join(const Side& left, const Side& right, Scope& both, Joining how,
                                    std::vector<ExprPtr> conditions, Position at) {
  const JoinKind kind = how.kind;
  JoinNode join;
  join.kind = kind;
  join.left = left.frame;
  join.right = right.frame;
  bool left_current = !left.frame;
  bool right_current = !right.frame;
  if (!left.frame && !right.frame) {
    // Both contribute their current row, so rows of one ROWTIME meet. A JOIN has to say so.
    const bool one_time =
        how.by == Joining::By::kComma ||
        (kind == JoinKind::kInner && rowtime_equality(conditions, both) != nullptr);
    if (!one_time) {
      return found_expected(at, "a join of two streams without a window",
                            "`stream OVER (RANGE INTERVAL '..' .. PRECEDING)` on one side at "
                            "least, or a.ROWTIME = b.ROWTIME in the condition");
    }
    join.left = Frame{};
    join.right = Frame{};
  } else {
    // A row of a side without a window meets what is there when it comes: the join's ROWTIME is
    // its own. Outer joins give rows of the other side later.
    left_current = left_current && kind == JoinKind::kInner;
    right_current = right_current && kind == JoinKind::kInner;
  }
  const size_t left_columns = left.scope.schema.size();
  for (auto& facts : both.facts) facts = {};
  for (auto& source : both.sources) {
    if (!source.rowtime_column) continue;
    const bool is_left = *source.rowtime_column < left_columns;
    const size_t sources = is_left ? left.scope.sources.size() : right.scope.sources.size();
    if (sources == 1 && (is_left ? left_current : right_current)) {
      both.facts[*source.rowtime_column] = {Monotonic::kIncreasing, kRowtimeSteps};
    }
  }
  TRY(join.keys, equi_keys(conditions, left_columns));
  TRY(join.condition, both_of(std::move(conditions)));
  return make_node(both.schema, {left.node, right.node}, at, std::move(join));
}

Result<std::vector<ExprPtr>> Binder::join_conditions(const AstSource& ast, const Side& left,
                                                     const Side& right, Scope& both) {
  std::vector<ExprPtr> out;
  if (ast.match == AstSource::Match::kOn) {
    TRY(ExprPtr on, condition(*ast.on, Place{both, "ON"}));
    split(on, out);
    return out;
  }
  std::vector<Identifier> names = ast.using_columns;
  if (ast.match == AstSource::Match::kNatural) {
    for (const auto& source : left.scope.sources) {
      for (size_t i = 0; i + source.hidden < source.names.size(); ++i) {
        const auto& name = source.names[i];
        const bool shared = std::ranges::any_of(right.scope.sources, [&](const auto& other) {
          const auto end = other.names.end() - static_cast<std::ptrdiff_t>(other.hidden);
          return std::find(other.names.begin(), end, name) != end;
        });
        if (shared) names.push_back({name, ast.at});
      }
    }
  }
  if (!names.empty() && ast.join == JoinKind::kFull) {
    return found_expected(ast.at, "a FULL JOIN by the names of columns", "ON");
  }
  for (const auto& name : names) {
    TRY(ExprPtr equal, merge_condition(name, left.scope, right.scope, both, ast.join));
    out.push_back(std::move(equal));
  }
  return out;
}

// a.name = b.name, which are one column from now on.
Result<ExprPtr> Binder::merge_condition(const Identifier& name, const Scope& left,
                                        const Scope& right, Scope& both, JoinKind kind) {
  TRY(ExprPtr a, simple_name(name, Place{left, "USING"}));
  TRY(ExprPtr b, simple_name(name, Place{right, "USING"}));
  if (a->kind != Expr::Kind::kColumn || b->kind != Expr::Kind::kColumn) {
    return found_expected(name.at, name.text, "a column of both sides");
  }
  const size_t right_column = left.schema.size() + b->column;
  std::erase_if(both.merged, [&](const auto& one) { return one.name == name.text; });
  const bool of_right = kind == JoinKind::kRight;
  both.merged.push_back(
      {name.text, of_right ? right_column : a->column, of_right ? a->column : right_column});
  TRY(b, column_of(both.schema, right_column, Monotonic::kNo, name.at));
  return call_expr("=", {std::move(a), std::move(b)}, name.at);
}

}  // namespace suiro::sql
