// SPDX-License-Identifier: Apache-2.0
// Export tasks: the events of a time, copied into the lake as gzip files, one line an event
// ("CreateExportTask", Amazon CloudWatch Logs API Reference).
//
//   running ──on_export() wrote the last file──► completed
//      │ cancel_export() ──► cancelled      a bucket that is gone ──► failed
//
// Invariants: a task goes on after a restart; its files have fixed names, so that one that is
// written again is the same.
#pragma once

#include "services/logs/types.h"

namespace suiro::logs {

inline constexpr size_t kExportFileBytesMax = 8 << 20;  // before it is packed
inline constexpr size_t kExportsKeptMax = 1000;         // older ones are forgotten

struct Export {
  enum class Status : uint8_t { kRunning = 0, kCompleted = 1, kCancelled = 2, kFailed = 3 };
  std::string id;
  std::string name;
  std::string group;
  std::string stream_prefix;
  TimePoint from;
  TimePoint to;
  std::string bucket;
  std::string prefix;
  Status status = Status::kRunning;
  std::string message;
  TimePoint created;
  TimePoint completed = {};
};

}  // namespace suiro::logs
