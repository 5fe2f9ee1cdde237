// SPDX-License-Identifier: Apache-2.0
// Turns: where changes of one resource keep overtaking each other, they queue here, so that each of
// them succeeds after a bounded number of attempts. settle() is the loop of every change.
//
// Invariants:
//  1. At most one holder a name; the others wait in the order in which they came.
// Thread: a Turns belongs to one shard.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/shard.h"
#include "services/s3/errors.h"
#include "services/s3/types.h"

namespace suiro::s3 {

class Turns {
 public:
  explicit Turns(Executor executor) : executor_(executor) {}

  Task<void> take(std::string name) {
    auto [slot, free] = slots_.try_emplace(name);
    if (free) {
      slot->second = std::make_unique<Signal>(executor_);
      co_return;
    }
    co_await slot->second->wait();
  }

  // Hands the turn to who has waited longest.
  void give(const std::string& name) {
    if (!slots_.at(name)->notify_one()) slots_.erase(name);
  }

 private:
  Executor executor_;
  std::unordered_map<std::string, std::unique_ptr<Signal>> slots_;
};

// Whether a change may be judged by a bucket's record in memory.
enum class Freshness { kCached, kStored };

inline constexpr int kAttemptsBeforeQueue = 2;

// Runs `attempt` until it does something else than lose a condition: first on this shard, then in
// turn on the shard of `resource`. Errors: those of `attempt`; OperationAborted after
// kCommitAttemptsMax.
template <class Attempt>
auto settle(Shards& shards, std::vector<Turns>& turns, std::string resource, Attempt attempt)
    -> decltype(attempt(Freshness::kCached)) {
  for (int i = 0; i < kAttemptsBeforeQueue; ++i) {
    auto result = co_await attempt(i == 0 ? Freshness::kCached : Freshness::kStored);
    if (result || result.error().code != codes::kConditionFailed) co_return result;
  }
  auto queued = [&]() -> decltype(attempt(Freshness::kCached)) {
    Turns& queue = turns[shards.owner_index(resource)];
    co_await queue.take(resource);
    auto result = co_await attempt(Freshness::kStored);
    for (int i = kAttemptsBeforeQueue + 1; i < kCommitAttemptsMax; ++i) {
      if (result || result.error().code != codes::kConditionFailed) break;
      result = co_await attempt(Freshness::kStored);
    }
    queue.give(resource);
    co_return result;
  };
  auto result = co_await run_on(shards.owner(resource), queued);
  if (!result && result.error().code == codes::kConditionFailed) co_return conflict();
  co_return result;
}

}  // namespace suiro::s3
