// SPDX-License-Identifier: Apache-2.0
// Structs from the query protocol's parameters ("Attribute.1.Name=..."). Threads: any.
#pragma once

#include "base/result.h"
#include "protocol/aws/message.h"
#include "shapes/shape.h"
#include "shapes/validate.h"

namespace suiro::aws {

// Errors: MalformedInput for a value of the wrong type; InvalidParameterValue for more than
// kQueryElementsMax elements in a list or map.
Result<void> read_query(Pairs parameters, const shapes::Shape& shape, void* value,
                        shapes::Violations& violations);

inline constexpr size_t kQueryElementsMax = 10'000;

}  // namespace suiro::aws
