// SPDX-License-Identifier: Apache-2.0
// Structs from and to CBOR (RFC 8949), as Smithy RPC v2 and application/x-amz-cbor-1.1 use it:
// members by name, timestamps as tag 1. Definite and indefinite lengths are read, definite ones
// written. Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "shapes/shape.h"
#include "shapes/validate.h"

namespace suiro::aws {

// What the number of a timestamp counts: Smithy RPC v2's seconds, or the whole milliseconds of
// application/x-amz-cbor-1.1 (as the AWS SDKs for Java write and read them).
enum class CborTime { kSeconds, kMillis };

// Errors: SerializationException.
Result<void> read_cbor(std::string_view bytes, const shapes::Shape& shape, void* value,
                       shapes::Violations& violations, CborTime time = CborTime::kSeconds);

// Appends the structure as a map. `type` where not empty is written first as "__type" (errors).
void write_cbor(std::string& out, const shapes::Shape& shape, const void* value,
                std::string_view type = {}, CborTime time = CborTime::kSeconds);
// Appends a text string (for error documents without a shape).
void append_cbor_text(std::string& out, std::string_view text);
// Appends the head of a map of this many pairs.
void append_cbor_map(std::string& out, size_t pairs);

}  // namespace suiro::aws
