// SPDX-License-Identifier: Apache-2.0
// Keys and batches of IAM.
//
// Invariants:
//  1. Every record stands under its lower-case name; one owner (Logic, shard 0) writes them.
// Thread: any. Bytes on disk: docs/formats/iam.md.
#pragma once

#include "kernel/store/store.h"
#include "services/iam/directory.h"
#include "services/iam/records.h"

namespace suiro::iam {

class Storage {
 public:
  explicit Storage(store::Store& store) : store_(store) {}

  // Everything, with documents parsed. Errors: the store's; kCorrupt.
  Task<Result<Directory>> load(std::string account);

  static void put(store::Batch& batch, const Role& role);
  static void put(store::Batch& batch, const User& user);
  static void put(store::Batch& batch, const Group& group);
  static void put(store::Batch& batch, const ManagedPolicy& policy);
  static void put(store::Batch& batch, const InstanceProfile& profile);
  static void erase(store::Batch& batch, const Role& role);
  static void erase(store::Batch& batch, const User& user);
  static void erase(store::Batch& batch, const Group& group);
  static void erase(store::Batch& batch, const ManagedPolicy& policy);
  static void erase(store::Batch& batch, const InstanceProfile& profile);

  static void put_last_use(store::Batch& batch, std::string_view access_key_id, const LastUse& use);
  static void erase_last_use(store::Batch& batch, std::string_view access_key_id);
  static void put_revocation(store::Batch& batch, std::string_view access_key_id, TimePoint until);
  static void erase_revocation(store::Batch& batch, std::string_view access_key_id);
  static void put_deleted_role(store::Batch& batch, std::string_view name, TimePoint at);
  static void erase_deleted_role(store::Batch& batch, std::string_view name);
  Task<Result<std::optional<LastUse>>> last_use(std::string access_key_id);

 private:
  template <class T>
  Task<Result<void>> load_table(char kind, Table<T>* table);
  Task<Result<std::shared_ptr<const RevokedKeys>>> load_revoked();
  Task<Result<std::shared_ptr<const Directory::Deleted>>> load_deleted_roles();

  store::Store& store_;
};

}  // namespace suiro::iam
