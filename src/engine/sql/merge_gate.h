// SPDX-License-Identifier: Apache-2.0
// MergeGate: rows of several inputs in one order, by row time and then by the input's number. A row
// passes when no other input can bring one that goes before it; a faster side waits.
//
// Invariants: 1. The order depends on the rows and bounds of each input alone, not on the order of
// the calls. 2. After drain() nothing is kept alive but what waits: its texts are copied, in chunks
// of limited size, and bytes() is their content. Rows that pass at once are not copied.
// Threads: one at a time. Failure: rows that would wait beyond the budget are refused, one by one.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "engine/sql/row_codec.h"

namespace suiro::sql {

class MergeGate {
 public:
  MergeGate(std::vector<std::vector<Lane>> lanes, size_t bytes_max);

  // A drain() follows.
  void push(size_t input, Rows rows);
  void advance(size_t input, int64_t bound_ms);

  // Rows [begin, end) of one input that pass now, run after run.
  using Take = std::function<void(size_t input, const Rows& rows, size_t begin, size_t end)>;
  // Of a row that has to wait and does not fit.
  using Refuse = std::function<void(size_t input, const Rows& rows, size_t row)>;
  void drain(const Take& take, const Refuse& refuse);
  // No row earlier than this will pass.
  int64_t bound() const;
  size_t bytes() const { return bytes_; }
  size_t room() const { return bytes_max_ - std::min(bytes_, bytes_max_); }
  void encode(SnapshotWriter& to) const;
  void decode(SnapshotReader& from);

 private:
  struct Chunk {
    Rows rows;
    size_t at = 0;
    // Of the texts of rows that wait; null: the rows are as they came.
    std::shared_ptr<Arena> arena = nullptr;
  };
  struct Input {
    std::vector<Lane> lanes;
    std::deque<Chunk> waiting;
    int64_t bound_ms;
  };
  // The earliest row time that may still come out of the input.
  static int64_t limit(const Input& input);
  size_t run_end(size_t index) const;
  void pass(const Take& take);
  void settle(size_t index, const Refuse& refuse);
  void keep(Input& input, const Rows& from, size_t row);

  std::vector<Input> inputs_;
  size_t bytes_max_;
  size_t bytes_ = 0;
};

}  // namespace suiro::sql
