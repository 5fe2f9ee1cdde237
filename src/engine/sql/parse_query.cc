// SPDX-License-Identifier: Apache-2.0
// Queries: SELECT with its clauses, VALUES, set operators, ORDER BY.
#include <fmt/format.h>

#include "engine/sql/parser.h"

namespace suiro::sql {

Result<QueryPtr> Parser::query() {
  TRY_VOID(may_nest());
  const Nesting nesting(*this);
  TRY(QueryPtr body, set_operation());
  if (at_word("ORDER")) {
    auto ordered = std::make_shared<AstQuery>(*body);
    if (!ordered->order_by.empty()) return expected("one ORDER BY");
    TRY(ordered->order_by, order_by());
    body = std::move(ordered);
  }
  TRY_VOID(refuse_rest());
  return body;
}

Result<void> Parser::refuse_rest() {
  for (const auto* word : {"LIMIT", "OFFSET", "FETCH", "FOR"}) {
    if (at_word(word)) {
      return expected("the query to end here: a stream has no end to count to");
    }
  }
  return ok();
}

Result<QueryPtr> Parser::combine(UnionNode::Kind kind, QueryPtr left, QueryPtr right, Position at) {
  AstQuery both;
  both.kind = AstQuery::Kind::kSet;
  both.at = at;
  both.set = kind;
  both.left = std::move(left);
  both.right = std::move(right);
  return std::make_shared<const AstQuery>(std::move(both));
}

// query { UNION [ALL | DISTINCT] | EXCEPT query }
Result<QueryPtr> Parser::set_operation() {
  TRY(QueryPtr left, intersection());
  for (size_t count = 0; at_word("UNION") || at_word("EXCEPT"); ++count) {
    if (count >= kNestingMax) return expected(fmt::format("at most {} set operators", kNestingMax));
    const Position at = now().at;
    UnionNode::Kind kind = UnionNode::Kind::kExcept;
    if (take_word("UNION")) {
      kind = take_word("ALL") ? UnionNode::Kind::kAll : UnionNode::Kind::kDistinct;
    } else {
      step();
    }
    if (kind != UnionNode::Kind::kAll && !take_word("DISTINCT") && at_word("ALL")) {
      return expected("a query: EXCEPT ALL is not supported");
    }
    TRY(QueryPtr right, intersection());
    TRY(left, combine(kind, std::move(left), std::move(right), at));
  }
  return left;
}

Result<QueryPtr> Parser::intersection() {
  TRY(QueryPtr left, query_primary());
  for (size_t count = 0; at_word("INTERSECT"); ++count) {
    if (count >= kNestingMax) return expected(fmt::format("at most {} set operators", kNestingMax));
    const Position at = now().at;
    step();
    if (!take_word("DISTINCT") && at_word("ALL")) {
      return expected("a query: INTERSECT ALL is not supported");
    }
    TRY(QueryPtr right, query_primary());
    TRY(left, combine(UnionNode::Kind::kIntersect, std::move(left), std::move(right), at));
  }
  return left;
}

Result<QueryPtr> Parser::query_primary() {
  if (at_word("SELECT")) return select();
  if (at_word("VALUES")) {
    AstQuery query;
    query.at = now().at;
    query.kind = AstQuery::Kind::kValues;
    TRY(query.values, values());
    return std::make_shared<const AstQuery>(std::move(query));
  }
  if (take_symbol("(")) {
    TRY(QueryPtr inner, query());
    TRY_VOID(want_symbol(")"));
    return inner;
  }
  if (at_word("WITH")) return expected("SELECT or VALUES: WITH is not supported, use a stream");
  return expected("SELECT or VALUES");
}

Result<std::vector<std::vector<AstPtr>>> Parser::values() {
  step();
  std::vector<std::vector<AstPtr>> rows;
  do {
    std::vector<AstPtr> row;
    if (at_symbol("(") || (at_word("ROW") && at_symbol("(", 1))) {
      take_word("ROW");
      step();
      do {
        TRY(AstPtr value, expression());
        row.push_back(std::move(value));
      } while (take_symbol(","));
      TRY_VOID(want_symbol(")"));
    } else {
      TRY(AstPtr value, expression());
      row.push_back(std::move(value));
    }
    rows.push_back(std::move(row));
  } while (take_symbol(","));
  return rows;
}

Result<QueryPtr> Parser::select() {
  AstQuery query;
  query.at = now().at;
  step();
  AstSelect& select = query.select;
  selects_.push_back(&select);
  auto clauses = select_clauses(select);
  selects_.pop_back();
  TRY_VOID(std::move(clauses));
  return std::make_shared<const AstQuery>(std::move(query));
}

Result<void> Parser::select_clauses(AstSelect& select) {
  if (take_word("STREAM")) select.mode = AstSelect::Mode::kStream;
  if (take_word("DISTINCT")) {
    select.quantifier = AstSelect::Quantifier::kDistinct;
  } else {
    take_word("ALL");
  }
  do {
    if (select.items.size() >= kColumnsMax) {
      return expected(fmt::format("at most {} columns", kColumnsMax));
    }
    TRY(AstItem one, item());
    select.items.push_back(std::move(one));
  } while (take_symbol(","));
  TRY_VOID(want_word("FROM"));
  TRY(select.from, from());
  if (take_word("WHERE")) {
    TRY(select.where, expression());
  }
  return group_clauses(select);
}

Result<void> Parser::group_clauses(AstSelect& select) {
  if (take_words({"GROUP", "BY"})) {
    do {
      for (const auto* word : {"ROLLUP", "CUBE", "GROUPING"}) {
        if (at_word(word)) return expected("an expression: a stream is grouped one way");
      }
      TRY(AstPtr key, expression());
      select.group_by.push_back(std::move(key));
    } while (take_symbol(","));
  } else if (take_words({"WINDOWED", "BY"})) {
    TRY(select.stagger, stagger());
  }
  if (take_word("HAVING")) {
    TRY(select.having, expression());
  }
  if (take_word("WINDOW")) TRY_VOID(named_windows(select));
  return ok();
}

Result<AstStagger> Parser::stagger() {
  if (!at_word("STAGGER")) return expected("STAGGER: tumbling windows are written with GROUP BY");
  step();
  AstStagger stagger;
  TRY_VOID(want_symbol("("));
  TRY_VOID(want_words({"PARTITION", "BY"}));
  do {
    TRY(AstPtr key, expression());
    stagger.partition.push_back(std::move(key));
  } while (take_symbol(","));
  TRY_VOID(want_word("RANGE"));
  TRY(stagger.width_ms, interval_ms("the length of the window"));
  take_word("PRECEDING");
  TRY_VOID(want_symbol(")"));
  return stagger;
}

Result<void> Parser::named_windows(AstSelect& select) {
  do {
    TRY(Identifier name, identifier("the name of a window"));
    TRY_VOID(want_word("AS"));
    if (!at_symbol("(")) return expected("'('");
    TRY(auto spec, window());
    select.windows.emplace_back(std::move(name), std::move(spec));
  } while (take_symbol(","));
  return ok();
}

Result<AstItem> Parser::item() {
  AstItem item;
  item.at = now().at;
  if (take_symbol("*")) return item;
  const bool name = now().kind == TokenKind::kWord || now().kind == TokenKind::kQuoted;
  if (name && at_symbol(".", 1) && at_symbol("*", 2)) {
    TRY(item.qualifier, identifier("the alias of a stream or table"));
    step();
    step();
    return item;
  }
  TRY(item.expr, expression());
  if (take_word("AS")) {
    TRY(item.alias, identifier("the name of a column"));
  } else if (now().kind == TokenKind::kQuoted ||
             (now().kind == TokenKind::kWord && !is_reserved(now().text))) {
    TRY(item.alias, identifier("the name of a column"));
  }
  return item;
}

Result<std::vector<AstOrder>> Parser::order_by() {
  TRY_VOID(want_words({"ORDER", "BY"}));
  std::vector<AstOrder> list;
  do {
    TRY_VOID(order_item(list));
  } while (take_symbol(","));
  return list;
}

Result<void> Parser::order_item(std::vector<AstOrder>& list) {
  AstOrder order;
  TRY(order.expr, expression());
  if (take_word("WITHIN")) {
    TRY(order.within_ms, interval_ms("how late a row may be"));
  }
  if (at_word("DESC")) {
    if (order.within_ms) return expected("',' or the end: WITHIN sorts in ascending order");
    step();
    order.order = SortKey::Order::kDescending;
  } else {
    take_word("ASC");
  }
  if (at_word("NULLS")) return expected("',' or the end: where NULLs stand cannot be chosen");
  list.push_back(std::move(order));
  return ok();
}

}  // namespace suiro::sql
