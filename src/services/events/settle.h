// SPDX-License-Identifier: Apache-2.0
// settle(): runs attempt() until it does something else than lose a race.
#pragma once

#include "base/task.h"
#include "services/events/errors.h"
#include "services/events/types.h"

namespace suiro::events {

template <class Attempt>
auto settle(Attempt attempt) -> decltype(attempt()) {
  for (int i = 1; i < kCommitAttemptsMax; ++i) {
    auto result = co_await attempt();
    if (result || result.error().code != codes::kConditionFailed) co_return result;
  }
  auto last = co_await attempt();
  if (!last && last.error().code == codes::kConditionFailed) {
    co_return fail(kConcurrent, "There is concurrent modification on a resource.", Retry::kLater);
  }
  co_return last;
}

}  // namespace suiro::events
