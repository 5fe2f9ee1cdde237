// SPDX-License-Identifier: Apache-2.0
#include "engine/rehearsal/rehearsal.h"

#include <gtest/gtest.h>

#include "engine/rehearsal/recorded.h"
#include "engine/workflow/history_json.h"

namespace suiro::rehearsal {
namespace {

using workflow::ExecutionStatus;

constexpr TimePoint kStart{std::chrono::sys_days(std::chrono::year(2026) / 10 / 1)};

std::shared_ptr<const workflow::Plan> plan_of(std::string_view text) {
  auto compiled = workflow::compile(text);
  EXPECT_TRUE(compiled.plan) << compiled.summary();
  return compiled.plan;
}

Mocks mocks_of(std::string_view text) {
  auto mocks = Mocks::parse(text);
  EXPECT_TRUE(mocks) << mocks.error().message;
  return std::move(*mocks);
}

Result<Rehearsed> rehearse(std::string_view definition, Mocks& mocks, std::string input = "{}") {
  return Rehearsal(plan_of(definition), mocks).run({.input = std::move(input), .start = kStart});
}

constexpr std::string_view kRetrying = R"({"StartAt": "Book", "States": {
  "Book": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Next": "Wait",
    "Parameters": {"QueueUrl": "q", "MessageBody.$": "$.n"},
    "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 10, "BackoffRate": 2}]},
  "Wait": {"Type": "Wait", "Seconds": 3600, "End": true}}})";

TEST(Rehearsal, HoursPassInNoTime) {
  Mocks mocks = mocks_of(R"({"states": {"Book": [
      {"error": "Busy", "cause": "locked", "seconds": 2}, {"error": "Busy", "seconds": 2},
      {"result": {"n": "{% $states.input.MessageBody + 1 %}"}, "seconds": 1.5}]}})");
  auto done = rehearse(kRetrying, mocks, R"({"n": 41})");
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->status, ExecutionStatus::kSucceeded);
  EXPECT_EQ(done->output, R"({"n":42})");
  // Two failures of 2 s, waits of 10 and 20 s, the work of 1.5 s, an hour.
  EXPECT_EQ(done->ended - done->begun, Millis(2000 + 10000 + 2000 + 20000 + 1500 + 3'600'000));
  EXPECT_EQ(done->looks.states.at("Book").retries, 2u);
  EXPECT_EQ(done->task_time, Millis(5500));
  EXPECT_EQ(done->transitions, 1u + 2 + 2);
}

TEST(Rehearsal, TakesPastDurationsWhereNoneAreTold) {
  Mocks mocks = mocks_of(R"({"default": {"echo": true}})");
  mocks.set_past_duration([](const std::string& name) -> std::optional<Millis> {
    if (name == "nightly") return Millis(7000);
    return std::nullopt;
  });
  auto done = rehearse(R"({"StartAt": "Run", "States": {"Run": {"Type": "Task", "End": true,
      "Resource": "arn:aws:states:::ecs:runTask.sync", "Parameters": {"TaskDefinition":
      "arn:aws:ecs:us-east-1:000000000000:task-definition/nightly:3"}}}})",
                       mocks);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->ended - done->begun, Millis(7000));
}

constexpr std::string_view kShops = R"({"StartAt": "Shops", "States": {"Shops": {"Type": "Map",
  "MaxConcurrency": 2, "End": true, "ToleratedFailureCount": 1,
  "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"},
                 "Parameters": {"Bucket": "b", "Key": "k"}},
  "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
    "StartAt": "Post", "States": {"Post": {"Type": "Task", "End": true,
      "Resource": "arn:aws:states:us-east-1:000000000000:activity:post"}}}}}})";

TEST(Rehearsal, ChildrenOfAMapShareItsConcurrency) {
  Mocks mocks = mocks_of(R"({"states": {"Shops": {"items": [1, 2, 3, 4, 5]},
                                        "Post": {"echo": true, "seconds": 10}}})");
  auto done = rehearse(kShops, mocks);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->status, ExecutionStatus::kSucceeded) << done->cause;
  EXPECT_EQ(done->output, "[1,2,3,4,5]");
  EXPECT_EQ(done->ended - done->begun, Millis(30'000));  // 2 at once: three rounds
  EXPECT_EQ(done->children, 5u);
  EXPECT_EQ(done->looks.states.at("Post").visits, 5u);
}

TEST(Rehearsal, AMapThatFailsTooOftenFails) {
  Mocks mocks = mocks_of(R"({"states": {"Shops": {"items": [1, 2, 3, 4, 5]},
                                        "Post": {"error": "Broken", "seconds": 1}}})");
  auto done = rehearse(kShops, mocks);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->status, ExecutionStatus::kFailed);
  EXPECT_EQ(done->error, "States.ExceedToleratedFailureThreshold");
}

TEST(Rehearsal, SaysWhatNothingAnswers) {
  Mocks mocks = mocks_of("{}");
  auto done = rehearse(kRetrying, mocks, R"({"n": 1})");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, codes::kNotFound);
  EXPECT_NE(done.error().message.find("'Book'"), std::string::npos);
  EXPECT_NE(done.error().message.find("sqs:sendMessage"), std::string::npos);
  EXPECT_NE(rehearse(kShops, mocks).error().message.find("'Shops'"), std::string::npos);
}

TEST(Mocks, RefuseWhatTheyDoNotUnderstand) {
  for (const char* text :
       {"[]", R"({"state": {}})", R"({"states": []})", R"({"states": {"A": []}})",
        R"({"states": {"A": {}}})", R"({"states": {"A": {"echo": true, "result": 1}}})",
        R"({"states": {"A": {"result": 1, "seconds": -1}}})",
        R"({"states": {"A": {"result": 1, "after": 1}}})",
        R"({"states": {"A": {"result": "{% 1 + %}"}}})", R"({"default": 3})"}) {
    EXPECT_FALSE(Mocks::parse(text)) << text;
  }
}

TEST(Mocks, OfAHistoryRepeatIt) {
  Mocks first = mocks_of(R"({"states": {"Book": [{"error": "Busy", "cause": "c", "seconds": 2},
                                                 {"result": {"ok": 1}, "seconds": 3}]}})");
  auto once = rehearse(kRetrying, first, R"({"n": 1})");
  ASSERT_TRUE(once);
  // As the API tells it, and read back.
  json::Array events;
  for (const auto& event : once->history) events.push_back(workflow::history_json(event));
  auto read = read_history(json::Value(std::move(events)));
  ASSERT_TRUE(read) << read.error().message;
  auto mocks = Mocks::of_history(*read);
  ASSERT_TRUE(mocks) << mocks.error().message;
  Mocks again = mocks_of(mocks->text());
  auto twice = rehearse(kRetrying, again, R"({"n": 1})");
  ASSERT_TRUE(twice) << twice.error().message;
  EXPECT_EQ(twice->output, once->output);
  EXPECT_EQ(twice->ended, once->ended);
  EXPECT_EQ(twice->history.size(), once->history.size());
}

TEST(Recorded, RefusesWhatIsNoHistory) {
  for (const char* text :
       {"{}", "[1]", R"([{"id": 1}])", R"([{"id": 1, "timestamp": "x", "type": "TaskFailed"}])",
        R"([{"id": 1, "timestamp": 5, "type": "Nothing"}])"}) {
    EXPECT_FALSE(read_history(*json::parse(text))) << text;
  }
}

}  // namespace
}  // namespace suiro::rehearsal
