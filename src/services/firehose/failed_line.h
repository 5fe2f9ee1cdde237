// SPDX-License-Identifier: Apache-2.0
// A record that was given up, as the line that AWS writes for it under the error prefix (Amazon
// Data Firehose Developer Guide, "Handle data delivery failures", "Handle failure in data
// transformation").
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

namespace suiro::firehose {

struct FailedRecord {
  uint32_t attempts = 1;
  TimePoint arrived;
  TimePoint ended;  // of the last attempt
  std::string code;
  std::string message;
  ByteView data;
  // Further members, in order: "lambdaArn", "esDocumentId", ...
  std::vector<std::pair<std::string, std::string>> more;
};

// With a newline at its end.
std::string failed_line(const FailedRecord& record);

}  // namespace suiro::firehose
