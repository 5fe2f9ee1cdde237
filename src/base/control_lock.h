// SPDX-License-Identifier: Apache-2.0
// Control, ControlLock: of the coroutines of one shard that change what the shard holds (make a
// queue, split a stream), one at a time does. The lock is held while a change is being written, and
// released when it is destroyed; who has waited longest comes next.
// Thread: the shard's.
#pragma once

#include <utility>

#include "base/clock.h"
#include "base/task.h"

namespace suiro {

class Control {
 public:
  explicit Control(Executor executor) : free_(executor) {}

 private:
  friend class ControlLock;
  bool busy_ = false;
  Signal free_;
};

class ControlLock {
 public:
  // `control` outlives the lock.
  static Task<ControlLock> take(Control& control) {
    while (control.busy_) co_await control.free_.wait();
    control.busy_ = true;
    co_return ControlLock(control);
  }
  ControlLock(ControlLock&& other) noexcept : control_(std::exchange(other.control_, nullptr)) {}
  ControlLock& operator=(ControlLock&&) = delete;
  ~ControlLock() {
    if (control_ == nullptr) return;
    control_->busy_ = false;
    control_->free_.notify_one();
  }

 private:
  explicit ControlLock(Control& control) : control_(&control) {}
  Control* control_;
};

}  // namespace suiro
