// SPDX-License-Identifier: Apache-2.0
// IoPool: a bounded pool on which the store blocks. A store has two: one for reads, one for writes
// of blob files, so that no read waits behind a sync.
//
// Invariants:
//  1. At most kPoolThreads threads and kPoolQueueMax waiting pieces of work; beyond, kThrottled.
//  2. run() resumes its caller on the caller's executor.
//  3. Threads start with the first work: a store that only hits memory has none.
//
// Thread: any. With Threads::kNone the work runs at once on the calling thread (simulation).
#pragma once

#include <atomic>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/task.h"
#include "kernel/store/limits.h"

namespace suiro::store {

// Whether the store has threads of its own or does all work on the calling thread.
enum class Threads { kOwn, kNone };

class IoPool {
 public:
  using Work = std::move_only_function<void()>;

  IoPool(Threads threads, std::string name)
      : name_(std::move(name)), inline_(threads == Threads::kNone) {}
  ~IoPool();  // stop() must have been called if anything was posted
  // Runs what waits and joins the threads. Afterwards work runs on the threads that bring it: what
  // outlives the store (a coroutine's frame that still holds a blob) can clean up.
  void stop();

  // False when the queue is full; the work is not taken then.
  [[nodiscard]] bool post(Work work);
  // Like post(), but never refused: for clean-up whose amount its makers already bound.
  void post_cleanup(Work work);

  // Runs `work` (returns a Result) on the pool.
  template <class F>
  auto run(F work) -> Task<std::invoke_result_t<F>> {
    using T = std::invoke_result_t<F>;
    if (inline_.load(std::memory_order_acquire)) co_return work();
    auto executor = co_await asio::this_coro::executor;
    auto start = [this, executor](auto handler, F inner) {
      // Shared with the refusal: post() does not consume work that it does not take.
      auto state =
          std::make_shared<std::pair<decltype(handler), F>>(std::move(handler), std::move(inner));
      auto finish = [executor, state](T result) {
        asio::post(executor, [state, result = std::move(result)]() mutable {
          std::move(state->first)(std::move(result));
        });
      };
      if (!post([state, finish] { finish(state->second()); })) finish(refused());
    };
    asio::use_awaitable_t<Executor> token;
    co_return co_await asio::async_initiate<asio::use_awaitable_t<Executor>, void(T)>(
        std::move(start), token, std::move(work));
  }

 private:
  static std::unexpected<Error> refused();
  void enqueue(std::unique_lock<std::mutex> lock, Work work);
  void loop();

  const std::string name_;  // of the threads; at most 15 bytes
  std::atomic<bool> inline_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> queue_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace suiro::store
