// SPDX-License-Identifier: Apache-2.0
// From the operations of Amazon ECS to the logic and back, with counts for the journal. No rules.
#pragma once

#include <functional>

#include "services/ecs/logic.h"
#include "shapes/registry.h"

namespace suiro::ecs {

class Api {
 public:
  Api(event::Kernel& kernel, Logic& logic) : kernel_(kernel), logic_(logic) {}
  // Whether the caller may pass a role to tasks. Empty: nobody is asked. Any thread; the errors are
  // the operation's.
  using MayPass = std::function<Result<void>(shapes::Call&, const std::string& role_arn)>;
  void add_operations(shapes::Registry& registry, MayPass may_pass);

 private:
  // `run`: Task<Result<Op::Output>>(shapes::Call&, Op::Input).
  template <class Op, class Run>
  void add(shapes::Registry& registry, Run run);
  // Asks for the roles of the definition that tasks will be started from.
  Task<Result<void>> check_passing(shapes::Call& call, std::string definition);
  void add_clusters(shapes::Registry& registry);
  void add_machine(shapes::Registry& registry);
  void add_definitions(shapes::Registry& registry);
  void add_tasks(shapes::Registry& registry);
  void add_services(shapes::Registry& registry);
  void add_settings(shapes::Registry& registry);

  event::Kernel& kernel_;
  Logic& logic_;
  MayPass may_pass_;
};

}  // namespace suiro::ecs
