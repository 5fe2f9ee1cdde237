// SPDX-License-Identifier: Apache-2.0
// Scalars as text: what headers, query strings and XML carry. Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "shapes/shape.h"

namespace suiro::shapes {

// Appends seconds since the epoch with up to three decimals.
void append_epoch_seconds(std::string& out, TimePoint when);
// Errors: SerializationException for a value beyond what TimePoint holds.
Result<TimePoint> time_of_seconds(double seconds);

// The text of a scalar; lists, maps and structures CHECK. `format` as found on the member or shape,
// with the protocol's default put in by the caller.
std::string scalar_text(const Shape& shape, const void* value, TimeFormat format);

// Parses text into a scalar. Timestamps are taken in any of the three formats.
// Errors: SerializationException naming what was expected.
Result<void> read_scalar(std::string_view text, const Shape& shape, void* value);

}  // namespace suiro::shapes
