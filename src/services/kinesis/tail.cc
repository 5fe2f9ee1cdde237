// SPDX-License-Identifier: Apache-2.0
#include "services/kinesis/tail.h"

#include <algorithm>

#include "base/check.h"

namespace suiro::kinesis {

Tail::~Tail() {
  CHECK(blocks_.empty());
}

std::vector<BlockPtr> Tail::from(Offset from, size_t bytes) const {
  auto place = std::ranges::upper_bound(blocks_, from, {},
                                        [](const Entry& entry) { return entry.block->end; });
  std::vector<BlockPtr> out;
  for (size_t taken = 0; place != blocks_.end() && taken < bytes; ++place) {
    taken += place->block->bytes.size();
    out.push_back(place->block);
  }
  return out;
}

void Tails::add(Tail& tail, BlockPtr block) {
  CHECK(tail.empty() || tail.blocks_.back().block->end == block->first);
  uint64_t order = order_++;
  if (tail.empty()) by_oldest_[order] = &tail;
  bytes_ += block->bytes.size();
  tail.bytes_ += block->bytes.size();
  tail.blocks_.push_back({std::move(block), order});
  while (tail.bytes_ > kShardTailBytesMax && tail.blocks_.size() > 1) drop_oldest(tail);
  while (bytes_ > bytes_max_ && by_oldest_.size() > 0) {
    Tail& oldest = *by_oldest_.begin()->second;
    if (&oldest == &tail && tail.blocks_.size() == 1) break;  // what just came stays
    drop_oldest(oldest);
  }
}

void Tails::drop_oldest(Tail& tail) {
  Tail::Entry entry = std::move(tail.blocks_.front());
  tail.blocks_.pop_front();
  size_t bytes = entry.block->bytes.size();
  bytes_ -= bytes;
  tail.bytes_ -= bytes;
  by_oldest_.erase(entry.order);
  if (!tail.empty()) by_oldest_[tail.blocks_.front().order] = &tail;
}

void Tails::clear(Tail& tail) {
  while (!tail.empty()) drop_oldest(tail);
}

}  // namespace suiro::kinesis
