// SPDX-License-Identifier: Apache-2.0
// ExpressRun: one Express execution in memory: its loop, its timers, its effects.
//
// Invariant: finished() is reached by every run: by its own end, its time limit, abort() or stop().
// Thread: one shard's.
#pragma once

#include <deque>
#include <map>

#include "services/states/express_runs.h"

namespace suiro::states {

class ExpressRun {
 public:
  ExpressRun(RuntimeParts& parts, ExecutionRow row, MachinePtr machine, std::string input,
             Executor executor);
  ~ExpressRun();

  // Runs to the end. kClosed: the server stops. close() follows.
  Task<Result<ExpressEnd>> run();
  // Waits for the calls of effects that were cancelled.
  Task<void> close() { return scope_.close(); }
  void abort(std::optional<std::string> error, std::optional<std::string> cause);
  void stop();
  // Lines of the log that were not taken yet.
  std::vector<event::LogLine> take_lines() { return std::exchange(lines_, {}); }

 private:
  class Effect;
  void post(workflow::Occurrence occurrence);
  void step(const workflow::Occurrence& occurrence);
  void collect(workflow::Outcome outcome);
  void begin(workflow::Effect effect);
  Task<void> perform(std::shared_ptr<Effect> effect);
  void end_by_time();

  RuntimeParts& parts_;
  event::Kernel& kernel_;
  ExecutionRow row_;
  MachinePtr machine_;
  workflow::Payload input_;
  workflow::Execution execution_;
  Executor executor_;
  TaskScope scope_;
  Signal wake_;
  std::deque<workflow::Occurrence> inbox_;
  std::map<uint64_t, std::unique_ptr<Clock::Alarm>> timers_;
  std::map<uint64_t, std::shared_ptr<Effect>> effects_;
  std::vector<event::LogLine> lines_;
  std::optional<workflow::Ending> ending_;
  uint64_t events_ = 0;
  uint64_t computed_ = 0;  // Outcome::work since others of the shard had their turn
  bool more_ = false;      // a chain goes on
  bool stopping_ = false;
};

}  // namespace suiro::states
