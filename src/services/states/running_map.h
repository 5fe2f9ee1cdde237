// SPDX-License-Identifier: Apache-2.0
// RunningMap: one map run from its begin to its result, as the coroutines of one shard.
//
//   run() ─ open() ─ load() ─┬─ read():  items ─► inputs of children, durable ─┐
//                            └─ drive(): inputs ─► ChildRunner ─► ended() ─────┴─ finish() ─ tell()
//
// Invariants:
//  1. A child starts only when its input is durable; its index never changes.
//  2. The run's record is ended in the same commit that keeps its outcome; the outcome is erased
//     when the Map has taken it.
//  3. After a crash load() builds the machine anew from inputs and ends; every child that has no
//  end
//     is started again, which does no harm where it had started.
//
// Threads: `home` alone, the shard that owns the run's ARN. The reporter is called on its own
// executor. Failure: run() fails where the store does; the run then goes on after a restart.
#pragma once

#include <set>

#include "engine/workflow/item_batch.h"
#include "services/states/map_run_items.h"
#include "services/states/map_run_results.h"
#include "services/states/map_runs.h"
#include "services/states/storage_map_run.h"

namespace suiro::states {

// Inputs of children that are committed together, and that are started together.
inline constexpr size_t kInputsAtOnce = 2'000;
inline constexpr size_t kInputBytesAtOnce = 1 << 20;
inline constexpr size_t kStartsAtOnce = 200;
inline constexpr size_t kStartBatchesInFlight = 4;
inline constexpr Millis kLookAgain{250};
inline constexpr Millis kBusyPause{50};

struct RunParts {
  event::Kernel& kernel;
  event::OperationCaller* operations = nullptr;
  ChildRunner* children = nullptr;
  size_t children_at_once_max = kMapChildrenMax;
};

class RunningMap {
 public:
  // `reporter` may be null for abort().
  RunningMap(RunParts parts, MapRunCall call, TaskReporter* reporter, Executor home,
             Executor reporter_home);
  const std::string& arn() const { return family_->map_run_arn; }

  Task<Result<void>> run();
  // Instead of run(), for a run that nobody waits for any more: stops its children and ends it as
  // aborted. Nothing happens where it never began, or has ended.
  Task<Result<void>> abort();
  // --- while one of them runs
  void ended(uint64_t index, workflow::ChildStatus status);
  // Which effect it runs for, or ends.
  const std::string& key() const { return call_.key; }
  // run() ends soon; the run is as after a crash.
  void leave();
  // Whether an update() is under way: it refers to this.
  bool is_updated() const { return updates_ > 0; }
  // Whether nobody waits for the run any more.
  Task<bool> look_for_end();
  // Whether it knows its children: before, it has nothing to tell and takes no update.
  bool is_loaded() const { return is_loaded_; }
  Task<Result<void>> update(UpdateMapRunRequest request);
  MapRunDescription description() const;

 private:
  // running_map.cc
  Task<Result<void>> open();
  Task<Result<void>> create();
  Task<Result<void>> redrive();
  Task<Result<void>> load();
  Task<Result<void>> load_inputs();
  Task<Result<void>> load_ends();
  Task<void> drive();
  Task<void> start(std::vector<uint64_t> indices);
  Task<Result<void>> start_range(std::vector<uint64_t> indices);
  Task<void> stop_children();
  Task<Result<void>> stop(std::vector<uint64_t> indices);
  Task<void> stop_surely(std::vector<uint64_t> indices);
  Task<Result<void>> finish();
  Task<Result<RunOutcome>> outcome();
  Task<Result<void>> tell();
  Task<Result<void>> report(workflow::Occurrence occurrence);
  Task<Result<void>> commit(store::Batch batch);
  Child child(uint64_t index, std::string input) const;
  workflow::MapRunLimits limits() const;
  bool is_over() const { return gone_ || machine_.phase() != workflow::MapRun::Phase::kRunning; }

  // running_map_read.cc
  Task<void> read();
  Task<Result<void>> read_items();
  Task<Result<bool>> take_chunk(ItemChunk chunk, workflow::ItemBatch& batch);
  Task<Result<void>> commit_inputs();
  void mark(const std::string& key) { marks_.emplace_back(index_, key); }
  Task<void> wait_for_room();

  RunParts parts_;
  const MapRunCall call_;
  const workflow::State& state_;
  TaskReporter* reporter_;
  Executor reporter_home_;
  TaskScope scope_;
  Signal wake_;
  Bytes run_;
  std::shared_ptr<ChildFamily> family_;
  RunRecord record_;
  RunProgress progress_;
  bool is_new_ = false;
  bool is_loaded_ = false;
  size_t updates_ = 0;
  std::vector<std::pair<uint64_t, workflow::ChildStatus>> early_;  // ended before load() was done
  workflow::MapRun machine_;
  std::set<uint64_t> redriven_;  // children that go on instead of starting
  size_t starting_ = 0;          // start() in flight
  bool reading_ = false;
  bool stopping_ = false;  // stop_children() runs
  bool gone_ = false;      // nobody waits here; the server stops, or the store failed
  // of read()
  uint64_t index_ = 0;      // of the next item
  uint64_t resume_at_ = 0;  // items before it are in inputs already
  std::vector<workflow::ChildInput> inputs_;
  size_t input_bytes_ = 0;
  std::deque<std::pair<uint64_t, std::string>> marks_;  // items up to a key of the listing
};

}  // namespace suiro::states
