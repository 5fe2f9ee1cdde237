// SPDX-License-Identifier: Apache-2.0
// Request and Response: what passes between the HTTP front end and the AWS codecs. Plain values; no
// socket, no signature.
//
// The front end fills Request after it has verified the signature, decoded aws-chunked and moved
// the bucket of a virtual-host name into the path ("/bucket/key"). Header names are lower case,
// values trimmed. Either `body` holds the whole body or, for operations with a streaming input
// (Operation::streams_input), `stream` is set.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "shapes/call.h"

namespace suiro::aws {

// The content type of CBOR bodies under X-Amz-Target (Kinesis; AWS's SDKs for Java use it).
inline constexpr std::string_view kTargetCborType = "application/x-amz-cbor-1.1";

using Pairs = std::vector<std::pair<std::string, std::string>>;

// The first value of `name`, or nullopt. For headers `name` is lower case.
inline std::optional<std::string_view> find(const Pairs& pairs, std::string_view name) {
  for (const auto& [key, value] : pairs) {
    if (key == name) return value;
  }
  return std::nullopt;
}

struct Request {
  std::string method;
  std::string path;  // as on the wire: percent-encoded, without the query
  Pairs query;       // decoded, in order; a name without '=' has an empty value
  Pairs headers;     // lower-case names, in order
  Bytes body;
  shapes::Body stream;
};

struct Response {
  int status = 200;
  Pairs headers;  // as they are written; without Content-Length, Date and Connection
  Bytes body;
  shapes::Body stream;  // where set, `body` is empty
};

}  // namespace suiro::aws
