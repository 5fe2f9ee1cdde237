// SPDX-License-Identifier: Apache-2.0
// From the operations of Amazon ECS to the logic and back, with counts for the journal. No rules.
#pragma once

#include "services/ecs/logic.h"
#include "shapes/registry.h"

namespace suiro::ecs {

class Api {
 public:
  Api(event::Kernel& kernel, Logic& logic) : kernel_(kernel), logic_(logic) {}
  void add_operations(shapes::Registry& registry);

 private:
  // `run`: Task<Result<Op::Output>>(shapes::Call&, Op::Input).
  template <class Op, class Run>
  void add(shapes::Registry& registry, Run run);
  void add_clusters(shapes::Registry& registry);
  void add_machine(shapes::Registry& registry);
  void add_definitions(shapes::Registry& registry);
  void add_tasks(shapes::Registry& registry);
  void add_services(shapes::Registry& registry);
  void add_settings(shapes::Registry& registry);

  event::Kernel& kernel_;
  Logic& logic_;
};

}  // namespace suiro::ecs
