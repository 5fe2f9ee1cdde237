// SPDX-License-Identifier: Apache-2.0
// Blobs of one store: small ones in the database, large ones as files. Internal to kernel/store.
//
//   write() -> memory --beyond kInlineBlobBytesMax--> tmp/ID --finish()--> blobs/HH/ID (synced)
//   adopt -> the batch commits -> a live blob --release commits--> release() unlinks
//
// Invariants:
//  1. A blob's file is durable under its final name before a batch can adopt it.
//  2. A file is unlinked only after the batch that released it is durable, or when nothing adopted
//  it.
//  3. While a hold is alive nothing is unlinked (backup).
//
// Bytes on disk: docs/formats/store.md. Threads: any.
#pragma once

#include <set>

#include "base/random.h"
#include "kernel/store/batch.h"
#include "kernel/store/blob_file.h"
#include "kernel/store/data_directory.h"
#include "kernel/store/io_pool.h"
#include "kernel/store/rocks_core.h"

namespace suiro::store {

// The files, shared by everything that outlives a call.
class BlobFiles {
 public:
  BlobFiles(std::shared_ptr<const DataDirectory> directory, std::shared_ptr<Latch> latch,
            std::shared_ptr<IoPool> readers, std::shared_ptr<IoPool> writers);

  // Moves a finished tmp file to its durable place. Errors latch the store.
  Result<void> publish(ByteView id);
  // On the writers, later.
  void unlink_later(std::vector<Bytes> ids);
  void remove_temporary_later(Bytes id);
  // Removes files that no key names, and tmp/. At start. Returns how many were removed.
  Result<size_t> sweep(RocksCore& core);

  // While a hold lives, unlink_later() only notes the files.
  void hold();
  void drop_hold();

  const DataDirectory& directory() const { return *directory_; }
  Latch& latch() { return *latch_; }
  IoPool& readers() { return *readers_; }
  IoPool& writers() { return *writers_; }

 private:
  Result<void> make_blob_directory(ByteView id);
  Result<size_t> sweep_directory(const std::string& name, const std::set<Bytes>& live);
  void unlink(const std::vector<Bytes>& ids);

  std::shared_ptr<const DataDirectory> directory_;
  std::shared_ptr<Latch> latch_;
  std::shared_ptr<IoPool> readers_;
  std::shared_ptr<IoPool> writers_;
  std::mutex mutex_;
  std::set<std::string> made_;  // directories that exist durably
  size_t holds_ = 0;
  std::vector<Bytes> held_;
};

class Blobs {
 public:
  Blobs(std::shared_ptr<RocksCore> core, std::shared_ptr<BlobFiles> files, Random& random,
        uint64_t inline_bytes_max);

  std::unique_ptr<BlobWriter> write();
  Task<Result<std::unique_ptr<BlobReader>>> open(BlobRef ref);

 private:
  std::shared_ptr<RocksCore> core_;
  std::shared_ptr<BlobFiles> files_;
  Random& random_;
  const uint64_t inline_bytes_max_;
};

}  // namespace suiro::store
