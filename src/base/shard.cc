// SPDX-License-Identifier: Apache-2.0
#include "base/shard.h"

#include <pthread.h>

#include "base/check.h"

namespace suiro {

uint64_t stable_hash(std::string_view bytes) {
  uint64_t hash = 0xCBF29CE484222325;
  for (char c : bytes) {
    hash ^= static_cast<uint8_t>(c);
    hash *= 0x100000001B3;
  }
  // The low bits of FNV-1a mix poorly for short names; owner() takes the remainder.
  return hash ^ hash >> 32;
}

Shards::Shards(size_t count) {
  CHECK(count >= 1);
  for (size_t i = 0; i < count; ++i) {
    // Concurrency hint 1 would forbid posts from other threads' loops; the default keeps them safe.
    loops_.push_back(std::make_unique<asio::io_context>());
  }
}

Shards::~Shards() {
  CHECK(threads_.empty(), "Shards were not stopped");
}

size_t Shards::current() const {
  for (size_t i = 0; i < loops_.size(); ++i) {
    if (loops_[i]->get_executor().running_in_this_thread()) return i;
  }
  check_failed("on a shard's thread", __FILE__, __LINE__);
}

void Shards::start() {
  CHECK(threads_.empty());
  for (size_t i = 0; i < loops_.size(); ++i) {
    work_.emplace_back(loops_[i]->get_executor());
    threads_.emplace_back([loop = loops_[i].get()] { loop->run(); });
    std::string name = "shard-" + std::to_string(i);
    pthread_setname_np(threads_.back().native_handle(), name.c_str());
  }
}

void Shards::stop() {
  work_.clear();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

size_t Shards::poll() {
  size_t ran = 0, last = 0;
  do {
    last = 0;
    for (auto& loop : loops_) {
      loop->restart();
      last += loop->poll();
    }
    ran += last;
  } while (last != 0);
  return ran;
}

}  // namespace suiro
