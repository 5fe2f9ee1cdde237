// SPDX-License-Identifier: Apache-2.0
#include "engine/sandbox/report.h"

#include <fmt/format.h>
#include <signal.h>
#include <simdjson.h>

#include <cstring>

namespace suiro::sandbox {

namespace {

double milliseconds(Micros time) {
  return static_cast<double>(time.count()) / 1000.0;
}

// Go's names of signals, which AWS's messages use.
std::string signal_name(int number) {
  switch (number) {
    case SIGKILL:
      return "killed";
    case SIGSEGV:
      return "segmentation fault";
    case SIGABRT:
      return "aborted";
    case SIGTERM:
      return "terminated";
    default: {
      const char* name = ::sigdescr_np(number);
      return name == nullptr ? fmt::format("{}", number) : to_lower(name);
    }
  }
}

std::string string_of(simdjson::dom::object object, std::string_view key) {
  std::string_view value;
  return object[key].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
}

}  // namespace

std::string start_line(std::string_view request_id, std::string_view version) {
  return fmt::format("START RequestId: {} Version: {}", request_id, version);
}

std::string end_line(std::string_view request_id) {
  return fmt::format("END RequestId: {}", request_id);
}

std::string report_line(std::string_view request_id, const Outcome& outcome, uint32_t memory_mb) {
  std::string line = fmt::format(
      "REPORT RequestId: {}\tDuration: {:.2f} ms\tBilled Duration: {} ms\tMemory Size: {} MB\t"
      "Max Memory Used: {} MB\t",
      request_id, milliseconds(outcome.duration), outcome.billed.count(), memory_mb,
      outcome.memory_used_mb);
  if (outcome.init_duration) {
    line += fmt::format("Init Duration: {:.2f} ms\t", milliseconds(*outcome.init_duration));
  }
  switch (outcome.end) {
    case Outcome::End::kTimeout:
      return line + "Status: timeout";
    case Outcome::End::kOutOfMemory:
      return line + "Status: error\tError Type: Runtime.OutOfMemory";
    case Outcome::End::kExited:
      return line + "Status: error\tError Type: " + outcome.error_type;
    case Outcome::End::kReturned:
    case Outcome::End::kFunctionError:
      return line;
  }
  return line;
}

Millis billed_time(const Outcome& outcome) {
  return std::chrono::ceil<Millis>(outcome.duration + outcome.init_duration.value_or(Micros(0)));
}

std::string exit_reason(int exit_status) {
  constexpr int kSignalled = 128;
  if (exit_status > kSignalled) return "signal: " + signal_name(exit_status - kSignalled);
  return fmt::format("exit status {}", exit_status);
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  return out + '"';
}

std::string error_document(std::string_view type, std::string_view message) {
  return fmt::format(R"({{"errorType":{},"errorMessage":{}}})", json_string(type),
                     json_string(message));
}

ErrorText read_error(std::string_view document) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  simdjson::padded_string padded(document);
  if (parser.parse(padded).get_object().get(object) != simdjson::SUCCESS) return {};
  return {string_of(object, "errorType"), string_of(object, "errorMessage")};
}

}  // namespace suiro::sandbox
