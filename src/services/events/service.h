// SPDX-License-Identifier: Apache-2.0
// EventBridge's buses, rules, connections and API destinations, wired. What it does and does not
// do: README.md.
#pragma once

#include "services/events/api.h"
#include "services/events/events_target.h"
#include "services/events/logic.h"

namespace suiro::events {

class Service {
 public:
  // Registers its timers with the kernel: before these start. `send` goes to endpoints.
  Service(event::Kernel& kernel, const event::RolePermissions& permissions, SendRequest send)
      : logic_(kernel, permissions),
        connections_(kernel, send),
        destinations_(kernel, connections_, std::move(send)),
        target_(logic_, destinations_),
        api_(kernel, {logic_, connections_, destinations_}) {
    logic_.register_timers();
    connections_.register_timers();
  }

  // Compiles the rules. Before the socket opens.
  Task<Result<void>> start() { return logic_.start(); }
  // Nothing runs beside requests, deliveries and timers.
  Task<void> stop() { co_return; }
  void add_operations(shapes::Registry& registry) { api_.add_operations(registry); }
  event::Target* target() { return &target_; }
  const event::Listeners& listeners() const { return logic_; }
  Logic& logic() { return logic_; }
  Connections& connections() { return connections_; }
  ApiDestinations& destinations() { return destinations_; }

 private:
  Logic logic_;
  Connections connections_;
  ApiDestinations destinations_;
  EventsTarget target_;
  Api api_;
};

}  // namespace suiro::events
