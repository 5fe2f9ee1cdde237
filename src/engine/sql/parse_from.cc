// SPDX-License-Identifier: Apache-2.0
// FROM: streams, tables, subqueries, table functions, joins, and the windows of OVER and WINDOW.
#include <fmt/format.h>

#include "engine/sql/parser.h"

namespace suiro::sql {

Result<SourcePtr> Parser::from() {
  TRY(SourcePtr left, joined());
  for (size_t count = 0; at_symbol(","); ++count) {
    if (count >= kNestingMax) return expected(fmt::format("at most {} sources", kNestingMax));
    AstSource cross;
    cross.at = now().at;
    step();
    TRY(cross.right, joined());
    cross.kind = AstSource::Kind::kJoin;
    cross.left = std::move(left);
    left = std::make_shared<const AstSource>(std::move(cross));
  }
  return left;
}

Result<SourcePtr> Parser::joined() {
  TRY(SourcePtr left, source());
  for (size_t count = 0;; ++count) {
    const bool follows = at_word("JOIN") || at_word("INNER") || at_word("LEFT") ||
                         at_word("RIGHT") || at_word("FULL") || at_word("CROSS") ||
                         at_word("NATURAL");
    if (!follows) return left;
    if (count >= kNestingMax) return expected(fmt::format("at most {} joins", kNestingMax));
    TRY(left, join(std::move(left)));
  }
}

Result<SourcePtr> Parser::join(SourcePtr left) {
  AstSource join;
  join.kind = AstSource::Kind::kJoin;
  join.at = now().at;
  join.left = std::move(left);
  if (take_word("CROSS")) {
    TRY_VOID(want_word("JOIN"));
    TRY(join.right, source());
    return std::make_shared<const AstSource>(std::move(join));
  }
  const bool natural = take_word("NATURAL");
  if (take_word("LEFT")) {
    join.join = JoinKind::kLeft;
  } else if (take_word("RIGHT")) {
    join.join = JoinKind::kRight;
  } else if (take_word("FULL")) {
    join.join = JoinKind::kFull;
  } else {
    take_word("INNER");
  }
  if (join.join != JoinKind::kInner) take_word("OUTER");
  TRY_VOID(want_word("JOIN"));
  TRY(join.right, source());
  if (natural) {
    join.match = AstSource::Match::kNatural;
  } else {
    TRY_VOID(join_condition(join));
  }
  return std::make_shared<const AstSource>(std::move(join));
}

Result<void> Parser::join_condition(AstSource& source) {
  if (take_word("ON")) {
    source.match = AstSource::Match::kOn;
    TRY(source.on, expression());
    return ok();
  }
  if (take_word("USING")) {
    source.match = AstSource::Match::kUsing;
    TRY(source.using_columns, identifier_list("the name of a column"));
    return ok();
  }
  return expected("ON or USING");
}

Result<SourcePtr> Parser::source() {
  TRY_VOID(may_nest());
  const Nesting nesting(*this);
  AstSource out;
  out.at = now().at;
  if (at_word("TABLE") && at_symbol("(", 1)) {
    step();
    TRY_VOID(table_function(out));
  } else if (at_symbol("(")) {
    // A subquery, or a join in parentheses.
    size_t open = 0;
    while (at_symbol("(", open)) ++open;
    if (at_word("SELECT", open) || at_word("VALUES", open)) {
      step();
      out.kind = AstSource::Kind::kQuery;
      TRY(out.query, query());
      TRY_VOID(want_symbol(")"));
    } else {
      step();
      TRY(SourcePtr inner, joined());
      TRY_VOID(want_symbol(")"));
      return inner;
    }
  } else {
    for (const auto* word : {"LATERAL", "UNNEST", "ONLY"}) {
      if (at_word(word)) return expected("a stream, a table, TABLE(..) or a subquery");
    }
    TRY(out.name, object_name("the name of a stream or table, TABLE(..) or a subquery"));
    if (at_symbol("(") && !at_word("OVER")) {
      return expected("',', an alias or a clause: functions stand in TABLE(..)");
    }
  }
  TRY_VOID(correlation(out));
  if (at_word("TABLESAMPLE")) return expected("an alias or a clause");
  return std::make_shared<const AstSource>(std::move(out));
}

// [OVER window] [[AS] alias [(columns)]] [OVER window]
Result<void> Parser::correlation(AstSource& source) {
  if (take_word("OVER")) {
    TRY(source.over, window());
  }
  const bool windowed = at_word("WINDOWED") && at_word("BY", 1);
  if (take_word("AS")) {
    TRY(source.alias, identifier("an alias"));
  } else if (now().kind == TokenKind::kQuoted ||
             (now().kind == TokenKind::kWord && !windowed && !is_reserved(now().text))) {
    TRY(source.alias, identifier("an alias"));
  }
  if (source.alias && at_symbol("(")) {
    TRY(source.columns, identifier_list("the name of a column"));
  }
  if (at_word("OVER")) {
    if (source.over) return expected("one OVER");
    step();
    TRY(source.over, window());
  }
  return ok();
}

// TABLE(function(CURSOR(query), args..))
Result<void> Parser::table_function(AstSource& source) {
  source.kind = AstSource::Kind::kFunction;
  TRY_VOID(want_symbol("("));
  source.at = now().at;
  TRY(source.name, identifier("the name of a function over a cursor"));
  TRY_VOID(want_symbol("("));
  TRY_VOID(want_word("CURSOR"));
  TRY_VOID(want_symbol("("));
  TRY(source.query, query());
  TRY_VOID(want_symbol(")"));
  while (take_symbol(",")) {
    TRY(AstPtr arg, expression());
    source.args.push_back(std::move(arg));
  }
  TRY_VOID(want_symbol(")"));
  return want_symbol(")");
}

// What follows OVER: a name, or a specification in parentheses.
Result<std::shared_ptr<const AstWindow>> Parser::window() {
  AstWindow out;
  out.at = now().at;
  if (take_symbol("(")) {
    TRY_VOID(window_body(out));
    TRY_VOID(want_symbol(")"));
  } else {
    TRY(out.reference, identifier("the name of a window, or '('"));
  }
  return std::make_shared<const AstWindow>(std::move(out));
}

Result<void> Parser::window_body(AstWindow& window) {
  const bool name = now().kind == TokenKind::kQuoted ||
                    (now().kind == TokenKind::kWord && !is_reserved(now().text));
  if (name) {
    TRY(window.reference, identifier("the name of a window"));
  }
  // The order of the two varies in programs.
  for (int i = 0; i < 2; ++i) {
    if (window.partition.empty() && take_words({"PARTITION", "BY"})) {
      do {
        TRY(AstPtr key, expression());
        window.partition.push_back(std::move(key));
      } while (take_symbol(","));
    }
    if (window.order.empty() && at_word("ORDER")) {
      TRY(window.order, order_by());
    }
  }
  if (at_word("RANGE") || at_word("ROWS")) TRY_VOID(frame(window));
  return ok();
}

Result<void> Parser::frame(AstWindow& window) {
  Frame frame;
  frame.kind = at_word("ROWS") ? Frame::Kind::kRows : Frame::Kind::kRange;
  const Position at = now().at;
  step();
  FrameBound end{.at = at};
  const bool between = take_word("BETWEEN");
  TRY(FrameBound begin, frame_bound(frame.kind));
  if (between) {
    TRY_VOID(want_word("AND"));
    TRY(end, frame_bound(frame.kind));
  }
  using Kind = FrameBound::Kind;
  if (begin.kind == Kind::kFollowing && !between) {
    std::swap(begin, end);  // "RANGE INTERVAL .. FOLLOWING": from the current row on
    end.kind = Kind::kFollowing;
    begin = FrameBound{.at = at};
  }
  if (begin.kind == Kind::kFollowing) {
    return found_expected(begin.at, "a window that begins after the current row",
                          "PRECEDING or CURRENT ROW");
  }
  if (end.kind == Kind::kPreceding && end.amount > begin.amount) {
    return found_expected(end.at, "a window of negative size", "an end after the beginning");
  }
  if (end.kind == Kind::kPreceding && end.amount > 0) {
    return found_expected(end.at, "a window that ends before the current row", "CURRENT ROW");
  }
  frame.preceding = begin.amount;
  if (end.kind == Kind::kFollowing && end.amount > 0) {
    frame.following = end.amount;
    window.end = AstWindow::End::kFollowing;
  }
  if ((begin.kind == Kind::kPreceding && begin.amount == 0) ||
      (end.kind != Kind::kCurrentRow && end.amount == 0)) {
    window.zero = AstWindow::Zero::kPreceding;
  }
  window.frame = frame;
  if (at_word("EXCLUDE")) return expected("')'");
  return ok();
}

// CURRENT ROW | n PRECEDING | INTERVAL .. PRECEDING | .. FOLLOWING
Result<Parser::FrameBound> Parser::frame_bound(Frame::Kind kind) {
  FrameBound bound;
  bound.at = now().at;
  if (take_words({"CURRENT", "ROW"})) return bound;
  if (at_word("UNBOUNDED")) {
    return expected(
        "a number of rows or an interval: a window without a bound would grow for ever");
  }
  if (at_symbol("-")) return expected("a number that is not negative");
  if (kind == Frame::Kind::kRows) {
    if (now().kind != TokenKind::kInteger || now().text.size() > 9) {
      return expected("a number of rows");
    }
    bound.amount = std::stoll(now().text);
    step();
  } else {
    TRY(bound.amount, interval_ms("the length of the window"));
  }
  if (take_word("FOLLOWING")) {
    bound.kind = FrameBound::Kind::kFollowing;
    return bound;
  }
  TRY_VOID(want_word("PRECEDING"));
  bound.kind = FrameBound::Kind::kPreceding;
  return bound;
}

}  // namespace suiro::sql
