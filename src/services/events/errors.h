// SPDX-License-Identifier: Apache-2.0
// Error codes and texts of EventBridge, as logic uses them.
#pragma once

#include <fmt/format.h>

#include "base/result.h"

namespace suiro::events {

inline constexpr std::string_view kValidation = "ValidationException";
inline constexpr std::string_view kResourceNotFound = "ResourceNotFoundException";
inline constexpr std::string_view kAlreadyExists = "ResourceAlreadyExistsException";
inline constexpr std::string_view kLimitExceeded = "LimitExceededException";
inline constexpr std::string_view kConcurrent = "ConcurrentModificationException";

inline std::unexpected<Error> invalid(std::string message) {
  return fail(kValidation, std::move(message));
}
inline std::unexpected<Error> no_such_bus(std::string_view name) {
  return fail(kResourceNotFound, fmt::format("Event bus {} does not exist.", name));
}
inline std::unexpected<Error> no_such_rule(std::string_view rule, std::string_view bus) {
  return fail(kResourceNotFound, fmt::format("Rule {} does not exist on EventBus {}.", rule, bus));
}
inline std::unexpected<Error> too_many() {
  return fail(kLimitExceeded, "The requested resource exceeds the maximum number allowed.");
}

}  // namespace suiro::events
