// SPDX-License-Identifier: Apache-2.0
#include "engine/policy/verdict.h"

#include <gtest/gtest.h>

#include "engine/policy/resource_policies.h"

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

std::string reason(const Grants& grants, Ruling resource) {
  Request request;
  request.action = "s3:GetObject";
  request.resource = "arn:aws:s3:::b/k";
  return reason_of(evaluate(grants, request, resource), request.action);
}

constexpr Ruling kEverybody{Decision::kAllow};
constexpr Ruling kHimself{Decision::kAllow, true};

TEST(Verdict, TheResourcesPolicyStandsInForTheIdentitys) {
  Grants grants;
  EXPECT_EQ(reason(grants, kEverybody), "");
  EXPECT_EQ(reason(grants, {Decision::kNone}),
            "because no identity-based policy allows the s3:GetObject action");
  grants.boundary = policy("Allow", "sqs:*");
  EXPECT_EQ(reason(grants, kEverybody),
            "because no permissions boundary allows the s3:GetObject action");
  EXPECT_EQ(reason(grants, kHimself), "");
  grants.identity = {policy("Allow", "s3:*")};
  EXPECT_EQ(reason(grants, kHimself), "");
  grants.boundary.reset();
  grants.session = {policy("Allow", "sqs:*")};
  EXPECT_EQ(reason(grants, kEverybody), "because no session policy allows the s3:GetObject action");
  EXPECT_EQ(reason(grants, kHimself), "");
}

TEST(Verdict, NoAllowOfTheResourceLiftsADeny) {
  Grants grants;
  grants.identity = {policy("Deny", "s3:*")};
  EXPECT_EQ(reason(grants, kHimself), "with an explicit deny in an identity-based policy");
  grants.identity.clear();
  grants.boundary = policy("Deny", "s3:*");
  EXPECT_EQ(reason(grants, kHimself), "with an explicit deny in a permissions boundary");
  grants.boundary = policy("Allow", "*");
  grants.identity = {policy("Allow", "*")};
  EXPECT_EQ(reason(grants, {Decision::kDeny}), "with an explicit deny in a resource-based policy");
}

TEST(Verdict, ARulingTellsWhetherItNamesTheCallerItself) {
  auto rule = [](std::string_view principal) {
    auto parsed =
        Policy::parse(fmt::format(R"({{"Statement":{{"Effect":"Allow","Principal":{{"AWS":"{}"}},)"
                                  R"("Action":"s3:*","Resource":"*"}}}})",
                                  principal),
                      Form::kBucket);
    EXPECT_TRUE(parsed);
    Request request;
    request.caller.account = "000000000000";
    request.caller.arn = "arn:aws:sts::000000000000:assumed-role/night/one";
    request.caller.role_arn = "arn:aws:iam::000000000000:role/night";
    request.caller.trust = Caller::Trust::kSelf;
    request.action = "s3:GetObject";
    request.resource = "arn:aws:s3:::b/k";
    return parsed->rule(request);
  };
  EXPECT_EQ(rule("*").decision, Decision::kAllow);
  EXPECT_FALSE(rule("*").direct);
  EXPECT_FALSE(rule("arn:aws:iam::000000000000:role/night").direct);
  EXPECT_TRUE(rule("arn:aws:sts::000000000000:assumed-role/night/one").direct);
  EXPECT_EQ(rule("000000000000").decision, Decision::kNone);
}

// `principal`: the statement's element.
std::string act(std::string_view principal, std::string role_arn,
                std::string_view more = R"("Effect":"Deny")") {
  ResourcePolicies policies;
  policies.put(
      "arn:aws:s3:::b",
      fmt::format(R"({{"Statement":{{{},{},"Action":"s3:*","Resource":"*"}}}})", principal, more),
      Form::kBucket);
  auto done = policies.permit({.service = "firehose.amazonaws.com",
                               .role_arn = std::move(role_arn),
                               .account = "000000000000",
                               .action = "s3:PutObject",
                               .resource = "arn:aws:s3:::b/k",
                               .now = {}});
  return done ? "" : done.error().message;
}

TEST(ResourcePolicies, WhatServicesDoIsDeniedAndNeedsNoAllow) {
  const std::string role = "arn:aws:iam::000000000000:role/x/write";
  constexpr std::string_view kNobody = R"("Principal":{"AWS":"111111111111"})";
  EXPECT_EQ(act(kNobody, role), "");
  EXPECT_EQ(act(kNobody, ""), "");
  EXPECT_EQ(act(R"("Principal":"*")", role),
            "User: arn:aws:sts::000000000000:assumed-role/write/firehose is not authorized to "
            "perform: s3:PutObject on resource: \"arn:aws:s3:::b/k\" with an explicit deny in a "
            "resource-based policy");
  EXPECT_NE(act(R"("Principal":"*")", ""), "");
  EXPECT_NE(act(R"("Principal":{"Service":"firehose.amazonaws.com"})", ""), "");
  EXPECT_EQ(act(R"("Principal":{"Service":"logs.amazonaws.com"})", ""), "");
  EXPECT_EQ(act(R"("NotPrincipal":{"AWS":"arn:aws:iam::000000000000:role/x/write"})", role), "");
  EXPECT_NE(act(R"("NotPrincipal":{"AWS":"arn:aws:iam::000000000000:role/other"})", role), "");
  EXPECT_EQ(act(R"("Principal":"*")", role,
                R"("Effect":"Deny","Condition":{"Bool":{"aws:SecureTransport":"false"}})"),
            "");
}

TEST(ResourcePolicies, ABucketsPolicyIsForItsObjectsToo) {
  ResourcePolicies policies;
  Request request;
  request.action = "s3:GetObject";
  request.resource = "arn:aws:s3:::b/k/l";
  EXPECT_FALSE(policies.any());
  EXPECT_EQ(policies.rule(request).decision, Decision::kNone);
  constexpr std::string_view kDocument =
      R"({"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}})";
  policies.put("arn:aws:s3:::b", kDocument, Form::kBucket);
  EXPECT_EQ(policies.rule(request).decision, Decision::kAllow);
  request.resource = "arn:aws:s3:::b";
  EXPECT_EQ(policies.rule(request).decision, Decision::kAllow);
  request.resource = "arn:aws:s3:::bb/k";
  EXPECT_EQ(policies.rule(request).decision, Decision::kNone);
  request.resource = "arn:aws:s3:::b";
  policies.put("arn:aws:s3:::b", "{}", Form::kBucket);
  EXPECT_EQ(policies.rule(request).decision, Decision::kDeny);
  policies.put("arn:aws:s3:::b", kDocument, Form::kBucket);
  policies.put_unreadable("arn:aws:s3:::b");
  EXPECT_EQ(policies.rule(request).decision, Decision::kDeny);
  policies.erase("arn:aws:s3:::b");
  EXPECT_EQ(policies.rule(request).decision, Decision::kNone);
  EXPECT_FALSE(policies.any());
}

}  // namespace
}  // namespace suiro::policy
