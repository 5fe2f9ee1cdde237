// SPDX-License-Identifier: Apache-2.0
// A HistoryEvent as GetExecutionHistory tells it, as a JSON value: for rehearsals and tests.
// Thread: pure functions.
#pragma once

#include <string>

#include "engine/json/value.h"
#include "engine/workflow/history.h"

namespace suiro::workflow {

// {"id", "previousEventId", "timestamp" (ISO 8601), "type", "...EventDetails"}. Inputs and outputs
// stay texts.
json::Value history_json(const HistoryEvent& event);
// The name of the member that holds the type's details ("stateEnteredEventDetails"); empty where
// the type has none.
std::string details_name(EventType type);

}  // namespace suiro::workflow
