// SPDX-License-Identifier: Apache-2.0
// Enforcer: evaluates the policies of the caller, and of the bucket or repository that it is about,
// before an operation is called.
//
//   operation -> actions and resources (permissions.h) -> verdict -> go on | denial with its reason
//
// Invariants:
//  1. An operation without an entry in the table is denied to users and roles.
//  2. Root, functions without a role and services have no policies of their own: of them the
//     resource's policy is asked whether it denies. Root may always read, put and delete it
//     (docs/decisions/246-policies-of-buckets-and-repositories.md).
//  3. Functions whose role IAM never knew are let through, but for IAM and STS
//     (docs/decisions/170-roles-of-functions.md); Suiro's own operations ask for root themselves.
//  4. A denial leaves a line in the log and a span in the journal; beyond kDenialsPerSecond of a
//     shard it is only counted.
// Thread: any shard; a shard's counters belong to it. Source of the texts: IAM User Guide,
// "Troubleshoot access denied error messages".
#pragma once

#include "engine/policy/resource_policies.h"
#include "kernel/event/kernel.h"
#include "protocol/aws/gatekeeper.h"
#include "server/permissions.h"
#include "services/iam/service.h"

namespace suiro::server {

inline constexpr int kDenialsPerSecond = 20;

class Enforcer final : public aws::Gatekeeper {
 public:
  Enforcer(event::Kernel& kernel, iam::Service& iam, const policy::ResourcePolicies& policies)
      : kernel_(kernel), iam_(iam), policies_(policies), reported_(kernel.shards.size()) {}

  std::optional<std::string> deny(shapes::Call& call, const shapes::Operation& operation,
                                  const shapes::Value& input) override;

  // Whether the caller may hand the role to the service (iam:PassRole), where a request names it
  // only indirectly. Errors: AccessDeniedException.
  Result<void> may_pass(shapes::Call& call, const std::string& role_arn, std::string_view service);

 private:
  struct Reported {
    int64_t second = 0;
    int count = 0;
  };
  struct Asked;

  std::optional<std::string> deny_function(const shapes::Call& call,
                                           const shapes::Operation& operation);
  std::optional<std::string> deny_unknown(const shapes::Call& call,
                                          const shapes::Operation& operation);
  std::optional<std::string> deny_one(Asked& asked, const Check& check, const Need& need);
  policy::Verdict verdict_on(Asked& asked, const Need& need) const;
  void report(const shapes::Call& call, const std::string& resource, const std::string& text);

  event::Kernel& kernel_;
  iam::Service& iam_;
  const policy::ResourcePolicies& policies_;
  std::vector<Reported> reported_;  // by shard
};

}  // namespace suiro::server
