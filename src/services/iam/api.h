// SPDX-License-Identifier: Apache-2.0
// Between the shapes of IAM and the logic. No rules but those of the wire: documents go out
// URL-encoded (RFC 3986), lists come in pages.
// Thread: any shard.
#pragma once

#include "services/iam/logic.h"
#include "shapes/gen/iam.h"
#include "shapes/registry.h"

namespace suiro::iam {

class Api {
 public:
  Api(event::Kernel& kernel, Logic& logic) : kernel_(kernel), logic_(logic) {}
  void add_operations(shapes::Registry& registry);

 private:
  void add_roles(shapes::Registry& registry);
  void add_profiles(shapes::Registry& registry);
  void add_users(shapes::Registry& registry);
  void add_keys(shapes::Registry& registry);
  void add_groups(shapes::Registry& registry);
  void add_policies(shapes::Registry& registry);
  void add_policy_lists(shapes::Registry& registry);
  void add_holders(shapes::Registry& registry);
  void add_tags(shapes::Registry& registry);
  void add_empty_lists(shapes::Registry& registry);
  void add_simulations(shapes::Registry& registry);

  // edit: Result<void>(Draft&, Input); the output is empty.
  template <class Op, class Function>
  void add_change(shapes::Registry& registry, Function edit) {
    registry.add<Op>(
        [this, edit](shapes::Call&, typename Op::Input in) -> Task<Result<typename Op::Output>> {
          CO_TRY_VOID(co_await logic_.change([edit, in = std::move(in)](Draft& draft) mutable {
            return edit(draft, std::move(in));
          }));
          co_return typename Op::Output{};
        });
  }
  // The same; output: Output(const Directory&, const Input&), of the directory after the change.
  template <class Op, class Function, class Describe>
  void add_create(shapes::Registry& registry, Function edit, Describe output) {
    registry.add<Op>(
        [this, edit, output](shapes::Call&,
                             typename Op::Input in) -> Task<Result<typename Op::Output>> {
          auto apply = [edit, in](Draft& draft) mutable { return edit(draft, std::move(in)); };
          CO_TRY(DirectoryPtr after, co_await logic_.change(std::move(apply)));
          co_return output(*after, in);
        });
  }
  // read: Result<Output>(const Directory&, const Call&, Input).
  template <class Op, class Function>
  void add_read(shapes::Registry& registry, Function read) {
    registry.add<Op>([this, read](shapes::Call& call,
                                  typename Op::Input in) -> Task<Result<typename Op::Output>> {
      DirectoryPtr now = logic_.directory();
      co_return read(*now, call, std::move(in));
    });
  }

  event::Kernel& kernel_;
  Logic& logic_;
};

}  // namespace suiro::iam
