// SPDX-License-Identifier: Apache-2.0
// The scheduler of services: one look counts the tasks of a service and starts or stops some.
#include <algorithm>
#include <tuple>

#include "base/log.h"
#include "services/ecs/clusters.h"
#include "services/ecs/errors.h"
#include "services/ecs/services.h"
#include "services/ecs/storage.h"
#include "services/ecs/tags.h"
#include "shapes/json.h"

namespace suiro::ecs {
namespace {

// A task that ran so long had begun well.
constexpr Millis kLasted = std::chrono::seconds(60);
// "How the Amazon ECS deployment circuit breaker detects failures": half of the desired count.
constexpr int32_t kBreakerMin = 3;
constexpr int32_t kBreakerMax = 200;

size_t part(int32_t desired, int32_t percent, int32_t round_up) {
  return static_cast<size_t>((int64_t{desired} * percent + round_up) / 100);
}

shape::Deployment* primary(ServiceRecord& record) {
  auto& deployments = record.service.deployments;
  return !deployments || deployments->empty() ? nullptr : &deployments->front();
}

void count_failed(ServiceRecord& record, std::string_view deployment_id) {
  shape::Deployment* deployment = primary(record);
  if (deployment == nullptr || deployment->id != deployment_id) return;
  deployment->failed_tasks = deployment->failed_tasks.value_or(0) + 1;
}

bool has_essential_check(const Definition& definition) {
  const auto& containers = definition.shape.container_definitions;
  return containers && std::ranges::any_of(*containers, [](const auto& row) {
           return row.essential.value_or(true) && row.health_check.has_value();
         });
}

}  // namespace

size_t Services::Census::count(std::string_view deployment) const {
  return static_cast<size_t>(
      std::ranges::count_if(wanted, [&](const Row& row) { return row.deployment == deployment; }));
}

size_t Services::Census::running(std::string_view deployment) const {
  return static_cast<size_t>(std::ranges::count_if(
      wanted, [&](const Row& row) { return row.running && row.deployment == deployment; }));
}

size_t Services::Census::running() const {
  return static_cast<size_t>(
      std::ranges::count_if(wanted, [](const Row& row) { return row.running; }));
}

size_t Services::Census::healthy(std::string_view deployment) const {
  return static_cast<size_t>(std::ranges::count_if(
      wanted, [&](const Row& row) { return row.healthy && row.deployment == deployment; }));
}

Task<Result<std::set<std::string>>> Services::checked(ServiceRecord record) {
  std::set<std::string> out;
  if (!record.service.deployments) co_return out;
  for (const auto& deployment : *record.service.deployments) {
    auto definition = co_await definitions_.find(deployment.task_definition.value_or(""));
    // One that was deleted: the health of its tasks is not known any more.
    if (!definition && definition.error().code == kClient) continue;
    if (!definition) co_return fail(std::move(definition).error());
    if (has_essential_check(**definition)) out.insert(deployment.id.value_or(""));
  }
  co_return out;
}

Services::Census Services::census(const Name& name, std::set<std::string> checked) const {
  Census out;
  out.checked = std::move(checked);
  for (const TaskRecord* task : tasks_.live()) {
    if (task->service != name.second || task->cluster != name.first) continue;
    if (task->stop_wanted()) {
      ++out.stopping;
      continue;
    }
    Census::Row& row = out.wanted.emplace_back();
    row.id = task->id;
    row.deployment = task->deployment_id;
    row.running = task->task.last_status == "RUNNING";
    row.unhealthy = task->task.health_status == "UNHEALTHY";
    row.healthy = row.running && !row.unhealthy &&
                  (task->task.health_status == "HEALTHY" || !out.checked.contains(row.deployment));
    row.queue_number = task->queue_number;
  }
  return out;
}

void Services::on_task(const TaskRecord& record) {
  if (record.service.empty()) return;
  Name name(record.cluster, record.service);
  State* state = state_of(name);
  if (state == nullptr) return;
  const shape::Task& task = record.task;
  if (record.stopped() && task.stop_code != "ServiceSchedulerInitiated" &&
      task.stop_code != "UserInitiated") {
    TimePoint now = context_.kernel.clock.now();
    bool lasted = task.started_at && now - *task.started_at >= kLasted;
    ServiceRecord& kept = state->record;
    kept.failures = lasted ? 1 : kept.failures + 1;
    event::Backoff backoff{kServiceRetryFirst, kServiceRetryLongest};
    kept.retry_at = now + backoff.after(kept.failures, context_.kernel.random);
    if (!task.started_at) count_failed(state->record, record.deployment_id);
  }
  wake(name);
}

void Services::wake(const Name& name) {
  State* state = state_of(name);
  if (state == nullptr || scope_.closing()) return;
  state->look_again = true;
  if (state->looking) return;
  state->looking = true;
  scope_.spawn(look(name));
}

void Services::wake_later(const Name& name, TimePoint due) {
  State* state = state_of(name);
  if (state == nullptr || scope_.closing()) return;
  state->alarm = context_.kernel.clock.alarm(context_.executor, due, [this, name] { wake(name); });
}

Task<void> Services::look(Name name) {
  for (;;) {
    State* state = state_of(name);
    if (state == nullptr) co_return;
    if (scope_.closing() || !state->look_again) {
      state->looking = false;
      co_return;
    }
    state->look_again = false;
    auto done = co_await settle(name);
    if (!done) {
      log::warning("ecs: service {}: {}", name.second, done.error().message);
      wake_later(name, context_.kernel.clock.now() + kCommitRetry);
    }
  }
}

Task<Result<void>> Services::settle(Name name) {
  std::string turn_name = "service:" + name.first + "/" + name.second;
  co_await context_.turns.take(turn_name);
  Turn turn(context_.turns, turn_name);
  State* state = state_of(name);
  if (state == nullptr) co_return ok();
  if (state->record.inactive()) co_return co_await settle_inactive(name);
  if (!state->record.active()) co_return co_await settle_draining(name, census(name));
  CO_TRY(std::set<std::string> with_check, co_await checked(state->record));
  Census now = census(name, std::move(with_check));
  ServiceRecord next = state->record;
  Bytes before = shapes::to_json(next.service);
  break_circuit(next);
  co_await stop_surplus(next, now);
  CO_TRY_VOID(co_await start_missing(name, next, now));
  judge(next, census(name, now.checked));
  bool is_same = shapes::to_json(next.service) == before &&
                 next.is_steady == state->record.is_steady &&
                 state->record.failures == state->failures_kept;
  if (is_same) co_return ok();
  // Failures that were counted meanwhile are not lost.
  next.failures = state->record.failures;
  next.retry_at = state->record.retry_at;
  shape::Deployment* mine = primary(next);
  shape::Deployment* counted = primary(state->record);
  if (mine != nullptr && counted != nullptr && mine->id == counted->id) {
    mine->failed_tasks = counted->failed_tasks;
  }
  co_return co_await put(std::move(name), std::move(next));
}

// Described for as long as stopped tasks are; then its name is unknown.
Task<Result<void>> Services::settle_inactive(Name name) {
  TimePoint due = services_[name].record.inactive_since + context_.config.keep_stopped;
  if (context_.kernel.clock.now() < due) {
    wake_later(name, due);
    co_return ok();
  }
  store::Batch batch;
  batch.erase(storage::service_key(name.first, name.second));
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  services_.erase(name);
  co_return ok();
}

Task<Result<void>> Services::settle_draining(Name name, Census now) {
  ServiceRecord next = services_[name].record;
  for (const auto& row : now.wanted) {
    co_await stop_task(next, row.id, "Service was deleted");
  }
  now = census(name);
  if (now.wanted.empty() && now.stopping == 0) {
    next.service.status = "INACTIVE";
    next.service.deployments.emplace();
    next.inactive_since = context_.kernel.clock.now();
  }
  CO_TRY_VOID(co_await put(name, std::move(next)));
  if (services_[name].record.inactive()) wake(name);
  co_return ok();
}

Task<void> Services::stop_task(ServiceRecord& record, std::string id, std::string reason) {
  auto done = co_await tasks_.stop_task(id, "ServiceSchedulerInitiated", std::move(reason));
  if (done) {
    say(record, fmt::format("has stopped 1 running tasks: (task {}).", id));
  } else {
    log::warning("ecs: task {} of service {}: {}", id, record.name, done.error().message);
  }
}

Task<void> Services::stop_surplus(ServiceRecord& record, Census& census) {
  Name name(record.cluster, record.name);
  const auto& limits = record.service.deployment_configuration;
  int32_t desired = record.service.desired_count.value_or(0);
  size_t least = part(desired, limits->minimum_healthy_percent.value_or(100), 99);
  std::string current = primary(record)->id.value_or("");
  size_t on_current = census.count(current);
  size_t healthy = static_cast<size_t>(
      std::ranges::count_if(census.wanted, [](const auto& row) { return row.healthy; }));
  // Those that do not run yet go first, then those not known to be healthy, then the youngest.
  std::ranges::sort(census.wanted, [](const auto& a, const auto& b) {
    return std::tuple(a.running, a.healthy, b.queue_number) <
           std::tuple(b.running, b.healthy, a.queue_number);
  });
  for (const auto& row : census.wanted) {
    std::string reason;
    if (row.unhealthy) {
      reason = "Task failed container health checks";
    } else if (row.deployment == current) {
      if (on_current <= static_cast<size_t>(desired)) continue;
      --on_current;
      reason = fmt::format("Scaling activity initiated by (deployment {})", current);
    } else {
      // One whose health is not known may be a healthy one.
      if (row.running && healthy < least + (row.healthy ? 1 : 0)) continue;
      reason = fmt::format("Scaling activity initiated by (deployment {})", current);
    }
    if (row.healthy) --healthy;
    co_await stop_task(record, row.id, std::move(reason));
    // The second stage of the circuit breaker.
    if (row.unhealthy) count_failed(state_of(name)->record, row.deployment);
  }
  census = this->census(name, std::move(census.checked));
}

Task<Result<void>> Services::start_missing(Name name, ServiceRecord& record, const Census& census) {
  shape::Deployment* deployment = primary(record);
  const shape::Service& service = record.service;
  int32_t desired = service.desired_count.value_or(0);
  size_t most = std::max<size_t>(
      part(desired, service.deployment_configuration->maximum_percent.value_or(200), 0),
      desired > 0 ? 1 : 0);
  size_t have = census.count(deployment->id.value_or(""));
  size_t room = most > census.wanted.size() ? most - census.wanted.size() : 0;
  size_t missing = static_cast<size_t>(desired) > have ? static_cast<size_t>(desired) - have : 0;
  size_t count = std::min(room, missing);
  if (count == 0 || deployment->rollout_state == "FAILED") co_return ok();
  State* state = state_of(name);
  if (context_.kernel.clock.now() < state->record.retry_at) {
    wake_later(name, state->record.retry_at);
    co_return ok();
  }
  CO_TRY(DefinitionPtr definition, co_await definitions_.find(*deployment->task_definition));
  NewTasks start;
  start.cluster = name.first;
  start.definition = definition;
  start.count = static_cast<int32_t>(count);
  bool is_fargate = service.launch_type == "FARGATE" || service.capacity_provider_strategy;
  start.launch_type = is_fargate ? "FARGATE" : "EC2";
  if (service.capacity_provider_strategy) {
    start.capacity_provider = heaviest(*service.capacity_provider_strategy);
  }
  start.platform_version = service.platform_version.value_or("");
  if (start.platform_version == "LATEST") start.platform_version.clear();
  start.group = "service:" + name.second;
  start.started_by = deployment->id.value_or("");
  if (service.propagate_tags == "SERVICE") start.tags = service.tags.value_or(Tags());
  if (service.propagate_tags == "TASK_DEFINITION") start.tags = definition->tags;
  if (service.enable_ecs_managed_tags.value_or(false)) {
    merge_tags(start.tags,
               {{"aws:ecs:clusterName", name.first}, {"aws:ecs:serviceName", name.second}});
  }
  start.service = name.second;
  start.deployment_id = start.started_by;
  CO_TRY(Started started, co_await tasks_.add(std::move(start), nullptr));
  std::string ids;
  for (const auto& task : started.tasks) {
    ids += fmt::format("{}(task {})", ids.empty() ? "" : " ", task_id(*task.task_arn));
  }
  if (!ids.empty())
    say(record, fmt::format("has started {} tasks: {}.", started.tasks.size(), ids));
  if (!started.failures.empty()) {
    const auto& failure = started.failures.front();
    say(record, fmt::format("was unable to place a task because no container instance met all of "
                            "its requirements. Reason: {} {}.",
                            failure.reason.value_or(""), failure.detail.value_or("")));
    event::Backoff backoff{kServiceRetryFirst, kServiceRetryLongest};
    ServiceRecord& kept = state->record;
    ++kept.failures;
    kept.retry_at =
        context_.kernel.clock.now() + backoff.after(kept.failures, context_.kernel.random);
    wake_later(name, kept.retry_at);
  }
  co_return ok();
}

// Whether the deployment has arrived, and the service is steady.
void Services::judge(ServiceRecord& record, const Census& census) const {
  shape::Deployment* current = primary(record);
  auto& deployments = *record.service.deployments;
  std::erase_if(deployments, [&](const auto& row) {
    return row.status != "PRIMARY" && census.count(row.id.value_or("")) == 0;
  });
  current = primary(record);
  auto desired = static_cast<size_t>(record.service.desired_count.value_or(0));
  bool is_there = census.healthy(current->id.value_or("")) == desired &&
                  census.wanted.size() == desired && deployments.size() == 1;
  if (is_there && current->rollout_state == "IN_PROGRESS") {
    current->rollout_state = "COMPLETED";
    current->rollout_state_reason = fmt::format("ECS deployment {} completed.", *current->id);
    current->updated_at = context_.kernel.clock.now();
    current->failed_tasks = 0;
    record.good_definition = current->task_definition.value_or("");
    say(record, fmt::format("(deployment {}) deployment completed.", *current->id));
  }
  if (is_there && census.stopping == 0 && !record.is_steady) {
    record.is_steady = true;
    say(record, "has reached a steady state.");
  }
  if (!is_there) record.is_steady = false;
}

void Services::break_circuit(ServiceRecord& record) const {
  shape::Deployment* current = primary(record);
  const auto& breaker = record.service.deployment_configuration->deployment_circuit_breaker;
  if (current == nullptr || !breaker || !breaker->enable) return;
  if (current->rollout_state != "IN_PROGRESS") return;
  int32_t half = (record.service.desired_count.value_or(0) + 1) / 2;
  if (current->failed_tasks.value_or(0) < std::clamp(half, kBreakerMin, kBreakerMax)) return;
  current->rollout_state = "FAILED";
  current->rollout_state_reason = "ECS deployment circuit breaker: tasks failed to start.";
  current->updated_at = context_.kernel.clock.now();
  std::string failed = *current->id;
  say(record, fmt::format("(deployment {}) deployment failed: tasks failed to start.", failed));
  bool has_good = !record.good_definition.empty() &&
                  record.good_definition != current->task_definition.value_or("");
  if (!breaker->rollback || !has_good) return;
  start_deployment(record, record.good_definition);
  primary(record)->rollout_state_reason = fmt::format(
      "ECS deployment circuit breaker: rolling back to deploymentId {}.", *primary(record)->id);
  say(record, fmt::format("rolling back to deployment {}.", *primary(record)->id));
}

}  // namespace suiro::ecs
