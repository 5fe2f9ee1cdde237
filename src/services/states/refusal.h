// SPDX-License-Identifier: Apache-2.0
// What CreateStateMachine and UpdateStateMachine answer to a definition that is not valid.
// Thread: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "engine/workflow/plan.h"

namespace suiro::states {

// InvalidDefinition with the diagnostics. `compiled` has no plan. The label of a distributed Map is
// refused in other words, those of the recorded answers (decision 222).
Error definition_refused(const workflow::Compiled& compiled, std::string_view definition);

}  // namespace suiro::states
