// SPDX-License-Identifier: Apache-2.0
// Logic of IAM: the rules. Reads look at the published directory; a change copies it, edits the
// copy together with a batch, commits, and publishes.
//
//   change(): turn taken -> copy -> edit -> commit -> publish -> turn given
//
// Invariants:
//  1. Changes happen one after another, on shard 0.
//  2. What is not durable is not published.
// Thread: any shard. Failure: AWS's codes (errors.h); the store's.
// Source of the rules: IAM API Reference, and "IAM and AWS STS quotas" for the limits.
#pragma once

#include <atomic>
#include <functional>

#include "kernel/event/kernel.h"
#include "services/iam/directory.h"
#include "services/iam/errors.h"
#include "services/iam/limits.h"
#include "services/iam/storage.h"

namespace suiro::iam {

// A directory that is being changed, and the batch that makes it durable.
class Draft {
 public:
  Draft(Directory directory, event::Kernel& kernel)
      : directory_(std::move(directory)), kernel_(kernel) {}
  const Directory& now() const { return directory_; }
  TimePoint time() const { return kernel_.clock.now(); }
  // "AROA" and 17 more letters and digits.
  std::string new_id(std::string_view prefix);
  AccessKey new_access_key();

  void put(Role role);
  void put(User user);
  void put(Group group);
  void put(ManagedPolicy policy);
  void put(InstanceProfile profile);
  // Its name stays known. Errors: LimitExceeded.
  Result<void> erase(const Role& role);
  void erase(const User& user);
  void erase(const Group& group);
  void erase(const ManagedPolicy& policy);
  void erase(const InstanceProfile& profile);
  // Forgets what has ended meanwhile. Errors: LimitExceeded.
  Result<void> revoke(const std::string& access_key_id, TimePoint until);

 private:
  friend class Logic;
  Directory directory_;
  store::Batch batch_;
  event::Kernel& kernel_;
};

class Logic {
 public:
  explicit Logic(event::Kernel& kernel);
  Task<Result<void>> start();

  DirectoryPtr directory() const { return directory_.load(); }
  // Applies `edit`; the directory after it. Nothing happens where it answers an error.
  using Edit = std::move_only_function<Result<void>(Draft&)>;
  Task<Result<DirectoryPtr>> change(Edit edit);

  // Notes that a key was used; durable some time later. Any shard.
  void note_use(const std::string& access_key_id, std::string_view service);
  Task<Result<std::optional<LastUse>>> last_use(std::string access_key_id) {
    return storage_.last_use(std::move(access_key_id));
  }

 private:
  Task<Result<DirectoryPtr>> change_in_turn(Edit edit);

  event::Kernel& kernel_;
  Storage storage_;
  std::atomic<DirectoryPtr> directory_;
  Signal turn_;
  bool busy_ = false;
  std::vector<std::map<std::string, TimePoint>> noted_;  // by shard: when a use was written last
};

// --- rules, one edit each. `now` in their descriptions is the draft's directory.

struct NewRole {
  std::string name, path, trust, description, boundary;
  std::optional<int32_t> max_session_seconds;
  std::vector<Tag> tags;
};
struct NewUser {
  std::string name, path, boundary;
  std::vector<Tag> tags;
};
struct NewPolicy {
  std::string name, path, document, description;
  std::vector<Tag> tags;
};

// NoSuchEntity with AWS's text where it is not there.
Result<const Role*> need_role(const Directory& directory, std::string_view name);
Result<const User*> need_user(const Directory& directory, std::string_view name);
Result<const Group*> need_group(const Directory& directory, std::string_view name);
Result<const InstanceProfile*> need_profile(const Directory& directory, std::string_view name);
Result<const ManagedPolicy*> need_policy(const Directory& directory, std::string_view arn);
Result<const PolicyVersion*> need_version(const ManagedPolicy& policy, std::string_view arn,
                                          std::string_view version_id);
std::string version_id_of(uint32_t number);

Result<void> create_role(Draft& draft, NewRole role);
Result<void> create_service_linked_role(Draft& draft, std::string service, std::string description,
                                        std::string suffix);
// The name that create_service_linked_role() gives. Errors: InvalidInput: not a service.
Result<std::string> service_linked_name(std::string_view service, std::string_view suffix);
Result<void> update_role(Draft& draft, std::string name, std::optional<std::string> description,
                         std::optional<int32_t> max_session_seconds);
Result<void> update_trust(Draft& draft, std::string name, std::string document);
enum class Linked : uint8_t { kNo, kYes };
Result<void> delete_role(Draft& draft, std::string name, Linked linked);

Result<void> create_user(Draft& draft, NewUser user);
struct Rename {
  std::string name;
  std::optional<std::string> new_name, new_path;
};
Result<void> update_user(Draft& draft, Rename rename);
Result<void> delete_user(Draft& draft, std::string name);
Result<void> create_key(Draft& draft, std::string user, AccessKey key);
Result<void> update_key(Draft& draft, std::string user, std::string id, bool active);
Result<void> delete_key(Draft& draft, std::string user, std::string id);

Result<void> create_group(Draft& draft, std::string name, std::string path);
Result<void> update_group(Draft& draft, Rename rename);
Result<void> delete_group(Draft& draft, std::string name);
Result<void> add_user_to_group(Draft& draft, std::string group, std::string user);
Result<void> remove_user_from_group(Draft& draft, std::string group, std::string user);

Result<void> create_policy(Draft& draft, NewPolicy policy);
Result<void> delete_policy(Draft& draft, std::string arn);
enum class AsDefault : uint8_t { kNo, kYes };
Result<void> create_version(Draft& draft, std::string arn, std::string document, AsDefault set);
Result<void> delete_version(Draft& draft, std::string arn, std::string version_id);
Result<void> set_default_version(Draft& draft, std::string arn, std::string version_id);
Result<void> change_policy_tags(Draft& draft, std::string arn, std::vector<Tag> add,
                                std::vector<std::string> remove);

Result<void> create_profile(Draft& draft, std::string name, std::string path,
                            std::vector<Tag> tags);
Result<void> delete_profile(Draft& draft, std::string name);
Result<void> add_role_to_profile(Draft& draft, std::string profile, std::string role);
Result<void> remove_role_from_profile(Draft& draft, std::string profile, std::string role);
Result<void> change_profile_tags(Draft& draft, std::string name, std::vector<Tag> add,
                                 std::vector<std::string> remove);

// What users, groups and roles share.
enum class HolderKind : uint8_t { kUser, kGroup, kRole };
struct HolderName {
  HolderKind kind;
  std::string name;
};
Result<const Holder*> need_holder(const Directory& directory, const HolderName& holder);
Result<void> put_inline(Draft& draft, HolderName holder, std::string policy, std::string document);
Result<void> delete_inline(Draft& draft, HolderName holder, std::string policy);
// Errors: NoSuchEntity.
Result<std::string> inline_of(const Directory& directory, const HolderName& holder,
                              const std::string& policy);
Result<void> attach(Draft& draft, HolderName holder, std::string arn);
Result<void> detach(Draft& draft, HolderName holder, std::string arn);
// Empty: none any more.
Result<void> set_boundary(Draft& draft, HolderName holder, std::string arn);
Result<void> change_tags(Draft& draft, HolderName holder, std::vector<Tag> add,
                         std::vector<std::string> remove);

// Shared checks (logic_check.cc).
Result<void> check_name(std::string_view name, std::string_view member, size_t chars_max);
Result<std::string> checked_path(std::string_view path);
Result<void> check_document(std::string_view document, policy::Form form);
Result<void> apply_tags(std::vector<Tag>& tags, std::vector<Tag> add,
                        const std::vector<std::string>& remove);
Result<void> check_boundary(const Directory& directory, const std::string& arn);
// Also the principals of the own account, which must be there.
Result<void> check_trust(const Directory& directory, const std::string& document);
// Characters without white space.
size_t policy_chars(std::string_view document);

}  // namespace suiro::iam
