// SPDX-License-Identifier: Apache-2.0
// Verdict: what the policies of a principal say together about one request, and why.
//
//   any explicit Deny, of the resource's policy too -> denied
//   allowed by the identity's policies, by its boundary where it has one, and by its session's
//   policies where there are some -> allowed; else denied, and the missing kind is named
//   an Allow of the resource's policy stands for the identity's own; it stands for boundary and
//   session too where it names the user, or the role's session, itself
//
// Thread: any. Source: IAM User Guide, "Policy evaluation logic"; texts: "Troubleshoot access
// denied error messages".
#pragma once

#include <memory>

#include "engine/policy/policy.h"

namespace suiro::policy {

using PolicyPtr = std::shared_ptr<const Policy>;

// The policies of a principal. A null pointer is a policy that is gone or unreadable: it allows
// nothing.
struct Grants {
  std::vector<PolicyPtr> identity;
  std::optional<PolicyPtr> boundary;
  std::optional<std::vector<PolicyPtr>> session;
};

enum class Layer : uint8_t { kIdentity, kBoundary, kSession, kResource };

struct Verdict {
  Decision decision = Decision::kNone;
  Layer layer = Layer::kIdentity;  // which denied, or which did not allow
  bool allowed() const { return decision == Decision::kAllow; }
};

Verdict evaluate(const Grants& grants, const Request& request, Ruling resource = {});

// "because no identity-based policy allows the s3:GetObject action", "with an explicit deny in a
// permissions boundary". Empty where it allows.
std::string reason_of(const Verdict& verdict, std::string_view action);

}  // namespace suiro::policy
