// SPDX-License-Identifier: Apache-2.0
// Users, their access keys, and groups.
#include <algorithm>

#include "services/iam/logic.h"

namespace suiro::iam {
namespace {

std::unexpected<Error> exists(std::string_view kind, std::string_view name) {
  return fail(kAlreadyExists, fmt::format("{} with name {} already exists.", kind, name));
}

Result<void> check_removable(const Holder& holder) {
  if (!holder.attached.empty()) {
    return fail(kDeleteConflict, "Cannot delete entity, must detach all policies first.");
  }
  if (!holder.inline_policies.empty()) {
    return fail(kDeleteConflict, "Cannot delete entity, must delete policies first.");
  }
  return ok();
}

Result<User> with_key(Draft& draft, std::string_view name, std::string_view id) {
  TRY(const User* user, need_user(draft.now(), name));
  if (std::ranges::find(user->keys, id, &AccessKey::id) == user->keys.end()) {
    return fail(kNoSuchEntity, fmt::format("The Access Key with id {} cannot be found.", id));
  }
  return *user;
}

}  // namespace

Result<void> create_user(Draft& draft, NewUser in) {
  TRY_VOID(check_name(in.name, "userName", 64));
  User user;
  TRY(user.path, checked_path(in.path));
  if (draft.now().user(in.name) != nullptr) return exists("User", in.name);
  if (draft.now().users.size() >= kUsersMax) return quota("UsersPerAccount", kUsersMax);
  TRY_VOID(check_boundary(draft.now(), in.boundary));
  TRY_VOID(apply_tags(user.tags, std::move(in.tags), {}));
  user.name = std::move(in.name);
  user.id = draft.new_id("AIDA");
  user.created = draft.time();
  user.boundary = std::move(in.boundary);
  draft.put(std::move(user));
  return ok();
}

Result<void> update_user(Draft& draft, Rename rename) {
  TRY(const User* found, need_user(draft.now(), rename.name));
  User old = *found;
  User user = old;
  TRY(user.path, checked_path(rename.new_path.value_or(old.path)));
  if (rename.new_name && *rename.new_name != old.name) {
    TRY_VOID(check_name(*rename.new_name, "newUserName", 64));
    const User* other = draft.now().user(*rename.new_name);
    if (other != nullptr && other->id != old.id) return exists("User", *rename.new_name);
    user.name = *rename.new_name;
    draft.erase(old);
    for (const Group* group : draft.now().groups_of(old)) {
      Group copy = *group;
      std::ranges::replace(copy.users, old.name, user.name);
      draft.put(std::move(copy));
    }
  }
  draft.put(std::move(user));
  return ok();
}

Result<void> delete_user(Draft& draft, std::string name) {
  TRY(const User* found, need_user(draft.now(), name));
  if (!draft.now().groups_of(*found).empty()) {
    return fail(kDeleteConflict, "Cannot delete entity, must remove user from all groups first.");
  }
  TRY_VOID(check_removable(*found));
  if (!found->keys.empty()) {
    return fail(kDeleteConflict, "Cannot delete entity, must delete access keys first.");
  }
  draft.erase(User(*found));
  return ok();
}

Result<void> create_key(Draft& draft, std::string name, AccessKey key) {
  TRY(const User* found, need_user(draft.now(), name));
  if (found->keys.size() >= kAccessKeysMax) return quota("AccessKeysPerUser", kAccessKeysMax);
  User user = *found;
  user.keys.push_back(std::move(key));
  draft.put(std::move(user));
  return ok();
}

Result<void> update_key(Draft& draft, std::string name, std::string id, bool active) {
  TRY(User user, with_key(draft, name, id));
  std::ranges::find(user.keys, id, &AccessKey::id)->active = active;
  draft.put(std::move(user));
  return ok();
}

Result<void> delete_key(Draft& draft, std::string name, std::string id) {
  TRY(User user, with_key(draft, name, id));
  std::erase_if(user.keys, [&](const AccessKey& key) { return key.id == id; });
  draft.put(std::move(user));
  return ok();
}

Result<void> create_group(Draft& draft, std::string name, std::string path) {
  TRY_VOID(check_name(name, "groupName", 128));
  Group group;
  TRY(group.path, checked_path(path));
  if (draft.now().group(name) != nullptr) return exists("Group", name);
  if (draft.now().groups.size() >= kGroupsMax) return quota("GroupsPerAccount", kGroupsMax);
  group.name = std::move(name);
  group.id = draft.new_id("AGPA");
  group.created = draft.time();
  draft.put(std::move(group));
  return ok();
}

Result<void> update_group(Draft& draft, Rename rename) {
  TRY(const Group* found, need_group(draft.now(), rename.name));
  Group old = *found;
  Group group = old;
  TRY(group.path, checked_path(rename.new_path.value_or(old.path)));
  if (rename.new_name && *rename.new_name != old.name) {
    TRY_VOID(check_name(*rename.new_name, "newGroupName", 128));
    const Group* other = draft.now().group(*rename.new_name);
    if (other != nullptr && other->id != old.id) return exists("Group", *rename.new_name);
    group.name = *rename.new_name;
    draft.erase(old);
  }
  draft.put(std::move(group));
  return ok();
}

Result<void> delete_group(Draft& draft, std::string name) {
  TRY(const Group* found, need_group(draft.now(), name));
  if (!found->users.empty()) {
    return fail(kDeleteConflict, "Cannot delete entity, must remove users from group first.");
  }
  TRY_VOID(check_removable(*found));
  draft.erase(Group(*found));
  return ok();
}

Result<void> add_user_to_group(Draft& draft, std::string group, std::string user) {
  TRY(const Group* found, need_group(draft.now(), group));
  TRY(const User* member, need_user(draft.now(), user));
  if (std::ranges::find(found->users, member->name) != found->users.end()) return ok();
  if (draft.now().groups_of(*member).size() >= kGroupsOfUserMax) {
    return quota("GroupsPerUser", kGroupsOfUserMax);
  }
  Group copy = *found;
  copy.users.push_back(member->name);
  draft.put(std::move(copy));
  return ok();
}

Result<void> remove_user_from_group(Draft& draft, std::string group, std::string user) {
  TRY(const Group* found, need_group(draft.now(), group));
  TRY(const User* member, need_user(draft.now(), user));
  Group copy = *found;
  if (std::erase(copy.users, member->name) == 0) {
    return fail(kNoSuchEntity,
                fmt::format("User {} is not in the group {}.", member->name, copy.name));
  }
  draft.put(std::move(copy));
  return ok();
}

}  // namespace suiro::iam
