// SPDX-License-Identifier: Apache-2.0
// RocksStore: the Store on one machine, on RocksDB.
//
//   a commit:  caller's shard -> queue -> committer (committer.h) -> caller's shard
//   a get:     memory on the caller's shard, else the pool (reads.h, io_pool.h)
//   a scan:    the pool
//
// Invariants: those of store.h. Bytes on disk: docs/formats/store.md.
#pragma once

#include <memory>
#include <string>

#include "base/random.h"
#include "kernel/store/io_pool.h"
#include "kernel/store/store.h"

namespace rocksdb {
class FileSystem;
}

namespace suiro::store {

struct StoreOptions {
  std::string directory;
  // A file of 32 random bytes, mode 0600 (make_key_file()): everything in the directory is
  // encrypted with it. Empty: not encrypted. A store stays what it was made as.
  std::string key_file = {};
  // A write-ahead log that is damaged in its middle, so that acknowledged commits behind the damage
  // cannot be replayed: refuse to open, or open without them (decision 095).
  enum class Damage { kRefuse, kGiveUp } damage = Damage::kRefuse;
  // Under everything that the store reads and writes. Null: the operating system's files. Tests
  // give one that fails and forgets (power_loss_fs.h).
  std::shared_ptr<rocksdb::FileSystem> file_layer = {};
  // kNone: everything happens inside the calls, on the calling thread: simulation with
  // Shards::poll().
  Threads threads = Threads::kOwn;
  // Larger blobs are files. At most kInlineBlobBytesMax; tests make it small.
  uint64_t inline_blob_bytes_max = kInlineBlobBytesMax;
  // Tests make it small, so that flushes and compactions are frequent. 0: the usual size.
  size_t memtable_bytes = 0;
  // For the names of blobs. Usable from every thread that calls; null: the kernel's generator.
  Random* random = nullptr;
};

class RocksStore final : public Store {
 public:
  // Opens the store in options.directory, or makes one where the directory is absent or empty.
  // Errors: kUnavailable with the reason (another process has it open, input/output), kCorrupt
  // (also a damaged log, unless options.damage says otherwise),
  // kInvalidArgument (not a store, an unknown format, the key does not fit).
  static Result<std::unique_ptr<RocksStore>> open(StoreOptions options);
  // Commits what waits. No coroutine may be inside the store.
  ~RocksStore() override;

  Task<Result<std::optional<Entry>>> get(Key key) override;
  Task<Result<ScanPage>> scan(ScanOptions options) override;
  std::shared_ptr<const Snapshot> snapshot() override;
  Task<Result<CommitReceipt>> commit(Batch batch) override;
  void commit_later(Batch batch) override;
  std::unique_ptr<BlobWriter> write_blob() override;
  Task<Result<std::unique_ptr<BlobReader>>> open_blob(BlobRef blob) override;
  void observe_appends(Key prefix, AppendObserver observer) override;
  void observe_puts(Key prefix, AppendObserver observer) override;
  Task<Result<void>> backup(std::string to) override;
  std::string latched() const override;
  // Writes what is in memory only to tables, so that a benchmark counts all bytes. Blocks.
  void flush_for_measurement();

 private:
  struct Parts;
  explicit RocksStore(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace suiro::store
