// SPDX-License-Identifier: Apache-2.0
// FROM: streams, tables, subqueries and table functions become sides with their names.
#include <fmt/format.h>

#include "engine/sql/bind.h"
#include "engine/sql/lexer.h"
#include "engine/sql/selected.h"

namespace suiro::sql {
namespace {

std::string alias_of(const AstSource& source) {
  if (source.alias) return source.alias->text;
  return source.kind == AstSource::Kind::kNamed ? source.name.text : "";
}

}  // namespace

std::optional<size_t> Binder::find_stream(std::string_view name) const {
  for (size_t i = 0; i < program_->streams.size(); ++i) {
    if (program_->streams[i].name == name) return i;
  }
  return std::nullopt;
}

std::optional<size_t> Binder::find_table(std::string_view name) const {
  for (size_t i = 0; i < program_->tables.size(); ++i) {
    if (program_->tables[i].name == name) return i;
  }
  return std::nullopt;
}

bool Binder::is_stream_query(const AstQuery& query) const {
  switch (query.kind) {
    case AstQuery::Kind::kSelect:
      return query.select.mode == AstSelect::Mode::kStream || streams_in(*query.select.from) > 0;
    case AstQuery::Kind::kSet:
      return is_stream_query(*query.left);
    case AstQuery::Kind::kValues:
      return false;
  }
  return false;
}

// How many streams FROM has.
size_t Binder::streams_in(const AstSource& source) const {
  switch (source.kind) {
    case AstSource::Kind::kJoin:
      return streams_in(*source.left) + streams_in(*source.right);
    case AstSource::Kind::kNamed:
      return find_stream(source.name.text) ? 1 : 0;
    case AstSource::Kind::kFunction:
      return 1;
    case AstSource::Kind::kQuery:
      return is_stream_query(*source.query) ? 1 : 0;
  }
  return 0;
}

// The sides that commas and CROSS JOIN connect: WHERE says how they match.
Result<std::vector<Side>> Binder::from(const AstSelect& select) {
  const AstSelect* outer = joining_;
  auto outer_rowtimes = std::move(rowtime_columns_of_);
  joining_ = &select;
  rowtime_columns_of_.clear();
  if (streams_in(*select.from) > 1) {
    rowtime_columns_of_.insert(select.rowtimes_of.begin(), select.rowtimes_of.end());
  }
  std::vector<Side> sides;
  auto bound = sources(*select.from, sides);
  joining_ = outer;
  rowtime_columns_of_ = std::move(outer_rowtimes);
  TRY_VOID(std::move(bound));
  if (sides.size() == 1 && sides[0].frame) {
    return found_expected(select.from->at, "OVER behind the only stream", "a join");
  }
  return sides;
}

Result<void> Binder::sources(const AstSource& ast, std::vector<Side>& to) {
  if (ast.kind == AstSource::Kind::kJoin && ast.match == AstSource::Match::kCross) {
    TRY_VOID(sources(*ast.left, to));
    return sources(*ast.right, to);
  }
  TRY(Side side, source(ast));
  to.push_back(std::move(side));
  return ok();
}

Result<Side> Binder::source(const AstSource& ast) {
  switch (ast.kind) {
    case AstSource::Kind::kJoin:
      return join(ast);
    case AstSource::Kind::kNamed:
      return named(ast);
    case AstSource::Kind::kFunction:
      return table_function(ast);
    case AstSource::Kind::kQuery:
      break;
  }
  const AstSelect* outer = joining_;
  auto rowtimes = std::move(rowtime_columns_of_);
  auto bound = query(*ast.query, RowtimeItems::kAside);
  joining_ = outer;
  rowtime_columns_of_ = std::move(rowtimes);
  if (!bound) return std::unexpected(std::move(bound).error());
  Side side;
  side.node = std::move(bound->node);
  side.scope.facts = std::move(bound->facts);
  side.scope.over = bound->over;
  side.rows = std::move(bound->rows);
  TRY_VOID(name_columns(ast, side, alias_of(ast), 0));
  return side;
}

Result<Side> Binder::named(const AstSource& ast) {
  Side side;
  const auto stream = find_stream(ast.name.text);
  const auto table = stream ? std::nullopt : find_table(ast.name.text);
  if (!stream && !table) {
    std::string known;
    for (const auto* list : {&program_->streams, &program_->tables}) {
      for (const auto& one : *list) {
        if (one.origin == StreamDefinition::Origin::kErrors) continue;
        known += (known.empty() ? "\"" : ", \"") + one.name + "\"";
      }
    }
    return found_expected(ast.name.at, fmt::format("\"{}\"", ast.name.text),
                          known.empty() ? "a stream that was created before" : "one of " + known);
  }
  const auto& definition = stream ? program_->streams[*stream] : program_->tables[*table];
  if (definition.origin == StreamDefinition::Origin::kErrors) {
    return found_expected(ast.name.at, "error_stream",
                          "another stream: it may be an output, but no query reads it");
  }
  if (stream) {
    side.node = make_node(definition.schema, {}, ast.at, ScanNode{*stream});
  } else {
    side.node = make_node(definition.schema, {}, ast.at, TableScanNode{*table});
    side.scope.over = Over::kRelation;
  }
  side.scope.facts.resize(definition.schema.size());
  const bool hide = options_.metadata_in_star == LanguageOptions::MetadataInStar::kHide;
  TRY_VOID(name_columns(ast, side, alias_of(ast), hide ? definition.metadata_columns : 0));
  return side;
}

// The names of the columns after alias(names): a row's fields stand under one name.
Result<std::vector<std::string>> Binder::renamed(const AstSource& ast, const Side& side,
                                                 size_t hidden) const {
  std::vector<std::string> names;
  for (const auto& field : side.node->schema) names.push_back(field.name);
  if (ast.columns.empty()) return names;
  size_t wanted = names.size() - hidden;
  for (const auto& row : side.rows) wanted -= row.fields.size() - 1;
  if (ast.columns.size() != wanted) {
    return found_expected(ast.columns[0].at, fmt::format("{} names of columns", ast.columns.size()),
                          fmt::format("{} (ROWTIME does not count)", wanted));
  }
  auto row = side.rows.begin();
  size_t column = 0;
  for (const auto& name : ast.columns) {
    if (name.text == "ROWTIME") return found_expected(name.at, "ROWTIME", "another name");
    if (row == side.rows.end() || row->first != column) {
      names[column++] = name.text;
      continue;
    }
    for (const auto& field : row->fields) names[column++] = name.text + "." + field;
    ++row;
  }
  return names;
}

// Gives the side its one source; adds what joins need.
Result<void> Binder::name_columns(const AstSource& ast, Side& side, std::string alias,
                                  size_t hidden) {
  ScopeSource source;
  source.alias = std::move(alias);
  source.hidden = hidden;
  source.over = side.scope.over;
  TRY(source.names, renamed(ast, side, hidden));
  const Schema& schema = side.node->schema;
  side.scope.schema = schema;
  side.scope.sources = {std::move(source)};
  if (rowtime_columns_of_.contains(side.scope.sources[0].alias) &&
      side.scope.over == Over::kStream) {
    TRY_VOID(add_rowtime(side, ast.at));
  }
  if (joining_ != nullptr) {
    TRY(side.frame, join_frame(ast, side));
  }
  return ok();
}

// Beneath a join: ROWTIME of this side as one more column, since above there is only the join's.
Result<void> Binder::add_rowtime(Side& side, Position at) {
  ProjectNode project;
  Scope& scope = side.scope;
  for (size_t i = 0; i < scope.schema.size(); ++i) {
    TRY(ExprPtr one, column(scope, i, at));
    project.columns.push_back(std::move(one));
  }
  TRY(ExprPtr time, rowtime(Place{scope, "FROM"}, nullptr, at));
  scope.sources[0].rowtime_column = scope.schema.size();
  scope.schema.push_back({"ROWTIME", time->type});
  scope.facts.push_back({Monotonic::kIncreasing, kRowtimeSteps});
  project.columns.push_back(std::move(time));
  side.node = make_node(scope.schema, {side.node}, at, std::move(project));
  return ok();
}

const AstWindow* Binder::window_named(const Identifier& name, const AstSelect* select) const {
  if (select == nullptr) return nullptr;
  for (const auto& [known, window] : select->windows) {
    if (known.text == name.text) return window.get();
  }
  return nullptr;
}

// OVER behind a stream in FROM: which of its rows the other side of the join may still meet.
Result<std::optional<Frame>> Binder::join_frame(const AstSource& ast, const Side& side) {
  if (!ast.over) return std::nullopt;
  const AstWindow* window = ast.over.get();
  if (side.scope.over != Over::kStream) {
    return found_expected(window->at, "OVER behind a table", "a stream before it");
  }
  if (window->reference) {
    window = window_named(*ast.over->reference, joining_);
    if (window == nullptr) {
      return found_expected(ast.over->at, fmt::format("\"{}\"", ast.over->reference->text),
                            "the name of a window of the WINDOW clause");
    }
  }
  if (!window->partition.empty()) {
    return found_expected(window->partition[0]->at, "PARTITION BY in the window of a join",
                          "no partition: the condition of the join says what belongs together");
  }
  for (const auto& order : window->order) {
    const bool by_rowtime = order.expr->kind == AstExpr::Kind::kName &&
                            order.expr->path.back().text == "ROWTIME" &&
                            order.order == SortKey::Order::kAscending;
    if (!by_rowtime) return found_expected(order.expr->at, "another order", "ORDER BY ROWTIME");
  }
  if (!window->frame) {
    return found_expected(window->at, "a window without bounds",
                          "RANGE INTERVAL '..' .. PRECEDING or ROWS n PRECEDING");
  }
  return window->frame;
}

Result<Side> Binder::table_function(const AstSource& ast) {
  const AstSelect* outer = joining_;
  auto rowtimes = std::move(rowtime_columns_of_);
  joining_ = nullptr;
  rowtime_columns_of_.clear();
  auto cursor = query(*ast.query, RowtimeItems::kAside);
  joining_ = outer;
  rowtime_columns_of_ = std::move(rowtimes);
  if (!cursor) return std::unexpected(std::move(cursor).error());
  if (cursor->over != Over::kStream) {
    return found_expected(ast.query->at, "a cursor over a table", "SELECT STREAM from a stream");
  }
  std::vector<ExprPtr> args;
  std::vector<ArgumentInfo> infos;
  const Scope nothing{.over = Over::kRelation};
  for (const auto& arg : ast.args) {
    TRY(ExprPtr one, expr(*arg, Place{nothing, "a table function"}));
    if (one->kind != Expr::Kind::kLiteral) {
      return found_expected(arg->at, "an expression", "a constant");
    }
    args.push_back(one);
    infos.push_back({one->type, &one->literal});
  }
  auto function = functions_.table(ast.name.text, cursor->node->schema, infos);
  if (!function) return refused(ast.at, function.error().message);
  Side side;
  Schema schema = function->schema;
  side.node = make_node(std::move(schema), {std::move(cursor->node)}, ast.at,
                        TableFunctionNode{std::move(*function), ast.name.text});
  side.scope.facts.resize(side.node->schema.size());
  TRY_VOID(name_columns(ast, side, alias_of(ast), 0));
  return side;
}

}  // namespace suiro::sql
