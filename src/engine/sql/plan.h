// SPDX-License-Identifier: Apache-2.0
// The plan of a program: what the binder makes of the text, and what the engine runs. Immutable and
// shared once made.
//
// A program is a set of in-application streams, and pumps that each run one tree of nodes and
// insert its rows into a stream. Every row has its columns and a ROWTIME beside them.
//
// Invariants:
//  1. Names are resolved, types checked, functions bound: running a plan looks nothing up.
//  2. Column references point into the output of the node's input (joins: left's columns, then
//     right's).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/sql/function.h"
#include "engine/sql/type.h"
#include "engine/sql/value.h"

namespace suiro::sql {

// Where something stands in the program: from 1.
struct Position {
  uint32_t line = 1;
  uint32_t column = 1;
};

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

// Which way an expression goes over the rows of a stream.
enum class Monotonic : uint8_t { kNo, kConstant, kIncreasing, kDecreasing };

struct Expr {
  enum class Kind {
    kColumn,   // `column`
    kRowtime,  // ROWTIME of the input row; lookups: of the stream's row. Not within joins of
               // streams: a projection beneath makes a column of `a.ROWTIME`, if it is asked for
    kLiteral,  // `literal`
    kCall,     // function(args)
    kAnd,
    kOr,     // args[0], args[1]; the second is not evaluated where the first decides
    kCase,   // args: when1, then1, when2, then2, .., else
    kField,  // field `column` of the ROW that args[0] gives
  } kind = Kind::kLiteral;
  Type type;
  Monotonic monotonic = Monotonic::kNo;
  Position at;
  size_t column = 0;
  Value literal;
  std::string literal_text;  // what literal.text points to
  std::string name;          // of the function, for texts and for the engine's fast paths
  std::shared_ptr<const BoundFunction> function;
  std::vector<ExprPtr> args;
};

struct Node;
using NodePtr = std::shared_ptr<const Node>;

struct Aggregate {
  BoundAggregate function;
  std::string name;  // for texts: "SUM", "SUM DISTINCT", "LAG IGNORE NULLS"
  std::vector<ExprPtr> args;
};

// Rows behind (and with) the current one: RANGE by time, or ROWS by number.
struct Frame {
  enum class Kind { kRange, kRows } kind = Kind::kRange;
  int64_t preceding = 0;  // ms or rows; kRange, 0: rows of the same ROWTIME
  int64_t following = 0;  // joins only
};

struct ScanNode {
  size_t stream = 0;
};  // Program::streams
struct TableScanNode {
  size_t table = 0;
};  // Program::tables: a reference table
struct ValuesNode {
  std::vector<std::vector<ExprPtr>> rows;
};
struct FilterNode {
  ExprPtr condition;
};
struct ProjectNode {
  std::vector<ExprPtr> columns;
  ExprPtr rowtime;  // `.. AS ROWTIME`; null: the input row's
};
// How a bound on ROWTIME closes groups, where the key is a FLOOR, STEP or the like of ROWTIME:
// windows of ROWTIME (not of the key's value) begin at offset_ms + n * width_ms since the epoch, or
// offset_ms behind every so many months since January 1970. CEIL has offset 1.
struct Windows {
  int64_t width_ms = 0;
  int64_t offset_ms = 0;
  int64_t months = 0;
  // False: only a changed key closes a group (other columns).
  bool known() const { return width_ms > 0 || months > 0; }
  // Of the window that holds a time; end() is the next one's start.
  int64_t start(int64_t time_ms) const;
  int64_t end(int64_t time_ms) const;

 private:
  int64_t months_start(int64_t count) const;
};
// Tumbling: a group is complete when the monotonic key changes, or a bound passes its end. Output:
// the keys, then the aggregates; ROWTIME is the earliest time at which the group is complete.
struct GroupNode {
  std::vector<ExprPtr> keys;
  size_t monotonic_key = 0;  // index of the key that decides
  Windows steps;
  std::vector<Aggregate> aggregates;
  // Over a relation there is no monotonic key: one result at the end.
  enum class Over { kStream, kRelation } over = Over::kStream;
};
// Output: the keys, then the aggregates.
struct StaggerNode {
  std::vector<ExprPtr> keys;
  int64_t width_ms = 0;
  std::vector<Aggregate> aggregates;
};
// Sliding: one output row for each input row: its columns, then one for each call.
struct WindowNode {
  struct Window {
    std::vector<ExprPtr> partition;
    Frame frame;
    std::vector<Aggregate> calls;
  };
  std::vector<Window> windows;
};
enum class JoinKind { kInner, kLeft, kRight, kFull };
struct EquiKey {
  ExprPtr left;
  ExprPtr right;
};
// Stream with stream. A side without a frame contributes only its current row. The comma join
// of rows of one ROWTIME has frames of kRange, 0 on both sides.
struct JoinNode {
  JoinKind kind = JoinKind::kInner;
  std::optional<Frame> left, right;
  std::vector<EquiKey> keys;  // equalities of the condition, for hashing
  ExprPtr condition;          // the rest; null: none
};
// Stream (input 0) with a relation that does not change (input 1: table, values, or a tree over
// them). In a query over relations alone input 0 is a relation too.
struct LookupNode {
  JoinKind kind = JoinKind::kInner;  // kInner, kLeft
  std::vector<EquiKey> keys;
  ExprPtr condition;
  // EXISTS and IN (subquery): rows of the stream pass once, without the relation's columns.
  enum class Match { kJoin, kSemi, kAnti } match = Match::kJoin;
};
// Duplicates by the columns (not ROWTIME); a change in one of `monotonic` forgets the earlier rows.
// Over a relation there are none.
struct DistinctNode {
  std::vector<size_t> monotonic;
};
struct SortKey {
  ExprPtr key;
  enum class Order { kAscending, kDescending } order;
};
// Streams: the first key is monotonic, and rows are held while it stays the same.
struct SortNode {
  std::vector<SortKey> keys;
  Windows steps;  // of the first key, as in GroupNode
};
// T-sort: rows leave in the order of `time`, which becomes their ROWTIME; a row without is dropped.
struct TimeSortNode {
  ExprPtr time;
  int64_t within_ms = 0;
};
struct UnionNode {
  enum class Kind { kAll, kDistinct, kExcept, kIntersect } kind = Kind::kAll;
};
struct TableFunctionNode {
  BoundTableFunction function;
  std::string name;
};

struct Node {
  Schema schema;  // of the output
  std::vector<NodePtr> inputs;
  Position at;
  std::variant<ScanNode, TableScanNode, ValuesNode, FilterNode, ProjectNode, GroupNode, StaggerNode,
               WindowNode, JoinNode, LookupNode, DistinctNode, SortNode, TimeSortNode, UnionNode,
               TableFunctionNode>
      what;
};

struct StreamDefinition {
  std::string name;
  Schema schema;
  enum class Origin { kProgram, kInput, kErrors } origin = Origin::kProgram;
  std::string description;
  // The last columns of an input that are metadata of the record (APPROXIMATE_ARRIVAL_TIME,
  // PARTITION_KEY, SEQUENCE_NUMBER, SHARD_ID), and no columns of its schema.
  size_t metadata_columns = 0;
};

struct Pump {
  std::string name;
  enum class State { kStarted, kStopped } state = State::kStarted;
  size_t target = 0;               // Program::streams
  std::vector<int> columns;        // for each column of the target: the node's column, or -1: NULL
  std::vector<ExprPtr> coercions;  // for each: the assignment over the node's row; null: as it is
  NodePtr root;
  std::string description;
};

struct Program {
  std::vector<StreamDefinition> streams;  // the inputs first, then error_stream, then the program's
  std::vector<StreamDefinition> tables;   // reference tables
  std::vector<Pump> pumps;
};

struct CompileInput {
  std::vector<StreamDefinition> inputs;  // names as given ("SOURCE_SQL_STREAM_001")
  std::vector<StreamDefinition> tables;
};

// Switches for what the documents leave open (docs/decisions); those of functions are the
// library's (FunctionOptions).
struct LanguageOptions {
  enum class SlashComments { kRefuse, kAccept } slash_comments = SlashComments::kRefuse;
  // Whether `SELECT *` over an input lists its metadata columns.
  enum class MetadataInStar { kHide, kShow } metadata_in_star = MetadataInStar::kHide;
  // `0 PRECEDING` in a window of an aggregate: the documents refuse it, programs use it.
  enum class ZeroPreceding { kCurrentRow, kRefuse } zero_preceding = ZeroPreceding::kCurrentRow;
  // INTERVAL '120' MINUTE: refused, or as if it were MINUTE(3).
  enum class IntervalPrecision { kCheck, kIgnore } interval_precision = IntervalPrecision::kCheck;
  // Columns of CREATE STREAM without NOT NULL: one page says that columns cannot be NULL.
  enum class ColumnNulls { kAllow, kRefuse } column_nulls = ColumnNulls::kAllow;
};

inline constexpr size_t kProgramBytesMax = 102'400;

// Parses, binds and checks a program. Errors: "InvalidArgument"; the message begins with
// "line L, column C: " and says what was found and what was expected.
Result<std::shared_ptr<const Program>> compile(std::string_view text, const CompileInput& input,
                                               const FunctionLibrary& functions,
                                               const LanguageOptions& options);

// The program as text, one node a line: the same for the same program, for tests and for people.
std::string explain(const Program& program);

}  // namespace suiro::sql
