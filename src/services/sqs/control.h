// SPDX-License-Identifier: Apache-2.0
// ControlLock: changes of queues themselves run one at a time on a shard. Held by one coroutine
// while its record is being written; released when it is destroyed. Thread: the shard's.
#pragma once

#include "services/sqs/queue.h"

namespace suiro::sqs {

class ControlLock {
 public:
  static Task<ControlLock> take(Part& part) {
    while (part.control_busy) co_await part.control_free.wait();
    part.control_busy = true;
    co_return ControlLock(part);
  }
  ControlLock(ControlLock&& other) noexcept : part_(std::exchange(other.part_, nullptr)) {}
  ControlLock& operator=(ControlLock&&) = delete;
  ~ControlLock() {
    if (part_ == nullptr) return;
    part_->control_busy = false;
    part_->control_free.notify_one();
  }

 private:
  explicit ControlLock(Part& part) : part_(&part) {}
  Part* part_;
};

}  // namespace suiro::sqs
