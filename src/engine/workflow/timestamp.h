// SPDX-License-Identifier: Apache-2.0
// Timestamps of the Amazon States Language: RFC 3339 with an upper-case "T", and "Z" or an offset
// ("2016-08-18T17:33:00Z", "2016-08-18T19:33:00.5+02:00"). Thread: pure functions.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace suiro::workflow {

// nullopt: not such a text. What is below a millisecond is dropped.
std::optional<TimePoint> parse_timestamp(std::string_view text);

}  // namespace suiro::workflow
