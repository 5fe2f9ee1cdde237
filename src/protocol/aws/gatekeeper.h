// SPDX-License-Identifier: Apache-2.0
// Gatekeeper: whether a proven caller may call an operation. The server's; the front end asks it
// after the input was parsed and before the operation is called.
#pragma once

#include <optional>

#include "shapes/call.h"
#include "shapes/value.h"

namespace suiro::aws {

class Gatekeeper {
 public:
  virtual ~Gatekeeper() = default;
  // The text of the denial; nullopt: go on. May set call.denial. On the request's shard; does not
  // block.
  virtual std::optional<std::string> deny(shapes::Call& call, const shapes::Operation& operation,
                                          const shapes::Value& input) = 0;
};

// AWS's code of a denial: "AccessDenied" of S3, SQS and the query protocol, else
// "AccessDeniedException".
std::string_view denial_code(const shapes::Operation& operation, shapes::Protocol protocol);

}  // namespace suiro::aws
