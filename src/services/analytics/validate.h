// SPDX-License-Identifier: Apache-2.0
// What makes a configuration acceptable by itself: limits, names, formats, kinds of resources.
// Sources: the API References of both versions; Developer Guide for SQL, "Limits".
// Threads: any; no state.
#pragma once

#include "base/result.h"
#include "services/analytics/types.h"

namespace suiro::analytics {

// Errors: InvalidArgumentException, UnsupportedOperationException.
Result<void> validate(const Configuration& configuration);
// Errors: TooManyTagsException, InvalidArgumentException.
Result<void> validate_tags(const std::map<std::string, std::string>& tags);

// "logs" ARNs of a log stream. Errors: InvalidArgumentException.
struct LogPlace {
  std::string group;
  std::string stream;
};
Result<LogPlace> parse_log_stream(std::string_view arn);
// "arn:aws:s3:::bucket". Errors: InvalidArgumentException.
Result<std::string> bucket_of(std::string_view arn);

}  // namespace suiro::analytics
