// SPDX-License-Identifier: Apache-2.0
// Shards: N single-threaded event loops. Every resource has one owner shard, chosen by hash, and
// only code on that shard touches its state.
//
// Invariants:
//  1. A shard's loop runs on one thread from start() to stop().
//  2. owner(name) is a pure function of the name and the number of shards; nothing on disk depends
//  on
//     it, so the number may change between starts.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "base/task.h"

namespace suiro {

// FNV-1a, 64 bits. Stable across processes.
uint64_t stable_hash(std::string_view bytes);

class Shards {
 public:
  // count >= 1.
  explicit Shards(size_t count);
  ~Shards();  // stop() must have been called if start() was
  size_t size() const { return loops_.size(); }
  Executor executor(size_t shard) { return loops_[shard]->get_executor(); }
  asio::io_context& context(size_t shard) { return *loops_[shard]; }
  size_t owner_index(std::string_view resource) const { return stable_hash(resource) % size(); }
  Executor owner(std::string_view resource) { return executor(owner_index(resource)); }
  // Index of the shard whose thread this is. CHECKs that it is a shard's thread.
  size_t current() const;

  // Starts one thread a shard.
  void start();
  // Lets the loops run out of work, then joins the threads.
  void stop();
  // Without start(): runs every loop on the calling thread until all are idle (simulation, tests).
  // Returns the number of handlers that ran.
  size_t poll();

 private:
  using Work = asio::executor_work_guard<Executor>;
  std::vector<std::unique_ptr<asio::io_context>> loops_;
  std::vector<Work> work_;
  std::vector<std::thread> threads_;
};

}  // namespace suiro
