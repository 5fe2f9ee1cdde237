// SPDX-License-Identifier: Apache-2.0
// Whole files that commands read and write. Errors: kInvalidArgument with the path.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace suiro::server {

Result<std::string> read_text_file(const std::string& path);
Result<void> write_text_file(const std::string& path, std::string_view text);

}  // namespace suiro::server
