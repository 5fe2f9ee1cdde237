// SPDX-License-Identifier: Apache-2.0
// The syntax tree of a program: what the parser makes and the binder reads. Names are not resolved,
// types only known for literals and casts. Immutable once made.
//
// Syntax that is only another way to write something is already undone: BETWEEN is two comparisons,
// SUBSTRING(s FROM i) a call of "SUBSTRING_FROM" (the list is in function.h, FunctionLibrary).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/sql/function.h"
#include "engine/sql/plan.h"
#include "engine/sql/type.h"

namespace suiro::sql {

struct Identifier {
  std::string text;  // unquoted ones in upper case
  Position at;
};

struct AstExpr;
using AstPtr = std::shared_ptr<const AstExpr>;
struct AstQuery;
using QueryPtr = std::shared_ptr<const AstQuery>;

struct AstOrder {
  AstPtr expr;
  SortKey::Order order = SortKey::Order::kAscending;
  std::optional<int64_t> within_ms;  // T-sort
};

// What stands behind OVER, or in a WINDOW clause.
struct AstWindow {
  Position at;
  std::optional<Identifier> reference;  // OVER name
  std::vector<AstPtr> partition;
  std::vector<AstOrder> order;
  std::optional<Frame> frame;
  enum class End { kCurrentRow, kFollowing } end = End::kCurrentRow;
  // `0 PRECEDING`, which is refused in aggregation or taken for CURRENT ROW.
  enum class Zero { kNone, kPreceding } zero = Zero::kNone;
};

struct AstExpr {
  enum class Kind {
    kLiteral,  // type, integer / real / text, null
    kName,     // path
    kCall,     // name(args), functions and operators
    kAnd,
    kOr,
    kCase,     // args: when, then, .., else
    kCast,     // args[0] to type
    kRow,      // (args): row values and periods
    kIn,       // args[0] in args[1..]
    kInQuery,  // args[0] in query
    kExists,   // query
  } kind = Kind::kLiteral;
  Position at;
  Type type;
  Value value;  // kLiteral; a text's bytes are in `text`
  std::string text;
  std::vector<Identifier> path;
  std::string name;
  std::vector<AstPtr> args;
  QueryPtr query;
  AggregateCall::Quantifier quantifier = AggregateCall::Quantifier::kAll;
  AggregateCall::From from = AggregateCall::From::kFirst;
  NullTreatment nulls = NullTreatment::kRespect;
  std::shared_ptr<const AstWindow> over;
  size_t depth = 1;
};

struct AstItem {
  Position at;
  AstPtr expr;  // null: * or qualifier.*
  std::optional<Identifier> qualifier;
  std::optional<Identifier> alias;
};

struct AstSource;
using SourcePtr = std::shared_ptr<const AstSource>;

struct AstSource {
  enum class Kind { kNamed, kQuery, kFunction, kJoin } kind = Kind::kNamed;
  Position at;
  Identifier name;  // kNamed, kFunction
  QueryPtr query;   // kQuery; kFunction: the cursor
  std::vector<AstPtr> args;
  std::optional<Identifier> alias;
  std::vector<Identifier> columns;  // alias(columns)
  std::shared_ptr<const AstWindow> over;
  // kJoin
  SourcePtr left, right;
  JoinKind join = JoinKind::kInner;
  enum class Match { kCross, kOn, kUsing, kNatural } match = Match::kCross;
  AstPtr on;
  std::vector<Identifier> using_columns;
};

struct AstStagger {
  std::vector<AstPtr> partition;
  int64_t width_ms = 0;
};

struct AstSelect {
  enum class Mode { kPlain, kStream } mode = Mode::kPlain;
  enum class Quantifier { kAll, kDistinct } quantifier = Quantifier::kAll;
  std::vector<AstItem> items;
  SourcePtr from;
  AstPtr where;
  std::vector<AstPtr> group_by;
  std::optional<AstStagger> stagger;
  AstPtr having;
  std::vector<std::pair<Identifier, std::shared_ptr<const AstWindow>>> windows;
  // Aliases of which the select asks the ROWTIME, `alias.ROWTIME`.
  std::vector<std::string> rowtimes_of;
};

struct AstQuery {
  Position at;
  enum class Kind { kSelect, kValues, kSet } kind = Kind::kSelect;
  AstSelect select;
  std::vector<std::vector<AstPtr>> values;
  UnionNode::Kind set = UnionNode::Kind::kAll;
  QueryPtr left, right;
  std::vector<AstOrder> order_by;
};

struct AstColumn {
  Identifier name;
  Type type;
};

enum class Replace { kNo, kYes };

struct AstStream {
  Replace replace = Replace::kNo;
  Identifier name;
  std::vector<AstColumn> columns;
  std::string description;
};

struct AstPump {
  Replace replace = Replace::kNo;
  Position at;
  Identifier name;  // empty: an INSERT that stands alone
  Pump::State state = Pump::State::kStarted;
  std::string description;
  Identifier target;
  std::vector<Identifier> columns;
  QueryPtr query;
};

struct AstFunction {
  Replace replace = Replace::kNo;
  Identifier name;
  std::vector<AstColumn> parameters;
  Type returns;
  std::string specific;
  enum class OnNull { kCall, kReturnNull } on_null = OnNull::kCall;
  AstPtr body;
};

using AstStatement = std::variant<AstStream, AstPump, AstFunction>;

}  // namespace suiro::sql
