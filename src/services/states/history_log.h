// SPDX-License-Identifier: Apache-2.0
// Lines of history in CloudWatch Logs: JSON, one an event.
// Source: Step Functions Developer Guide, "Using CloudWatch Logs to log execution history in Step
// Functions" (levels by event type, payloads beyond 248 KB). Thread: pure functions.
#pragma once

#include "services/states/executions_parts.h"

namespace suiro::states {

inline constexpr size_t kLoggedPayloadMax = 248 << 10;

// Whether a level takes an event.
bool is_logged(LogSettings::Level level, workflow::EventType type);
// {"id":"1","type":"ExecutionStarted","details":{...},"previous_event_id":"0",
//  "event_timestamp":"...","execution_arn":"...","redrive_count":"0"}
std::string log_line(const workflow::HistoryEvent& event, std::string_view execution_arn,
                     uint64_t redrive_count, const LogSettings& settings);
// "states/NAME/2026-01-02-03-04/0123abcd".
std::string log_stream_name(std::string_view machine_name, TimePoint now, Random& random);

}  // namespace suiro::states
