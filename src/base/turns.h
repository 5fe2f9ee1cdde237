// SPDX-License-Identifier: Apache-2.0
// Turns: changes of one thing come one after the other, in the order in which they came. Without
// them every writer of a busy thing but one would lose its race each time.
// Thread: a Turns belongs to one executor.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "base/clock.h"

namespace suiro {

class Turns {
 public:
  explicit Turns(Executor executor) : executor_(executor) {}

  Task<void> take(std::string name) {
    auto [slot, is_free] = waiting_.try_emplace(std::move(name));
    if (is_free) {
      slot->second = std::make_unique<Signal>(executor_);
      co_return;
    }
    co_await slot->second->wait();
  }
  // Hands the turn to who has waited longest.
  void give(const std::string& name) {
    auto slot = waiting_.find(name);
    if (!slot->second->notify_one()) waiting_.erase(slot);
  }

 private:
  Executor executor_;
  std::unordered_map<std::string, std::unique_ptr<Signal>> waiting_;
};

// Gives the turn back at the end of its scope.
class Turn {
 public:
  Turn(Turns& turns, std::string name) : turns_(&turns), name_(std::move(name)) {}
  ~Turn() { turns_->give(name_); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Turns* turns_;
  std::string name_;
};

}  // namespace suiro
