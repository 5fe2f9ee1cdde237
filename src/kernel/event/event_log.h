// SPDX-License-Identifier: Apache-2.0
// The event log on disk: one record an event, under the lane of its target. A lane is the 64-bit
// hash of the target's ARN: the events of one target lie together, in commit order, so that a
// target that is slow or gone never stands in the way of another.
//
// Bytes on disk: docs/formats/event.md.
#pragma once

#include <optional>

#include "kernel/event/event.h"

namespace suiro::event {

using LaneId = uint64_t;

LaneId lane_of(std::string_view target_arn);
// The prefix of the whole log, and that of one lane.
store::Key log_prefix();
store::Key lane_prefix(LaneId lane);
// The lane that a key of the log belongs to, and the commit sequence that wrote it.
LaneId lane_of_key(ByteView key);
store::Version version_of_key(ByteView key);

Bytes encode_event(const Event& event);
// Errors: kCorrupt.
Result<Event> decode_event(ByteView bytes);

// The span that stands for the event in its trace: the same over retries and restarts.
std::string event_span_id(const Event& event);

}  // namespace suiro::event
