// SPDX-License-Identifier: Apache-2.0
// MergeGate: rows of several inputs in one order, by row time and then by the input's number. A row
// passes when no other input can bring one that goes before it; a faster side waits.
//
// Invariants: 1. The order depends on the rows and bounds of each input alone, not on the order of
// the calls. 2. bytes() is the content of what waits. Threads: one at a time.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "engine/sql/row_codec.h"

namespace suiro::sql {

class MergeGate {
 public:
  MergeGate(std::vector<std::vector<Lane>> lanes, size_t bytes_max);

  // Indices of rows that do not fit are added to `refused`.
  void push(size_t input, Rows rows, std::vector<uint32_t>& refused);
  void advance(size_t input, int64_t bound_ms);

  // Rows [begin, end) of one input that pass now, run after run.
  using Take = std::function<void(size_t input, const Rows& rows, size_t begin, size_t end)>;
  void drain(const Take& take);
  // No row earlier than this will pass.
  int64_t bound() const;
  size_t bytes() const { return bytes_; }
  void encode(SnapshotWriter& to) const;
  void decode(SnapshotReader& from);

 private:
  struct Chunk {
    Rows rows;
    size_t at = 0;
  };
  struct Input {
    std::vector<Lane> lanes;
    std::deque<Chunk> waiting;
    int64_t bound_ms;
  };
  // The earliest row time that may still come out of the input.
  static int64_t limit(const Input& input);
  size_t run_end(size_t index) const;

  std::vector<Input> inputs_;
  size_t bytes_max_;
  size_t bytes_ = 0;
};

}  // namespace suiro::sql
