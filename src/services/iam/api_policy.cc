// SPDX-License-Identifier: Apache-2.0
// Managed policies, and the lists about them.
#include "services/iam/api.h"
#include "services/iam/convert.h"

namespace suiro::iam {
namespace {

using shapes::Call;

// Newest first.
std::string version_key(const PolicyVersion& version) {
  return fmt::format("{:010}", UINT32_MAX - version.number);
}

Result<shape::ListPoliciesResponse> list_policies(const Directory& now, const Call&,
                                                  shape::ListPoliciesRequest in) {
  std::string scope = in.scope.value_or("All");
  std::vector<Row<shape::Policy>> rows;
  auto add = [&](const Table<ManagedPolicy>& table) {
    for (const auto& [key, policy] : table) {
      if (!is_below(policy->path, in.path_prefix)) continue;
      shape::Policy row = to_shape(now, *policy, Detail::kBrief);
      bool boundary = in.policy_usage_filter == "PermissionsBoundary";
      int32_t used = boundary ? *row.permissions_boundary_usage_count : *row.attachment_count;
      bool wants_used = in.only_attached.value_or(false) || in.policy_usage_filter.has_value();
      if (wants_used && used == 0) continue;
      rows.push_back({*row.arn, std::move(row)});
    }
  };
  if (scope != "AWS") add(now.policies);
  if (scope != "Local") add(aws_policies());
  return page_of(in, std::move(rows), &shape::ListPoliciesResponse::policies);
}

// What a policy is attached to, in one order: groups, roles, users.
Result<shape::ListEntitiesForPolicyResponse> list_entities(const Directory& now, const Call&,
                                                           shape::ListEntitiesForPolicyRequest in) {
  TRY_VOID(need_policy(now, in.policy_arn));
  TRY(std::string after, after_marker(in.marker));
  auto uses = [&](const Holder& holder) {
    if (!is_below(holder.path, in.path_prefix)) return false;
    bool attached = std::ranges::find(holder.attached, in.policy_arn) != holder.attached.end();
    bool boundary = holder.boundary == in.policy_arn;
    if (in.policy_usage_filter == "PermissionsBoundary") return boundary;
    if (in.policy_usage_filter == "PermissionsPolicy") return attached;
    return attached || boundary;
  };
  std::string filter = in.entity_filter.value_or("");
  size_t most = static_cast<size_t>(in.max_items.value_or(static_cast<int32_t>(kListDefault)));
  shape::ListEntitiesForPolicyResponse out;
  out.policy_groups.emplace();
  out.policy_users.emplace();
  out.policy_roles.emplace();
  out.is_truncated = false;
  size_t count = 0;
  std::string last;
  auto add = [&](std::string_view word, const auto& table, auto take) {
    if (!filter.empty() && filter != word) return;
    for (const auto& [name, holder] : table) {
      std::string key = fmt::format("{}/{}", word, name);
      if (*out.is_truncated || !uses(*holder) || (!after.empty() && key <= after)) continue;
      if (count == most) {
        out.is_truncated = true;
        out.marker = marker_of(last);
        return;
      }
      take(*holder);
      ++count;
      last = std::move(key);
    }
  };
  add("Group", now.groups, [&](const Group& g) {
    out.policy_groups->push_back({.group_name = g.name, .group_id = g.id});
  });
  add("Role", now.roles,
      [&](const Role& r) { out.policy_roles->push_back({.role_name = r.name, .role_id = r.id}); });
  add("User", now.users,
      [&](const User& u) { out.policy_users->push_back({.user_name = u.name, .user_id = u.id}); });
  return out;
}

}  // namespace

void Api::add_policies(shapes::Registry& registry) {
  add_create<op::CreatePolicy>(
      registry,
      [](Draft& draft, shape::CreatePolicyRequest in) {
        return create_policy(draft, {.name = in.policy_name,
                                     .path = in.path.value_or(""),
                                     .document = in.policy_document,
                                     .description = in.description.value_or(""),
                                     .tags = from_shape(std::move(in.tags))});
      },
      [](const Directory& now, const auto& in) {
        const ManagedPolicy& made = *now.policies.at(to_lower(in.policy_name));
        return shape::CreatePolicyResponse{.policy = to_shape(now, made)};
      });
  add_read<op::GetPolicy>(registry,
                          [](const Directory& now, const Call&,
                             shape::GetPolicyRequest in) -> Result<shape::GetPolicyResponse> {
                            TRY(const ManagedPolicy* policy, need_policy(now, in.policy_arn));
                            return shape::GetPolicyResponse{.policy = to_shape(now, *policy)};
                          });
  add_change<op::DeletePolicy>(registry, [](Draft& draft, shape::DeletePolicyRequest in) {
    return delete_policy(draft, in.policy_arn);
  });
  add_create<op::CreatePolicyVersion>(
      registry,
      [](Draft& draft, shape::CreatePolicyVersionRequest in) {
        return create_version(draft, in.policy_arn, in.policy_document,
                              in.set_as_default.value_or(false) ? AsDefault::kYes : AsDefault::kNo);
      },
      [](const Directory& now, const auto& in) {
        const ManagedPolicy& policy = *now.policy(in.policy_arn);
        return shape::CreatePolicyVersionResponse{
            .policy_version = to_shape(policy, policy.versions.back(), WithDocument::kNo)};
      });
  add_read<op::GetPolicyVersion>(
      registry,
      [](const Directory& now, const Call&,
         shape::GetPolicyVersionRequest in) -> Result<shape::GetPolicyVersionResponse> {
        TRY(const ManagedPolicy* policy, need_policy(now, in.policy_arn));
        TRY(const PolicyVersion* version, need_version(*policy, in.policy_arn, in.version_id));
        return shape::GetPolicyVersionResponse{.policy_version =
                                                   to_shape(*policy, *version, WithDocument::kYes)};
      });
  add_change<op::DeletePolicyVersion>(registry,
                                      [](Draft& draft, shape::DeletePolicyVersionRequest in) {
                                        return delete_version(draft, in.policy_arn, in.version_id);
                                      });
  add_change<op::SetDefaultPolicyVersion>(
      registry, [](Draft& draft, shape::SetDefaultPolicyVersionRequest in) {
        return set_default_version(draft, in.policy_arn, in.version_id);
      });
}

void Api::add_policy_lists(shapes::Registry& registry) {
  add_read<op::ListPolicies>(registry, list_policies);
  add_read<op::ListEntitiesForPolicy>(registry, list_entities);
  add_read<op::ListPolicyVersions>(
      registry,
      [](const Directory& now, const Call&,
         shape::ListPolicyVersionsRequest in) -> Result<shape::ListPolicyVersionsResponse> {
        TRY(const ManagedPolicy* policy, need_policy(now, in.policy_arn));
        std::vector<Row<shape::PolicyVersion>> rows;
        for (const PolicyVersion& version : policy->versions) {
          rows.push_back({version_key(version), to_shape(*policy, version, WithDocument::kNo)});
        }
        return page_of(in, std::move(rows), &shape::ListPolicyVersionsResponse::versions);
      });
}

}  // namespace suiro::iam
