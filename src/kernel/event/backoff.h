// SPDX-License-Identifier: Apache-2.0
// Waiting times between attempts: doubling from `first` to `longest`, each spread over [half,
// whole] so that what failed together does not come back together.
#pragma once

#include "base/clock.h"
#include "base/random.h"

namespace suiro::event {

struct Backoff {
  Millis first;
  Millis longest;

  // `failures`: how many in a row so far; at least 1.
  Millis after(uint32_t failures, Random& random) const {
    constexpr uint32_t kDoublingsMax = 30;
    int64_t whole = first.count();
    for (uint32_t i = 1; i < failures && i < kDoublingsMax && whole < longest.count(); ++i) {
      whole *= 2;
    }
    whole = std::min<int64_t>(whole, longest.count());
    auto half = static_cast<uint64_t>(whole / 2);
    return Millis(whole - static_cast<int64_t>(random.below(half + 1)));
  }
};

}  // namespace suiro::event
