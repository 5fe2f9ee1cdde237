// SPDX-License-Identifier: Apache-2.0
// The opened RocksDB of one store and what its parts share: column families, the latch, the commit
// sequence that a snapshot holds. Internal to kernel/store.
//
// Invariants:
//  1. Only the committer writes to the database once the store is open.
//  2. The latch closes once and never opens.
//
// Threads: any, except where said.
#pragma once

#include <rocksdb/db.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "kernel/store/data_directory.h"
#include "kernel/store/store.h"

namespace suiro::store {

// Why the store refuses commits. Set once.
class Latch {
 public:
  bool closed() const { return closed_.load(std::memory_order_acquire); }
  // Keeps the first reason; logs it.
  void close(std::string reason);
  std::string reason() const;
  Error error() const;

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> closed_ = false;
  std::string reason_;
};

// A RocksDB snapshot and the last commit in it.
struct View {
  const rocksdb::Snapshot* snapshot = nullptr;
  uint64_t sequence = 0;
};

class RocksCore {
 public:
  struct Options {
    std::shared_ptr<const DataDirectory> directory;
    enum class Create { kYes, kNo } create = Create::kNo;
    size_t memtable_bytes = 0;  // 0: the usual ones
    enum class Damage { kRefuse, kGiveUp } damage = Damage::kRefuse;
  };

  // Errors: kUnavailable (input/output), kCorrupt (also a log whose damage would lose commits).
  static Result<std::shared_ptr<RocksCore>> open(Options options);
  ~RocksCore();
  // The blob files that a copy of the database in `database` names. It is opened for reading only.
  static Result<std::set<Bytes>> live_blob_files(const DataDirectory& files,
                                                 const std::string& database);
  Result<std::set<Bytes>> live_blob_files();

  rocksdb::DB& db() { return *db_; }
  rocksdb::ColumnFamilyHandle* main() { return main_; }
  rocksdb::ColumnFamilyHandle* blobs() { return blobs_; }
  const std::shared_ptr<Latch>& latch() { return latch_; }

  // The last commit that is durable.
  uint64_t sequence() const { return sequence_.load(std::memory_order_acquire); }
  // Committer's thread, around each write: which commit the database holds after it.
  void begin_write(uint64_t commit_sequence, uint64_t rocks_writes);
  void end_write();

  // Release with drop_view().
  View take_view();
  void drop_view(const View& view);

 private:
  RocksCore() = default;
  Result<void> recover_sequence();

  std::shared_ptr<const DataDirectory> directory_;  // its env outlives the database
  std::shared_ptr<Latch> latch_ = std::make_shared<Latch>();
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* main_ = nullptr;
  rocksdb::ColumnFamilyHandle* blobs_ = nullptr;
  std::atomic<uint64_t> sequence_ = 0;

  std::mutex view_mutex_;
  // The write in progress: a snapshot at or past this RocksDB sequence holds writing_commit_.
  uint64_t writing_rocks_ = UINT64_MAX;
  uint64_t writing_commit_ = 0;
};

// A stored value: format byte 1, version (8 bytes, big-endian), the value. docs/formats/store.md.
inline constexpr size_t kValueHeaderBytes = 9;
void encode_value_header(char (&header)[kValueHeaderBytes], uint64_t version);
// Errors: kCorrupt.
Result<Entry> decode_entry(ByteView key, ByteView stored);

// A blob's bytes in the database stand behind this byte.
inline constexpr char kBlobFormat = 1;

// The internal key whose version is the last commit sequence.
inline constexpr std::string_view kSequenceKey = "sq";
// + blob id: a live blob file.
inline constexpr std::string_view kBlobFilePrefix = "sb";
// Key spaces of services start with other bytes.
inline constexpr char kInternalSpace = 's';

Error rocks_error(const rocksdb::Status& status, std::string_view what);

inline rocksdb::Slice slice(ByteView bytes) {
  return {bytes.data(), bytes.size()};
}
inline ByteView view(const rocksdb::Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

}  // namespace suiro::store
