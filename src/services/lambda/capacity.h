// SPDX-License-Identifier: Apache-2.0
// Capacity: what the machine can run at once, counted over all functions. Memory for sandboxes is
// handed out here, with the right to start one; a request that finds none waits in a bounded queue.
//
// Invariants:
//  1. The memory of all sandboxes, running or warm, is at most Config::memory_mb.
//  2. At most Config::starts_max of them are being started.
//  3. Waiters are served in order; while one waits, idle sandboxes are given up (`pressure`).
//
// Thread: acquire() and release() from any shard; the books are kept on one.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/shard.h"
#include "base/task.h"

namespace suiro::lambda {

class Capacity {
 public:
  struct Config {
    uint64_t memory_mb = 0;
    size_t starts_max = 1;
    size_t waiters_max = 0;
    Millis wait_max{0};
  };
  Capacity(Config config, Shards& shards, Clock& clock);
  ~Capacity();

  // Called on the books' shard when a request has to wait: begins to close idle sandboxes,
  // anywhere, of at least the given megabytes.
  using Pressure = std::function<Task<void>(uint32_t memory_mb)>;
  void on_pressure(Pressure pressure) { pressure_ = std::move(pressure); }

  // Whether memory and a start are free at once. No waiting.
  Task<bool> try_acquire(uint32_t memory_mb);
  // Waits for memory and a start. Errors: TooManyRequestsException when the queue is full or the
  // wait too long.
  Task<Result<void>> acquire(uint32_t memory_mb, std::string function);
  Task<void> release(uint32_t memory_mb);
  // The start that came with the memory is over. Once for each memory that was acquired.
  Task<void> started();

  // Whether another function has waited so long that sandboxes ought to be given up rather than
  // handed on. Any thread.
  bool starving(std::string_view function) const;

  uint64_t memory_mb_max() const { return config_.memory_mb; }

 private:
  struct Waiter;
  bool fits(uint32_t memory_mb) const { return used_mb_ + memory_mb <= config_.memory_mb; }
  bool may_start(uint32_t memory_mb) const {
    return starting_ < config_.starts_max && fits(memory_mb);
  }
  void take(uint32_t memory_mb);
  void serve();
  void note_oldest();

  Config config_;
  Executor home_;
  Clock& clock_;
  Pressure pressure_;
  uint64_t used_mb_ = 0;
  size_t starting_ = 0;
  std::deque<Waiter*> waiters_;
  std::atomic<int64_t> oldest_since_us_{0};  // 0: nobody waits
  std::atomic<uint64_t> oldest_function_{0};
};

}  // namespace suiro::lambda
