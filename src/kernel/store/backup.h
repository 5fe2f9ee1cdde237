// SPDX-License-Identifier: Apache-2.0
// Online backup: a consistent copy of a store that opens as a store. Internal to kernel/store.
#pragma once

#include "kernel/store/blobs.h"

namespace suiro::store {

// Blocks. Files are hard links where the target is on the same file system: the copy then costs no
// space until the store changes, and protects from loss of the disk only when copied away.
// Errors: kInvalidArgument when `to` exists and is not empty; kUnavailable.
Result<void> backup_store(RocksCore& core, BlobFiles& files, const std::string& to);

}  // namespace suiro::store
