// SPDX-License-Identifier: Apache-2.0
// What a Batch holds. Internal to kernel/store: the committer reads it, services do not.
#pragma once

#include <memory>
#include <vector>

#include "kernel/store/store.h"

namespace suiro::store {

class BlobFile;

struct Operation {
  enum class Kind : uint8_t {
    kPut,
    kErase,
    kEraseRange,   // key: begin, value: end
    kAppend,       // key: prefix
    kAdoptInline,  // key: blob id
    kAdoptFile,    // key: blob id, value: encoded BlobRef
    kReleaseInline,
    kReleaseFile,
  };
  Kind kind;
  Bytes key;
  Bytes value;
  std::shared_ptr<PendingBlob> blob;  // kAdopt...
};

struct Batch::Parts {
  std::vector<Condition> conditions;
  std::vector<Operation> operations;
  size_t size_bytes = 0;
  size_t appends = 0;
};

// A finished blob file. Deletes the file when destroyed, unless keep() was called.
class BlobFile {
 public:
  virtual ~BlobFile() = default;
  virtual void keep() = 0;
};

struct PendingBlob::Impl {
  BlobRef ref;
  Bytes bytes;                     // kInline
  std::unique_ptr<BlobFile> file;  // kFile
};

// The committer's door into a batch.
class BatchAccess {
 public:
  using Parts = Batch::Parts;
  static Parts& parts(Batch& batch) { return *batch.parts_; }
  static const Parts& parts(const Batch& batch) { return *batch.parts_; }
  static PendingBlob::Impl& blob(PendingBlob& blob) { return *blob.impl_; }
};
using BatchParts = BatchAccess::Parts;

}  // namespace suiro::store
