// SPDX-License-Identifier: Apache-2.0
#include "engine/workflow/map_run.h"

#include <algorithm>

#include "base/check.h"

namespace suiro::workflow {
namespace {

int64_t& count_of(MapRunCounts& counts, ChildStatus status) {
  switch (status) {
    case ChildStatus::kPending:
      return counts.pending;
    case ChildStatus::kRunning:
      return counts.running;
    case ChildStatus::kSucceeded:
      return counts.succeeded;
    case ChildStatus::kFailed:
      return counts.failed;
    case ChildStatus::kTimedOut:
      return counts.timed_out;
    case ChildStatus::kAborted:
      break;
  }
  return counts.aborted;
}

bool has_ended(ChildStatus status) {
  return status != ChildStatus::kPending && status != ChildStatus::kRunning;
}

}  // namespace

MapRun::MapRun(MapRunLimits limits, size_t at_once_max)
    : limits_(limits), at_once_max_(at_once_max) {}

void MapRun::add_child(uint32_t items) {
  if (items != 1 && batch_sizes_.empty()) batch_sizes_.assign(statuses_.size(), 1);
  if (items != 1 || !batch_sizes_.empty()) batch_sizes_.push_back(items);
  statuses_.push_back(ChildStatus::kPending);
  ++executions_.total;
  ++executions_.pending;
  items_.total += items;
  items_.pending += items;
}

void MapRun::reading_ended() {
  reading_ = false;
  check_threshold();
}

void MapRun::fail(MapRunFailure failure) {
  if (!failure_) failure_ = std::move(failure);
}

void MapRun::abort() {
  aborted_ = true;
}

void MapRun::update(MapRunLimits limits) {
  limits_ = limits;
  check_threshold();
}

uint32_t MapRun::items_of(uint64_t index) const {
  return batch_sizes_.empty() ? 1 : batch_sizes_[index];
}

void MapRun::move(uint64_t index, ChildStatus to) {
  const int64_t items = items_of(index);
  --count_of(executions_, statuses_[index]);
  count_of(items_, statuses_[index]) -= items;
  statuses_[index] = to;
  ++count_of(executions_, to);
  count_of(items_, to) += items;
}

void MapRun::child_ended(uint64_t index, ChildStatus status) {
  CHECK(has_ended(status));
  if (index >= statuses_.size() || has_ended(statuses_[index])) return;
  move(index, status);
  const int64_t items = items_of(index);
  if (status == ChildStatus::kSucceeded) {
    ++executions_.results_written;
    items_.results_written += items;
  }
  check_threshold();
}

// A percentage holds of all items, which are known when all are read.
void MapRun::check_threshold() {
  const int64_t failed = items_.failed + items_.timed_out;
  if (failed == 0 || failure_) return;
  const bool has_count = limits_.tolerated_failure_count > 0;
  const bool has_percentage = limits_.tolerated_failure_percentage > 0;
  bool is_exceeded = !has_count && !has_percentage;
  if (has_count && failed > limits_.tolerated_failure_count) is_exceeded = true;
  if (has_percentage && !reading_ &&
      static_cast<double>(failed) * 100 >
          limits_.tolerated_failure_percentage * static_cast<double>(items_.total)) {
    is_exceeded = true;
  }
  if (is_exceeded) {
    failure_ = MapRunFailure{"States.ExceedToleratedFailureThreshold",
                             "The specified tolerated failure threshold was exceeded"};
  }
}

MapRun::Phase MapRun::phase() const {
  if (executions_.running > 0) return failure_ || aborted_ ? Phase::kStopping : Phase::kRunning;
  if (failure_ || aborted_) return Phase::kWriting;
  return reading_ || executions_.pending > 0 ? Phase::kRunning : Phase::kWriting;
}

std::vector<uint64_t> MapRun::take_starts(size_t count_max) {
  std::vector<uint64_t> starts;
  if (phase() != Phase::kRunning) return starts;
  uint64_t at_once = at_once_max_;
  if (limits_.concurrency_max > 0) {
    at_once = std::min(at_once, static_cast<uint64_t>(limits_.concurrency_max));
  }
  while (next_ < statuses_.size() && starts.size() < count_max &&
         static_cast<uint64_t>(executions_.running) < at_once) {
    if (statuses_[next_] == ChildStatus::kPending) {
      move(next_, ChildStatus::kRunning);
      starts.push_back(next_);
    }
    ++next_;
  }
  return starts;
}

std::vector<uint64_t> MapRun::running(uint64_t from, size_t count_max) const {
  std::vector<uint64_t> found;
  const uint64_t end = std::min<uint64_t>(next_, statuses_.size());
  for (uint64_t index = from; index < end && found.size() < count_max; ++index) {
    if (statuses_[index] == ChildStatus::kRunning) found.push_back(index);
  }
  return found;
}

MapRunStatus MapRun::verdict() const {
  if (aborted_) return MapRunStatus::kAborted;
  return failure_ ? MapRunStatus::kFailed : MapRunStatus::kSucceeded;
}

}  // namespace suiro::workflow
