// SPDX-License-Identifier: Apache-2.0
// Random: the one dice. Injected, so that a failing simulation replays from its seed.
// Thread: an instance belongs to one thread, except SystemRandom, which any thread may use.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace suiro {

class Random {
 public:
  virtual ~Random() = default;
  virtual uint64_t next() = 0;

  Bytes bytes(size_t count);
  // Uniform in [0, bound); bound > 0.
  uint64_t below(uint64_t bound);
  // Uniform in [0, 1).
  double unit();
  // RFC 4122 version 4, lower case with dashes.
  std::string uuid();
  // count characters of alphabet.
  std::string text(size_t count, std::string_view alphabet);
};

// The kernel's generator; for keys, ids and tokens.
class SystemRandom final : public Random {
 public:
  uint64_t next() override;
};

// xoshiro256** seeded by splitmix64. For simulations and jitter; not for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed);
  uint64_t next() override;

 private:
  uint64_t state_[4];
};

}  // namespace suiro
