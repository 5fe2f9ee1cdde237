// SPDX-License-Identifier: Apache-2.0
#include "services/iam/directory.h"

#include <algorithm>

#include "base/arn.h"
#include "base/bytes.h"

namespace suiro::iam {
namespace {

template <class T>
const T* find(const Table<T>& table, std::string_view name) {
  auto found = table.find(to_lower(name));
  return found == table.end() ? nullptr : found->second.get();
}

std::string arn(std::string_view account, std::string_view kind, std::string_view path,
                std::string_view name) {
  return fmt::format("arn:aws:iam::{}:{}{}{}", account, kind, path, name);
}

constexpr std::string_view kAwsPrefix = "arn:aws:iam::aws:policy/";

}  // namespace

std::string_view role_name_of(std::string_view arn) {
  size_t start = arn.find(":role/");
  if (!arn.starts_with("arn:aws:iam::") || start == std::string_view::npos) return {};
  return arn.substr(arn.rfind('/') + 1);
}

bool Directory::knows_role(std::string_view name) const {
  return role(name) != nullptr || deleted_roles->contains(to_lower(name));
}

const Role* Directory::role(std::string_view name) const {
  return find(roles, name);
}
const User* Directory::user(std::string_view name) const {
  return find(users, name);
}
const Group* Directory::group(std::string_view name) const {
  return find(groups, name);
}
const InstanceProfile* Directory::profile(std::string_view name) const {
  return find(profiles, name);
}

const ManagedPolicy* Directory::policy(std::string_view policy_arn) const {
  if (policy_arn.starts_with(kAwsPrefix)) {
    auto found = aws_policies().find(policy_arn);
    return found == aws_policies().end() ? nullptr : found->second.get();
  }
  const ManagedPolicy* found = find(policies, policy_arn.substr(policy_arn.rfind('/') + 1));
  return found != nullptr && arn_of(*found) == policy_arn ? found : nullptr;
}

std::string Directory::arn_of(const Role& role) const {
  return arn(account, "role", role.path, role.name);
}
std::string Directory::arn_of(const User& user) const {
  return arn(account, "user", user.path, user.name);
}
std::string Directory::arn_of(const Group& group) const {
  return arn(account, "group", group.path, group.name);
}
std::string Directory::arn_of(const ManagedPolicy& policy) const {
  return arn(policy.by_aws ? "aws" : account, "policy", policy.path, policy.name);
}
std::string Directory::arn_of(const InstanceProfile& profile) const {
  return arn(account, "instance-profile", profile.path, profile.name);
}

std::optional<Directory::Key> Directory::key(std::string_view access_key_id) const {
  auto owner = keys.find(access_key_id);
  if (owner == keys.end()) return std::nullopt;
  const User* user = find(users, owner->second);
  if (user == nullptr) return std::nullopt;
  auto found = std::ranges::find(user->keys, access_key_id, &AccessKey::id);
  if (found == user->keys.end()) return std::nullopt;
  return Key{&*found, user};
}

std::vector<const Group*> Directory::groups_of(const User& user) const {
  std::vector<const Group*> out;
  for (const auto& [name, group] : groups) {
    if (std::ranges::find(group->users, user.name) != group->users.end()) {
      out.push_back(group.get());
    }
  }
  return out;
}

void Directory::add(policy::Grants& grants, const Holder& holder) const {
  grants.identity.insert(grants.identity.end(), holder.parsed.begin(), holder.parsed.end());
  for (const std::string& one : holder.attached) {
    const ManagedPolicy* managed = policy(one);
    grants.identity.push_back(managed == nullptr ? nullptr : managed->parsed);
  }
}

void Directory::add_boundary(policy::Grants& grants, const Holder& holder) const {
  if (holder.boundary.empty()) return;
  const ManagedPolicy* managed = policy(holder.boundary);
  grants.boundary = managed == nullptr ? nullptr : managed->parsed;
}

policy::Grants Directory::grants(const User& user) const {
  policy::Grants out;
  add(out, user);
  for (const Group* group : groups_of(user)) add(out, *group);
  add_boundary(out, user);
  return out;
}

policy::Grants Directory::grants(const Role& role) const {
  policy::Grants out;
  add(out, role);
  add_boundary(out, role);
  return out;
}

policy::Grants Directory::grants(const Group& group) const {
  policy::Grants out;
  add(out, group);
  return out;
}

Directory::Usage Directory::usage_of(const std::string& policy_arn) const {
  Usage out;
  auto count = [&](const auto& table) {
    for (const auto& [name, holder] : table) {
      if (std::ranges::find(holder->attached, policy_arn) != holder->attached.end()) ++out.attached;
      if (holder->boundary == policy_arn) ++out.boundaries;
    }
  };
  count(users);
  count(groups);
  count(roles);
  return out;
}

}  // namespace suiro::iam
