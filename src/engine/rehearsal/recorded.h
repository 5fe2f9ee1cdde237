// SPDX-License-Identifier: Apache-2.0
// A history as GetExecutionHistory answered it, read back: drawings and mocks of real executions.
//
// Threads: pure functions. Failure: kInvalidArgument for what is no history event.
#pragma once

#include <vector>

#include "engine/json/value.h"
#include "engine/rehearsal/mocks.h"
#include "engine/workflow/history.h"

namespace suiro::rehearsal {

// `events`: an array of HistoryEvent. Members that neither drawings nor mocks use are left out.
Result<std::vector<workflow::HistoryEvent>> read_history(const json::Value& events);

// Seconds since 1970 or ISO 8601, as the dialect of the answer has it.
std::optional<TimePoint> time_member(const json::Value& value, std::string_view name);

// A run of a distributed Map that an execution asked for.
struct RecordedRun {
  std::string map_run_arn;
  std::string state;
  Place place;  // of the Map, in its execution
};
// Adds the answers that a history tells to `scope`, those of a Map's iterations by their index.
// Returns the runs of distributed Maps, whose children have histories of their own: their answers
// belong into scope.at(place...).at(state, index of the child). Errors: kTooLarge, kCorrupt;
// kInvalidArgument for an execution that was redriven.
Result<std::vector<RecordedRun>> add_history(MockScope& scope,
                                             const std::vector<workflow::HistoryEvent>& history);
// `scope.at(...)` for each of `place`.
Result<MockScope*> scope_at(MockScope& scope, const Place& place);
// What an execution was given: JSON text; "{}" where its history does not tell.
std::string input_of(const std::vector<workflow::HistoryEvent>& history);

}  // namespace suiro::rehearsal
