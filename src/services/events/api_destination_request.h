// SPDX-License-Identifier: Apache-2.0
// The request that an API destination is sent for an event. Thread: pure functions.
// Source: EventBridge API Reference, "HttpParameters"; EventBridge User Guide, "API destinations".
#pragma once

#include "engine/http_out/client.h"
#include "kernel/event/http_connections.h"
#include "services/events/connection.h"

namespace suiro::events {

// The attribute of an event that holds its rule target's HttpParameters, paths filled in:
// {"PathParameterValues": ["a"], "HeaderParameters": {"n": "v"}, "QueryStringParameters": {}}.
inline constexpr std::string_view kHttpParametersAttribute = "HttpParameters";

struct Invocation {
  Bytes payload;
  std::string http_parameters;  // JSON, as above; empty: none
};

// Values of the connection take the place of those that the rule's target gives. Errors:
// kInvalidArgument where body parameters meet a payload that is no JSON object, a header has a line
// break, or a path parameter is "." or "..".
Result<http_out::Request> request_of(const ApiDestination& destination, Invocation invocation,
                                     const event::ConnectionAdditions& additions);

}  // namespace suiro::events
