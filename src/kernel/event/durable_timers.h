// SPDX-License-Identifier: Apache-2.0
// DurableTimers: the timers over a store: one TimerHand a kind, each on a shard of its own choice
// by hash, so that a kind whose handlers are slow delays no other.
//
// Threads: set() and cancel() from any; handle() before start(). start() when the handlers'
// services are ready; stop() before they go. Bytes on disk: docs/formats/event.md.
#pragma once

#include <map>
#include <memory>

#include "kernel/event/gate.h"
#include "kernel/event/timer_hand.h"

namespace suiro::event {

class DurableTimers final : public Timers {
 public:
  // Registers its observer: before the store's first commit.
  explicit DurableTimers(TimerHand::Parts parts);
  ~DurableTimers() override;

  void set(store::Batch& batch, const Timer& timer) override;
  void cancel(store::Batch& batch, const Timer& timer) override;
  void handle(std::string kind, Handler handler) override;

  // Timers of kinds that nobody handles stay on disk.
  Task<void> start();
  // No more timers fire; waits for the handlers that run.
  Task<void> stop();

 private:
  TimerHand::Parts parts_;
  std::map<std::string, std::unique_ptr<TimerHand>, std::less<>> hands_;
  // What is committed before the start is found by the start's scan.
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  bool started_ = false;
};

}  // namespace suiro::event
