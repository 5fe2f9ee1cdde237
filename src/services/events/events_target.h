// SPDX-License-Identifier: Apache-2.0
// EventsTarget: event buses and API destinations as targets of events. A bus's payload is an event
// as EventBridge describes it:
// {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}.
//
// Invariant: what follows from an event on a bus (one event for each target of each rule that
// matches) is one commit with its `consume` batch. Threads: any.
#pragma once

#include "services/events/api_destinations.h"
#include "services/events/logic.h"

namespace suiro::events {

class EventsTarget final : public event::Target {
 public:
  EventsTarget(Logic& logic, ApiDestinations& destinations)
      : logic_(logic), destinations_(destinations) {}
  Task<Result<void>> deliver(event::Event event, store::Batch consume) override {
    if (ApiDestinations::is_arn(event.target_arn)) {
      return destinations_.deliver(std::move(event), std::move(consume));
    }
    return logic_.deliver(std::move(event), std::move(consume));
  }
  Task<Result<void>> accepts(std::string target_arn, event::Sender) override {
    if (ApiDestinations::is_arn(target_arn)) return destinations_.accepts(std::move(target_arn));
    return logic_.accepts(std::move(target_arn));
  }

 private:
  Logic& logic_;
  ApiDestinations& destinations_;
};

}  // namespace suiro::events
