// SPDX-License-Identifier: Apache-2.0
// Tasks: those that wait and those that run on this machine, and the memory of those that ended.
//
//             add(): no room, or behind another run          add(): room
//                       │                                       │
//                       ▼                                       ▼
//                 PROVISIONING ──pump(), place()──────────► PENDING ◄─ launch(): runner.run()
//                       │                                       │ changed(): first container runs
//                       │                                       ▼
//                       │ stop()                             RUNNING
//                       │                                       │ changed(): stopping; stop()
//                       │                                       ▼
//                       └────────────► STOPPED ◄─changed(): ended─ STOPPING
//
// Invariants:
//  1. A change of a task, its run in the RunLog, its span and its event are one commit. Memory
//     changes after the commit, in the task's turn. So are the end of a task and the revocation of
//     its role's keys.
//  2. What is PENDING or later has its share of the machine (`placed`); shares together are never
//     more than the machine, and a task that waits is passed by no later one that could wait too.
//  3. The runner is asked to run only what was committed as placed, under the task's id: asked
//     twice, it starts once.
//  4. Of tasks with one overlap key that do not allow it, a later one starts when the earlier ones
//     have ended.
// Thread: the shard of Context::executor, except where noted. Failure: Result; the store's errors
// are tried again by who reports (the runner) or after kCommitRetry.
// Bytes on disk: docs/formats/ecs.md.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "services/ecs/definitions.h"
#include "services/ecs/environment.h"
#include "services/ecs/outputs.h"

namespace suiro::ecs {

struct Started {
  std::vector<shape::Task> tasks;
  std::vector<shape::Failure> failures;
  bool too_large = false;  // for this machine, whatever else runs
};

// What starts `count` tasks.
struct NewTasks {
  std::string cluster;
  std::shared_ptr<const void> cluster_hold;  // the cluster stays until the tasks are committed
  DefinitionPtr definition;
  int32_t count = 1;
  shape::TaskOverride overrides;
  std::string launch_type = "EC2";
  std::string capacity_provider;  // empty: none
  std::string platform_version;
  std::string group;  // empty: the family's
  std::string started_by;
  std::string reference_id;
  Tags tags;
  std::string service;
  std::string deployment_id;
  std::optional<TimePoint> nominal;
  std::string schedule_arn;
  Overlap overlap = Overlap::kAllow;
  std::string overlap_key;
  TraceContext cause;
};

struct Capacity {
  uint32_t cpu_units = 0;
  uint32_t memory_mb = 0;
};

class Tasks final : public container::Observer {
 public:
  Tasks(Context& context, Definitions& definitions);
  ~Tasks() override;

  // Called after each durable change of a task, on the service's shard.
  using Listener = std::function<void(const TaskRecord&)>;
  void listen(Listener listener) { listener_ = std::move(listener); }

  // Memory from the store, then the runner: what runs is found again, and what was placed and the
  // runner did not find is run. Any shard.
  Task<Result<void>> start();
  // The tasks go on without Suiro. Any shard.
  Task<void> stop();

  // Adds tasks in one commit with what `also` puts into it; there is none where all failed. Waits
  // up to kProbeWait for what the runner finds out about the machine.
  using Also = std::function<void(store::Batch&, const Started&)>;
  Task<Result<Started>> add(NewTasks start, Also also);
  // Errors: InvalidParameterException for a task that is not there.
  Task<Result<shape::Task>> stop_task(std::string id, std::string code, std::string reason);
  // Tags of a task that has not ended. Errors: InvalidParameterException.
  Task<Result<void>> tag(std::string id, Tags tags, std::vector<std::string> removed);

  // Of the live and the stopped ones. None: it never was, or is forgotten.
  Task<Result<std::optional<TaskRecord>>> find(std::string id);
  struct ListQuery {
    std::string cluster;
    std::string family, started_by, service, launch_type;  // empty: any
    std::string desired_status = "RUNNING";
    std::string after;  // a task's id
    size_t rows_max = kListPageMax;
  };
  struct ListAnswer {
    std::vector<std::string> ids;
    bool more = false;
  };
  Task<Result<ListAnswer>> list(ListQuery query);

  struct Credentials {
    std::string role_arn;
    event::RoleKeys keys;
  };
  // Keys of a live task's role that are good for kRoleRenewal. Errors: kNotFound: it has ended, or
  // has no role; the role's (RoleCredentials::issue()).
  Task<Result<Credentials>> credentials(std::string id);

  // What is in memory. Thread: the service's shard.
  std::vector<const TaskRecord*> live() const;
  bool any_live(const std::string& overlap_key) const;
  Capacity total() const { return total_; }
  Capacity used() const { return used_; }
  // Why no task can run on this machine; empty: they can.
  std::string refusal() const;

  // container::Observer. Any shard.
  Task<Result<void>> changed(container::TaskReport report) override;
  Task<Result<void>> write(container::Output output) override;
  Task<Result<uint64_t>> resume_at(std::string task_id, std::string container) override;

 private:
  struct Live {
    TaskRecord record;
    DefinitionPtr definition;
    bool committed = false;  // else its add() is under way
    bool reserved = false;   // it has its share of the machine, on disk (placed) or soon
    bool reported = false;   // the runner told of it since the start
    bool launching = false;  // launch() is at work
    event::RoleKeys keys;    // handed out last; none since the start: no key id
    bool held = false;       // the runner found it at its start, or has accepted run() since
  };
  using LivePtr = std::shared_ptr<Live>;

  // Of one overlap key: those that wait or run, by the number of their run.
  using Runs = std::map<uint64_t, std::set<LivePtr>>;

  Task<Result<void>> load();
  void take_up();
  Task<void> take_up_placed(std::vector<std::string> ids);
  Result<Started> prepare(const NewTasks& start, std::vector<LivePtr>& made);
  TaskRecord record_of(const NewTasks& start, const Capacity& need);
  std::string reason_to_wait(const TaskRecord& record) const;
  bool is_blocked(const TaskRecord& record) const;
  bool fits(const Capacity& need) const;
  void reserve(Live& live);
  void release(Live& live);
  // Into memory, and its place in the queue or behind its earlier runs where it has no share.
  void enter(const LivePtr& live);
  // Gives back its share and its place; runs that waited for it alone come into the queue.
  void leave(const LivePtr& live);
  void stop_replaced(const TaskRecord& newer);
  LivePtr find_live(const std::string& id) const;
  Task<Result<DefinitionPtr>> definition_of(LivePtr live);

  // Runs `edit` on a copy of the record in its turn and commits the copy where it says so.
  using Edit = std::function<bool(TaskRecord&)>;
  Task<Result<bool>> change(std::string id, Edit edit);
  // As change(), until the store takes it or the service ends.
  Task<void> change_surely(std::string id, Edit edit);
  void write_change(store::Batch& batch, const TaskRecord* before, const TaskRecord& after);
  void write_event(store::Batch& batch, const TaskRecord& record);
  void after_change(const LivePtr& live);
  // Keys of its role that it has no more after a change.
  static std::vector<std::string> dropped_keys(const TaskRecord& before, const TaskRecord& after);

  void pump();
  Task<void> place(std::string id);
  Task<void> launch(std::string id);
  Task<Result<void>> try_launch(LivePtr live);
  // As try_launch(), until the runner has room and the store is there.
  Task<Result<void>> try_launch_patiently(LivePtr live);
  Task<Result<event::RoleKeys>> role_keys(LivePtr live, std::string role_arn);
  // What a task of a role finds in its environment.
  Task<Result<Variables>> role_variables(LivePtr live, std::string endpoint);
  Task<Result<std::string>> role_of(LivePtr live);
  Task<void> fail_start(std::string id, std::string reason);
  Task<void> stop_in_runner(std::string id);
  Task<void> forget(std::string id);
  void finish(TaskRecord& record, std::string code, std::string reason) const;

  void arm_sweeper();
  Task<void> sweep();
  Task<Result<bool>> sweep_some();

  Context& context_;
  Definitions& definitions_;
  Outputs outputs_;
  Listener listener_;
  TaskScope scope_;
  std::map<std::string, LivePtr> live_;
  std::map<std::string, Runs> runs_;  // by overlap key
  // Waits for room, by queue number. What waits for earlier runs is not in it.
  std::map<uint64_t, std::string> queue_;
  Capacity total_;
  Capacity used_;
  uint32_t placed_ = 0;  // tasks that have their share
  uint64_t next_number_ = 1;
  bool ready_ = false;     // load() is done: reports can be matched
  bool stopping_ = false;  // the runner lets go: what cannot start now starts after the restart
  std::unique_ptr<Clock::Alarm> sweeper_;
};

// What a report of the runner changes in the record; false: nothing that clients see.
bool apply_report(TaskRecord& record, const Definition& definition,
                  const container::TaskReport& report, TimePoint now);
// The task's place in the log of runs.
event::Run run_of(const TaskRecord& record);
// The share of the machine that a task of this definition takes. Errors: ClientException.
Result<Capacity> need_of(const shape::TaskDefinition& definition,
                         const shape::TaskOverride& overrides);

}  // namespace suiro::ecs
