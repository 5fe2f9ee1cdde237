// SPDX-License-Identifier: Apache-2.0
// Names of functions, as requests carry them and as ARNs hold them (AWS Lambda API Reference, the
// parameter FunctionName of each action).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace suiro::lambda {

inline constexpr std::string_view kLatest = "$LATEST";

struct Place {
  std::string region;
  std::string account;
};

struct FunctionName {
  std::string name;
  std::string qualifier;  // version, alias or "$LATEST"; empty: none was given
};

// `text`: a name, "name:qualifier", a partial ARN ("account:function:name") or a full one.
// Errors: ValidationException for another form; ResourceNotFoundException for another region or
// account; InvalidParameterValueException when text and `qualifier` name different qualifiers.
Result<FunctionName> parse_function_name(std::string_view text,
                                         const std::optional<std::string>& qualifier,
                                         const Place& place);
std::string function_arn(const Place& place, std::string_view name,
                         std::string_view qualifier = {});
bool is_function_name(std::string_view text);
// [a-zA-Z0-9-_]+ that is not a number.
bool is_alias_name(std::string_view text);
bool is_version_number(std::string_view text);

}  // namespace suiro::lambda
