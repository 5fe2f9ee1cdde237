// SPDX-License-Identifier: Apache-2.0
// Stagger windows: a window a key, opened by its first row, closed `width` later with that ROWTIME;
// a row at the very end opens the next one.
#include <deque>

#include "engine/sql/operator.h"

namespace suiro::sql {
namespace {

constexpr size_t kGroupBytes = 192;

std::vector<ExprPtr> stagger_roots(const StaggerNode& node) {
  std::vector<ExprPtr> roots = node.keys;
  for (const Aggregate& aggregate : node.aggregates) {
    roots.insert(roots.end(), aggregate.args.begin(), aggregate.args.end());
  }
  return roots;
}

class StaggerOperator final : public Operator {
 public:
  StaggerOperator(const Node& node, const OperatorOptions& options)
      : node_(std::get<StaggerNode>(node.what)),
        options_(options),
        lanes_(lanes_of(node.schema)),
        evaluator_(stagger_roots(node_), options.query_start_ms) {
    std::vector<Lane> keys;
    for (const ExprPtr& key : node_.keys) keys.push_back(key->type.lane());
    keys_ = RowCodec(std::move(keys));
    begun_ = fresh();
    size_t at = 0;
    for (size_t i = 0; i < begun_.size(); ++i) {
      begun_bytes_ += begun_[i]->size_bytes() + sizeof(void*);
      first_argument_.push_back(at);
      at += node_.aggregates[i].args.size();
    }
  }

  void push(size_t, Rows rows, Sink& sink) override {
    std::vector<uint32_t> selection = all_rows(rows.size());
    arena_.clear();
    evaluator_.run(rows, selection, arena_);
    for (const RowError& error : evaluator_.errors()) sink.error(rows, error.row, error.error);
    key_columns_.clear();
    for (size_t k = 0; k < node_.keys.size(); ++k) key_columns_.push_back(&evaluator_.result(k));
    for (uint32_t row : selection) {
      close_until(rows.rowtimes_ms[row], sink);
      auto done = add(row, rows.rowtimes_ms[row]);
      if (!done) sink.error(rows, row, done.error());
    }
    leave(sink);
  }

  void advance(size_t, int64_t bound_ms, int64_t, Sink& sink) override {
    bound_ms_ = std::max(bound_ms_, bound_ms);
    close_until(bound_ms_, sink);
    leave(sink);
  }

  int64_t bound() const override {
    return closing_.empty() ? add_time(bound_ms_, node_.width_ms) : closing_.front().end_ms;
  }
  size_t bytes() const override { return bytes_; }

  void encode(SnapshotWriter& to) const override {
    to.integer(bound_ms_);
    to.number(bytes_);
    to.number(closing_.size());
    for (const Closing& closing : closing_) {
      to.integer(closing.end_ms);
      to.text(closing.key);
      for (const auto& cell : groups_.at(closing.key).cells) {
        Bytes state;
        cell->encode(state);
        to.text(state);
      }
    }
  }
  void decode(SnapshotReader& from) override {
    bound_ms_ = from.integer();
    (void)from.number();
    bytes_ = 0;
    for (size_t left = from.count(); left > 0 && !from.failed(); --left) {
      const int64_t end_ms = from.integer();
      Bytes key(from.text());
      Group& group = groups_[key];
      group.cells = fresh();
      group.bytes = group_bytes(key);
      for (auto& cell : group.cells) {
        const size_t before = cell->size_bytes();
        if (!cell->decode(from.text())) from.fail();
        group.bytes += cell->size_bytes() - before;
      }
      bytes_ += group.bytes;
      closing_.push_back({end_ms, std::move(key)});
    }
  }

 private:
  using Cells = std::vector<std::unique_ptr<Accumulator>>;
  struct Group {
    Cells cells;
    size_t bytes = 0;
  };
  struct Closing {
    int64_t end_ms = 0;
    Bytes key;
  };

  Cells fresh() const {
    Cells cells;
    for (const Aggregate& aggregate : node_.aggregates)
      cells.push_back(aggregate.function.create());
    return cells;
  }

  // Into all aggregates of its group, or into none.
  Result<void> add(uint32_t row, int64_t time_ms) {
    Bytes key = keys_.encode(key_columns_, row);
    take_arguments(row);
    auto found = groups_.find(key);
    const Cells& cells = found == groups_.end() ? begun_ : found->second.cells;
    size_t more = found == groups_.end() ? group_bytes(key) : 0;
    for (size_t i = 0; i < cells.size(); ++i) {
      TRY(const size_t grows, cells[i]->growth(arguments(i)));
      more += grows;
    }
    if (more > 0 && bytes_ + more > options_.bytes_max) {
      return fail(limit_error("WINDOWED BY STAGGER", options_.bytes_max));
    }
    if (found == groups_.end()) {
      Group group{fresh(), group_bytes(key)};
      bytes_ += group.bytes;
      closing_.push_back({add_time(time_ms, node_.width_ms), key});
      found = groups_.emplace(std::move(key), std::move(group)).first;
    }
    Group& group = found->second;
    bytes_ -= group.bytes;
    for (size_t i = 0; i < group.cells.size(); ++i) {
      Accumulator& cell = *group.cells[i];
      const size_t before = cell.size_bytes();
      TRY_VOID(cell.add(arguments(i), time_ms));
      group.bytes += cell.size_bytes() - before;
    }
    bytes_ += group.bytes;
    return ok();
  }

  void take_arguments(uint32_t row) {
    values_.clear();
    for (size_t at = node_.keys.size(); at < evaluator_.roots(); ++at) {
      values_.push_back(value_at(evaluator_.result(at), row));
    }
  }
  std::span<const Value> arguments(size_t aggregate) const {
    return std::span(values_).subspan(first_argument_[aggregate],
                                      node_.aggregates[aggregate].args.size());
  }

  size_t group_bytes(const Bytes& key) const { return 2 * key.size() + kGroupBytes + begun_bytes_; }

  void close_until(int64_t bound_ms, Sink& sink) {
    while (!closing_.empty() && closing_.front().end_ms <= bound_ms) {
      const Closing closing = std::move(closing_.front());
      closing_.pop_front();
      auto group = groups_.extract(closing.key);
      bytes_ -= group.mapped().bytes;
      close(closing, group.mapped().cells, sink);
    }
  }

  void close(const Closing& closing, Cells& cells, Sink& sink) {
    std::vector<Value> values, results;
    keys_.decode(closing.key, values);
    Arena arena;
    Error error;
    for (auto& cell : cells) {
      auto value = cell->result(arena);
      if (!value && error.code.empty()) error = value.error();
      results.push_back(value ? *value : Value{});
    }
    values.insert(values.end(), results.begin(), results.end());
    if (error.code.empty()) {
      if (out_.size() == 0) out_ = RowBuffer(lanes_);
      return out_.append(closing.end_ms, values);
    }
    RowBuffer lost(lanes_);
    lost.append(closing.end_ms, values);
    sink.error(lost.rows(), 0, std::move(error));
  }

  void leave(Sink& sink) {
    if (out_.size() > 0) sink.rows(out_.take());
  }

  const StaggerNode& node_;
  OperatorOptions options_;
  std::vector<Lane> lanes_;
  Evaluator evaluator_;
  Arena arena_;
  RowCodec keys_;
  Cells begun_;  // what a group begins with
  size_t begun_bytes_ = 0;
  std::vector<size_t> first_argument_;  // by aggregate, in values_
  std::unordered_map<Bytes, Group> groups_;
  std::deque<Closing> closing_;  // in the order of their ends, which is that of their beginnings
  RowBuffer out_;
  int64_t bound_ms_ = kBoundNone;
  size_t bytes_ = 0;
  std::vector<const Vector*> key_columns_;
  std::vector<Value> values_;
};

}  // namespace

OperatorPtr make_stagger(const Node& node, const OperatorOptions& options) {
  return std::make_unique<StaggerOperator>(node, options);
}

}  // namespace suiro::sql
