// SPDX-License-Identifier: Apache-2.0
// What a runner remembers of a task on disk: its spec, written once, and its state, written at
// every change (docs/formats/task-directories.md). Pure: structures to bytes and back.
//
// Failure: bytes that are not such a record are codes::kCorrupt.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "engine/container/task_runner.h"

namespace suiro::container {

enum class Phase : uint8_t {
  kPreparing,   // nothing has been started: begun anew after a restart of Suiro
  kSupervised,  // a supervisor was started
  kEnded,       // the report is final
};

// Beyond its report: what is needed to go on with a container.
struct ContainerProgress {
  uint32_t attempt = 0;   // of the last "start" command; 0: none
  bool finished = false;  // it will not be started (again)
  bool unstartable = false;
};

struct TaskState {
  Phase phase = Phase::kPreparing;
  std::string boot_id;  // of the machine, when the supervisor was started
  uint32_t id_base = 0;
  uint64_t made_ms = 0;
  bool stop_requested = false;
  TaskReport report;
  std::vector<ContainerProgress> progress;
};

Bytes encode_spec(const TaskSpec& spec);
Result<TaskSpec> decode_spec(ByteView bytes);
Bytes encode_state(const TaskState& state);
Result<TaskState> decode_state(ByteView bytes);

}  // namespace suiro::container
