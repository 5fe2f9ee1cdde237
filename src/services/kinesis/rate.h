// SPDX-License-Identifier: Apache-2.0
// Rate: how much of something passes each second; a bucket that holds one second's worth.
// Thread: an instance belongs to one.
#pragma once

#include <algorithm>

#include "base/clock.h"

namespace suiro::kinesis {

class Rate {
 public:
  explicit Rate(double per_second) : per_second_(per_second), left_(per_second) {}

  void refill(TimePoint now) {
    if (now <= at_) return;
    double seconds = std::chrono::duration<double>(now - at_).count();
    left_ = std::min(per_second_, left_ + seconds * per_second_);
    at_ = now;
  }
  // Whether it would pass now; what is larger than a second's worth passes a full bucket.
  bool has(double amount) const { return left_ >= std::min(amount, per_second_); }
  // May leave less than nothing: what passed is paid for later.
  void take(double amount) { left_ -= amount; }

 private:
  double per_second_;
  double left_;
  TimePoint at_ = {};
};

}  // namespace suiro::kinesis
