// SPDX-License-Identifier: Apache-2.0
// Services: so many tasks of a definition, kept running and replaced when the definition changes.
//
//   create() ─► ACTIVE ──remove(): desired 0 or force──► DRAINING ──no task left──► INACTIVE
//
// A deployment is a definition that the service goes to: the PRIMARY one gets tasks, the ACTIVE
// ones before it lose theirs, as maximumPercent and minimumHealthyPercent permit.
//
//   start_deployment() ─► IN_PROGRESS ──all run and are healthy, none of older──► COMPLETED
//                              └─ circuit breaker: too many failed ─► FAILED (─► roll-back: a new
//                              one)
//
// Invariants:
//  1. What runs is counted from the tasks, never from the service's record: a start that is lost or
//     repeated by a crash cannot be, because the next look counts again.
//  2. Changes of one service take turns.
// Thread: the service's shard; start(), stop() from any. Failure: a store that refuses is asked
// again after kCommitRetry. Source of the rules: Amazon ECS Developer Guide, "Amazon ECS services",
// "Deploy Amazon ECS services by replacing tasks", "How the Amazon ECS deployment circuit breaker
// detects failures".
#pragma once

#include <set>

#include "kernel/event/backoff.h"
#include "services/ecs/tasks.h"

namespace suiro::ecs {

class Services {
 public:
  Services(Context& context, Definitions& definitions, Tasks& tasks);
  ~Services();

  Task<Result<void>> start();
  Task<void> stop();

  // The cluster exists. Errors: InvalidParameterException, ClientException, NotImplemented.
  Task<Result<shape::Service>> create(std::string cluster, shape::CreateServiceRequest in,
                                      std::string caller);
  // Errors: ServiceNotFoundException, ServiceNotActiveException, as create().
  Task<Result<shape::Service>> update(std::string cluster, shape::UpdateServiceRequest in);
  enum class Force { kNo, kYes };
  Task<Result<shape::Service>> remove(std::string cluster, std::string name, Force force);
  Task<Result<void>> tag(std::string cluster, std::string name, Tags tags,
                         std::vector<std::string> removed);
  // Whether an update replaces tasks though it names no definition.
  static bool begins_deployment(const shape::UpdateServiceRequest& in);
  // nullptr: none of that name. With its counts: describe().
  const ServiceRecord* find(const std::string& cluster, const std::string& name) const;
  shape::Service describe(const ServiceRecord& record) const;
  struct ListQuery {
    std::string cluster, launch_type, after;
    size_t rows_max = kListServicesDefault;
  };
  // Names; those that are INACTIVE are left out.
  std::vector<std::string> list(const ListQuery& query) const;
  size_t active_count(const std::string& cluster) const;

  // A task changed.
  void on_task(const TaskRecord& record);

 private:
  using Name = std::pair<std::string, std::string>;  // cluster, service
  struct State {
    ServiceRecord record;
    uint32_t failures_kept = 0;  // those of the record that are durable
    bool looking = false;        // look() is at work
    bool look_again = false;
    std::unique_ptr<Clock::Alarm> alarm;
  };
  // What the service's tasks are at this moment.
  struct Census {
    struct Row {
      std::string id, deployment;
      bool running = false, unhealthy = false;
      bool healthy = false;  // runs, and is HEALTHY where its deployment is one of `checked`
      uint64_t queue_number = 0;
    };
    std::vector<Row> wanted;  // desired status RUNNING
    size_t stopping = 0;
    std::set<std::string> checked;  // deployments with a health check of an essential container
    size_t count(std::string_view deployment) const;
    size_t running(std::string_view deployment) const;
    size_t running() const;
    size_t healthy(std::string_view deployment) const;
  };

  static Result<void> refuse(const shape::CreateServiceRequest& in);
  static Result<void> refuse(const shape::UpdateServiceRequest& in);
  Task<Result<shape::Service>> update_in_turn(std::string cluster, shape::UpdateServiceRequest in);
  // Its deployments whose tasks count once they are HEALTHY ("DeploymentConfiguration", Amazon ECS
  // API Reference).
  Task<Result<std::set<std::string>>> checked(ServiceRecord record);
  Census census(const Name& name, std::set<std::string> checked = {}) const;
  State* state_of(const Name& name);
  Task<Result<void>> put(Name name, ServiceRecord next);
  void say(ServiceRecord& record, std::string message) const;
  void start_deployment(ServiceRecord& record, std::string definition_arn) const;
  void wake(const Name& name);
  void wake_later(const Name& name, TimePoint due);
  Task<void> look(Name name);
  // One look: true where something was changed and another look is due.
  Task<Result<void>> settle(Name name);
  Task<Result<void>> settle_draining(Name name, Census census);
  Task<Result<void>> settle_inactive(Name name);
  Task<void> stop_task(ServiceRecord& record, std::string id, std::string reason);
  Task<void> stop_surplus(ServiceRecord& record, Census& census);
  Task<Result<void>> start_missing(Name name, ServiceRecord& record, const Census& census);
  void judge(ServiceRecord& record, const Census& census) const;
  void break_circuit(ServiceRecord& record) const;

  Context& context_;
  Definitions& definitions_;
  Tasks& tasks_;
  TaskScope scope_;
  std::map<Name, State> services_;
};

}  // namespace suiro::ecs
