// SPDX-License-Identifier: Apache-2.0
// Amazon ECS, wired. What it does and does not do: README.md.
#pragma once

#include "services/ecs/api.h"

namespace suiro::ecs {

class Service {
 public:
  Service(event::Kernel& kernel, Config config)
      : logic_(kernel, std::move(config)), api_(kernel, logic_) {}

  // Memory from the store; the runner finds its tasks. After the lake and the logs, before the
  // socket opens.
  Task<Result<void>> start() { return logic_.start(); }
  // The tasks go on. Before the lake and the logs stop.
  Task<void> stop() { return logic_.stop(); }
  void add_operations(shapes::Registry& registry, Api::Permits permits = {}) {
    api_.add_operations(registry, std::move(permits));
  }
  event::Target* target() { return &logic_; }
  Logic& logic() { return logic_; }

 private:
  Logic logic_;
  Api api_;
};

}  // namespace suiro::ecs
