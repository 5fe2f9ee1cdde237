// SPDX-License-Identifier: Apache-2.0
// WorkflowRuntime: what runs executions, wired: the runtime, who performs tasks, the runs of Maps.
//
//   open() ─► the kernel's timers start ─► resume() ─► ... ─► begin_close() ─► close()
//
// Thread: made before the shards start. Threads of the parts: their headers.
#pragma once

#include "services/states/executions_durable.h"
#include "services/states/performer_services.h"

namespace suiro::states {

class WorkflowRuntime {
 public:
  // Registers its timers: before the kernel starts. All outlive this.
  WorkflowRuntime(event::Kernel& kernel, Outside outside, RuntimeConfig config)
      : performer_(kernel, outside),
        map_runs_(kernel, &outside.operations, config.map_children_max),
        executions_(kernel, std::move(config), performer_, &map_runs_) {
    performer_.use(executions_);
    map_runs_.connect(executions_);
  }

  DurableExecutions& executions() { return executions_; }
  MapRuns& map_runs() { return map_runs_; }
  Performer& performer() { return performer_; }

 private:
  ServicePerformer performer_;
  MapRuns map_runs_;
  DurableExecutions executions_;
};

}  // namespace suiro::states
