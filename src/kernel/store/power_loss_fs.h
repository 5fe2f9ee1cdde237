// SPDX-License-Identifier: Apache-2.0
// PowerLossFs: files in memory that forget what was not synced, for tests. StoreOptions::file_layer
// takes it; it outlives the stores that are opened on it, one after the other.
//
//   auto files = std::make_shared<PowerLossFs>(seed);
//   open a store with {.file_layer = files}; work
//   files->cut_power();            // or cut_power_after(n) file operations
//   close the store                // every operation fails meanwhile
//   files->restore_power();        // what was durable is there again
//   open the store again; compare
//
// What survives a power cut:
//  1. Of a file: what was written before its last sync. Of bytes that were appended after it, a
//  random
//     prefix; of bytes overwritten after it, random sectors of 512 bytes.
//  2. Of a directory: the entries made, renamed or removed before its last sync. Of later changes
//  none,
//     or a random prefix of them.
// Threads: any.
#pragma once

#include <rocksdb/file_system.h>

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"

namespace suiro::store {

class PowerLossFs final : public rocksdb::FileSystem {
 public:
  explicit PowerLossFs(uint64_t seed);
  ~PowerLossFs() override;

  void cut_power();
  // The power goes during the operations-th change of a file or directory from now on, in the
  // middle of a write where it is one.
  void cut_power_after(uint64_t operations);
  bool has_power() const;
  void restore_power();

  // From the operations-th operation of `kind` on, the next `times` fail. A failed write has
  // written a random prefix; a failed sync has synced nothing.
  enum class Kind { kWrite, kSync, kRename, kMake, kRead };
  struct Fault {
    Kind kind;
    uint64_t operations = 1;
    uint64_t times = UINT64_MAX;
    // Empty: files of every name. Else: names that hold this.
    std::string name_part = {};
  };
  void inject(Fault fault);
  void heal();  // no more injected faults
  // Bytes that all files together may hold; beyond, writes fail with "no space".
  void set_capacity(uint64_t bytes);

  // Changes of files and directories so far.
  uint64_t operations() const;
  std::vector<std::string> files() const;

  const char* Name() const override { return "PowerLossFs"; }
  using Options = rocksdb::IOOptions;
  using Debug = rocksdb::IODebugContext;
  using Status = rocksdb::IOStatus;
  Status NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSSequentialFile>* file, Debug*) override;
  Status NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& options,
                             std::unique_ptr<rocksdb::FSRandomAccessFile>* file, Debug*) override;
  Status NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                         std::unique_ptr<rocksdb::FSWritableFile>* file, Debug*) override;
  Status ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                            std::unique_ptr<rocksdb::FSWritableFile>* file, Debug*) override;
  Status NewDirectory(const std::string& name, const Options&,
                      std::unique_ptr<rocksdb::FSDirectory>* directory, Debug*) override;
  Status FileExists(const std::string& name, const Options&, Debug*) override;
  Status GetChildren(const std::string& directory, const Options&, std::vector<std::string>* names,
                     Debug*) override;
  Status DeleteFile(const std::string& name, const Options&, Debug*) override;
  Status CreateDir(const std::string& name, const Options&, Debug*) override;
  Status CreateDirIfMissing(const std::string& name, const Options&, Debug*) override;
  Status DeleteDir(const std::string& name, const Options&, Debug*) override;
  Status GetFileSize(const std::string& name, const Options&, uint64_t* size, Debug*) override;
  Status GetFileModificationTime(const std::string& name, const Options&, uint64_t* time,
                                 Debug*) override;
  Status RenameFile(const std::string& from, const std::string& to, const Options&,
                    Debug*) override;
  Status LinkFile(const std::string& from, const std::string& to, const Options&, Debug*) override;
  Status LockFile(const std::string& name, const Options&, rocksdb::FileLock** lock,
                  Debug*) override;
  Status UnlockFile(rocksdb::FileLock* lock, const Options&, Debug*) override;
  Status GetTestDirectory(const Options&, std::string* path, Debug*) override;
  Status NewLogger(const std::string& name, const Options&,
                   std::shared_ptr<rocksdb::Logger>* logger, Debug*) override;
  Status GetAbsolutePath(const std::string& path, const Options&, std::string* out,
                         Debug*) override;
  Status IsDirectory(const std::string& path, const Options&, bool* is_directory, Debug*) override;

 private:
  class Sequential;
  class RandomAccess;
  class Writable;
  class Directory;
  class Lock;

  struct Node {
    bool is_directory = false;
    Bytes data;
    Bytes durable;
    // Overwritten since the last sync, below durable.size().
    size_t dirty_begin = SIZE_MAX;
    size_t dirty_end = 0;
  };
  using NodePtr = std::shared_ptr<Node>;
  using Names = std::map<std::string, NodePtr>;
  // One change of directories: first what goes, then what comes.
  struct Change {
    std::vector<std::string> removed;
    std::vector<std::pair<std::string, NodePtr>> added;
  };

  // All with mutex_ held.
  Status begin(Kind kind, const std::string& name, bool* last = nullptr);
  bool hits(Kind kind, const std::string& name);
  NodePtr find(const std::string& name) const;
  void change(Change change);
  static void apply(const Change& change, Names& names);
  void lose_power();
  void tear(Node& node);
  Status append(Node& node, const std::string& name, size_t position, ByteView bytes);
  void write(Node& node, size_t position, ByteView bytes);
  Status sync(Node& node, const std::string& name);
  Status sync_directory(const std::string& name);
  Status make_directory(const std::string& name);

  mutable std::mutex mutex_;
  SeededRandom random_;
  Names names_;
  Names durable_names_;
  std::vector<Change> pending_;
  std::set<std::string> locks_;
  std::vector<Fault> faults_;
  std::optional<uint64_t> cut_at_;
  uint64_t operations_ = 0;
  uint64_t capacity_ = UINT64_MAX;
  bool power_ = true;
};

}  // namespace suiro::store
