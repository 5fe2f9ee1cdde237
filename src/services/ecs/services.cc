// SPDX-License-Identifier: Apache-2.0
// What clients ask of services; the scheduler is in services_look.cc.
#include "services/ecs/services.h"

#include <algorithm>

#include "base/digest.h"
#include "base/log.h"
#include "services/ecs/errors.h"
#include "services/ecs/logic.h"
#include "services/ecs/storage.h"
#include "services/ecs/tags.h"
#include "services/ecs/validate.h"
#include "shapes/json.h"

namespace suiro::ecs {
namespace {

template <class List>
bool is_given(const std::optional<List>& list) {
  return list && !list->empty();
}

Result<void> check_deployment(const std::optional<shape::DeploymentConfiguration>& given) {
  if (!given) return ok();
  if (given->alarms && given->alarms->enable) return not_supported("Deployment alarms");
  if (given->strategy.value_or("ROLLING") != "ROLLING") {
    return not_supported("A deployment strategy other than ROLLING");
  }
  if (given->bake_time_in_minutes.value_or(0) != 0) return not_supported("bakeTimeInMinutes");
  if (is_given(given->lifecycle_hooks)) return not_supported("lifecycleHooks");
  if (given->linear_configuration) return not_supported("linearConfiguration");
  if (given->canary_configuration) return not_supported("canaryConfiguration");
  int32_t most = given->maximum_percent.value_or(200);
  int32_t least = given->minimum_healthy_percent.value_or(100);
  if (most < 100 || most > 10'000) return invalid("maximumPercent must be at least 100.");
  if (least < 0 || least > most) {
    return invalid("minimumHealthyPercent must be between 0 and maximumPercent.");
  }
  if (least == 100 && most == 100) {
    return invalid(
        "minimumHealthyPercent and maximumPercent of 100 leave no room for a deployment.");
  }
  return ok();
}

// What create and update have in common.
template <class Input>
Result<void> refuse_common(const Input& in) {
  if (is_given(in.load_balancers)) return not_supported("loadBalancers");
  if (is_given(in.service_registries)) return not_supported("serviceRegistries");
  if (is_given(in.placement_constraints)) return not_supported("placementConstraints");
  if (is_given(in.placement_strategy)) return not_supported("placementStrategy");
  if (is_given(in.volume_configurations)) return not_supported("volumeConfigurations");
  if (is_given(in.vpc_lattice_configurations)) return not_supported("vpcLatticeConfigurations");
  if (in.enable_execute_command.value_or(false)) return not_supported("enableExecuteCommand");
  if (in.service_connect_configuration && in.service_connect_configuration->enabled) {
    return not_supported("serviceConnectConfiguration");
  }
  if (in.availability_zone_rebalancing.value_or("DISABLED") != "DISABLED") {
    return not_supported("availabilityZoneRebalancing");
  }
  if (in.health_check_grace_period_seconds.value_or(0) != 0) {
    return invalid(
        "Health check grace period is only valid for services configured to use load balancers");
  }
  if (in.deployment_controller && in.deployment_controller->type != "ECS") {
    return not_supported("A deployment controller other than ECS");
  }
  int32_t desired = in.desired_count.value_or(0);
  if (desired < 0 || desired > kDesiredCountMax) {
    return invalid(fmt::format("desiredCount must be between 0 and {}.", kDesiredCountMax));
  }
  return check_deployment(in.deployment_configuration);
}

shape::DeploymentConfiguration with_defaults(shape::DeploymentConfiguration given) {
  if (!given.maximum_percent) given.maximum_percent = 200;
  if (!given.minimum_healthy_percent) given.minimum_healthy_percent = 100;
  if (!given.deployment_circuit_breaker) given.deployment_circuit_breaker.emplace();
  given.strategy = "ROLLING";
  given.bake_time_in_minutes = 0;
  return given;
}

// Members that an update leaves away stay as they are.
void keep_absent(shape::DeploymentConfiguration& given,
                 const shape::DeploymentConfiguration& present) {
  if (!given.maximum_percent) given.maximum_percent = present.maximum_percent;
  if (!given.minimum_healthy_percent) {
    given.minimum_healthy_percent = present.minimum_healthy_percent;
  }
  if (!given.deployment_circuit_breaker) {
    given.deployment_circuit_breaker = present.deployment_circuit_breaker;
  }
}

// What a request to create is known by when it comes once more.
struct Asked {
  std::string token, digest;
  bool operator==(const Asked&) const = default;
};

Asked asked_of(shape::CreateServiceRequest in) {
  Asked out{std::exchange(in.client_token, std::nullopt).value_or(""), ""};
  if (!out.token.empty()) out.digest = sha256(shapes::to_json(in));
  return out;
}

// A strategy has the providers of Fargate alone.
std::string launch_type_of(const shape::Service& service) {
  bool has_strategy = is_given(service.capacity_provider_strategy);
  return has_strategy ? "FARGATE" : service.launch_type.value_or("EC2");
}

// What the service's tasks would be refused for at each start.
Result<void> check_start(const shape::Service& service, const shape::TaskDefinition& definition) {
  TRY_VOID(check_network(service.network_configuration, definition));
  TRY_VOID(check_compatible(definition, launch_type_of(service)));
  return check_platform(service.platform_version.value_or(""), launch_type_of(service));
}

std::string turn_of(const std::string& cluster, const std::string& name) {
  return "service:" + cluster + "/" + name;
}

}  // namespace

Services::Services(Context& context, Definitions& definitions, Tasks& tasks)
    : context_(context), definitions_(definitions), tasks_(tasks), scope_(context.executor) {}

Services::~Services() = default;

Task<Result<void>> Services::start() {
  co_return co_await run_on(context_.executor, [this]() -> Task<Result<void>> {
    CO_TRY(auto page,
           co_await context_.kernel.store.scan(
               {.range = storage::services(), .rows_max = kServicesMax, .bytes_max = SIZE_MAX}));
    for (const auto& entry : page.entries) {
      CO_TRY(ServiceRecord record, storage::decode_service(entry.value));
      Name name(record.cluster, record.name);
      services_[name].failures_kept = record.failures;
      services_[name].record = std::move(record);
    }
    for (const auto& [name, state] : services_) wake(name);
    co_return ok();
  });
}

Task<void> Services::stop() {
  co_await run_on(context_.executor, [this]() -> Task<void> {
    for (auto& [name, state] : services_) state.alarm.reset();
    co_await scope_.close();
    for (auto& [name, state] : services_) state.alarm.reset();
  });
}

const ServiceRecord* Services::find(const std::string& cluster, const std::string& name) const {
  auto found = services_.find(Name(cluster, name));
  return found == services_.end() ? nullptr : &found->second.record;
}

Services::State* Services::state_of(const Name& name) {
  auto found = services_.find(name);
  return found == services_.end() ? nullptr : &found->second;
}

std::vector<std::string> Services::list(const ListQuery& query) const {
  std::vector<std::string> out;
  for (auto row = services_.upper_bound(Name(query.cluster, query.after)); row != services_.end();
       ++row) {
    const ServiceRecord& record = row->second.record;
    if (record.cluster != query.cluster || out.size() == query.rows_max) break;
    if (record.inactive()) continue;
    if (!query.launch_type.empty() && record.service.launch_type != query.launch_type) continue;
    out.push_back(record.name);
  }
  return out;
}

size_t Services::active_count(const std::string& cluster) const {
  return static_cast<size_t>(std::ranges::count_if(services_, [&](const auto& row) {
    return row.first.first == cluster && row.second.record.active();
  }));
}

shape::Service Services::describe(const ServiceRecord& record) const {
  shape::Service out = record.service;
  Census now = census({record.cluster, record.name});
  out.running_count = static_cast<int32_t>(now.running());
  out.pending_count = static_cast<int32_t>(now.wanted.size() - now.running());
  if (!out.deployments) return out;
  for (auto& deployment : *out.deployments) {
    std::string id = deployment.id.value_or("");
    auto count = static_cast<int32_t>(now.count(id));
    auto running = static_cast<int32_t>(now.running(id));
    deployment.running_count = running;
    deployment.pending_count = count - running;
    deployment.desired_count =
        deployment.status == "PRIMARY" ? out.desired_count.value_or(0) : count;
  }
  return out;
}

Task<Result<void>> Services::put(Name name, ServiceRecord next) {
  store::Batch batch;
  batch.put(storage::service_key(name.first, name.second), storage::encode(next));
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  State& state = services_[name];
  state.failures_kept = next.failures;
  state.record = std::move(next);
  co_return ok();
}

void Services::say(ServiceRecord& record, std::string message) const {
  if (!record.service.events) record.service.events.emplace();
  auto& events = *record.service.events;
  shape::ServiceEvent event;
  event.id = context_.kernel.random.uuid();
  event.created_at = context_.kernel.clock.now();
  event.message = fmt::format("(service {}) {}", record.name, message);
  events.insert(events.begin(), std::move(event));
  if (events.size() > kServiceEventsMax) events.resize(kServiceEventsMax);
}

void Services::start_deployment(ServiceRecord& record, std::string definition_arn) const {
  shape::Service& service = record.service;
  if (!service.deployments) service.deployments.emplace();
  for (auto& older : *service.deployments) older.status = "ACTIVE";
  shape::Deployment next;
  // As AWS's: 19 digits.
  constexpr uint64_t kIdBegin = 1'000'000'000'000'000'000;
  next.id = fmt::format("ecs-svc/{}", kIdBegin + context_.kernel.random.below(8 * kIdBegin));
  next.status = "PRIMARY";
  next.task_definition = definition_arn;
  next.desired_count = service.desired_count;
  next.failed_tasks = 0;
  next.created_at = context_.kernel.clock.now();
  next.updated_at = next.created_at;
  next.launch_type = service.launch_type;
  next.capacity_provider_strategy = service.capacity_provider_strategy;
  next.platform_version = service.platform_version;
  next.platform_family = service.platform_family;
  next.network_configuration = service.network_configuration;
  next.rollout_state = "IN_PROGRESS";
  next.rollout_state_reason = fmt::format("ECS deployment {} in progress.", *next.id);
  service.deployments->insert(service.deployments->begin(), std::move(next));
  service.task_definition = std::move(definition_arn);
  record.is_steady = false;
  ++record.next_deployment;
}

Result<void> Services::refuse(const shape::CreateServiceRequest& in) {
  TRY_VOID(refuse_common(in));
  if (in.role) return not_supported("role");
  if (in.scheduling_strategy.value_or("REPLICA") != "REPLICA") {
    return not_supported("A scheduling strategy other than REPLICA");
  }
  if (!is_name(in.service_name)) return invalid("Invalid service name.");
  if (!in.task_definition) return invalid("TaskDefinition can not be blank.");
  if (!in.desired_count) return invalid("desiredCount must be given for REPLICA services.");
  if (in.client_token && in.client_token->size() > kServiceTokenBytesMax) {
    return invalid("clientToken must be at most 36 characters.");
  }
  return check_tags(in.tags.value_or(Tags()));
}

Result<void> Services::refuse(const shape::UpdateServiceRequest& in) {
  return refuse_common(in);
}

Task<Result<shape::Service>> Services::create(std::string cluster, shape::CreateServiceRequest in,
                                              std::string caller) {
  CO_TRY_VOID(refuse(in));
  const Asked asked = asked_of(in);
  std::string turn_name = turn_of(cluster, in.service_name);
  co_await context_.turns.take(turn_name);
  Turn turn(context_.turns, turn_name);
  Name name(cluster, in.service_name);
  if (const State* present = state_of(name); present != nullptr && !present->record.inactive()) {
    const ServiceRecord& there = present->record;
    if (!there.active()) co_return invalid("Unable to Start a service that is still Draining.");
    bool again = !asked.token.empty() && asked == Asked{there.client_token, there.digest};
    if (!again) co_return invalid("Creation of service was not idempotent.");
    co_return describe(there);
  }
  if (services_.size() >= kServicesMax) {
    co_return fail(kLimitExceeded, "The limit for the number of services was reached.");
  }
  CO_TRY(DefinitionPtr definition, co_await definitions_.find_to_run(*in.task_definition));
  ServiceRecord record;
  record.name = in.service_name;
  record.cluster = cluster;
  record.client_token = asked.token;
  record.digest = asked.digest;
  shape::Service& service = record.service;
  service.service_arn = context_.service_arn(cluster, in.service_name);
  service.service_name = in.service_name;
  service.cluster_arn = context_.cluster_arn(cluster);
  service.load_balancers.emplace();
  service.service_registries.emplace();
  service.status = "ACTIVE";
  service.desired_count = in.desired_count;
  service.launch_type = in.launch_type;
  service.capacity_provider_strategy = in.capacity_provider_strategy;
  service.platform_version = in.platform_version;
  if (service.launch_type == "FARGATE") {
    if (!service.platform_version) service.platform_version = "LATEST";
    service.platform_family = "Linux";
  }
  service.deployment_configuration =
      with_defaults(in.deployment_configuration.value_or(shape::DeploymentConfiguration()));
  service.events.emplace();
  service.created_at = context_.kernel.clock.now();
  service.placement_constraints.emplace();
  service.placement_strategy.emplace();
  service.network_configuration = in.network_configuration;
  service.scheduling_strategy = "REPLICA";
  service.deployment_controller = shape::DeploymentController{"ECS"};
  service.tags = in.tags;
  service.created_by = std::move(caller);
  service.enable_ecs_managed_tags = in.enable_ecs_managed_tags.value_or(false);
  service.propagate_tags = in.propagate_tags.value_or("NONE");
  service.enable_execute_command = false;
  service.availability_zone_rebalancing = "DISABLED";
  CO_TRY_VOID(check_start(service, definition->shape));
  start_deployment(record, definition->shape.task_definition_arn.value_or(""));
  CO_TRY_VOID(co_await put(name, std::move(record)));
  wake(name);
  co_return describe(services_[name].record);
}

bool Services::begins_deployment(const shape::UpdateServiceRequest& in) {
  return in.force_new_deployment.value_or(false) || in.network_configuration ||
         in.capacity_provider_strategy || in.platform_version;
}

Task<Result<shape::Service>> Services::update(std::string cluster, shape::UpdateServiceRequest in) {
  CO_TRY_VOID(refuse(in));
  std::string turn_name = turn_of(cluster, service_name(in.service));
  co_await context_.turns.take(turn_name);
  Turn turn(context_.turns, turn_name);
  co_return co_await update_in_turn(std::move(cluster), std::move(in));
}

Task<Result<shape::Service>> Services::update_in_turn(std::string cluster,
                                                      shape::UpdateServiceRequest in) {
  Name name(cluster, service_name(in.service));
  const State* present = state_of(name);
  if (present == nullptr) co_return no_such_service();
  if (!present->record.active()) co_return fail(kServiceNotActive, "Service was not ACTIVE.");
  ServiceRecord next = present->record;
  shape::Service& service = next.service;
  bool is_new_deployment = in.force_new_deployment.value_or(false);
  std::string definition_arn = service.task_definition.value_or("");
  if (in.task_definition) {
    CO_TRY(DefinitionPtr definition, co_await definitions_.find_to_run(*in.task_definition));
    std::string arn = definition->shape.task_definition_arn.value_or("");
    is_new_deployment = is_new_deployment || arn != definition_arn;
    definition_arn = std::move(arn);
  }
  if (in.network_configuration) {
    service.network_configuration = std::move(in.network_configuration);
    is_new_deployment = true;
  }
  if (in.capacity_provider_strategy) {
    bool is_none = in.capacity_provider_strategy->empty();
    if (is_none && !service.launch_type) service.launch_type = "EC2";
    if (is_none) in.capacity_provider_strategy.reset();
    if (!is_none) service.launch_type.reset();
    service.capacity_provider_strategy = std::move(in.capacity_provider_strategy);
    is_new_deployment = true;
  }
  if (in.platform_version && in.platform_version != service.platform_version) {
    service.platform_version = std::move(in.platform_version);
    is_new_deployment = true;
  }
  CO_TRY(DefinitionPtr definition, co_await definitions_.find(definition_arn));
  CO_TRY_VOID(check_start(service, definition->shape));
  if (in.desired_count) service.desired_count = in.desired_count;
  if (in.deployment_configuration) {
    auto& given = *in.deployment_configuration;
    if (service.deployment_configuration) keep_absent(given, *service.deployment_configuration);
    service.deployment_configuration = with_defaults(std::move(given));
  }
  if (in.propagate_tags) service.propagate_tags = in.propagate_tags;
  if (in.enable_ecs_managed_tags) service.enable_ecs_managed_tags = in.enable_ecs_managed_tags;
  next.is_steady = false;
  if (is_new_deployment) {
    start_deployment(next, definition_arn);
    next.failures = 0;
    next.retry_at = {};
  }
  CO_TRY_VOID(co_await put(name, std::move(next)));
  State& state = services_[name];
  wake(name);
  co_return describe(state.record);
}

Task<Result<shape::Service>> Services::remove(std::string cluster, std::string service,
                                              Force force) {
  std::string turn_name = turn_of(cluster, service);
  co_await context_.turns.take(turn_name);
  Turn turn(context_.turns, turn_name);
  Name name(cluster, service);
  const State* present = state_of(name);
  if (present == nullptr || present->record.inactive()) co_return no_such_service();
  ServiceRecord next = present->record;
  if (force == Force::kNo && next.service.desired_count.value_or(0) > 0) {
    co_return invalid("The service cannot be stopped while it is scaled above 0.");
  }
  next.service.status = "DRAINING";
  next.service.desired_count = 0;
  CO_TRY_VOID(co_await put(name, std::move(next)));
  wake(name);
  co_return describe(services_[name].record);
}

Task<Result<void>> Services::tag(std::string cluster, std::string service, Tags tags,
                                 std::vector<std::string> removed) {
  std::string turn_name = turn_of(cluster, service);
  co_await context_.turns.take(turn_name);
  Turn turn(context_.turns, turn_name);
  Name name(cluster, service);
  const State* present = state_of(name);
  if (present == nullptr) co_return no_such_service();
  ServiceRecord next = present->record;
  Tags list = next.service.tags.value_or(Tags());
  CO_TRY_VOID(change_tags(list, tags, removed));
  next.service.tags = std::move(list);
  co_return co_await put(name, std::move(next));
}

}  // namespace suiro::ecs
