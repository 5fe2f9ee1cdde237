// SPDX-License-Identifier: Apache-2.0
// Operators that put rows in order: ORDER BY, the sort by time WITHIN an interval, UNION ALL; and
// those that compare whole rows: DISTINCT and the set operators.
#include <algorithm>
#include <map>

#include "engine/sql/evaluate_steps.h"
#include "engine/sql/key_table.h"
#include "engine/sql/merge_gate.h"
#include "engine/sql/operator.h"

namespace suiro::sql {
namespace {

std::vector<const Vector*> pointers(const std::vector<Vector>& columns) {
  std::vector<const Vector*> out;
  for (const Vector& column : columns) out.push_back(&column);
  return out;
}

class DistinctOperator final : public Operator {
 public:
  DistinctOperator(const Node& node, const OperatorOptions& options)
      : node_(std::get<DistinctNode>(node.what)),
        options_(options),
        lanes_(lanes_of(node.schema)),
        seen_(lanes_) {}

  void push(size_t, Rows rows, Sink& sink) override {
    const auto columns = pointers(rows.columns);
    std::vector<uint32_t> fresh;
    for (uint32_t row = 0; row < rows.size(); ++row) {
      if (seen_.size() > 0 && moved_on(columns, row)) seen_.clear();
      const uint64_t hash = seen_.hash_of(columns, row);
      if (seen_.find(columns, row, hash) != KeyTable::kNone) continue;
      if (seen_.bytes() + seen_.key_bytes(columns, row) > options_.bytes_max) {
        sink.error(rows, row, limit_error("DISTINCT", options_.bytes_max));
        continue;
      }
      seen_.insert(columns, row, hash);
      fresh.push_back(row);
    }
    if (fresh.empty()) return;
    sink.rows(fresh.size() == rows.size() ? std::move(rows) : gather(rows, fresh));
  }

  void advance(size_t, int64_t bound_ms, int64_t, Sink&) override {
    bound_ms_ = std::max(bound_ms_, bound_ms);
  }
  int64_t bound() const override { return bound_ms_; }
  size_t bytes() const override { return seen_.bytes(); }

  void encode(SnapshotWriter& to) const override {
    to.integer(bound_ms_);
    Rows rows;
    rows.columns = seen_.columns();
    rows.rowtimes_ms.assign(seen_.size(), 0);
    to.rows(rows);
  }
  void decode(SnapshotReader& from) override {
    bound_ms_ = from.integer();
    Rows rows = from.rows(lanes_);
    const auto columns = pointers(rows.columns);
    for (uint32_t row = 0; row < rows.size(); ++row) {
      seen_.insert(columns, row, seen_.hash_of(columns, row));
    }
  }

 private:
  // Whether a monotonic column differs from those of the rows seen, which all share it.
  bool moved_on(std::span<const Vector* const> columns, uint32_t row) const {
    for (size_t c : node_.monotonic) {
      const Value now = value_at(*columns[c], row);
      const Value then = value_at(seen_.columns()[c], seen_.size() - 1);
      if (now.null != then.null) return true;
      if (!now.null && compare_values(lanes_[c], now, then) != 0) return true;
    }
    return false;
  }

  const DistinctNode& node_;
  OperatorOptions options_;
  std::vector<Lane> lanes_;
  KeyTable seen_;
  int64_t bound_ms_ = kBoundNone;
};

// NULL is above everything.
int compare_keys(const Type& type, const Value& a, const Value& b) {
  if (a.null || b.null) return static_cast<int>(a.null) - static_cast<int>(b.null);
  if (type.kind == TypeKind::kChar) return compare_padded(a.text, b.text);
  return compare_values(type.lane(), a, b);
}

std::vector<ExprPtr> sort_roots(const SortNode& node) {
  std::vector<ExprPtr> roots;
  for (const SortKey& key : node.keys) roots.push_back(key.key);
  return roots;
}

class SortOperator final : public Operator {
 public:
  SortOperator(const Node& node, const OperatorOptions& options)
      : node_(std::get<SortNode>(node.what)),
        options_(options),
        evaluator_(sort_roots(node_), options.query_start_ms),
        rows_(lanes_of(node.schema)),
        keys_(evaluator_.lanes()) {}

  void push(size_t, Rows rows, Sink& sink) override {
    std::vector<uint32_t> selection = all_rows(rows.size());
    arena_.clear();
    evaluator_.run(rows, selection, arena_);
    for (const RowError& error : evaluator_.errors()) sink.error(rows, error.row, error.error);
    std::vector<Value> keys(node_.keys.size());
    for (uint32_t row : selection) {
      for (size_t k = 0; k < keys.size(); ++k) keys[k] = value_at(evaluator_.result(k), row);
      if (rows_.size() > 0 && leaves(keys[0], rows.rowtimes_ms[row])) release(sink);
      if (bytes() + row_bytes(rows, row) > options_.bytes_max) {
        sink.error(rows, row, limit_error("ORDER BY", options_.bytes_max));
        continue;
      }
      rows_.append(rows, row);
      keys_.append(rows.rowtimes_ms[row], keys);
    }
  }

  void advance(size_t, int64_t bound_ms, int64_t, Sink& sink) override {
    bound_ms_ = std::max(bound_ms_, bound_ms);
    if (rows_.size() > 0 && bound_ms_ >= window_end()) release(sink);
  }

  int64_t bound() const override {
    return rows_.size() == 0 ? bound_ms_ : rows_.rows().rowtimes_ms[0];
  }
  size_t bytes() const override { return rows_.bytes() + keys_.bytes(); }
  void encode(SnapshotWriter& to) const override {
    to.integer(bound_ms_);
    to.rows(rows_.rows());
    to.rows(keys_.rows());
  }
  void decode(SnapshotReader& from) override {
    bound_ms_ = from.integer();
    std::vector<Lane> lanes;
    for (const Vector& column : rows_.rows().columns) lanes.push_back(column.lane);
    rows_.assign(from.rows(lanes));
    keys_.assign(from.rows(evaluator_.lanes()));
  }

 private:
  bool over_relation() const { return options_.over == OperatorOptions::Over::kRelation; }

  int64_t window_end() const {
    if (!node_.steps.known() || over_relation()) return kBoundEnd;
    return node_.steps.end(rows_.rows().rowtimes_ms[0]);
  }

  bool leaves(const Value& lead, int64_t time_ms) const {
    if (over_relation()) return false;
    return time_ms >= window_end() ||
           compare_keys(node_.keys[0].key->type, lead, value_at(keys_.rows().columns[0], 0)) != 0;
  }

  // Row times must not go backwards: a row takes at least that of the one before it.
  void release(Sink& sink) {
    const Rows keys = keys_.take();
    std::vector<uint32_t> order = all_rows(rows_.size());
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      for (size_t k = 0; k < node_.keys.size(); ++k) {
        const Vector& column = keys.columns[k];
        int sign = compare_keys(node_.keys[k].key->type, value_at(column, a), value_at(column, b));
        if (node_.keys[k].order == SortKey::Order::kDescending) sign = -sign;
        if (sign != 0) return sign < 0;
      }
      return a < b;
    });
    Rows out = gather(rows_.take(), order);
    int64_t last_ms = kBoundNone;
    for (int64_t& time : out.rowtimes_ms) time = last_ms = std::max(time, last_ms);
    sink.rows(std::move(out));
  }

  const SortNode& node_;
  OperatorOptions options_;
  Evaluator evaluator_;
  Arena arena_;
  RowBuffer rows_, keys_;
  int64_t bound_ms_ = kBoundNone;
};

// Rows leave when one that is `within_ms` later by its time has come; bounds on ROWTIME say nothing
// about that time.
class TimeSortOperator final : public Operator {
 public:
  TimeSortOperator(const Node& node, const OperatorOptions& options)
      : node_(std::get<TimeSortNode>(node.what)),
        options_(options),
        evaluator_({node_.time}, options.query_start_ms),
        codec_(lanes_of(node.schema)) {}

  void push(size_t, Rows rows, Sink& sink) override {
    std::vector<uint32_t> selection = all_rows(rows.size());
    arena_.clear();
    evaluator_.run(rows, selection, arena_);
    for (const RowError& error : evaluator_.errors()) sink.error(rows, error.row, error.error);
    RowBuffer out(codec_.lanes());
    for (uint32_t row : selection) {
      const Value time = value_at(evaluator_.result(0), row);
      if (time.null) continue;
      if (time.integer < watermark_ms_) {
        sink.error(rows, row,
                   Error{errors::kLateRow,
                         "the row is later than the interval of WITHIN",
                         Retry::kNever,
                         {}});
        continue;
      }
      Bytes bytes = codec_.encode(rows, row);
      if (bytes_ + bytes.size() + kEntryBytes > options_.bytes_max) {
        sink.error(rows, row, limit_error("ORDER BY .. WITHIN", options_.bytes_max));
        continue;
      }
      bytes_ += bytes.size() + kEntryBytes;
      waiting_.emplace(time.integer, std::move(bytes));
      watermark_ms_ = std::max(watermark_ms_, add_time(time.integer, -node_.within_ms));
      release(out);
    }
    if (out.size() > 0) sink.rows(out.take());
  }

  void advance(size_t, int64_t bound_ms, int64_t, Sink& sink) override {
    if (bound_ms != kBoundEnd) return;
    watermark_ms_ = kBoundEnd;
    RowBuffer out(codec_.lanes());
    release(out);
    if (out.size() > 0) sink.rows(out.take());
  }
  int64_t bound() const override { return watermark_ms_; }
  size_t bytes() const override { return bytes_; }
  void encode(SnapshotWriter& to) const override {
    to.integer(watermark_ms_);
    to.number(waiting_.size());
    for (const auto& [time, bytes] : waiting_) {
      to.integer(time);
      to.text(bytes);
    }
  }
  void decode(SnapshotReader& from) override {
    watermark_ms_ = from.integer();
    for (size_t left = from.count(); left > 0 && !from.failed(); --left) {
      const int64_t time = from.integer();
      const ByteView bytes = from.text();
      bytes_ += bytes.size() + kEntryBytes;
      waiting_.emplace_hint(waiting_.end(), time, bytes);
    }
  }

 private:
  static constexpr size_t kEntryBytes = 64;

  void release(RowBuffer& out) {
    while (!waiting_.empty() && waiting_.begin()->first <= watermark_ms_) {
      codec_.decode(waiting_.begin()->second, values_);
      out.append(waiting_.begin()->first, values_);
      bytes_ -= waiting_.begin()->second.size() + kEntryBytes;
      waiting_.erase(waiting_.begin());
    }
  }

  const TimeSortNode& node_;
  OperatorOptions options_;
  Evaluator evaluator_;
  Arena arena_;
  RowCodec codec_;
  std::multimap<int64_t, Bytes> waiting_;
  std::vector<Value> values_;
  int64_t watermark_ms_ = kBoundNone;
  size_t bytes_ = 0;
};

// UNION ALL by row time; the others, over relations, when both sides have ended.
class UnionOperator final : public Operator {
 public:
  UnionOperator(const Node& node, const OperatorOptions& options)
      : kind_(std::get<UnionNode>(node.what).kind),
        options_(options),
        lanes_(lanes_of(node.schema)),
        gate_(std::vector(node.inputs.size(), lanes_), options.bytes_max),
        held_(node.inputs.size(), RowBuffer(lanes_)) {}

  void push(size_t input, Rows rows, Sink&) override { gate_.push(input, std::move(rows)); }

  void advance(size_t input, int64_t bound_ms, int64_t, Sink& sink) override {
    gate_.advance(input, bound_ms);
    auto take = [&](size_t from, const Rows& rows, size_t begin, size_t end) {
      std::vector<uint32_t> run(end - begin);
      for (size_t i = begin; i < end; ++i) run[i - begin] = static_cast<uint32_t>(i);
      if (kind_ == UnionNode::Kind::kAll) return sink.rows(gather(rows, run));
      for (uint32_t row : run) held_[from].append(rows, row);
    };
    gate_.drain(take, [&](size_t, const Rows& rows, size_t row) {
      sink.error(rows, row, limit_error("UNION", options_.bytes_max));
    });
    if (kind_ != UnionNode::Kind::kAll && gate_.bound() == kBoundEnd) compare(sink);
  }

  int64_t bound() const override { return gate_.bound(); }
  size_t bytes() const override { return gate_.bytes(); }
  size_t room() const override { return gate_.room(); }
  void encode(SnapshotWriter& to) const override { gate_.encode(to); }
  void decode(SnapshotReader& from) override { gate_.decode(from); }

 private:
  void compare(Sink& sink) {
    KeyTable left(lanes_), right(lanes_);
    const Rows first = held_[0].take(), second = held_[1].take();
    fill(left, first);
    if (kind_ == UnionNode::Kind::kDistinct) {
      fill(left, second);
    } else {
      fill(right, second);
    }
    Rows all;
    all.columns = left.columns();
    all.rowtimes_ms.assign(left.size(), options_.query_start_ms);
    RowBuffer out(lanes_);
    const auto columns = pointers(all.columns);
    for (uint32_t row = 0; row < all.size(); ++row) {
      const bool in_right =
          right.find(columns, row, right.hash_of(columns, row)) != KeyTable::kNone;
      if (in_right == (kind_ == UnionNode::Kind::kIntersect)) out.append(all, row);
    }
    if (out.size() > 0) sink.rows(out.take());
  }

  static void fill(KeyTable& table, const Rows& rows) {
    const auto columns = pointers(rows.columns);
    for (uint32_t row = 0; row < rows.size(); ++row) {
      const uint64_t hash = table.hash_of(columns, row);
      if (table.find(columns, row, hash) == KeyTable::kNone) table.insert(columns, row, hash);
    }
  }

  UnionNode::Kind kind_;
  OperatorOptions options_;
  std::vector<Lane> lanes_;
  MergeGate gate_;
  std::vector<RowBuffer> held_;
};

}  // namespace

OperatorPtr make_distinct(const Node& node, const OperatorOptions& options) {
  return std::make_unique<DistinctOperator>(node, options);
}
OperatorPtr make_sort(const Node& node, const OperatorOptions& options) {
  return std::make_unique<SortOperator>(node, options);
}
OperatorPtr make_time_sort(const Node& node, const OperatorOptions& options) {
  return std::make_unique<TimeSortOperator>(node, options);
}
OperatorPtr make_union(const Node& node, const OperatorOptions& options) {
  return std::make_unique<UnionOperator>(node, options);
}

}  // namespace suiro::sql
