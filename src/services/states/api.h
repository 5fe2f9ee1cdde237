// SPDX-License-Identifier: Apache-2.0
// Between the shapes of Step Functions and its logic and executions. No rules.
// Thread: any shard. Errors: those of logic and executions.
#pragma once

#include "services/states/logic.h"
#include "shapes/registry.h"

namespace suiro::states {

class Api {
 public:
  // `executions` may be null: the operations that need them are not there then.
  Api(Logic& logic, Executions* executions) : logic_(logic), executions_(executions) {}
  void add_operations(shapes::Registry& registry);

 private:
  template <class Op>
  using Answer = Task<Result<typename Op::Output>>;
  template <class Op>
  void add(shapes::Registry& registry,
           Answer<Op> (Api::*method)(shapes::Call&, typename Op::Input)) {
    registry.add<Op>([this, method](shapes::Call& call, typename Op::Input input) {
      return (this->*method)(call, std::move(input));
    });
  }
  // Of operations whose rule takes and gives the structures themselves.
  template <class Op>
  void add(shapes::Registry& registry, Answer<Op> (Logic::*rule)(typename Op::Input)) {
    registry.add<Op>([this, rule](shapes::Call&, typename Op::Input input) {
      return (logic_.*rule)(std::move(input));
    });
  }
  void add_machines(shapes::Registry& registry);
  void add_executions(shapes::Registry& registry);

#define SUIRO_STATES_OPERATION(method, Name) \
  Answer<shape::op::Name> method(shapes::Call& call, shape::op::Name::Input in)
  SUIRO_STATES_OPERATION(remove, DeleteStateMachine);
  SUIRO_STATES_OPERATION(validate, ValidateStateMachineDefinition);
  SUIRO_STATES_OPERATION(remove_version, DeleteStateMachineVersion);
  SUIRO_STATES_OPERATION(describe_alias, DescribeStateMachineAlias);
  SUIRO_STATES_OPERATION(remove_alias, DeleteStateMachineAlias);
  SUIRO_STATES_OPERATION(describe_activity, DescribeActivity);
  SUIRO_STATES_OPERATION(remove_activity, DeleteActivity);
  SUIRO_STATES_OPERATION(list_tags, ListTagsForResource);
  SUIRO_STATES_OPERATION(tag, TagResource);
  SUIRO_STATES_OPERATION(untag, UntagResource);
  // api_execution.cc
  SUIRO_STATES_OPERATION(start, StartExecution);
  SUIRO_STATES_OPERATION(start_sync, StartSyncExecution);
  SUIRO_STATES_OPERATION(stop, StopExecution);
  SUIRO_STATES_OPERATION(redrive, RedriveExecution);
  SUIRO_STATES_OPERATION(describe_execution, DescribeExecution);
  SUIRO_STATES_OPERATION(describe_machine_of, DescribeStateMachineForExecution);
  SUIRO_STATES_OPERATION(list_executions, ListExecutions);
  SUIRO_STATES_OPERATION(history, GetExecutionHistory);
  SUIRO_STATES_OPERATION(take_task, GetActivityTask);
  SUIRO_STATES_OPERATION(task_succeeded, SendTaskSuccess);
  SUIRO_STATES_OPERATION(task_failed, SendTaskFailure);
  SUIRO_STATES_OPERATION(task_heartbeat, SendTaskHeartbeat);
#undef SUIRO_STATES_OPERATION

  Logic& logic_;
  Executions* executions_;
};

enum class ExecutionData : uint8_t { kIncluded, kLeftOut };
// An event in the form of GetExecutionHistory: its type's details hold its members.
shape::HistoryEvent to_shape(const workflow::HistoryEvent& event, ExecutionData data);

}  // namespace suiro::states
