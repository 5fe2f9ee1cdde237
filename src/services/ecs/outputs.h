// SPDX-License-Identifier: Apache-2.0
// Outputs: the lines of containers on their way into the logs.
//
// Invariants:
//  1. Lines and the position behind them are one commit: no line is written twice or lost, whatever
//     dies in between.
//  2. Lines of an event whose end was not seen yet are kept with the position; they are written
//  when
//     the next event begins, after kMultilineWait, or at the container's end.
// Thread: the service's shard.
#pragma once

#include <map>
#include <set>

#include "services/ecs/context.h"
#include "services/ecs/log_options.h"

namespace suiro::ecs {

class Outputs {
 public:
  Outputs(Context& context, TaskScope& scope) : context_(context), scope_(scope) {}

  Task<Result<void>> write(DefinitionPtr definition, container::Output output);
  Task<Result<uint64_t>> resume_at(DefinitionPtr definition, std::string task_id,
                                   std::string container);
  // Writes what is still kept of the task. Before its end is committed.
  Task<Result<void>> finish(DefinitionPtr definition, std::string task_id);
  // Takes the positions away with the task's end.
  void erase(store::Batch& batch, const std::string& task_id);
  // The task's end is committed.
  void drop(const std::string& task_id);
  // No more waiting: at the service's end.
  void stop() { alarms_.clear(); }

 private:
  using Name = std::pair<std::string, std::string>;  // task, container
  Task<Result<OutputPosition*>> position(Name name);
  Task<Result<void>> flush(DefinitionPtr definition, Name name);
  Task<Result<void>> commit(LogPlan plan, Name name, std::vector<event::LogLine> lines,
                            OutputPosition next);
  LogPlan plan(const Definition& definition, const Name& name);
  void arm(DefinitionPtr definition, Name name);

  Context& context_;
  TaskScope& scope_;
  std::map<Name, OutputPosition> positions_;
  std::map<Name, LogPlan> plans_;
  std::map<Name, std::unique_ptr<Clock::Alarm>> alarms_;
};

}  // namespace suiro::ecs
