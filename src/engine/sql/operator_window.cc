// SPDX-License-Identifier: Apache-2.0
// Sliding windows: one output row for each input row, at once. A frame holds the rows of its
// partition that came before the current one, and it: rows of one ROWTIME see only those before
// them. What leaves a frame makes no output.
#include <algorithm>
#include <map>
#include <optional>

#include "engine/sql/operator.h"

namespace suiro::sql {
namespace {

constexpr size_t kEntryBytes = 64;
constexpr size_t kPartitionBytes = 192;
constexpr size_t kKeptBytes = 128;  // of a row in a call that keeps rows, besides its arguments

struct Entry {
  int64_t time_ms = 0;
  Bytes args;
};

// Rows of a frame, oldest first.
class Frames {
 public:
  void push(Entry entry) { entries_.push_back(std::move(entry)); }
  void pop_front() {
    ++head_;
    if (head_ * 2 > entries_.size() && head_ >= kCompact) {
      entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
  }
  void pop_back() { entries_.pop_back(); }
  // What pop_front() took last.
  void push_front(Entry entry) {
    if (head_ > 0) {
      entries_[--head_] = std::move(entry);
    } else {
      entries_.insert(entries_.begin(), std::move(entry));
    }
  }
  size_t size() const { return entries_.size() - head_; }
  const Entry& operator[](size_t i) const { return entries_[head_ + i]; }

 private:
  static constexpr size_t kCompact = 16;
  std::vector<Entry> entries_;
  size_t head_ = 0;
};

using Calls = std::vector<std::unique_ptr<Accumulator>>;

struct Partition {
  Frames frame;
  Calls calls;
};

// One window of the node, with its partitions.
class WindowState {
 public:
  WindowState(const WindowNode::Window& window, size_t first_root)
      : window_(window), first_root_(first_root) {
    std::vector<Lane> keys, args;
    for (const ExprPtr& key : window.partition) keys.push_back(key->type.lane());
    for (const Aggregate& call : window.calls) {
      for (const ExprPtr& arg : call.args) args.push_back(arg->type.lane());
      removable_ &= static_cast<unsigned>(call.function.removable);
      keeping_ += call.function.grows ? 1 : 0;
    }
    keys_ = RowCodec(std::move(keys));
    args_ = RowCodec(std::move(args));
    begun_ = fresh_calls();
  }

  void bind(const Evaluator& evaluator) {
    key_columns_.clear();
    arg_columns_.clear();
    size_t at = first_root_;
    for (size_t i = 0; i < keys_.lanes().size(); ++i)
      key_columns_.push_back(&evaluator.result(at++));
    for (size_t i = 0; i < args_.lanes().size(); ++i)
      arg_columns_.push_back(&evaluator.result(at++));
  }

  size_t bytes() const { return bytes_; }

  // Takes the row into its partition's frame and gives the calls' results.
  Result<void> add(uint32_t row, int64_t time_ms, size_t bytes_left, Arena& arena,
                   std::vector<Value>& results) {
    sweep(time_ms);
    evicted_.reset();
    Bytes key = keys_.encode(key_columns_, row);
    Entry entry{time_ms, args_.encode(arg_columns_, row)};
    auto found = partitions_.find(key);
    const bool fresh = found == partitions_.end();
    TRY_VOID(admits(fresh ? begun_ : found->second.calls, entry));
    const size_t more = entry_bytes(entry) + (fresh ? partition_bytes(key) : 0);
    if (more > bytes_left + (fresh ? 0 : frees(found->second))) {
      const bool kept = fresh && by_rows() && !window_.partition.empty();
      return fail(
          limit_error(kept ? "OVER (ROWS keeps every partition; RANGE lets them go)" : "OVER",
                      bytes_left + bytes_));
    }
    if (fresh) {
      bytes_ += partition_bytes(key);
      found = partitions_.emplace(std::move(key), Partition{}).first;
      found->second.calls = fresh_calls();
    }
    Partition& partition = found->second;
    last_ = found;
    TRY_VOID(evict(partition, time_ms));
    bytes_ += entry_bytes(entry);
    partition.frame.push(std::move(entry));
    TRY_VOID(apply(partition));
    for (const auto& call : partition.calls) {
      TRY(Value value, call->result(arena));
      if (!value.null) value.text = arena.keep(value.text);
      results.push_back(value);
    }
    if (forgets()) {
      forget(found);
      forget_last();
    }
    return ok();
  }

  // Takes back the row that was added last, after it failed here or in another window: what it
  // pushed out of a frame of rows is there again.
  void undo() {
    if (!last_) return;
    Partition& partition = (*last_)->second;
    if (partition.frame.size() > 0) drop(partition, Side::kBack);
    if (evicted_) {
      bytes_ += entry_bytes(*evicted_);
      partition.frame.push_front(*std::move(evicted_));
      evicted_.reset();
    }
    partition.frame.size() > 0 ? rebuild(partition) : forget(*last_);
    forget_last();
  }
  void forget_last() { last_.reset(); }

  void encode(SnapshotWriter& to) const {
    to.integer(next_sweep_ms_);
    to.number(partitions_.size());
    for (const auto& [key, partition] : partitions_) {
      to.text(key);
      to.number(partition.frame.size());
      for (size_t i = 0; i < partition.frame.size(); ++i) {
        to.integer(partition.frame[i].time_ms);
        to.text(partition.frame[i].args);
      }
      for (const auto& call : partition.calls) {
        Bytes state;
        call->encode(state);
        to.text(state);
      }
    }
  }

  void decode(SnapshotReader& from) {
    next_sweep_ms_ = from.integer();
    for (size_t left = from.count(); left > 0 && !from.failed(); --left) {
      Bytes key(from.text());
      bytes_ += partition_bytes(key);
      Partition& partition = partitions_[key];
      partition.calls = fresh_calls();
      for (size_t rows = from.count(); rows > 0 && !from.failed(); --rows) {
        const int64_t time_ms = from.integer();
        partition.frame.push({time_ms, Bytes(from.text())});
        bytes_ += entry_bytes(partition.frame[partition.frame.size() - 1]);
      }
      for (auto& call : partition.calls) {
        if (!call->decode(from.text())) from.fail();
      }
      if (forgets()) forget(partitions_.find(key));
    }
  }

 private:
  using Partitions = std::map<Bytes, Partition>;
  enum class Side { kFront, kBack };

  bool by_rows() const { return window_.frame.kind == Frame::Kind::kRows; }
  // A frame that is the current row alone: nothing of it is left for the next one. Longer frames of
  // rows keep their partitions, since the next row of a key may come after any time.
  bool forgets() const { return by_rows() && window_.frame.preceding == 0; }
  void forget(Partitions::iterator at) {
    while (at->second.frame.size() > 0) drop(at->second, Side::kFront);
    bytes_ -= partition_bytes(at->first);
    partitions_.erase(at);
  }
  size_t entry_bytes(const Entry& entry) const {
    return kEntryBytes + entry.args.size() + keeping_ * (kKeptBytes + entry.args.size());
  }
  size_t partition_bytes(const Bytes& key) const {
    return key.size() + kPartitionBytes + window_.calls.size() * kEntryBytes;
  }

  Calls fresh_calls() const {
    Calls calls;
    for (const Aggregate& call : window_.calls) calls.push_back(call.function.create());
    return calls;
  }

  void drop(Partition& partition, Side side) {
    const size_t at = side == Side::kFront ? 0 : partition.frame.size() - 1;
    bytes_ -= entry_bytes(partition.frame[at]);
    side == Side::kFront ? partition.frame.pop_front() : partition.frame.pop_back();
  }

  bool expired(const Partition& partition, int64_t time_ms) const {
    if (partition.frame.size() == 0) return false;
    if (by_rows()) return partition.frame.size() > static_cast<size_t>(window_.frame.preceding);
    return partition.frame[0].time_ms < add_time(time_ms, -window_.frame.preceding);
  }

  // By the row that comes next, for whatever time: in a frame of rows that is full.
  size_t frees(const Partition& partition) const {
    return by_rows() && expired(partition, 0) ? entry_bytes(partition.frame[0]) : 0;
  }

  // Before a row of `time_ms` comes in.
  Result<void> evict(Partition& partition, int64_t time_ms) {
    while (expired(partition, time_ms)) {
      if (removable_ != 0) TRY_VOID(each_call(partition, 0, Step::kRemove));
      if (by_rows()) evicted_ = partition.frame[0];
      drop(partition, Side::kFront);
    }
    return ok();
  }

  // Whether no call would refuse the row: asked before anything changes.
  Result<void> admits(const Calls& calls, const Entry& entry) {
    if (keeping_ == 0) return ok();
    args_.decode(entry.args, values_);
    std::span<const Value> args(values_);
    for (size_t i = 0; i < calls.size(); ++i) {
      const size_t count = window_.calls[i].args.size();
      TRY_VOID(calls[i]->growth(args.first(count)));
      args = args.subspan(count);
    }
    return ok();
  }

  Result<void> apply(Partition& partition) {
    if (removable_ != 0) {
      return each_call(partition, partition.frame.size() - 1, Step::kAdd);
    }
    partition.calls = fresh_calls();
    for (size_t i = 0; i < partition.frame.size(); ++i) {
      TRY_VOID(each_call(partition, i, Step::kAdd));
    }
    return ok();
  }

  void rebuild(Partition& partition) {
    partition.calls = fresh_calls();
    for (size_t i = 0; i < partition.frame.size(); ++i) {
      (void)each_call(partition, i, Step::kAdd);
    }
  }

  enum class Step { kAdd, kRemove };
  Result<void> each_call(Partition& partition, size_t index, Step step) {
    const Entry& entry = partition.frame[index];
    args_.decode(entry.args, values_);
    std::span<const Value> args(values_);
    for (size_t i = 0; i < partition.calls.size(); ++i) {
      const size_t count = window_.calls[i].args.size();
      Accumulator& call = *partition.calls[i];
      TRY_VOID(step == Step::kAdd ? call.add(args.first(count), entry.time_ms)
                                  : call.remove(args.first(count), entry.time_ms));
      args = args.subspan(count);
    }
    return ok();
  }

  // Partitions that see no more rows go, once a frame's length.
  void sweep(int64_t time_ms) {
    if (by_rows() || time_ms < next_sweep_ms_) return;
    next_sweep_ms_ = add_time(time_ms, std::max<int64_t>(window_.frame.preceding, 1));
    for (auto it = partitions_.begin(); it != partitions_.end();) {
      while (expired(it->second, time_ms)) {
        if (removable_ != 0) (void)each_call(it->second, 0, Step::kRemove);
        drop(it->second, Side::kFront);
      }
      if (it->second.frame.size() > 0) {
        ++it;
        continue;
      }
      forget(it++);
    }
  }

  const WindowNode::Window& window_;
  size_t first_root_;
  RowCodec keys_, args_;
  unsigned removable_ = 1;
  size_t keeping_ = 0;            // calls that keep rows
  Calls begun_;                   // of a partition that begins
  std::optional<Entry> evicted_;  // from a frame of rows, by the row that was added last
  Partitions partitions_;
  std::optional<Partitions::iterator> last_;
  int64_t next_sweep_ms_ = kBoundNone;
  size_t bytes_ = 0;
  std::vector<const Vector*> key_columns_, arg_columns_;
  std::vector<Value> values_;
};

std::vector<ExprPtr> window_roots(const WindowNode& node) {
  std::vector<ExprPtr> roots;
  for (const auto& window : node.windows) {
    roots.insert(roots.end(), window.partition.begin(), window.partition.end());
    for (const Aggregate& call : window.calls) {
      roots.insert(roots.end(), call.args.begin(), call.args.end());
    }
  }
  return roots;
}

class WindowOperator final : public PassingOperator {
 public:
  WindowOperator(const Node& node, const OperatorOptions& options)
      : node_(std::get<WindowNode>(node.what)),
        options_(options),
        lanes_(lanes_of(node.schema)),
        evaluator_(window_roots(node_), options.query_start_ms) {
    size_t root = 0;
    for (const auto& window : node_.windows) {
      states_.emplace_back(window, root);
      root += window.partition.size();
      for (const Aggregate& call : window.calls) root += call.args.size();
    }
  }

  void push(size_t, Rows rows, Sink& sink) override {
    std::vector<uint32_t> selection = all_rows(rows.size());
    arena_.clear();
    evaluator_.run(rows, selection, arena_);
    for (const RowError& error : evaluator_.errors()) sink.error(rows, error.row, error.error);
    for (WindowState& state : states_) state.bind(evaluator_);
    auto arena = std::make_shared<Arena>();
    std::vector<uint32_t> kept;
    std::vector<Vector> added;
    for (size_t c = rows.columns.size(); c < lanes_.size(); ++c)
      added.push_back({.lane = lanes_[c]});
    std::vector<Value> results;
    for (uint32_t row : selection) {
      results.clear();
      auto done = add(row, rows.rowtimes_ms[row], *arena, results);
      if (!done) {
        sink.error(rows, row, done.error());
        continue;
      }
      kept.push_back(row);
      for (size_t c = 0; c < added.size(); ++c) added[c].push(results[c]);
    }
    if (kept.empty()) return;
    Rows out = kept.size() == rows.size() ? std::move(rows) : gather(rows, kept);
    for (Vector& column : added) out.columns.push_back(std::move(column));
    if (arena->size_bytes() > 0) add_owner(out, arena);
    sink.rows(std::move(out));
  }

  size_t bytes() const override {
    size_t bytes = 0;
    for (const WindowState& state : states_) bytes += state.bytes();
    return bytes;
  }
  void encode(SnapshotWriter& to) const override {
    PassingOperator::encode(to);
    for (const WindowState& state : states_) state.encode(to);
  }
  void decode(SnapshotReader& from) override {
    PassingOperator::decode(from);
    for (WindowState& state : states_) state.decode(from);
  }

 private:
  // In all windows, or in none.
  Result<void> add(uint32_t row, int64_t time_ms, Arena& arena, std::vector<Value>& results) {
    for (WindowState& state : states_) state.forget_last();
    for (size_t i = 0; i < states_.size(); ++i) {
      const size_t used = bytes();
      const size_t left = used < options_.bytes_max ? options_.bytes_max - used : 0;
      auto done = states_[i].add(row, time_ms, left, arena, results);
      if (done) continue;
      for (size_t k = 0; k <= i; ++k) states_[k].undo();  // nothing where it was not added
      return done;
    }
    return ok();
  }

  const WindowNode& node_;
  OperatorOptions options_;
  std::vector<Lane> lanes_;
  Evaluator evaluator_;
  Arena arena_;
  std::vector<WindowState> states_;
};

}  // namespace

OperatorPtr make_window(const Node& node, const OperatorOptions& options) {
  return std::make_unique<WindowOperator>(node, options);
}

}  // namespace suiro::sql
