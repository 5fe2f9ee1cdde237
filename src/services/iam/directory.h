// SPDX-License-Identifier: Apache-2.0
// Directory: all identities of the account at one moment. Immutable once published; a change makes
// the next one, which shares what did not change.
//
// Invariants:
//  1. Names are told apart without regard to case; each map is keyed by the lower-case name.
//  2. Everything in a published directory is durable.
// Thread: any.
#pragma once

#include <memory>
#include <set>

#include "base/bytes.h"
#include "services/iam/revoked_keys.h"
#include "services/iam/types.h"
#include "shapes/call.h"

namespace suiro::iam {

template <class T>
using Table = std::map<std::string, std::shared_ptr<const T>, std::less<>>;

struct Directory {
  std::string account;
  Table<Role> roles;
  Table<User> users;
  Table<Group> groups;
  Table<ManagedPolicy> policies;  // the account's own
  Table<InstanceProfile> profiles;
  std::map<std::string, std::string, std::less<>> keys;  // access key id -> user, lower case
  std::shared_ptr<const RevokedKeys> revoked = std::make_shared<const RevokedKeys>();
  bool is_revoked(std::string_view access_key_id) const {
    return revoked->contains(to_lower(access_key_id));
  }

  // Names of deleted roles, in lower case, until a role of the name is made again.
  using Deleted = std::set<std::string, std::less<>>;
  std::shared_ptr<const Deleted> deleted_roles = std::make_shared<const Deleted>();
  // Whether there is, or was, a role of this name, under whatever path.
  bool knows_role(std::string_view name) const;

  // nullptr: not there.
  const Role* role(std::string_view name) const;
  const User* user(std::string_view name) const;
  const Group* group(std::string_view name) const;
  const InstanceProfile* profile(std::string_view name) const;
  // The account's own or AWS's. nullptr: not there.
  const ManagedPolicy* policy(std::string_view arn) const;

  std::string arn_of(const Role& role) const;
  std::string arn_of(const User& user) const;
  std::string arn_of(const Group& group) const;
  std::string arn_of(const ManagedPolicy& policy) const;
  std::string arn_of(const InstanceProfile& profile) const;

  struct Key {
    const AccessKey* key = nullptr;
    const User* user = nullptr;
  };
  // nullopt: unknown.
  std::optional<Key> key(std::string_view access_key_id) const;

  // Groups of a user, by name.
  std::vector<const Group*> groups_of(const User& user) const;

  // What binds a user or a role. Without its session's policies.
  policy::Grants grants(const User& user) const;
  policy::Grants grants(const Role& role) const;
  policy::Grants grants(const Group& group) const;

  // How many users, groups and roles a managed policy is attached to, or is a boundary of.
  struct Usage {
    size_t attached = 0;
    size_t boundaries = 0;
  };
  Usage usage_of(const std::string& policy_arn) const;

 private:
  void add(policy::Grants& grants, const Holder& holder) const;
  void add_boundary(policy::Grants& grants, const Holder& holder) const;
};
using DirectoryPtr = std::shared_ptr<const Directory>;

// AWS's managed policies that Suiro knows, by ARN. Constant.
const Table<ManagedPolicy>& aws_policies();

// The role's ARN in parts: "arn:aws:iam::ACCOUNT:role/PATH/NAME" -> NAME. Empty: not such an ARN.
std::string_view role_name_of(std::string_view arn);

}  // namespace suiro::iam
