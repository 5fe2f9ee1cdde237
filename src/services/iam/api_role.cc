// SPDX-License-Identifier: Apache-2.0
// Roles, service-linked roles and instance profiles.
#include "services/iam/api.h"
#include "services/iam/convert.h"

namespace suiro::iam {
namespace {

Result<void> create(Draft& draft, shape::CreateRoleRequest in) {
  return create_role(draft, {.name = std::move(in.role_name),
                             .path = in.path.value_or(""),
                             .trust = std::move(in.assume_role_policy_document),
                             .description = in.description.value_or(""),
                             .boundary = in.permissions_boundary.value_or(""),
                             .max_session_seconds = in.max_session_duration,
                             .tags = from_shape(std::move(in.tags))});
}

Result<shape::GetServiceLinkedRoleDeletionStatusResponse> deletion_status(
    const Directory& now, const shapes::Call&,
    shape::GetServiceLinkedRoleDeletionStatusRequest in) {
  // "task/aws-service-role/SERVICE/ROLE/ID": a deletion is done when it is answered.
  if (!in.deletion_task_id.starts_with("task/aws-service-role/")) {
    return fail(kNoSuchEntity,
                fmt::format("Deletion task {} cannot be found.", in.deletion_task_id));
  }
  std::string_view rest = std::string_view(in.deletion_task_id);
  rest = rest.substr(0, rest.rfind('/'));
  shape::GetServiceLinkedRoleDeletionStatusResponse out;
  out.status = now.role(rest.substr(rest.rfind('/') + 1)) == nullptr ? "SUCCEEDED" : "FAILED";
  return out;
}

}  // namespace

void Api::add_operations(shapes::Registry& registry) {
  add_roles(registry);
  add_profiles(registry);
  add_users(registry);
  add_keys(registry);
  add_groups(registry);
  add_policies(registry);
  add_policy_lists(registry);
  add_holders(registry);
  add_tags(registry);
  add_empty_lists(registry);
  add_simulations(registry);
}

void Api::add_roles(shapes::Registry& registry) {
  using shapes::Call;
  add_create<op::CreateRole>(registry, create, [](const Directory& now, const auto& in) {
    return shape::CreateRoleResponse{.role = to_shape(now, *now.role(in.role_name))};
  });
  add_read<op::GetRole>(registry,
                        [](const Directory& now, const Call&,
                           shape::GetRoleRequest in) -> Result<shape::GetRoleResponse> {
                          TRY(const Role* role, need_role(now, in.role_name));
                          return shape::GetRoleResponse{.role = to_shape(now, *role)};
                        });
  add_read<op::ListRoles>(registry,
                          [](const Directory& now, const Call&, shape::ListRolesRequest in) {
                            std::vector<Row<shape::Role>> rows;
                            for (const auto& [name, role] : now.roles) {
                              if (!is_below(role->path, in.path_prefix)) continue;
                              rows.push_back({name, to_shape(now, *role, Detail::kBrief)});
                            }
                            return page_of(in, std::move(rows), &shape::ListRolesResponse::roles);
                          });
  add_change<op::UpdateRole>(registry, [](Draft& draft, shape::UpdateRoleRequest in) {
    return update_role(draft, in.role_name, in.description, in.max_session_duration);
  });
  add_create<op::UpdateRoleDescription>(
      registry,
      [](Draft& draft, shape::UpdateRoleDescriptionRequest in) {
        return update_role(draft, in.role_name, in.description, std::nullopt);
      },
      [](const Directory& now, const auto& in) {
        return shape::UpdateRoleDescriptionResponse{.role = to_shape(now, *now.role(in.role_name))};
      });
  add_change<op::UpdateAssumeRolePolicy>(
      registry, [](Draft& draft, shape::UpdateAssumeRolePolicyRequest in) {
        return update_trust(draft, in.role_name, in.policy_document);
      });
  add_change<op::DeleteRole>(registry, [](Draft& draft, shape::DeleteRoleRequest in) {
    return delete_role(draft, in.role_name, Linked::kNo);
  });
  add_create<op::CreateServiceLinkedRole>(
      registry,
      [](Draft& draft, shape::CreateServiceLinkedRoleRequest in) {
        return create_service_linked_role(draft, in.aws_service_name, in.description.value_or(""),
                                          in.custom_suffix.value_or(""));
      },
      [](const Directory& now, const auto& in) {
        auto name = service_linked_name(in.aws_service_name, in.custom_suffix.value_or(""));
        return shape::CreateServiceLinkedRoleResponse{.role = to_shape(now, *now.role(*name))};
      });
  registry.add<op::DeleteServiceLinkedRole>(
      [this](Call&, shape::DeleteServiceLinkedRoleRequest in)
          -> Task<Result<shape::DeleteServiceLinkedRoleResponse>> {
        std::string service;
        CO_TRY_VOID(co_await logic_.change([&](Draft& draft) -> Result<void> {
          TRY(const Role* role, need_role(draft.now(), in.role_name));
          service = role->service;
          return delete_role(draft, in.role_name, Linked::kYes);
        }));
        co_return shape::DeleteServiceLinkedRoleResponse{
            .deletion_task_id = fmt::format("task/aws-service-role/{}/{}/{}", service, in.role_name,
                                            kernel_.random.uuid())};
      });
  add_read<op::GetServiceLinkedRoleDeletionStatus>(registry, deletion_status);
}

void Api::add_profiles(shapes::Registry& registry) {
  using shapes::Call;
  add_create<op::CreateInstanceProfile>(
      registry,
      [](Draft& draft, shape::CreateInstanceProfileRequest in) {
        return create_profile(draft, in.instance_profile_name, in.path.value_or(""),
                              from_shape(std::move(in.tags)));
      },
      [](const Directory& now, const auto& in) {
        return shape::CreateInstanceProfileResponse{
            .instance_profile = to_shape(now, *now.profile(in.instance_profile_name))};
      });
  add_read<op::GetInstanceProfile>(
      registry,
      [](const Directory& now, const Call&,
         shape::GetInstanceProfileRequest in) -> Result<shape::GetInstanceProfileResponse> {
        TRY(const InstanceProfile* profile, need_profile(now, in.instance_profile_name));
        return shape::GetInstanceProfileResponse{.instance_profile = to_shape(now, *profile)};
      });
  add_read<op::ListInstanceProfiles>(registry, [](const Directory& now, const Call&,
                                                  shape::ListInstanceProfilesRequest in) {
    std::vector<Row<shape::InstanceProfile>> rows;
    for (const auto& [name, profile] : now.profiles) {
      if (!is_below(profile->path, in.path_prefix)) continue;
      rows.push_back({name, to_shape(now, *profile, Detail::kBrief)});
    }
    return page_of(in, std::move(rows), &shape::ListInstanceProfilesResponse::instance_profiles);
  });
  add_read<op::ListInstanceProfilesForRole>(
      registry,
      [](const Directory& now, const Call&, shape::ListInstanceProfilesForRoleRequest in)
          -> Result<shape::ListInstanceProfilesForRoleResponse> {
        TRY(const Role* role, need_role(now, in.role_name));
        std::vector<Row<shape::InstanceProfile>> rows;
        for (const auto& [name, profile] : now.profiles) {
          if (profile->role != role->name) continue;
          rows.push_back({name, to_shape(now, *profile, Detail::kBrief)});
        }
        return page_of(in, std::move(rows),
                       &shape::ListInstanceProfilesForRoleResponse::instance_profiles);
      });
  add_change<op::DeleteInstanceProfile>(registry,
                                        [](Draft& draft, shape::DeleteInstanceProfileRequest in) {
                                          return delete_profile(draft, in.instance_profile_name);
                                        });
  add_change<op::AddRoleToInstanceProfile>(
      registry, [](Draft& draft, shape::AddRoleToInstanceProfileRequest in) {
        return add_role_to_profile(draft, in.instance_profile_name, in.role_name);
      });
  add_change<op::RemoveRoleFromInstanceProfile>(
      registry, [](Draft& draft, shape::RemoveRoleFromInstanceProfileRequest in) {
        return remove_role_from_profile(draft, in.instance_profile_name, in.role_name);
      });
}

}  // namespace suiro::iam
