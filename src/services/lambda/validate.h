// SPDX-License-Identifier: Apache-2.0
// Rules about settings that need nothing but the settings (AWS Lambda API Reference,
// "CreateFunction", "UpdateFunctionConfiguration"). Thread: any.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "services/lambda/logic.h"

namespace suiro::lambda {

// `settings` with the change. Errors: InvalidParameterValueException, ValidationException.
Result<Settings> with_change(Settings settings, const SettingsChange& change);
Result<void> check_tags(const std::map<std::string, std::string>& tags);
// x86_64 or arm64: what this machine is.
std::string_view host_architecture();

}  // namespace suiro::lambda
