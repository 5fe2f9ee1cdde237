// SPDX-License-Identifier: Apache-2.0
// The service's errors, by AWS's codes (Amazon Data Firehose API Reference).
#pragma once

#include <fmt/format.h>

#include "base/result.h"

namespace suiro::firehose {

inline std::unexpected<Error> invalid(std::string message) {
  return fail("InvalidArgumentException", std::move(message));
}
inline std::unexpected<Error> not_found(std::string_view name, std::string_view account) {
  return fail("ResourceNotFoundException",
              fmt::format("Firehose {} under account {} not found.", name, account));
}
inline std::unexpected<Error> not_supported(std::string_view what) {
  return fail(codes::kNotImplemented, fmt::format("{} is not supported by Suiro", what));
}

}  // namespace suiro::firehose
