// SPDX-License-Identifier: Apache-2.0
#include "services/sqs/body_cache.h"

namespace suiro::sqs {

void BodyCache::put(QueueId queue, Sequence sequence, Bytes encoded) {
  drop(queue, sequence);
  size_t cost = encoded.size() + kOverheadBytes;
  if (cost > bytes_max_) return;
  while (bytes_ + cost > bytes_max_) drop(std::prev(items_.end()));
  items_.push_front({{queue, sequence}, std::move(encoded)});
  places_.emplace(items_.front().key, items_.begin());
  bytes_ += cost;
}

const Bytes* BodyCache::get(QueueId queue, Sequence sequence) {
  auto found = places_.find({queue, sequence});
  if (found == places_.end()) return nullptr;
  items_.splice(items_.begin(), items_, found->second);
  return &found->second->encoded;
}

void BodyCache::drop(QueueId queue, Sequence sequence) {
  auto found = places_.find({queue, sequence});
  if (found != places_.end()) drop(found->second);
}

void BodyCache::drop(Items::iterator item) {
  bytes_ -= item->encoded.size() + kOverheadBytes;
  places_.erase(item->key);
  items_.erase(item);
}

}  // namespace suiro::sqs
