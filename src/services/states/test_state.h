// SPDX-License-Identifier: Apache-2.0
// StateTests: the operation TestState: one state, on its own, with its task mocked or performed.
//
//   request ──checks──► workflow::TestRun ──driven by LiveTest──► answer
//
// Nothing is kept. Thread: any shard. Errors: AWS's.
// Source: Step Functions API Reference, TestState; Developer Guide, "Using TestState API to test a
// state"; recordings.
#pragma once

#include "engine/workflow/test_run.h"
#include "kernel/event/kernel.h"
#include "kernel/event/operation_caller.h"
#include "services/states/performer.h"
#include "shapes/gen/states.h"
#include "shapes/registry.h"

namespace suiro::states {

class StateTests {
 public:
  // All outlive the registry; `operations` and `performer` are asked once the server is wired.
  StateTests(event::Kernel& kernel, const event::OperationCaller& operations, Performer& performer);
  void add_operations(shapes::Registry& registry);
  // Waits for tasks that go on though nobody waits for them. Behind the end of what they call.
  Task<void> close();

 private:
  // What is tested: a state of a plan.
  struct Tested {
    std::shared_ptr<const workflow::Plan> plan;
    const workflow::State* state = nullptr;
  };

  Task<Result<shapes::states::TestStateOutput>> test(shapes::Call& call,
                                                     shapes::states::TestStateInput in);
  static Result<Tested> compile(const shapes::states::TestStateInput& in);
  // Whether this state may be tested so.
  Result<void> check(const shapes::states::TestStateInput& in, const workflow::State& state) const;
  Result<void> check_mock(const shapes::states::TestStateInput& in,
                          const workflow::State& state) const;
  Result<void> check_task_result(const shapes::states::MockInput& mock,
                                 const workflow::TaskFields& task) const;
  Result<workflow::TestSettings> settings(const shapes::states::TestStateInput& in) const;

  event::Kernel& kernel_;
  const event::OperationCaller& operations_;
  Performer& performer_;
  std::vector<std::unique_ptr<TaskScope>> scopes_;  // one a shard
};

}  // namespace suiro::states
