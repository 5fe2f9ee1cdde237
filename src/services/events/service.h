// SPDX-License-Identifier: Apache-2.0
// EventBridge's buses and rules, wired. What it does and does not do: README.md.
#pragma once

#include "services/events/api.h"
#include "services/events/bus_target.h"
#include "services/events/logic.h"

namespace suiro::events {

class Service {
 public:
  // Registers its timers with the kernel: before these start.
  Service(event::Kernel& kernel, const event::RolePermissions& permissions)
      : logic_(kernel, permissions), target_(logic_), api_(kernel, logic_) {
    logic_.register_timers();
  }

  // Compiles the rules. Before the socket opens.
  Task<Result<void>> start() { return logic_.start(); }
  // Nothing runs beside requests, deliveries and timers.
  Task<void> stop() { co_return; }
  void add_operations(shapes::Registry& registry) { api_.add_operations(registry); }
  event::Target* target() { return &target_; }
  const event::Listeners& listeners() const { return logic_; }
  Logic& logic() { return logic_; }

 private:
  Logic logic_;
  BusTarget target_;
  Api api_;
};

}  // namespace suiro::events
