// SPDX-License-Identifier: Apache-2.0
// Task<T>: a coroutine that runs on one shard. TaskScope: the owner of coroutines that run beside
// their starter.
//
// Invariants:
//  1. A Task starts when it is awaited or spawned, and resumes on the executor on which it started.
//  2. Every coroutine that is not awaited runs in a TaskScope. The scope is closed (close()
//  awaited)
//     before what its coroutines refer to is destroyed.
//  3. A spawned coroutine takes values: references in its parameters would dangle.
//  4. A Task does not throw. An exception that escapes one ends the process.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/result.h"

namespace suiro {

namespace asio = boost::asio;
using Executor = asio::io_context::executor_type;
inline constexpr asio::use_awaitable_t<Executor> use_task{};

template <class T = void>
using Task = asio::awaitable<T, Executor>;

// Owns spawned coroutines of one executor. Thread: that executor's only.
//
//   open --close()--> closing --last coroutine ends--> closed
class TaskScope {
 public:
  explicit TaskScope(Executor executor);
  ~TaskScope();  // CHECKs that nothing runs any more
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;

  // Starts `task` on this scope's executor. After close() began, the task is dropped unstarted.
  void spawn(Task<void> task);
  // True from the moment close() is called. Loops in spawned coroutines end when it is.
  bool closing() const { return closing_; }
  // Waits until every spawned coroutine has ended. Who spawned loops that wait must wake them.
  Task<void> close();
  size_t running() const { return running_; }
  Executor executor() const { return executor_; }

 private:
  Executor executor_;
  asio::steady_timer idle_;  // never expires; cancelled when the last coroutine ends
  size_t running_ = 0;
  bool closing_ = false;
};

// Runs `make` (a callable that returns Task<T>) on `executor` and resumes the caller, on its own
// executor, with the result.
template <class Make>
auto run_on(Executor executor, Make make) -> decltype(make()) {
  if (executor.running_in_this_thread()) {
    co_return co_await make();
  } else {
    co_return co_await asio::co_spawn(executor, std::move(make), use_task);
  }
}

}  // namespace suiro
