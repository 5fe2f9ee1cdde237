// SPDX-License-Identifier: Apache-2.0
// Looks: what a history tells of each state: how it ended, how often it was entered and retried,
// how long it took. Shown in drawings and in the table of a rehearsal.
//
// Threads: pure functions. Failure: none; a history that is cut tells what it has.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/workflow/history.h"

namespace suiro::statechart {

enum class Status : uint8_t { kNotRun, kRunning, kSucceeded, kCaught, kFailed, kAborted };
std::string_view status_text(Status status);

struct Look {
  Status status = Status::kNotRun;  // the gravest of all its visits
  uint64_t visits = 0;
  uint64_t failures = 0;  // attempts that failed or ran out of time
  uint64_t retries = 0;
  Millis total{0};  // of the visits that ended, by failures too
  Millis longest{0};
};

struct Looks {
  std::map<std::string, Look> states;
  std::vector<std::string> path;  // states in the order in which they were entered
  std::optional<TimePoint> begun;
  std::optional<TimePoint> ended;
  bool failed = false;
};

// `history` by ids, from its first event.
Looks looks_of(const std::vector<workflow::HistoryEvent>& history);

// Adds the states of a child of a distributed Map to those of its execution; its path, its begin
// and its end are its own.
void add_child(Looks& sum, const Looks& child);

}  // namespace suiro::statechart
