// SPDX-License-Identifier: Apache-2.0
// The service's errors, by AWS's codes (EventBridge Scheduler API Reference).
#pragma once

#include <fmt/format.h>

#include "base/result.h"

namespace suiro::scheduler {

inline std::unexpected<Error> invalid(std::string message) {
  return fail("ValidationException", std::move(message));
}
inline std::unexpected<Error> conflict(std::string message) {
  return fail("ConflictException", std::move(message));
}
inline std::unexpected<Error> no_schedule(std::string_view name) {
  return fail("ResourceNotFoundException", fmt::format("Schedule {} does not exist.", name));
}
inline std::unexpected<Error> no_group(std::string_view name) {
  return fail("ResourceNotFoundException", fmt::format("Schedule group {} does not exist.", name));
}
inline std::unexpected<Error> busy(std::string_view what) {
  return fail("ConflictException",
              fmt::format("{} is being changed by other requests. Try again.", what),
              Retry::kLater);
}

}  // namespace suiro::scheduler
