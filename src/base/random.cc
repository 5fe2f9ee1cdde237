// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <sys/random.h>

#include <bit>
#include <cerrno>

#include "base/check.h"

namespace suiro {

Bytes Random::bytes(size_t count) {
  Bytes out;
  out.reserve(count + 8);
  while (out.size() < count) append_be64(out, next());
  out.resize(count);
  return out;
}

uint64_t Random::below(uint64_t bound) {
  CHECK(bound > 0);
  uint64_t unbiased = UINT64_MAX - UINT64_MAX % bound;
  uint64_t value = next();
  while (value >= unbiased) value = next();
  return value % bound;
}

double Random::unit() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

std::string Random::uuid() {
  Bytes raw = bytes(16);
  raw[6] = static_cast<char>((raw[6] & 0x0F) | 0x40);
  raw[8] = static_cast<char>((raw[8] & 0x3F) | 0x80);
  std::string hex = hex_encode(raw);
  std::string out;
  out.reserve(36);
  for (size_t at = 0; at < hex.size(); at += 4) {
    if (at == 8 || at == 12 || at == 16 || at == 20) out += '-';
    out.append(hex, at, 4);
  }
  return out;
}

std::string Random::text(size_t count, std::string_view alphabet) {
  std::string out;
  out.reserve(count);
  for (size_t i = 0; i < count; ++i) out.push_back(alphabet[below(alphabet.size())]);
  return out;
}

uint64_t SystemRandom::next() {
  // A pool a thread: getrandom costs a system call. A signal may cut it short.
  thread_local uint64_t pool[512];
  thread_local size_t left = 0;
  if (left == 0) {
    auto* bytes = reinterpret_cast<char*>(pool);
    for (size_t at = 0; at < sizeof(pool);) {
      ssize_t got = getrandom(bytes + at, sizeof(pool) - at, 0);
      CHECK(got > 0 || (got < 0 && errno == EINTR), "the kernel gives no random bytes");
      if (got > 0) at += static_cast<size_t>(got);
    }
    left = std::size(pool);
  }
  return pool[--left];
}

SeededRandom::SeededRandom(uint64_t seed) {
  for (auto& word : state_) {
    uint64_t z = seed += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    word = z ^ z >> 31;
  }
}

uint64_t SeededRandom::next() {
  uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

}  // namespace suiro
