// SPDX-License-Identifier: Apache-2.0
// ObjectReader: how a service reads an object of the lake (code of functions) without knowing the
// service that keeps it. Set in Kernel at wiring; null where no lake is wired.
//
// Thread: any shard.
#pragma once

#include <memory>
#include <string>

#include "kernel/store/store.h"

namespace suiro::event {

class ObjectReader {
 public:
  virtual ~ObjectReader() = default;
  struct Object {
    // Its bytes, opened: they stay readable when the object is replaced. One coroutine at a time.
    std::unique_ptr<store::BlobReader> bytes;
    std::string etag;     // without quotes
    std::string version;  // empty: the bucket was never versioned
  };
  // Opens an object; `version` empty: the current one.
  // Errors: "NoSuchBucket", "NoSuchKey", "NoSuchVersion", "InvalidArgument" for a malformed
  // version.
  virtual Task<Result<Object>> read(std::string bucket, std::string key, std::string version) = 0;
};

}  // namespace suiro::event
