// SPDX-License-Identifier: Apache-2.0
// Arn: arn:partition:service:region:account:resource (AWS General Reference, "Amazon Resource
// Names").
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace suiro {

struct Arn {
  std::string partition = "aws";
  std::string service;
  std::string region;
  std::string account;
  std::string resource;  // everything after the fifth colon; may hold colons and slashes

  // Errors: kInvalidArgument when the text has not six parts or does not begin with "arn:".
  static Result<Arn> parse(std::string_view text);
  std::string str() const;
  friend bool operator==(const Arn&, const Arn&) = default;
};

}  // namespace suiro
