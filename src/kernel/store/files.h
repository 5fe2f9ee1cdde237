// SPDX-License-Identifier: Apache-2.0
// Files: the store's own files, on the same layer as the database's, in Suiro's terms. A test's
// layer (power_loss_fs.h) therefore sees every byte that the store writes. Internal to
// kernel/store.
//
// Threads: any. Every call blocks.
#pragma once

#include <rocksdb/file_system.h>

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace suiro::store {

class Files {
 public:
  // Null: the operating system's.
  explicit Files(std::shared_ptr<rocksdb::FileSystem> layer);

  // Makes the directory, and its parents where they are missing; what is made is durable.
  Result<void> make_directory(const std::string& path) const;
  // Names in a directory, sorted; none where the directory is absent.
  Result<std::vector<std::string>> list(const std::string& directory) const;
  Result<bool> exists(const std::string& path) const;
  // Errors: kTooLarge.
  Result<Bytes> read(const std::string& path, size_t size_bytes_max) const;
  // Under the name at once, or not at all: written as path + ".new", synced, renamed.
  Result<void> write_durably(const std::string& path, ByteView bytes) const;
  // Written and synced, the entry too, without a rename.
  Result<void> write_synced(const std::string& path, ByteView bytes) const;
  Result<void> rename(const std::string& from, const std::string& to) const;
  Result<void> remove(const std::string& path) const;
  // The directory and all in it.
  Result<void> remove_tree(const std::string& path) const;
  // A hard link, or a synced copy where the file system cannot link. The entry is not synced.
  Result<void> link_or_copy(const std::string& from, const std::string& to) const;
  Result<void> sync_directory(const std::string& path) const;

  rocksdb::FileSystem& layer() const { return *layer_; }
  const std::shared_ptr<rocksdb::FileSystem>& shared_layer() const { return layer_; }

 private:
  Result<void> copy(const std::string& from, const std::string& to) const;
  std::shared_ptr<rocksdb::FileSystem> layer_;
};

// kUnavailable with the status's text.
Error io_error(const rocksdb::IOStatus& status, std::string_view what);

}  // namespace suiro::store
