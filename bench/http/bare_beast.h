// SPDX-License-Identifier: Apache-2.0
// The yardstick: the plainest server that Beast's own coroutines make. No limits, no deadlines.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace suiro::bench {

class BareBeast {
 public:
  // Answers every request with 200 and `reply`, on one thread.
  explicit BareBeast(std::string reply);
  ~BareBeast();
  uint16_t port() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace suiro::bench
