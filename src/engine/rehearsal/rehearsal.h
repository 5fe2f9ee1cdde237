// SPDX-License-Identifier: Apache-2.0
// Rehearsal: an execution in virtual time with mocked tasks, its distributed Maps included.
//
// Invariants:
//  1. Equal plan, input, start, seed and mocks give the same rehearsal.
//  2. The states run in the code that runs them live; only what tasks answer is made up.
//  3. Children of a distributed Map begin as its concurrency lets them; each runs in its own time.
//
// Not rehearsed: Express semantics of time limits, throttling, the time that Suiro itself needs.
// Threads: one at a time. Failure: kNotFound (a mock that is missing), kTooLarge (a limit).
#pragma once

#include "engine/rehearsal/mocks.h"
#include "engine/statechart/looks.h"

namespace suiro::rehearsal {

inline constexpr size_t kChildrenMax = 100'000;  // of one rehearsal
inline constexpr size_t kChildrenAtOnceMax = 10'000;

struct Options {
  std::string name = "rehearsal";
  std::string input = "{}";
  TimePoint start{};
  uint64_t seed = 1;
};

struct Rehearsed {
  workflow::ExecutionStatus status = workflow::ExecutionStatus::kRunning;
  std::string output;  // of one that succeeded
  std::string error;
  std::string cause;
  TimePoint begun;
  TimePoint ended;
  statechart::Looks looks;   // of the execution and of the children of its distributed Maps
  uint64_t transitions = 0;  // as AWS counts them: states entered, retries, start and end
  uint64_t children = 0;
  Millis task_time{0};                          // of all attempts, beside each other or not
  std::vector<workflow::HistoryEvent> history;  // of the execution itself
};

class Rehearsal {
 public:
  // `mocks` is borrowed: a later rehearsal goes on where this one left its lists.
  Rehearsal(std::shared_ptr<const workflow::Plan> plan, Mocks& mocks)
      : plan_(std::move(plan)), mocks_(mocks) {}
  Result<Rehearsed> run(const Options& options);

 private:
  struct Course;
  // An execution, or a child of one.
  struct Machine {
    std::shared_ptr<const workflow::Plan> plan;
    Place place;
  };
  // An effect, where it was asked for.
  struct Asked {
    const Machine& machine;
    Place place;
    TimePoint now;
  };
  Result<void> run_machine(Course& course, const Machine& machine, const Options& options,
                           Rehearsed& out);
  workflow::MockAnswer answer(Course& course, const workflow::Effect& effect, const Asked& asked);
  Result<workflow::MockAnswer> run_map(Course& course, const workflow::MapRunEffect& effect,
                                       const Asked& asked);

  std::shared_ptr<const workflow::Plan> plan_;
  Mocks& mocks_;
};

}  // namespace suiro::rehearsal
