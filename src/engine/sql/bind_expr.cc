// SPDX-License-Identifier: Apache-2.0
// Expressions: literals, names, IN, row values, CASE.
#include <fmt/format.h>

#include <algorithm>

#include "engine/sql/bind.h"
#include "engine/sql/lexer.h"

namespace suiro::sql {
namespace {

std::string upper_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

// The first names, for an error.
std::string listed(const std::vector<std::string>& names) {
  constexpr size_t kListedMax = 8;
  std::string out;
  for (size_t i = 0; i < std::min(names.size(), kListedMax); ++i) {
    out += (i > 0 ? ", " : "") + names[i];
  }
  return names.size() > kListedMax ? out + ", ..." : out;
}

}  // namespace

Result<ExprPtr> Binder::expr(const AstExpr& ast, const Place& place) {
  switch (ast.kind) {
    case AstExpr::Kind::kLiteral:
      return literal(ast);
    case AstExpr::Kind::kName:
      return name(ast, place);
    case AstExpr::Kind::kCall:
      return call(ast, place);
    case AstExpr::Kind::kAnd:
    case AstExpr::Kind::kOr: {
      TRY(ExprPtr left, condition(*ast.args[0], place));
      TRY(ExprPtr right, condition(*ast.args[1], place));
      const auto kind = ast.kind == AstExpr::Kind::kAnd ? Expr::Kind::kAnd : Expr::Kind::kOr;
      return logic(kind, std::move(left), std::move(right));
    }
    case AstExpr::Kind::kCase:
      return case_of(ast, place);
    case AstExpr::Kind::kCast: {
      TRY(ExprPtr value, expr(*ast.args[0], place));
      return cast(std::move(value), ast.type, ast.at);
    }
    case AstExpr::Kind::kRow:
      return found_expected(ast.at, "a row value",
                            "one value: row values stand on both sides of =, <> and IN only");
    case AstExpr::Kind::kIn:
      return in_list(ast, place);
    case AstExpr::Kind::kInQuery:
    case AstExpr::Kind::kExists:
      return found_expected(ast.at, "a subquery",
                            "an expression: IN (SELECT ..) and EXISTS stand in WHERE, alone or "
                            "joined to the rest by AND");
  }
  return refused(ast.at, "an expression of an unknown kind");
}

Result<ExprPtr> Binder::condition(const AstExpr& ast, const Place& place) {
  TRY(ExprPtr out, expr(ast, place));
  if (out->type.kind == TypeKind::kNull) {
    Type type;
    type.kind = TypeKind::kBoolean;
    return null_of(type, ast.at);
  }
  if (out->type.kind != TypeKind::kBoolean) {
    return found_expected(ast.at, "a value of type " + out->type.text(), "a condition (BOOLEAN)");
  }
  return out;
}

Result<std::vector<ExprPtr>> Binder::all_of(std::span<const AstPtr> asts, const Place& place) {
  std::vector<ExprPtr> out;
  for (const auto& ast : asts) {
    TRY(ExprPtr one, expr(*ast, place));
    out.push_back(std::move(one));
  }
  return out;
}

Result<ExprPtr> Binder::literal(const AstExpr& ast) {
  Expr out;
  out.at = ast.at;
  out.type = ast.type;
  out.monotonic = Monotonic::kConstant;
  out.literal = ast.value;
  out.literal_text = ast.text;
  return made(std::move(out));
}

// column | source.column, where a column may be a field of a row, "R.COLUMN1" (bind_item)
Result<ExprPtr> Binder::name(const AstExpr& ast, const Place& place) {
  const auto& path = ast.path;
  if (path.size() == 1) return simple_name(path[0], place);
  const auto source = std::ranges::find_if(
      place.scope.sources, [&](const ScopeSource& s) { return s.alias == path[0].text; });
  if (source == place.scope.sources.end()) {
    const std::string joined = path[0].text + "." + path[1].text;
    const bool is_field = std::ranges::any_of(place.scope.sources, [&](const auto& s) {
      return std::ranges::find(s.names, joined) != s.names.end();
    });
    if (is_field && path.size() == 2) return simple_name({joined, path[0].at}, place);
    std::vector<std::string> aliases;
    for (const auto& s : place.scope.sources) aliases.push_back(s.alias);
    return found_expected(
        path[0].at, fmt::format("\"{}\"", path[0].text),
        aliases.empty() ? "no qualified name here" : fmt::format("one of {}", listed(aliases)));
  }
  if (path[1].text == "ROWTIME") {
    if (path.size() > 2) return found_expected(path[2].at, path[2].text, "no part after ROWTIME");
    return rowtime(place, &*source, ast.at);
  }
  Identifier column_name = path[1];
  for (const auto& part : std::span(path).subspan(2)) column_name.text += "." + part.text;
  const auto found = std::ranges::find(source->names, column_name.text);
  if (found == source->names.end()) {
    return unknown_column(column_name, Scope{.sources = {*source}});
  }
  const size_t index = source->first + static_cast<size_t>(found - source->names.begin());
  return column(place.scope, index, ast.at);
}

Result<ExprPtr> Binder::simple_name(const Identifier& name, const Place& place) {
  const Scope& scope = place.scope;
  if (scope.parameters) {
    if (auto found = scope.parameters->find(name.text); found != scope.parameters->end()) {
      return found->second;
    }
  }
  if (name.text == "ROWTIME" && !scope.parameters) return rowtime(place, nullptr, name.at);
  for (const auto& merged : scope.merged) {
    if (merged.name == name.text) return column(scope, merged.column, name.at);
  }
  std::optional<size_t> found;
  for (size_t s = 0; s < scope.sources.size(); ++s) {
    const auto& source = scope.sources[s];
    if (found && s == scope.preferred) break;
    for (size_t i = 0; i < source.names.size(); ++i) {
      if (source.names[i] != name.text) continue;
      if (found) {
        return found_expected(name.at,
                              fmt::format("\"{}\", which is in more than one place", name.text),
                              "an alias before it");
      }
      found = source.first + i;
    }
  }
  if (!found) return unknown_column(name, scope);
  return column(scope, *found, name.at);
}

std::unexpected<Error> Binder::unknown_column(const Identifier& name, const Scope& scope) const {
  std::vector<std::string> names;
  for (const auto& source : scope.sources) {
    for (const auto& one : source.names) {
      if (upper_case(one) == upper_case(name.text)) {
        return found_expected(
            name.at, name.text,
            fmt::format("\"{}\": a name that is not all in upper case needs double quotes", one));
      }
      names.push_back(one);
    }
  }
  if (scope.parameters) {
    for (const auto& [one, value] : *scope.parameters) names.push_back(one);
  }
  return found_expected(name.at, fmt::format("\"{}\"", name.text),
                        names.empty() ? "no name here" : "one of " + listed(names));
}

Result<ExprPtr> Binder::column(const Scope& scope, size_t index, Position at) {
  return column_of(scope.schema, index, scope.facts[index].monotonic, at);
}

// Qualified (`source`) or not.
Result<ExprPtr> Binder::rowtime(const Place& place, const ScopeSource* source, Position at) {
  const Scope& scope = place.scope;
  if (source != nullptr && source->rowtime_column) {
    return column(scope, *source->rowtime_column, at);
  }
  const bool stream =
      source != nullptr ? source->over == Over::kStream : scope.over == Over::kStream;
  if (!stream) return found_expected(at, "ROWTIME of a table", "ROWTIME of a stream");
  if (source == nullptr && place.clause == "ON") {
    return found_expected(at, "ROWTIME", "ROWTIME with the alias of one side before it");
  }
  Expr out;
  out.kind = Expr::Kind::kRowtime;
  out.at = at;
  out.type.kind = TypeKind::kTimestamp;
  out.type.nullable = false;
  out.monotonic = Monotonic::kIncreasing;
  if (source != nullptr) out.name = source->alias;
  return made(std::move(out));
}

// Of values, or of row values part by part.
Result<ExprPtr> Binder::equality(const AstExpr& left, const AstExpr& right, const Place& place) {
  const bool rows = left.kind == AstExpr::Kind::kRow || right.kind == AstExpr::Kind::kRow;
  if (!rows) {
    TRY(ExprPtr a, expr(left, place));
    TRY(ExprPtr b, expr(right, place));
    return call_expr("=", {std::move(a), std::move(b)}, left.at);
  }
  if (left.kind != right.kind || left.args.size() != right.args.size()) {
    return found_expected(right.at, "a row value with another number of parts",
                          fmt::format("{} parts", std::max<size_t>(1, left.args.size())));
  }
  ExprPtr all;
  for (size_t i = 0; i < left.args.size(); ++i) {
    TRY(ExprPtr one, equality(*left.args[i], *right.args[i], place));
    if (all) {
      TRY(all, logic(Expr::Kind::kAnd, std::move(all), std::move(one)));
    } else {
      all = std::move(one);
    }
  }
  return all;
}

// A balanced tree of OR.
Result<ExprPtr> Binder::in_list(const AstExpr& ast, const Place& place) {
  std::vector<ExprPtr> parts;
  for (size_t i = 1; i < ast.args.size(); ++i) {
    TRY(ExprPtr one, equality(*ast.args[0], *ast.args[i], place));
    parts.push_back(std::move(one));
  }
  while (parts.size() > 1) {
    std::vector<ExprPtr> halved;
    for (size_t i = 0; i + 1 < parts.size(); i += 2) {
      TRY(ExprPtr both, logic(Expr::Kind::kOr, parts[i], parts[i + 1]));
      halved.push_back(std::move(both));
    }
    if (parts.size() % 2 == 1) halved.push_back(parts.back());
    parts = std::move(halved);
  }
  return parts[0];
}

Result<ExprPtr> Binder::case_of(const AstExpr& ast, const Place& place) {
  std::vector<ExprPtr> args;
  for (size_t i = 0; i < ast.args.size(); ++i) {
    const bool when = i + 1 < ast.args.size() && i % 2 == 0;
    TRY(ExprPtr one, when ? condition(*ast.args[i], place) : expr(*ast.args[i], place));
    args.push_back(std::move(one));
  }
  return case_expr(std::move(args), ast.at);
}

// when1, then1, .., else: the values are brought to one type.
Result<ExprPtr> Binder::case_expr(std::vector<ExprPtr> args, Position at) {
  const auto is_value = [&](size_t i) { return i % 2 == 1 || i + 1 == args.size(); };
  Type type;
  for (size_t i = 0; i < args.size(); ++i) {
    if (!is_value(i)) continue;
    auto common = common_type(type, args[i]->type);
    if (!common) {
      return found_expected(args[i]->at, "a value of type " + args[i]->type.text(),
                            fmt::format("{}, as the values before it", type.text()));
    }
    type = *common;
    type.nullable = type.nullable || args[i]->type.nullable;
  }
  for (size_t i = 0; i < args.size(); ++i) {
    if (is_value(i)) {
      TRY(args[i], fit(args[i], type, args[i]->at));
    }
  }
  Expr out;
  out.kind = Expr::Kind::kCase;
  out.at = at;
  out.type = type;
  out.type.nullable = true;
  out.args = std::move(args);
  return made(std::move(out));
}

}  // namespace suiro::sql
