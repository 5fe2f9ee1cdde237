// SPDX-License-Identifier: Apache-2.0
// The query language of CloudWatch Logs Insights: a query is compiled once, and run over log events
// that are handed in one by one, in any order. No I/O.
//
//   CO_TRY(auto program, Program::compile(text));
//   Run run(program, {.now = now});
//   for (each event) CO_TRY_VOID(run.add(event));
//   CO_TRY(Table table, run.finish());
//
// Invariants:
//  1. A Run holds at most Run::Options::bytes_max; a query that needs more fails (kTooLarge).
//  2. Without `sort` the newest events come first, and `limit` and `dedup` take them in that order.
// Threads: a Program is immutable; a Run belongs to one thread at a time.
// Commands, functions and what is refused: docs/decisions/205-the-log-query-language.md.
#pragma once

#include <set>
#include <variant>

#include "engine/log_query/aggregate.h"
#include "engine/log_query/event.h"

namespace suiro::log_query {

// "StartQuery": the text of a query.
inline constexpr size_t kQueryTextBytesMax = 10'000;
// As many results as a query may give.
inline constexpr size_t kResultsMax = 10'000;
inline constexpr size_t kStatsMax = 2;  // commands `stats` in a query
inline constexpr size_t kCommandsMax = 100;
inline constexpr size_t kNamesMax = 1000;

struct Assignment {
  size_t slot = 0;
  NodePtr value;
};

struct FieldsStage {
  std::vector<Assignment> assignments;
};
struct FilterStage {
  NodePtr condition;
};
struct ParseStage {
  NodePtr source;
  std::vector<std::string> literals;  // of a glob: around its stars
  std::shared_ptr<const RE2> regex;   // null: a glob
  std::vector<size_t> slots;          // of the stars, or of the regex's groups by number
};
struct StatsStage {
  struct Part {
    AggregateKind kind;
    NodePtr argument;  // null: every row counts
    double percent = 0;
    size_t slot = 0;
  };
  std::vector<Assignment> keys;
  std::vector<Part> parts;
  std::vector<Assignment> outputs;  // over the slots of keys and parts
};
struct SortStage {
  struct Key {
    NodePtr value;
    enum class Direction : uint8_t { kAscending, kDescending } direction;
  };
  std::vector<Key> keys;
};
struct LimitStage {
  size_t rows;
};
struct DedupStage {
  std::vector<NodePtr> keys;
};
using Stage = std::variant<FieldsStage, FilterStage, ParseStage, StatsStage, SortStage, LimitStage,
                           DedupStage>;

struct Column {
  std::string name;
  size_t slot = 0;
};

struct Program {
  // Errors: MalformedQueryException, with the place in `details`; NotImplemented for what AWS's
  // language has and this one has not.
  static Result<std::shared_ptr<const Program>> compile(std::string_view text);

  std::vector<Stage> stages;
  std::vector<std::pair<FieldName, size_t>> loads;  // fields of the event and their slots
  std::vector<Column> columns;
  size_t slots = 0;
  bool is_grouped = false;  // rows are no longer events
};

struct Table {
  struct Line {
    // By column; none: the row has no such field.
    std::vector<std::optional<std::string>> values;
    // The event; meaningless where the program is grouped.
    TimePoint time;
    Handle handle;
  };
  std::vector<std::string> columns;
  std::vector<Line> lines;
  size_t bytes = 0;
};

class Run {
 public:
  struct Options {
    size_t rows_max = kResultsMax;
    size_t bytes_max = 64 << 20;
    TimePoint now;
  };
  Run(std::shared_ptr<const Program> program, Options options);

  // Errors: kTooLarge.
  Result<void> add(const Event& event);
  // Errors: kTooLarge.
  Result<Table> finish();
  // Events that passed the filters before anything was grouped, sorted or cut.
  uint64_t matched() const { return matched_; }

 private:
  struct Group {
    Row row;  // its keys
    std::vector<Aggregate> parts;
  };
  using Rows = std::vector<Row>;
  using Groups = std::map<std::string, Group>;

  // False: the row is dropped.
  bool pass(const Stage& stage, Row& row) const;
  Result<void> take_bytes(size_t bytes);
  Result<void> group(const StatsStage& stage, Groups& groups, const Row& row);
  Rows ungroup(const StatsStage& stage, Groups groups) const;
  Result<void> keep(Row row);
  Result<Rows> apply(const Stage& stage, Rows rows);
  void sort(const SortStage* stage, Rows& rows) const;
  bool comes_first(const SortStage* stage, const Row& left, const Row& right) const;
  Table table_of(const Rows& rows) const;

  std::shared_ptr<const Program> program_;
  Options options_;
  size_t streaming_ = 0;               // stages that an event passes by itself
  const StatsStage* stats_ = nullptr;  // the stage behind them, where it groups
  const SortStage* order_ = nullptr;   // how kept rows are ordered; null: the newest first
  size_t kept_max_ = 0;                // so many rows are enough; 0: all are needed
  size_t next_stage_ = 0;              // of finish()
  Groups groups_;
  Rows kept_;
  uint64_t matched_ = 0;
  uint64_t count_ = 0;
  size_t bytes_ = 0;
};

}  // namespace suiro::log_query
