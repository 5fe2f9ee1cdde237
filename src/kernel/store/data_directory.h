// SPDX-License-Identifier: Apache-2.0
// DataDirectory: the directory of one store: its format, its lock, its layer of files (encrypted or
// not), the paths in it. Internal to kernel/store.
//
//   absent/empty --open()--> FORMAT.new, directories --finish_making()--> FORMAT
//   FORMAT.new without FORMAT --open()--> emptied, then as above
//
// Bytes on disk: docs/formats/store.md. Thread: the opener's; paths from any.
#pragma once

#include <memory>
#include <string>

#include "kernel/store/files.h"

namespace rocksdb {
class Env;
}

namespace suiro::store {

class DataDirectory {
 public:
  struct Options {
    std::string path;
    std::string key_file;  // empty: not encrypted
    std::shared_ptr<rocksdb::FileSystem> layer;
  };

  // Locks the directory. Errors (kUnavailable, kInvalidArgument): what docs/formats/store.md
  // refuses.
  static Result<std::unique_ptr<DataDirectory>> open(Options options);
  ~DataDirectory();  // unlocks

  const std::string& path() const { return path_; }
  bool is_new() const { return is_new_; }
  // The database is there: from now on this is a store.
  Result<void> finish_making();

  std::string database() const { return path_ + "/rocksdb"; }
  std::string temporary(ByteView blob_id) const;
  std::string blob(ByteView blob_id) const;
  // The directory that holds a blob's file.
  std::string blob_directory(ByteView blob_id) const;
  std::string blobs() const { return path_ + "/blobs"; }
  std::string temporaries() const { return path_ + "/tmp"; }

  // Files that are never encrypted: FORMAT, LOCK, entries of directories.
  const Files& plain() const { return plain_; }
  // The database's and the blobs' files.
  const Files& data() const { return *data_; }
  rocksdb::Env* env() const { return env_.get(); }
  const std::string& format_text() const { return format_text_; }

 private:
  explicit DataDirectory(Options options);
  Result<void> lock();
  Result<void> read_format();
  Result<void> begin_making();
  std::string database_current() const;

  std::string path_;
  std::string key_file_;
  Bytes key_;
  Files plain_;
  std::unique_ptr<Files> data_;
  std::unique_ptr<rocksdb::Env> env_;
  rocksdb::FileLock* lock_ = nullptr;
  std::string format_text_;
  bool is_new_ = false;
};

}  // namespace suiro::store
