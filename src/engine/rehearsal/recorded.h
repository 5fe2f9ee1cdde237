// SPDX-License-Identifier: Apache-2.0
// A history as GetExecutionHistory answered it, read back: drawings and mocks of real executions.
//
// Threads: pure functions. Failure: kInvalidArgument for what is no history event.
#pragma once

#include <vector>

#include "engine/json/value.h"
#include "engine/workflow/history.h"

namespace suiro::rehearsal {

// `events`: an array of HistoryEvent. Members that neither drawings nor mocks use are left out.
Result<std::vector<workflow::HistoryEvent>> read_history(const json::Value& events);

}  // namespace suiro::rehearsal
