// SPDX-License-Identifier: Apache-2.0
// For tests of what goes on by itself, in real time: processes, files, other threads.
#pragma once

#include <chrono>
#include <thread>

#include "base/clock.h"

namespace suiro {

inline constexpr Millis kEventuallyPause{5};
inline constexpr Millis kEventuallyMax{30'000};

// Whether the condition comes true in time; it is asked again and again until then.
template <class Condition>
bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + kEventuallyMax;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(kEventuallyPause);
  }
  return true;
}

}  // namespace suiro
