// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/merge_gate.h"

#include "engine/sql/engine.h"

namespace suiro::sql {

MergeGate::MergeGate(std::vector<std::vector<Lane>> lanes, size_t bytes_max)
    : bytes_max_(bytes_max) {
  for (auto& each : lanes) inputs_.push_back({std::move(each), {}, kBoundNone});
}

void MergeGate::push(size_t input, Rows rows, std::vector<uint32_t>& refused) {
  std::vector<uint32_t> kept;
  kept.reserve(rows.size());
  for (uint32_t row = 0; row < rows.size(); ++row) {
    const size_t more = row_bytes(rows, row);
    if (bytes_ + more > bytes_max_) {
      refused.push_back(row);
      continue;
    }
    bytes_ += more;
    kept.push_back(row);
  }
  if (kept.empty()) return;
  if (kept.size() < rows.size()) rows = gather(rows, kept);
  inputs_[input].waiting.push_back({std::move(rows), 0});
}

void MergeGate::advance(size_t input, int64_t bound_ms) {
  inputs_[input].bound_ms = std::max(inputs_[input].bound_ms, bound_ms);
}

int64_t MergeGate::limit(const Input& input) {
  if (input.waiting.empty()) return input.bound_ms;
  const Chunk& chunk = input.waiting.front();
  return chunk.rows.rowtimes_ms[chunk.at];
}

int64_t MergeGate::bound() const {
  int64_t bound_ms = kBoundEnd;
  for (const Input& input : inputs_) bound_ms = std::min(bound_ms, limit(input));
  return bound_ms;
}

// Behind the last row of the input's first chunk that goes before everything the others may bring.
size_t MergeGate::run_end(size_t index) const {
  const Chunk& chunk = inputs_[index].waiting.front();
  size_t end = chunk.at;
  for (; end < chunk.rows.size(); ++end) {
    const int64_t time_ms = chunk.rows.rowtimes_ms[end];
    bool first = true;
    for (size_t other = 0; other < inputs_.size() && first; ++other) {
      if (other == index) continue;
      const int64_t other_ms = limit(inputs_[other]);
      first = time_ms < other_ms || (time_ms == other_ms && index < other) ||
              (other_ms == kBoundEnd && inputs_[other].waiting.empty());
    }
    if (!first) break;
  }
  return end;
}

void MergeGate::drain(const Take& take) {
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i].waiting.empty()) continue;
      const size_t end = run_end(i);
      Chunk& chunk = inputs_[i].waiting.front();
      if (end == chunk.at) continue;
      moved = true;
      const size_t begin = std::exchange(chunk.at, end);
      for (size_t row = begin; row < end; ++row) bytes_ -= row_bytes(chunk.rows, row);
      if (end < chunk.rows.size()) {
        take(i, chunk.rows, begin, end);
      } else {
        const Rows rows = std::move(chunk.rows);
        inputs_[i].waiting.pop_front();
        take(i, rows, begin, end);
      }
    }
  }
}

void MergeGate::encode(SnapshotWriter& to) const {
  for (const Input& input : inputs_) {
    to.integer(input.bound_ms);
    Rows all = empty_rows(input.lanes);
    for (const Chunk& chunk : input.waiting) {
      for (size_t row = chunk.at; row < chunk.rows.size(); ++row) append_row(all, chunk.rows, row);
    }
    to.rows(all);
  }
}

void MergeGate::decode(SnapshotReader& from) {
  bytes_ = 0;
  for (Input& input : inputs_) {
    input.bound_ms = from.integer();
    input.waiting.clear();
    Rows rows = from.rows(input.lanes);
    for (size_t row = 0; row < rows.size(); ++row) bytes_ += row_bytes(rows, row);
    if (rows.size() > 0) input.waiting.push_back({std::move(rows), 0});
  }
}

}  // namespace suiro::sql
