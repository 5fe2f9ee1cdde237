// SPDX-License-Identifier: Apache-2.0
// Strand: one running path of an execution: the machine's own, a branch's, an iteration's.
//
//                 leave()                        fail_state()
//   kReady ─────────────────► kReady (next state) ─────────► kRetrying ─timer─► kAttempt
//     │ enter()                                      │
//     ├─► kWaiting ─timer─► leave()                  ├─► kReady (a catcher's state)
//     ├─► kTask ─effect─► leave()                    └─► kFailed (kept for a redrive)
//     ├─► kBranches, kItems ─last child─► leave()
//     └─► kMapRun ─effect─► leave()                  abort ─► kAborted (kept for a redrive)
//
// A strand that ended well is erased; a branch or iteration leaves its result with its parent.
// Thread: as Execution.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/workflow/data.h"
#include "engine/workflow/plan.h"

namespace suiro::workflow {

enum class Phase : uint8_t {
  kReady,     // enters its state next
  kAttempt,   // does its state's work again next, without entering it
  kWaiting,   // a Wait's timer
  kRetrying,  // a retrier's timer
  kTask,      // an effect
  kBranches,  // children of a Parallel
  kItems,     // children of an inline Map
  kMapRun,    // the effect of a distributed Map
  kFailed,
  kAborted,
};
inline constexpr Phase kPhaseLast = Phase::kAborted;

struct TimerSlot {
  uint64_t id = 0;  // 0: none
  TimePoint due;
};

// What has a cell of its own.
struct Kept {
  Data data;
  bool changed = true;   // since its cell was written
  bool in_cell = false;  // there is a cell
};

struct Strand {
  uint64_t id = 0;
  uint64_t parent = 0;  // 0: the machine's own
  uint64_t index = 0;   // branch or item of the parent
  Phase phase = Phase::kReady;
  const State* state = nullptr;
  Data input;  // of the state

  uint64_t last_event = 0;      // what its next event points at
  uint64_t entered_event = 0;   // the state's ...StateEntered
  uint64_t before_entered = 0;  // what that points at
  TimePoint entered;
  uint64_t retry_count = 0;
  std::vector<uint64_t> retries;  // by retrier

  uint64_t effect = 0;             // that it waits for; 0: none
  bool has_begun = false;          // the effect: its ...Started is in the history
  bool is_submitted = false;       // and its ...Submitted
  uint64_t timeout_seconds = 0;    // 0: none
  uint64_t heartbeat_seconds = 0;  // 0: none
  TimerSlot timer;                 // of Wait and Retry
  TimerSlot timeout;
  TimerSlot heartbeat;
  std::string map_run_arn;

  // Of Parallel and Map.
  Data work;              // what the children work on: the effective input; of a Map its items
  Data effective_input;   // of a Map: what its ItemSelector reads
  uint64_t children = 0;  // all together
  uint64_t started = 0;   // items below this began
  uint64_t succeeded = 0;
  uint64_t concurrency = 0;
  std::map<uint64_t, Kept> results;   // by index
  std::vector<uint64_t> new_results;  // of them, those without a cell yet
  uint64_t results_bytes = 0;         // of their texts, each with a comma; not in cells

  std::map<std::string, Kept, std::less<>> variables;

  bool changed = true;   // since its cell was written
  bool in_cell = false;  // there is a cell
};

// Whether an iteration of an inline Map could begin: between steps, one that a step put off.
inline bool may_start(const Strand& strand) {
  return strand.phase == Phase::kItems && strand.started < strand.children &&
         strand.started - strand.succeeded < strand.concurrency;
}

}  // namespace suiro::workflow
