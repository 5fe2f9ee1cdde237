// SPDX-License-Identifier: Apache-2.0
// The service's errors, with the codes of its models.
#pragma once

#include <fmt/format.h>

#include "base/result.h"

namespace suiro::analytics {

inline std::unexpected<Error> invalid(std::string message) {
  return fail("InvalidArgumentException", std::move(message));
}
inline std::unexpected<Error> no_such_application(std::string_view arn) {
  return fail("ResourceNotFoundException", fmt::format("Application {} not found", arn));
}
inline std::unexpected<Error> no_such_id(std::string_view id) {
  return fail("ResourceNotFoundException", fmt::format("The application has no {}", id));
}
inline std::unexpected<Error> no_such(std::string_view what, std::string_view id) {
  return fail("ResourceNotFoundException", fmt::format("{} {} not found", what, id));
}
inline std::unexpected<Error> in_use(std::string message) {
  return fail("ResourceInUseException", std::move(message));
}
inline std::unexpected<Error> unsupported(std::string message) {
  return fail("UnsupportedOperationException", std::move(message));
}

}  // namespace suiro::analytics
