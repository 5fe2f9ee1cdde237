// SPDX-License-Identifier: Apache-2.0
// The rules of Amazon ECS: what each operation does with clusters, definitions, tasks and services.
// Requests and answers are the structures of the public interface; no wire, no keys.
//
// Invariants:
//  1. RunTask with a client token starts tasks once: the token is committed with them.
//  2. An event for a cluster starts its tasks once: they are committed with its consumption.
// Thread: any; everything that changes hops to the service's shard.
// Source of the rules: Amazon ECS API Reference, the page of each operation.
#pragma once

#include <algorithm>

#include "services/ecs/clusters.h"
#include "services/ecs/definitions.h"
#include "services/ecs/services.h"
#include "services/ecs/tasks.h"

namespace suiro::ecs {

// Who asks.
struct Caller {
  std::string arn;
  TraceContext trace;
  // The ARN of the revision that it was permitted to run; empty: as the request names it.
  std::string definition = {};
};

class Logic final : public event::Target {
 public:
  Logic(event::Kernel& kernel, Config config);

  Task<Result<void>> start();
  Task<void> stop();

  // Clusters.
  Task<Result<shape::Cluster>> create_cluster(shape::CreateClusterRequest in);
  Task<Result<shape::DescribeClustersResponse>> describe_clusters(
      shape::DescribeClustersRequest in);
  Task<Result<shape::ListClustersResponse>> list_clusters(shape::ListClustersRequest in);
  Task<Result<shape::Cluster>> change_cluster(std::string name, Clusters::Edit edit);
  Task<Result<shape::Cluster>> put_providers(shape::PutClusterCapacityProvidersRequest in);
  Task<Result<shape::Cluster>> delete_cluster(std::string name);
  Task<Result<shape::DescribeContainerInstancesResponse>> describe_instances(
      shape::DescribeContainerInstancesRequest in);
  Task<Result<shape::ListContainerInstancesResponse>> list_instances(
      shape::ListContainerInstancesRequest in);
  Task<Result<shape::ListAttributesResponse>> list_attributes(shape::ListAttributesRequest in);
  Task<Result<shape::DescribeCapacityProvidersResponse>> describe_providers(
      shape::DescribeCapacityProvidersRequest in);

  // Definitions.
  Definitions& definitions() { return definitions_; }
  Task<Result<shape::DeleteTaskDefinitionsResponse>> delete_definitions(
      shape::DeleteTaskDefinitionsRequest in);
  Task<Result<shape::ListTaskDefinitionsResponse>> list_definitions(
      shape::ListTaskDefinitionsRequest in);
  Task<Result<shape::ListTaskDefinitionFamiliesResponse>> list_families(
      shape::ListTaskDefinitionFamiliesRequest in);

  // Tasks.
  Task<Result<shape::RunTaskResponse>> run_task(shape::RunTaskRequest in, Caller caller);
  Task<Result<shape::StartTaskResponse>> start_task(shape::StartTaskRequest in, Caller caller);
  Task<Result<shape::StopTaskResponse>> stop_task(shape::StopTaskRequest in);
  Task<Result<shape::DescribeTasksResponse>> describe_tasks(shape::DescribeTasksRequest in);
  Task<Result<shape::ListTasksResponse>> list_tasks(shape::ListTasksRequest in);

  // Services.
  Task<Result<shape::Service>> create_service(shape::CreateServiceRequest in, Caller caller);
  // The ARN of the revision that it runs; empty: there is no such service.
  Task<std::string> definition_of_service(std::string cluster, std::string service);
  Task<Result<shape::Service>> update_service(shape::UpdateServiceRequest in);
  Task<Result<shape::Service>> delete_service(shape::DeleteServiceRequest in);
  Task<Result<shape::DescribeServicesResponse>> describe_services(
      shape::DescribeServicesRequest in);
  Task<Result<shape::ListServicesResponse>> list_services(shape::ListServicesRequest in);

  // Tags and account settings.
  Task<Result<void>> tag(std::string arn, Tags tags, std::vector<std::string> removed);
  Task<Result<Tags>> tags(std::string arn);
  Task<Result<shape::Setting>> put_setting(std::string principal, std::string name,
                                           std::string value);
  Task<Result<shape::Setting>> delete_setting(std::string principal, std::string name);
  Task<Result<shape::ListAccountSettingsResponse>> list_settings(
      shape::ListAccountSettingsRequest in);

  // event::Target of cluster ARNs: the payload is the input of RunTask.
  Task<Result<void>> deliver(event::Event event, store::Batch consume) override;
  Task<Result<void>> accepts(std::string target_arn, event::Sender sender) override;

  Tasks& tasks() { return tasks_; }

 private:
  // What a request to start asks for, checked. Errors: those of RunTask.
  Task<Result<NewTasks>> new_tasks(shape::RunTaskRequest in, Caller caller);
  Result<void> set_launch(NewTasks& start, const shape::RunTaskRequest& in) const;
  // The launch type or strategy that a service gets. Errors: InvalidParameterException.
  Result<void> check_launch(const std::string& cluster, shape::CreateServiceRequest& in) const;
  Task<Result<shape::RunTaskResponse>> run_with_token(shape::RunTaskRequest in, Caller caller);
  Task<Result<shape::RunTaskResponse>> answer_again(TokenRecord token, const std::string& digest);
  // On the service's shard.
  Task<Result<shape::StopTaskResponse>> stop_task_here(shape::StopTaskRequest in);
  Task<Result<shape::DescribeTasksResponse>> describe_tasks_here(shape::DescribeTasksRequest in);
  Task<Result<shape::ListTasksResponse>> list_tasks_here(shape::ListTasksRequest in);
  Task<Result<void>> deliver_here(event::Event event, store::Batch consume);
  Task<Result<void>> start_of_event(const event::Event& event, NewTasks start,
                                    store::Batch consume);
  Task<void> record_failure(const event::Event& event, std::string name, std::string reason);
  shape::Cluster with_counts(shape::Cluster cluster) const;
  shape::ContainerInstance instance_of(const std::string& cluster) const;

  Context context_;
  Definitions definitions_;
  Clusters clusters_;
  Tasks tasks_;
  Services services_;
};

// Tokens of pages. Errors: InvalidParameterException.
std::string page_token(std::string_view after);
Result<std::string> parse_page_token(const std::optional<std::string>& token);
// Errors: InvalidParameterException for a number that is out of bounds.
Result<size_t> page_size(const std::optional<int32_t>& given, size_t most, size_t usual);

// One page of `all` in the order of its keys: what stands behind the request's nextToken, at most
// its maxResults.
template <class Row>
struct Cut {
  std::vector<Row> rows;
  std::optional<std::string> next_token;
};
template <class Row, class Input, class Key>
Result<Cut<Row>> cut(std::vector<Row> all, const Input& in, Key key) {
  TRY(size_t most, page_size(in.max_results, kListPageMax, kListPageMax));
  TRY(std::string after, parse_page_token(in.next_token));
  std::ranges::sort(all, {}, key);
  Cut<Row> out;
  for (Row& row : all) {
    if (key(row) <= after) continue;
    if (out.rows.size() == most) {
      out.next_token = page_token(key(out.rows.back()));
      break;
    }
    out.rows.push_back(std::move(row));
  }
  return out;
}

// Overrides against the definition. Errors: InvalidParameterException, NotImplemented.
Result<void> check_overrides(const shape::TaskOverride& overrides,
                             const shape::TaskDefinition& definition);
// Errors: InvalidParameterException.
Result<void> check_network(const std::optional<shape::NetworkConfiguration>& network,
                           const shape::TaskDefinition& definition);
// That the definition runs on the launch type. Errors: InvalidParameterException.
Result<void> check_compatible(const shape::TaskDefinition& definition,
                              const std::string& launch_type);
// A platform version is one of Fargate. Errors: InvalidParameterException.
Result<void> check_platform(std::string_view platform_version, std::string_view launch_type);

}  // namespace suiro::ecs
