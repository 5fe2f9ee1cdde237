// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/merge_gate.h"

#include "engine/sql/engine.h"

namespace suiro::sql {
namespace {

// Of a chunk of rows that wait: what a row that has passed may hold a little longer.
constexpr size_t kChunkRowsMax = 1'024;
constexpr size_t kChunkBytesMax = size_t{256} << 10;

}  // namespace

MergeGate::MergeGate(std::vector<std::vector<Lane>> lanes, size_t bytes_max)
    : bytes_max_(bytes_max) {
  for (auto& each : lanes) inputs_.push_back({std::move(each), {}, kBoundNone});
}

void MergeGate::push(size_t input, Rows rows) {
  if (rows.size() > 0) inputs_[input].waiting.push_back({std::move(rows)});
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

void MergeGate::drain(const Take& take, const Refuse& refuse) {
  pass(take);
  for (size_t i = 0; i < inputs_.size(); ++i) settle(i, refuse);
}

void MergeGate::pass(const Take& take) {
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i].waiting.empty()) continue;
      const size_t end = run_end(i);
      Chunk& chunk = inputs_[i].waiting.front();
      if (end == chunk.at) continue;
      moved = true;
      const size_t begin = std::exchange(chunk.at, end);
      for (size_t row = begin; row < end && chunk.arena != nullptr; ++row) {
        bytes_ -= row_bytes(chunk.rows, row);
      }
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

// What has come and could not pass is copied, so that it no longer holds the batch that it came in.
void MergeGate::settle(size_t index, const Refuse& refuse) {
  Input& input = inputs_[index];
  auto first = std::ranges::find(input.waiting, nullptr, &Chunk::arena);
  if (first == input.waiting.end()) return;
  std::vector<Chunk> fresh(std::make_move_iterator(first),
                           std::make_move_iterator(input.waiting.end()));
  input.waiting.erase(first, input.waiting.end());
  for (const Chunk& chunk : fresh) {
    for (size_t row = chunk.at; row < chunk.rows.size(); ++row) {
      if (bytes_ + row_bytes(chunk.rows, row) > bytes_max_) {
        refuse(index, chunk.rows, row);
      } else {
        keep(input, chunk.rows, row);
      }
    }
  }
}

void MergeGate::keep(Input& input, const Rows& from, size_t row) {
  auto& waiting = input.waiting;
  if (waiting.empty() || waiting.back().rows.size() >= kChunkRowsMax ||
      waiting.back().arena->size_bytes() >= kChunkBytesMax) {
    Chunk chunk{.rows = empty_rows(input.lanes), .arena = std::make_shared<Arena>()};
    chunk.rows.owners.push_back(chunk.arena);
    waiting.push_back(std::move(chunk));
  }
  Chunk& chunk = waiting.back();
  chunk.rows.rowtimes_ms.push_back(from.rowtimes_ms[row]);
  for (size_t c = 0; c < input.lanes.size(); ++c) {
    Value value = value_at(from.columns[c], row);
    if (input.lanes[c] == Lane::kText && !value.null) value.text = chunk.arena->keep(value.text);
    chunk.rows.columns[c].push(value);
  }
  bytes_ += row_bytes(from, row);
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
    const Rows rows = from.rows(input.lanes);
    for (size_t row = 0; row < rows.size(); ++row) keep(input, rows, row);
  }
}

}  // namespace suiro::sql
