// SPDX-License-Identifier: Apache-2.0
#include "engine/policy/policy.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace suiro::policy {
namespace {

const std::string kQueue = "arn:aws:sqs:us-east-1:000000000000:uploads";

Request from_s3(std::string bucket) {
  Request request;
  request.caller.kind = Caller::Kind::kService;
  request.caller.service = "s3.amazonaws.com";
  request.action = "sqs:SendMessage";
  request.resource = kQueue;
  request.context = {{"aws:sourcearn", "arn:aws:s3:::" + bucket},
                     {"aws:sourceaccount", "000000000000"}};
  return request;
}

Request from_root(std::string account = "000000000000") {
  Request request;
  request.caller.account = account;
  request.caller.arn = "arn:aws:iam::" + account + ":root";
  request.action = "sqs:SendMessage";
  request.resource = kQueue;
  request.context = {{"aws:securetransport", "false"}};
  return request;
}

// A one-statement document with `members` added to Allow, SendMessage and the queue.
std::string allow(std::string members) {
  return R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage",)"
         R"("Resource":")" +
         kQueue + R"(",)" + members + "}]}";
}

Decision decide(std::string document, const Request& request) {
  auto policy = Policy::parse(document);
  EXPECT_TRUE(policy) << (policy ? "" : policy.error().message);
  return policy ? policy->decide(request) : Decision::kDeny;
}

std::string refusal(std::string document) {
  auto policy = Policy::parse(document);
  if (policy) return "parsed";
  EXPECT_EQ(policy.error().code, kMalformedPolicy);
  return policy.error().message;
}

TEST(Policy, TheCommonBucketNotificationPolicy) {
  std::string document =
      allow(R"("Principal":{"Service":"s3.amazonaws.com"},"Condition":{)"
            R"("ArnLike":{"aws:SourceArn":"arn:aws:s3:*:*:lake-*"},)"
            R"("StringEquals":{"aws:SourceAccount":["111111111111","000000000000"]}})");
  EXPECT_EQ(decide(document, from_s3("lake-1")), Decision::kAllow);
  EXPECT_EQ(decide(document, from_s3("pond")), Decision::kNone);
  EXPECT_EQ(decide(document, from_root()), Decision::kNone);
  Request other = from_s3("lake-1");
  other.context["aws:sourceaccount"] = "222222222222";
  EXPECT_EQ(decide(document, other), Decision::kNone);
  other = from_s3("lake-1");
  other.context.erase("aws:sourcearn");
  EXPECT_EQ(decide(document, other), Decision::kNone);
}

TEST(Policy, Principals) {
  EXPECT_EQ(decide(allow(R"("Principal":"*")"), from_s3("b")), Decision::kAllow);
  EXPECT_EQ(decide(allow(R"("Principal":{"AWS":"*"})"), from_s3("b")), Decision::kAllow);
  Request anonymous = from_root();
  anonymous.caller = {.kind = Caller::Kind::kAnonymous};
  EXPECT_EQ(decide(allow(R"("Principal":"*")"), anonymous), Decision::kAllow);
  std::string account = allow(R"("Principal":{"AWS":["111111111111","222222222222"]})");
  EXPECT_EQ(decide(account, from_root("222222222222")), Decision::kAllow);
  EXPECT_EQ(decide(account, from_root("333333333333")), Decision::kNone);
  EXPECT_EQ(decide(account, anonymous), Decision::kNone);
  std::string role = allow(R"("Principal":{"AWS":"arn:aws:iam::111111111111:role/writer"})");
  Request writer = from_root("111111111111");
  EXPECT_EQ(decide(role, writer), Decision::kNone);
  writer.caller.arn = "arn:aws:iam::111111111111:role/writer";
  EXPECT_EQ(decide(role, writer), Decision::kAllow);
  // The account's root stands for everyone in the account.
  EXPECT_EQ(decide(allow(R"("Principal":{"AWS":"arn:aws:iam::111111111111:root"})"), writer),
            Decision::kAllow);
}

TEST(Policy, ADenyOfTheAccountHitsWhomTheAccountDoesNotAllow) {
  const std::string arn = "arn:aws:iam::000000000000:user/ann";
  std::string document =
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":")" + arn +
      R"("},"Action":"*","Resource":"*"},{"Effect":"Deny","Principal":{"AWS":)"
      R"("arn:aws:iam::000000000000:root"},"Action":"sqs:SendMessage","Resource":"*"}]})";
  Request ann = from_root();
  ann.caller.arn = arn;
  ann.caller.trust = Caller::Trust::kSelf;
  EXPECT_EQ(decide(document, ann), Decision::kDeny);
  ann.action = "sqs:ReceiveMessage";
  EXPECT_EQ(decide(document, ann), Decision::kAllow);
  // An Allow of the account alone is none for who needs to be named.
  EXPECT_EQ(decide(allow(R"("Principal":{"AWS":"000000000000"})"), ann), Decision::kNone);
}

TEST(Policy, AServiceAssumesByActionAndWithoutADeny) {
  auto trusts = [](std::string statements) {
    auto policy =
        Policy::parse(R"({"Version":"2012-10-17","Statement":[)" + statements + "]}", Form::kTrust);
    EXPECT_TRUE(policy) << (policy ? "" : policy.error().message);
    return policy && policy->names_service("lambda.amazonaws.com");
  };
  const std::string who = R"("Principal":{"Service":"lambda.amazonaws.com"})";
  const std::string may = R"({"Effect":"Allow",)" + who + R"(,"Action":"sts:AssumeRole")";
  EXPECT_TRUE(trusts(may + "}"));
  EXPECT_TRUE(trusts(may + R"(,"Condition":{"ArnLike":{"aws:SourceArn":"arn:x"}}})"));
  EXPECT_FALSE(trusts(R"({"Effect":"Allow",)" + who + R"(,"Action":"sts:TagSession"})"));
  const std::string deny = may + R"(},{"Effect":"Deny",)" + who + R"(,"Action":"sts:*")";
  EXPECT_FALSE(trusts(deny + "}"));
  EXPECT_FALSE(trusts(deny + R"(,"Condition":{"ArnLike":{"aws:SourceArn":"arn:x"}}})"));
  EXPECT_TRUE(trusts(deny + R"(,"Condition":{"Bool":{"aws:PrincipalIsAWSService":"false"}}})"));
}

TEST(Policy, AValueIsNoWildcard) {
  auto policy = Policy::parse(
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject",)"
      R"("Resource":"arn:aws:s3:::b/${aws:useragent}/*"}]})",
      Form::kIdentity);
  ASSERT_TRUE(policy) << policy.error().message;
  Request request = from_root();
  request.action = "s3:GetObject";
  request.resource = "arn:aws:s3:::b/ann/k";
  request.context["aws:useragent"] = "ann";
  EXPECT_EQ(policy->decide(request), Decision::kAllow);
  for (const char* value : {"\x01", "a\x02n", "*", "a?n"}) {
    request.context["aws:useragent"] = value;
    EXPECT_EQ(policy->decide(request), Decision::kNone);
  }
}

TEST(Policy, DenyWinsAndNotActionNotResource) {
  std::string document =
      R"({"Version":"2012-10-17","Statement":[)"
      R"({"Effect":"Allow","Principal":"*","Action":"SQS:*","Resource":"*"},)"
      R"({"Effect":"Deny","Principal":"*","NotAction":["sqs:Send*","sqs:Get?ueueUrl"],)"
      R"("Resource":"*"},)"
      R"({"Effect":"Deny","Principal":"*","Action":"sqs:SendMessage",)"
      R"("NotResource":"arn:aws:sqs:*:*:uploads"}]})";
  EXPECT_EQ(decide(document, from_root()), Decision::kAllow);
  Request request = from_root();
  request.action = "sqs:GetQueueUrl";
  EXPECT_EQ(decide(document, request), Decision::kAllow);
  request.action = "sqs:PurgeQueue";
  EXPECT_EQ(decide(document, request), Decision::kDeny);
  request = from_root();
  request.resource = "arn:aws:sqs:us-east-1:000000000000:other";
  EXPECT_EQ(decide(document, request), Decision::kDeny);
}

TEST(Policy, ConditionsOnAbsentKeys) {
  Request bare = from_root();
  bare.context.clear();
  auto with = [&](std::string condition) {
    return decide(allow(R"("Principal":"*","Condition":)" + condition), bare);
  };
  EXPECT_EQ(with(R"({"StringEquals":{"aws:SourceArn":"x"}})"), Decision::kNone);
  EXPECT_EQ(with(R"({"StringEqualsIfExists":{"aws:SourceArn":"x"}})"), Decision::kAllow);
  EXPECT_EQ(with(R"({"StringNotEquals":{"aws:SourceArn":"x"}})"), Decision::kAllow);
  EXPECT_EQ(with(R"({"Null":{"aws:SourceArn":"true"}})"), Decision::kAllow);
  EXPECT_EQ(with(R"({"Null":{"aws:SourceArn":false}})"), Decision::kNone);
  EXPECT_EQ(with(R"({"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:root"}})"), Decision::kAllow);
  EXPECT_EQ(with(R"({"Bool":{"aws:PrincipalIsAWSService":"false"}})"), Decision::kAllow);
}

TEST(Policy, DenyInsecureTransport) {
  std::string document =
      R"({"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*",)"
      R"("Condition":{"Bool":{"aws:SecureTransport":false}}}})";
  EXPECT_EQ(decide(document, from_root()), Decision::kDeny);
  Request secure = from_root();
  secure.context["aws:securetransport"] = "true";
  EXPECT_EQ(decide(document, secure), Decision::kNone);
}

TEST(Policy, WhatIsNotUnderstoodDoesNotParse) {
  EXPECT_NE(refusal(allow(R"("Principal":"*","Condition":{"DateLessThan":{"aws:SourceArn":"x"}})"))
                .find("'DateLessThan'"),
            std::string::npos);
  EXPECT_NE(refusal(allow(R"("Principal":"*","Condition":{"StringEquals":{"s3:prefix":"x"}})"))
                .find("'s3:prefix'"),
            std::string::npos);
  EXPECT_NE(refusal(allow(R"("Principal":{"Federated":"x"})")).find("'Federated'"),
            std::string::npos);
  EXPECT_NE(refusal(allow(R"("NotPrincipal":"*")")).find("'NotPrincipal'"), std::string::npos);
  EXPECT_NE(
      refusal(allow(R"("Principal":"*","Condition":{"ArnLike":{"aws:SourceArn":"${aws:x}"}})"))
          .find("${aws:x}"),
      std::string::npos);
  for (const char* bad :
       {"", "[]", "{}", R"({"Statement":[]})", R"({"Statement":[1]})",
        R"({"Statement":[{"Effect":"allow","Principal":"*","Action":"*","Resource":"*"}]})",
        R"({"Statement":[{"Effect":"Allow","Principal":"*","Action":"*"}]})",
        R"({"Statement":[{"Effect":"Allow","Principal":"*","Action":[],"Resource":"*"}]})",
        R"({"Version":"2013-01-01","Statement":[]})"}) {
    EXPECT_NE(refusal(bad), "parsed") << bad;
  }
  EXPECT_NE(refusal(std::string(kDocumentBytesMax + 1, ' ')), "parsed");
}

TEST(Wildcard, Matches) {
  EXPECT_TRUE(wildcard_match("*", ""));
  EXPECT_TRUE(wildcard_match("a*b*c", "aXbYbZc"));
  EXPECT_FALSE(wildcard_match("a*b*c", "aXbYbZ"));
  EXPECT_TRUE(wildcard_match("s?s:*", "sqs:SendMessage"));
  EXPECT_FALSE(wildcard_match("SQS:*", "sqs:x"));
  EXPECT_TRUE(wildcard_match("SQS:*", "sqs:x", Case::kIgnore));
  EXPECT_FALSE(wildcard_match("", "x"));
}

TEST(Statements, AreAddedAndRemoved) {
  boost::json::object header{{"Version", "2008-10-17"}, {"Id", "i"}};
  auto statement = [](const char* sid) {
    return boost::json::object{{"Sid", sid},
                               {"Effect", "Allow"},
                               {"Principal", {{"AWS", "000000000000"}}},
                               {"Action", "sqs:SendMessage"},
                               {"Resource", kQueue}};
  };
  auto one = add_statement("", header, statement("one"));
  ASSERT_TRUE(one);
  auto two = add_statement(*one, {}, statement("two"));
  ASSERT_TRUE(two);
  EXPECT_EQ(decide(*two, from_root()), Decision::kAllow);
  EXPECT_EQ(add_statement(*two, {}, statement("two")).error().code, codes::kConditionFailed);
  auto left = remove_statement(*two, "two");
  ASSERT_TRUE(left);
  EXPECT_EQ(*left, *one);
  EXPECT_EQ(remove_statement(*left, "two").error().code, codes::kNotFound);
  EXPECT_EQ(*remove_statement(*left, "one"), "");
}

}  // namespace
}  // namespace suiro::policy
