// SPDX-License-Identifier: Apache-2.0
// KeyTable: distinct keys of rows, numbered in the order in which they came first: groups,
// DISTINCT, the built side of a join. Open addressing over hashes; the keys lie in columns, so that
// they leave as columns.
//
// Invariants: 1. NULLs are equal to each other, reals by value (NaN equals NaN, -0 equals 0), texts
// by bytes. 2. Numbers are dense and in the order of insertion. 3. bytes() depends on the keys
// alone. Threads: one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/sql/row_codec.h"

namespace suiro::sql {

class KeyTable {
 public:
  static constexpr uint32_t kNone = 0xFFFFFFFF;
  static constexpr size_t kEntryBytes = 24;  // slots, hash and number of one key

  explicit KeyTable(std::vector<Lane> lanes);

  // Hashes of the rows of `selection`, by row.
  void hash(std::span<const Vector* const> keys, std::span<const uint32_t> selection,
            std::vector<uint64_t>& hashes) const;
  void prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[hash & mask_]); }
  uint32_t find(std::span<const Vector* const> keys, uint32_t row, uint64_t hash) const;
  // The key must not be in the table.
  uint32_t insert(std::span<const Vector* const> keys, uint32_t row, uint64_t hash);
  // Of one row, for callers without a batch.
  uint64_t hash_of(std::span<const Vector* const> keys, uint32_t row) const;
  size_t key_bytes(std::span<const Vector* const> keys, uint32_t row) const;

  size_t size() const { return hashes_.size(); }
  size_t bytes() const { return bytes_; }
  // Rows without row times.
  const std::vector<Vector>& columns() const { return columns_; }
  // The keys with what holds their texts; the table is empty then.
  std::vector<Vector> take(std::shared_ptr<const void>& owner);
  void clear();

 private:
  struct Slot {
    uint32_t tag = 0;
    uint32_t number = 0;  // of the key, and 1; 0: free
  };
  bool equal(std::span<const Vector* const> keys, uint32_t row, uint32_t number) const;
  void grow();
  void place(uint64_t hash, uint32_t number);

  std::vector<Lane> lanes_;
  std::vector<Slot> slots_;
  uint64_t mask_ = 0;
  std::vector<uint64_t> hashes_;  // by number
  std::vector<Vector> columns_;
  std::shared_ptr<Arena> arena_;
  size_t bytes_ = 0;
};

}  // namespace suiro::sql
