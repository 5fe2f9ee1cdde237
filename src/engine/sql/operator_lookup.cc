// SPDX-License-Identifier: Apache-2.0
// Rows of a stream with the rows of a relation that does not change: joins with reference tables,
// EXISTS and IN over them. The relation is hashed by the equalities of the condition.
#include <algorithm>

#include "engine/sql/join_keys.h"
#include "engine/sql/key_table.h"
#include "engine/sql/operator.h"

namespace suiro::sql {
namespace {

constexpr size_t kCandidatesMax = 4'096;  // pairs whose condition is evaluated together
// Pairs that are kept until they leave: of whole rows, so one row may have more, to kMatchesMax.
constexpr size_t kPairsMax = 65'536;

class LookupOperator final : public PassingOperator {
 public:
  LookupOperator(const Node& node, const OperatorOptions& options)
      : node_(std::get<LookupNode>(node.what)),
        options_(options),
        right_lanes_(lanes_of(node.inputs[1]->schema)),
        left_keys_(node_.keys, JoinKeys::Side::kLeft, 0, options.query_start_ms),
        right_keys_(node_.keys, JoinKeys::Side::kRight, node.inputs[0]->schema.size(),
                    options.query_start_ms),
        table_(left_keys_.lanes()) {
    if (node_.condition != nullptr) {
      condition_ =
          std::make_unique<Evaluator>(std::vector{node_.condition}, options.query_start_ms);
    }
  }

  Result<void> load(const Rows& relation) override {
    RowBuffer copy(right_lanes_);
    size_t bytes = 0;
    for (size_t row = 0; row < relation.size(); ++row) {
      bytes += row_bytes(relation, row) + 2 * KeyTable::kEntryBytes;
    }
    if (bytes > options_.bytes_max) {
      return fail(limit_error("the relation of a join", options_.bytes_max));
    }
    for (size_t row = 0; row < relation.size(); ++row) copy.append(relation, row);
    relation_ = copy.take();
    bytes_ = bytes;
    index();
    return ok();
  }

  void push(size_t, Rows rows, Sink& sink) override {
    std::vector<uint32_t> selection = all_rows(rows.size());
    auto arena = std::make_shared<Arena>();
    const auto& keys = left_keys_.run(rows, selection, *arena);
    for (const RowError& error : left_keys_.errors()) sink.error(rows, error.row, error.error);
    hashes_.resize(rows.size());
    table_.hash(keys, selection, hashes_);
    begin(rows.size());
    size_t left = 0;  // of the selection
    for (size_t i = 0; i < selection.size(); ++i) {
      if (i + kAhead < selection.size()) table_.prefetch(hashes_[selection[i + kAhead]]);
      probe(rows, selection[i], keys, sink);
      if (left_.size() < kPairsMax) continue;
      check_candidates(rows, sink);
      leave(rows, std::span(selection).subspan(left, i + 1 - left), sink);
      left = i + 1;
      if (sink.open() == Sink::Open::kNo) return;
    }
    check_candidates(rows, sink);
    leave(rows, std::span(selection).subspan(left), sink);
  }

  size_t bytes() const override { return bytes_; }

 private:
  static constexpr size_t kAhead = 8;

  void index() {
    std::vector<uint32_t> selection = all_rows(relation_.size());
    Arena arena;
    const auto& keys = right_keys_.run(relation_, selection, arena);
    table_ = KeyTable(left_keys_.lanes());
    first_.clear();
    next_.assign(relation_.size(), KeyTable::kNone);
    std::vector<uint32_t> last;
    for (uint32_t row : selection) {
      if (JoinKeys::has_null(keys, row)) continue;
      const uint64_t hash = table_.hash_of(keys, row);
      const uint32_t key = table_.find(keys, row, hash);
      if (key == KeyTable::kNone) {
        table_.insert(keys, row, hash);
        first_.push_back(row);
        last.push_back(row);
      } else {
        next_[last[key]] = row;
        last[key] = row;
      }
    }
  }

  void begin(size_t rows) {
    left_.clear();
    right_.clear();
    pending_left_.clear();
    pending_right_.clear();
    failed_.clear();
    matched_.assign(node_.match != LookupNode::Match::kJoin ? rows : 0, 0);
  }

  void probe(const Rows& rows, uint32_t row, std::span<const Vector* const> keys, Sink& sink) {
    if (JoinKeys::has_null(keys, row)) return;
    const uint32_t key = table_.find(keys, row, hashes_[row]);
    if (key == KeyTable::kNone) return;
    for (uint32_t at = first_[key]; at != KeyTable::kNone && !failed(row); at = next_[at]) {
      if (condition_ == nullptr) {
        if (!match(rows, row, at, sink)) return;
      } else {
        pending_left_.push_back(row);
        pending_right_.push_back(at);
        if (pending_left_.size() >= kCandidatesMax) check_candidates(rows, sink);
      }
    }
  }

  // A pair that matches. False: the row needs no more.
  bool match(const Rows& rows, uint32_t row, uint32_t at, Sink& sink) {
    if (!matched_.empty()) {
      matched_[row] = 1;
      return false;
    }
    if (left_.size() >= kMatchesMax && left_[left_.size() - kMatchesMax] == row) {
      fail_row(rows, row, matches_error(), sink);
      return false;
    }
    left_.push_back(row);
    right_.push_back(at);
    return true;
  }

  // The row is lost, with the pairs that it has.
  void fail_row(const Rows& rows, uint32_t row, Error error, Sink& sink) {
    if (failed(row)) return;
    failed_.resize(rows.size(), 0);
    failed_[row] = 1;
    sink.error(rows, row, std::move(error));
  }
  bool failed(uint32_t row) const { return !failed_.empty() && failed_[row] != 0; }

  // The rest of the condition, for the pairs whose keys are equal.
  void check_candidates(const Rows& rows, Sink& sink) {
    if (pending_left_.empty()) return;
    Rows pairs = gather(rows, pending_left_);
    Rows right = gather(relation_, pending_right_);
    for (Vector& column : right.columns) pairs.columns.push_back(std::move(column));
    std::vector<uint32_t> selection = all_rows(pairs.size());
    Arena arena;
    condition_->run(pairs, selection, arena);
    for (const RowError& error : condition_->errors()) {
      fail_row(rows, pending_left_[error.row], error.error, sink);
    }
    for (uint32_t pair : selection) {
      const Value holds = value_at(condition_->result(0), pair);
      if (holds.null || holds.integer == 0 || failed(pending_left_[pair])) continue;
      (void)match(rows, pending_left_[pair], pending_right_[pair], sink);
    }
    pending_left_.clear();
    pending_right_.clear();
  }

  // What the rows of `selection` have given. `rows` is not to be used again where they are all.
  void leave(Rows& rows, std::span<const uint32_t> selection, Sink& sink) {
    if (!failed_.empty()) drop_failed();
    if (node_.match != LookupNode::Match::kJoin) return leave_matched(rows, selection, sink);
    if (node_.kind == JoinKind::kLeft) add_unmatched(selection);
    const bool one_each =
        left_.size() == rows.size() && std::ranges::equal(left_, all_rows(rows.size()));
    for (size_t at = 0; at < left_.size(); at += kPairsMax) {
      const size_t size = std::min(kPairsMax, left_.size() - at);
      const auto right = std::span<const uint32_t>(right_).subspan(at, size);
      Rows out = one_each && size == left_.size()
                     ? std::move(rows)
                     : gather(rows, std::span(left_).subspan(at, size));
      for (size_t c = 0; c < right_lanes_.size(); ++c) {
        out.columns.push_back(right_column(c, right));
      }
      add_owners(out, relation_);
      sink.rows(std::move(out));
    }
    left_.clear();
    right_.clear();
  }

  void drop_failed() {
    size_t kept = 0;
    for (size_t i = 0; i < left_.size(); ++i) {
      if (failed(left_[i])) continue;
      left_[kept] = left_[i];
      right_[kept++] = right_[i];
    }
    left_.resize(kept);
    right_.resize(kept);
  }

  void leave_matched(const Rows& rows, std::span<const uint32_t> selection, Sink& sink) {
    const bool wanted = node_.match == LookupNode::Match::kSemi;
    std::vector<uint32_t> out;
    for (uint32_t row : selection) {
      if (!failed(row) && (matched_[row] != 0) == wanted) out.push_back(row);
    }
    if (!out.empty()) sink.rows(gather(rows, out));
  }

  // Rows of the left side without a match, in their place; right_ is kNone there.
  void add_unmatched(std::span<const uint32_t> selection) {
    std::vector<uint32_t> left, right;
    size_t at = 0;
    for (uint32_t row : selection) {
      if ((at >= left_.size() || left_[at] != row) && !failed(row)) {
        left.push_back(row);
        right.push_back(KeyTable::kNone);
      }
      for (; at < left_.size() && left_[at] == row; ++at) {
        left.push_back(row);
        right.push_back(right_[at]);
      }
    }
    left_ = std::move(left);
    right_ = std::move(right);
  }

  Vector right_column(size_t c, std::span<const uint32_t> rows) const {
    const bool all =
        node_.kind != JoinKind::kLeft || std::ranges::find(rows, KeyTable::kNone) == rows.end();
    if (all) return gather(relation_.columns[c], rows);
    Vector out;
    out.lane = right_lanes_[c];
    for (uint32_t row : rows) {
      out.push(row == KeyTable::kNone ? Value{} : value_at(relation_.columns[c], row));
    }
    return out;
  }

  const LookupNode& node_;
  OperatorOptions options_;
  std::vector<Lane> right_lanes_;
  JoinKeys left_keys_, right_keys_;
  std::unique_ptr<Evaluator> condition_;
  Rows relation_;
  size_t bytes_ = 0;
  KeyTable table_;
  std::vector<uint32_t> first_, next_;  // rows of the relation by key, and the next of the same key
  // Of the batch: pairs that match, and pairs whose condition is still to be seen.
  std::vector<uint64_t> hashes_;
  std::vector<uint32_t> left_, right_, pending_left_, pending_right_;
  std::vector<uint8_t> failed_, matched_;  // by row; empty: none, and joins
};

}  // namespace

OperatorPtr make_lookup(const Node& node, const OperatorOptions& options) {
  return std::make_unique<LookupOperator>(node, options);
}

}  // namespace suiro::sql
