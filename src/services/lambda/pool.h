// SPDX-License-Identifier: Apache-2.0
// Pool: the sandboxes of one function. One sandbox runs one invocation at a time; a free one waits,
// warm, for the next.
//
//   acquire() -> warm, or started when the machine has memory, or waited for
//   release() -> handed to the one that waits longest, kept warm, or closed (dead, outdated, or
//                another function starves)
//
// Invariants:
//  1. Every sandbox holds its memory of Capacity from before its start until after its close.
//  2. A sandbox of other code or configuration than the invocation's is never handed out.
//  3. Closing is done by coroutines of the scope: none outlives it. After stop() nothing is handed
//     out, and what is released is closed.
//
// Thread: the owner shard of the function.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>

#include "base/task.h"
#include "engine/sandbox/sandbox.h"
#include "services/lambda/capacity.h"

namespace suiro::lambda {

// A sandbox and what it was started with.
struct Warm {
  std::unique_ptr<sandbox::Sandbox> sandbox;
  std::string generation;  // version and revision of the configuration
  uint32_t memory_mb = 0;
  std::string access_key_id;
  // While it counts as being started (Capacity::started()).
  bool starting = false;
  int start_looks = 0;
  std::unique_ptr<Clock::Alarm> start_alarm = {};
};

class Pool {
 public:
  struct Deps {
    Capacity& capacity;
    Clock& clock;
    TaskScope& scope;
    // Called when a sandbox has been closed (its credentials end).
    std::function<void(const Warm&)> closed;
  };
  // Starts a sandbox; the pool holds the memory already. On an error nothing is left.
  using Start = std::function<Task<Result<std::shared_ptr<Warm>>>()>;

  Pool(std::string function, Deps deps);
  ~Pool();

  // Errors: those of `start`; TooManyRequestsException when the machine stays full.
  Task<Result<std::shared_ptr<Warm>>> acquire(std::string generation, uint32_t memory_mb,
                                              Start start);
  void release(std::shared_ptr<Warm> warm);
  // Idle sandboxes of other generations than `keep` close now, busy ones when they are released.
  void retire(std::vector<std::string> keep);
  // Closes the sandboxes that are idle since before `since`.
  void evict(TimePoint since);
  // Closes the sandbox that is idle for longest; its memory in MB, 0 when none is idle.
  uint32_t evict_one();
  // When the one that is idle for longest became so.
  std::optional<TimePoint> oldest_idle() const;
  // Refuses the waiting and later requests and closes what is idle.
  void stop();
  // Ends the invocations that run; they see kExited.
  void kill_busy();
  bool empty() const { return idle_.empty() && busy_ == 0 && waiters_.empty(); }
  size_t idle() const { return idle_.size(); }
  size_t busy() const { return busy_; }

 private:
  struct Waiter;
  std::shared_ptr<Warm> take_idle(const std::string& generation);
  Task<Result<std::shared_ptr<Warm>>> start_one(uint32_t memory_mb, Start start);
  static Task<void> wait_for_memory(Pool* pool, std::shared_ptr<Waiter> waiter);
  static Task<void> close(Pool* pool, std::shared_ptr<Warm> warm);
  static Task<void> kill(std::shared_ptr<Warm> warm);
  void watch_start(const std::shared_ptr<Warm>& warm);
  void end_start(Warm& warm);
  void discard(std::shared_ptr<Warm> warm);
  bool current(const std::string& generation) const;

  std::string function_;
  Deps deps_;
  std::deque<std::shared_ptr<Warm>> idle_;  // the newest at the back, which is used first
  std::deque<std::shared_ptr<Waiter>> waiters_;
  std::vector<std::string> keep_;
  bool retired_ = false;  // keep_ says what is current
  bool stopping_ = false;
  size_t busy_ = 0;  // starting, running or closing
  std::set<std::shared_ptr<Warm>> running_;
};

}  // namespace suiro::lambda
