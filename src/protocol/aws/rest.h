// SPDX-License-Identifier: Apache-2.0
// What rest-json and rest-xml share: members in the URI, the query string and headers, and
// payloads. Threads: any.
#pragma once

#include "base/result.h"
#include "protocol/aws/message.h"
#include "protocol/aws/router.h"
#include "shapes/shape.h"
#include "shapes/validate.h"

namespace suiro::aws {

// Reads the members that are not in the body. Errors: InvalidArgument (rest-xml) or
// SerializationException naming the member.
Result<void> read_bound_members(const Route& route, const Request& request, void* value,
                                shapes::Violations& violations);

// Adds the headers of a structure (an output or an error) and sets the status of a status member.
void write_bound_members(const shapes::Shape& shape, const void* value, Response& response);

// Adds a header; line breaks and NUL in the value become spaces.
void add_header(Response& response, std::string name, std::string value);
// Replaces the header of this name (any case), or adds it.
void set_header(Response& response, std::string name, std::string value);
bool has_header(const Response& response, std::string_view name);

// Whether a request, or a response, of this structure has members in its body (payload or not).
bool has_body_members(const shapes::Shape& shape);
bool has_response_members(const shapes::Shape& shape);

}  // namespace suiro::aws
