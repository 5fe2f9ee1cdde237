// SPDX-License-Identifier: Apache-2.0
// State of one SELECT while its clauses are bound one after the other. Private to the binder.
#pragma once

#include "engine/sql/bind.h"

namespace suiro::sql {

struct Binder::Selected {
  const AstQuery& query;
  const AstSelect& ast;
  RowtimeItems rowtimes;

  // What the items' expressions are bound over, and the node that gives it: after group() the node
  // is the group, after windows() it has the analytic columns too.
  Scope scope;
  NodePtr node;
  std::vector<Facts> facts;  // of node's columns

  struct Item {
    ExprPtr expr;
    std::string name;
    std::optional<std::string> alias;  // as written: ORDER BY may name it
    enum class Role { kColumn, kRowtime } role = Role::kColumn;
    // kRowtime: `e AS ROWTIME`; otherwise ROWTIME as it is.
    enum class Sets { kNo, kYes } sets = Sets::kNo;
    Position at;
    size_t row_fields = 0;  // the first field of a row: how many there are
  };
  std::vector<Item> items;
  Calls calls;
  std::vector<ExprPtr> keys;  // of GROUP BY or STAGGER
  enum class Grouping { kNone, kTumbling, kStagger } grouping = Grouping::kNone;
  ExprPtr having;
  std::vector<SortKey> orders;
  std::optional<int64_t> within_ms;

  Place place(std::string_view clause) {
    return {.scope = scope,
            .clause = clause,
            .aggregates = &calls,
            .analytics = &calls,
            .select = &ast};
  }
};

}  // namespace suiro::sql
