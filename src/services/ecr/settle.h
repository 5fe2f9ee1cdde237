// SPDX-License-Identifier: Apache-2.0
// Logic::settle(): runs an attempt until it does something else than lose a race.
#pragma once

#include "services/ecr/logic.h"

namespace suiro::ecr {

template <class Attempt>
auto Logic::settle(Attempt attempt) -> decltype(attempt()) {
  for (int i = 0; i < kCommitAttemptsMax; ++i) {
    auto done = co_await attempt();
    if (done || done.error().code != codes::kConditionFailed) co_return done;
  }
  co_return fail(codes::kThrottled, "Too many changes of one repository at once", Retry::kLater);
}

}  // namespace suiro::ecr
