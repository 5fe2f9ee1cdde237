// SPDX-License-Identifier: Apache-2.0
// Operations: any operation by name, for schedules and workflows, over the registry.
// Thread: any shard, once the registry is filled. Errors: NotImplemented, the operation's own.
#pragma once

#include "base/random.h"
#include "kernel/event/operation_caller.h"
#include "shapes/registry.h"

namespace suiro::server {

class Operations final : public event::OperationCaller {
 public:
  struct Options {
    const shapes::Registry& registry;
    Clock& clock;
    Random& random;
    std::string region;
    std::string account;
  };
  explicit Operations(Options options) : options_(std::move(options)) {}
  Result<void> check(std::string service, std::string operation) const override;
  Task<Result<std::string>> call(Request request) override;

 private:
  shapes::Principal caller_of(const Request& request) const;

  Options options_;
};

}  // namespace suiro::server
