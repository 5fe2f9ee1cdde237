// SPDX-License-Identifier: Apache-2.0
// Reads of one RocksDB: first from memory without leaving the shard, else on the pool. Internal.
#pragma once

#include "kernel/store/io_pool.h"
#include "kernel/store/rocks_core.h"

namespace suiro::store {

// kMemory answers nullopt where it would have to read from the disk.
enum class Tier { kMemory, kDisk };

using GetResult = Result<std::optional<Entry>>;
std::optional<GetResult> get_entry(RocksCore& core, const rocksdb::Snapshot* snapshot, ByteView key,
                                   Tier tier);
std::optional<Result<ScanPage>> scan_page(RocksCore& core, const rocksdb::Snapshot* snapshot,
                                          const ScanOptions& options, Tier tier);

class RocksSnapshot final : public Snapshot {
 public:
  RocksSnapshot(std::shared_ptr<RocksCore> core, std::shared_ptr<IoPool> pool);
  ~RocksSnapshot() override;
  Task<Result<std::optional<Entry>>> get(Key key) const override;
  Task<Result<ScanPage>> scan(ScanOptions options) const override;
  uint64_t sequence() const override { return view_.sequence; }
  const rocksdb::Snapshot* rocks() const { return view_.snapshot; }

 private:
  std::shared_ptr<RocksCore> core_;
  std::shared_ptr<IoPool> pool_;
  View view_;
};

}  // namespace suiro::store
