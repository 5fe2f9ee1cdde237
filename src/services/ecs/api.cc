// SPDX-License-Identifier: Apache-2.0
#include "services/ecs/api.h"

#include <algorithm>

#include "services/ecs/errors.h"
#include "services/ecs/own_arns.h"

namespace suiro::ecs {

namespace op = shapes::ecs::op;

namespace {

// {member: what the logic answered}.
template <class Output, class T, class Member>
Result<Output> wrap(Result<T> result, Member member) {
  if (!result) return fail(std::move(result).error());
  Output out;
  out.*member = *std::move(result);
  return out;
}

Caller caller_of(const shapes::Call& call) {
  return {.arn = call.principal.arn, .trace = call.trace};
}

}  // namespace

template <class Op, class Run>
void Api::add(shapes::Registry& registry, Run run) {
  static const std::string kind = fmt::format("ecs:{}", Op::operation().name);
  registry.add<Op>([this, run](shapes::Call& call,
                               typename Op::Input in) -> Task<Result<typename Op::Output>> {
    Micros begin = kernel_.clock.steady();
    auto answer = [&]() -> Task<Result<typename Op::Output>> {
      CO_TRY_VOID(check_own_arns(kernel_, Op::Input::shape(), &in));
      co_return co_await run(logic_, call, std::move(in));
    };
    Result<typename Op::Output> output = co_await answer();
    kernel_.journal.count(kind, "", output ? event::Span::Status::kOk : event::Span::Status::kError,
                          kernel_.clock.steady() - begin);
    co_return output;
  });
}

Result<void> Api::permit_roles_of(shapes::Call& call, const Definition& definition) const {
  if (!permits_.pass) return ok();
  for (const auto* role : {&definition.shape.task_role_arn, &definition.shape.execution_role_arn}) {
    if (*role && !(*role)->empty()) TRY_VOID(permits_.pass(call, **role));
  }
  return ok();
}

// A newer revision that comes in between was registered by somebody who could pass its roles.
Task<Result<void>> Api::permit_roles(shapes::Call& call, std::string definition) {
  if (definition.empty()) co_return ok();
  auto found = co_await logic_.definitions().find(std::move(definition));
  // The operation itself tells what is wrong with the name.
  if (!found && found.error().code == kClient) co_return ok();
  CO_TRY(DefinitionPtr here, std::move(found));
  co_return permit_roles_of(call, *here);
}

template <class Op>
Task<Result<std::string>> Api::permit_start(shapes::Call& call, typename Op::Input in) {
  auto found = co_await logic_.definitions().find(in.task_definition);
  if (!found && found.error().code != kClient) co_return fail(std::move(found).error());
  std::string arn = found ? (*found)->shape.task_definition_arn.value_or("") : "";
  auto ref = definition_ref(in.task_definition);
  if (permits_.deny && ref && !ref->revision) {
    in.task_definition = found ? arn : fmt::format("{}:*", ref->family);
    auto denial = permits_.deny(call, Op::operation(), shapes::Value::of(std::move(in)));
    if (denial) co_return fail("AccessDeniedException", *std::move(denial));
  }
  if (found) CO_TRY_VOID(permit_roles_of(call, **found));
  co_return arn;
}

// A deployment passes the roles anew. A service that is scaled does not: those who do that by
// policy (AWS's AmazonEC2ContainerServiceAutoscaleRole) may not pass roles.
Task<Result<void>> Api::permit_update(shapes::Call& call, shape::UpdateServiceRequest in) {
  std::string definition = in.task_definition.value_or("");
  if (definition.empty() && Services::begins_deployment(in)) {
    definition = co_await logic_.definition_of_service(in.cluster.value_or(""), in.service);
  }
  co_return co_await permit_roles(call, std::move(definition));
}

void Api::add_clusters(shapes::Registry& registry) {
  using Call = shapes::Call;
  add<op::CreateCluster>(
      registry,
      [](Logic& logic, Call&,
         shape::CreateClusterRequest in) -> Task<Result<shape::CreateClusterResponse>> {
        co_return wrap<shape::CreateClusterResponse>(co_await logic.create_cluster(std::move(in)),
                                                     &shape::CreateClusterResponse::cluster);
      });
  add<op::DescribeClusters>(registry, [](Logic& logic, Call&, shape::DescribeClustersRequest in) {
    return logic.describe_clusters(std::move(in));
  });
  add<op::ListClusters>(registry, [](Logic& logic, Call&, shape::ListClustersRequest in) {
    return logic.list_clusters(std::move(in));
  });
  add<op::UpdateCluster>(
      registry,
      [](Logic& logic, Call&,
         shape::UpdateClusterRequest in) -> Task<Result<shape::UpdateClusterResponse>> {
        if (in.configuration) co_return not_supported("configuration");
        if (in.service_connect_defaults) co_return not_supported("serviceConnectDefaults");
        co_return wrap<shape::UpdateClusterResponse>(
            co_await logic.change_cluster(in.cluster,
                                          [&in](shape::Cluster& cluster) -> Result<void> {
                                            if (in.settings) cluster.settings = in.settings;
                                            return ok();
                                          }),
            &shape::UpdateClusterResponse::cluster);
      });
  add<op::UpdateClusterSettings>(
      registry,
      [](Logic& logic, Call&, shape::UpdateClusterSettingsRequest in)
          -> Task<Result<shape::UpdateClusterSettingsResponse>> {
        co_return wrap<shape::UpdateClusterSettingsResponse>(
            co_await logic.change_cluster(in.cluster,
                                          [&in](shape::Cluster& cluster) -> Result<void> {
                                            cluster.settings = in.settings;
                                            return ok();
                                          }),
            &shape::UpdateClusterSettingsResponse::cluster);
      });
  add<op::PutClusterCapacityProviders>(
      registry,
      [](Logic& logic, Call&, shape::PutClusterCapacityProvidersRequest in)
          -> Task<Result<shape::PutClusterCapacityProvidersResponse>> {
        co_return wrap<shape::PutClusterCapacityProvidersResponse>(
            co_await logic.put_providers(std::move(in)),
            &shape::PutClusterCapacityProvidersResponse::cluster);
      });
  add<op::DeleteCluster>(
      registry,
      [](Logic& logic, Call&,
         shape::DeleteClusterRequest in) -> Task<Result<shape::DeleteClusterResponse>> {
        co_return wrap<shape::DeleteClusterResponse>(
            co_await logic.delete_cluster(std::move(in.cluster)),
            &shape::DeleteClusterResponse::cluster);
      });
}

void Api::add_machine(shapes::Registry& registry) {
  using Call = shapes::Call;
  add<op::DescribeContainerInstances>(
      registry, [](Logic& logic, Call&, shape::DescribeContainerInstancesRequest in) {
        return logic.describe_instances(std::move(in));
      });
  add<op::ListContainerInstances>(registry,
                                  [](Logic& logic, Call&, shape::ListContainerInstancesRequest in) {
                                    return logic.list_instances(std::move(in));
                                  });
  add<op::ListAttributes>(registry, [](Logic& logic, Call&, shape::ListAttributesRequest in) {
    return logic.list_attributes(std::move(in));
  });
  add<op::DescribeCapacityProviders>(
      registry, [](Logic& logic, Call&, shape::DescribeCapacityProvidersRequest in) {
        return logic.describe_providers(std::move(in));
      });
}

void Api::add_tasks(shapes::Registry& registry) {
  using Call = shapes::Call;
  add<op::RunTask>(registry,
                   [this](Logic& logic, Call& call,
                          shape::RunTaskRequest in) -> Task<Result<shape::RunTaskResponse>> {
                     Caller caller = caller_of(call);
                     CO_TRY(caller.definition, co_await permit_start<op::RunTask>(call, in));
                     co_return co_await logic.run_task(std::move(in), std::move(caller));
                   });
  add<op::StartTask>(registry,
                     [this](Logic& logic, Call& call,
                            shape::StartTaskRequest in) -> Task<Result<shape::StartTaskResponse>> {
                       Caller caller = caller_of(call);
                       CO_TRY(caller.definition, co_await permit_start<op::StartTask>(call, in));
                       co_return co_await logic.start_task(std::move(in), std::move(caller));
                     });
  add<op::StopTask>(registry, [](Logic& logic, Call&, shape::StopTaskRequest in) {
    return logic.stop_task(std::move(in));
  });
  add<op::DescribeTasks>(registry, [](Logic& logic, Call&, shape::DescribeTasksRequest in) {
    return logic.describe_tasks(std::move(in));
  });
  add<op::ListTasks>(registry, [](Logic& logic, Call&, shape::ListTasksRequest in) {
    return logic.list_tasks(std::move(in));
  });
}

void Api::add_services(shapes::Registry& registry) {
  using Call = shapes::Call;
  add<op::CreateService>(
      registry,
      [this](Logic& logic, Call& call,
             shape::CreateServiceRequest in) -> Task<Result<shape::CreateServiceResponse>> {
        CO_TRY_VOID(co_await permit_roles(call, in.task_definition.value_or("")));
        co_return wrap<shape::CreateServiceResponse>(
            co_await logic.create_service(std::move(in), caller_of(call)),
            &shape::CreateServiceResponse::service);
      });
  add<op::UpdateService>(
      registry,
      [this](Logic& logic, Call& call,
             shape::UpdateServiceRequest in) -> Task<Result<shape::UpdateServiceResponse>> {
        CO_TRY_VOID(co_await permit_update(call, in));
        co_return wrap<shape::UpdateServiceResponse>(co_await logic.update_service(std::move(in)),
                                                     &shape::UpdateServiceResponse::service);
      });
  add<op::DeleteService>(
      registry,
      [](Logic& logic, Call&,
         shape::DeleteServiceRequest in) -> Task<Result<shape::DeleteServiceResponse>> {
        co_return wrap<shape::DeleteServiceResponse>(co_await logic.delete_service(std::move(in)),
                                                     &shape::DeleteServiceResponse::service);
      });
  add<op::DescribeServices>(registry, [](Logic& logic, Call&, shape::DescribeServicesRequest in) {
    return logic.describe_services(std::move(in));
  });
  add<op::ListServices>(registry, [](Logic& logic, Call&, shape::ListServicesRequest in) {
    return logic.list_services(std::move(in));
  });
}

void Api::add_settings(shapes::Registry& registry) {
  using Call = shapes::Call;
  add<op::TagResource>(
      registry,
      [](Logic& logic, Call&,
         shape::TagResourceRequest in) -> Task<Result<shape::TagResourceResponse>> {
        CO_TRY_VOID(co_await logic.tag(in.resource_arn, in.tags, {}));
        co_return shape::TagResourceResponse{};
      });
  add<op::UntagResource>(
      registry,
      [](Logic& logic, Call&,
         shape::UntagResourceRequest in) -> Task<Result<shape::UntagResourceResponse>> {
        CO_TRY_VOID(co_await logic.tag(in.resource_arn, {}, in.tag_keys));
        co_return shape::UntagResourceResponse{};
      });
  add<op::ListTagsForResource>(
      registry,
      [](Logic& logic, Call&,
         shape::ListTagsForResourceRequest in) -> Task<Result<shape::ListTagsForResourceResponse>> {
        co_return wrap<shape::ListTagsForResourceResponse>(
            co_await logic.tags(in.resource_arn), &shape::ListTagsForResourceResponse::tags);
      });
  add<op::ListAccountSettings>(registry,
                               [](Logic& logic, Call&, shape::ListAccountSettingsRequest in) {
                                 return logic.list_settings(std::move(in));
                               });
  add<op::PutAccountSetting>(
      registry,
      [](Logic& logic, Call& call,
         shape::PutAccountSettingRequest in) -> Task<Result<shape::PutAccountSettingResponse>> {
        std::string principal = in.principal_arn.value_or(call.principal.arn);
        co_return wrap<shape::PutAccountSettingResponse>(
            co_await logic.put_setting(std::move(principal), in.name, in.value),
            &shape::PutAccountSettingResponse::setting);
      });
  add<op::PutAccountSettingDefault>(
      registry,
      [](Logic& logic, Call&, shape::PutAccountSettingDefaultRequest in)
          -> Task<Result<shape::PutAccountSettingDefaultResponse>> {
        co_return wrap<shape::PutAccountSettingDefaultResponse>(
            co_await logic.put_setting("", in.name, in.value),
            &shape::PutAccountSettingDefaultResponse::setting);
      });
  add<op::DeleteAccountSetting>(registry,
                                [](Logic& logic, Call& call, shape::DeleteAccountSettingRequest in)
                                    -> Task<Result<shape::DeleteAccountSettingResponse>> {
                                  std::string principal =
                                      in.principal_arn.value_or(call.principal.arn);
                                  co_return wrap<shape::DeleteAccountSettingResponse>(
                                      co_await logic.delete_setting(std::move(principal), in.name),
                                      &shape::DeleteAccountSettingResponse::setting);
                                });
}

void Api::add_definitions(shapes::Registry& registry) {
  using Call = shapes::Call;
  add<op::RegisterTaskDefinition>(
      registry,
      [](Logic& logic, Call& call, shape::RegisterTaskDefinitionRequest in)
          -> Task<Result<shape::RegisterTaskDefinitionResponse>> {
        CO_TRY(Definition made,
               co_await logic.definitions().add(std::move(in), call.principal.arn));
        shape::RegisterTaskDefinitionResponse out;
        out.task_definition = std::move(made.shape);
        if (!made.tags.empty()) out.tags = std::move(made.tags);
        co_return out;
      });
  add<op::DescribeTaskDefinition>(
      registry,
      [](Logic& logic, Call&, shape::DescribeTaskDefinitionRequest in)
          -> Task<Result<shape::DescribeTaskDefinitionResponse>> {
        CO_TRY(DefinitionPtr found, co_await logic.definitions().find(in.task_definition));
        shape::DescribeTaskDefinitionResponse out;
        out.task_definition = found->shape;
        bool with_tags = in.include && std::ranges::find(*in.include, "TAGS") != in.include->end();
        out.tags = with_tags ? found->tags : Tags();
        co_return out;
      });
  add<op::DeregisterTaskDefinition>(
      registry,
      [](Logic& logic, Call&, shape::DeregisterTaskDefinitionRequest in)
          -> Task<Result<shape::DeregisterTaskDefinitionResponse>> {
        CO_TRY(Definition gone, co_await logic.definitions().deregister(in.task_definition));
        co_return shape::DeregisterTaskDefinitionResponse{std::move(gone.shape)};
      });
  add<op::DeleteTaskDefinitions>(registry,
                                 [](Logic& logic, Call&, shape::DeleteTaskDefinitionsRequest in)
                                     -> Task<Result<shape::DeleteTaskDefinitionsResponse>> {
                                   return logic.delete_definitions(std::move(in));
                                 });
  add<op::ListTaskDefinitions>(registry,
                               [](Logic& logic, Call&, shape::ListTaskDefinitionsRequest in) {
                                 return logic.list_definitions(std::move(in));
                               });
  add<op::ListTaskDefinitionFamilies>(
      registry, [](Logic& logic, Call&, shape::ListTaskDefinitionFamiliesRequest in) {
        return logic.list_families(std::move(in));
      });
}

void Api::add_operations(shapes::Registry& registry, Permits permits) {
  permits_ = std::move(permits);
  add_clusters(registry);
  add_machine(registry);
  add_definitions(registry);
  add_tasks(registry);
  add_services(registry);
  add_settings(registry);
}

}  // namespace suiro::ecs
