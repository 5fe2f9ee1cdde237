// SPDX-License-Identifier: Apache-2.0
// WorkerPool: runs a number of independent tasks on a fixed number of threads and waits for all of
// them. The caller's thread is one of them; a pool of one has no threads of its own.
//
// Threads: run() from one thread at a time. Ends: the destructor stops and joins.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace suiro::sql {

class WorkerPool {
 public:
  explicit WorkerPool(size_t threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // task(0) .. task(count - 1), in any order; returns when all are done.
  void run(size_t count, const std::function<void(size_t)>& task);

 private:
  void work();
  void take_tasks(const std::function<void(size_t)>& task, size_t count);

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(size_t)>* task_ = nullptr;
  size_t count_ = 0;
  std::atomic<size_t> next_ = 0;
  size_t busy_ = 0;
  uint64_t round_ = 0;
  enum class State { kRuns, kStops } state_ = State::kRuns;
  std::vector<std::thread> threads_;
};

}  // namespace suiro::sql
