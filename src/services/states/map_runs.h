// SPDX-License-Identifier: Apache-2.0
// MapRuns: the runs of distributed Map states: they read items, start a child execution for each
// item or batch, count how the children end, and give the Map its result.
//
//   Executions ──perform(call, reporter)──► MapRuns ──start(family, children)──► ChildRunner
//       ▲  MapRunBegan, EffectSucceeded,       ▲                                (= Executions)
//       └── EffectFailed by report() ──────────┘◄── child_ends(end, batch), child_ended(end) ──┘
//
// Who calls what:
//  - Executions performs a MapRunEffect by perform(), as it performs a TaskEffect by Performer:
//  once
//    its commit is durable, again after a crash while it has no result, and cancel() when nobody
//    waits for it any more (the execution was stopped or timed out).
//  - MapRuns starts children by ChildRunner, which Executions implements. A child that exists
//    already (same ARN) is left alone, so that starting is repeated after a crash without harm.
//  - In the batch of the commit that ends a child Executions calls child_ends(), which adds what
//  the
//    run keeps of it; when this commit is durable it calls child_ended(), which lets the next
//    children start. An Express child has no record of its own: at its end Executions commits a
//    batch of child_ends() alone.
//
// Invariants:
//  1. Names and ARNs of run and children follow from (execution, effect, index): whatever a crash
//     interrupts is found again, never done twice.
//  2. What children take in is durable before any of them starts; at most kReadAheadMax inputs lie
//     ahead of those that started.
//  3. The end of a child and its result in the run are one commit.
//  4. Memory of a run: Config's children in flight (which are executions: those that wait are in a
//     cache or on disk), some bytes for each child, one chunk of items, one part of a result file.
//
// Threads: perform() runs on the shard of its execution; everything else on any shard.
// Failure: errors of the API by their codes ("ResourceNotFound"); a run's own are its result.
// Bytes on disk: docs/formats/states.md, "Map runs".
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/workflow/execution.h"
#include "engine/workflow/map_run.h"
#include "kernel/event/kernel.h"
#include "kernel/event/operation_caller.h"
#include "services/states/executions.h"
#include "services/states/executions_config.h"
#include "services/states/performer.h"

namespace suiro::states {

inline constexpr size_t kReadAheadMax = 20'000;
inline constexpr size_t kMapRunsListedMax = 1'000;

// What the children of one run have in common. Executions keeps with a child what it needs to go on
// after a crash: its plan is child_plan() of what `machine.definition` compiles to.
struct ChildFamily {
  // machine_arn, name: "...:stateMachine:NAME/LABEL", "NAME/LABEL"; definition: the whole
  // machine's; type: the children's; plan: the children's.
  MachineAtStart machine;
  std::string map_state;  // in the definition
  std::string map_run_arn;
  std::string parent_arn;  // the execution of the Map
  TraceContext cause;
};

struct Child {
  uint64_t index = 0;
  std::string name;
  std::string arn;
  std::string input;  // JSON text
};

struct ChildEnd {
  std::string map_run_arn;
  std::string arn;
  std::string name;
  workflow::ExecutionStatus status = workflow::ExecutionStatus::kSucceeded;
  std::string input;
  std::optional<std::string> output;
  std::optional<std::string> error;
  std::optional<std::string> cause;
  TimePoint start;
  TimePoint stop;
  uint64_t redrive_count = 0;
};

// Runs children. Executions implements it.
class ChildRunner {
 public:
  virtual ~ChildRunner() = default;
  // Starts them, durably when this completes: with as few commits as it can. Those that exist
  // already are left alone. Standard ones go on by themselves after a crash; Express ones run in
  // memory and are started again by MapRuns.
  virtual Task<Result<void>> start(std::shared_ptr<const ChildFamily> family,
                                   std::vector<Child> children) = 0;
  // Goes on with Standard children that failed, timed out or were aborted. Those that run or
  // succeeded are left alone. Express ones are started once more by start() instead.
  virtual Task<Result<void>> redrive(std::shared_ptr<const ChildFamily> family,
                                     std::vector<Child> children) = 0;
  // Aborts those of the run that are running: child_ends() tells of each. Ends when they have.
  virtual Task<Result<void>> stop(std::shared_ptr<const ChildFamily> family,
                                  std::vector<Child> children) = 0;
};

struct MapRunCall {
  std::string execution_arn;
  MachineAtStart machine;  // the execution's, with its plan
  workflow::MapRunEffect effect;
  std::string key;  // as TaskCall::key
  TraceContext cause;
};

// What DescribeMapRun tells.
struct MapRunDescription {
  std::string arn;
  std::string execution_arn;
  std::string machine_arn;  // "...:stateMachine:NAME/LABEL": ListMapRuns
  workflow::MapRunStatus status = workflow::MapRunStatus::kRunning;
  TimePoint start;
  std::optional<TimePoint> stop;
  int64_t concurrency_max = 0;
  double tolerated_failure_percentage = 0;
  int64_t tolerated_failure_count = 0;
  workflow::MapRunCounts items;
  workflow::MapRunCounts executions;
  uint64_t redrive_count = 0;
  std::optional<TimePoint> redrive_time;
};

struct ListMapRunsRequest {
  std::string execution_arn;
  size_t results_max = 100;  // <= kMapRunsListedMax
  std::string next_token;
};
struct MapRunPage {
  std::vector<MapRunDescription> runs;  // newest first; without counts
  std::string next_token;
};

struct UpdateMapRunRequest {
  std::string arn;
  std::optional<int64_t> concurrency_max;
  std::optional<double> tolerated_failure_percentage;
  std::optional<int64_t> tolerated_failure_count;
};

// What Executions needs of MapRuns.
class MapRunDriver {
 public:
  virtual ~MapRunDriver() = default;
  // As Performer::perform(). Ends when the result is reported, the run was cancelled, or the server
  // stops.
  virtual Task<void> perform(MapRunCall call, TaskReporter& reporter) = 0;
  // After perform() has ended: marks the run as aborted and stops its children. Once more after a
  // crash, and after an error with Retry::kLater.
  virtual Task<Result<void>> cancel(MapRunCall call) = 0;
  // See above. child_ends() only adds to the batch and does not block.
  virtual void child_ends(const ChildEnd& end, store::Batch& batch) = 0;
  virtual void child_ended(const ChildEnd& end) = 0;
  // Erases all runs of an execution that is forgotten itself.
  virtual Task<Result<void>> forget(std::string execution_arn) = 0;
};

class MapRuns final : public MapRunDriver {
 public:
  // `operations` may be null: then nothing is listed, and objects are read without asking for
  // permission. Both outlive this. Of one run at most `children_at_once_max` are in flight.
  MapRuns(event::Kernel& kernel, event::OperationCaller* operations,
          size_t children_at_once_max = kMapChildrenMax);
  ~MapRuns() override;
  // Before the first perform(). `children` outlives every perform().
  void connect(ChildRunner& children);

  Task<void> perform(MapRunCall call, TaskReporter& reporter) override;
  Task<Result<void>> cancel(MapRunCall call) override;
  void child_ends(const ChildEnd& end, store::Batch& batch) override;
  void child_ended(const ChildEnd& end) override;
  Task<Result<void>> forget(std::string execution_arn) override;

  // The API. Errors: ResourceNotFound, InvalidToken, ValidationException.
  Task<Result<MapRunDescription>> describe(std::string arn);
  Task<Result<MapRunPage>> list(ListMapRunsRequest request);
  Task<Result<void>> update(UpdateMapRunRequest request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace suiro::states
