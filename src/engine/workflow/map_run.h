// SPDX-License-Identifier: Apache-2.0
// MapRun: the bookkeeping of a distributed Map as a pure machine: which children start, whether too
// many failed, when the run is over. It does no I/O; who drives it keeps inputs and results.
//
//   running ──all read and ended──► writing ──wrote()──► succeeded
//      │ too many failed, reader failed, aborted
//      ▼
//   stopping ──none runs any more──► writing ──wrote()──► failed, aborted
//
// Invariants:
//  1. A child starts at most once; a redrive is a new machine.
//  2. pending + running + succeeded + failed + timed_out + aborted == total, of executions and of
//     items.
//  3. An end that was told before, or of a child that is not there, changes nothing.
//
// Threads: one at a time. Source: Step Functions Developer Guide, "Setting failure thresholds for
// Distributed Map states"; API reference, DescribeMapRun.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace suiro::workflow {

enum class MapRunStatus : uint8_t { kRunning, kSucceeded, kFailed, kAborted };

// MapRunItemCounts, MapRunExecutionCounts.
struct MapRunCounts {
  int64_t pending = 0;
  int64_t running = 0;
  int64_t succeeded = 0;
  int64_t failed = 0;
  int64_t timed_out = 0;
  int64_t aborted = 0;
  int64_t total = 0;
  int64_t results_written = 0;
  int64_t failures_not_redrivable = 0;
  int64_t pending_redrive = 0;
};

enum class ChildStatus : uint8_t { kPending, kRunning, kSucceeded, kFailed, kTimedOut, kAborted };

struct MapRunLimits {
  int64_t concurrency_max = 0;  // 0: as many as the driver allows
  int64_t tolerated_failure_count = 0;
  double tolerated_failure_percentage = 0;
};

struct MapRunFailure {
  std::string error;
  std::string cause;
};

class MapRun {
 public:
  enum class Phase : uint8_t { kRunning, kStopping, kWriting };

  // `at_once_max`: the driver's own limit of children in flight.
  MapRun(MapRunLimits limits, size_t at_once_max);

  // --- what happens
  // The next child is known; `items` of the data set are in it.
  void add_child(uint32_t items);
  void reading_ended();
  // Also for an error of the result writer.
  void fail(MapRunFailure failure);
  void abort();
  void update(MapRunLimits limits);
  // Of a child in any status. `status`: how it ended.
  void child_ended(uint64_t index, ChildStatus status);

  // --- what to do
  Phase phase() const;
  // Children to start now, at most `count_max`; they count as running from here on.
  std::vector<uint64_t> take_starts(size_t count_max);
  // Those that run, for the driver to stop: in phase kStopping.
  std::vector<uint64_t> running(uint64_t from, size_t count_max) const;
  // How the run ends; in phase kWriting.
  MapRunStatus verdict() const;
  const std::optional<MapRunFailure>& failure() const { return failure_; }

  const MapRunLimits& limits() const { return limits_; }
  uint64_t children() const { return statuses_.size(); }
  uint64_t started() const { return next_; }
  bool reading() const { return reading_; }
  ChildStatus status(uint64_t index) const { return statuses_[index]; }
  uint32_t items_of(uint64_t index) const;
  const MapRunCounts& executions() const { return executions_; }
  const MapRunCounts& items() const { return items_; }

 private:
  void move(uint64_t index, ChildStatus to);
  void check_threshold();

  MapRunLimits limits_;
  size_t at_once_max_;
  std::vector<ChildStatus> statuses_;
  std::vector<uint32_t> batch_sizes_;  // empty while every child has one item
  uint64_t next_ = 0;                  // below: nobody is pending
  bool reading_ = true;
  bool aborted_ = false;
  std::optional<MapRunFailure> failure_;
  MapRunCounts executions_;
  MapRunCounts items_;
};

}  // namespace suiro::workflow
