// SPDX-License-Identifier: Apache-2.0
// The binder: the syntax tree (ast.h) becomes the plan (plan.h). Names are resolved, functions
// bound to their types, the rules of streams checked: what a GROUP BY, DISTINCT and ORDER BY need
// to make progress, what a join needs to end.
//
// Invariants:
//  1. Every expression that is made is counted (kExprsMax, kWeightMax): functions written in SQL
//     are expanded where they are called, and must not grow without end.
//  2. While the items of a select are bound, calls of aggregates stand in expressions as columns
//     from kAggregateBase on, analytic ones from kAnalyticBase on; no node of the plan has them.
// Threads: a binder belongs to one. Failure: "InvalidArgument", "line L, column C: ..".
// Source of the rules: the service's SQL reference, "SELECT statement" and the pages of its
// clauses.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/sql/ast.h"
#include "engine/sql/function.h"
#include "engine/sql/plan.h"

namespace suiro::sql {

inline constexpr size_t kExprsMax = 200'000;         // of a program
inline constexpr uint64_t kWeightMax = 50'000;       // nodes of one expression, written out
inline constexpr uint64_t kExpandedMax = 1'000'000;  // nodes of all calls of SQL functions
inline constexpr size_t kCallsNestedMax = 64;  // functions written in SQL that call each other
inline constexpr size_t kAggregateBase = size_t{1} << 40;
inline constexpr size_t kAnalyticBase = size_t{1} << 41;

enum class Over : uint8_t { kStream, kRelation };

// How an expression follows from ROWTIME: it is `value` over [offset, offset + width), and grows by
// `rise` with every further width. width 0: not known. rise 0: constant over each width, but no
// more is known. months > 0, width 0: constant over so many months of the calendar, counted from
// January 1970, which begin `offset` later; no more is known.
struct Steps {
  int64_t width_ms = 0;
  int64_t offset_ms = 0;
  int64_t rise = 0;
  int64_t value = 0;
  int64_t months = 0;
  bool known() const { return width_ms > 0 || months > 0; }
};
inline constexpr Steps kRowtimeSteps = {.width_ms = 1, .offset_ms = 0, .rise = 1, .value = 0};

// What is known of a column.
struct Facts {
  Monotonic monotonic = Monotonic::kNo;
  Steps steps;
};

// Columns that are the fields of one row, as a log parser gives it: one name covers them.
struct RowColumns {
  size_t first = 0;
  std::vector<std::string> fields;
};

// A query, bound.
struct Bound {
  NodePtr node;
  Over over = Over::kStream;
  std::vector<Facts> facts;  // one for each column
  std::vector<RowColumns> rows;
};

struct ScopeSource {
  std::string alias;
  std::vector<std::string> names;
  size_t first = 0;   // column in the scope
  size_t hidden = 0;  // how many of the last names `*` leaves out
  Over over = Over::kStream;
  std::optional<size_t> rowtime_column;  // where ROWTIME of this source is a column of the scope
};

// What names can mean at a place: the columns of a node, by their sources.
struct Scope {
  std::vector<ScopeSource> sources;  // in the order of FROM
  Schema schema;
  std::vector<Facts> facts;
  Over over = Over::kStream;
  // Columns of USING and NATURAL, which are one in `*` and without a qualifier.
  struct Merged {
    std::string name;
    size_t column = 0;
    size_t other = 0;
  };
  std::vector<Merged> merged;
  size_t preferred = 0;  // sources whose names hide those of the others: of an inner query
  const std::map<std::string, ExprPtr>* parameters = nullptr;  // of a function
};

// One side of a join, or all of FROM.
struct Side {
  NodePtr node;
  Scope scope;
  std::vector<RowColumns> rows;  // of a subquery
  std::optional<Frame> frame;
};

// The calls that the items of a select make.
struct Calls {
  std::vector<Aggregate> aggregates;
  struct Analytic {
    Aggregate call;
    std::vector<ExprPtr> partition;
    Frame frame;
  };
  std::vector<Analytic> analytics;
};

// Where an expression stands.
struct Place {
  const Scope& scope;
  std::string_view clause;  // "WHERE", for refusals
  Calls* aggregates = nullptr;
  Calls* analytics = nullptr;
  const AstSelect* select = nullptr;  // for its WINDOW clause
};

// Whether an item ROWTIME of a select list is a column too: INSERT decides by the number of
// columns.
enum class RowtimeItems : uint8_t { kAside, kColumns };

class Binder {
 public:
  Binder(const CompileInput& input, const FunctionLibrary& functions,
         const LanguageOptions& options)
      : input_(input), functions_(functions), options_(options) {}
  Result<std::shared_ptr<const Program>> run(std::span<const AstStatement> statements);
  struct Selected;  // a select that is being bound: selected.h

 private:
  // bind_program.cc
  Result<void> add_objects();
  Result<void> add_stream(const AstStream& stream);
  Result<void> add_pump(const AstPump& pump);
  Result<void> add_function(const AstFunction& function);
  Result<size_t> target_of(const AstPump& pump) const;
  Result<std::vector<int>> target_columns(const AstPump& pump,
                                          const StreamDefinition& target) const;
  Result<Bound> pump_query(const AstPump& pump, size_t wanted);
  Result<void> map_columns(const AstPump& ast, Pump& pump, std::span<const int> columns);
  Result<ExprPtr> coercion(const Node& node, size_t column, const Field& target);
  Result<void> refuse_cycle(const Pump& pump, Position at) const;
  std::optional<size_t> find_stream(std::string_view name) const;
  std::optional<size_t> find_table(std::string_view name) const;

  // bind_query.cc
  Result<Bound> query(const AstQuery& query, RowtimeItems rowtimes);
  Result<Bound> values(const AstQuery& query);
  Result<Bound> set_operation(const AstQuery& query, RowtimeItems rowtimes);
  Result<Bound> aligned(Bound bound, std::span<const Type> types, Position at);
  Result<Bound> order_set(const AstQuery& query, Bound bound);
  NodePtr sort_node(NodePtr input, std::vector<SortKey> keys, const Scope& scope, Position at);
  Result<void> check_sort(const std::vector<SortKey>& keys, const Scope& scope, Position at) const;

  // bind_select.cc
  Result<Bound> select(const AstQuery& query, RowtimeItems rowtimes);
  Result<void> check_mode(const Selected& state) const;
  Result<void> bind_where(Selected& state);
  Result<NodePtr> filtered(NodePtr node, std::vector<ExprPtr> conditions);
  Result<void> bind_items(Selected& state);
  Result<void> bind_item(Selected& state, const AstItem& item, size_t index);
  Result<void> expand_row(Selected& state, const AstItem& item, const ExprPtr& row);
  Result<void> expand_star(Selected& state, const AstItem& item);
  Result<void> push_column(Selected& state, size_t column, Position at);
  Result<void> bind_orders(Selected& state);
  Result<ExprPtr> bind_order(Selected& state, const AstOrder& order);
  Result<void> time_sort(Selected& state);
  Result<void> sort_before(Selected& state);
  Result<Bound> project(Selected& state);

  // bind_distinct.cc
  Result<Bound> project_distinct(Selected& state);
  Result<void> sort_distinct(Selected& state, Bound& bound, std::span<const size_t> columns);
  Result<Bound> finish_distinct(Selected& state, Bound bound, std::span<const size_t> columns);

  // bind_group.cc
  Result<void> group(Selected& state);
  Result<void> bind_keys(Selected& state, std::span<const AstPtr> keys, std::string_view clause);
  Result<GroupNode> tumbling(const Selected& state) const;
  Result<void> rewrite_over_group(Selected& state);
  Result<ExprPtr> over_group(const Selected& state, const ExprPtr& expr);
  Result<void> windows(Selected& state);

  // bind_from.cc
  Result<std::vector<Side>> from(const AstSelect& select);
  Result<void> sources(const AstSource& ast, std::vector<Side>& to);
  size_t streams_in(const AstSource& source) const;
  bool is_stream_query(const AstQuery& query) const;
  Result<Side> source(const AstSource& ast);
  Result<Side> named(const AstSource& ast);
  Result<Side> table_function(const AstSource& ast);
  Result<void> name_columns(const AstSource& ast, Side& side, std::string alias, size_t hidden);
  Result<std::vector<std::string>> renamed(const AstSource& ast, const Side& side,
                                           size_t hidden) const;
  Result<void> add_rowtime(Side& side, Position at);
  Result<std::optional<Frame>> join_frame(const AstSource& ast, const Side& side);
  const AstWindow* window_named(const Identifier& name, const AstSelect* select) const;

  // bind_join.cc
  Result<Side> join(const AstSource& ast);
  Result<void> distinct_aliases(const Scope& left, const Scope& right, Position at) const;
  Scope scope_of_all(std::span<const Side> sides) const;
  Result<Side> cross(std::vector<Side> sides, std::vector<ExprPtr>& conditions, Position at);
  struct Combined {
    Side side;
    bool swapped = false;  // the right side's columns come first
  };
  struct Joining {
    JoinKind kind = JoinKind::kInner;
    enum class By { kComma, kJoin } by = By::kJoin;
  };
  Result<Combined> combine(Side left, Side right, Joining how, std::vector<ExprPtr> conditions,
                           Position at);
  Result<NodePtr> filtered_relation(NodePtr relation, std::vector<ExprPtr>& conditions,
                                    size_t left_columns);
  Result<NodePtr> stream_join(const Side& left, const Side& right, Scope& both, Joining how,
                              std::vector<ExprPtr> conditions, Position at);
  Result<std::vector<ExprPtr>> join_conditions(const AstSource& ast, const Side& left,
                                               const Side& right, Scope& both);
  Result<ExprPtr> merge_condition(const Identifier& name, const Scope& left, const Scope& right,
                                  Scope& both, JoinKind kind);
  Result<std::vector<EquiKey>> equi_keys(std::vector<ExprPtr>& conditions, size_t left_columns);
  Result<ExprPtr> both_of(std::vector<ExprPtr> conditions);

  // bind_subquery.cc
  struct Subquery {
    NodePtr node;
    // Over the outer query's columns, then the node's.
    std::vector<ExprPtr> columns;
    std::vector<ExprPtr> conditions;
  };
  Result<void> semi_join(Selected& state, const AstExpr& ast, LookupNode::Match match);
  Result<Subquery> subquery(const Selected& state, const AstQuery& ast);
  Result<Subquery> closed_subquery(const AstQuery& ast, size_t outer_columns);
  std::unexpected<Error> no_stream(const AstQuery& ast) const;
  Result<void> membership(const Selected& state, const AstExpr& in, const Subquery& query,
                          LookupNode::Match match, std::vector<ExprPtr>& conditions);

  // bind_expr.cc
  Result<ExprPtr> expr(const AstExpr& ast, const Place& place);
  Result<ExprPtr> condition(const AstExpr& ast, const Place& place);
  Result<ExprPtr> literal(const AstExpr& ast);
  Result<ExprPtr> name(const AstExpr& ast, const Place& place);
  Result<ExprPtr> simple_name(const Identifier& name, const Place& place);
  Result<ExprPtr> column(const Scope& scope, size_t index, Position at);
  Result<ExprPtr> rowtime(const Place& place, const ScopeSource* source, Position at);
  std::unexpected<Error> unknown_column(const Identifier& name, const Scope& scope) const;
  Result<ExprPtr> in_list(const AstExpr& ast, const Place& place);
  Result<ExprPtr> equality(const AstExpr& left, const AstExpr& right, const Place& place);
  Result<ExprPtr> case_of(const AstExpr& ast, const Place& place);
  Result<ExprPtr> case_expr(std::vector<ExprPtr> args, Position at);

  // bind_call.cc
  Result<ExprPtr> call(const AstExpr& ast, const Place& place);
  Result<std::optional<ExprPtr>> form_call(const AstExpr& ast, const Place& place);
  Result<ExprPtr> aggregate_call(const AstExpr& ast, const Place& place);
  Result<ExprPtr> analytic_call(const AstExpr& ast, const Place& place);
  Result<BoundAggregate> bound_aggregate(const AstExpr& ast, std::span<const ExprPtr> args,
                                         AggregateCall::Place where);
  Result<Calls::Analytic> analytic_window(const AstExpr& ast, const Place& place);
  Result<ExprPtr> user_call(const AstExpr& ast, std::vector<ExprPtr> args);
  Result<const AstFunction*> overload(const AstExpr& ast, std::span<const ExprPtr> args) const;
  Result<ExprPtr> coalesce(std::vector<ExprPtr> args, Position at);

  // make_expr.cc
  Result<ExprPtr> made(Expr expr);
  Result<ExprPtr> call_expr(std::string name, std::vector<ExprPtr> args, Position at);
  Result<ExprPtr> bound_call(std::string name, BoundFunction function, std::vector<ExprPtr> args,
                             Position at);
  Result<ExprPtr> logic(Expr::Kind kind, ExprPtr left, ExprPtr right);
  Result<ExprPtr> cast(ExprPtr from, const Type& to, Position at);
  // As cast(), but a text that is short enough stays as it is.
  Result<ExprPtr> fit(ExprPtr from, const Type& to, Position at);
  Result<ExprPtr> null_of(const Type& type, Position at);
  // Column `index` of a node with this schema.
  Result<ExprPtr> column_of(const Schema& schema, size_t index, Monotonic monotonic, Position at);
  using Replacement = std::function<Result<ExprPtr>(const ExprPtr&)>;  // null: look into it
  Result<ExprPtr> rewrite(const ExprPtr& expr, const Replacement& replace);
  Result<ExprPtr> rewrite(const ExprPtr& expr, const Replacement& replace,
                          std::unordered_map<const Expr*, ExprPtr>& known);
  Result<std::vector<ExprPtr>> all_of(std::span<const AstPtr> asts, const Place& place);

  struct Function {
    AstFunction ast;
  };

  const CompileInput& input_;
  const FunctionLibrary& functions_;
  const LanguageOptions& options_;
  std::shared_ptr<Program> program_;
  std::map<std::string, std::vector<Function>, std::less<>> user_functions_;
  std::vector<ExprPtr> exprs_;  // keeps them alive, for weights_
  std::unordered_map<const Expr*, uint64_t> weights_;
  size_t calls_nested_ = 0;
  uint64_t expanded_ = 0;
  // The select whose FROM is bound: aliases whose ROWTIME must be a column of a join.
  const AstSelect* joining_ = nullptr;
  std::set<std::string> rowtime_columns_of_;
};

// common_type.cc: the type that holds values of both; nothing: they are of different families.
std::optional<Type> common_type(const Type& a, const Type& b);
// Whether a value of `from` may be put into a column of `to` without CAST.
bool is_assignable(const Type& from, const Type& to);
bool same_type(const Type& a, const Type& b);  // but for nullable

// monotonic.cc
Monotonic monotonic_of_call(std::string_view name, std::span<const ExprPtr> args);
Monotonic monotonic_of_cast(const Expr& from, const Type& to);
Steps steps_of(const Expr& expr, std::span<const Facts> columns);
// The windows over which an expression of such steps is constant.
Windows windows_of(const Steps& steps);

// make_expr.cc
bool same_expr(const Expr& a, const Expr& b);
bool has_rowtime(const Expr& expr);
// Adds the columns that `expr` reads.
void columns_of(const Expr& expr, std::set<size_t>& to);
NodePtr make_node(Schema schema, std::vector<NodePtr> inputs, Position at,
                  decltype(Node::what) what);

}  // namespace suiro::sql
