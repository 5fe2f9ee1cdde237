// SPDX-License-Identifier: Apache-2.0
// Logic: the rules of schedule groups and schedules, and what happens when a run is due.
//
//   create/update ──► record + timer "scheduler.run" ──due──► on_run(): one commit of
//        ▲                                                     · the timer's end
//        │                                                     · the event that starts the target
//        └── delete: record and timer go                       · the record with the next run
//                                                              · the timer of the next run
//                                                              · the span and the run
//
// Invariants:
//  1. A schedule with a next run has exactly one timer, of its revision and that run; one without
//     has none.
//  2. A nominal time is handled in one commit, started or missed: never both, never twice. The
//     event's id follows from the schedule and the nominal time.
//  3. A schedule lies in a group that exists and is not being deleted.
//  4. Of a templated target the role's policies are asked at the run; what they refuse is a failed
//     run, and its event a dead letter, in that same commit.
//  5. Changes are guarded by the version at which the record was read; who loses reads again.
//
// Thread: any shard; nothing is kept in memory but time zones. Errors: AWS's (errors.h).
// Rules: EventBridge Scheduler API Reference, the page of each action; User Guide. Bytes:
// docs/formats/scheduler.md.
#pragma once

#include "kernel/event/kernel.h"
#include "services/scheduler/errors.h"
#include "services/scheduler/plan.h"
#include "services/scheduler/storage.h"
#include "services/scheduler/target.h"

namespace suiro::scheduler {

struct ListSchedules {
  std::string group;   // empty: all
  std::string prefix;  // of the name
  std::string state;   // empty: any
  std::string token;
  size_t results_max = kListDefault;
};
struct ListGroups {
  std::string prefix;
  std::string token;
  size_t results_max = kListDefault;
};
template <class T>
struct Listed {
  std::vector<T> items;
  std::string token;  // empty: no more
};

class Logic {
 public:
  // `permissions`: of the roles of targets; asked at each run. `defaults`: of schedules whose group
  // says nothing else.
  Logic(event::Kernel& kernel, const event::OperationCaller& operations,
        const event::RolePermissions& permissions, Policy defaults);

  // Makes the default group.
  Task<Result<void>> start();

  // The schedule's ARN. `in.group_name` may be absent: the default group.
  Task<Result<std::string>> create(shape::CreateScheduleInput in);
  Task<Result<std::string>> update(shape::CreateScheduleInput in);
  Task<Result<Record>> get(std::string group, std::string name);
  Task<Result<void>> remove(std::string group, std::string name);
  Task<Result<Listed<Record>>> list(ListSchedules request);

  // The group's ARN.
  Task<Result<std::string>> create_group(std::string name, std::string token, Tags tags);
  Task<Result<Group>> get_group(std::string name);
  // Its schedules go with it, some time later.
  Task<Result<void>> remove_group(std::string name);
  Task<Result<Listed<Group>>> list_groups(ListGroups request);
  Task<Result<Tags>> tags(std::string group_arn);
  // Adds `set`, then takes `erase` away.
  Task<Result<void>> change_tags(std::string group_arn, Tags set, std::vector<std::string> erase);

  std::string arn_of(const Record& record) const { return arn_of(record.group, record.name); }
  std::string arn_of(std::string_view group, std::string_view name) const;
  std::string group_arn(std::string_view name) const;

 private:
  // A change of one schedule, as far as it is known before the commit.
  struct Change {
    Stored<Group> group;
    std::optional<Stored<Record>> old;
  };
  Task<Result<Change>> begin(const shape::CreateScheduleInput& in);
  Result<Record> checked(const shape::CreateScheduleInput& in, const Change& change);
  Task<Result<std::string>> create_once(shape::CreateScheduleInput in);
  Task<Result<std::string>> update_once(shape::CreateScheduleInput in);
  Task<Result<void>> remove_once(std::string group, std::string name);
  Task<Result<void>> remove_group_once(std::string name);
  Task<Result<void>> change_tags_once(std::string name, Tags set, std::vector<std::string> erase);
  Task<Result<void>> check_overlaps(const Group& group);
  Task<Result<std::string>> group_of_arn(std::string arn);

  Task<Result<void>> on_run(event::Timer timer, store::Batch consume);
  Task<Result<void>> on_run_once(const event::Timer& timer, store::Batch consume);
  Task<Result<void>> on_group(event::Timer timer, store::Batch consume);
  void add_missed(store::Batch& batch, const Record& record, const RunTarget& target,
                  const std::vector<Missed>& missed) const;
  void add_run(store::Batch& batch, const Record& record, const RunTarget& target, Planned run,
               Overlap overlap) const;
  // Records the run that the target's role may not start; the event goes to the dead-letter queue.
  void add_refused(store::Batch& batch, event::Run run, event::Event event,
                   const Error& error) const;
  void set_timer(store::Batch& batch, const Record& record) const;
  void cancel_timer(store::Batch& batch, const Record& record) const;
  event::Timer timer_of(const Record& record) const;
  event::Run run_of(const Record& record, const RunTarget& target, Planned planned) const;
  std::string execution_id(const Record& record, TimePoint nominal) const;
  Policy policy(const Group& group, const Record& record) const {
    return policy_of(group.tags, record.name, defaults_);
  }
  Task<Result<void>> commit(store::Batch batch);

  event::Kernel& kernel_;
  const event::OperationCaller& operations_;
  const event::RolePermissions& permissions_;
  Policy defaults_;
  Zones zones_;
};

// Calls `once` until it does not lose a race. `what` names the thing in the error of the last.
template <class Once>
auto until_won(std::string what, Once once) -> decltype(once()) {
  for (int i = 0; i < kRaceAttemptsMax; ++i) {
    auto done = co_await once();
    if (done || done.error().code != codes::kConditionFailed) co_return done;
  }
  co_return busy(what);
}

}  // namespace suiro::scheduler
