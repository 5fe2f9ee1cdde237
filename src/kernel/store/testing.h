// SPDX-License-Identifier: Apache-2.0
// A store in a fresh temporary directory, for tests of whatever stands on the store.
//
//   TestStore test;                          // threads of its own, as in production
//   Shards shards(2); shards.start();
//   run(shards, 0, save(*test));             // runs a Task<T> on a shard, returns its T
//   test.reopen();                           // a restart: everything acknowledged is there
//
// With Threads::kNone commits and reads complete inside the call, so that Shards::poll() under a
// virtual clock runs everything: run_polling(shards, task).
#pragma once

#include <stdlib.h>

#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <future>

#include "base/check.h"
#include "base/shard.h"
#include "kernel/store/rocks_store.h"

namespace suiro::store {

class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(
      std::filesystem::path parent = std::filesystem::temp_directory_path()) {
    std::string pattern = (parent / "suiro-XXXXXX").string();
    CHECK(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class TestStore {
 public:
  explicit TestStore(Threads threads = Threads::kOwn)
      : TestStore(StoreOptions{.threads = threads}) {}
  // options.directory is replaced.
  explicit TestStore(StoreOptions options)
      : directory_(place_of(options)), options_(std::move(options)) {
    options_.directory = directory_.path() + "/store";
    reopen();
  }

  // Closes the store and opens it again, as a restart does. No coroutine may be inside.
  void reopen() {
    store_.reset();
    auto opened = RocksStore::open(options_);
    CHECK(opened, opened ? "" : opened.error().message);
    store_ = *std::move(opened);
  }
  void close() { store_.reset(); }

  RocksStore& operator*() { return *store_; }
  RocksStore* operator->() { return store_.get(); }
  const std::string& directory() const { return options_.directory; }
  StoreOptions& options() { return options_; }

 private:
  // A simulation commits one batch a sync: in memory, where there is a place, it does not wait for
  // a disk that it does not test.
  static std::filesystem::path place_of(const StoreOptions& options) {
    std::filesystem::path memory = "/dev/shm";
    bool in_memory = options.threads == Threads::kNone && std::filesystem::is_directory(memory);
    return in_memory ? memory : std::filesystem::temp_directory_path();
  }

  TemporaryDirectory directory_;
  StoreOptions options_;
  std::unique_ptr<RocksStore> store_;
};

// Runs `task` on a started shard; blocks the calling thread (not a shard's) until it ends.
template <class T>
T run(Shards& shards, size_t shard, Task<T> task) {
  return asio::co_spawn(shards.executor(shard), std::move(task), asio::use_future).get();
}

// Runs `task` on shard 0 of shards that were not started, polling them until all are idle.
template <class T>
T run_polling(Shards& shards, Task<T> task) {
  auto future = asio::co_spawn(shards.executor(0), std::move(task), asio::use_future);
  shards.poll();
  CHECK(future.wait_for(std::chrono::seconds(0)) == std::future_status::ready,
        "the task waits for something that polling does not bring");
  return future.get();
}

}  // namespace suiro::store
