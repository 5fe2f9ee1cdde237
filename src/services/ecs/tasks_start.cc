// SPDX-License-Identifier: Apache-2.0
// From the wish to a running container: add(), place(), launch().
#include "base/log.h"
#include "services/ecs/errors.h"
#include "services/ecs/spec.h"
#include "services/ecs/storage.h"
#include "services/ecs/tags.h"
#include "services/ecs/tasks.h"
#include "services/ecs/validate.h"

namespace suiro::ecs {
namespace {

constexpr std::string_view kWaitingAttribute = "suiro.pending-reason";

template <class T>
const T& or_empty(const std::optional<T>& value) {
  static const T kEmpty{};
  return value ? *value : kEmpty;
}

std::vector<shape::Container> containers_of(const NewTasks& start, const Context& context,
                                            const std::string& id, const std::string& task_arn) {
  std::vector<shape::Container> out;
  for (const auto& parts : parts_of(start.definition->shape, start.overrides)) {
    const shape::ContainerDefinition& in = *parts.definition;
    const shape::ContainerOverride* over = parts.override;
    shape::Container& container = out.emplace_back();
    container.container_arn = context.arn(
        "container", fmt::format("{}/{}/{}", start.cluster, id, context.kernel.random.uuid()));
    container.task_arn = task_arn;
    container.name = in.name;
    container.image = in.image;
    container.last_status = "PENDING";
    container.network_interfaces.emplace();
    // No port is published; on Fargate a task has an interface instead.
    if (start.launch_type != "FARGATE") container.network_bindings.emplace();
    container.health_status = "UNKNOWN";
    container.cpu = std::to_string(over != nullptr && over->cpu ? *over->cpu : in.cpu.value_or(0));
    auto memory = over != nullptr && over->memory ? over->memory : in.memory;
    if (memory) container.memory = std::to_string(*memory);
    auto reservation = over != nullptr && over->memory_reservation ? over->memory_reservation
                                                                   : in.memory_reservation;
    if (reservation) container.memory_reservation = std::to_string(*reservation);
  }
  return out;
}

void set_waiting(shape::Task& task, const std::string& reason) {
  task.attributes.emplace();
  shape::Attribute& attribute = task.attributes->emplace_back();
  attribute.name = kWaitingAttribute;
  attribute.value = reason;
  for (auto& container : *task.containers) container.reason = reason;
}

void clear_waiting(shape::Task& task) {
  task.attributes.emplace();
  for (auto& container : *task.containers) container.reason.reset();
}

}  // namespace

Result<Capacity> need_of(const shape::TaskDefinition& definition,
                         const shape::TaskOverride& overrides) {
  Capacity need;
  uint64_t cpu = 0, memory = 0;
  for (const auto& parts : parts_of(definition, overrides)) {
    const shape::ContainerDefinition& in = *parts.definition;
    const shape::ContainerOverride* over = parts.override;
    cpu += static_cast<uint64_t>(over != nullptr && over->cpu ? *over->cpu : in.cpu.value_or(0));
    auto hard = over != nullptr && over->memory ? over->memory : in.memory;
    auto soft = over != nullptr && over->memory_reservation ? over->memory_reservation
                                                            : in.memory_reservation;
    memory += static_cast<uint64_t>(soft.value_or(hard.value_or(0)));
  }
  need.cpu_units = static_cast<uint32_t>(std::min<uint64_t>(cpu, UINT32_MAX));
  need.memory_mb = static_cast<uint32_t>(std::min<uint64_t>(memory, UINT32_MAX));
  const auto& task_level_cpu = overrides.cpu ? overrides.cpu : definition.cpu;
  const auto& task_level_memory = overrides.memory ? overrides.memory : definition.memory;
  if (task_level_cpu) {
    TRY(need.cpu_units, task_cpu(*task_level_cpu));
  }
  if (task_level_memory) {
    TRY(need.memory_mb, task_memory(*task_level_memory));
  }
  return need;
}

TaskRecord Tasks::record_of(const NewTasks& start, const Capacity& need) {
  auto& kernel = context_.kernel;
  TaskRecord record;
  record.id = new_task_id(kernel.random);
  record.cluster = start.cluster;
  record.service = start.service;
  record.deployment_id = start.deployment_id;
  record.queue_number = next_number_++;
  record.run_number = record.queue_number;
  record.cpu_units = need.cpu_units;
  record.memory_mb = need.memory_mb;
  record.overlap = start.overlap;
  record.overlap_key = start.overlap_key;
  record.nominal = start.nominal;
  record.schedule_arn = start.schedule_arn;
  record.cause = start.cause;
  TimePoint now = kernel.clock.now();
  if (record.cause.trace_id.empty()) record.cause = TraceContext::begin(now, kernel.random);
  record.span_id = new_span_id(now, kernel.random);
  record.reference_id = start.reference_id;
  for (const auto& container : or_empty(start.definition->shape.container_definitions)) {
    if (container.essential.value_or(true)) record.essential.push_back(*container.name);
  }
  shape::Task& task = record.task;
  task.task_arn = context_.task_arn(start.cluster, record.id);
  task.cluster_arn = context_.cluster_arn(start.cluster);
  task.task_definition_arn = start.definition->shape.task_definition_arn;
  task.containers = containers_of(start, context_, record.id, *task.task_arn);
  task.overrides = start.overrides;
  if (!task.overrides->container_overrides) task.overrides->container_overrides.emplace();
  task.overrides->inference_accelerator_overrides.emplace();
  task.cpu = std::to_string(need.cpu_units);
  task.memory = std::to_string(need.memory_mb);
  task.created_at = now;
  task.desired_status = "RUNNING";
  task.health_status = "UNKNOWN";
  task.group = start.group.empty()
                   ? fmt::format("family:{}", start.definition->shape.family.value_or(""))
                   : start.group;
  task.launch_type = start.launch_type;
  if (!start.capacity_provider.empty()) task.capacity_provider_name = start.capacity_provider;
  if (start.launch_type == "FARGATE") {
    task.platform_version = start.platform_version.empty() ? "1.4.0" : start.platform_version;
    task.platform_family = "Linux";
  } else {
    task.container_instance_arn = context_.instance_arn(start.cluster);
  }
  if (!start.started_by.empty()) task.started_by = start.started_by;
  task.tags = start.tags;
  task.attachments.emplace();
  task.attributes.emplace();
  task.availability_zone = kernel.region + "a";
  task.enable_execute_command = false;
  task.version = 1;
  return record;
}

std::string Tasks::reason_to_wait(const TaskRecord& record) const {
  if (is_blocked(record)) {
    return fmt::format("Waits until the runs before it of {} have ended", record.overlap_key);
  }
  Capacity need{record.cpu_units, record.memory_mb};
  if (queue_.empty() && fits(need)) return "";
  if (queue_.empty() && placed_ >= context_.config.placed_max) {
    return fmt::format("RESOURCE:DISK: waits for room: there are disks for {} tasks at once",
                       context_.config.placed_max);
  }
  bool lacks_memory = used_.memory_mb + need.memory_mb > total_.memory_mb;
  return fmt::format(
      "RESOURCE:{}: waits for room: {} CPU units and {} MiB are needed, {} and {} are free, {} "
      "tasks wait before it",
      lacks_memory ? "MEMORY" : "CPU", need.cpu_units, need.memory_mb,
      total_.cpu_units - std::min(total_.cpu_units, used_.cpu_units),
      total_.memory_mb - std::min(total_.memory_mb, used_.memory_mb), queue_.size());
}

Result<Started> Tasks::prepare(const NewTasks& start, std::vector<LivePtr>& made) {
  TRY(Capacity need, need_of(start.definition->shape, start.overrides));
  Started out;
  std::string instance = context_.instance_arn(start.cluster);
  auto add_failure = [&](std::string reason, std::string detail) {
    shape::Failure& failure = out.failures.emplace_back();
    failure.arn = instance;
    failure.reason = std::move(reason);
    if (!detail.empty()) failure.detail = std::move(detail);
  };
  for (int32_t i = 0; i < start.count; ++i) {
    if (std::string why = refusal(); !why.empty()) {
      add_failure("AGENT", why);
      continue;
    }
    bool is_memory = need.memory_mb > total_.memory_mb;
    if (is_memory || need.cpu_units > total_.cpu_units) {
      out.too_large = true;
      add_failure(is_memory ? "RESOURCE:MEMORY" : "RESOURCE:CPU",
                  fmt::format("the task needs {} CPU units and {} MiB; the machine has {} and {}",
                              need.cpu_units, need.memory_mb, total_.cpu_units, total_.memory_mb));
      continue;
    }
    if (live_.size() >= kLiveTasksMax) {
      add_failure("RESOURCE:CPU", "too many tasks wait or run");
      continue;
    }
    auto live = std::make_shared<Live>();
    live->record = record_of(start, need);
    if (!made.empty()) live->record.run_number = made.front()->record.run_number;
    live->definition = start.definition;
    TaskRecord& record = live->record;
    std::string waiting = reason_to_wait(record);
    if (!waiting.empty() && context_.config.full == Full::kFail && !is_blocked(record)) {
      add_failure(waiting.substr(0, waiting.find(':', waiting.find(':') + 1)), waiting);
      continue;
    }
    record.placed = waiting.empty();
    record.task.last_status = record.placed ? "PENDING" : "PROVISIONING";
    if (record.placed) {
      reserve(*live);
    } else {
      set_waiting(record.task, waiting);
    }
    // Its place is taken before the commit, so that no later one passes it.
    enter(live);
    out.tasks.push_back(record.task);
    made.push_back(std::move(live));
  }
  return out;
}

Task<Result<Started>> Tasks::add(NewTasks start, Also also) {
  if (auto* runner = context_.config.runner; runner != nullptr && runner->probe().pending) {
    co_await runner->probed(context_.kernel.clock.now() + kProbeWait);
  }
  if (stopping_) co_return fail(codes::kUnavailable, "Suiro ends", Retry::kLater);
  std::vector<LivePtr> made;
  CO_TRY(Started started, prepare(start, made));
  if (made.empty()) co_return started;
  store::Batch batch;
  for (const auto& live : made) write_change(batch, nullptr, live->record);
  if (also) also(batch, started);
  auto committed = co_await context_.kernel.store.commit(std::move(batch));
  for (const auto& live : made) {
    const TaskRecord& record = live->record;
    live->committed = committed.has_value();
    if (!committed) {
      leave(live);
    } else if (record.placed) {
      scope_.spawn(launch(record.id));
    }
  }
  if (!committed) {
    pump();
    co_return fail(committed.error());
  }
  for (const auto& live : made) {
    if (listener_) listener_(live->record);
  }
  if (start.overlap == Overlap::kReplace) stop_replaced(made.front()->record);
  pump();
  co_return started;
}

void Tasks::stop_replaced(const TaskRecord& newer) {
  std::vector<std::string> ids;
  auto runs = runs_.find(newer.overlap_key);
  if (runs == runs_.end()) return;
  for (const auto& [number, tasks] : runs->second) {
    if (number >= newer.run_number) break;
    for (const auto& older : tasks) {
      if (!older->record.stop_wanted()) ids.push_back(older->record.id);
    }
  }
  for (auto& id : ids) {
    scope_.spawn([](Tasks* self, std::string which) -> Task<void> {
      while (!self->scope_.closing()) {
        auto done = co_await self->stop_task(which, "UserInitiated",
                                             "Replaced by a newer run of its schedule");
        if (done || done.error().code == kInvalidParameter) co_return;
        co_await self->context_.kernel.clock.sleep_for(kCommitRetry);
      }
    }(this, std::move(id)));
  }
}

// Its share is reserved; the record says so once this has committed.
Task<void> Tasks::place(std::string id) {
  co_await change_surely(id, [](TaskRecord& record) {
    if (record.stopped() || record.placed) return false;
    record.placed = true;
    record.task.last_status = "PENDING";
    clear_waiting(record.task);
    return true;
  });
  LivePtr live = find_live(id);
  if (live && live->record.placed) co_await launch(std::move(id));
}

Task<Result<event::RoleKeys>> Tasks::role_keys(LivePtr live, std::string role_arn) {
  auto* roles = context_.kernel.roles;
  if (roles == nullptr) co_return event::RoleKeys{};
  // Who asks at the same time gets the same keys.
  std::string turn_name = "keys:" + live->record.id;
  co_await context_.turns.take(turn_name);
  Turn turn(context_.turns, turn_name);
  TimePoint renewed = context_.kernel.clock.now() + kRoleRenewal;
  if (!live->keys.access_key_id.empty() && live->keys.expires_at > renewed) co_return live->keys;
  auto keys = roles->issue({.role_arn = role_arn,
                            .session_name = live->record.id,
                            .service = "ecs-tasks.amazonaws.com",
                            .holder_arn = live->record.task.task_arn.value_or(""),
                            .life = event::RoleSession::Life::kDurable,
                            .lifetime = kRoleLife});
  if (!keys) {
    co_return fail(
        keys.error().code,
        fmt::format(
            "ECS was unable to assume the role '{}' that was provided for this task. "
            "Please verify that the role being passed has the proper trust relationship "
            "and permissions and that your IAM user has permissions to pass this role. ({})",
            role_arn, keys.error().message));
  }
  std::string key_id = keys->access_key_id;
  auto kept = co_await change(live->record.id, [&](TaskRecord& record) {
    // Where an earlier start is not known to have failed, its key may be in use.
    if (record.access_key_ids.size() == kRoleKeysMax) {
      record.access_key_ids.erase(record.access_key_ids.begin());
    }
    record.access_key_ids.push_back(key_id);
    return true;
  });
  if (!kept) co_return fail(kept.error());
  if (!*kept) co_return fail(codes::kNotFound, "the task has ended");
  live->keys = *keys;
  co_return *std::move(keys);
}

Task<Result<std::string>> Tasks::role_of(LivePtr live) {
  CO_TRY(DefinitionPtr definition, co_await definition_of(live));
  const auto& overrides = live->record.task.overrides;
  const auto& role = overrides && overrides->task_role_arn ? overrides->task_role_arn
                                                           : definition->shape.task_role_arn;
  co_return role.value_or("");
}

Task<Result<Tasks::Credentials>> Tasks::credentials(std::string id) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<Credentials>> {
    LivePtr live = find_live(id);
    if (!live || !live->committed) co_return fail(codes::kNotFound, "the task has ended");
    Credentials out;
    CO_TRY(out.role_arn, co_await role_of(live));
    if (out.role_arn.empty()) co_return fail(codes::kNotFound, "the task has no role");
    CO_TRY(out.keys, co_await role_keys(live, out.role_arn));
    if (out.keys.access_key_id.empty()) co_return fail(codes::kNotFound, "there are no roles");
    co_return out;
  });
}

Task<Result<Variables>> Tasks::role_variables(LivePtr live, std::string endpoint) {
  Variables out;
  CO_TRY(std::string role, co_await role_of(live));
  if (role.empty()) co_return out;
  // Also where the containers ask for them later: a role that cannot be assumed fails the start.
  CO_TRY(event::RoleKeys keys, co_await role_keys(live, std::move(role)));
  if (keys.access_key_id.empty()) co_return out;
  // SDKs send no token to other machines unencrypted.
  if (context_.config.credentials_path && endpoint == context_.config.task_endpoint) {
    CredentialsPath path = context_.config.credentials_path(live->record.id);
    out.push_back({"AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint + path.path});
    out.push_back({"AWS_CONTAINER_AUTHORIZATION_TOKEN", path.token});
    co_return out;
  }
  out.push_back({"AWS_ACCESS_KEY_ID", keys.access_key_id});
  out.push_back({"AWS_SECRET_ACCESS_KEY", keys.secret_access_key});
  out.push_back({"AWS_SESSION_TOKEN", keys.session_token});
  co_return out;
}

Task<Result<void>> Tasks::try_launch(LivePtr live) {
  auto& kernel = context_.kernel;
  CO_TRY(DefinitionPtr definition, co_await definition_of(live));
  const auto& config = context_.config;
  bool is_of_machine = config.task_endpoint.empty() || definition->shape.network_mode == "host";
  std::string endpoint = is_of_machine ? kernel.endpoint : config.task_endpoint;
  Variables given = {
      {"AWS_REGION", kernel.region},
      {"AWS_DEFAULT_REGION", kernel.region},
      {"AWS_ENDPOINT_URL", endpoint},
      {"AWS_EXECUTION_ENV",
       live->record.task.launch_type == "FARGATE" ? "AWS_ECS_FARGATE" : "AWS_ECS_EC2"}};
  const shape::TaskOverride overrides = or_empty(live->record.task.overrides);
  CO_TRY(Variables of_role, co_await role_variables(live, endpoint));
  given.insert(given.end(), of_role.begin(), of_role.end());
  std::vector<Variables> environments;
  for (const auto& parts : parts_of(definition->shape, overrides)) {
    CO_TRY(Variables variables, co_await environment_of(kernel.objects, parts, given));
    environments.push_back(std::move(variables));
  }
  auto spec = spec_of(live->record, definition->shape, std::move(environments));
  for (size_t i = 0; i < spec.containers.size(); ++i) {
    CO_TRY(spec.containers[i].registry_credentials,
           co_await registry_credentials_of(kernel.objects,
                                            &definition->shape.container_definitions->at(i)));
  }
  if (!find_live(live->record.id) || live->record.stop_wanted()) co_return ok();
  co_return co_await context_.config.runner->run(std::move(spec));
}

Task<Result<void>> Tasks::try_launch_patiently(LivePtr live) {
  for (Millis pause = kLaunchRetryFirst;; pause = std::min(2 * pause, kLaunchRetryLongest)) {
    auto done = co_await try_launch(live);
    bool is_again = !done && is_passing(done.error()) && refusal().empty();
    if (!is_again || stopping_ || live->reported || live->record.stopped()) co_return done;
    log::warning("ecs: task {} waits for its start: {}", live->record.id, done.error().message);
    co_await context_.kernel.clock.sleep_for(pause);
  }
}

Task<void> Tasks::launch(std::string id) {
  LivePtr live = find_live(id);
  // One that is at work looks at its end whether the task is to be stopped.
  if (!live || live->launching || stopping_) co_return;
  live->launching = true;
  auto done = co_await try_launch_patiently(live);
  live->launching = false;
  // It stays placed: the next start of Suiro runs it, or stops it.
  if (stopping_ || !find_live(id)) co_return;
  if (!done) {
    // The runner has it: what went wrong here was asked for in vain.
    if (live->reported) {
      if (live->record.stop_wanted()) co_await stop_in_runner(std::move(id));
      co_return;
    }
    co_await fail_start(std::move(id), done.error().message);
    co_return;
  }
  live->held = true;
  if (live->record.stop_wanted()) co_await stop_in_runner(std::move(id));
}

Task<void> Tasks::fail_start(std::string id, std::string reason) {
  log::warning("ecs: task {} cannot start: {}", id, reason);
  co_await change_surely(std::move(id), [this, &reason](TaskRecord& record) {
    if (record.stopped()) return false;
    finish(record, "TaskFailedToStart", reason);
    return true;
  });
}

}  // namespace suiro::ecs
