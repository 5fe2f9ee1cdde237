// SPDX-License-Identifier: Apache-2.0
#include "engine/policy/verdict.h"

#include <gtest/gtest.h>

namespace suiro::policy {
namespace {

PolicyPtr policy(std::string_view effect, std::string_view action) {
  auto parsed = Policy::parse(
      fmt::format(R"({{"Version":"2012-10-17","Statement":[{{"Effect":"{}","Action":"{}",)"
                  R"("Resource":"*"}}]}})",
                  effect, action),
      Form::kIdentity);
  EXPECT_TRUE(parsed);
  return std::make_shared<const Policy>(*std::move(parsed));
}

std::string reason(const Grants& grants) {
  Request request;
  request.action = "s3:GetObject";
  request.resource = "arn:aws:s3:::b/k";
  Verdict verdict = evaluate(grants, request);
  EXPECT_EQ(verdict.allowed(), reason_of(verdict, request.action).empty());
  return reason_of(verdict, request.action);
}

TEST(Verdict, EveryLayerMustAllow) {
  Grants grants;
  EXPECT_EQ(reason(grants), "because no identity-based policy allows the s3:GetObject action");
  grants.identity = {nullptr, policy("Allow", "sqs:*"), policy("Allow", "s3:*")};
  EXPECT_EQ(reason(grants), "");
  grants.boundary = policy("Allow", "sqs:*");
  EXPECT_EQ(reason(grants), "because no permissions boundary allows the s3:GetObject action");
  grants.boundary = PolicyPtr();
  EXPECT_EQ(reason(grants), "because no permissions boundary allows the s3:GetObject action");
  grants.boundary = policy("Allow", "s3:Get*");
  EXPECT_EQ(reason(grants), "");
  grants.session.emplace();
  EXPECT_EQ(reason(grants), "because no session policy allows the s3:GetObject action");
  grants.session->push_back(policy("Allow", "*"));
  EXPECT_EQ(reason(grants), "");
}

TEST(Verdict, AnExplicitDenyWinsAndIsNamed) {
  Grants grants;
  grants.identity = {policy("Allow", "*")};
  grants.boundary = policy("Deny", "s3:*");
  EXPECT_EQ(reason(grants), "with an explicit deny in a permissions boundary");
  grants.boundary.reset();
  grants.session = {policy("Allow", "*"), policy("Deny", "s3:GetObject")};
  EXPECT_EQ(reason(grants), "with an explicit deny in a session policy");
  grants.identity.push_back(policy("Deny", "*"));
  EXPECT_EQ(reason(grants), "with an explicit deny in an identity-based policy");
}

}  // namespace
}  // namespace suiro::policy
