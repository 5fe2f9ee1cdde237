// SPDX-License-Identifier: Apache-2.0
// Error codes of the service, as its model names them, and the texts that several rules share.
#pragma once

#include <fmt/format.h>

#include <string_view>

#include "base/result.h"

namespace suiro::lambda {

inline constexpr std::string_view kInvalidParameter = "InvalidParameterValueException";
inline constexpr std::string_view kResourceNotFound = "ResourceNotFoundException";
inline constexpr std::string_view kResourceConflict = "ResourceConflictException";
inline constexpr std::string_view kResourceInUse = "ResourceInUseException";
inline constexpr std::string_view kPreconditionFailed = "PreconditionFailedException";
inline constexpr std::string_view kTooManyRequests = "TooManyRequestsException";
inline constexpr std::string_view kRequestTooLarge = "RequestTooLargeException";
inline constexpr std::string_view kInvalidContent = "InvalidRequestContentException";
inline constexpr std::string_view kPolicyTooLong = "PolicyLengthExceededException";
inline constexpr std::string_view kServiceException = "ServiceException";
inline constexpr std::string_view kValidation = "ValidationException";
inline constexpr std::string_view kAccessDenied = "AccessDeniedException";

inline std::unexpected<Error> pattern_error(std::string_view value, std::string_view member,
                                            std::string_view pattern) {
  return fail(kValidation,
              fmt::format("1 validation error detected: Value '{}' at '{}' failed to satisfy "
                          "constraint: Member must satisfy regular expression pattern: {}",
                          value, member, pattern));
}

inline std::unexpected<Error> range_error(std::string_view value, std::string_view member,
                                          std::string_view rule) {
  return fail(kValidation, fmt::format("1 validation error detected: Value '{}' at '{}' failed to "
                                       "satisfy constraint: Member must have value {}",
                                       value, member, rule));
}

// For what AWS has and Suiro has not: never accepted in silence.
inline std::unexpected<Error> unsupported(std::string_view what) {
  return fail(kInvalidParameter, fmt::format("{} is not supported by Suiro.", what));
}

// `reason`: the member Reason of TooManyRequestsException.
inline std::unexpected<Error> throttled(std::string_view reason) {
  Error error{std::string(kTooManyRequests), "Rate Exceeded.", Retry::kLater, {}};
  error.details.emplace_back("Reason", std::string(reason));
  return std::unexpected(std::move(error));
}

}  // namespace suiro::lambda
