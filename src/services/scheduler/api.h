// SPDX-License-Identifier: Apache-2.0
// Between the shapes of EventBridge Scheduler and its logic. No rules.
#pragma once

#include "services/scheduler/logic.h"
#include "shapes/registry.h"

namespace suiro::scheduler {

class Api {
 public:
  explicit Api(Logic& logic) : logic_(logic) {}
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

#define SUIRO_SCHEDULER_OPERATION(method, Name) \
  Answer<shape::op::Name> method(shapes::Call& call, shape::op::Name::Input input)
  SUIRO_SCHEDULER_OPERATION(create, CreateSchedule);
  SUIRO_SCHEDULER_OPERATION(update, UpdateSchedule);
  SUIRO_SCHEDULER_OPERATION(get, GetSchedule);
  SUIRO_SCHEDULER_OPERATION(remove, DeleteSchedule);
  SUIRO_SCHEDULER_OPERATION(list, ListSchedules);
  SUIRO_SCHEDULER_OPERATION(create_group, CreateScheduleGroup);
  SUIRO_SCHEDULER_OPERATION(get_group, GetScheduleGroup);
  SUIRO_SCHEDULER_OPERATION(remove_group, DeleteScheduleGroup);
  SUIRO_SCHEDULER_OPERATION(list_groups, ListScheduleGroups);
  SUIRO_SCHEDULER_OPERATION(list_tags, ListTagsForResource);
  SUIRO_SCHEDULER_OPERATION(tag, TagResource);
  SUIRO_SCHEDULER_OPERATION(untag, UntagResource);
#undef SUIRO_SCHEDULER_OPERATION

  Logic& logic_;
};

}  // namespace suiro::scheduler
