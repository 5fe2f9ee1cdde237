// SPDX-License-Identifier: Apache-2.0
// Runs in virtual time: on time, late, missed, across crashes.
#include <set>

#include "services/scheduler/testing.h"
#include "shapes/json.h"

namespace suiro::scheduler {
namespace {

using namespace std::chrono;
using event::Run;

using RunTest = SchedulerTest;

// The nominal times of an expression as the messages show them.
std::vector<std::string> nominals(const std::string& expression, const std::string& zone,
                                  TimePoint from, TimePoint to) {
  const schedule::Schedule schedule(
      {.expression = schedule::Expression::parse(expression, schedule::Dialect::kScheduler).value(),
       .zone = TimeZone::load(zone).value(),
       .rate_from = from});
  std::vector<std::string> out;
  for (TimePoint time : schedule.between(from, to)) out.push_back(second_text(time));
  return out;
}

TEST_F(RunTest, AMonthOfRunsInSeconds) {
  EXPECT_EQ(create(schedule("a", "cron(0 9 ? * MON-FRI *)", "Asia/Tokyo")).value(),
            "arn:aws:scheduler:ap-northeast-1:000000000000:schedule/default/a");
  ASSERT_TRUE(create(schedule("b", "rate(90 minutes)")));
  sim.advance(days(31));
  auto wanted = nominals("cron(0 9 ? * MON-FRI *)", "Asia/Tokyo", start, start + days(31));
  for (auto& time : nominals("rate(90 minutes)", "UTC", start, start + days(31) + 1ms)) {
    wanted.push_back(time);
  }
  std::ranges::sort(wanted);
  EXPECT_EQ(delivered(), wanted);
  EXPECT_EQ(count_of(Run::State::kStarted), wanted.size());
}

TEST_F(RunTest, ExactlyOneStartForEachNominalTimeAcrossCrashesBetweenAnyTwoCommits) {
  ASSERT_TRUE(create(schedule("a", "rate(1 minute)")));
  ASSERT_TRUE(create(schedule("b", "cron(*/7 * * * ? *)", "Australia/Lord_Howe")));
  for (int commits = 1; commits <= 60; ++commits) {
    sim.store().crash_after(1 + commits % 7);
    for (int i = 0; i < 600 && !sim.store().crashed(); ++i) sim.advance(seconds(1));
    ASSERT_TRUE(sim.store().crashed());
    restart();
  }
  const TimePoint end = sim.clock().now();
  sim.advance(minutes(1));  // retries of what the last crash interrupted
  std::vector<std::string> wanted =
      nominals("rate(1 minute)", "UTC", start, end + minutes(1) + 1ms);
  for (auto& time :
       nominals("cron(*/7 * * * ? *)", "Australia/Lord_Howe", start, end + minutes(1) + 1ms)) {
    wanted.push_back(time);
  }
  std::ranges::sort(wanted);
  EXPECT_EQ(delivered(), wanted);
}

TEST_F(RunTest, WhatWasMissedWhileDownBeginsOnceByDefault) {
  ASSERT_TRUE(create(schedule("a", "cron(0 * * * ? *)")));
  crash_and_restart(hours(5) + minutes(30));
  sim.advance(minutes(1));
  // The first one was due at its creation.
  EXPECT_EQ(delivered(),
            (std::vector<std::string>{"2026-01-01T00:00:00Z", "2026-01-01T05:00:00Z"}));
  EXPECT_EQ(count_of(Run::State::kMissed), 4u);
  sim.advance(minutes(30));
  EXPECT_EQ(delivered().size(), 3u);
}

TEST_F(RunTest, OneThatIsTooLateIsMissed) {
  ASSERT_TRUE(create(schedule("a", "cron(0 1 1 * ? *)")));
  crash_and_restart(hours(26));
  sim.advance(minutes(1));
  EXPECT_TRUE(delivered().empty());
  const auto all = runs();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].state, Run::State::kMissed);
  EXPECT_EQ(all[0].reason, "missed: later than its schedule allows");
  EXPECT_EQ(all[0].planned, start + hours(1));
}

TEST_F(RunTest, PoliciesComeFromTheTagsOfTheGroup) {
  ASSERT_TRUE(sim.run(logic->create_group(
      "g", "",
      {{"suiro:catchup", "none"}, {"suiro:catchup:all", "all"}, {"suiro:max-delay:all", "3h"}})));
  auto none = schedule("none", "cron(0 * * * ? *)");
  none.group_name = "g";
  auto all = schedule("all", "cron(30 * * * ? *)");
  all.group_name = "g";
  ASSERT_TRUE(create(none));
  ASSERT_TRUE(create(all));
  crash_and_restart(hours(6) + minutes(10));
  sim.advance(minutes(1));
  EXPECT_EQ(delivered(),
            (std::vector<std::string>{"2026-01-01T00:00:00Z", "2026-01-01T03:30:00Z",
                                      "2026-01-01T04:30:00Z", "2026-01-01T05:30:00Z"}));
  EXPECT_EQ(count_of(Run::State::kMissed), 6u + 3u);
}

TEST_F(RunTest, ManyMissedRunsAreRecordedInParts) {
  ASSERT_TRUE(create(schedule("a", "cron(* * * * ? *)")));
  crash_and_restart(hours(40));
  sim.advance(minutes(2));
  EXPECT_EQ(count_of(Run::State::kMissed) + delivered().size(), 40u * 60 + 2 + 1);
  EXPECT_GE(count_of(Run::State::kMissed), 2398u);
}

TEST_F(RunTest, FlexibleWindowsAndJitterAreDrawnOncePerRun) {
  auto in = schedule("a", "cron(0 * * * ? *)");
  in.flexible_time_window = {.maximum_window_in_minutes = 30, .mode = "FLEXIBLE"};
  ASSERT_TRUE(create(in));
  std::set<int64_t> minutes_seen;
  for (int i = 0; i < 48; ++i) {
    const auto record = sim.run(logic->get("default", "a")).value();
    const Millis later = record.next->due - record.next->nominal;
    EXPECT_GE(later, 0ms);
    EXPECT_LT(later, 30min);
    minutes_seen.insert(floor<minutes>(later).count());
    crash_and_restart();
    EXPECT_EQ(sim.run(logic->get("default", "a")).value().next, record.next);
    sim.advance(hours(1));
  }
  EXPECT_GT(minutes_seen.size(), 10u) << "the draws are spread";
  EXPECT_GE(delivered().size(), 47u);
  EXPECT_EQ(count_of(Run::State::kMissed), 0u);
}

TEST_F(RunTest, StartEndAndWhatComesAfter) {
  auto in = schedule("a", "rate(1 hour)");
  in.start_date = start + minutes(30);
  in.end_date = start + hours(4);
  in.action_after_completion = "DELETE";
  ASSERT_TRUE(create(in));
  auto kept = schedule("once", "at(2026-01-01T02:00:30)");
  ASSERT_TRUE(create(kept));
  sim.advance(hours(12));
  EXPECT_EQ(delivered(), (std::vector<std::string>{"2026-01-01T00:30:00Z", "2026-01-01T01:30:00Z",
                                                   "2026-01-01T02:00:30Z", "2026-01-01T02:30:00Z",
                                                   "2026-01-01T03:30:00Z"}));
  EXPECT_EQ(message(sim.run(logic->get("default", "a"))),
            "ResourceNotFoundException: Schedule a does not exist.");
  EXPECT_FALSE(sim.run(logic->get("default", "once")).value().next);
}

TEST_F(RunTest, AnUpdateKeepsTheRunsItDoesNotMove) {
  auto in = schedule("a", "rate(10 minutes)");
  ASSERT_TRUE(create(in));
  sim.advance(minutes(25));
  in.description = "another";
  ASSERT_TRUE(update(in));
  sim.advance(minutes(10));
  EXPECT_EQ(delivered().size(), 4u) << "at 0, 10, 20, 30";
  in.state = "DISABLED";
  ASSERT_TRUE(update(in));
  sim.advance(hours(1));
  EXPECT_EQ(delivered().size(), 4u);
  in.state = "ENABLED";
  in.schedule_expression = "cron(0 5 * * ? *)";
  ASSERT_TRUE(update(in));
  sim.advance(hours(5));
  EXPECT_EQ(delivered().back(), "2026-01-01T05:00:00Z");
  EXPECT_EQ(delivered().size(), 5u);
  ASSERT_TRUE(sim.run(logic->remove("default", "a")));
  sim.advance(days(2));
  EXPECT_EQ(delivered().size(), 5u);
}

TEST_F(RunTest, ADeletedGroupTakesItsSchedulesWithIt) {
  ASSERT_TRUE(sim.run(logic->create_group("g", "", {})));
  for (int i = 0; i < 250; ++i) {
    auto in = schedule(fmt::format("s{}", i), "cron(0 12 * * ? *)");
    in.group_name = "g";
    ASSERT_TRUE(create(in));
  }
  ASSERT_TRUE(sim.run(logic->remove_group("g")));
  sim.advance(seconds(1));
  EXPECT_EQ(message(sim.run(logic->get_group("g"))),
            "ResourceNotFoundException: Schedule group g does not exist.");
  sim.advance(days(2));
  EXPECT_TRUE(delivered().empty());
}

TEST_F(RunTest, ATaskIsStartedAsTheContractSays) {
  auto in = schedule("nightly", "cron(0 1 * * ? *)", "Asia/Tokyo");
  in.target.arn = "arn:aws:ecs:ap-northeast-1:000000000000:cluster/c";
  auto& ecs = in.target.ecs_parameters.emplace();
  ecs.task_definition_arn = "arn:aws:ecs:ap-northeast-1:000000000000:task-definition/report";
  ecs.task_count = 2;
  ecs.launch_type = "EC2";
  ecs.tags.emplace().push_back({{"key", "team"}, {"value", "data"}});
  in.target.input =
      R"({"containerOverrides":[{"name":"a","command":["<aws.scheduler.scheduled-time>"]}]})";
  ASSERT_TRUE(sim.run(
      logic->change_tags(logic->group_arn("default"), {{"suiro:overlap:nightly", "forbid"}}, {})));
  ASSERT_EQ(message(create(in)), "ok");
  sim.advance(hours(17));
  const event::Event& event = target->last;
  EXPECT_EQ(event.target_arn, in.target.arn);
  EXPECT_EQ(
      event.payload,
      R"({"cluster":"arn:aws:ecs:ap-northeast-1:000000000000:cluster/c",)"
      R"("taskDefinition":"arn:aws:ecs:ap-northeast-1:000000000000:task-definition/report",)"
      R"("count":2,"startedBy":"chronos-schedule/nightly","launchType":"EC2",)"
      R"("tags":[{"key":"team","value":"data"}],)"
      R"("overrides":{"containerOverrides":[{"name":"a","command":["2026-01-01T16:00:00Z"]}]}})");
  const std::map<std::string, std::string> attributes = {
      {"NominalTime", "2026-01-01T16:00:00.000Z"},
      {"ScheduleArn", logic->arn_of("default", "nightly")},
      {"Overlap", "forbid"},
      {"OverlapKey", logic->arn_of("default", "nightly")}};
  EXPECT_EQ(event.attributes, attributes);
  EXPECT_TRUE(runs().empty()) << "the task's own record tells of it";
}

TEST_F(RunTest, AUniversalTargetIsCalledUntilItSucceeds) {
  auto in = schedule("u", "at(2026-01-01T00:10:00)");
  in.target.arn = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage";
  in.target.input =
      R"({"MessageBody":"<aws.scheduler.attempt-number> <aws.scheduler.schedule-arn>"})";
  operations.failures = 2;
  ASSERT_EQ(message(create(in)), "ok");
  sim.advance(hours(1));
  ASSERT_EQ(operations.requests.size(), 3u);
  const auto& last = operations.requests.back();
  EXPECT_EQ(last.service, "sqs");
  EXPECT_EQ(last.operation, "sendMessage");
  EXPECT_EQ(last.role_arn, kRole);
  EXPECT_EQ(last.json, R"({"MessageBody":"3 )" + logic->arn_of("default", "u") + R"("})");
}

TEST_F(RunTest, WhatNobodyTakesGoesToTheDeadLetterQueue) {
  auto in = schedule("d", "at(2026-01-01T00:10:00)");
  in.target.arn = "arn:aws:lambda:ap-northeast-1:000000000000:function:f";
  in.target.input = R"({"a":1})";
  in.target.retry_policy.emplace().maximum_retry_attempts = 2;
  in.target.dead_letter_config.emplace().arn = kQueue;
  target->failures = 3;
  ASSERT_EQ(message(create(in)), "ok");
  sim.advance(hours(2));
  EXPECT_EQ(target->last.target_arn, kQueue);
  EXPECT_EQ(target->last.payload, R"({"a":1})");
  EXPECT_EQ(target->last.attributes["RETRY_ATTEMPTS"], "2");
  EXPECT_EQ(target->last.attributes["SCHEDULE_ARN"], logic->arn_of("default", "d"));
}

TEST_F(RunTest, WhatTheRoleMayNotStartIsAFailedRunAndADeadLetter) {
  auto in = schedule("refused", "rate(1 hour)");
  in.target.arn = "arn:aws:lambda:ap-northeast-1:000000000000:function:f";
  in.target.input = R"({"a":1})";
  in.target.dead_letter_config.emplace().arn = kQueue;
  permissions.denied = {"lambda:InvokeFunction"};
  ASSERT_EQ(message(create(in)), "ok");
  for (int i = 0; i < 3; ++i) {  // a crash between any two commits neither loses nor doubles one
    sim.store().crash_after(1 + i);
    for (int s = 0; s < 7200 && !sim.store().crashed(); ++s) sim.advance(seconds(1));
    ASSERT_TRUE(sim.store().crashed());
    restart();
  }
  sim.advance(hours(1));
  const auto all = runs();
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(delivered(), std::vector<std::string>(all.size(), R"({"a":1})"));
  EXPECT_EQ(count_of(Run::State::kFailed), all.size());
  const std::string reason =
      std::string(kRole) +
      " is not authorized to perform: lambda:InvokeFunction on resource: " + in.target.arn;
  EXPECT_EQ(all[0].reason, reason);
  auto& letter = target->last;
  EXPECT_EQ(letter.target_arn, kQueue);
  EXPECT_EQ(letter.attributes["TARGET_ARN"], in.target.arn);
  EXPECT_EQ(letter.attributes["ERROR_CODE"], "AccessDenied");
  EXPECT_EQ(letter.attributes["ERROR_MESSAGE"], reason);
  EXPECT_EQ(letter.attributes["RETRY_ATTEMPTS"], "0");
  EXPECT_EQ(letter.attributes["SCHEDULE_ARN"], logic->arn_of("default", "refused"));
  auto spans = sim.run(sim.kernel().journal.trace(letter.cause.trace_id));
  ASSERT_TRUE(spans);
  const auto run = std::ranges::find(*spans, "scheduler:Invoke", &event::Span::kind);
  ASSERT_NE(run, spans->end());
  EXPECT_EQ(run->status, event::Span::Status::kError);
  EXPECT_NE(run->detail.find(reason), std::string::npos) << run->detail;
}

TEST_F(RunTest, ATaskThatTheRoleMayNotRunIsAFailedRun) {
  auto in = schedule("t", "at(2026-01-01T00:10:00)");
  in.target.arn = "arn:aws:ecs:ap-northeast-1:000000000000:cluster/c";
  in.target.input.reset();
  in.target.ecs_parameters.emplace().task_definition_arn =
      "arn:aws:ecs:ap-northeast-1:000000000000:task-definition/report:2";
  permissions.denied = {"ecs:RunTask"};
  ASSERT_EQ(message(create(in)), "ok");
  sim.advance(minutes(11));
  EXPECT_TRUE(delivered().empty());
  ASSERT_EQ(count_of(Run::State::kFailed), 1u);
  EXPECT_EQ(runs()[0].name, "report");
  ASSERT_EQ(permissions.asked.size(), 1u);
  EXPECT_EQ(permissions.asked[0].service, "scheduler.amazonaws.com");
  EXPECT_EQ(permissions.asked[0].permission.resource,
            in.target.ecs_parameters->task_definition_arn);
}

TEST_F(RunTest, ARunWithoutInputIsToldOf) {
  auto in = schedule("plain", "at(2026-01-01T00:10:00)");
  in.target.input.reset();
  ASSERT_EQ(message(create(in)), "ok");
  sim.advance(minutes(11));
  EXPECT_EQ(target->last.payload,
            R"({"version":"0","id":")" + target->last.id +
                R"(","detail-type":"Scheduled Event","source":"aws.scheduler",)"
                R"("account":"000000000000","time":"2026-01-01T00:10:00Z",)"
                R"("region":"ap-northeast-1","resources":[")" +
                logic->arn_of("default", "plain") + R"("],"detail":"{}"})");
}

TEST_F(RunTest, TheJournalTellsPlannedAndActual) {
  ASSERT_TRUE(create(schedule("a", "at(2026-01-01T00:10:00)")));
  sim.advance(minutes(11));
  auto spans = sim.run(sim.kernel().journal.trace(target->last.cause.trace_id));
  ASSERT_TRUE(spans);
  ASSERT_GE(spans->size(), 2u);
  const auto run = std::ranges::find(*spans, "scheduler:Invoke", &event::Span::kind);
  ASSERT_NE(run, spans->end());
  EXPECT_EQ(run->resource, logic->arn_of("default", "a"));
  EXPECT_TRUE(run->detail.starts_with("planned 2026-01-01T00:10:00Z, due ")) << run->detail;
  EXPECT_TRUE(std::ranges::any_of(*spans, [&](auto& span) {
    return span.kind == "event" && span.parent_id == run->span_id;
  })) << "the cause of what it started";
}

}  // namespace
}  // namespace suiro::scheduler
