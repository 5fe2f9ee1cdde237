// SPDX-License-Identifier: Apache-2.0
// Error codes of the service, as its model names them, and the texts that several rules share.
#pragma once

#include <fmt/format.h>

#include <string_view>

#include "base/result.h"

namespace suiro::iam {

inline constexpr std::string_view kNoSuchEntity = "NoSuchEntity";
inline constexpr std::string_view kAlreadyExists = "EntityAlreadyExists";
inline constexpr std::string_view kDeleteConflict = "DeleteConflict";
inline constexpr std::string_view kMalformedDocument = "MalformedPolicyDocument";
inline constexpr std::string_view kLimitExceeded = "LimitExceeded";
inline constexpr std::string_view kInvalidInput = "InvalidInput";
inline constexpr std::string_view kUnmodifiable = "UnmodifiableEntity";
inline constexpr std::string_view kValidation = "ValidationError";

inline std::unexpected<Error> quota(std::string_view name, size_t limit) {
  return fail(kLimitExceeded, fmt::format("Cannot exceed quota for {}: {}", name, limit));
}

}  // namespace suiro::iam
