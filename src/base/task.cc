// SPDX-License-Identifier: Apache-2.0
#include "base/task.h"

#include <boost/asio/redirect_error.hpp>
#include <exception>

#include "base/check.h"

namespace suiro {

TaskScope::TaskScope(Executor executor)
    : executor_(executor), idle_(executor, asio::steady_timer::time_point::max()) {}

TaskScope::~TaskScope() {
  CHECK(running_ == 0, "a TaskScope was destroyed before it was closed");
}

void TaskScope::spawn(Task<void> task) {
  if (closing_) return;
  ++running_;
  asio::co_spawn(executor_, std::move(task), [this](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);  // ends the process: tasks do not throw
    if (--running_ == 0 && closing_) idle_.cancel();
  });
}

Task<void> TaskScope::close() {
  closing_ = true;
  while (running_ != 0) {
    boost::system::error_code ignored;
    co_await idle_.async_wait(asio::redirect_error(use_task, ignored));
  }
}

}  // namespace suiro
