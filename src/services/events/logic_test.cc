// SPDX-License-Identifier: Apache-2.0
#include "services/events/testing.h"

namespace suiro::events {
namespace {

namespace json = boost::json;
using std::chrono::hours;
using std::chrono::minutes;
using Texts = std::vector<std::string>;

TEST_F(EventsTest, AnEventReachesTheTargetsOfTheRulesThatMatch) {
  ASSERT_TRUE(put_rule("r", "{'source':['app'],'detail':{'n':[{'numeric':['>',1]}]}}"));
  ASSERT_TRUE(put_rule("other", "{'source':['else']}"));
  ASSERT_TRUE(put_target("r", "1", queue("a")));
  ASSERT_TRUE(put_target("r", "2", queue("b")));
  ASSERT_TRUE(put_target("other", "1", queue("c")));
  auto results = put("app", "{'n': 2.50}");
  ASSERT_TRUE(results);
  EXPECT_EQ(results->front().error_code, "");
  ASSERT_EQ(payloads(queue("a")).size(), 1U);
  EXPECT_EQ(payloads(queue("a")).front(),
            R"({"version":"0","id":")" + results->front().event_id +
                R"(","detail-type":"t","source":"app","account":"000000000000",)"
                R"("time":"2026-01-01T00:00:00Z","region":"ap-northeast-1","resources":[],)"
                R"("detail":{"n": 2.50}})");
  EXPECT_EQ(payloads(queue("a")), payloads(queue("b")));
  EXPECT_TRUE(payloads(queue("c")).empty());
  ASSERT_TRUE(put("app", "{'n': 1}"));
  EXPECT_EQ(payloads(queue("a")).size(), 1U);
}

TEST_F(EventsTest, EntriesAreJudgedOneByOne) {
  std::vector<PutEntry> entries(6);
  for (auto& entry : entries) {
    entry.source = "s";
    entry.detail_type = "t";
    entry.detail = "{}";
  }
  entries[0].source.reset();
  entries[1].detail = "[1]";
  entries[2].detail = R"({},"source":"aws.s3")";
  entries[3].source = "aws.s3";
  entries[4].bus = "absent";
  auto results = sim.run(logic().put_events(std::move(entries), {}));
  ASSERT_TRUE(results);
  EXPECT_EQ((*results)[0].error_message,
            "Parameter Source is not valid. Reason: Source is a required argument.");
  EXPECT_EQ((*results)[1].error_code, "MalformedDetail");
  EXPECT_EQ((*results)[2].error_code, "MalformedDetail");
  EXPECT_EQ((*results)[3].error_code, "NotAuthorizedForSourceException");
  EXPECT_FALSE((*results)[4].event_id.empty());
  EXPECT_FALSE((*results)[5].event_id.empty());
  std::vector<PutEntry> big(1);
  big[0].source = "s";
  big[0].detail_type = "t";
  big[0].detail = "{\"a\":\"" + std::string(256 * 1024, 'x') + "\"}";
  EXPECT_EQ(code(sim.run(logic().put_events(std::move(big), {}))), kValidation);
}

TEST_F(EventsTest, RulesAndBusesHaveTheirErrors) {
  EXPECT_EQ(put_rule("r", "{'a':1}").error().message.substr(0, 70),
            "Event pattern is not valid. Reason: \"a\" must be an object or an array\n");
  EXPECT_EQ(put_rule("r", "{'a':[1]}", "absent").error().message,
            "Event bus absent does not exist.");
  EXPECT_EQ(code(sim.run(logic().put_rule({"default", "r"}, {}))), kValidation);
  EXPECT_EQ(put_schedule("r", "rate(1 minutes)").error().message,
            "Parameter ScheduleExpression is not valid.");
  EXPECT_EQ(sim.run(logic().rule({"default", "r"})).error().message,
            "Rule r does not exist on EventBus default.");
  EXPECT_EQ(sim.run(logic().delete_bus("default")).error().message,
            "Cannot delete event bus default.");
  ASSERT_TRUE(sim.run(logic().create_bus({"mine"})));
  EXPECT_EQ(sim.run(logic().create_bus({"mine"})).error().message,
            "Event bus mine already exists.");
  EXPECT_EQ(code(sim.run(logic().put_rule({"mine", "r"}, {.schedule = "rate(1 minute)"}))),
            kValidation);
  ASSERT_TRUE(put_rule("r", "{'a':[1]}", "mine"));
  EXPECT_EQ(code(sim.run(logic().delete_bus("mine"))), kValidation);
  ASSERT_TRUE(put_target("r", "1", queue("a"), "", "mine"));
  EXPECT_EQ(sim.run(logic().delete_rule({"mine", "r"})).error().message,
            "Rule can't be deleted since it has targets.");
  ASSERT_TRUE(sim.run(logic().remove_targets({"mine", "r"}, {"1"})));
  ASSERT_TRUE(sim.run(logic().delete_rule({"mine", "r"})));
  ASSERT_TRUE(sim.run(logic().delete_bus("mine")));
  EXPECT_EQ(code(sim.run(logic().bus("mine"))), kResourceNotFound);
}

TEST_F(EventsTest, TargetsThatCannotBeServedAreRefused) {
  ASSERT_TRUE(put_rule("r", "{'a':[1]}"));
  EXPECT_EQ(code(put_target("r", "1", "nonsense")), kValidation);
  EXPECT_EQ(code(put_target("r", "1", "arn:aws:sns:ap-northeast-1:000000000000:t")),
            codes::kNotImplemented);
  EXPECT_EQ(code(put_target("r", "1", queue("q.fifo"))), kValidation);
  EXPECT_EQ(code(put_target("r", "1", queue("q"), ",'Input':'{','InputPath':'$'")), kValidation);
  EXPECT_EQ(code(put_target("r", "1", queue("q"), ",'Input':'{'")), kValidation);
  EXPECT_EQ(code(put_target("r", "1", "arn:aws:kinesis:ap-northeast-1:000000000000:stream/s")),
            kValidation);
  EXPECT_EQ(code(put_target("r", "1", queue("q"), ",'HttpParameters':{}")), codes::kNotImplemented);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(put_target("r", std::to_string(i), queue("q")));
  EXPECT_EQ(code(put_target("r", "5", queue("q"))), kLimitExceeded);
  ASSERT_TRUE(put_target("r", "4", queue("p")));  // the same id: replaced
  EXPECT_EQ(sim.run(logic().rule({"default", "r"}))->record.targets.size(), 5U);
  EXPECT_EQ(*sim.run(logic().rule_names_by_target("default", queue("p"))), Texts{"r"});
}

TEST_F(EventsTest, InputsAreMade) {
  ASSERT_TRUE(put_rule("r", "{'source':['app']}"));
  ASSERT_TRUE(put_target("r", "1", queue("a"), ",'Input':'{\\'fixed\\':1}'"));
  ASSERT_TRUE(put_target("r", "2", queue("b"), ",'InputPath':'$.detail'"));
  ASSERT_TRUE(put_target("r", "3", queue("c"),
                         ",'InputTransformer':{'InputPathsMap':{'n':'$.detail.n'},"
                         "'InputTemplate':'{\\'n\\':<n>,\\'rule\\':<aws.events.rule-name>}'}"));
  ASSERT_TRUE(put_target("r", "4", queue("d.fifo"), ",'SqsParameters':{'MessageGroupId':'g'}"));
  ASSERT_TRUE(put_target("r", "5", "arn:aws:kinesis:ap-northeast-1:000000000000:stream/s",
                         ",'RoleArn':'arn:aws:iam::000000000000:role/r',"
                         "'KinesisParameters':{'PartitionKeyPath':'$.detail.n'}"));
  ASSERT_TRUE(put("app", "{'n':[7,'x']}"));
  EXPECT_EQ(payloads(queue("a")), Texts{R"({"fixed":1})"});
  EXPECT_EQ(payloads(queue("b")), Texts{R"({"n":[7,"x"]})"});
  EXPECT_EQ(payloads(queue("c")), Texts{R"({"n":[7,"x"],"rule":"r"})"});
  EXPECT_EQ(got(queue("d.fifo")).front()["MessageGroupId"], "g");
  EXPECT_EQ(got("arn:aws:kinesis:ap-northeast-1:000000000000:stream/s").front()["PartitionKey"],
            R"([7,"x"])");
}

TEST_F(EventsTest, AContainerTaskIsARunTask) {
  const std::string cluster = "arn:aws:ecs:ap-northeast-1:000000000000:cluster/c";
  ASSERT_TRUE(put_schedule("nightly", "cron(0 2 * * ? *)"));
  ASSERT_TRUE(put_target(
      "nightly", "1", cluster,
      ",'RoleArn':'arn:aws:iam::000000000000:role/r','Input':'{\\'containerOverrides\\':[]}',"
      "'EcsParameters':{'TaskDefinitionArn':'d','TaskCount':2,'NetworkConfiguration':"
      "{'awsvpcConfiguration':{'Subnets':['s'],'AssignPublicIp':'DISABLED'}},"
      "'Tags':[{'Key':'k','Value':'v'}]}"));
  sim.advance(hours(3));
  ASSERT_EQ(got(cluster).size(), 1U);
  auto row = got(cluster).front();
  EXPECT_EQ(row["NominalTime"], "2026-01-01T02:00:00Z");
  EXPECT_EQ(row["ScheduleArn"], "arn:aws:events:ap-northeast-1:000000000000:rule/nightly");
  EXPECT_EQ(row["Overlap"], "allow");
  auto input = json::parse(row["payload"].as_string()).as_object();
  EXPECT_EQ(std::string(input["cluster"].as_string()), cluster);
  EXPECT_EQ(input["taskDefinition"], "d");
  EXPECT_EQ(input["count"], 2);
  EXPECT_EQ(input["startedBy"], "events-rule/nightly");
  EXPECT_EQ(json::serialize(input["overrides"]), R"({"containerOverrides":[]})");
  EXPECT_EQ(json::serialize(input["networkConfiguration"]),
            R"({"awsvpcConfiguration":{"subnets":["s"],"assignPublicIp":"DISABLED"}})");
  EXPECT_EQ(json::serialize(input["tags"]), R"([{"key":"k","value":"v"}])");
}

TEST_F(EventsTest, WhatATargetDoesNotTakeGoesToTheDeadLetterQueue) {
  ASSERT_TRUE(put_rule("r", "{'source':['app']}"));
  std::string grave = ",'DeadLetterConfig':{'Arn':'" + queue("dead") + "'}";
  ASSERT_TRUE(put_target("r", "1", queue("missing"), grave));
  ASSERT_TRUE(put_target("r", "2", queue("closed"), grave));
  ASSERT_TRUE(put_target("r", "3", queue("closed")));
  ASSERT_TRUE(put("app", "{}"));
  auto dead = got(queue("dead"));
  ASSERT_EQ(dead.size(), 2U);
  EXPECT_EQ(dead[0]["ERROR_CODE"], "RESOURCE_NOT_FOUND");
  EXPECT_EQ(dead[1]["ERROR_CODE"], "NO_PERMISSIONS");
  EXPECT_EQ(dead[1]["RULE_ARN"], "arn:aws:events:ap-northeast-1:000000000000:rule/r");
  EXPECT_EQ(std::string(dead[1]["TARGET_ARN"].as_string()), queue("closed"));
}

constexpr const char* kMachine = "arn:aws:states:ap-northeast-1:000000000000:stateMachine:m";
constexpr const char* kRoleOf = ",'RoleArn':'arn:aws:iam::000000000000:role/r'";

TEST_F(EventsTest, WhatTheRoleMayNotStartGoesToTheDeadLetterQueue) {
  const std::string stream = "arn:aws:kinesis:ap-northeast-1:000000000000:stream/s";
  const std::string grave = ",'DeadLetterConfig':{'Arn':'" + queue("dead") + "'}";
  ASSERT_TRUE(put_rule("r", "{'source':['app']}"));
  ASSERT_TRUE(put_target("r", "1", kMachine, kRoleOf + grave));
  ASSERT_TRUE(put_target("r", "2", stream, kRoleOf));
  ASSERT_TRUE(put_target("r", "3", queue("a"), kRoleOf));
  permissions.denied = {"states:StartExecution", "kinesis:PutRecord", "sqs:SendMessage"};
  ASSERT_TRUE(put("app", "{}"));
  EXPECT_TRUE(got(kMachine).empty());
  EXPECT_TRUE(got(stream).empty());
  EXPECT_EQ(got(queue("a")).size(), 1U) << "a queue's own policy decides";
  auto dead = got(queue("dead"));
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0]["ERROR_CODE"], "NO_PERMISSIONS");
  EXPECT_EQ(dead[0]["TARGET_ARN"], kMachine);
  EXPECT_EQ(std::string(dead[0]["ERROR_MESSAGE"].as_string()),
            std::string("arn:aws:iam::000000000000:role/r is not authorized to perform: "
                        "states:StartExecution on resource: ") +
                kMachine);
  ASSERT_EQ(permissions.asked.size(), 2U);
  EXPECT_EQ(permissions.asked[0].service, "events.amazonaws.com");
  permissions.denied.clear();
  ASSERT_TRUE(put("app", "{}"));
  EXPECT_EQ(got(kMachine).size(), 1U);
  EXPECT_EQ(got(stream).size(), 1U);
}

TEST_F(EventsTest, ATaskNeedsItsDefinitionAndABusWithoutRoleNothing) {
  const std::string parameters =
      ",'EcsParameters':{'TaskDefinitionArn':"
      "'arn:aws:ecs:ap-northeast-1:000000000000:task-definition/f'}";
  ASSERT_TRUE(sim.run(logic().create_bus({.name = "other"})));
  ASSERT_TRUE(put_rule("r", "{'source':['app']}"));
  ASSERT_TRUE(put_target("r", "1", "arn:aws:ecs:ap-northeast-1:000000000000:cluster/c",
                         kRoleOf + parameters));
  ASSERT_TRUE(put_target("r", "2", logic().bus_arn("other")));
  ASSERT_TRUE(put("app", "{}"));
  ASSERT_EQ(permissions.asked.size(), 1U);
  EXPECT_EQ(permissions.asked[0].permission.action, "ecs:RunTask");
  EXPECT_EQ(permissions.asked[0].permission.resource,
            "arn:aws:ecs:ap-northeast-1:000000000000:task-definition/f:*");
  EXPECT_EQ(permissions.asked[0].role_arn, "arn:aws:iam::000000000000:role/r");
}

TEST_F(EventsTest, AnInputThatGrowsTooLargeGoesToTheDeadLetterQueue) {
  std::string variables;
  for (int i = 0; i < 2'700; ++i) variables += "<x>";
  std::string grows = ",'InputTransformer':{'InputPathsMap':{'x':'$'},'InputTemplate':'" +
                      variables + "'},'DeadLetterConfig':{'Arn':'" + queue("dead") + "'}";
  ASSERT_TRUE(put_rule("r", "{'source':['app']}"));
  ASSERT_TRUE(put_target("r", "1", queue("a"), grows));
  ASSERT_TRUE(put_target("r", "2", queue("b")));
  ASSERT_TRUE(put("app", "{'x':'" + std::string(10'000, 'x') + "'}"));
  sim.settle();
  EXPECT_TRUE(got(queue("a")).empty());
  ASSERT_EQ(got(queue("dead")).size(), 1U);
  EXPECT_EQ(got(queue("dead")).front()["ERROR_CODE"], "INPUT_TOO_LARGE");
  ASSERT_EQ(payloads(queue("b")).size(), 1U);
  EXPECT_EQ(payloads(queue("dead")), payloads(queue("b")));  // the event as it was
  auto spans = sim.run(sim.kernel().journal.trace(trace_id));
  ASSERT_TRUE(spans);
  EXPECT_TRUE(std::ranges::any_of(*spans, [](const event::Span& span) {
    return span.status == event::Span::Status::kError && span.detail.starts_with("InputTooLarge");
  }));
}

TEST_F(EventsTest, TheRetryPolicyIsKept) {
  ASSERT_TRUE(put_rule("r", "{'source':['app']}"));
  ASSERT_TRUE(put_target("r", "1", queue("a"),
                         ",'RetryPolicy':{'MaximumRetryAttempts':2},"
                         "'DeadLetterConfig':{'Arn':'" +
                             queue("dead") + "'}"));
  rows().refusals = 3;  // the first attempt and two more
  ASSERT_TRUE(put("app", "{}"));
  sim.advance(hours(1));
  EXPECT_TRUE(got(queue("a")).empty());
  ASSERT_EQ(got(queue("dead")).size(), 1U);
  EXPECT_EQ(got(queue("dead")).front()["RULE_ARN"],
            "arn:aws:events:ap-northeast-1:000000000000:rule/r");
  EXPECT_EQ(got(queue("dead")).front()["RETRY_ATTEMPTS"], "2");
}

TEST_F(EventsTest, BusesCanBeTargetsAndALoopEnds) {
  ASSERT_TRUE(sim.run(logic().create_bus({"one"})));
  ASSERT_TRUE(sim.run(logic().create_bus({"two"})));
  for (std::string bus : {"one", "two"}) {
    std::string other = bus == "one" ? "two" : "one";
    ASSERT_TRUE(put_rule("r", "{'source':['app']}", bus));
    ASSERT_TRUE(put_target("r", "1", logic().bus_arn(other), "", bus));
    ASSERT_TRUE(put_target("r", "2", queue(bus), "", bus));
  }
  ASSERT_TRUE(put("app", "{}", "one"));
  sim.settle();
  EXPECT_EQ(got(queue("one")).size() + got(queue("two")).size(), 1U + kBusHopsMax);
  EXPECT_EQ(payloads(queue("one")).front(), payloads(queue("two")).front());
}

TEST_F(EventsTest, AnotherServicesEventIsMatchedInTheCommitThatConsumesIt) {
  ASSERT_TRUE(put_rule("r", "{'source':['aws.s3'],'detail':{'bucket':{'name':['b']}}}"));
  ASSERT_TRUE(put_target("r", "1", queue("a")));
  auto emit = [&](std::string payload) {
    store::Batch batch;
    event::emit(batch,
                {.kind = "test",
                 .target_arn = logic().bus_arn("default"),
                 .payload = std::move(payload),
                 .at = sim.clock().now()},
                sim.random());
    ASSERT_TRUE(sim.run(sim.store().commit(std::move(batch))));
  };
  std::string text = quoted(
      "{'version':'0','id':'i','detail-type':'Object Created','source':'aws.s3',"
      "'detail':{'bucket':{'name':'b'}}}");
  emit(text);
  emit("no event");
  EXPECT_EQ(payloads(queue("a")), Texts{text});
  EXPECT_EQ(*sim.run(sim.runtime().dispatcher().pending()), 0U);
}

TEST_F(EventsTest, ABusyEventGoesOnInFurtherCommits) {
  std::string big(100'000, 'x');
  for (int rule = 0; rule < 30; ++rule) {
    std::string name = fmt::format("r{:02}", rule);
    ASSERT_TRUE(put_rule(name, "{'source':['app']}"));
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(put_target(name, std::to_string(i), queue(fmt::format("{}-{}", name, i))));
    }
  }
  ASSERT_TRUE(put("app", "{'x':'" + big + "'}"));
  sim.settle();
  for (int rule = 0; rule < 30; ++rule) {
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(got(queue(fmt::format("r{:02}-{}", rule, i))).size(), 1U);
    }
  }
}

TEST_F(EventsTest, TheJournalHoldsTheWayOfAnEvent) {
  ASSERT_TRUE(put_rule("r", "{'source':['app']}"));
  ASSERT_TRUE(put_target("r", "1", queue("a")));
  ASSERT_TRUE(put("app", "{}"));
  sim.settle();
  auto spans = sim.run(sim.kernel().journal.trace(trace_id));
  ASSERT_TRUE(spans);
  ASSERT_EQ(spans->size(), 3U);
  std::map<std::string, event::Span> by_kind;
  for (auto& span : *spans) by_kind[span.kind] = span;
  EXPECT_EQ(by_kind["events:Rule"].parent_id, by_kind["events:PutEvents"].span_id);
  EXPECT_EQ(by_kind["event"].parent_id, by_kind["events:Rule"].span_id);
  EXPECT_EQ(by_kind["event"].resource, queue("a"));
}

TEST_F(EventsTest, RulesSurviveARestartAndFollowTheirState) {
  ASSERT_TRUE(put_rule("r", "{'source':['app']}"));
  ASSERT_TRUE(put_target("r", "1", queue("a")));
  restart();
  ASSERT_TRUE(put("app", "{}"));
  EXPECT_EQ(got(queue("a")).size(), 1U);
  ASSERT_TRUE(sim.run(logic().set_state({"default", "r"}, RuleState::kDisabled)));
  ASSERT_TRUE(put("app", "{}"));
  EXPECT_EQ(got(queue("a")).size(), 1U);
  ASSERT_TRUE(put_rule("r", "{'detail-type':['t']}"));
  ASSERT_TRUE(put("else", "{}"));
  EXPECT_EQ(got(queue("a")).size(), 2U);
}

TEST_F(EventsTest, WhoListensIsKnownByTheSource) {
  EXPECT_FALSE(logic().listens("aws.states"));
  ASSERT_TRUE(put_rule("uploads", "{'source':['aws.s3']}"));
  EXPECT_TRUE(logic().listens("aws.s3"));
  EXPECT_FALSE(logic().listens("aws.states"));
  // Runs by time, and hears of nothing.
  ASSERT_TRUE(put_schedule("timed", "rate(1 minute)"));
  EXPECT_FALSE(logic().listens("aws.states"));
  ASSERT_TRUE(put_rule("ends", "{'source':['aws.states']}"));
  EXPECT_TRUE(logic().listens("aws.states"));
  ASSERT_TRUE(sim.run(logic().set_state({"default", "ends"}, RuleState::kDisabled)));
  EXPECT_FALSE(logic().listens("aws.states"));
  ASSERT_TRUE(sim.run(logic().set_state({"default", "ends"}, RuleState::kEnabled)));
  restart();
  EXPECT_TRUE(logic().listens("aws.states"));
  ASSERT_TRUE(sim.run(logic().delete_rule({"default", "ends"})));
  EXPECT_FALSE(logic().listens("aws.states"));
  EXPECT_TRUE(logic().listens("aws.s3"));
}

TEST_F(EventsTest, RulesWithoutASourceListenToAll) {
  for (const char* pattern :
       {"{'detail-type':['t']}", "{'account':['000000000000']}", "{'source':[{'prefix':'aws.'}]}",
        "{'$or':[{'source':['a']},{'detail':{'n':[1]}}]}"}) {
    ASSERT_TRUE(put_rule("r", pattern)) << pattern;
    EXPECT_TRUE(logic().listens("aws.states")) << pattern;
    ASSERT_TRUE(sim.run(logic().delete_rule({"default", "r"})));
    EXPECT_FALSE(logic().listens("aws.states"));
  }
  // Another bus's rules are given what is sent to that bus alone.
  ASSERT_TRUE(sim.run(logic().create_bus({.name = "orders"})));
  ASSERT_TRUE(put_rule("r", "{'detail-type':['t']}", "orders"));
  EXPECT_FALSE(logic().listens("aws.states"));
}

TEST_F(EventsTest, BeforeItsRulesAreReadTheBusListens) {
  event::SimKernel other;
  Logic unread(other.kernel(), permissions);
  EXPECT_TRUE(unread.listens("aws.states"));
}

TEST_F(EventsTest, PermissionsMakeThePolicy) {
  ASSERT_TRUE(
      sim.run(logic().put_permission("default", {"s1", "events:PutEvents", "111122223333"})));
  ASSERT_TRUE(sim.run(logic().put_permission("default", {"s2", "events:PutEvents", "*"})));
  auto policy = json::parse(sim.run(logic().bus("default"))->record.policy);
  ASSERT_EQ(policy.at("Statement").as_array().size(), 2U);
  EXPECT_EQ(json::serialize(policy.at("Statement").as_array()[0]),
            R"({"Sid":"s1","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},)"
            R"("Action":"events:PutEvents",)"
            R"("Resource":"arn:aws:events:ap-northeast-1:000000000000:event-bus/default"})");
  EXPECT_EQ(sim.run(logic().remove_permission("default", "none")).error().message,
            "Statement with the provided id does not exist.");
  ASSERT_TRUE(sim.run(logic().remove_permission("default", "s1")));
  ASSERT_TRUE(sim.run(logic().remove_permission("default", std::nullopt)));
  EXPECT_EQ(sim.run(logic().bus("default"))->record.policy, "");
}

// A crash behind each commit, from the PutEvents to the last delivery: what was acknowledged is in
// each queue once, what was not at most once.
TEST_F(EventsTest, ACrashLosesAndDoublesNothing) {
  ASSERT_TRUE(put_rule("r", "{'source':['app']}"));
  ASSERT_TRUE(put_target("r", "1", queue("a")));
  ASSERT_TRUE(put_target("r", "2", logic().bus_arn("mine")));
  ASSERT_TRUE(sim.run(logic().create_bus({"mine"})));
  ASSERT_TRUE(put_rule("r", "{'source':['app']}", "mine"));
  ASSERT_TRUE(put_target("r", "1", queue("b"), "", "mine"));
  std::set<std::string> acknowledged;
  for (int commits = 1; commits <= 7; ++commits) {
    sim.store().crash_after(commits);
    for (int i = 0; i < 2; ++i) {
      auto results = put("app", "{}");
      if (results) acknowledged.insert(results->front().event_id);
    }
    restart();
    sim.advance(hours(1));
  }
  EXPECT_GT(acknowledged.size(), 5U);
  for (const std::string& name : {queue("a"), queue("b")}) {
    std::map<std::string, int> times;
    for (const std::string& text : payloads(name)) {
      ++times[std::string(json::parse(text).at("id").as_string())];
    }
    for (const auto& [id, count] : times) EXPECT_EQ(count, 1) << name;
    for (const std::string& id : acknowledged) EXPECT_EQ(times[id], 1) << name;
  }
}

}  // namespace
}  // namespace suiro::events
