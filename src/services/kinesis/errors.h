// SPDX-License-Identifier: Apache-2.0
// Error codes and texts of Kinesis Data Streams as logic uses them.
#pragma once

#include "services/kinesis/sequence.h"

namespace suiro::kinesis {

inline constexpr std::string_view kInvalidArgument = "InvalidArgumentException";
inline constexpr std::string_view kResourceNotFound = "ResourceNotFoundException";
inline constexpr std::string_view kResourceInUse = "ResourceInUseException";
inline constexpr std::string_view kLimitExceeded = "LimitExceededException";
inline constexpr std::string_view kThroughputExceeded = "ProvisionedThroughputExceededException";
inline constexpr std::string_view kExpiredIterator = "ExpiredIteratorException";
inline constexpr std::string_view kExpiredNextToken = "ExpiredNextTokenException";
inline constexpr std::string_view kValidation = "ValidationException";

inline std::unexpected<Error> invalid(std::string message) {
  return fail(kInvalidArgument, std::move(message));
}

}  // namespace suiro::kinesis
