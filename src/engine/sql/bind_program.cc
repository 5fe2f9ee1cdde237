// SPDX-License-Identifier: Apache-2.0
// The program: streams, pumps and functions in the order of their statements.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "engine/sql/bind.h"
#include "engine/sql/engine.h"
#include "engine/sql/lexer.h"
#include "engine/sql/parser.h"

namespace suiro::sql {
namespace {

constexpr std::string_view kErrorStream = "error_stream";

bool is_error_stream(std::string_view name) {
  return std::ranges::equal(name, kErrorStream, {}, [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
}

bool same_signature(const AstFunction& a, const AstFunction& b) {
  return std::ranges::equal(a.parameters, b.parameters, [](const AstColumn& x, const AstColumn& y) {
    return x.type.kind == y.type.kind && x.type.scale == y.type.scale;
  });
}

// The streams that a tree reads.
void scanned(const Node& node, std::set<size_t>& to) {
  if (const auto* scan = std::get_if<ScanNode>(&node.what)) to.insert(scan->stream);
  for (const auto& input : node.inputs) scanned(*input, to);
}

}  // namespace

Result<std::shared_ptr<const Program>> compile(std::string_view text, const CompileInput& input,
                                               const FunctionLibrary& functions,
                                               const LanguageOptions& options) {
  if (text.size() > kProgramBytesMax) {
    return found_expected({}, fmt::format("a program of {} bytes", text.size()),
                          fmt::format("at most {}", kProgramBytesMax));
  }
  TRY(std::vector<Token> tokens, lex(text, options));
  TRY(const std::vector<AstStatement> statements, parse_program(std::move(tokens), options));
  return Binder(input, functions, options).run(statements);
}

Result<std::shared_ptr<const Program>> Binder::run(std::span<const AstStatement> statements) {
  program_ = std::make_shared<Program>();
  TRY_VOID(add_objects());
  for (const auto& statement : statements) {
    if (const auto* stream = std::get_if<AstStream>(&statement)) {
      TRY_VOID(add_stream(*stream));
    } else if (const auto* pump = std::get_if<AstPump>(&statement)) {
      TRY_VOID(add_pump(*pump));
    } else {
      TRY_VOID(add_function(std::get<AstFunction>(statement)));
    }
  }
  return std::shared_ptr<const Program>(std::move(program_));
}

// What is there before the program: inputs, error_stream, reference tables.
Result<void> Binder::add_objects() {
  std::set<std::string> names;
  for (const auto* list : {&input_.inputs, &input_.tables}) {
    for (const auto& one : *list) {
      if (is_error_stream(one.name) || !names.insert(one.name).second) {
        return fail(
            codes::kInvalidArgument,
            fmt::format("\"{}\" is the name of two inputs or tables, or reserved", one.name));
      }
    }
  }
  program_->streams = input_.inputs;
  for (auto& stream : program_->streams) stream.origin = StreamDefinition::Origin::kInput;
  StreamDefinition errors;
  errors.name = kErrorStream;
  errors.schema = error_stream_schema();
  errors.origin = StreamDefinition::Origin::kErrors;
  program_->streams.push_back(std::move(errors));
  program_->tables = input_.tables;
  return ok();
}

Result<void> Binder::add_stream(const AstStream& ast) {
  if (is_error_stream(ast.name.text)) {
    return found_expected(ast.name.at, "error_stream", "another name: this one is reserved");
  }
  StreamDefinition stream;
  stream.name = ast.name.text;
  stream.description = ast.description;
  std::set<std::string> names;
  for (const auto& column : ast.columns) {
    if (!names.insert(column.name.text).second) {
      return found_expected(
          column.name.at, fmt::format("the column \"{}\" again", column.name.text), "another name");
    }
    stream.schema.push_back({column.name.text, column.type});
    if (options_.column_nulls == LanguageOptions::ColumnNulls::kRefuse) {
      stream.schema.back().type.nullable = false;
    }
  }
  if (find_table(stream.name)) {
    return found_expected(ast.name.at, fmt::format("\"{}\", a reference table", stream.name),
                          "another name");
  }
  const auto known = find_stream(stream.name);
  if (!known) {
    program_->streams.push_back(std::move(stream));
    return ok();
  }
  if (program_->streams[*known].origin == StreamDefinition::Origin::kInput) {
    return found_expected(ast.name.at, fmt::format("\"{}\", an input", stream.name),
                          "another name");
  }
  if (ast.replace == Replace::kNo) {
    return found_expected(ast.name.at, fmt::format("\"{}\", which exists", stream.name),
                          "another name, or CREATE OR REPLACE");
  }
  for (const auto& pump : program_->pumps) {
    std::set<size_t> used{pump.target};
    scanned(*pump.root, used);
    if (used.contains(*known)) {
      return found_expected(
          ast.name.at,
          fmt::format("\"{}\" again, after pump \"{}\" used it", stream.name, pump.name),
          "one definition of a stream, before its pumps");
    }
  }
  program_->streams[*known] = std::move(stream);
  return ok();
}

Result<size_t> Binder::target_of(const AstPump& ast) const {
  if (is_error_stream(ast.target.text)) {
    return found_expected(ast.target.at, "error_stream",
                          "another stream: only the application itself writes errors");
  }
  const auto target = find_stream(ast.target.text);
  if (target && program_->streams[*target].origin == StreamDefinition::Origin::kProgram) {
    return *target;
  }
  if (target || find_table(ast.target.text)) {
    return found_expected(ast.target.at, fmt::format("\"{}\", an input", ast.target.text),
                          "a stream of the program");
  }
  for (const auto& stream : program_->streams) {
    const bool alike = std::ranges::equal(stream.name, ast.target.text, [](char a, char b) {
      return std::toupper(static_cast<unsigned char>(a)) ==
             std::toupper(static_cast<unsigned char>(b));
    });
    if (alike) {
      return found_expected(
          ast.target.at, fmt::format("\"{}\"", ast.target.text),
          fmt::format("\"{}\": a name that is not all in upper case needs double quotes",
                      stream.name));
    }
  }
  return found_expected(ast.target.at, fmt::format("\"{}\"", ast.target.text),
                        "a stream that was created before");
}

// For each column of the query: the target's column; -1: its ROWTIME.
Result<std::vector<int>> Binder::target_columns(const AstPump& ast,
                                                const StreamDefinition& target) const {
  std::vector<int> columns;
  if (ast.columns.empty()) {
    for (size_t i = 0; i < target.schema.size(); ++i) columns.push_back(static_cast<int>(i));
    return columns;
  }
  for (const auto& name : ast.columns) {
    int index = -1;
    if (name.text != "ROWTIME") {
      const auto found = std::ranges::find(target.schema, name.text, &Field::name);
      if (found == target.schema.end()) {
        return found_expected(name.at, fmt::format("\"{}\"", name.text),
                              fmt::format("a column of \"{}\"", target.name));
      }
      index = static_cast<int>(found - target.schema.begin());
    }
    if (std::ranges::find(columns, index) != columns.end()) {
      return found_expected(name.at, fmt::format("\"{}\" again", name.text), "another column");
    }
    columns.push_back(index);
  }
  return columns;
}

// ROWTIME in the list of the query is a column if the number of columns says so.
Result<Bound> Binder::pump_query(const AstPump& ast, size_t wanted) {
  TRY(Bound bound, query(*ast.query, RowtimeItems::kAside));
  const size_t found = bound.node->schema.size();
  if (found == wanted) return bound;
  TRY(bound, query(*ast.query, RowtimeItems::kColumns));
  if (bound.node->schema.size() == wanted) return bound;
  return found_expected(ast.query->at, fmt::format("a query of {} columns", found),
                        fmt::format("{}, as many as \"{}\" takes", wanted, ast.target.text));
}

Result<void> Binder::add_pump(const AstPump& ast) {
  Pump pump;
  TRY(pump.target, target_of(ast));
  pump.name = ast.name.text;
  if (pump.name.empty()) pump.name = fmt::format("INSERT${}", program_->pumps.size());
  pump.state = ast.state;
  pump.description = ast.description;
  TRY(const std::vector<int> columns, target_columns(ast, program_->streams[pump.target]));
  TRY(Bound bound, pump_query(ast, columns.size()));
  pump.root = std::move(bound.node);
  TRY_VOID(map_columns(ast, pump, columns));
  TRY_VOID(refuse_cycle(pump, ast.at));
  const auto known = std::ranges::find(program_->pumps, pump.name, &Pump::name);
  if (known == program_->pumps.end()) {
    program_->pumps.push_back(std::move(pump));
    return ok();
  }
  if (ast.replace == Replace::kNo) {
    return found_expected(ast.name.at, fmt::format("the pump \"{}\" again", pump.name),
                          "another name, or CREATE OR REPLACE");
  }
  *known = std::move(pump);
  return ok();
}

Result<void> Binder::map_columns(const AstPump& ast, Pump& pump, std::span<const int> columns) {
  const auto& target = program_->streams[pump.target];
  const auto rowtime = std::ranges::find(columns, -1);
  if (rowtime != columns.end()) {
    // INSERT INTO s (ROWTIME, ..): that column becomes the row's time.
    const auto index = static_cast<size_t>(rowtime - columns.begin());
    const Schema& schema = pump.root->schema;
    if (schema[index].type.kind != TypeKind::kTimestamp) {
      return found_expected(ast.query->at, "a ROWTIME of type " + schema[index].type.text(),
                            "TIMESTAMP");
    }
    ProjectNode project;
    for (size_t i = 0; i < schema.size(); ++i) {
      TRY(ExprPtr one, column_of(schema, i, Monotonic::kNo, ast.query->at));
      project.columns.push_back(std::move(one));
    }
    project.rowtime = project.columns[index];
    pump.root = make_node(schema, {pump.root}, ast.query->at, std::move(project));
  }
  pump.columns.assign(target.schema.size(), -1);
  pump.coercions.resize(target.schema.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] < 0) continue;
    const auto index = static_cast<size_t>(columns[i]);
    pump.columns[index] = static_cast<int>(i);
    TRY(pump.coercions[index], coercion(*pump.root, i, target.schema[index]));
  }
  for (size_t i = 0; i < target.schema.size(); ++i) {
    if (pump.columns[i] < 0 && !target.schema[i].type.nullable) {
      return found_expected(ast.target.at,
                            fmt::format("no value for \"{}\"", target.schema[i].name),
                            "one: the column is NOT NULL");
    }
  }
  return ok();
}

// Null: the value goes in as it is.
Result<ExprPtr> Binder::coercion(const Node& node, size_t index, const Field& target) {
  const auto* project = std::get_if<ProjectNode>(&node.what);
  const Position at = project != nullptr ? project->columns[index]->at : node.at;
  const Field& from = node.schema[index];
  if (!is_assignable(from.type, target.type)) {
    return found_expected(
        at, fmt::format("{} (\"{}\") for column \"{}\"", from.type.text(), from.name, target.name),
        target.type.text() + ": CAST changes types");
  }
  TRY(ExprPtr one, column_of(node.schema, index, Monotonic::kNo, at));
  TRY(ExprPtr fitting, fit(one, target.type, at));
  if (fitting == one) return ExprPtr();
  return fitting;
}

// A pump must not write what it reads, by way of others either.
Result<void> Binder::refuse_cycle(const Pump& pump, Position at) const {
  std::set<size_t> reached{pump.target};
  for (bool grown = true; grown;) {
    grown = false;
    for (const auto& other : program_->pumps) {
      if (other.name == pump.name || reached.contains(other.target)) continue;
      std::set<size_t> reads;
      scanned(*other.root, reads);
      const bool follows =
          std::ranges::any_of(reads, [&](size_t stream) { return reached.contains(stream); });
      if (follows) {
        reached.insert(other.target);
        grown = true;
      }
    }
  }
  std::set<size_t> reads;
  scanned(*pump.root, reads);
  for (const size_t stream : reads) {
    if (reached.contains(stream)) {
      return found_expected(
          at,
          fmt::format("a pump that feeds \"{}\", which it reads", program_->streams[stream].name),
          "pumps without a circle");
    }
  }
  return ok();
}

Result<void> Binder::add_function(const AstFunction& ast) {
  const std::string& name = ast.name.text;
  if (functions_.is_known(name)) {
    return found_expected(ast.name.at, fmt::format("{}, a function of the language", name),
                          "another name");
  }
  // Bound once with parameters of unknown values, so that errors are found where they are.
  std::map<std::string, ExprPtr> parameters;
  for (const auto& parameter : ast.parameters) {
    Expr one;
    one.kind = Expr::Kind::kColumn;
    one.at = parameter.name.at;
    one.name = parameter.name.text;
    one.column = parameters.size();
    one.type = parameter.type;
    TRY(ExprPtr value, made(std::move(one)));
    if (!parameters.emplace(parameter.name.text, std::move(value)).second) {
      return found_expected(parameter.name.at,
                            fmt::format("the parameter \"{}\" again", parameter.name.text),
                            "another name");
    }
  }
  const Scope scope{.over = Over::kRelation, .parameters = &parameters};
  TRY(ExprPtr body, expr(*ast.body, Place{scope, "a function"}));
  if (!is_assignable(body->type, ast.returns)) {
    return found_expected(ast.body->at, "a result of type " + body->type.text(),
                          ast.returns.text());
  }
  auto& overloads = user_functions_[name];
  for (auto& [other] : overloads) {
    if (!same_signature(other, ast)) continue;
    if (ast.replace == Replace::kNo) {
      return found_expected(ast.name.at, fmt::format("the function \"{}\" again", name),
                            "other parameters, or CREATE OR REPLACE");
    }
    other = ast;
    return ok();
  }
  overloads.push_back({ast});
  return ok();
}

}  // namespace suiro::sql
