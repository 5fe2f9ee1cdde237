// SPDX-License-Identifier: Apache-2.0
// `suiro timeline`: the runs of tasks, planned against actual, as bars in the terminal, as a page
// (--html) or as data (--json).
#pragma once

#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "base/result.h"
#include "server/commands.h"

namespace suiro::server {

inline constexpr size_t kTimelineRunsMax = 200'000;

class TimelineCommand {
 public:
  void add_to(CLI::App* command);
  bool parsed() const { return command_->parsed(); }
  Result<void> run(const ServerAddress& address) const;

 private:
  CLI::App* command_ = nullptr;
  std::string since_ = "24h";
  std::string until_ = "now";
  std::string task_;
  std::string html_;
  bool json_ = false;
  uint32_t late_seconds_ = 60;
  size_t columns_ = 0;
};

// A time: "now", an age ("90m", "24h", "7d"), a day ("2026-11-20") or ISO 8601. Errors:
// kInvalidArgument says what is understood.
Result<TimePoint> parse_time_argument(std::string_view text, TimePoint now);

}  // namespace suiro::server
