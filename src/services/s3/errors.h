// SPDX-License-Identifier: Apache-2.0
// S3's errors with AWS's codes, texts and further members (Amazon S3 API Reference, "Error
// responses"). Their HTTP status is the model's.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace suiro::s3 {

using Failure = std::unexpected<Error>;

Failure no_such_bucket(std::string bucket);
Failure no_such_key(std::string key);
Failure no_such_version(std::string key, std::string version);
Failure no_such_upload(std::string upload);
Failure precondition_failed(std::string condition);
Failure not_modified();
Failure invalid_range(std::string range, uint64_t size_bytes);
Failure invalid_argument(std::string message, std::string name, std::string value);
Failure not_implemented(std::string header);
Failure bad_digest(std::string message);
Failure malformed_xml();
// Another change of the same resource kept coming first.
Failure conflict();
Failure conditional_conflict(std::string key);

}  // namespace suiro::s3
