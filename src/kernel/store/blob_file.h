// SPDX-License-Identifier: Apache-2.0
// One large blob as a file with a checksum for each page. Internal to kernel/store.
//
// Bytes on disk: docs/formats/store.md. Threads: one at a time for the writer, any for an opened
// file. Every call blocks.
#pragma once

#include <rocksdb/file_system.h>

#include "kernel/store/files.h"

namespace suiro::store {

inline constexpr size_t kBlobPageBytes = 1 << 16;

class BlobFileWriter {
 public:
  static Result<std::unique_ptr<BlobFileWriter>> create(const Files& files, std::string path);
  Result<void> append(ByteView bytes);
  // Writes the checksums and syncs. The directory entry is not synced.
  Result<void> finish();

 private:
  BlobFileWriter() = default;
  Result<void> write(ByteView bytes);
  void checksum(ByteView bytes);

  std::unique_ptr<rocksdb::FSWritableFile> file_;
  std::string path_;
  uint64_t size_ = 0;
  uint64_t written_out_ = 0;  // up to here the kernel was asked to write back
  uint32_t page_crc_ = 0;
  Bytes table_;
};

class OpenBlobFile {
 public:
  // Errors: kNotFound, kCorrupt, kUnavailable.
  static Result<std::shared_ptr<OpenBlobFile>> open(const Files& files, std::string path,
                                                    uint64_t size_bytes);
  // Exactly min(length, size - offset) bytes. Errors: kCorrupt, kUnavailable.
  Result<Bytes> read(uint64_t offset, size_t length) const;
  uint64_t size_bytes() const { return size_; }

 private:
  OpenBlobFile() = default;
  Result<void> load_table();
  Result<void> read_exactly(uint64_t offset, char* out, size_t length) const;
  Error corrupt(std::string_view what) const;

  std::unique_ptr<rocksdb::FSRandomAccessFile> file_;
  std::string path_;
  uint64_t size_ = 0;
  Bytes table_;
};

}  // namespace suiro::store
