// SPDX-License-Identifier: Apache-2.0
// Gate: lets the store's observers in while their owner wants them. The store may outlive who
// observes it; a closed gate is never passed again until it is opened. Any thread.
#pragma once

#include <mutex>

namespace suiro::event {

class Gate {
 public:
  void open() { set(true); }
  // After this returns, nobody is inside.
  void close() { set(false); }
  template <class Call>
  void pass(Call call) {
    std::lock_guard lock(mutex_);
    if (open_) call();
  }

 private:
  void set(bool open) {
    std::lock_guard lock(mutex_);
    open_ = open;
  }

  std::mutex mutex_;
  bool open_ = false;
};

}  // namespace suiro::event
