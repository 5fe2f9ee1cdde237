// SPDX-License-Identifier: Apache-2.0
// CodeStore: the code of functions. A zip is kept as a blob of the store (durable); what it holds
// is unpacked into <directory>/<sha256 of the zip>, a cache that is made again when it is missing.
//
// Invariants:
//  1. A directory named by a digest is complete: it is unpacked under another name, synced,
//  renamed.
//  2. Nothing of a refused zip stays.
//  3. start() removes what a killed process left and what no function names.
//
// Thread: any shard; files are touched on a pool of kCodeThreads threads. Failure: the zip's faults
// are InvalidParameterValueException, the disk's are kInternal.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "kernel/store/store.h"
#include "services/lambda/config.h"

namespace suiro::lambda {

// A zip that was received and unpacked, and that no function names yet.
struct ReceivedCode {
  std::string sha256;  // lower-case hex
  uint64_t size_bytes = 0;
  std::shared_ptr<store::PendingBlob> blob;
};

class CodeStore {
 public:
  CodeStore(std::string directory, store::Store& store, Random& random,
            CodeThreads threads = CodeThreads::kOwn);
  ~CodeStore();

  // Gives the next piece of a zip; empty at its end.
  using Next = std::function<Task<Result<Bytes>>()>;
  // Receives a zip of at most `bytes_max`, unpacks it and prepares its blob.
  Task<Result<ReceivedCode>> receive(Next next, uint64_t bytes_max);
  // The directory of the code, unpacked again from the blob where it is missing.
  Task<Result<std::string>> directory_of(std::string sha256, Bytes blob);
  // Reads the zip itself.
  Task<Result<Bytes>> read_zip(Bytes blob);

  // Makes the directory, and removes everything in it but the digests of `keep`.
  Result<void> start(const std::set<std::string>& keep);
  // Removes what is not in `keep` and was not at the last sweep either: a sandbox of replaced code
  // may run on for kTimeoutSecondsMax, less than the time between two sweeps.
  Task<void> sweep(std::set<std::string> keep);

 private:
  class Incoming;
  Task<Result<void>> unpack(std::string zip, std::string sha256);
  std::set<std::string> unused(const std::set<std::string>& keep) const;

  std::string directory_;
  store::Store& store_;
  Random& random_;
  std::set<std::string> unused_;                    // at the last sweep
  std::unique_ptr<boost::asio::thread_pool> pool_;  // null: CodeThreads::kNone
};

}  // namespace suiro::lambda
