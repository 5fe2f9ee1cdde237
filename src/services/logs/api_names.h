// SPDX-License-Identifier: Apache-2.0
// Names of log groups out of the forms in which requests give them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace suiro::logs {

// Whose groups there are.
struct Home {
  std::string_view region;
  std::string_view account;
};

// A name, or an ARN with or without ":*". Errors: as group_name_of_arn().
Result<std::string> group_name_of(const Home& home, std::string_view identifier);
// An ARN alone. Errors: InvalidParameterException; ResourceNotFoundException for another resource,
// region or account.
Result<std::string> group_name_of_arn(const Home& home, std::string_view arn);
// Exactly one of the two must be given. Errors: as group_name_of().
Result<std::string> one_group(const Home& home, const std::optional<std::string>& name,
                              const std::optional<std::string>& identifier);

}  // namespace suiro::logs
