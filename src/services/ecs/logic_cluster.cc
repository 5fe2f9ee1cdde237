// SPDX-License-Identifier: Apache-2.0
// Clusters, the machine as their container instance, capacity providers.
#include <algorithm>

#include "services/ecs/errors.h"
#include "services/ecs/logic.h"

namespace suiro::ecs {
namespace {

bool includes(const std::optional<std::vector<std::string>>& include, std::string_view what) {
  return include && std::ranges::find(*include, what) != include->end();
}

shape::Failure missing(std::string arn) {
  shape::Failure failure;
  failure.arn = std::move(arn);
  failure.reason = "MISSING";
  return failure;
}

shape::Resource integer(std::string name, uint32_t value) {
  shape::Resource out;
  out.name = std::move(name);
  out.type = "INTEGER";
  out.integer_value = static_cast<int32_t>(value);
  out.long_value = 0;
  out.double_value = 0;
  return out;
}

std::vector<shape::Attribute> instance_attributes() {
  std::vector<shape::Attribute> out;
  auto add = [&](std::string name, std::optional<std::string> value) {
    shape::Attribute& attribute = out.emplace_back();
    attribute.name = std::move(name);
    attribute.value = std::move(value);
  };
  add("ecs.os-type", "linux");
  add("ecs.os-family", "LINUX");
  add("ecs.cpu-architecture", "x86_64");
  add("com.amazonaws.ecs.capability.logging-driver.awslogs", std::nullopt);
  add("com.amazonaws.ecs.capability.task-iam-role", std::nullopt);
  add("ecs.capability.secrets.lake", std::nullopt);
  add("ecs.capability.env-files.s3", std::nullopt);
  add("ecs.capability.container-health-check", std::nullopt);
  add("ecs.capability.container-ordering", std::nullopt);
  return out;
}

}  // namespace

shape::Cluster Logic::with_counts(shape::Cluster cluster) const {
  int32_t running = 0, pending = 0;
  for (const TaskRecord* task : tasks_.live()) {
    if (task->cluster != cluster.cluster_name) continue;
    if (task->task.last_status == "RUNNING") ++running;
    if (task->task.last_status == "PENDING" || task->task.last_status == "PROVISIONING") ++pending;
  }
  cluster.running_tasks_count = running;
  cluster.pending_tasks_count = pending;
  cluster.registered_container_instances_count = tasks_.refusal().empty() ? 1 : 0;
  cluster.active_services_count =
      static_cast<int32_t>(services_.active_count(cluster.cluster_name.value_or("")));
  cluster.statistics.emplace();
  return cluster;
}

Task<Result<shape::Cluster>> Logic::create_cluster(shape::CreateClusterRequest in) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<shape::Cluster>> {
    CO_TRY(shape::Cluster cluster, co_await clusters_.create(std::move(in)));
    co_return with_counts(std::move(cluster));
  });
}

Task<Result<shape::DescribeClustersResponse>> Logic::describe_clusters(
    shape::DescribeClustersRequest in) {
  co_return co_await run_on(
      context_.executor, [&]() -> Task<Result<shape::DescribeClustersResponse>> {
        auto wanted = in.clusters.value_or(std::vector<std::string>());
        if (wanted.empty()) wanted.push_back("default");
        if (wanted.size() > kDescribeClustersMax) {
          co_return invalid(
              fmt::format("Clusters cannot have more than {} elements.", kDescribeClustersMax));
        }
        shape::DescribeClustersResponse out;
        out.clusters.emplace();
        out.failures.emplace();
        for (const auto& text : wanted) {
          CO_TRY(std::string name, cluster_name(text));
          const shape::Cluster* record = clusters_.find(name);
          if (record == nullptr) {
            out.failures->push_back(missing(context_.cluster_arn(name)));
            continue;
          }
          shape::Cluster cluster = with_counts(*record);
          if (!includes(in.include, "TAGS")) cluster.tags.emplace().clear();
          if (!includes(in.include, "SETTINGS")) cluster.settings.emplace().clear();
          out.clusters->push_back(std::move(cluster));
        }
        co_return out;
      });
}

Task<Result<shape::ListClustersResponse>> Logic::list_clusters(shape::ListClustersRequest in) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<shape::ListClustersResponse>> {
    CO_TRY(size_t most, page_size(in.max_results, kListPageMax, kListPageMax));
    CO_TRY(std::string after, parse_page_token(in.next_token));
    std::vector<std::string> names = clusters_.list(after, most + 1);
    shape::ListClustersResponse out;
    out.cluster_arns.emplace();
    if (names.size() > most) {
      names.pop_back();
      out.next_token = page_token(names.back());
    }
    for (const auto& name : names) out.cluster_arns->push_back(context_.cluster_arn(name));
    co_return out;
  });
}

Task<Result<shape::Cluster>> Logic::change_cluster(std::string text, Clusters::Edit edit) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<shape::Cluster>> {
    CO_TRY(std::string name, clusters_.existing(text));
    CO_TRY(shape::Cluster cluster, co_await clusters_.change(std::move(name), edit));
    co_return with_counts(std::move(cluster));
  });
}

Task<Result<shape::Cluster>> Logic::put_providers(shape::PutClusterCapacityProvidersRequest in) {
  co_return co_await change_cluster(in.cluster, [&](shape::Cluster& cluster) -> Result<void> {
    TRY_VOID(check_providers(in.capacity_providers, in.default_capacity_provider_strategy));
    cluster.capacity_providers = in.capacity_providers;
    cluster.default_capacity_provider_strategy = in.default_capacity_provider_strategy;
    return ok();
  });
}

Task<Result<shape::Cluster>> Logic::delete_cluster(std::string text) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<shape::Cluster>> {
    CO_TRY(std::string name, clusters_.existing(text));
    auto check = [&]() -> Result<void> {
      if (services_.active_count(name) > 0) {
        return fail(kClusterHasServices,
                    "The Cluster cannot be deleted while Services are active.");
      }
      for (const TaskRecord* task : tasks_.live()) {
        if (task->cluster != name) continue;
        return fail(kClusterHasTasks, "The Cluster cannot be deleted while Tasks are active.");
      }
      return ok();
    };
    CO_TRY(shape::Cluster cluster, co_await clusters_.remove(name, check));
    co_return with_counts(std::move(cluster));
  });
}

shape::ContainerInstance Logic::instance_of(const std::string& cluster) const {
  Capacity total = tasks_.total(), used = tasks_.used();
  shape::ContainerInstance out;
  out.container_instance_arn = context_.instance_arn(cluster);
  out.version = 1;
  out.version_info.emplace();
  std::string refusal = tasks_.refusal();
  out.status = refusal.empty() ? "ACTIVE" : "DRAINING";
  if (!refusal.empty()) out.status_reason = refusal;
  out.agent_connected = refusal.empty();
  out.registered_resources = {integer("CPU", total.cpu_units), integer("MEMORY", total.memory_mb)};
  out.remaining_resources = {
      integer("CPU", total.cpu_units - std::min(total.cpu_units, used.cpu_units)),
      integer("MEMORY", total.memory_mb - std::min(total.memory_mb, used.memory_mb))};
  int32_t running = 0, pending = 0;
  for (const TaskRecord* task : tasks_.live()) {
    if (task->cluster != cluster) continue;
    if (task->task.last_status == "RUNNING") ++running;
    if (task->task.last_status == "PENDING") ++pending;
  }
  out.running_tasks_count = running;
  out.pending_tasks_count = pending;
  out.attributes = instance_attributes();
  out.attachments.emplace();
  out.tags.emplace();
  return out;
}

Task<Result<shape::DescribeContainerInstancesResponse>> Logic::describe_instances(
    shape::DescribeContainerInstancesRequest in) {
  co_return co_await run_on(
      context_.executor, [&]() -> Task<Result<shape::DescribeContainerInstancesResponse>> {
        CO_TRY(std::string cluster, clusters_.existing(in.cluster.value_or("")));
        if (in.container_instances.empty()) {
          co_return invalid("Container instances cannot be empty.");
        }
        shape::DescribeContainerInstancesResponse out;
        out.container_instances.emplace();
        out.failures.emplace();
        for (const auto& text : in.container_instances) {
          if (text == context_.instance_id() || text == context_.instance_arn(cluster)) {
            out.container_instances->push_back(instance_of(cluster));
          } else {
            out.failures->push_back(missing(text));
          }
        }
        co_return out;
      });
}

Task<Result<shape::ListContainerInstancesResponse>> Logic::list_instances(
    shape::ListContainerInstancesRequest in) {
  co_return co_await run_on(
      context_.executor, [&]() -> Task<Result<shape::ListContainerInstancesResponse>> {
        if (in.filter) co_return not_supported("filter");
        CO_TRY(std::string cluster, clusters_.existing(in.cluster.value_or("")));
        std::string status = tasks_.refusal().empty() ? "ACTIVE" : "DRAINING";
        std::vector<std::string> arns;
        if (in.status.value_or(status) == status) arns.push_back(context_.instance_arn(cluster));
        CO_TRY(auto page, cut(std::move(arns), in, [](const std::string& arn) { return arn; }));
        co_return shape::ListContainerInstancesResponse{std::move(page.rows),
                                                        std::move(page.next_token)};
      });
}

Task<Result<shape::ListAttributesResponse>> Logic::list_attributes(
    shape::ListAttributesRequest in) {
  co_return co_await run_on(
      context_.executor, [&]() -> Task<Result<shape::ListAttributesResponse>> {
        CO_TRY(std::string cluster, clusters_.existing(in.cluster.value_or("")));
        std::vector<shape::Attribute> found;
        for (auto& attribute : instance_attributes()) {
          if (in.attribute_name && attribute.name != *in.attribute_name) continue;
          if (in.attribute_value && attribute.value != in.attribute_value) continue;
          attribute.target_id = context_.instance_arn(cluster);
          found.push_back(std::move(attribute));
        }
        CO_TRY(auto page, cut(std::move(found), in, [](const auto& row) { return row.name; }));
        co_return shape::ListAttributesResponse{std::move(page.rows), std::move(page.next_token)};
      });
}

Task<Result<shape::DescribeCapacityProvidersResponse>> Logic::describe_providers(
    shape::DescribeCapacityProvidersRequest in) {
  auto wanted = in.capacity_providers.value_or(std::vector<std::string>());
  shape::DescribeCapacityProvidersResponse out;
  out.failures.emplace();
  std::vector<std::string> known = {"FARGATE", "FARGATE_SPOT"};
  if (in.cluster) {
    using Names = std::vector<std::string>;
    CO_TRY(known, co_await run_on(context_.executor, [&]() -> Task<Result<Names>> {
             CO_TRY(std::string name, clusters_.existing(*in.cluster));
             co_return clusters_.find(name)->capacity_providers.value_or(Names());
           }));
  }
  if (wanted.empty()) wanted = known;
  std::vector<shape::CapacityProvider> found;
  for (const auto& text : wanted) {
    std::string name = text.substr(text.rfind('/') + 1);
    if (std::ranges::find(known, name) == known.end()) {
      out.failures->push_back(missing(text));
      continue;
    }
    shape::CapacityProvider& provider = found.emplace_back();
    provider.capacity_provider_arn = context_.arn("capacity-provider", name);
    provider.name = name;
    provider.status = "ACTIVE";
    provider.type = name;
    provider.tags.emplace();
  }
  CO_TRY(auto page,
         cut(std::move(found), in, [](const auto& row) { return row.name.value_or(""); }));
  out.capacity_providers = std::move(page.rows);
  out.next_token = std::move(page.next_token);
  co_return out;
}

}  // namespace suiro::ecs
