// SPDX-License-Identifier: Apache-2.0
#include "services/analytics/types.h"

#include <fmt/format.h>

namespace suiro::analytics {

std::string_view name_of(Status status) {
  switch (status) {
    case Status::kReady:
      return "READY";
    case Status::kStarting:
      return "STARTING";
    case Status::kRunning:
      return "RUNNING";
    case Status::kStopping:
      return "STOPPING";
    case Status::kUpdating:
      return "UPDATING";
    case Status::kDeleting:
      return "DELETING";
  }
  return "";
}

std::string_view name_of(Format format) {
  return format == Format::kJson ? "JSON" : "CSV";
}

std::string_view name_of(StartAt at) {
  switch (at) {
    case StartAt::kNone:
      return "";
    case StartAt::kNow:
      return "NOW";
    case StartAt::kTrimHorizon:
      return "TRIM_HORIZON";
    case StartAt::kLastStoppedPoint:
      return "LAST_STOPPED_POINT";
  }
  return "";
}

std::string_view name_of(Operation::Outcome outcome) {
  switch (outcome) {
    case Operation::Outcome::kInProgress:
      return "IN_PROGRESS";
    case Operation::Outcome::kSuccessful:
      return "SUCCESSFUL";
    case Operation::Outcome::kFailed:
      return "FAILED";
    case Operation::Outcome::kCancelled:
      return "CANCELLED";
  }
  return "";
}

std::vector<std::string> Input::stream_names() const {
  std::vector<std::string> names;
  for (uint32_t i = 1; i <= parallelism; ++i) names.push_back(fmt::format("{}_{:03}", prefix, i));
  return names;
}

}  // namespace suiro::analytics
