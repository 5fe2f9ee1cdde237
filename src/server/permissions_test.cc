// SPDX-License-Identifier: Apache-2.0
#include "server/permissions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "server/request_context.h"
#include "server/session_tokens.h"
#include "shapes/gen/all.h"
#include "shapes/gen/ecs.h"
#include "shapes/gen/events.h"
#include "shapes/gen/iam.h"
#include "shapes/gen/kinesis.h"
#include "shapes/gen/lambda.h"
#include "shapes/gen/logs.h"
#include "shapes/gen/s3.h"
#include "shapes/gen/sqs.h"
#include "shapes/gen/states.h"

namespace suiro::server {
namespace {

using testing::ElementsAre;

// Every need of an operation, as "action resource".
template <class Op>
std::vector<std::string> needs(typename Op::Input input, iam::Directory directory = {}) {
  directory.account = "000000000000";
  auto value = shapes::Value::of(std::move(input));
  const auto* checks = find_checks(Op::operation().service->id, Op::operation().name);
  std::vector<std::string> out;
  if (checks == nullptr) return {"absent"};
  for (const Check& check : *checks) {
    for (const Need& need : needs_of(check, {value, directory, "eu-west-1"})) {
      out.push_back(need.action + " " + need.resource);
    }
  }
  return out;
}

TEST(Permissions, EveryOperationHasAnEntry) {
  for (const shapes::ServiceModel* service : shapes::all_services()) {
    if (service->id == "suiro") continue;  // root's alone
    for (const shapes::Operation* operation : service->operations) {
      EXPECT_NE(find_checks(service->id, operation->name), nullptr)
          << service->id << ":" << operation->name << " is missing in permissions_*.cc";
    }
  }
  EXPECT_EQ(find_checks("suiro", "GetStatus"), nullptr);
}

TEST(Permissions, AFlagThatIsSetNeedsItsAction) {
  shapes::states::TestStateInput input;
  EXPECT_THAT(needs<shapes::states::op::TestState>(input), ElementsAre("states:TestState *"));
  input.reveal_secrets = false;
  EXPECT_THAT(needs<shapes::states::op::TestState>(input), ElementsAre("states:TestState *"));
  input.reveal_secrets = true;
  EXPECT_THAT(needs<shapes::states::op::TestState>(input),
              ElementsAre("states:TestState *", "states:RevealSecrets *"));
}

TEST(Permissions, MembersThatARowNamesExist) {
  // A row whose members an operation does not have asks for "*": only the rows that mean it may.
  shapes::s3::GetObjectRequest get;
  get.bucket = "b";
  get.key = "in/a";
  EXPECT_THAT(needs<shapes::s3::op::GetObject>(std::move(get)),
              ElementsAre("s3:GetObject arn:aws:s3:::b/in/a"));
  shapes::s3::GetObjectRequest version;
  version.bucket = "b";
  version.key = "a";
  version.version_id = "1";
  EXPECT_THAT(needs<shapes::s3::op::GetObject>(std::move(version)),
              ElementsAre("s3:GetObjectVersion arn:aws:s3:::b/a"));
  shapes::s3::CopyObjectRequest copy;
  copy.bucket = "b";
  copy.key = "a";
  copy.copy_source = "/c/x%20y?versionId=3";
  EXPECT_THAT(
      needs<shapes::s3::op::CopyObject>(std::move(copy)),
      ElementsAre("s3:PutObject arn:aws:s3:::b/a", "s3:GetObjectVersion arn:aws:s3:::c/x y"));
  shapes::s3::DeleteObjectsRequest both;
  both.bucket = "b";
  both.delete_.objects.resize(3);
  both.delete_.objects[0].key = "x";
  both.delete_.objects[1].key = "y";
  both.delete_.objects[2].key = "z";
  both.delete_.objects[2].version_id = "null";
  EXPECT_THAT(needs<shapes::s3::op::DeleteObjects>(std::move(both)),
              ElementsAre("s3:DeleteObject arn:aws:s3:::b/x", "s3:DeleteObject arn:aws:s3:::b/y",
                          "s3:DeleteObjectVersion arn:aws:s3:::b/z"));
}

TEST(Permissions, QueuesStreamsAndFunctions) {
  shapes::sqs::SendMessageBatchRequest send;
  send.queue_url = "http://127.0.0.1:4566/000000000000/q";
  EXPECT_THAT(needs<shapes::sqs::op::SendMessageBatch>(std::move(send)),
              ElementsAre("sqs:SendMessage arn:aws:sqs:eu-west-1:000000000000:q"));
  shapes::kinesis::PutRecordInput put;
  put.stream_name = "s";
  EXPECT_THAT(needs<shapes::kinesis::op::PutRecord>(std::move(put)),
              ElementsAre("kinesis:PutRecord arn:aws:kinesis:eu-west-1:000000000000:stream/s"));
  shapes::lambda::InvocationRequest invoke;
  invoke.function_name = "arn:aws:lambda:eu-west-1:000000000000:function:f:live";
  EXPECT_THAT(
      needs<shapes::lambda::op::Invoke>(std::move(invoke)),
      ElementsAre("lambda:InvokeFunction arn:aws:lambda:eu-west-1:000000000000:function:f:live"));
  shapes::lambda::InvocationRequest version;
  version.function_name = "f";
  version.qualifier = "7";
  EXPECT_THAT(
      needs<shapes::lambda::op::Invoke>(std::move(version)),
      ElementsAre("lambda:InvokeFunction arn:aws:lambda:eu-west-1:000000000000:function:f:7"));
  shapes::lambda::CreateFunctionRequest create;
  create.function_name = "f";
  create.role = "arn:aws:iam::000000000000:role/r";
  EXPECT_THAT(needs<shapes::lambda::op::CreateFunction>(std::move(create)),
              ElementsAre("lambda:CreateFunction arn:aws:lambda:eu-west-1:000000000000:function:f",
                          "iam:PassRole arn:aws:iam::000000000000:role/r"));
}

TEST(Permissions, ACopysSourceIsWhatTheCopyReads) {
  auto source = [](std::string text) {
    shapes::s3::CopyObjectRequest copy;
    copy.bucket = "b";
    copy.key = "a";
    copy.copy_source = std::move(text);
    return needs<shapes::s3::op::CopyObject>(std::move(copy)).back();
  };
  EXPECT_EQ(source("//c/x"), "s3:GetObject arn:aws:s3:::c/x");
  EXPECT_EQ(source("/%2Fc/x"), "s3:GetObject arn:aws:s3:::c/x");
  EXPECT_EQ(source("%2Fc%2Fx"), "s3:GetObject arn:aws:s3:::c/x");
  EXPECT_EQ(source("c/x?versionId=1?versionId=2"), "s3:GetObjectVersion arn:aws:s3:::c/x");
  EXPECT_EQ(source("c"), "s3:GetObject *");
}

TEST(Permissions, GroupsOfLogsAreAskedByTheirOwnArn) {
  const std::string group = "arn:aws:logs:eu-west-1:000000000000:log-group:";
  auto events = [](std::string identifier) {
    shapes::logs::GetLogEventsRequest get;
    get.log_group_identifier = std::move(identifier);
    get.log_stream_name = "s";
    return needs<shapes::logs::op::GetLogEvents>(std::move(get)).front();
  };
  EXPECT_EQ(events("/aws/lambda/f"), "logs:GetLogEvents " + group + "/aws/lambda/f:log-stream:s");
  EXPECT_EQ(events(group + "/aws/f:*"), "logs:GetLogEvents " + group + "/aws/f:log-stream:s");
  shapes::logs::FilterLogEventsRequest filter;
  filter.log_group_identifier = "arn:aws:logs:eu-west-1:000000000000:log-group:g:*";
  EXPECT_THAT(needs<shapes::logs::op::FilterLogEvents>(filter),
              ElementsAre("logs:FilterLogEvents " + group + "g"));
  filter.log_group_identifier = "arn:aws:logs:us-east-1:000000000000:log-group:g";
  EXPECT_THAT(needs<shapes::logs::op::FilterLogEvents>(filter),
              ElementsAre("logs:FilterLogEvents *"));
}

TEST(Permissions, EventsOfTheDefaultBus) {
  const std::string account = "arn:aws:events:eu-west-1:000000000000:";
  shapes::events::PutEventsRequest put;
  put.entries.resize(2);
  put.entries[0].event_bus_name = "orders";
  EXPECT_THAT(needs<shapes::events::op::PutEvents>(std::move(put)),
              ElementsAre("events:PutEvents " + account + "event-bus/orders",
                          "events:PutEvents " + account + "event-bus/default"));
  for (std::optional<std::string> bus :
       {std::optional<std::string>(), std::optional<std::string>("default"),
        std::optional<std::string>(account + "event-bus/default")}) {
    shapes::events::DescribeRuleRequest rule;
    rule.name = "r";
    rule.event_bus_name = bus;
    EXPECT_THAT(needs<shapes::events::op::DescribeRule>(std::move(rule)),
                ElementsAre("events:DescribeRule " + account + "rule/r"));
  }
  shapes::events::PutTargetsRequest targets;
  targets.rule = "r";
  targets.event_bus_name = "orders";
  EXPECT_THAT(needs<shapes::events::op::PutTargets>(std::move(targets)),
              ElementsAre("events:PutTargets " + account + "rule/orders/r"));
}

TEST(Permissions, WhatARequestMakesServicesReadOrWrite) {
  shapes::lambda::UpdateFunctionCodeRequest code;
  code.function_name = "f";
  code.s3_bucket = "b";
  code.s3_key = "f.zip";
  EXPECT_THAT(needs<shapes::lambda::op::UpdateFunctionCode>(std::move(code)),
              testing::Contains("s3:GetObject arn:aws:s3:::b/f.zip"));
  shapes::ecs::RegisterTaskDefinitionRequest definition;
  definition.family = "t";
  definition.container_definitions.resize(2);
  shapes::ecs::ContainerDefinition& second = definition.container_definitions[1];
  second.secrets.emplace().resize(1);
  second.secrets->front().value_from = "arn:aws:s3:::b/secret";
  second.environment_files.emplace().resize(1);
  second.environment_files->front().value = "arn:aws:s3:::b/x.env";
  EXPECT_THAT(needs<shapes::ecs::op::RegisterTaskDefinition>(std::move(definition)),
              testing::IsSupersetOf(
                  {"s3:GetObject arn:aws:s3:::b/secret", "s3:GetObject arn:aws:s3:::b/x.env"}));
  const std::string queue = "arn:aws:sqs:eu-west-1:000000000000:";
  shapes::sqs::StartMessageMoveTaskRequest move;
  move.source_arn = queue + "dead";
  EXPECT_THAT(needs<shapes::sqs::op::StartMessageMoveTask>(move),
              testing::UnorderedElementsAre("sqs:StartMessageMoveTask " + queue + "dead",
                                            "sqs:ReceiveMessage " + queue + "dead",
                                            "sqs:DeleteMessage " + queue + "dead",
                                            "sqs:SendMessage " + queue + "*"));
  move.destination_arn = queue + "q";
  EXPECT_THAT(needs<shapes::sqs::op::StartMessageMoveTask>(move),
              testing::Contains("sqs:SendMessage " + queue + "q"));
  shapes::logs::PutSubscriptionFilterRequest filter;
  filter.log_group_name = "g";
  filter.role_arn = "arn:aws:iam::000000000000:role/r";
  EXPECT_THAT(needs<shapes::logs::op::PutSubscriptionFilter>(std::move(filter)),
              testing::Contains("iam:PassRole arn:aws:iam::000000000000:role/r"));
}

TEST(Permissions, TasksAreAskedInTheRequestsCluster) {
  const std::string account = "arn:aws:ecs:eu-west-1:000000000000:";
  shapes::ecs::StopTaskRequest stop;
  stop.task = account + "task/00ff";
  stop.cluster = "";
  EXPECT_THAT(needs<shapes::ecs::op::StopTask>(stop),
              ElementsAre("ecs:StopTask " + account + "task/default/00ff"));
  stop.cluster = account + "cluster/blue";
  EXPECT_THAT(needs<shapes::ecs::op::StopTask>(stop),
              ElementsAre("ecs:StopTask " + account + "task/blue/00ff"));
}

TEST(Permissions, AFamilyAloneIsAskedOnceItsRevisionIsKnown) {
  const std::string arn = "arn:aws:ecs:eu-west-1:000000000000:task-definition/";
  shapes::ecs::RunTaskRequest run;
  for (std::string name : {"job", (arn + "job").c_str()}) {
    run.task_definition = name;
    EXPECT_THAT(needs<shapes::ecs::op::RunTask>(run), testing::IsEmpty()) << name;
  }
  for (std::string name : {"job:7", (arn + "job:7").c_str()}) {
    run.task_definition = name;
    EXPECT_THAT(needs<shapes::ecs::op::RunTask>(run), ElementsAre("ecs:RunTask " + arn + "job:7"));
  }
  shapes::ecs::DeleteTaskDefinitionsRequest erase;
  erase.task_definitions = {arn + "job"};
  EXPECT_THAT(needs<shapes::ecs::op::DeleteTaskDefinitions>(erase),
              ElementsAre("ecs:DeleteTaskDefinitions " + arn + "job:*"));
}

TEST(Permissions, IdentitiesAreNamedWithTheirPath) {
  iam::Directory directory;
  directory.account = "000000000000";
  iam::Role role;
  role.name = "Night";
  role.path = "/batch/";
  directory.roles["night"] = std::make_shared<const iam::Role>(role);
  shapes::iam::GetRoleRequest get;
  get.role_name = "Night";
  EXPECT_THAT(needs<shapes::iam::op::GetRole>(get, directory),
              ElementsAre("iam:GetRole arn:aws:iam::000000000000:role/batch/Night"));
  shapes::iam::CreateRoleRequest create;
  create.role_name = "r";
  create.path = "/x/";
  EXPECT_THAT(needs<shapes::iam::op::CreateRole>(create),
              ElementsAre("iam:CreateRole arn:aws:iam::000000000000:role/x/r"));
}

TEST(RequestContext, TagsOfTheInputBecomeKeys) {
  shapes::iam::CreateRoleRequest create;
  create.tags.emplace().resize(1);
  create.tags->front().key = "Team";
  create.tags->front().value = "b";
  policy::Request request;
  add_input_keys(request, shapes::iam::op::CreateRole::operation(),
                 shapes::Value::of(std::move(create)));
  EXPECT_EQ(request.context["aws:requesttag/team"], "b");
  EXPECT_THAT(request.lists["aws:tagkeys"], ElementsAre("Team"));
  shapes::sqs::CreateQueueRequest queue;
  queue.tags.emplace()["cost"] = "1";
  policy::Request other;
  add_input_keys(other, shapes::sqs::op::CreateQueue::operation(),
                 shapes::Value::of(std::move(queue)));
  EXPECT_EQ(other.context["aws:requesttag/cost"], "1");
}

TEST(SessionTokens, OpenWholeAndForTheirKeyOnly) {
  SeededRandom random(7);
  SessionTokens tokens("root secret"), others("another");
  SessionClaims claims;
  claims.holder_arn = "arn:task";
  claims.session.role_arn = "arn:aws:iam::000000000000:role/r";
  claims.session.role_id = "AROA1";
  claims.session.name = "s";
  claims.session.policy_arns = {"arn:p"};
  claims.session.tags = {{"k", "v"}};
  claims.session.expires_at = TimePoint(std::chrono::seconds(5));
  auto keys = tokens.seal(claims, random);
  EXPECT_EQ(keys.secret_access_key.size(), 40u);
  auto opened = tokens.open(keys.access_key_id, keys.session_token);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->session.role_id, "AROA1");
  EXPECT_EQ(opened->session.tags.at(0).second, "v");
  EXPECT_EQ(opened->session.expires_at, claims.session.expires_at);
  EXPECT_FALSE(tokens.open("ASIAOTHER", keys.session_token));
  EXPECT_FALSE(others.open(keys.access_key_id, keys.session_token));
  EXPECT_NE(others.secret_of(keys.access_key_id), keys.secret_access_key);
  for (size_t i = 0; i < keys.session_token.size(); i += 7) {
    std::string broken = keys.session_token;
    broken[i] = broken[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(tokens.open(keys.access_key_id, broken)) << i;
  }
  EXPECT_FALSE(tokens.open(keys.access_key_id, ""));
  EXPECT_FALSE(tokens.open(keys.access_key_id, keys.session_token.substr(0, 40)));
}

}  // namespace
}  // namespace suiro::server
