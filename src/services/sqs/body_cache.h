// SPDX-License-Identifier: Apache-2.0
// BodyCache: encoded messages that will probably be received soon (just sent to a short queue, or
// read ahead), so that a receive need not read the store.
//
// Invariants:
//  1. The bytes held never exceed the limit; the entry used longest ago goes first.
//  2. A miss is never an error: the store has every message.
// Thread: one shard's.
#pragma once

#include <list>
#include <unordered_map>

#include "services/sqs/message.h"

namespace suiro::sqs {

class BodyCache {
 public:
  explicit BodyCache(size_t bytes_max) : bytes_max_(bytes_max) {}

  void put(QueueId queue, Sequence sequence, Bytes encoded);
  // Null where it is not held; valid until the next put() or drop().
  const Bytes* get(QueueId queue, Sequence sequence);
  void drop(QueueId queue, Sequence sequence);
  size_t size_bytes() const { return bytes_; }

 private:
  // What an entry costs besides its bytes.
  static constexpr size_t kOverheadBytes = 128;
  struct Key {
    QueueId queue;
    Sequence sequence;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& key) const {
      return (key.queue.value() ^ key.sequence.value()) * 0x9E3779B97F4A7C15;
    }
  };
  struct Item {
    Key key;
    Bytes encoded;
  };
  using Items = std::list<Item>;  // used last at the front

  void drop(Items::iterator item);

  size_t bytes_max_;
  size_t bytes_ = 0;
  Items items_;
  std::unordered_map<Key, Items::iterator, Hash> places_;
};

}  // namespace suiro::sqs
