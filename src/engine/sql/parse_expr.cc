// SPDX-License-Identifier: Apache-2.0
// Expressions: operators by precedence, predicates, names, row values and periods.
#include <fmt/format.h>

#include <algorithm>

#include "engine/sql/parser.h"

namespace suiro::sql {

Result<AstPtr> Parser::finish(AstExpr expr) const {
  for (const auto& arg : expr.args) expr.depth = std::max(expr.depth, arg->depth + 1);
  if (expr.depth > kDepthMax) {
    return found_expected(expr.at, fmt::format("an expression of more than {} levels", kDepthMax),
                          "a simpler one");
  }
  return std::make_shared<const AstExpr>(std::move(expr));
}

Result<AstPtr> Parser::call_of(std::string name, std::vector<AstPtr> args, Position at) const {
  AstExpr call;
  call.kind = AstExpr::Kind::kCall;
  call.at = at;
  call.name = std::move(name);
  call.args = std::move(args);
  return finish(std::move(call));
}

Result<AstPtr> Parser::logic(AstExpr::Kind kind, AstPtr left, AstPtr right, Position at) const {
  AstExpr out;
  out.kind = kind;
  out.at = at;
  out.args = {std::move(left), std::move(right)};
  return finish(std::move(out));
}

Result<AstPtr> Parser::chain(AstExpr::Kind kind, std::span<const AstPtr> parts, Position at) const {
  if (parts.size() == 1) return parts[0];
  const size_t half = parts.size() / 2;
  TRY(AstPtr left, chain(kind, parts.first(half), at));
  TRY(AstPtr right, chain(kind, parts.subspan(half), at));
  return logic(kind, std::move(left), std::move(right), at);
}

Result<AstPtr> Parser::negated(AstPtr expr, Position at) const {
  std::vector<AstPtr> args;
  args.push_back(std::move(expr));
  return call_of("NOT", std::move(args), at);
}

AstPtr Parser::text_of(std::string text, Position at) {
  AstExpr out;
  out.at = at;
  out.type.kind = text.empty() ? TypeKind::kVarchar : TypeKind::kChar;
  const auto characters = std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  out.type.length = static_cast<uint32_t>(std::max<int64_t>(1, characters));
  out.type.nullable = false;
  out.value.null = false;
  out.text = std::move(text);
  return std::make_shared<const AstExpr>(std::move(out));
}

Result<AstPtr> Parser::expression() {
  TRY_VOID(may_nest());
  const Nesting nesting(*this);
  std::vector<AstPtr> parts;
  const Position at = now().at;
  do {
    TRY(AstPtr part, conjunction());
    parts.push_back(std::move(part));
  } while (take_word("OR"));
  return chain(AstExpr::Kind::kOr, parts, at);
}

Result<AstPtr> Parser::conjunction() {
  std::vector<AstPtr> parts;
  const Position at = now().at;
  do {
    TRY(AstPtr part, negation());
    parts.push_back(std::move(part));
  } while (take_word("AND"));
  return chain(AstExpr::Kind::kAnd, parts, at);
}

Result<AstPtr> Parser::negation() {
  const Position at = now().at;
  size_t count = 0;
  while (take_word("NOT")) {
    if (++count > kNestingMax) return expected("fewer NOT");
  }
  TRY(AstPtr inner, predicate());
  for (; count > 0; --count) {
    TRY(inner, negated(std::move(inner), at));
  }
  return inner;
}

Result<AstPtr> Parser::predicate() {
  TRY(AstPtr left, additive());
  if (left->kind == AstExpr::Kind::kRow && left->args.size() == 2 && at_period_predicate()) {
    return period_predicates(std::move(left));
  }
  static constexpr std::string_view kComparisons[] = {"=", "<>", "<", "<=", ">", ">="};
  for (;;) {
    const Token token = now();
    const bool comparison = token.kind == TokenKind::kSymbol &&
                            std::ranges::find(kComparisons, token.text) != std::end(kComparisons);
    if (comparison) {
      step();
      for (const auto* word : {"ALL", "ANY", "SOME"}) {
        if (at_word(word) && at_symbol("(", 1) && (at_word("SELECT", 2) || at_word("VALUES", 2))) {
          return expected("an expression: comparisons with all rows of a query are not supported");
        }
      }
      TRY(AstPtr right, additive());
      TRY(left, call_of(token.text, {std::move(left), std::move(right)}, token.at));
      continue;
    }
    if (token.kind != TokenKind::kWord) return left;
    const bool inverted = at_word("NOT") && (at_word("BETWEEN", 1) || at_word("IN", 1) ||
                                             at_word("LIKE", 1) || at_word("SIMILAR", 1));
    const std::string word = inverted ? ahead().text : token.text;
    if (word != "IS" && word != "BETWEEN" && word != "IN" && word != "LIKE" && word != "SIMILAR") {
      return left;
    }
    if (inverted) step();
    step();
    TRY(left, predicate_tail(std::move(left), word, token.at));
    if (inverted) {
      TRY(left, negated(std::move(left), token.at));
    }
  }
}

Result<AstPtr> Parser::predicate_tail(AstPtr left, std::string_view word, Position at) {
  if (word == "IS") return is(std::move(left), at);
  if (word == "BETWEEN") return between(std::move(left), at);
  if (word == "IN") return in(std::move(left), at);
  if (word == "LIKE") return like("LIKE", std::move(left), at);
  TRY_VOID(want_word("TO"));
  return like("SIMILAR", std::move(left), at);
}

Result<AstPtr> Parser::between(AstPtr value, Position at) {
  const bool symmetric = take_word("SYMMETRIC");
  if (!symmetric) take_word("ASYMMETRIC");
  TRY(AstPtr low, additive());
  TRY_VOID(want_word("AND"));
  TRY(AstPtr high, additive());
  TRY(AstPtr over, call_of(">=", {value, low}, at));
  TRY(AstPtr under, call_of("<=", {value, high}, at));
  TRY(AstPtr both, logic(AstExpr::Kind::kAnd, std::move(over), std::move(under), at));
  if (!symmetric) return both;
  TRY(over, call_of(">=", {value, high}, at));
  TRY(under, call_of("<=", {value, low}, at));
  TRY(AstPtr swapped, logic(AstExpr::Kind::kAnd, std::move(over), std::move(under), at));
  return logic(AstExpr::Kind::kOr, std::move(both), std::move(swapped), at);
}

Result<AstPtr> Parser::in(AstPtr value, Position at) {
  AstExpr out;
  out.at = at;
  out.args.push_back(std::move(value));
  TRY_VOID(want_symbol("("));
  if (at_word("SELECT") || at_word("VALUES")) {
    out.kind = AstExpr::Kind::kInQuery;
    TRY(out.query, query());
  } else {
    out.kind = AstExpr::Kind::kIn;
    do {
      TRY(AstPtr one, expression());
      out.args.push_back(std::move(one));
    } while (take_symbol(","));
  }
  TRY_VOID(want_symbol(")"));
  return finish(std::move(out));
}

Result<AstPtr> Parser::like(std::string_view name, AstPtr value, Position at) {
  std::vector<AstPtr> args;
  args.push_back(std::move(value));
  TRY(AstPtr pattern, additive());
  args.push_back(std::move(pattern));
  if (take_word("ESCAPE")) {
    TRY(AstPtr escape, additive());
    args.push_back(std::move(escape));
  }
  return call_of(std::string(name), std::move(args), at);
}

Result<AstPtr> Parser::is(AstPtr value, Position at) {
  const bool inverted = take_word("NOT");
  AstPtr test;
  if (take_words({"DISTINCT", "FROM"})) {
    TRY(AstPtr right, additive());
    TRY(test, call_of("IS_NOT_DISTINCT", {std::move(value), std::move(right)}, at));
    if (inverted) return test;
    return negated(std::move(test), at);
  }
  for (const auto* word : {"NULL", "TRUE", "FALSE", "UNKNOWN"}) {
    if (!take_word(word)) continue;
    TRY(test, call_of(std::string("IS_") + word, {std::move(value)}, at));
    if (!inverted) return test;
    return negated(std::move(test), at);
  }
  return expected("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM");
}

Result<AstPtr> Parser::additive() {
  TRY(AstPtr left, multiplicative());
  while (at_symbol("+") || at_symbol("-") || at_symbol("||")) {
    const Token token = now();
    step();
    TRY(AstPtr right, multiplicative());
    TRY(left, call_of(token.text, {std::move(left), std::move(right)}, token.at));
  }
  return left;
}

Result<AstPtr> Parser::multiplicative() {
  TRY(AstPtr left, unary());
  while (at_symbol("*") || at_symbol("/")) {
    const Token token = now();
    step();
    TRY(AstPtr right, unary());
    TRY(left, call_of(token.text, {std::move(left), std::move(right)}, token.at));
  }
  return left;
}

Result<AstPtr> Parser::unary() {
  const Position at = now().at;
  size_t minus = 0;
  for (size_t count = 0; at_symbol("-") || at_symbol("+"); ++count) {
    if (count > kNestingMax) return expected("fewer signs");
    if (at_symbol("-")) ++minus;
    step();
  }
  TRY(AstPtr inner, primary());
  for (; minus > 0; --minus) {
    TRY(inner, call_of("NEGATE", {std::move(inner)}, at));
  }
  return inner;
}

Result<AstPtr> Parser::primary() {
  switch (now().kind) {
    case TokenKind::kInteger:
    case TokenKind::kDecimal:
    case TokenKind::kApprox:
      return number();
    case TokenKind::kString:
      return text_literal();
    case TokenKind::kQuoted:
      return at_symbol("(", 1) ? call() : name();
    case TokenKind::kWord:
      return word_primary();
    case TokenKind::kSymbol:
      if (at_symbol("(")) return parenthesised();
      break;
    case TokenKind::kEnd:
      break;
  }
  return expected("an expression");
}

// (expr), (a, b), (a - b) SECOND
Result<AstPtr> Parser::parenthesised() {
  const Position at = now().at;
  step();
  if (at_word("SELECT") || at_word("VALUES")) {
    return expected("an expression: subqueries stand in FROM, IN and EXISTS only");
  }
  AstExpr row;
  row.kind = AstExpr::Kind::kRow;
  row.at = at;
  do {
    TRY(AstPtr part, expression());
    row.args.push_back(std::move(part));
  } while (take_symbol(","));
  TRY_VOID(want_symbol(")"));
  if (row.args.size() > 1) return finish(std::move(row));
  AstPtr inner = row.args[0];
  const bool minus =
      inner->kind == AstExpr::Kind::kCall && inner->name == "-" && inner->args.size() == 2;
  if (!minus || !at_unit()) return inner;
  const Position unit_at = now().at;
  TRY(Type type, interval_qualifier());
  std::string unit(unit_name(type.leading));
  if (type.trailing != type.leading) unit += " TO " + std::string(unit_name(type.trailing));
  TRY(AstPtr call,
      call_of("INTERVAL_BETWEEN", {inner->args[0], inner->args[1], text_of(unit, unit_at)}, at));
  auto typed = std::make_shared<AstExpr>(*call);
  typed->type = type;
  return AstPtr(std::move(typed));
}

Result<AstPtr> Parser::word_primary() {
  const Token& word = now();
  static constexpr std::string_view kCalls[] = {"CURRENT_DATE",      "CURRENT_TIME",
                                                "CURRENT_TIMESTAMP", "LOCALTIME",
                                                "LOCALTIMESTAMP",    "CURRENT_ROW_TIMESTAMP"};
  if (std::ranges::find(kCalls, word.text) != std::end(kCalls) && !at_symbol(".", 1) &&
      !at_symbol("(", 1)) {
    const Token token = word;
    step();
    return call_of(token.text, {}, token.at);
  }
  if (word.text == "CASE") return case_expression();
  if (word.text == "INTERVAL") return interval_literal();
  if ((word.text == "DATE" || word.text == "TIME" || word.text == "TIMESTAMP") &&
      ahead().kind == TokenKind::kString) {
    return datetime_literal();
  }
  if (word.text == "TRUE" || word.text == "FALSE" || word.text == "UNKNOWN" ||
      word.text == "NULL") {
    AstExpr out;
    out.at = word.at;
    out.type.kind = word.text == "NULL" ? TypeKind::kNull : TypeKind::kBoolean;
    const bool known = word.text == "TRUE" || word.text == "FALSE";
    if (known) out.value = Value::of_integer(word.text == "TRUE" ? 1 : 0);
    out.type.nullable = !known;
    step();
    return finish(std::move(out));
  }
  if (word.text == "EXISTS") {
    AstExpr out;
    out.kind = AstExpr::Kind::kExists;
    out.at = word.at;
    step();
    TRY_VOID(want_symbol("("));
    TRY(out.query, query());
    TRY_VOID(want_symbol(")"));
    return finish(std::move(out));
  }
  if (at_symbol("(", 1)) {
    if (word.text == "PERIOD") return period();
    if (word.text == "ROW") {
      step();
      return parenthesised();
    }
    return call();
  }
  return name();
}

Result<AstPtr> Parser::name() {
  static constexpr std::string_view kColumns[] = {"ROWTIME", "APPROXIMATE_ARRIVAL_TIME",
                                                  "PARTITION_KEY", "SEQUENCE_NUMBER", "SHARD_ID"};
  constexpr size_t kPartsMax = 4;
  AstExpr out;
  out.kind = AstExpr::Kind::kName;
  out.at = now().at;
  do {
    if (out.path.size() >= kPartsMax) return expected("a name of fewer parts");
    if (now().kind == TokenKind::kWord &&
        std::ranges::find(kColumns, now().text) != std::end(kColumns)) {
      out.path.push_back({now().text, now().at});
      step();
      continue;
    }
    TRY(Identifier part, identifier("an expression"));
    out.path.push_back(std::move(part));
  } while (take_symbol("."));
  if (out.path.size() == 2 && out.path[1].text == "ROWTIME" && !selects_.empty()) {
    selects_.back()->rowtimes_of.push_back(out.path[0].text);
  }
  return finish(std::move(out));
}

// PERIOD(start, end)
Result<AstPtr> Parser::period() {
  step();
  const Position at = now().at;
  TRY(AstPtr row, parenthesised());
  if (row->kind != AstExpr::Kind::kRow || row->args.size() != 2) {
    return found_expected(at, "something else", "PERIOD(start, end)");
  }
  return row;
}

bool Parser::at_period_predicate() const {
  static constexpr std::string_view kWords[] = {"EQUALS",   "STRICTLY", "IMMEDIATELY",
                                                "CONTAINS", "OVERLAPS", "PRECEDES",
                                                "SUCCEEDS", "LEADS",    "LAGS"};
  return now().kind == TokenKind::kWord &&
         std::ranges::find(kWords, now().text) != std::end(kWords);
}

// p1 PRECEDES p2 PRECEDES p3: the middle period belongs to both.
Result<AstPtr> Parser::period_predicates(AstPtr left) {
  std::vector<AstPtr> parts;
  const Position at = now().at;
  while (at_period_predicate() && left->kind == AstExpr::Kind::kRow) {
    if (parts.size() >= kNestingMax) return expected("fewer period predicates");
    AstPtr right;
    TRY(AstPtr one, period_predicate(left, right));
    parts.push_back(std::move(one));
    left = std::move(right);
  }
  return chain(AstExpr::Kind::kAnd, parts, at);
}

Result<AstPtr> Parser::period_predicate(const AstPtr& left, AstPtr& right) {
  const Position at = now().at;
  std::string prefix;
  if (take_word("STRICTLY")) {
    prefix = "STRICTLY_";
  } else if (take_word("IMMEDIATELY")) {
    prefix = "IMMEDIATELY_";
  }
  static constexpr std::string_view kPlain[] = {"EQUALS",   "CONTAINS", "OVERLAPS", "PRECEDES",
                                                "SUCCEEDS", "LEADS",    "LAGS"};
  const auto* found = std::ranges::find(kPlain, now().text);
  const bool word = now().kind == TokenKind::kWord && found != std::end(kPlain);
  if (!word) return expected("CONTAINS, OVERLAPS, PRECEDES, SUCCEEDS, LEADS or LAGS");
  const std::string name(*found);
  const bool immediate = prefix == "IMMEDIATELY_";
  if ((name == "EQUALS" && !prefix.empty()) ||
      (immediate && (name == "CONTAINS" || name == "OVERLAPS"))) {
    return expected("another predicate of periods after " + prefix.substr(0, prefix.size() - 1));
  }
  step();
  TRY(right, additive());
  if (right->kind == AstExpr::Kind::kRow) {
    if (right->args.size() != 2) {
      return found_expected(right->at, "a row value", "PERIOD(start, end)");
    }
    return call_of("PERIOD_" + prefix + name,
                   {left->args[0], left->args[1], right->args[0], right->args[1]}, at);
  }
  if (name != "CONTAINS" || !prefix.empty()) {
    return found_expected(right->at, "a value", "PERIOD(start, end)");
  }
  TRY(AstPtr low, call_of("<=", {left->args[0], right}, at));
  TRY(AstPtr high, call_of("<", {right, left->args[1]}, at));
  return logic(AstExpr::Kind::kAnd, std::move(low), std::move(high), at);
}

}  // namespace suiro::sql
