// SPDX-License-Identifier: Apache-2.0
// BusTarget: event buses as targets of events. The payload is an event as EventBridge describes it:
// {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}.
//
// Invariant: what follows from an event (one event for each target of each rule that matches) is
// one commit with its `consume` batch. Threads: any.
#pragma once

#include "services/events/logic.h"

namespace suiro::events {

class BusTarget final : public event::Target {
 public:
  explicit BusTarget(Logic& logic) : logic_(logic) {}
  Task<Result<void>> deliver(event::Event event, store::Batch consume) override {
    return logic_.deliver(std::move(event), std::move(consume));
  }
  Task<Result<void>> accepts(std::string target_arn, event::Sender) override {
    return logic_.accepts(std::move(target_arn));
  }

 private:
  Logic& logic_;
};

}  // namespace suiro::events
