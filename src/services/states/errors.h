// SPDX-License-Identifier: Apache-2.0
// The service's errors, by AWS's codes and texts (Step Functions API Reference).
#pragma once

#include <fmt/format.h>

#include "base/result.h"

namespace suiro::states {

inline std::unexpected<Error> invalid(std::string message) {
  return fail("ValidationException", std::move(message));
}
inline std::unexpected<Error> invalid_arn(std::string_view why) {
  return fail("InvalidArn", fmt::format("Invalid Arn: '{}'", why));
}
inline std::unexpected<Error> invalid_token() {
  return fail("InvalidToken", "Invalid Token: 'Invalid token'");
}
inline std::unexpected<Error> no_machine(std::string_view arn) {
  return fail("StateMachineDoesNotExist", fmt::format("State Machine Does Not Exist: '{}'", arn));
}
inline std::unexpected<Error> machine_exists(std::string_view arn) {
  return fail("StateMachineAlreadyExists", fmt::format("State Machine Already Exists: '{}'", arn));
}
inline std::unexpected<Error> machine_deleting(std::string_view arn) {
  return fail("StateMachineDeleting", fmt::format("State Machine Deleting: '{}'", arn));
}
inline std::unexpected<Error> no_resource(std::string_view arn) {
  return fail("ResourceNotFound", fmt::format("Resource not found: '{}'", arn));
}
inline std::unexpected<Error> no_activity(std::string_view arn) {
  return fail("ActivityDoesNotExist", fmt::format("Activity Does Not Exist: '{}'", arn));
}
inline std::unexpected<Error> conflict(std::string message) {
  return fail("ConflictException", std::move(message));
}
inline std::unexpected<Error> over_quota(std::string message) {
  return fail("ServiceQuotaExceededException", std::move(message));
}
inline std::unexpected<Error> not_this_type() {
  return fail("StateMachineTypeNotSupported",
              "This operation is not supported by this type of state machine");
}
inline std::unexpected<Error> busy(std::string_view what) {
  return fail("ConflictException",
              fmt::format("{} is being changed by other requests. Try again.", what),
              Retry::kLater);
}

}  // namespace suiro::states
