// SPDX-License-Identifier: Apache-2.0
// ExpressRuns: Express executions of one shard: they run in memory, without history.
//
//   start_later(): record ──commit──► run ──► lines of the log + end of the record: one commit
//   run():                            run ──► the result, to who waits
//
// Invariants:
//  1. An acknowledged asynchronous execution comes to its end, whose line in the log is one: its
//     record goes with the commit of its result. After a crash it begins anew, with what is left of
//     its time; where that passed while no server ran, it ends as TIMED_OUT without beginning.
//  2. At most kExpressRunsMax run on a shard at once; further synchronous ones are refused,
//     asynchronous ones too. Who is about to run has a Slot before it waits for anything.
//  3. After a start, records are read kExpressLoadsMax at once, again while the store is busy.
//  4. The end of a run is told at once; calls of effects that it cancelled may end later.
// Thread: the shard's. Bytes on disk: docs/formats/states.md.
#pragma once

#include <deque>
#include <unordered_map>

#include "services/states/executions_parts.h"
#include "services/states/machine_cache.h"

namespace suiro::states {

// How an Express execution ended.
struct ExpressEnd {
  ExecutionRow row;
  std::string output;  // where row.output is set
};

class ExpressRun;

class ExpressRuns {
 public:
  ExpressRuns(RuntimeParts& parts, MachineCache& machines, Executor executor);
  ~ExpressRuns();

  // Durable when this completes; the run follows. Errors: ExecutionLimitExceeded, the store's.
  Task<Result<void>> start_later(ExecutionRow row, MachineCache::Started machine,
                                 std::string input);
  // Runs to the end, for who waits.
  Task<Result<ExpressEnd>> run(ExecutionRow row, MachinePtr machine, std::string input);
  // A child of a distributed Map, whose end MapRuns is told in a commit. One that runs already is
  // left alone.
  Result<void> begin_child(ExecutionRow row, MachinePtr machine, std::string input);
  // One that was acknowledged before the restart.
  void resume(ArnHash execution);
  // Completes when it has ended; at once where it does not run.
  Task<Result<void>> abort(ArnHash execution);
  // begin_stop(): nothing new; stop() waits for what runs.
  void begin_stop();
  Task<void> stop();
  size_t running() const { return runs_.size(); }

 private:
  friend class ExpressRun;
  // A place among kExpressRunsMax.
  class Slot {
   public:
    explicit Slot(ExpressRuns& runs) : runs_(&runs) { ++runs.taken_; }
    Slot(Slot&& other) noexcept : runs_(std::exchange(other.runs_, nullptr)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (runs_ == nullptr) return;
      --runs_->taken_;
      runs_->ended_.notify_all();
    }

   private:
    ExpressRuns* runs_;
  };
  struct Acknowledged {
    ExecutionRow row;
    MachinePtr machine;
    std::string input;
  };
  Task<void> run_later(ExecutionRow row, MachinePtr machine, std::string input, Slot slot);
  Task<void> resume_all();
  Task<void> run_resumed(ArnHash execution, Slot slot);
  // nullopt: there is no such record any more.
  Task<Result<std::optional<Acknowledged>>> load(ArnHash execution);
  Task<Result<std::optional<Acknowledged>>> load_surely(ArnHash execution);
  Task<void> pause(uint32_t failures);
  // The batch that belongs to its end.
  using AtEnd = std::function<store::Batch(const ExpressEnd& end)>;
  Task<Result<ExpressEnd>> run_here(ExecutionRow row, MachinePtr machine, std::string input,
                                    AtEnd at_end, Slot slot);
  Task<void> close_run(std::shared_ptr<ExpressRun> run, Slot slot);
  Task<void> run_child(ExecutionRow row, MachinePtr machine, std::string input, Slot slot);
  Task<Result<void>> commit_surely(const LogSettings& logs, const ExecutionRow& row,
                                   std::vector<event::LogLine> lines, store::Batch batch);
  Result<Slot> take_slot();

  RuntimeParts& parts_;
  MachineCache& machines_;
  Executor executor_;
  TaskScope scope_;
  Signal stop_signal_;
  Signal ended_;  // some run
  std::unordered_map<ArnHash, ExpressRun*, ArnHasher> runs_;
  std::deque<ArnHash> to_resume_;
  size_t taken_ = 0;    // slots
  size_t loading_ = 0;  // of those that are resumed
  bool resuming_ = false;
  bool stopping_ = false;
};

}  // namespace suiro::states
