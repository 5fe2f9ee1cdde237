// SPDX-License-Identifier: Apache-2.0
// Dispatcher: carries committed events to their targets.
//
//   emit() ─► event log on disk ─► observer ─► DispatchShard (owner of the target's ARN) ─► Target
//                    ▲                                                   │ fails: may help later
//                    └────────── durable timer "event.retry" ◄───────────┘
//
// Invariants:
//  1. An event is in exactly one place on disk: the log, or the timer of its next attempt. The
//  attempt
//     count is part of both, so a restart does not begin anew.
//  2. Memory holds at most kShardEventsMax events and kShardBytesMax bytes a shard (plus
//  kLaneEventsMin
//     a target); the rest stays on disk and is scanned in when there is room.
//  3. At most kTargetConcurrencyMax deliveries to one target run at once; one, after a failure.
//  4. Delivery, retry and burial each are one commit that requires the log's key to be still there.
// Threads: any, unless noted. start() before anything depends on delivery; stop() before the
// targets go.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "base/random.h"
#include "base/shard.h"
#include "kernel/event/event.h"
#include "kernel/event/gate.h"
#include "kernel/event/journal.h"
#include "kernel/event/timers.h"
#include "kernel/store/store.h"

namespace suiro::event {

inline constexpr size_t kShardEventsMax = 10'000;
inline constexpr size_t kShardBytesMax = 32 << 20;
inline constexpr size_t kShardInboxMax = 10'000;
inline constexpr size_t kLaneEventsMax = 256;
inline constexpr size_t kLaneEventsMin = 8;
inline constexpr size_t kTargetConcurrencyMax = 32;

class DispatchShard;

// What the dispatcher did since it started.
struct DispatchCounts {
  std::atomic<uint64_t> delivered = 0;
  std::atomic<uint64_t> retried = 0;
  std::atomic<uint64_t> dead_lettered = 0;
  std::atomic<uint64_t> dropped = 0;
  std::atomic<uint64_t> in_memory = 0;  // now
  std::atomic<uint64_t> in_flight = 0;  // now
};

// What a dispatcher works with; borrowed, outlives it.
struct DispatchParts {
  Shards& shards;
  Clock& clock;
  Random& random;
  store::Store& store;
  Targets& targets;
  Timers& timers;
  Journal& journal;
};

class Dispatcher {
 public:
  // Registers its observer and its timer: before the store's first commit and the timers' start.
  explicit Dispatcher(DispatchParts parts);
  ~Dispatcher();  // stop() must have completed if start() was called

  // Finds the events that are in the log, and begins to deliver. Errors: those of the store.
  Task<Result<void>> start();
  // Takes up no more events and waits for the deliveries that run.
  Task<void> stop();

  const DispatchCounts& counts() const { return counts_; }
  // How many events wait in the log, counted by a scan; those that wait for a retry are not in it.
  Task<Result<uint64_t>> pending();

 private:
  Task<Result<void>> discover();
  void observe(std::vector<store::AppendedRecord> records);

  DispatchParts parts_;
  DispatchCounts counts_;
  std::vector<std::unique_ptr<DispatchShard>> shards_;
  // What is committed before the start is found by the start's scan.
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
};

}  // namespace suiro::event
