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
  // What is asked about a caller where the request alone does not tell it. Empty: nothing is asked.
  // Any thread.
  struct Permits {
    // Whether it may pass a role to tasks; the errors are the operation's.
    std::function<Result<void>(shapes::Call&, const std::string& role_arn)> pass;
    // Why it may not call the operation with this input; none: it may.
    std::function<std::optional<std::string>(shapes::Call&, const shapes::Operation&,
                                             const shapes::Value&)>
        deny;
  };
  void add_operations(shapes::Registry& registry, Permits permits);

 private:
  // `run`: Task<Result<Op::Output>>(shapes::Call&, Op::Input).
  template <class Op, class Run>
  void add(shapes::Registry& registry, Run run);
  // Asks for the roles of the definition that tasks will be started from, and where the request
  // names a family alone, for the revision that this is. The revision's ARN; empty: there is none,
  // which the operation itself tells.
  template <class Op>
  Task<Result<std::string>> permit_start(shapes::Call& call, typename Op::Input in);
  Task<Result<void>> permit_update(shapes::Call& call, shape::UpdateServiceRequest in);
  Task<Result<void>> permit_roles(shapes::Call& call, std::string definition);
  Result<void> permit_roles_of(shapes::Call& call, const Definition& definition) const;
  void add_clusters(shapes::Registry& registry);
  void add_machine(shapes::Registry& registry);
  void add_definitions(shapes::Registry& registry);
  void add_tasks(shapes::Registry& registry);
  void add_services(shapes::Registry& registry);
  void add_settings(shapes::Registry& registry);

  event::Kernel& kernel_;
  Logic& logic_;
  Permits permits_;
};

}  // namespace suiro::ecs
