// SPDX-License-Identifier: Apache-2.0
// settle(): the loop of every change. Where changes of one resource keep overtaking each other,
// they queue, so that each of them succeeds after a bounded number of attempts.
#pragma once

#include <string>

#include "base/shard.h"
#include "base/turns.h"
#include "services/s3/errors.h"
#include "services/s3/types.h"

namespace suiro::s3 {

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
