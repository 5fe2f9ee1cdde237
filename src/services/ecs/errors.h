// SPDX-License-Identifier: Apache-2.0
// Error codes of Amazon ECS as the rules use them, with the texts that clients know.
#pragma once

#include <fmt/format.h>

#include "base/result.h"

namespace suiro::ecs {

inline constexpr std::string_view kClient = "ClientException";
inline constexpr std::string_view kInvalidParameter = "InvalidParameterException";
inline constexpr std::string_view kClusterNotFound = "ClusterNotFoundException";
inline constexpr std::string_view kServiceNotFound = "ServiceNotFoundException";
inline constexpr std::string_view kServiceNotActive = "ServiceNotActiveException";
inline constexpr std::string_view kConflict = "ConflictException";
inline constexpr std::string_view kLimitExceeded = "LimitExceededException";
inline constexpr std::string_view kClusterHasServices = "ClusterContainsServicesException";
inline constexpr std::string_view kClusterHasTasks = "ClusterContainsTasksException";

inline std::unexpected<Error> client_error(std::string message) {
  return fail(kClient, std::move(message));
}
inline std::unexpected<Error> invalid(std::string message) {
  return fail(kInvalidParameter, std::move(message));
}
inline std::unexpected<Error> no_such_cluster() {
  return fail(kClusterNotFound, "Cluster not found.");
}
inline std::unexpected<Error> no_such_service() {
  return fail(kServiceNotFound, "Service not found.");
}
inline std::unexpected<Error> no_such_definition() {
  return client_error("Unable to describe task definition.");
}
// The same may succeed a little later.
inline bool is_passing(const Error& error) {
  return error.retry == Retry::kLater || error.code == codes::kUnavailable ||
         error.code == codes::kThrottled || error.code == codes::kClosed;
}
// What AWS has and Suiro has not.
inline std::unexpected<Error> not_supported(std::string_view what) {
  return fail(codes::kNotImplemented, fmt::format("{} is not supported by Suiro", what));
}

}  // namespace suiro::ecs
