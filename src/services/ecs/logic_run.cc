// SPDX-License-Identifier: Apache-2.0
// RunTask, StartTask, StopTask, DescribeTasks, ListTasks.
#include <algorithm>

#include "base/digest.h"
#include "services/ecs/errors.h"
#include "services/ecs/logic.h"
#include "services/ecs/storage.h"
#include "services/ecs/tags.h"
#include "services/ecs/validate.h"
#include "shapes/json.h"

namespace suiro::ecs {
namespace {

constexpr size_t kStartedByBytesMax = 128;

template <class List>
bool is_given(const std::optional<List>& list) {
  return list && !list->empty();
}

shape::Failure missing(std::string arn) {
  shape::Failure failure;
  failure.arn = std::move(arn);
  failure.reason = "MISSING";
  return failure;
}

Result<void> refuse_settings(const shape::RunTaskRequest& in) {
  if (is_given(in.placement_constraints)) return not_supported("placementConstraints");
  if (is_given(in.placement_strategy)) return not_supported("placementStrategy");
  if (is_given(in.volume_configurations)) return not_supported("volumeConfigurations");
  if (in.enable_execute_command.value_or(false)) return not_supported("enableExecuteCommand");
  if (in.propagate_tags == "SERVICE") {
    return invalid("Tags of a service are propagated by services only.");
  }
  if (in.started_by && in.started_by->size() > kStartedByBytesMax) {
    return invalid("startedBy must be at most 128 characters.");
  }
  if (in.client_token && (in.client_token->empty() || in.client_token->size() > kTokenBytesMax)) {
    return invalid("clientToken must be between 1 and 64 characters.");
  }
  if (in.group && (in.group->starts_with("service:") || in.group->starts_with("family:"))) {
    return invalid("Invalid namespace for group.");
  }
  int32_t count = in.count.value_or(1);
  if (count < 1) return invalid("Tasks count should be 1 or more.");
  if (count > kRunCountMax) {
    return invalid(fmt::format("Tasks count should be {} or less.", kRunCountMax));
  }
  return ok();
}

}  // namespace

Result<void> check_overrides(const shape::TaskOverride& overrides,
                             const shape::TaskDefinition& definition) {
  if (is_given(overrides.inference_accelerator_overrides)) {
    return not_supported("inferenceAcceleratorOverrides");
  }
  if (overrides.ephemeral_storage) return not_supported("ephemeralStorage");
  TRY_VOID(check_role(overrides.task_role_arn));
  TRY_VOID(check_role(overrides.execution_role_arn));
  if (shapes::to_json(overrides).size() > kOverrideBytesMax) {
    return invalid(fmt::format("Container Overrides length must be at most {}", kOverrideBytesMax));
  }
  if (!overrides.container_overrides) return ok();
  for (const auto& over : *overrides.container_overrides) {
    bool is_known = std::ranges::any_of(*definition.container_definitions,
                                        [&](const auto& c) { return c.name == over.name; });
    if (!is_known) {
      return invalid(
          fmt::format("Override for container named {} is not a container in the TaskDefinition.",
                      over.name.value_or("")));
    }
    if (is_given(over.resource_requirements)) return not_supported("resourceRequirements");
    bool is_low =
        over.cpu.value_or(0) < 0 ||
        (over.memory && *over.memory < static_cast<int32_t>(kMemoryMbMin)) ||
        (over.memory_reservation && *over.memory_reservation < static_cast<int32_t>(kMemoryMbMin));
    if (is_low) return invalid("An override of cpu or memory is out of range.");
    if (!over.environment_files) continue;
    for (const auto& file : *over.environment_files) {
      if (file.type != "s3" || !file.value.starts_with("arn:aws:s3:::")) {
        return invalid("An environment file must be the ARN of an S3 object, with type s3.");
      }
    }
  }
  return ok();
}

Result<void> check_network(const std::optional<shape::NetworkConfiguration>& network,
                           const shape::TaskDefinition& definition) {
  bool is_given = network && network->awsvpc_configuration;
  bool is_awsvpc = definition.network_mode == "awsvpc";
  if (is_awsvpc && !is_given) {
    return invalid(
        "Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  }
  if (!is_awsvpc && is_given) {
    return invalid(
        "Network Configuration is not valid for the given networkMode of this task definition.");
  }
  if (is_given && network->awsvpc_configuration->subnets.empty()) {
    return invalid("subnets can not be empty.");
  }
  return ok();
}

Result<void> check_compatible(const shape::TaskDefinition& definition,
                              const std::string& launch_type) {
  const auto& compatible = definition.compatibilities;
  if (compatible && std::ranges::find(*compatible, launch_type) != compatible->end()) return ok();
  return invalid(fmt::format("Task definition does not support launch_type {}.", launch_type));
}

Result<void> check_platform(std::string_view platform_version, std::string_view launch_type) {
  bool is_default = platform_version.empty() || platform_version == "LATEST";
  if (is_default || launch_type == "FARGATE") return ok();
  return invalid("The platform version must be null when specifying an EC2 launch type.");
}

Result<void> Logic::set_launch(NewTasks& start, const shape::RunTaskRequest& in) const {
  if (in.launch_type && is_given(in.capacity_provider_strategy)) {
    return invalid(
        "Specifying both a launch type and capacity provider strategy is not supported. Remove "
        "one and try again.");
  }
  auto strategy =
      in.capacity_provider_strategy.value_or(std::vector<shape::CapacityProviderStrategyItem>());
  const shape::Cluster* cluster = clusters_.find(start.cluster);
  if (cluster == nullptr) return no_such_cluster();
  auto providers = cluster->capacity_providers.value_or(std::vector<std::string>());
  if (strategy.empty() && !in.launch_type && cluster->default_capacity_provider_strategy) {
    strategy = *cluster->default_capacity_provider_strategy;
  }
  TRY_VOID(check_providers(providers, strategy));
  start.capacity_provider = heaviest(strategy);
  start.launch_type = in.launch_type.value_or(strategy.empty() ? "EC2" : "FARGATE");
  if (start.launch_type != "EC2" && start.launch_type != "FARGATE") {
    return not_supported(fmt::format("The launch type {}", start.launch_type));
  }
  TRY_VOID(check_compatible(start.definition->shape, start.launch_type));
  start.platform_version = in.platform_version.value_or("");
  TRY_VOID(check_platform(start.platform_version, start.launch_type));
  if (start.platform_version == "LATEST") start.platform_version.clear();
  return ok();
}

Task<Result<NewTasks>> Logic::new_tasks(shape::RunTaskRequest in, Caller caller) {
  CO_TRY_VOID(refuse_settings(in));
  NewTasks start;
  CO_TRY(Clusters::Used cluster, co_await clusters_.use(in.cluster.value_or("")));
  start.cluster = std::move(cluster.name);
  start.cluster_hold = std::move(cluster.hold);
  CO_TRY(start.definition, co_await definitions_.find_to_run(
                               caller.definition.empty() ? in.task_definition : caller.definition));
  CO_TRY_VOID(set_launch(start, in));
  CO_TRY_VOID(check_network(in.network_configuration, start.definition->shape));
  if (in.overrides) start.overrides = std::move(*in.overrides);
  CO_TRY_VOID(check_overrides(start.overrides, start.definition->shape));
  start.count = in.count.value_or(1);
  start.group = in.group.value_or("");
  start.started_by = in.started_by.value_or("");
  start.reference_id = in.reference_id.value_or("");
  start.tags = in.tags.value_or(Tags());
  CO_TRY_VOID(check_tags(start.tags));
  if (in.propagate_tags == "TASK_DEFINITION") merge_tags(start.tags, start.definition->tags);
  if (in.enable_ecs_managed_tags.value_or(false)) {
    shape::Tag& tag = start.tags.emplace_back();
    tag.key = "aws:ecs:clusterName";
    tag.value = start.cluster;
  }
  start.cause = std::move(caller.trace);
  co_return start;
}

Task<Result<shape::RunTaskResponse>> Logic::run_task(shape::RunTaskRequest in, Caller caller) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<shape::RunTaskResponse>> {
    if (in.client_token) co_return co_await run_with_token(std::move(in), std::move(caller));
    CO_TRY(NewTasks start, co_await new_tasks(std::move(in), std::move(caller)));
    CO_TRY(Started started, co_await tasks_.add(std::move(start), nullptr));
    co_return shape::RunTaskResponse{std::move(started.tasks), std::move(started.failures)};
  });
}

Task<Result<shape::RunTaskResponse>> Logic::answer_again(TokenRecord token,
                                                         const std::string& digest) {
  if (token.digest != digest) {
    co_return fail(kConflict,
                   "The clientToken was used before, in a request with other parameters.");
  }
  shape::RunTaskResponse out;
  out.tasks.emplace();
  out.failures.emplace();
  for (auto& id : token.task_ids) {
    CO_TRY(auto record, co_await tasks_.find(id));
    if (record) {
      out.tasks->push_back(std::move(record->task));
    } else {
      out.failures->push_back(missing(std::move(id)));
    }
  }
  co_return out;
}

Task<Result<shape::RunTaskResponse>> Logic::run_with_token(shape::RunTaskRequest in,
                                                           Caller caller) {
  CO_TRY_VOID(refuse_settings(in));
  std::string token = *std::exchange(in.client_token, std::nullopt);
  std::string digest = sha256(shapes::to_json(in));
  CO_TRY(std::string cluster, cluster_name(in.cluster.value_or("")));
  std::string turn_name = "token:" + cluster + "/" + token;
  co_await context_.turns.take(turn_name);
  Turn turn(context_.turns, turn_name);
  store::Key key = storage::token_key(cluster, token);
  TimePoint now = context_.kernel.clock.now();
  CO_TRY(auto row, co_await context_.kernel.store.get(key));
  std::optional<TimePoint> made;
  if (row) {
    CO_TRY(TokenRecord present, storage::decode_token(row->value));
    if (now < present.made + kClientTokenLife) {
      co_return co_await answer_again(std::move(present), digest);
    }
    made = present.made;
  }
  CO_TRY(NewTasks start, co_await new_tasks(std::move(in), std::move(caller)));
  CO_TRY(Started started,
         co_await tasks_.add(std::move(start), [&](store::Batch& batch, const Started& those) {
           TokenRecord record{now, digest, {}};
           for (const auto& task : those.tasks) record.task_ids.push_back(task_id(*task.task_arn));
           if (made) batch.erase(storage::token_expiry_key(*made, cluster, token));
           batch.put(key, storage::encode(record));
           batch.put(storage::token_expiry_key(now, cluster, token), "\1");
         }));
  co_return shape::RunTaskResponse{std::move(started.tasks), std::move(started.failures)};
}

Task<Result<shape::StartTaskResponse>> Logic::start_task(shape::StartTaskRequest in,
                                                         Caller caller) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<shape::StartTaskResponse>> {
    if (is_given(in.volume_configurations)) co_return not_supported("volumeConfigurations");
    if (in.container_instances.empty() || in.container_instances.size() > 10) {
      co_return invalid("containerInstances must name 1 to 10 container instances.");
    }
    shape::RunTaskRequest request;
    request.cluster = in.cluster;
    request.enable_ecs_managed_tags = in.enable_ecs_managed_tags;
    request.enable_execute_command = in.enable_execute_command;
    request.group = in.group;
    request.network_configuration = in.network_configuration;
    request.overrides = in.overrides;
    request.propagate_tags = in.propagate_tags;
    request.reference_id = in.reference_id;
    request.started_by = in.started_by;
    request.tags = in.tags;
    request.task_definition = in.task_definition;
    request.launch_type = "EC2";
    shape::StartTaskResponse out;
    out.tasks.emplace();
    out.failures.emplace();
    int32_t count = 0;
    for (const auto& instance : in.container_instances) {
      if (instance.ends_with(context_.instance_id())) {
        ++count;
      } else {
        out.failures->push_back(missing(instance));
      }
    }
    if (count == 0) co_return out;
    request.count = count;
    CO_TRY(NewTasks start, co_await new_tasks(std::move(request), std::move(caller)));
    CO_TRY(Started started, co_await tasks_.add(std::move(start), nullptr));
    out.tasks = std::move(started.tasks);
    for (auto& failure : started.failures) out.failures->push_back(std::move(failure));
    co_return out;
  });
}

Task<Result<shape::StopTaskResponse>> Logic::stop_task(shape::StopTaskRequest in) {
  co_return co_await run_on(context_.executor, [&] { return stop_task_here(std::move(in)); });
}

Task<Result<shape::StopTaskResponse>> Logic::stop_task_here(shape::StopTaskRequest in) {
  CO_TRY(std::string cluster, clusters_.existing(in.cluster.value_or("")));
  std::string id = task_id(in.task);
  if (id.empty()) co_return invalid("taskId longer than 36.");
  CO_TRY(auto record, co_await tasks_.find(id));
  if (!record || record->cluster != cluster) {
    co_return invalid("The referenced task was not found.");
  }
  std::string reason = in.reason.value_or("Task stopped by user");
  CO_TRY(shape::Task task, co_await tasks_.stop_task(id, "UserInitiated", std::move(reason)));
  co_return shape::StopTaskResponse{std::move(task)};
}

Task<Result<shape::DescribeTasksResponse>> Logic::describe_tasks(shape::DescribeTasksRequest in) {
  co_return co_await run_on(context_.executor, [&] { return describe_tasks_here(std::move(in)); });
}

Task<Result<shape::DescribeTasksResponse>> Logic::describe_tasks_here(
    shape::DescribeTasksRequest in) {
  CO_TRY(std::string cluster, clusters_.existing(in.cluster.value_or("")));
  if (in.tasks.empty()) co_return invalid("Tasks cannot be empty.");
  if (in.tasks.size() > kDescribeTasksMax) {
    co_return invalid(fmt::format("Tasks cannot have more than {} elements.", kDescribeTasksMax));
  }
  bool with_tags = in.include && std::ranges::find(*in.include, "TAGS") != in.include->end();
  shape::DescribeTasksResponse out;
  out.tasks.emplace();
  out.failures.emplace();
  for (const auto& text : in.tasks) {
    std::string id = task_id(text);
    std::optional<TaskRecord> record;
    if (!id.empty()) {
      CO_TRY(record, co_await tasks_.find(id));
    }
    if (!record || record->cluster != cluster) {
      out.failures->push_back(
          missing(text.starts_with("arn:") ? text : context_.task_arn(cluster, text)));
      continue;
    }
    if (!with_tags) record->task.tags.emplace().clear();
    out.tasks->push_back(std::move(record->task));
  }
  co_return out;
}

Task<Result<shape::ListTasksResponse>> Logic::list_tasks(shape::ListTasksRequest in) {
  co_return co_await run_on(context_.executor, [&] { return list_tasks_here(std::move(in)); });
}

Task<Result<shape::ListTasksResponse>> Logic::list_tasks_here(shape::ListTasksRequest in) {
  if (in.daemon_name) co_return not_supported("daemonName");
  Tasks::ListQuery query;
  CO_TRY(query.cluster, clusters_.existing(in.cluster.value_or("")));
  query.family = in.family.value_or("");
  query.started_by = in.started_by.value_or("");
  if (in.service_name) {
    query.service = service_name(*in.service_name);
    if (services_.find(query.cluster, query.service) == nullptr) co_return no_such_service();
  }
  query.launch_type = in.launch_type.value_or("");
  query.desired_status = in.desired_status.value_or("RUNNING");
  CO_TRY(query.rows_max, page_size(in.max_results, kListPageMax, kListPageMax));
  CO_TRY(query.after, parse_page_token(in.next_token));
  shape::ListTasksResponse out;
  out.task_arns.emplace();
  if (in.container_instance) {
    // On Fargate tasks have no container instance.
    if (!in.container_instance->ends_with(context_.instance_id())) co_return out;
    if (query.launch_type.empty()) query.launch_type = "EC2";
  }
  std::string cluster = query.cluster;
  CO_TRY(auto answer, co_await tasks_.list(std::move(query)));
  for (const auto& id : answer.ids) out.task_arns->push_back(context_.task_arn(cluster, id));
  if (answer.more) out.next_token = page_token(answer.ids.back());
  co_return out;
}

}  // namespace suiro::ecs
