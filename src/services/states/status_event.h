// SPDX-License-Identifier: Apache-2.0
// What the rest of the system hears of an execution: its span in the journal, its event on the
// default bus, what DescribeExecution tells about redrives.
// Source: Step Functions Developer Guide, "Automating Step Functions event delivery with
// EventBridge". Thread: pure functions.
#pragma once

#include "services/states/executions_parts.h"

namespace suiro::states {

inline constexpr std::string_view kStatusEventSource = "aws.states";

struct RedriveStatus {
  std::string status;
  std::string reason;  // with NOT_REDRIVABLE
};
RedriveStatus redrive_status_of(const ExecutionRow& row, const RuntimeConfig& config,
                                TimePoint now);

// Texts of an execution's record; those that were not asked for are null.
struct ExecutionTexts {
  const std::string* input = nullptr;
  const std::string* output = nullptr;
};
// The event's document.
std::string status_event(const event::Kernel& kernel, const RuntimeConfig& config,
                         const ExecutionRow& row, const MachineRow& machine, ExecutionTexts texts);
event::Span execution_span(const ExecutionRow& row, TimePoint now);

}  // namespace suiro::states
