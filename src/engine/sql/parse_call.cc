// SPDX-License-Identifier: Apache-2.0
// Calls: functions with key words between their arguments, plain ones, CAST and CASE.

#include <algorithm>

#include "engine/sql/parser.h"

namespace suiro::sql {

Result<AstPtr> Parser::call() {
  const Token name = now();
  if (name.kind == TokenKind::kWord) {
    TRY(AstPtr special, special_call(name));
    if (special) return special;
  }
  return plain_call(name);
}

// Null: the name is that of a plain function.
Result<AstPtr> Parser::special_call(const Token& name) {
  const std::string& text = name.text;
  const bool known = text == "CAST" || text == "EXTRACT" || text == "FLOOR" || text == "CEIL" ||
                     text == "CEILING" || text == "STEP" || text == "TRIM" || text == "SUBSTRING" ||
                     text == "OVERLAY" || text == "POSITION";
  if (text == "CURSOR") return expected("an expression: CURSOR stands in TABLE(function(..)) only");
  if (text == "ARRAY" || text == "MULTISET" || text == "CONVERT" || text == "TRANSLATE") {
    return expected("an expression: the language has no function " + text);
  }
  if (!known) return AstPtr();
  step();
  step();  // the parenthesis
  if (text == "CAST") return cast_call(name.at);
  if (text == "EXTRACT") return extract_call(name.at);
  if (text == "STEP") return step_call(name.at);
  if (text == "TRIM") return trim_call(name.at);
  if (text == "SUBSTRING") return substring_call(name.at);
  if (text == "OVERLAY") return overlay_call(name.at);
  if (text == "POSITION") return position_call(name.at);
  return rounding_call(name);
}

Result<std::vector<AstPtr>> Parser::arguments() {
  std::vector<AstPtr> args;
  if (at_symbol(")")) return args;
  do {
    TRY(AstPtr arg, expression());
    args.push_back(std::move(arg));
  } while (take_symbol(","));
  return args;
}

Result<AstPtr> Parser::plain_call(const Token& name) {
  AstExpr out;
  out.kind = AstExpr::Kind::kCall;
  out.at = name.at;
  out.name = name.text;
  static constexpr std::string_view kNever[] = {"SELECT", "FROM", "WHERE", "GROUP", "ORDER",
                                                "VALUES", "AND",  "OR",    "ON",    "AS"};
  if (name.kind == TokenKind::kWord && std::ranges::find(kNever, name.text) != std::end(kNever)) {
    return expected("an expression");
  }
  step();
  TRY_VOID(want_symbol("("));
  if (at_symbol("*")) {
    if (out.name != "COUNT") return expected("an expression");
    step();
  } else {
    if (take_word("DISTINCT")) {
      out.quantifier = AggregateCall::Quantifier::kDistinct;
    } else {
      take_word("ALL");
    }
    TRY(out.args, arguments());
    if (out.name == "COUNT" && out.args.empty()) return expected("'*' or an expression");
  }
  TRY_VOID(want_symbol(")"));
  TRY_VOID(call_suffixes(out));
  return finish(std::move(out));
}

// [FROM FIRST | LAST] [RESPECT | IGNORE NULLS] [OVER window]
Result<void> Parser::call_suffixes(AstExpr& call) {
  if (call.name == "NTH_VALUE" && at_word("FROM") && (at_word("FIRST", 1) || at_word("LAST", 1))) {
    step();
    if (at_word("LAST")) call.from = AggregateCall::From::kLast;
    step();
  }
  if (take_words({"IGNORE", "NULLS"})) {
    call.nulls = NullTreatment::kIgnore;
  } else {
    take_words({"RESPECT", "NULLS"});
  }
  if (at_word("FILTER"))
    return expected("OVER or the next part: FILTER is not supported, use CASE");
  if (at_word("WITHIN") && at_word("GROUP", 1)) {
    return expected("OVER or the next part: WITHIN GROUP is not supported");
  }
  if (take_word("OVER")) {
    TRY(call.over, window());
  }
  return ok();
}

Result<AstPtr> Parser::cast_call(Position at) {
  AstExpr out;
  out.kind = AstExpr::Kind::kCast;
  out.at = at;
  TRY(AstPtr value, expression());
  out.args.push_back(std::move(value));
  TRY_VOID(want_word("AS"));
  TRY(out.type, type());
  TRY_VOID(want_symbol(")"));
  return finish(std::move(out));
}

// CASE WHEN c THEN v .. [ELSE v] END and CASE x WHEN v THEN v .. END
Result<AstPtr> Parser::case_expression() {
  AstExpr out;
  out.kind = AstExpr::Kind::kCase;
  out.at = now().at;
  step();
  AstPtr subject;
  if (!at_word("WHEN")) {
    TRY(subject, expression());
  }
  if (!at_word("WHEN")) return expected("WHEN");
  while (at_word("WHEN")) {
    const Position at = now().at;
    step();
    TRY(AstPtr when, expression());
    if (subject) {
      TRY(when, call_of("=", {subject, std::move(when)}, at));
    }
    TRY_VOID(want_word("THEN"));
    TRY(AstPtr then, expression());
    out.args.push_back(std::move(when));
    out.args.push_back(std::move(then));
  }
  if (take_word("ELSE")) {
    TRY(AstPtr otherwise, expression());
    out.args.push_back(std::move(otherwise));
  } else {
    AstExpr null;
    null.at = now().at;
    out.args.push_back(std::make_shared<const AstExpr>(std::move(null)));
  }
  TRY_VOID(want_word("END"));
  return finish(std::move(out));
}

Result<AstPtr> Parser::extract_call(Position at) {
  if (!at_unit()) return expected("YEAR, MONTH, DAY, HOUR, MINUTE or SECOND");
  AstPtr unit = text_of(now().text, now().at);
  step();
  TRY_VOID(want_word("FROM"));
  TRY(AstPtr value, expression());
  TRY_VOID(want_symbol(")"));
  return call_of("EXTRACT", {std::move(unit), std::move(value)}, at);
}

// FLOOR(x), FLOOR(x TO unit), CEIL, CEILING
Result<AstPtr> Parser::rounding_call(const Token& name) {
  const std::string base = name.text == "CEILING" ? "CEIL" : name.text;
  TRY(AstPtr value, expression());
  if (!take_word("TO")) {
    TRY_VOID(want_symbol(")"));
    return call_of(base, {std::move(value)}, name.at);
  }
  if (!at_unit()) return expected("YEAR, MONTH, DAY, HOUR, MINUTE or SECOND");
  AstPtr unit = text_of(now().text, now().at);
  step();
  TRY_VOID(want_symbol(")"));
  return call_of(base + "_TO", {std::move(value), std::move(unit)}, name.at);
}

Result<AstPtr> Parser::step_call(Position at) {
  TRY(AstPtr value, expression());
  if (!take_word("BY")) return expected("BY");
  TRY(AstPtr width, expression());
  TRY_VOID(want_symbol(")"));
  return call_of("STEP", {std::move(value), std::move(width)}, at);
}

// TRIM([[LEADING | TRAILING | BOTH] [c] FROM] s)
Result<AstPtr> Parser::trim_call(Position at) {
  AstPtr side = text_of("BOTH", at);
  bool sided = false;
  for (const auto* word : {"LEADING", "TRAILING", "BOTH"}) {
    if (!sided && at_word(word)) {
      side = text_of(word, now().at);
      step();
      sided = true;
    }
  }
  AstPtr what = text_of(" ", at);
  AstPtr value;
  if (!take_word("FROM")) {
    TRY(value, expression());
    if (take_word("FROM")) {
      what = std::move(value);
      TRY(value, expression());
    } else if (sided) {
      return expected("FROM");
    }
  } else {
    TRY(value, expression());
  }
  TRY_VOID(want_symbol(")"));
  return call_of("TRIM", {std::move(side), std::move(what), std::move(value)}, at);
}

Result<AstPtr> Parser::substring_call(Position at) {
  std::vector<AstPtr> args;
  // "s SIMILAR p ESCAPE e" would be read as a predicate by expression().
  TRY(AstPtr value, additive());
  args.push_back(std::move(value));
  std::string name = "SUBSTRING";
  if (take_word("SIMILAR")) {
    name = "SUBSTRING_SIMILAR";
    TRY(AstPtr pattern, expression());
    TRY_VOID(want_word("ESCAPE"));
    TRY(AstPtr escape, expression());
    args.push_back(std::move(pattern));
    args.push_back(std::move(escape));
  } else if (take_word("FROM")) {
    name = "SUBSTRING_FROM";
    TRY(AstPtr from, expression());
    args.push_back(std::move(from));
    if (take_word("FOR")) {
      TRY(AstPtr length, expression());
      args.push_back(std::move(length));
    }
  } else {
    if (!at_symbol(",")) return expected("FROM, ',' or SIMILAR");
    while (take_symbol(",")) {
      TRY(AstPtr arg, expression());
      args.push_back(std::move(arg));
    }
  }
  TRY_VOID(want_symbol(")"));
  return call_of(std::move(name), std::move(args), at);
}

Result<AstPtr> Parser::overlay_call(Position at) {
  std::vector<AstPtr> args;
  TRY(AstPtr value, expression());
  args.push_back(std::move(value));
  TRY_VOID(want_word("PLACING"));
  TRY(AstPtr with, expression());
  args.push_back(std::move(with));
  TRY_VOID(want_word("FROM"));
  TRY(AstPtr from, expression());
  args.push_back(std::move(from));
  if (take_word("FOR")) {
    TRY(AstPtr length, expression());
    args.push_back(std::move(length));
  }
  TRY_VOID(want_symbol(")"));
  return call_of("OVERLAY", std::move(args), at);
}

Result<AstPtr> Parser::position_call(Position at) {
  TRY(AstPtr what, additive());
  TRY_VOID(want_word("IN"));
  TRY(AstPtr value, additive());
  TRY_VOID(want_symbol(")"));
  return call_of("POSITION", {std::move(what), std::move(value)}, at);
}

}  // namespace suiro::sql
