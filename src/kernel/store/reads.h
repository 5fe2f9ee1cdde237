// SPDX-License-Identifier: Apache-2.0
// Reads of one RocksDB. A get is tried in memory without leaving the shard, then on the pool; a
// scan runs on the pool. Internal to kernel/store.
//
// Scans are not tried in memory: RocksDB 7.8's merging iterator forgets that a table could not be
// read without the disk when it then skips what a range delete covers, and yields a page with
// holes.
#pragma once

#include "kernel/store/io_pool.h"
#include "kernel/store/rocks_core.h"

namespace suiro::store {

// kMemory answers nullopt where it would have to read from the disk.
enum class Tier { kMemory, kDisk };

using GetResult = Result<std::optional<Entry>>;
std::optional<GetResult> get_entry(RocksCore& core, const rocksdb::Snapshot* snapshot, ByteView key,
                                   Tier tier);
Result<ScanPage> scan_page(RocksCore& core, const rocksdb::Snapshot* snapshot,
                           const ScanOptions& options);

class RocksSnapshot final : public Snapshot {
 public:
  RocksSnapshot(std::shared_ptr<RocksCore> core, std::shared_ptr<IoPool> pool);
  ~RocksSnapshot() override;
  Task<Result<std::optional<Entry>>> get(Key key) const override;
  Task<Result<ScanPage>> scan(ScanOptions options) const override;
  uint64_t sequence() const override { return view_.sequence; }

 private:
  std::shared_ptr<RocksCore> core_;
  std::shared_ptr<IoPool> pool_;
  View view_;
};

}  // namespace suiro::store
