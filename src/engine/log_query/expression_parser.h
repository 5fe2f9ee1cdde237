// SPDX-License-Identifier: Apache-2.0
// Reads expressions: what may stand in fields, filter, stats, sort.
//
//   or < and < not < comparison, like, in < + - < * / % < ^ < sign
//
// Thread: an instance belongs to one compilation. Errors: MalformedQueryException.
#pragma once

#include "engine/log_query/names.h"

namespace suiro::log_query {

class ExpressionParser {
 public:
  ExpressionParser(Scanner& in, Names& names) : in_(in), names_(names) {}

  Result<NodePtr> expression() { return any_of(); }
  Result<std::shared_ptr<const RE2>> regex(Span at, std::string pattern);

  // Where aggregates may stand, and the parts to which they are added; null: nowhere. Outside of
  // aggregates names are not fields of events then, but what `used` is told.
  struct Stats {
    std::vector<StatsStage::Part>* parts;
    std::vector<Name> used;
  };
  void set_stats(Stats* stats) { stats_ = stats; }

 private:
  class Depth;

  Result<NodePtr> any_of();
  Result<NodePtr> all_of();
  Result<NodePtr> negation();
  Result<NodePtr> comparison();
  Result<NodePtr> text_test(NodePtr left, size_t begin);
  Result<NodePtr> membership(NodePtr left, size_t begin);
  Result<NodePtr> sum();
  Result<NodePtr> product();
  Result<NodePtr> power();
  Result<NodePtr> sign();
  Result<NodePtr> primary();
  Result<NodePtr> parenthesis();
  Result<NodePtr> number();
  Result<NodePtr> call(size_t begin, std::string_view name);
  Result<NodePtr> aggregate(size_t begin, AggregateKind kind);
  Result<NodePtr> reference();
  NodePtr earlier_output();
  // A node over parts, as deep as allowed.
  Result<NodePtr> make(Op op, size_t begin, std::vector<NodePtr> parts);
  Result<NodePtr> make(Op op, size_t begin, NodePtr left, NodePtr right);

  Scanner& in_;
  Names& names_;
  Stats* stats_ = nullptr;
  int depth_ = 0;
};

}  // namespace suiro::log_query
