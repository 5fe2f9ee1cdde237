// SPDX-License-Identifier: Apache-2.0
#include "services/iam/logic.h"

#include <algorithm>

namespace suiro::iam {
namespace {

constexpr std::string_view kIdLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::string_view kSecretLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::chrono::minutes kUseInterval{1};
constexpr size_t kNotedMax = 10'000;  // keys of which a shard remembers the last note

template <class T>
void put_in(Table<T>& table, T value) {
  std::string name = to_lower(value.name);
  table[name] = std::make_shared<const T>(std::move(value));
}

}  // namespace

std::string Draft::new_id(std::string_view prefix) {
  return std::string(prefix) + kernel_.random.text(17, kIdLetters);
}

AccessKey Draft::new_access_key() {
  return {"AKIA" + kernel_.random.text(16, kIdLetters), kernel_.random.text(40, kSecretLetters),
          true, time()};
}

void Draft::put(Role role) {
  parse_documents(role);
  Storage::put(batch_, role);
  if (directory_.deleted_roles->contains(to_lower(role.name))) {
    auto next = std::make_shared<Directory::Deleted>(*directory_.deleted_roles);
    next->erase(to_lower(role.name));
    directory_.deleted_roles = std::move(next);
    Storage::erase_deleted_role(batch_, role.name);
  }
  put_in(directory_.roles, std::move(role));
}
void Draft::put(User user) {
  parse_documents(user);
  Storage::put(batch_, user);
  std::string name = to_lower(user.name);
  std::erase_if(directory_.keys, [&](const auto& key) {
    if (key.second != name) return false;
    bool kept = std::ranges::find(user.keys, key.first, &AccessKey::id) != user.keys.end();
    if (!kept) Storage::erase_last_use(batch_, key.first);
    return !kept;
  });
  for (const AccessKey& key : user.keys) directory_.keys[key.id] = name;
  put_in(directory_.users, std::move(user));
}
void Draft::put(Group group) {
  parse_documents(group);
  Storage::put(batch_, group);
  put_in(directory_.groups, std::move(group));
}
void Draft::put(ManagedPolicy policy) {
  parse_documents(policy);
  Storage::put(batch_, policy);
  put_in(directory_.policies, std::move(policy));
}
void Draft::put(InstanceProfile profile) {
  Storage::put(batch_, profile);
  put_in(directory_.profiles, std::move(profile));
}
Result<void> Draft::erase(const Role& role) {
  if (directory_.deleted_roles->size() >= kDeletedRolesMax) {
    return quota("DeletedRolesRemembered", kDeletedRolesMax);
  }
  auto next = std::make_shared<Directory::Deleted>(*directory_.deleted_roles);
  next->insert(to_lower(role.name));
  directory_.deleted_roles = std::move(next);
  Storage::put_deleted_role(batch_, role.name, time());
  Storage::erase(batch_, role);
  directory_.roles.erase(to_lower(role.name));
  return ok();
}
void Draft::erase(const User& user) {
  Storage::erase(batch_, user);
  for (const AccessKey& key : user.keys) {
    Storage::erase_last_use(batch_, key.id);
    directory_.keys.erase(key.id);
  }
  directory_.users.erase(to_lower(user.name));
}
void Draft::erase(const Group& group) {
  Storage::erase(batch_, group);
  directory_.groups.erase(to_lower(group.name));
}
void Draft::erase(const ManagedPolicy& policy) {
  Storage::erase(batch_, policy);
  directory_.policies.erase(to_lower(policy.name));
}
void Draft::erase(const InstanceProfile& profile) {
  Storage::erase(batch_, profile);
  directory_.profiles.erase(to_lower(profile.name));
}

Result<void> Draft::revoke(const std::string& access_key_id, TimePoint until) {
  std::string id = to_lower(access_key_id);
  auto next = std::make_shared<RevokedKeys>(*directory_.revoked);
  for (const auto& gone : next->add(id, until, time())) Storage::erase_revocation(batch_, gone);
  if (next->size() > kRevokedMax) return quota("RevokedSessions", kRevokedMax);
  Storage::put_revocation(batch_, access_key_id, until);
  directory_.revoked = std::move(next);
  return ok();
}

Logic::Logic(event::Kernel& kernel)
    : kernel_(kernel),
      storage_(kernel.store),
      turn_(kernel.shards.executor(0)),
      noted_(kernel.shards.size()) {
  Directory empty;
  empty.account = kernel.account;
  directory_ = std::make_shared<const Directory>(std::move(empty));
}

Task<Result<void>> Logic::start() {
  CO_TRY(Directory loaded, co_await storage_.load(kernel_.account));
  directory_ = std::make_shared<const Directory>(std::move(loaded));
  co_return ok();
}

Task<Result<DirectoryPtr>> Logic::change(Edit edit) {
  auto there = [&]() -> Task<Result<DirectoryPtr>> {
    if (busy_) co_await turn_.wait();
    busy_ = true;
    auto result = co_await change_in_turn(std::move(edit));
    // Who is woken finds the turn still taken, so that nobody comes between.
    if (!turn_.notify_one()) busy_ = false;
    co_return result;
  };
  co_return co_await run_on(kernel_.shards.executor(0), there);
}

Task<Result<DirectoryPtr>> Logic::change_in_turn(Edit edit) {
  Draft draft(*directory_.load(), kernel_);
  CO_TRY_VOID(edit(draft));
  if (!draft.batch_.empty()) {
    CO_TRY_VOID(co_await kernel_.store.commit(std::move(draft.batch_)));
  }
  auto next = std::make_shared<const Directory>(std::move(draft.directory_));
  directory_ = next;
  co_return DirectoryPtr(std::move(next));
}

void Logic::note_use(const std::string& access_key_id, std::string_view service) {
  auto& noted = noted_[kernel_.shards.current()];
  TimePoint now = kernel_.clock.now();
  if (noted.size() >= kNotedMax) noted.clear();
  TimePoint& last = noted[access_key_id];
  if (now - last < kUseInterval) return;
  last = now;
  store::Batch batch;
  Storage::put_last_use(batch, access_key_id, {now, std::string(service), kernel_.region});
  kernel_.store.commit_later(std::move(batch));
}

}  // namespace suiro::iam
