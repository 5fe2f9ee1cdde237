// SPDX-License-Identifier: Apache-2.0
// Statements: CREATE STREAM, PUMP, FUNCTION, and INSERT.
#include <fmt/format.h>

#include "engine/sql/parser.h"

namespace suiro::sql {

Result<std::vector<AstStatement>> parse_program(std::vector<Token> tokens,
                                                const LanguageOptions& options) {
  return Parser(std::move(tokens), options).program();
}

bool Parser::at_word(std::string_view word, size_t count) const {
  return ahead(count).kind == TokenKind::kWord && ahead(count).text == word;
}
bool Parser::at_symbol(std::string_view symbol, size_t count) const {
  return ahead(count).kind == TokenKind::kSymbol && ahead(count).text == symbol;
}
bool Parser::take_word(std::string_view word) {
  if (!at_word(word)) return false;
  step();
  return true;
}
bool Parser::take_words(std::initializer_list<std::string_view> words) {
  size_t count = 0;
  for (const auto word : words) {
    if (!at_word(word, count++)) return false;
  }
  pos_ += words.size();
  return true;
}
bool Parser::take_symbol(std::string_view symbol) {
  if (!at_symbol(symbol)) return false;
  step();
  return true;
}
Result<void> Parser::want_word(std::string_view word) {
  if (!take_word(word)) return expected(word);
  return ok();
}
Result<void> Parser::want_words(std::initializer_list<std::string_view> words) {
  for (const auto word : words) TRY_VOID(want_word(word));
  return ok();
}
Result<void> Parser::want_symbol(std::string_view symbol) {
  if (!take_symbol(symbol)) return expected(fmt::format("'{}'", symbol));
  return ok();
}
std::unexpected<Error> Parser::expected(std::string_view what) const {
  return found_expected(now().at, shown(now()), what);
}
Result<void> Parser::may_nest() const {
  if (nesting_ >= kNestingMax) {
    return found_expected(now().at, fmt::format("more than {} levels of nesting", kNestingMax),
                          "a simpler statement");
  }
  return ok();
}

Result<std::vector<AstStatement>> Parser::program() {
  std::vector<AstStatement> statements;
  while (take_symbol(";")) {
  }
  while (now().kind != TokenKind::kEnd) {
    if (statements.size() >= kStatementsMax) {
      return expected(fmt::format("at most {} statements", kStatementsMax));
    }
    TRY(AstStatement one, statement());
    statements.push_back(std::move(one));
    if (now().kind == TokenKind::kEnd) break;
    TRY_VOID(want_symbol(";"));
    while (take_symbol(";")) {
    }
  }
  return statements;
}

Result<AstStatement> Parser::statement() {
  if (at_word("CREATE")) return create();
  if (at_word("INSERT")) {
    AstPump pump;
    pump.at = now().at;
    TRY_VOID(insert(pump));
    return AstStatement(std::move(pump));
  }
  for (const auto* word : {"SELECT", "VALUES"}) {
    if (at_word(word)) {
      return expected("CREATE: the rows of a query alone go nowhere, put it into a pump");
    }
  }
  for (const auto* word : {"ALTER", "DROP", "RENAME", "UPDATE", "DELETE", "MERGE", "SET", "GRANT",
                           "TRUNCATE", "EXPLAIN", "ANALYZE", "CHECKPOINT", "START", "STOP"}) {
    if (at_word(word)) {
      return expected(
          "CREATE STREAM, CREATE PUMP or CREATE FUNCTION: this statement does not belong "
          "to the service's language");
    }
  }
  return expected("CREATE STREAM, CREATE PUMP or CREATE FUNCTION");
}

Result<AstStatement> Parser::create() {
  step();
  Replace replace = Replace::kNo;
  if (take_word("OR")) {
    TRY_VOID(want_word("REPLACE"));
    replace = Replace::kYes;
  }
  if (take_word("STREAM")) return create_stream(replace);
  if (take_word("PUMP")) return create_pump(replace);
  if (take_word("FUNCTION")) return create_function(replace);
  for (const auto* word : {"VIEW", "TABLE", "SCHEMA", "FOREIGN", "SERVER", "INDEX"}) {
    if (at_word(word)) {
      return expected(
          "STREAM, PUMP or FUNCTION: reference tables are part of the application's "
          "settings, and the service has no such object");
    }
  }
  return expected("STREAM, PUMP or FUNCTION");
}

Result<std::string> Parser::description() {
  std::string text;
  if (take_word("DESCRIPTION")) {
    if (now().kind != TokenKind::kString) return expected("a text");
    text = now().text;
    step();
  }
  return text;
}

Result<AstStatement> Parser::create_stream(Replace replace) {
  AstStream stream;
  stream.replace = replace;
  TRY(stream.name, object_name("the name of a stream"));
  TRY_VOID(want_symbol("("));
  do {
    if (stream.columns.size() >= kColumnsMax) {
      return expected(fmt::format("at most {} columns", kColumnsMax));
    }
    TRY(AstColumn column, column_definition());
    stream.columns.push_back(std::move(column));
  } while (take_symbol(","));
  TRY_VOID(want_symbol(")"));
  if (at_word("OPTIONS") || at_word("ORDER")) return expected("DESCRIPTION or ';'");
  TRY(stream.description, description());
  return AstStatement(std::move(stream));
}

Result<AstColumn> Parser::column_definition() {
  AstColumn column;
  TRY(column.name, identifier("the name of a column"));
  if (column.name.text == "ROWTIME") {
    return found_expected(column.name.at, "ROWTIME",
                          "another name: every stream has its ROWTIME without being told");
  }
  const Position at = now().at;
  TRY(column.type, type());
  if (column.type.is_interval()) {
    return found_expected(at, column.type.text(), "another type: intervals are no columns");
  }
  if (take_words({"NOT", "NULL"})) {
    column.type.nullable = false;
  } else {
    take_word("NULL");
  }
  for (const auto* word : {"DEFAULT", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "CONSTRAINT"}) {
    if (at_word(word)) return expected("NOT NULL, ',' or ')': columns have no other constraints");
  }
  return column;
}

Result<AstStatement> Parser::create_pump(Replace replace) {
  AstPump pump;
  pump.replace = replace;
  pump.at = now().at;
  TRY(pump.name, object_name("the name of a pump"));
  if (take_word("STOPPED")) {
    pump.state = Pump::State::kStopped;
  } else {
    take_word("STARTED");
  }
  TRY(pump.description, description());
  TRY_VOID(want_word("AS"));
  TRY_VOID(insert(pump));
  return AstStatement(std::move(pump));
}

Result<void> Parser::insert(AstPump& pump) {
  TRY_VOID(want_word("INSERT"));
  take_word("EXPEDITED");
  TRY_VOID(want_word("INTO"));
  TRY(pump.target, object_name("the name of a stream"));
  // A parenthesis may begin the columns or the query.
  const bool is_query =
      at_symbol("(") && (at_word("SELECT", 1) || at_word("VALUES", 1) || at_symbol("(", 1));
  if (at_symbol("(") && !is_query) {
    TRY(pump.columns, identifier_list("the name of a column"));
  }
  if (at_word("DEFAULT")) return expected("SELECT or VALUES");
  TRY(pump.query, query());
  return ok();
}

Result<AstStatement> Parser::create_function(Replace replace) {
  AstFunction function;
  function.replace = replace;
  TRY(function.name, object_name("the name of a function"));
  TRY_VOID(want_symbol("("));
  if (!at_symbol(")")) {
    do {
      if (function.parameters.size() >= kColumnsMax) {
        return expected(fmt::format("at most {} parameters", kColumnsMax));
      }
      take_word("IN");
      AstColumn parameter;
      TRY(parameter.name, identifier("the name of a parameter"));
      TRY(parameter.type, type());
      function.parameters.push_back(std::move(parameter));
    } while (take_symbol(","));
  }
  TRY_VOID(want_symbol(")"));
  TRY_VOID(want_word("RETURNS"));
  TRY(function.returns, type());
  TRY_VOID(function_properties(function));
  TRY_VOID(want_word("RETURN"));
  TRY(function.body, expression());
  return AstStatement(std::move(function));
}

Result<void> Parser::function_properties(AstFunction& function) {
  constexpr size_t kPropertiesMax = 16;
  for (size_t i = 0; i < kPropertiesMax && !at_word("RETURN"); ++i) {
    if (take_word("LANGUAGE")) {
      if (!take_word("SQL")) return expected("SQL: functions are written in SQL only");
    } else if (take_word("SPECIFIC")) {
      TRY(Identifier name, identifier("the specific name of the function"));
      function.specific = name.text;
    } else if (take_words({"RETURNS", "NULL", "ON", "NULL", "INPUT"})) {
      function.on_null = AstFunction::OnNull::kReturnNull;
    } else if (take_words({"CALLED", "ON", "NULL", "INPUT"})) {
      function.on_null = AstFunction::OnNull::kCall;
    } else if (take_word("DETERMINISTIC") || take_words({"NOT", "DETERMINISTIC"}) ||
               take_words({"CONTAINS", "SQL"}) || take_words({"NO", "SQL"}) ||
               take_words({"READS", "SQL", "DATA"}) || take_words({"MODIFIES", "SQL", "DATA"})) {
      // Promises about a body that is one expression: nothing follows from them.
    } else if (at_word("EXTERNAL")) {
      return expected("RETURN: functions are written in SQL only");
    } else {
      return expected("RETURN, or a property of the function");
    }
  }
  return ok();
}

Result<Identifier> Parser::identifier(std::string_view what) {
  if (now().kind == TokenKind::kQuoted) {
    Identifier out{now().text, now().at};
    step();
    return out;
  }
  if (now().kind != TokenKind::kWord) return expected(what);
  // ROWTIME names something that exists: where it may stand is decided by who uses the name.
  if (is_reserved(now().text) && now().text != "ROWTIME") {
    return found_expected(now().at, fmt::format("the reserved word {}", now().text),
                          fmt::format("{} (a reserved word needs double quotes)", what));
  }
  Identifier out{now().text, now().at};
  step();
  return out;
}

Result<Identifier> Parser::object_name(std::string_view what) {
  TRY(Identifier name, identifier(what));
  if (at_symbol(".")) {
    return expected("a name of one part: an application has no catalogs and schemas");
  }
  return name;
}

Result<std::vector<Identifier>> Parser::identifier_list(std::string_view what) {
  std::vector<Identifier> list;
  TRY_VOID(want_symbol("("));
  do {
    if (list.size() >= kColumnsMax) return expected(fmt::format("at most {} names", kColumnsMax));
    TRY(Identifier name, identifier(what));
    list.push_back(std::move(name));
  } while (take_symbol(","));
  TRY_VOID(want_symbol(")"));
  return list;
}

// The parentheses of a type, "(10,2)"; empty where there are none.
Result<std::string> Parser::type_arguments() {
  std::string text;
  if (!take_symbol("(")) return text;
  text = "(";
  do {
    if (now().kind != TokenKind::kInteger) return expected("a number");
    if (text.size() > 1) text += ",";
    text += now().text;
    step();
  } while (take_symbol(","));
  TRY_VOID(want_symbol(")"));
  return text + ")";
}

Result<Type> Parser::type() {
  if (take_word("INTERVAL")) return interval_qualifier();
  const Token first = now();
  if (first.kind != TokenKind::kWord) return expected("a type");
  step();
  std::string text = first.text;
  const bool may_vary = text == "CHAR" || text == "CHARACTER" || text == "BINARY";
  if (may_vary && take_word("VARYING")) text += " VARYING";
  if (text == "DOUBLE" && take_word("PRECISION")) text += " PRECISION";
  TRY(const std::string arguments, type_arguments());
  if ((text == "TIMESTAMP" || text == "TIME" || text == "FLOAT") && !arguments.empty()) {
    return found_expected(first.at, text + arguments, text + " without a precision");
  }
  if (take_words({"CHARACTER", "SET"})) {
    return expected("the type to end here: the character set cannot be chosen");
  }
  auto type = parse_type(text + arguments);
  if (!type) return refused(first.at, type.error().message);
  return *type;
}

}  // namespace suiro::sql
