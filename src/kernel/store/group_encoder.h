// SPDX-License-Identifier: Apache-2.0
// GroupEncoder: turns the batches of a group into one write of the database. Internal to
// kernel/store; the committer's.
//
// Invariants:
//  1. The outcome is that of the batches in the order of add(): operations on one key keep their
//     order, and a group that erases ranges is written as it came.
//  2. Else the operations are sorted by key: neighbours go into the memtable one behind the other,
//     where an insertion begins at the place of the last one, and find what they pass in the cache.
// Thread: one at a time. Bytes: docs/formats/store.md.
#pragma once

#include <deque>
#include <vector>

#include "kernel/store/batch.h"
#include "kernel/store/rocks_core.h"

namespace rocksdb {
class WriteBatch;
}

namespace suiro::store {

class GroupEncoder {
 public:
  // Borrows the batch until write().
  void add(const Batch& batch, uint64_t sequence);
  void write(RocksCore& core, rocksdb::WriteBatch& out);

 private:
  enum class Family : uint8_t { kMain, kBlobs };
  struct Row {
    Family family;
    ByteView key;
    const Operation* operation;
    uint64_t sequence;
    uint32_t order;
  };
  void add_row(Family family, ByteView key, const Operation& operation, uint64_t sequence);
  ByteView own(Key key) { return made_.emplace_back(std::move(key)); }
  static void write_row(const Row& row, RocksCore& core, rocksdb::WriteBatch& out);

  std::vector<Row> rows_;
  std::deque<Key> made_;  // keys that no operation holds
  bool erases_ranges_ = false;
};

}  // namespace suiro::store
