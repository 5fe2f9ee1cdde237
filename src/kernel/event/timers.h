// SPDX-License-Identifier: Apache-2.0
// Durable timers: a call that is due at a time and survives restarts.
//
// Invariants:
//  1. A timer is set and cancelled inside a batch: it exists if and only if that batch committed.
//  2. A due timer fires until its handler commits the `consume` batch that it is handed: once,
//  unless
//     the process dies between the handler's other effects and that commit.
//  3. Resolution 10 ms. Only timers due soon are in memory; millions cost disk, not memory.
//
// Bytes on disk: docs/formats/event.md.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "kernel/store/store.h"

namespace suiro::event {

struct Timer {
  std::string kind;   // which handler: "lambda.retry", "s3.lifecycle"; at most 64 bytes, no NUL
  std::string owner;  // resource whose shard runs the handler
  std::string id;     // unique within (kind, owner)
  TimePoint due;
  Bytes payload;
};

class Timers {
 public:
  virtual ~Timers() = default;
  // A timer's name holds its due time: to move a timer, cancel the old one and set a new one.
  virtual void set(store::Batch& batch, const Timer& timer) = 0;
  virtual void cancel(store::Batch& batch, const Timer& timer) = 0;
  // The handler runs on the owner's shard. On an error the timer fires again after a back-off.
  using Handler = std::function<Task<Result<void>>(Timer timer, store::Batch consume)>;
  // Before the kernel starts.
  virtual void handle(std::string kind, Handler handler) = 0;
};

}  // namespace suiro::event
