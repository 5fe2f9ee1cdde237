// SPDX-License-Identifier: Apache-2.0
// The texts of an invocation: platform log lines and error documents, as AWS Lambda writes them
// ("Lambda execution environment", "Understanding Lambda function error behavior", "Report log" in
// the AWS Lambda Developer Guide).
#pragma once

#include <string>
#include <string_view>

#include "engine/sandbox/sandbox.h"

namespace suiro::sandbox {

std::string start_line(std::string_view request_id, std::string_view version);
std::string end_line(std::string_view request_id);
std::string report_line(std::string_view request_id, const Outcome& outcome, uint32_t memory_mb);

// duration plus init duration, rounded up to a millisecond.
Millis billed_time(const Outcome& outcome);

// "signal: killed", "exit status 1"; of a wait status as a shell reports it (128 + signal).
std::string exit_reason(int exit_status);

// {"errorType": …, "errorMessage": …}
std::string error_document(std::string_view type, std::string_view message);

struct ErrorText {
  std::string type;
  std::string message;
};
// Reads errorType and errorMessage from a runtime's document; empty where it has none.
ErrorText read_error(std::string_view document);

// Text as a JSON string with its quotes.
std::string json_string(std::string_view text);

}  // namespace suiro::sandbox
