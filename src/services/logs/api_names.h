// SPDX-License-Identifier: Apache-2.0
// Names of log groups out of the forms in which requests give them.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace suiro::logs {

// A name, or an ARN with or without ":*". Errors: InvalidParameterException.
Result<std::string> group_name_of(std::string_view identifier);
// An ARN alone. Errors: InvalidParameterException; ResourceNotFoundException for another resource.
Result<std::string> group_name_of_arn(std::string_view arn);
// Exactly one of the two must be given. Errors: InvalidParameterException.
Result<std::string> one_group(const std::optional<std::string>& name,
                              const std::optional<std::string>& identifier);

}  // namespace suiro::logs
