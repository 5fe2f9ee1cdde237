// SPDX-License-Identifier: Apache-2.0
// Encryption at rest: AES-256 in counter mode over every file of the database and the blobs, below
// RocksDB's EncryptedFileSystem. Key files. Internal to kernel/store, except make_key_file().
//
// Invariants:
//  1. Each file has a counter block of its own, from the kernel's generator: no two files, and no
//  two
//     places of a file, share a piece of key stream.
//  2. A wrong key is told from a damaged file before anything is read: by the check value in
//  FORMAT.
//
// Bytes on disk: docs/formats/store.md. Threads: any.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"

namespace rocksdb {
class FileSystem;
}

namespace suiro::store {

inline constexpr size_t kEncryptionKeyBytes = 32;

// Makes a new random key file, mode 0600, durable. Errors: kUnavailable; also where `path` exists.
Result<void> make_key_file(const std::string& path);
// Errors: kInvalidArgument: absent, not 32 bytes, or readable by others.
Result<Bytes> read_key_file(const std::string& path);
// Tells keys apart and says nothing of the key.
std::string key_check_value(ByteView key);
// `key` has 32 bytes.
std::shared_ptr<rocksdb::FileSystem> encrypted_layer(std::shared_ptr<rocksdb::FileSystem> below,
                                                     Bytes key);

}  // namespace suiro::store
