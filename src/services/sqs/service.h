// SPDX-License-Identifier: Apache-2.0
// Simple Queue Service: standard and FIFO queues. What it does and does not do: README.md.
#pragma once

#include "services/sqs/api.h"
#include "services/sqs/events.h"
#include "services/sqs/logic.h"

namespace suiro::sqs {

class Service {
 public:
  Service(event::Kernel& kernel, Config config)
      : logic_(kernel, config),
        target_(kernel, logic_),
        source_(kernel, logic_),
        api_(kernel, logic_) {}

  // Rebuilds the queues' memory from the store. Before the socket opens.
  Task<Result<void>> start() { return logic_.start(); }
  // After the socket is closed: long polls end early, move tasks pause until the next start.
  Task<void> stop() { return logic_.stop(); }
  void add_operations(shapes::Registry& registry) { api_.add_operations(registry); }
  event::Target* target() { return &target_; }
  event::PullSource* source() { return &source_; }
  Logic& logic() { return logic_; }

 private:
  Logic logic_;
  QueueTarget target_;
  QueueSource source_;
  Api api_;
};

}  // namespace suiro::sqs
