// SPDX-License-Identifier: Apache-2.0
// What a bucket policy must be: AWS's checks with its texts, then the engine's
// (engine/policy/policy.h), which refuses what it does not evaluate.
//
// Thread: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace suiro::s3 {

// Of the text without the white space between its tokens (Amazon S3 User Guide, "Adding a bucket
// policy").
inline constexpr size_t kPolicyBytesMax = 20'480;
// Of the text as it came.
inline constexpr size_t kPolicyTextBytesMax = 64 * 1024;

enum class Publicity : uint8_t { kPrivate, kPublic };

// Errors: MalformedPolicy.
Result<Publicity> check_policy(std::string_view text, std::string_view bucket);
// As the engine reads it: `text` without its white space. Errors: MalformedPolicy.
Result<std::string> normal_policy(std::string_view text);

}  // namespace suiro::s3
