// SPDX-License-Identifier: Apache-2.0
// Tumbling groups. The groups of one window are open at a time: a changed monotonic key, or a bound
// past the window's end, closes them all. Over a relation there is one window, closed by the end.
#include <algorithm>

#include "engine/sql/aggregate_column.h"
#include "engine/sql/evaluate_steps.h"
#include "engine/sql/key_table.h"
#include "engine/sql/operator.h"

namespace suiro::sql {
namespace {

constexpr size_t kPrefetchAhead = 8;

std::vector<ExprPtr> group_roots(const GroupNode& node) {
  std::vector<ExprPtr> roots = node.keys;
  for (const Aggregate& aggregate : node.aggregates) {
    roots.insert(roots.end(), aggregate.args.begin(), aggregate.args.end());
  }
  return roots;
}

class GroupOperator final : public Operator {
 public:
  GroupOperator(const GroupNode& node, const OperatorOptions& options)
      : node_(node),
        options_(options),
        evaluator_(group_roots(node), options.query_start_ms),
        table_(table_lanes()) {
    for (const Aggregate& aggregate : node.aggregates) {
      aggregates_.push_back(make_aggregate_column(aggregate));
      bytes_per_group_ += aggregates_.back()->bytes_per_group();
      if (aggregates_.back()->grows() == AggregateColumn::Grows::kYes) {
        growing_.push_back(aggregates_.size() - 1);
      }
    }
  }

  void push(size_t, Rows rows, Sink& sink) override {
    std::vector<uint32_t> selection = all_rows(rows.size());
    arena_.clear();
    evaluator_.run(rows, selection, arena_);
    errors_.assign(evaluator_.errors().begin(), evaluator_.errors().end());
    bind_columns();
    for (size_t i = 0; i < selection.size();) {
      const size_t end = run_end(rows, selection, i, sink);
      add_run(rows, std::span(selection).subspan(i, end - i));
      i = end;
    }
    std::sort(errors_.begin(), errors_.end(),
              [](const RowError& a, const RowError& b) { return a.row < b.row; });
    uint32_t last = KeyTable::kNone;
    for (RowError& error : errors_) {
      if (error.row != last) sink.error(rows, error.row, std::move(error.error));
      last = error.row;
    }
  }

  void advance(size_t, int64_t bound_ms, int64_t, Sink& sink) override {
    const bool stepped = node_.steps.known() && over_stream();
    if (open() && (bound_ms == kBoundEnd || (stepped && bound_ms >= window_end_ms_))) {
      close(std::max(last_ms_, bound_ms_), sink);
    }
    bound_ms_ = std::max(bound_ms_, bound_ms);
  }

  int64_t bound() const override {
    if (bound_ms_ == kBoundNone || bound_ms_ == kBoundEnd) return bound_ms_;
    const bool at_start = options_.group_rowtime == EngineOptions::GroupRowtime::kWindowStart;
    if (!node_.steps.known()) return at_start && open() ? first_ms_ : bound_ms_;
    return at_start ? node_.steps.start(open() ? first_ms_ : bound_ms_)
                    : node_.steps.end(bound_ms_);
  }

  size_t bytes() const override {
    size_t bytes = table_.bytes();
    for (const auto& column : aggregates_) bytes += column->bytes();
    return bytes;
  }

  void encode(SnapshotWriter& to) const override {
    to.integer(bound_ms_);
    to.integer(first_ms_);
    to.integer(last_ms_);
    to.integer(window_end_ms_);
    Value key = key_null_ ? Value{} : key_;
    key.text = key_text_;
    to.value(key_lane(), key);
    Rows keys;
    keys.columns = table_.columns();
    keys.rowtimes_ms.assign(table_.size(), 0);
    to.rows(keys);
    for (const auto& column : aggregates_) column->encode(to);
  }

  void decode(SnapshotReader& from) override {
    bound_ms_ = from.integer();
    first_ms_ = from.integer();
    last_ms_ = from.integer();
    window_end_ms_ = from.integer();
    keep_key(from.value(key_lane()));
    Rows keys = from.rows(table_lanes());
    std::vector<const Vector*> columns;
    for (const Vector& column : keys.columns) columns.push_back(&column);
    for (uint32_t i = 0; i < keys.size(); ++i) {
      table_.insert(columns, i, table_.hash_of(columns, i));
    }
    for (auto& column : aggregates_) {
      column->resize(table_.size());
      column->decode(from);
    }
  }

 private:
  bool over_stream() const { return node_.over == GroupNode::Over::kStream; }
  bool open() const { return table_.size() > 0; }
  Lane key_lane() const {
    return over_stream() ? node_.keys[node_.monotonic_key]->type.lane() : Lane::kInteger;
  }
  // The monotonic key is the same in all groups that are open.
  std::vector<Lane> table_lanes() const {
    std::vector<Lane> lanes;
    for (size_t k = 0; k < node_.keys.size(); ++k) {
      if (over_stream() && k == node_.monotonic_key) continue;
      lanes.push_back(node_.keys[k]->type.lane());
    }
    return lanes;
  }

  void bind_columns() {
    keys_.clear();
    args_.assign(node_.aggregates.size(), {});
    for (size_t k = 0; k < node_.keys.size(); ++k) {
      if (!over_stream() || k != node_.monotonic_key) keys_.push_back(&evaluator_.result(k));
    }
    size_t at = node_.keys.size();
    for (size_t a = 0; a < args_.size(); ++a) {
      for (size_t n = 0; n < node_.aggregates[a].args.size(); ++n) {
        args_[a].push_back(&evaluator_.result(at++));
      }
    }
  }

  void keep_key(const Value& key) {
    key_ = key;
    key_null_ = key.null;
    key_text_ = key.text;
  }

  bool same_key(const Vector& column, uint32_t row) const {
    const bool null = is_null(column, row);
    if (null || key_null_) return null == key_null_;
    if (column.lane == Lane::kInteger) return column.integers[row] == key_.integer;
    if (column.lane == Lane::kReal) return column.reals[row] == key_.real;
    return column.texts[row] == key_text_;
  }

  // Opens the window of the first row, after it has closed another's; the end of its rows.
  size_t run_end(const Rows& rows, std::span<const uint32_t> selection, size_t begin, Sink& sink) {
    if (!over_stream()) {
      window_end_ms_ = first_ms_ = 0;
      return selection.size();
    }
    const Vector& column = evaluator_.result(node_.monotonic_key);
    auto inside = [&](uint32_t row) {
      return rows.rowtimes_ms[row] < window_end_ms_ && same_key(column, row);
    };
    const uint32_t first = selection[begin];
    const int64_t time_ms = rows.rowtimes_ms[first];
    if (open() && !inside(first)) close(time_ms, sink);
    if (!open()) {
      keep_key(value_at(column, first));
      first_ms_ = time_ms;
      window_end_ms_ = node_.steps.known() ? node_.steps.end(time_ms) : kBoundEnd;
    }
    size_t end = begin + 1;
    while (end < selection.size() && inside(selection[end])) ++end;
    return end;
  }

  void add_run(const Rows& rows, std::span<const uint32_t> selection) {
    hashes_.resize(rows.size());
    table_.hash(keys_, selection, hashes_);
    run_rows_.clear();
    run_groups_.clear();
    size_t bytes = this->bytes();
    for (size_t i = 0; i < selection.size(); ++i) {
      if (i + kPrefetchAhead < selection.size()) {
        table_.prefetch(hashes_[selection[i + kPrefetchAhead]]);
      }
      const uint32_t row = selection[i];
      uint32_t group = table_.find(keys_, row, hashes_[row]);
      const size_t begins =
          group == KeyTable::kNone ? table_.key_bytes(keys_, row) + bytes_per_group_ : 0;
      auto grows = growth(row, group);
      if (grows && begins + *grows > 0 && bytes + begins + *grows > options_.bytes_max) {
        grows = fail(limit_error("GROUP BY", options_.bytes_max));
      }
      if (!grows) {
        errors_.push_back({row, std::move(grows).error()});
        continue;
      }
      if (group == KeyTable::kNone) group = table_.insert(keys_, row, hashes_[row]);
      bytes += begins + add_growing(row, group, rows.rowtimes_ms);
      run_rows_.push_back(row);
      run_groups_.push_back(group);
    }
    GroupedRows grouped{run_rows_, run_groups_, rows.rowtimes_ms};
    for (size_t a = 0; a < aggregates_.size(); ++a) {
      aggregates_[a]->resize(table_.size());
      if (aggregates_[a]->grows() == AggregateColumn::Grows::kYes) continue;
      aggregates_[a]->add(grouped, args_[a], errors_);
    }
    if (!selection.empty()) last_ms_ = rows.rowtimes_ms[selection.back()];
  }

  // Of all aggregates whose states grow: a row enters all or none.
  Result<size_t> growth(uint32_t row, uint32_t group) {
    size_t bytes = 0;
    for (size_t a : growing_) {
      TRY(const size_t more, aggregates_[a]->growth(row, group, args_[a]));
      bytes += more;
    }
    return bytes;
  }

  // By how much they have grown, or shrunk: a longer MIN may give way to a shorter one.
  size_t add_growing(uint32_t row, uint32_t group, std::span<const int64_t> rowtimes_ms) {
    size_t bytes = 0;
    for (size_t a : growing_) {
      AggregateColumn& column = *aggregates_[a];
      column.resize(table_.size());
      const size_t before = column.bytes();
      column.add({{&row, 1}, {&group, 1}, rowtimes_ms}, args_[a], errors_);
      bytes += column.bytes() - before;
    }
    return bytes;
  }

  // `time_ms`: when the window is known to be complete, where its width does not tell.
  void close(int64_t time_ms, Sink& sink) {
    const size_t groups = table_.size();
    auto arena = std::make_shared<Arena>();
    std::vector<RowError> failed;
    std::vector<Vector> results;
    for (auto& column : aggregates_) {
      results.push_back(column->results(*arena, failed));
      column->clear();
    }
    std::shared_ptr<const void> key_owner;
    std::vector<Vector> keys = table_.take(key_owner);
    Rows out;
    out.rowtimes_ms.assign(groups, rowtime(time_ms));
    size_t at = 0;
    for (size_t k = 0; k < node_.keys.size(); ++k) {
      if (!over_stream() || k != node_.monotonic_key) {
        out.columns.push_back(std::move(keys[at++]));
        continue;
      }
      out.columns.push_back({.lane = key_lane()});
      Value key = key_null_ ? Value{} : key_;
      key.text = arena->keep(key_text_);
      fill(out.columns.back(), groups, key);
    }
    for (Vector& result : results) out.columns.push_back(std::move(result));
    add_owner(out, arena);
    add_owner(out, key_owner);
    leave(std::move(out), std::move(failed), sink);
  }

  static void leave(Rows out, std::vector<RowError> failed, Sink& sink) {
    if (failed.empty()) return sink.rows(std::move(out));
    std::vector<uint8_t> lost(out.size(), 0);
    std::sort(failed.begin(), failed.end(),
              [](const RowError& a, const RowError& b) { return a.row < b.row; });
    for (RowError& error : failed) {
      if (lost[error.row] == 0) sink.error(out, error.row, std::move(error.error));
      lost[error.row] = 1;
    }
    std::vector<uint32_t> selection = all_rows(out.size());
    std::erase_if(selection, [&](uint32_t row) { return lost[row] != 0; });
    if (!selection.empty()) sink.rows(gather(out, selection));
  }

  int64_t rowtime(int64_t time_ms) const {
    if (!over_stream()) return options_.query_start_ms;
    const bool at_start = options_.group_rowtime == EngineOptions::GroupRowtime::kWindowStart;
    if (node_.steps.known()) return at_start ? node_.steps.start(first_ms_) : window_end_ms_;
    return at_start ? first_ms_ : time_ms;
  }

  const GroupNode& node_;
  OperatorOptions options_;
  Evaluator evaluator_;
  Arena arena_;
  KeyTable table_;
  std::vector<std::unique_ptr<AggregateColumn>> aggregates_;
  std::vector<size_t> growing_;  // aggregates that are added row by row
  size_t bytes_per_group_ = 0;
  int64_t bound_ms_ = kBoundNone;
  int64_t first_ms_ = 0;  // of the open window's rows
  int64_t last_ms_ = 0;
  int64_t window_end_ms_ = kBoundEnd;
  Value key_;  // the monotonic one
  bool key_null_ = true;
  std::string key_text_;
  // Of the batch.
  std::vector<const Vector*> keys_;
  std::vector<std::vector<const Vector*>> args_;
  std::vector<uint64_t> hashes_;
  std::vector<uint32_t> run_rows_, run_groups_;
  std::vector<RowError> errors_;
};

}  // namespace

OperatorPtr make_group(const Node& node, const OperatorOptions& options) {
  return std::make_unique<GroupOperator>(std::get<GroupNode>(node.what), options);
}

}  // namespace suiro::sql
