// SPDX-License-Identifier: Apache-2.0
#include "services/iam/storage.h"

namespace suiro::iam {
namespace {

constexpr char kSpace = 'i';
constexpr char kLayout = 1;
constexpr char kLastUse = 'l';
constexpr char kRevoked = 'x';
constexpr char kDeletedRole = 'd';

constexpr char kind_of(const Role*) {
  return 'r';
}
constexpr char kind_of(const User*) {
  return 'u';
}
constexpr char kind_of(const Group*) {
  return 'g';
}
constexpr char kind_of(const ManagedPolicy*) {
  return 'p';
}
constexpr char kind_of(const InstanceProfile*) {
  return 'i';
}

store::Key key_of(char kind, std::string_view name) {
  store::Key key{kSpace, kLayout, kind};
  return key += to_lower(name);
}

template <class T>
void put_record(store::Batch& batch, const T& value) {
  batch.put(key_of(kind_of(&value), value.name), encode(value));
}
template <class T>
void erase_record(store::Batch& batch, const T& value) {
  batch.erase(key_of(kind_of(&value), value.name));
}

template <class T>
constexpr bool kHasDocuments = requires(T value) { parse_documents(value); };

}  // namespace

void Storage::put(store::Batch& batch, const Role& role) {
  put_record(batch, role);
}
void Storage::put(store::Batch& batch, const User& user) {
  put_record(batch, user);
}
void Storage::put(store::Batch& batch, const Group& group) {
  put_record(batch, group);
}
void Storage::put(store::Batch& batch, const ManagedPolicy& policy) {
  put_record(batch, policy);
}
void Storage::put(store::Batch& batch, const InstanceProfile& profile) {
  put_record(batch, profile);
}
void Storage::erase(store::Batch& batch, const Role& role) {
  erase_record(batch, role);
}
void Storage::erase(store::Batch& batch, const User& user) {
  erase_record(batch, user);
}
void Storage::erase(store::Batch& batch, const Group& group) {
  erase_record(batch, group);
}
void Storage::erase(store::Batch& batch, const ManagedPolicy& policy) {
  erase_record(batch, policy);
}
void Storage::erase(store::Batch& batch, const InstanceProfile& profile) {
  erase_record(batch, profile);
}

void Storage::put_last_use(store::Batch& batch, std::string_view access_key_id,
                           const LastUse& use) {
  batch.put(key_of(kLastUse, access_key_id), encode(use));
}
void Storage::erase_last_use(store::Batch& batch, std::string_view access_key_id) {
  batch.erase(key_of(kLastUse, access_key_id));
}

void Storage::put_revocation(store::Batch& batch, std::string_view access_key_id, TimePoint until) {
  batch.put(key_of(kRevoked, access_key_id), encode(Revocation{until}));
}
void Storage::erase_revocation(store::Batch& batch, std::string_view access_key_id) {
  batch.erase(key_of(kRevoked, access_key_id));
}

Task<Result<std::shared_ptr<const RevokedKeys>>> Storage::load_revoked() {
  auto out = std::make_shared<RevokedKeys>();
  const store::Key prefix = key_of(kRevoked, "");
  store::ScanOptions options{.range = store::KeyRange::prefix(prefix)};
  for (bool more = true; more;) {
    CO_TRY(auto page, co_await store_.scan(options));
    for (const auto& entry : page.entries) {
      CO_TRY(Revocation revocation, decode<Revocation>(entry.value));
      // Keys are compared without case everywhere here: ids are upper case and differ otherwise.
      // What is past is forgotten, and erased, when its bucket changes.
      (void)out->add(entry.key.substr(prefix.size()), revocation.until, TimePoint::min());
    }
    more = page.more;
    if (more) options.range.begin = page.entries.back().key + '\0';
  }
  co_return std::shared_ptr<const RevokedKeys>(std::move(out));
}

void Storage::put_deleted_role(store::Batch& batch, std::string_view name, TimePoint at) {
  batch.put(key_of(kDeletedRole, name), encode(DeletedRole{at}));
}
void Storage::erase_deleted_role(store::Batch& batch, std::string_view name) {
  batch.erase(key_of(kDeletedRole, name));
}

Task<Result<std::shared_ptr<const Directory::Deleted>>> Storage::load_deleted_roles() {
  auto out = std::make_shared<Directory::Deleted>();
  const store::Key prefix = key_of(kDeletedRole, "");
  store::ScanOptions options{.range = store::KeyRange::prefix(prefix)};
  for (bool more = true; more;) {
    CO_TRY(auto page, co_await store_.scan(options));
    for (const auto& entry : page.entries) {
      CO_TRY_VOID(decode<DeletedRole>(entry.value));
      out->insert(entry.key.substr(prefix.size()));
    }
    more = page.more;
    if (more) options.range.begin = page.entries.back().key + '\0';
  }
  co_return std::shared_ptr<const Directory::Deleted>(std::move(out));
}

Task<Result<std::optional<LastUse>>> Storage::last_use(std::string access_key_id) {
  CO_TRY(auto entry, co_await store_.get(key_of(kLastUse, access_key_id)));
  if (!entry) co_return std::nullopt;
  CO_TRY(LastUse use, decode<LastUse>(entry->value));
  co_return std::optional<LastUse>(std::move(use));
}

template <class T>
Task<Result<void>> Storage::load_table(char kind, Table<T>* table) {
  store::ScanOptions options{.range = store::KeyRange::prefix(key_of(kind, ""))};
  for (bool more = true; more;) {
    CO_TRY(auto page, co_await store_.scan(options));
    for (const auto& entry : page.entries) {
      CO_TRY(T value, decode<T>(entry.value));
      if constexpr (kHasDocuments<T>) parse_documents(value);
      std::string name = to_lower(value.name);
      table->emplace(std::move(name), std::make_shared<const T>(std::move(value)));
    }
    more = page.more;
    if (more) options.range.begin = page.entries.back().key + '\0';
  }
  co_return ok();
}

Task<Result<Directory>> Storage::load(std::string account) {
  Directory out;
  out.account = std::move(account);
  CO_TRY_VOID(co_await load_table('r', &out.roles));
  CO_TRY_VOID(co_await load_table('u', &out.users));
  CO_TRY_VOID(co_await load_table('g', &out.groups));
  CO_TRY_VOID(co_await load_table('p', &out.policies));
  CO_TRY_VOID(co_await load_table('i', &out.profiles));
  CO_TRY(out.revoked, co_await load_revoked());
  CO_TRY(out.deleted_roles, co_await load_deleted_roles());
  for (const auto& [name, user] : out.users) {
    for (const AccessKey& key : user->keys) out.keys[key.id] = name;
  }
  co_return out;
}

}  // namespace suiro::iam
