// SPDX-License-Identifier: Apache-2.0
#include "engine/policy/verdict.h"

namespace suiro::policy {
namespace {

Decision decide(std::span<const PolicyPtr> policies, const Request& request) {
  Decision decision = Decision::kNone;
  for (const PolicyPtr& policy : policies) {
    if (policy == nullptr) continue;
    Decision one = policy->decide(request);
    if (one == Decision::kDeny) return one;
    if (one == Decision::kAllow) decision = one;
  }
  return decision;
}

std::string_view name_of(Layer layer) {
  switch (layer) {
    case Layer::kIdentity:
      return "identity-based policy";
    case Layer::kBoundary:
      return "permissions boundary";
    case Layer::kSession:
      return "session policy";
    case Layer::kResource:
      return "resource-based policy";
  }
  return "policy";
}

}  // namespace

Verdict evaluate(const Grants& grants, const Request& request, Ruling resource) {
  if (resource.decision == Decision::kDeny) return {Decision::kDeny, Layer::kResource};
  Verdict verdict{decide(grants.identity, request), Layer::kIdentity};
  if (resource.decision == Decision::kAllow && verdict.decision == Decision::kNone) {
    verdict.decision = Decision::kAllow;
  }
  auto add = [&](Layer layer, std::span<const PolicyPtr> policies) {
    if (verdict.decision == Decision::kDeny) return;
    Decision one = decide(policies, request);
    bool worse =
        one == Decision::kDeny || (one == Decision::kNone && verdict.allowed() && !resource.direct);
    if (worse) verdict = {one, layer};
  };
  if (grants.boundary) add(Layer::kBoundary, {&*grants.boundary, 1});
  if (grants.session) add(Layer::kSession, *grants.session);
  return verdict;
}

std::string reason_of(const Verdict& verdict, std::string_view action) {
  std::string_view name = name_of(verdict.layer);
  switch (verdict.decision) {
    case Decision::kAllow:
      return {};
    case Decision::kDeny:
      return fmt::format("with an explicit deny in {} {}",
                         verdict.layer == Layer::kIdentity ? "an" : "a", name);
    case Decision::kNone:
      return fmt::format("because no {} allows the {} action", name, action);
  }
  return {};
}

}  // namespace suiro::policy
