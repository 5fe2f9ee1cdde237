// SPDX-License-Identifier: Apache-2.0
// Event streams: application/vnd.amazon.eventstream, the framing of outputs that go on for long
// (SubscribeToShard). Source: Smithy's "Amazon Event Stream" specification.
//
//   message = total length (4) | headers' length (4) | CRC-32 of these 8 (4)
//           | headers | payload | CRC-32 of all before (4)              big-endian
//   header  = name's length (1) | name | type 7 (1) | value's length (2) | value
//
// Thread: that of the request.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "shapes/call.h"
#include "shapes/events.h"
#include "shapes/shape.h"

namespace suiro::aws {

inline constexpr std::string_view kEventStreamType = "application/vnd.amazon.eventstream";

using EventHeader = std::pair<std::string_view, std::string_view>;

// One message with string headers. `payload` is less than 16 MiB, a value less than 32 KiB.
Bytes event_message(std::span<const EventHeader> headers, ByteView payload);

struct EventFormat {
  std::string document_type;  // "application/x-amz-json-1.1": of every payload
  shapes::Protocol protocol = shapes::Protocol::kJson;
};

// The body of a reply: the initial response (the output's other members, already written), then
// each event; an error of the source becomes an exception message, and ends the body.
shapes::Body event_stream(shapes::Events events, EventFormat format, Bytes initial);

}  // namespace suiro::aws
