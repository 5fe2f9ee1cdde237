// SPDX-License-Identifier: Apache-2.0
// Users, access keys and groups.
#include "services/iam/api.h"
#include "services/iam/convert.h"

namespace suiro::iam {
namespace {

using shapes::Call;

Result<shape::GetUserResponse> get_user(const Directory& now, const Call& call,
                                        shape::GetUserRequest in) {
  if (!in.user_name && call.principal.kind == shapes::Principal::Kind::kRoot) {
    shape::User root;
    root.user_id = now.account;
    root.arn = call.principal.arn;
    return shape::GetUserResponse{.user = std::move(root)};
  }
  TRY(std::string name, user_of(call, in.user_name));
  TRY(const User* user, need_user(now, name));
  return shape::GetUserResponse{.user = to_shape(now, *user)};
}

Result<shape::GetGroupResponse> get_group(const Directory& now, const Call&,
                                          shape::GetGroupRequest in) {
  TRY(const Group* group, need_group(now, in.group_name));
  std::vector<Row<shape::User>> rows;
  for (const std::string& name : group->users) {
    const User* user = now.user(name);
    if (user != nullptr) rows.push_back({name, to_shape(now, *user, Detail::kBrief)});
  }
  TRY(auto out, page_of(in, std::move(rows), &shape::GetGroupResponse::users));
  out.group = to_shape(now, *group);
  return out;
}

std::string status_of(const AccessKey& key) {
  return key.active ? "Active" : "Inactive";
}

Result<shape::ListAccessKeysResponse> list_keys(const Directory& now, const Call& call,
                                                shape::ListAccessKeysRequest in) {
  TRY(std::string name, user_of(call, in.user_name));
  TRY(const User* user, need_user(now, name));
  std::vector<Row<shape::AccessKeyMetadata>> rows;
  for (const AccessKey& key : user->keys) {
    shape::AccessKeyMetadata row;
    row.user_name = user->name;
    row.access_key_id = key.id;
    row.status = status_of(key);
    row.create_date = key.created;
    rows.push_back({key.id, std::move(row)});
  }
  return page_of(in, std::move(rows), &shape::ListAccessKeysResponse::access_key_metadata);
}

}  // namespace

void Api::add_users(shapes::Registry& registry) {
  add_create<op::CreateUser>(
      registry,
      [](Draft& draft, shape::CreateUserRequest in) {
        return create_user(draft, {.name = in.user_name,
                                   .path = in.path.value_or(""),
                                   .boundary = in.permissions_boundary.value_or(""),
                                   .tags = from_shape(std::move(in.tags))});
      },
      [](const Directory& now, const auto& in) {
        return shape::CreateUserResponse{.user = to_shape(now, *now.user(in.user_name))};
      });
  add_read<op::GetUser>(registry, get_user);
  add_read<op::ListUsers>(registry,
                          [](const Directory& now, const Call&, shape::ListUsersRequest in) {
                            std::vector<Row<shape::User>> rows;
                            for (const auto& [name, user] : now.users) {
                              if (!is_below(user->path, in.path_prefix)) continue;
                              rows.push_back({name, to_shape(now, *user, Detail::kBrief)});
                            }
                            return page_of(in, std::move(rows), &shape::ListUsersResponse::users);
                          });
  add_change<op::UpdateUser>(registry, [](Draft& draft, shape::UpdateUserRequest in) {
    return update_user(draft, {in.user_name, in.new_user_name, in.new_path});
  });
  add_change<op::DeleteUser>(registry, [](Draft& draft, shape::DeleteUserRequest in) {
    return delete_user(draft, in.user_name);
  });
}

void Api::add_keys(shapes::Registry& registry) {
  registry.add<op::CreateAccessKey>(
      [this](Call& call,
             shape::CreateAccessKeyRequest in) -> Task<Result<shape::CreateAccessKeyResponse>> {
        CO_TRY(std::string name, user_of(call, in.user_name));
        AccessKey key;
        CO_TRY_VOID(co_await logic_.change([&](Draft& draft) {
          key = draft.new_access_key();
          return create_key(draft, name, key);
        }));
        shape::CreateAccessKeyResponse out;
        out.access_key.user_name = name;
        out.access_key.access_key_id = key.id;
        out.access_key.status = status_of(key);
        out.access_key.secret_access_key = key.secret;
        out.access_key.create_date = key.created;
        co_return out;
      });
  registry.add<op::UpdateAccessKey>(
      [this](Call& call,
             shape::UpdateAccessKeyRequest in) -> Task<Result<shape::UpdateAccessKeyResponse>> {
        CO_TRY(std::string name, user_of(call, in.user_name));
        if (in.status == "Expired") {
          co_return fail(kInvalidInput, "The status of an access key is set to Active or Inactive");
        }
        CO_TRY_VOID(co_await logic_.change([&](Draft& draft) {
          return update_key(draft, name, in.access_key_id, in.status == "Active");
        }));
        co_return shape::UpdateAccessKeyResponse{};
      });
  registry.add<op::DeleteAccessKey>(
      [this](Call& call,
             shape::DeleteAccessKeyRequest in) -> Task<Result<shape::DeleteAccessKeyResponse>> {
        CO_TRY(std::string name, user_of(call, in.user_name));
        CO_TRY_VOID(co_await logic_.change(
            [&](Draft& draft) { return delete_key(draft, name, in.access_key_id); }));
        co_return shape::DeleteAccessKeyResponse{};
      });
  add_read<op::ListAccessKeys>(registry, list_keys);
  registry.add<op::GetAccessKeyLastUsed>([this](Call&, shape::GetAccessKeyLastUsedRequest in)
                                             -> Task<Result<shape::GetAccessKeyLastUsedResponse>> {
    DirectoryPtr now = logic_.directory();
    auto key = now->key(in.access_key_id);
    if (!key) {
      co_return fail("AccessDenied",
                     fmt::format("The access key {} is not of this account.", in.access_key_id));
    }
    CO_TRY(auto use, co_await logic_.last_use(in.access_key_id));
    shape::GetAccessKeyLastUsedResponse out;
    out.user_name = key->user->name;
    shape::AccessKeyLastUsed last;
    if (use) last.last_used_date = use->at;
    last.service_name = use ? use->service : "N/A";
    last.region = use ? use->region : "N/A";
    out.access_key_last_used = std::move(last);
    co_return out;
  });
}

void Api::add_groups(shapes::Registry& registry) {
  add_create<op::CreateGroup>(
      registry,
      [](Draft& draft, shape::CreateGroupRequest in) {
        return create_group(draft, in.group_name, in.path.value_or(""));
      },
      [](const Directory& now, const auto& in) {
        return shape::CreateGroupResponse{.group = to_shape(now, *now.group(in.group_name))};
      });
  add_read<op::GetGroup>(registry, get_group);
  add_read<op::ListGroups>(
      registry, [](const Directory& now, const Call&, shape::ListGroupsRequest in) {
        std::vector<Row<shape::Group>> rows;
        for (const auto& [name, group] : now.groups) {
          if (!is_below(group->path, in.path_prefix)) continue;
          rows.push_back({name, to_shape(now, *group)});
        }
        return page_of(in, std::move(rows), &shape::ListGroupsResponse::groups);
      });
  add_read<op::ListGroupsForUser>(
      registry,
      [](const Directory& now, const Call&,
         shape::ListGroupsForUserRequest in) -> Result<shape::ListGroupsForUserResponse> {
        TRY(const User* user, need_user(now, in.user_name));
        std::vector<Row<shape::Group>> rows;
        for (const Group* group : now.groups_of(*user)) {
          rows.push_back({group->name, to_shape(now, *group)});
        }
        return page_of(in, std::move(rows), &shape::ListGroupsForUserResponse::groups);
      });
  add_change<op::UpdateGroup>(registry, [](Draft& draft, shape::UpdateGroupRequest in) {
    return update_group(draft, {in.group_name, in.new_group_name, in.new_path});
  });
  add_change<op::DeleteGroup>(registry, [](Draft& draft, shape::DeleteGroupRequest in) {
    return delete_group(draft, in.group_name);
  });
  add_change<op::AddUserToGroup>(registry, [](Draft& draft, shape::AddUserToGroupRequest in) {
    return add_user_to_group(draft, in.group_name, in.user_name);
  });
  add_change<op::RemoveUserFromGroup>(
      registry, [](Draft& draft, shape::RemoveUserFromGroupRequest in) {
        return remove_user_from_group(draft, in.group_name, in.user_name);
      });
}

}  // namespace suiro::iam
