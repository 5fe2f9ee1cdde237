// SPDX-License-Identifier: Apache-2.0
// block_on: the main thread waits for a coroutine that runs on a shard. For start and stop only.
#pragma once

#include <boost/asio/use_future.hpp>

#include "base/task.h"

namespace suiro::server {

template <class T>
T block_on(Executor executor, Task<T> task) {
  return asio::co_spawn(executor, std::move(task), asio::use_future).get();
}

}  // namespace suiro::server
