// SPDX-License-Identifier: Apache-2.0
// Stream with stream. Rows of both sides pass a gate in one order; each meets the rows of the other
// side that a window still holds. A pair leaves with the later ROWTIME, a row of an outer side
// without a match with the last ROWTIME at which one was possible.
//
// A pair matches when the earlier row lies in its side's frame at the time of the later one, or the
// later one in its own frame's FOLLOWING part; a side without a frame has the rows of one ROWTIME.
#include <algorithm>
#include <deque>
#include <unordered_map>

#include "engine/sql/aggregate.h"
#include "engine/sql/join_keys.h"
#include "engine/sql/merge_gate.h"
#include "engine/sql/operator.h"

namespace suiro::sql {
namespace {

constexpr size_t kHeldBytes = 160;   // of one row: its record, its place in the index
constexpr size_t kPairsMax = 1'024;  // whose condition is evaluated together

struct Held {
  int64_t time_ms = 0;
  Bytes row;
  Bytes key;
  enum class Matched : uint8_t { kNo, kYes } matched = Matched::kNo;
};

struct Side {
  RowCodec codec;
  int64_t horizon_ms = 0;  // a later row of the other side matches so long
  size_t keep = 0;         // ROWS: as many of the last rows match whatever their time
  enum class Outer { kNo, kYes } outer = Outer::kNo;
  std::deque<Held> rows;
  uint64_t first = 0;  // number of rows.front()
  std::unordered_map<Bytes, FrontQueue<uint64_t>> index;
};

int64_t preceding(const std::optional<Frame>& frame) {
  return frame && frame->kind == Frame::Kind::kRange ? frame->preceding : 0;
}
int64_t following(const std::optional<Frame>& frame) {
  return frame && frame->kind == Frame::Kind::kRange ? frame->following : 0;
}
size_t kept_rows(const std::optional<Frame>& frame) {
  if (!frame || frame->kind != Frame::Kind::kRows) return 0;
  return static_cast<size_t>(frame->preceding) + 1;
}

class JoinOperator final : public Operator {
 public:
  JoinOperator(const Node& node, const OperatorOptions& options)
      : node_(std::get<JoinNode>(node.what)),
        options_(options),
        keys_{JoinKeys(node_.keys, JoinKeys::Side::kLeft, 0, options.query_start_ms),
              JoinKeys(node_.keys, JoinKeys::Side::kRight, node.inputs[0]->schema.size(),
                       options.query_start_ms)},
        key_codec_(keys_[0].lanes()),
        gate_({lanes_of(node.inputs[0]->schema), lanes_of(node.inputs[1]->schema)},
              options.bytes_max / 2),
        out_(lanes_of(node.schema)) {
    if (node_.condition != nullptr) {
      condition_ =
          std::make_unique<Evaluator>(std::vector{node_.condition}, options.query_start_ms);
    }
    sides_[0].codec = RowCodec(lanes_of(node.inputs[0]->schema));
    sides_[1].codec = RowCodec(lanes_of(node.inputs[1]->schema));
    sides_[0].horizon_ms = std::max(preceding(node_.left), following(node_.right));
    sides_[1].horizon_ms = std::max(preceding(node_.right), following(node_.left));
    sides_[0].keep = kept_rows(node_.left);
    sides_[1].keep = kept_rows(node_.right);
    if (node_.kind == JoinKind::kLeft || node_.kind == JoinKind::kFull) {
      sides_[0].outer = Side::Outer::kYes;
    }
    if (node_.kind == JoinKind::kRight || node_.kind == JoinKind::kFull) {
      sides_[1].outer = Side::Outer::kYes;
    }
  }

  void push(size_t input, Rows rows, Sink&) override { gate_.push(input, std::move(rows)); }

  void advance(size_t input, int64_t bound_ms, int64_t, Sink& sink) override {
    gate_.advance(input, bound_ms);
    auto take = [&](size_t from, const Rows& rows, size_t begin, size_t end) {
      meet(from, rows, begin, end, sink);
    };
    gate_.drain(take, [&](size_t, const Rows& rows, size_t row) {
      sink.error(rows, row, limit_error("JOIN", options_.bytes_max / 2));
    });
    bound_ms_ = std::max(bound_ms_, gate_.bound());
    expire(bound_ms_);
    leave(sink);
  }

  int64_t bound() const override { return bound_ms_; }
  size_t bytes() const override { return bytes_ + gate_.bytes(); }
  size_t room() const override { return gate_.room(); }

  void encode(SnapshotWriter& to) const override {
    to.integer(bound_ms_);
    to.integer(last_ms_);
    gate_.encode(to);
    for (const Side& side : sides_) {
      to.number(side.rows.size());
      for (const Held& held : side.rows) {
        to.integer(held.time_ms);
        to.number(static_cast<uint64_t>(held.matched));
        to.text(held.key);
        to.text(held.row);
      }
    }
  }
  void decode(SnapshotReader& from) override {
    bound_ms_ = from.integer();
    last_ms_ = from.integer();
    gate_.decode(from);
    for (Side& side : sides_) {
      for (size_t left = from.count(); left > 0 && !from.failed(); --left) {
        Held held;
        held.time_ms = from.integer();
        held.matched = from.number() == 0 ? Held::Matched::kNo : Held::Matched::kYes;
        held.key = Bytes(from.text());
        held.row = Bytes(from.text());
        hold(side, std::move(held));
      }
    }
  }

 private:
  void meet(size_t from, const Rows& rows, size_t begin, size_t end, Sink& sink) {
    std::vector<uint32_t> selection;
    for (size_t row = begin; row < end; ++row) selection.push_back(static_cast<uint32_t>(row));
    Arena arena;
    const auto& keys = keys_[from].run(rows, selection, arena);
    for (const RowError& error : keys_[from].errors()) sink.error(rows, error.row, error.error);
    for (uint32_t row : selection) {
      expire(rows.rowtimes_ms[row]);
      meet_row(from, rows, row, keys, sink);
      if (out_.size() >= kOutRowsMax) leave(sink);
    }
  }

  void meet_row(size_t from, const Rows& rows, uint32_t row, std::span<const Vector* const> keys,
                Sink& sink) {
    Side& own = sides_[from];
    last_ms_ = rows.rowtimes_ms[row];
    Held held;
    held.time_ms = last_ms_;
    held.row = own.codec.encode(rows, row);
    const bool has_key = !JoinKeys::has_null(keys, row);
    if (has_key) held.key = "k" + key_codec_.encode(keys, row);
    const size_t more = held.row.size() + held.key.size() + kHeldBytes;
    if (bytes_ + more > options_.bytes_max / 2) {
      return sink.error(rows, row, limit_error("JOIN", options_.bytes_max / 2));
    }
    if (has_key) {
      auto done = match(from, held, sink);
      if (!done) return sink.error(rows, row, done.error());
    }
    hold(own, std::move(held));
    // Rows that a ROWS frame pushes out have met everything they could.
    expire(last_ms_);
  }

  // Pairs of the row with those that the other side holds: all of them, or none.
  Result<void> match(size_t from, Held& held, Sink& sink) {
    Side& other = sides_[1 - from];
    auto found = other.index.find(held.key);
    if (found == other.index.end()) return ok();
    std::vector<Value> own_values;
    sides_[from].codec.decode(held.row, own_values);
    std::vector<uint64_t> numbers;
    const auto& candidates = found->second;
    for (size_t at = 0; at < candidates.size(); at += kPairsMax) {
      const size_t end = std::min(candidates.size(), at + kPairsMax);
      const std::vector<uint64_t> part(candidates.begin() + static_cast<ptrdiff_t>(at),
                                       candidates.begin() + static_cast<ptrdiff_t>(end));
      TRY_VOID(choose(from, held.time_ms, own_values, part, numbers));
      if (numbers.size() > kMatchesMax) return fail(matches_error());
    }
    emit(from, held.time_ms, own_values, numbers, sink);
    if (!numbers.empty()) held.matched = Held::Matched::kYes;
    return ok();
  }

  static void join_values(size_t from, const std::vector<Value>& own,
                          const std::vector<Value>& other, std::vector<Value>& out) {
    out = from == 0 ? own : other;
    const std::vector<Value>& rest = from == 0 ? other : own;
    out.insert(out.end(), rest.begin(), rest.end());
  }

  // Adds those candidates whose pair meets the condition. Texts are not copied.
  Result<void> choose(size_t from, int64_t time_ms, const std::vector<Value>& own,
                      std::span<const uint64_t> candidates, std::vector<uint64_t>& chosen) {
    if (condition_ == nullptr) {
      chosen.insert(chosen.end(), candidates.begin(), candidates.end());
      return ok();
    }
    const Side& other = sides_[1 - from];
    Rows pairs = empty_rows(out_lanes());
    std::vector<Value> other_values, values;
    for (uint64_t number : candidates) {
      other.codec.decode(other.rows[number - other.first].row, other_values);
      join_values(from, own, other_values, values);
      for (size_t c = 0; c < values.size(); ++c) pairs.columns[c].push(values[c]);
      pairs.rowtimes_ms.push_back(time_ms);
    }
    std::vector<uint32_t> selection = all_rows(pairs.size());
    Arena arena;
    condition_->run(pairs, selection, arena);
    if (!condition_->errors().empty()) return fail(condition_->errors()[0].error);
    for (uint32_t pair : selection) {
      const Value holds = value_at(condition_->result(0), pair);
      if (!holds.null && holds.integer != 0) chosen.push_back(candidates[pair]);
    }
    return ok();
  }

  // The row's own texts are copied once for each part that leaves.
  void emit(size_t from, int64_t time_ms, const std::vector<Value>& own,
            std::span<const uint64_t> numbers, Sink& sink) {
    Side& other = sides_[1 - from];
    const std::vector<Lane>& own_lanes = sides_[from].codec.lanes();
    std::vector<Value> kept, other_values, values;
    for (uint64_t number : numbers) {
      if (out_.size() >= kOutRowsMax) {
        leave(sink);
        kept.clear();
      }
      if (kept.empty()) kept = out_.keep(own_lanes, own);
      Held& partner = other.rows[number - other.first];
      partner.matched = Held::Matched::kYes;
      other.codec.decode(partner.row, other_values);
      other_values = out_.keep(other.codec.lanes(), other_values);
      join_values(from, kept, other_values, values);
      out_.append_kept(time_ms, values);
    }
  }

  std::vector<Lane> out_lanes() const {
    std::vector<Lane> lanes = sides_[0].codec.lanes();
    lanes.insert(lanes.end(), sides_[1].codec.lanes().begin(), sides_[1].codec.lanes().end());
    return lanes;
  }

  void hold(Side& side, Held held) {
    bytes_ += held.row.size() + held.key.size() + kHeldBytes;
    if (!held.key.empty()) side.index[held.key].push_back(side.first + side.rows.size());
    side.rows.push_back(std::move(held));
  }

  int64_t deadline(const Side& side) const {
    return add_time(side.rows.front().time_ms, side.horizon_ms);
  }
  bool is_dead(const Side& side, int64_t bound_ms) const {
    if (side.rows.empty()) return false;
    if (bound_ms == kBoundEnd) return true;
    return side.rows.size() > side.keep && deadline(side) < bound_ms;
  }

  // Rows that nothing at or after `bound_ms` can match, of both sides in the order of their ends.
  void expire(int64_t bound_ms) {
    for (;;) {
      const bool left = is_dead(sides_[0], bound_ms), right = is_dead(sides_[1], bound_ms);
      if (!left && !right) return;
      const bool first = left && (!right || end_of(sides_[0]) <= end_of(sides_[1]));
      drop_front(first ? 0 : 1);
    }
  }

  // Of the oldest row; those that a ROWS frame kept end when a newer one comes.
  int64_t end_of(const Side& side) const {
    return side.keep > 0 ? std::max(deadline(side), last_ms_) : deadline(side);
  }

  void drop_front(size_t index) {
    Side& side = sides_[index];
    const int64_t end_ms = end_of(side);
    Held held = std::move(side.rows.front());
    side.rows.pop_front();
    ++side.first;
    bytes_ -= held.row.size() + held.key.size() + kHeldBytes;
    if (!held.key.empty()) {
      auto found = side.index.find(held.key);
      found->second.pop_front();
      if (found->second.empty()) side.index.erase(found);
    }
    if (side.outer == Side::Outer::kNo || held.matched == Held::Matched::kYes) return;
    std::vector<Value> values, own;
    side.codec.decode(held.row, own);
    if (index == 1) values.resize(sides_[0].codec.lanes().size());
    values.insert(values.end(), own.begin(), own.end());
    values.resize(out_lanes().size());
    out_.append(end_ms, values);
  }

  void leave(Sink& sink) {
    if (out_.size() > 0) sink.rows(out_.take());
  }

  const JoinNode& node_;
  OperatorOptions options_;
  JoinKeys keys_[2];
  RowCodec key_codec_;
  std::unique_ptr<Evaluator> condition_;
  MergeGate gate_;
  Side sides_[2];
  RowBuffer out_;
  int64_t bound_ms_ = kBoundNone;
  int64_t last_ms_ = kBoundNone;  // of the newest row
  size_t bytes_ = 0;
};

}  // namespace

OperatorPtr make_join(const Node& node, const OperatorOptions& options) {
  return std::make_unique<JoinOperator>(node, options);
}

}  // namespace suiro::sql
