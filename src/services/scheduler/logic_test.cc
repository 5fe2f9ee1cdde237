// SPDX-License-Identifier: Apache-2.0
// The rules of schedules and groups, in AWS's words.
#include "services/scheduler/testing.h"

namespace suiro::scheduler {
namespace {

using namespace std::chrono;

using RulesTest = SchedulerTest;

TEST_F(RulesTest, ExpressionsAndZones) {
  const auto answer = [&](std::string expression, std::string zone = "UTC") {
    return message(create(schedule("s", std::move(expression), std::move(zone))));
  };
  for (const char* text : {"cron(0 1 * * * *)", "cron(7 20 * * NOT *)", "cron(INVALID)",
                           "cron(71 8 1 * ? *)", "cron()", "rate(10 seconds)", "rate()", "rate(10)",
                           "rate(10 minutess)", "rate(-10 minutes)", "rate( 10 minutes )",
                           " rate(10 minutes)", "at(2021-12-31T23:59:59Z)", "at(2021-12-31)"}) {
    EXPECT_EQ(answer(text),
              fmt::format("ValidationException: Invalid Schedule Expression {}.", text));
  }
  const auto refused = create(schedule("s", "cron(71 8 1 * ? *)"));
  ASSERT_FALSE(refused);
  const std::vector<std::pair<std::string, std::string>> reason = {
      {"Reason",
       "position 6, field 'minutes': 71 is not within 0-59; expected 0-59, *, lists, "
       "ranges, steps"}};
  EXPECT_EQ(refused.error().details, reason);
  EXPECT_EQ(answer("rate(1 hour)", "No/Where"),
            "ValidationException: Invalid Schedule Expression Timezone No/Where.");
  EXPECT_TRUE(
      answer("at(2026-03-29T02:30:00)", "Europe/Berlin")
          .starts_with("ValidationException: Invalid Schedule Expression at(2026-03-29T02"));
  EXPECT_EQ(answer("rate(1 minutes)"), "ok");
}

TEST_F(RulesTest, WindowsAndDates) {
  auto in = schedule("s", "rate(1 hour)");
  in.flexible_time_window.maximum_window_in_minutes = 5;
  EXPECT_EQ(message(create(in)),
            "ValidationException: MaximumWindowInMinutes must not be provided when "
            "FlexibleTimeWindowMode is set to OFF.");
  in = schedule("s", "rate(1 hour)");
  in.start_date = start - minutes(6);
  EXPECT_EQ(message(create(in)),
            "ValidationException: The StartDate you specify cannot be earlier than 5 minutes ago.");
  in.start_date = start + hours(2);
  in.end_date = start + hours(2);
  EXPECT_EQ(message(create(in)),
            "ValidationException: The StartDate you specify must come before the EndDate.");
  in.end_date = start + hours(3);
  EXPECT_EQ(message(create(in)), "ok");
  sim.advance(hours(4));
  in.description = "the start date is past by now, and stays";
  EXPECT_EQ(message(update(in)), "ok");
}

TEST_F(RulesTest, TargetsAndTheirParameters) {
  const auto answer = [&](const std::function<void(shape::Target&)>& change) {
    auto in = schedule("s", "rate(1 hour)");
    change(in.target);
    return message(create(in));
  };
  const std::string invalid = "ValidationException: ";
  EXPECT_EQ(answer([](auto& t) { t.arn = "queue"; }),
            invalid + "Provided Arn is not in correct format.");
  EXPECT_EQ(answer([](auto& t) { t.arn = "arn:aws:rds:ap-northeast-1:000000000000:db:d"; }),
            invalid + "rds is not a supported service for a target.");
  EXPECT_EQ(answer([](auto& t) { t.arn = "arn:aws:sns:ap-northeast-1:000000000000:t"; }),
            "NotImplemented: Targets of the service sns are not supported by Suiro");
  EXPECT_EQ(answer([](auto& t) {
              t.arn = "arn:aws:states:ap-northeast-1:000000000000:stateMachine:m";
              t.input = "{}";
            }),
            "NotImplemented: Targets of the service states are not supported by Suiro");
  EXPECT_EQ(answer([](auto& t) { t.arn = "arn:aws:sqs:eu-west-1:000000000000:q"; }),
            invalid + "The target ARN provided does not match the current region ap-northeast-1.");
  EXPECT_EQ(answer([](auto& t) { t.kinesis_parameters.emplace().partition_key = "k"; }),
            invalid + "Parameters KinesisParameters not supported for the target.");
  EXPECT_EQ(answer([](auto& t) { t.arn += ".fifo"; }),
            invalid + "Parameters SqsParameters must be specified.");
  EXPECT_EQ(answer([](auto& t) { t.sqs_parameters.emplace().message_group_id = "g"; }),
            invalid + "Parameters MessageGroupId not valid for the target.");
  EXPECT_EQ(answer([](auto& t) {
              t.arn = "arn:aws:lambda:ap-northeast-1:000000000000:function:f";
              t.input = "{";
            }),
            invalid + "JSON syntax error in input for the target");
  EXPECT_EQ(answer([](auto& t) { t.arn = "arn:aws:scheduler:::aws-sdk:sqs:getQueueUrl"; }),
            invalid + "getQueueUrl API is not supported.");
  EXPECT_EQ(answer([](auto& t) {
              t.arn = "arn:aws:scheduler:::aws-sdk:sqs:fly";
              t.input = "{}";
            }),
            "NotImplemented: no such operation");
  EXPECT_EQ(answer([](auto& t) {
              t.arn = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage";
              t.input.reset();
            }),
            invalid + "You must provide an input to set this target for your schedule.");
}

TEST_F(RulesTest, NamesGroupsAndTokens) {
  EXPECT_EQ(message(sim.run(logic->get("default", "s"))),
            "ResourceNotFoundException: Schedule s does not exist.");
  auto in = schedule("s", "rate(1 hour)");
  in.client_token = "t";
  ASSERT_TRUE(create(in));
  EXPECT_TRUE(create(in)) << "the same request again";
  in.description = "another";
  EXPECT_EQ(message(create(in)), "ConflictException: Schedule s already exists.");
  in.group_name = "none";
  EXPECT_EQ(message(create(in)), "ResourceNotFoundException: Schedule group none does not exist.");
  EXPECT_EQ(message(sim.run(logic->create_group("default", "", {}))),
            "ValidationException: This operation cannot be performed on schedule group default.");
  EXPECT_EQ(message(sim.run(logic->remove_group("default"))),
            "ValidationException: This operation cannot be performed on schedule group default.");
  ASSERT_TRUE(sim.run(logic->create_group("g", "t", {})));
  EXPECT_TRUE(sim.run(logic->create_group("g", "t", {})));
  EXPECT_EQ(message(sim.run(logic->create_group("g", "u", {}))),
            "ConflictException: Schedule group g already exists.");
}

TEST_F(RulesTest, ListsInPages) {
  ASSERT_TRUE(sim.run(logic->create_group("g", "", {})));
  for (int i = 0; i < 25; ++i) {
    auto in = schedule(fmt::format("s{:02}", i), "rate(1 hour)");
    in.group_name = i % 2 == 0 ? "default" : "g";
    if (i % 5 == 0) in.state = "DISABLED";
    ASSERT_TRUE(create(in));
  }
  const auto names = [&](ListSchedules request) {
    std::vector<std::string> out;
    size_t pages = 0;
    do {
      auto listed = sim.run(logic->list(request));
      EXPECT_TRUE(listed);
      if (!listed) break;
      for (auto& record : listed->items) out.push_back(record.name);
      request.token = listed->token;
    } while (!request.token.empty() && ++pages < 100);
    return out;
  };
  EXPECT_EQ(names({.results_max = 3}).size(), 25u);
  EXPECT_EQ(names({.group = "g", .results_max = 5}).size(), 12u);
  EXPECT_EQ(names({.group = "g", .prefix = "s1", .results_max = 2}),
            (std::vector<std::string>{"s11", "s13", "s15", "s17", "s19"}));
  EXPECT_EQ(names({.state = "DISABLED", .results_max = 2}).size(), 5u);
  EXPECT_EQ(message(sim.run(logic->list({.group = "none"}))),
            "ResourceNotFoundException: Schedule group none does not exist.");
  EXPECT_EQ(message(sim.run(logic->list({.token = "rubbish"}))),
            "ValidationException: Invalid NextToken.");
}

TEST_F(RulesTest, TagsArePolicies) {
  const std::string arn = logic->group_arn("default");
  const auto tag = [&](Tags tags) { return message(sim.run(logic->change_tags(arn, tags, {}))); };
  EXPECT_EQ(tag({{"suiro:catchup", "sometimes"}}),
            "ValidationException: Tag suiro:catchup=sometimes: expected none | last | all");
  EXPECT_EQ(tag({{"suiro:max-delay", "soon"}}),
            "ValidationException: Tag suiro:max-delay=soon: expected a number with s, m, h or d, "
            "like 15m");
  EXPECT_EQ(tag({{"suiro:jitter", "2d"}}),
            "ValidationException: Tag suiro:jitter=2d: at most 86400 s");
  EXPECT_EQ(tag({{"suiro:colour", "red"}}),
            "ValidationException: Tag suiro:colour=red: there is no such setting; known are "
            "catchup, max-delay, overlap, jitter");
  EXPECT_EQ(tag({{"team", "data"}, {"suiro:overlap:other", "queue"}}), "ok");
  EXPECT_EQ(message(create(schedule("other", "rate(1 hour)"))),
            "ValidationException: suiro:overlap=queue applies to ECS targets only.");
  ASSERT_TRUE(create(schedule("s", "rate(1 hour)")));
  EXPECT_EQ(tag({{"suiro:overlap", "forbid"}}),
            "ValidationException: suiro:overlap=forbid applies to ECS targets only; schedule s has "
            "another.");
  const Tags kept = {{"team", "data"}, {"suiro:overlap:other", "queue"}};
  EXPECT_EQ(sim.run(logic->tags(arn)).value(), kept);
  ASSERT_TRUE(sim.run(logic->change_tags(arn, {}, {"team", "suiro:overlap:other"})));
  EXPECT_TRUE(sim.run(logic->tags(arn)).value().empty());
}

TEST_F(RulesTest, BytesOnDisk) {
  const Record record{.group = "g",
                      .name = "s",
                      .created = start,
                      .modified = start + 1s,
                      .revision = 3,
                      .client_token = "t",
                      .rate_from = start,
                      .next = Planned{start + 1h, start + 2h},
                      .document = "{}"};
  EXPECT_EQ(hex_encode(encode(record)),
            "01"
            "0000000167"
            "0000000173"
            "0000019b76daa800"
            "0000019b76daabe8"
            "00000003"
            "0000000174"
            "0000019b76daa800"
            "01"
            "0000019b77119680"
            "0000019b77488500"
            "000000027b7d");
  EXPECT_EQ(decode_record(encode(record))->next, record.next);
  EXPECT_FALSE(decode_record(encode(record).substr(1)));
  EXPECT_EQ(hex_encode(keys::schedule("g", "s")),
            "6401736700"
            "73");
  EXPECT_EQ(hex_encode(keys::group("g")), "64016767");
  const Group group{.name = "g", .created = start, .modified = start, .tags = {{"a", "b"}}};
  EXPECT_EQ(hex_encode(encode(group)),
            "01"
            "0000000167"
            "0000019b76daa800"
            "0000019b76daa800"
            "00"
            "00000000"
            "00000001"
            "0000000161"
            "0000000162");
  EXPECT_EQ(decode_group(encode(group))->tags, group.tags);
}

}  // namespace
}  // namespace suiro::scheduler
