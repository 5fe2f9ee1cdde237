// SPDX-License-Identifier: Apache-2.0
// RunLog: the runs of batches, planned against actual, kept for good. A run is one start of a task
// (or of what a schedule starts), from its planned time to its end; a run that was missed or
// skipped is one, too. `suiro timeline` and `suiro plan` are views of it.
//
// Place: schedules record runs that did not start, services/ecs records those that did. The journal
// expires; this does not.
//
// Invariants:
//  1. record() writes in the batch of the change: the record is as true as the change is durable.
//  2. A run's place in time (`at()`) never changes; a later record with the same id replaces an
//     earlier one.
//  3. A query costs what it returns, not what is kept: runs lie by time, and by name and time.
//
// Threads: any. Bytes on disk: docs/formats/event.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kernel/store/store.h"

namespace suiro::event {

inline constexpr size_t kRunTextBytesMax = 1024;  // of each text; longer ones are cut
inline constexpr size_t kRunsPageMax = 10'000;
// A run that began this long before a queried range and reaches into it is still found.
inline constexpr Millis kRunLookBack = std::chrono::hours(48);

struct Run {
  enum class State : uint8_t {
    kWaiting = 0,  // for room on the machine, or behind another run
    kPulling = 1,
    kRunning = 2,
    kSucceeded = 3,
    kFailed = 4,   // reason and exit_code tell how
    kStopped = 5,  // by a user or a newer run
    kMissed = 6,   // its time passed while nothing ran, and its schedule does not catch up
    kSkipped = 7,  // forbidden to overlap with the run before
    kStarted = 8,  // handed to a target that does not tell its end (a queue, a stream)
  };
  std::string id;          // unique; a task's id
  std::string name;        // what runs: the task definition's family, the function, the queue
  std::string resource;    // ARN of what runs: the task
  std::string schedule;    // ARN of schedule or rule; empty: started by hand
  std::string started_by;  // as ECS has it
  State state = State::kWaiting;
  std::optional<TimePoint> planned;  // the schedule's nominal time
  TimePoint created;                 // when the start was asked for, or the miss was noticed
  std::optional<TimePoint> pull_started;
  std::optional<TimePoint> pull_stopped;
  std::optional<TimePoint> started;
  std::optional<TimePoint> stopped;
  std::optional<int> exit_code;
  std::string reason;
  std::string image_digest;
  uint32_t cpu_units = 0;  // reserved
  uint32_t memory_mb = 0;  // reserved
  std::string trace_id;    // for `suiro trace`

  // The planned time where there is one, else the created one.
  TimePoint at() const { return planned.value_or(created); }
  bool ended() const { return state >= State::kSucceeded; }
};

struct RunQuery {
  TimePoint since;
  TimePoint until;
  std::string name;   // empty: all
  std::string after;  // RunPage::next of the page before
  size_t runs_max = 1000;
};
struct RunPage {
  std::vector<Run> runs;  // by at(), oldest first
  std::string next;       // empty: no more
};

// What past runs of one name took.
struct RunDurations {
  size_t runs = 0;  // that succeeded, among the last ones looked at
  Millis median{0};
  Millis longest{0};
};

class RunLog {
 public:
  virtual ~RunLog() = default;
  virtual void record(store::Batch& batch, const Run& run) = 0;
  // Errors: kNotFound, those of the store.
  virtual Task<Result<Run>> find(std::string id) = 0;
  // Runs with at() in [since, until), and those within kRunLookBack before `since` that had not
  // ended by then. Errors: kInvalidArgument for a foreign `after`.
  virtual Task<Result<RunPage>> list(RunQuery query) = 0;
  // From started to stopped, of the last `runs_max` runs that succeeded.
  virtual Task<Result<RunDurations>> durations(std::string name, size_t runs_max) = 0;
};

}  // namespace suiro::event
