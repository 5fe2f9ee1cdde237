// SPDX-License-Identifier: Apache-2.0
// on_pool: runs blocking work on a bounded pool of threads and resumes the caller on its own shard.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <type_traits>
#include <utility>

#include "base/task.h"

namespace suiro {

// `work`: a callable without arguments, run on a thread of `pool`; what it captures must be values
// or outlive the call. The pool outlives every call. Without a pool (null) it runs here and now.
template <class Work, class T = std::invoke_result_t<Work>>
Task<T> on_pool(asio::thread_pool* pool, Work work) {
  if (pool == nullptr) co_return work();
  auto start = [pool](auto handler, Work task) {
    auto executor = asio::prefer(asio::get_associated_executor(handler),
                                 asio::execution::outstanding_work.tracked);
    asio::post(*pool, [executor, handler = std::move(handler), task = std::move(task)]() mutable {
      T result = task();
      asio::post(executor, [handler = std::move(handler), result = std::move(result)]() mutable {
        std::move(handler)(std::move(result));
      });
    });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(T)>(
      start, use_task, std::move(work));
}

}  // namespace suiro
