// SPDX-License-Identifier: Apache-2.0
// Cancellation: tells work, on whatever shard, that nobody waits for its result any more: the
// client of a long poll has gone, or the server drains. Work that ends by itself soon need not
// look.
//
// Invariants:
//  1. cancel() is final: from then on cancelled() is true, and each subscription rings once.
//  2. A ring is posted to the subscriber's executor, never run inside cancel() or subscribe().
//  3. After a Subscription is destroyed on its executor, its ring does not run.
// Threads: any. A Subscription is destroyed on the executor that it was made for.
//
//   auto held = call.cancellation->subscribe(executor, [&] { signal.notify_all(); });
//   while (queue.empty() && !call.cancellation->cancelled()) co_await signal.wait_until(...);
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/task.h"

namespace suiro {

class Cancellation {
 public:
  class Subscription {
   public:
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

   private:
    friend class Cancellation;
    struct State {
      explicit State(Executor executor_, std::move_only_function<void()> ring_)
          : executor(executor_), ring(std::move(ring_)) {}
      Executor executor;
      std::move_only_function<void()> ring;
      std::atomic<bool> ended = false;
    };
    explicit Subscription(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
  };

  // `on_subscribe` runs inside each subscribe(), on its thread: whoever cancels can begin to watch
  // for the cause only when somebody wants to know.
  explicit Cancellation(std::function<void()> on_subscribe = {});
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }
  // Rings at once (posted) where it is cancelled already.
  [[nodiscard]] std::unique_ptr<Subscription> subscribe(Executor executor,
                                                        std::move_only_function<void()> ring);
  void cancel();

 private:
  static void post_ring(std::shared_ptr<Subscription::State> state);

  std::atomic<bool> cancelled_ = false;
  const std::function<void()> on_subscribe_;
  std::mutex mutex_;  // guards subscribers_
  std::vector<std::weak_ptr<Subscription::State>> subscribers_;
};

}  // namespace suiro
