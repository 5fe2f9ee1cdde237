// SPDX-License-Identifier: Apache-2.0
// Drive: runs an execution in virtual time. What its tasks answer, and after how long, a function
// tells: tests, rehearsals, simulations.
//
//   Drive drive(Execution(plan, info, limits), {.start = ..., .mock = ...});
//   drive.run();                   // hours of waiting pass in microseconds
//   drive.history(); drive.ending();
//
// Invariants:
//  1. Equal options, mocks and calls give equal histories: occurrences come in the order of their
//     times, and of one time in the order in which they were planned.
//  2. Time moves by occurrences alone and never goes back.
//  3. An effect that was cancelled is not answered any more.
// Threads: one at a time. Failure: run() tells where a limit was reached; see there.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "base/random.h"
#include "engine/workflow/execution.h"

namespace suiro::workflow {

// What becomes of an effect. Times count from when it was asked for.
struct MockAnswer {
  Millis started_after{0};
  std::string worker_name;               // of an activity
  std::string map_run_arn;               // of a MapRunEffect
  std::optional<std::string> submitted;  // the first answer of .sync and .waitForTaskToken
  std::vector<Millis> heartbeats_after;
  Millis answered_after{0};
  std::optional<std::string> output;  // JSON text; absent: it fails, or never answers
  std::optional<EffectFailed> failure;
};
using Mock = std::function<MockAnswer(const Effect& effect)>;

struct DriveOptions {
  TimePoint start{};
  uint64_t seed = 1;
  Mock mock;
  Inspector* inspector = nullptr;
  std::function<bool(std::string_view arn)> activity_exists;
  // Called behind each step, with what it gave.
  std::function<void(class Drive& drive, const Outcome& outcome)> stepped;
  uint64_t steps_max = 1'000'000;
};

class Drive {
 public:
  // `execution` has not begun: Started is planned for options.start.
  Drive(Execution execution, DriveOptions options);

  // Something else that happens, not before now.
  void plan(TimePoint at, Occurrence occurrence);
  // The next occurrence, with the steps that it needs; false: none is planned, or too many steps
  // were made. Occurrences behind the execution's end are made, too.
  bool advance();
  // Until nothing is planned. Errors: kTooLarge beyond steps_max.
  Result<void> run();

  // Another object goes on in place of this one: a restart from cells.
  void replace(Execution execution) { execution_ = std::move(execution); }
  Execution& execution() { return execution_; }
  const std::vector<HistoryEvent>& history() const { return history_; }
  const std::optional<Ending>& ending() const { return ending_; }
  TimePoint now() const { return now_; }
  uint64_t steps() const { return steps_; }
  // What is planned, in its order.
  const std::multimap<TimePoint, Occurrence>& planned() const { return planned_; }

 private:
  void take(const Outcome& outcome);
  void answer(const Effect& effect);

  Execution execution_;
  DriveOptions options_;
  SeededRandom random_;
  TimePoint now_;
  std::multimap<TimePoint, Occurrence> planned_;
  std::set<uint64_t> cancelled_timers_;
  std::vector<HistoryEvent> history_;
  std::optional<Ending> ending_;
  uint64_t steps_ = 0;
};

}  // namespace suiro::workflow
