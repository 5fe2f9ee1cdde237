// SPDX-License-Identifier: Apache-2.0
// Operations: any operation by name, for schedules and workflows, over the registry.
//
// Invariant: a call is a session of the role that it names, and passes the gatekeeper as a request
// from the network does (docs/decisions/173-calls-by-name.md).
// Thread: any shard, once the registry is filled. Errors: NotImplemented, AccessDenied and
// AccessDeniedException, the operation's own.
#pragma once

#include "base/random.h"
#include "kernel/event/operation_caller.h"
#include "protocol/aws/gatekeeper.h"
#include "server/identities.h"
#include "shapes/registry.h"

namespace suiro::server {

class Operations final : public event::OperationCaller {
 public:
  struct Options {
    const shapes::Registry& registry;
    const Identities& identities;
    aws::Gatekeeper& gatekeeper;
    Clock& clock;
    Random& random;
    std::string region;
    std::string account;
  };
  explicit Operations(Options options) : options_(std::move(options)) {}
  Result<void> check(std::string service, std::string operation) const override;
  Fault fault_of(std::string service, const Error& error) const override;
  Result<void> check_output(Output output) const override;
  Task<Result<std::string>> call(Request request) override;

 private:
  Result<shapes::Principal> caller_of(const Request& request) const;
  // Whom `call.principal` becomes by sts:AssumeRole, asked as a client asks. Errors: AccessDenied.
  Task<Result<shapes::Principal>> assume(shapes::Call call, std::string role_arn,
                                         std::string session_name);
  Result<void> permit(shapes::Call& call, const shapes::Operation& operation, std::string json,
                      shapes::Dialect dialect) const;

  Options options_;
};

}  // namespace suiro::server
