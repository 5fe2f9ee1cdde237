// SPDX-License-Identifier: Apache-2.0
// IAM, wired: who may do what in the account. What enforces it reads directory().
#pragma once

#include "services/iam/api.h"

namespace suiro::iam {

class Service {
 public:
  explicit Service(event::Kernel& kernel)
      : executor_(kernel.shards.executor(0)),
        logic_(kernel),
        api_(kernel, logic_),
        scope_(executor_) {}

  // Reads all identities; before the first connection.
  Task<Result<void>> start() { return logic_.start(); }
  Task<void> stop() { return scope_.close(); }
  void add_operations(shapes::Registry& registry) { api_.add_operations(registry); }

  // As of now. Any thread; does not block.
  DirectoryPtr directory() const { return logic_.directory(); }
  // An access key signed a request to `service`. On a shard's thread.
  void note_use(const std::string& access_key_id, std::string_view service) {
    logic_.note_use(access_key_id, service);
  }
  // Refuses the key of a session that would live until `until`. Any thread; durable, and seen by
  // directory(), soon after. With a batch: durable with its commit, and seen after the next start
  // or revoke().
  static void revoke(store::Batch& batch, std::string_view access_key_id, TimePoint until) {
    Storage::put_revocation(batch, access_key_id, until);
  }
  void revoke(std::string access_key_id, TimePoint until);

 private:
  Task<void> revoke_there(std::string access_key_id, TimePoint until);

  Executor executor_;
  Logic logic_;
  Api api_;
  TaskScope scope_;  // on shard 0
};

}  // namespace suiro::iam
