// SPDX-License-Identifier: Apache-2.0
// Blobs of one store: small ones in the database, large ones as files. Internal to kernel/store.
//
// Bytes on disk and the life of a file: docs/formats/store.md. Threads: any.
#pragma once

#include "base/random.h"
#include "kernel/store/batch.h"
#include "kernel/store/io_pool.h"
#include "kernel/store/rocks_core.h"

namespace suiro::store {

class Blobs {
 public:
  Blobs(std::shared_ptr<RocksCore> core, std::shared_ptr<IoPool> pool, Random& random);

  std::unique_ptr<BlobWriter> write();
  Task<Result<std::unique_ptr<BlobReader>>> open(BlobRef ref);
  // Unlinks files that no key names any more.
  void release(std::vector<Bytes> ids);

 private:
  std::shared_ptr<RocksCore> core_;
  std::shared_ptr<IoPool> pool_;
  Random& random_;
};

}  // namespace suiro::store
