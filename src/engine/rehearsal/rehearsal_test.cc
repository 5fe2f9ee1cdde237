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

TEST(Rehearsal, ItemsAreMadeByAnExpression) {
  Mocks mocks = mocks_of(R"({"states": {"Shops": {"items": "{% [1..$states.input.n].{'n': $} %}"},
                                        "Post": {"echo": true}}})");
  auto done = rehearse(kShops, mocks, R"({"n": 3})");
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->output, R"([{"n":1},{"n":2},{"n":3}])") << done->cause;
  Mocks wrong = mocks_of(R"({"states": {"Shops": {"items": "{% 3 %}"}}})");
  EXPECT_EQ(rehearse(kShops, wrong).error().code, codes::kInvalidArgument);
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
        R"({"states": {"A": {"result": "{% 1 + %}"}}})", R"({"states": {"A": {"items": 3}}})",
        R"({"default": 3})", R"({"maps": []})", R"({"maps": {"A": {}}})", R"({"maps": {"A": [1]}})",
        R"({"maps": {"A": [{"state": {}}]}})", R"({"maps": {"A": [{"states": {"B": {}}}]}})"}) {
    EXPECT_FALSE(Mocks::parse(text)) << text;
  }
}

// What the API tells of it, read back.
std::vector<workflow::HistoryEvent> told(const Rehearsed& run) {
  json::Array events;
  for (const auto& event : run.history) events.push_back(workflow::history_json(event));
  auto read = read_history(json::Value(std::move(events)));
  EXPECT_TRUE(read) << read.error().message;
  return std::move(*read);
}

// As `suiro rehearse --recorded --save-mocks`, and then `--mocks`.
Mocks mocks_of_history(const Rehearsed& run) {
  MockScope scope;
  auto runs = add_history(scope, told(run));
  EXPECT_TRUE(runs) << runs.error().message;
  EXPECT_TRUE(runs->empty());
  return mocks_of(Mocks::text_of(scope));
}

TEST(Recorded, AnswersOfAHistoryRepeatIt) {
  Mocks first = mocks_of(R"({"states": {"Book": [{"error": "Busy", "cause": "c", "seconds": 2},
                                                 {"result": {"ok": 1}, "seconds": 3}]}})");
  auto once = rehearse(kRetrying, first, R"({"n": 1})");
  ASSERT_TRUE(once);
  EXPECT_EQ(input_of(told(*once)), R"({"n": 1})");
  Mocks again = mocks_of_history(*once);
  auto twice = rehearse(kRetrying, again, R"({"n": 1})");
  ASSERT_TRUE(twice) << twice.error().message;
  EXPECT_EQ(twice->output, once->output);
  EXPECT_EQ(twice->ended, once->ended);
  EXPECT_EQ(twice->history.size(), once->history.size());
}

// Two shops at once, each with lines of its own; the branch beside them fails and is caught, and
// what comes behind stands in no iteration.
constexpr std::string_view kNested = R"({"StartAt": "Both", "States": {
  "Both": {"Type": "Parallel", "Next": "After",
    "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": "Recover"}],
    "Branches": [
    {"StartAt": "Shops", "States": {"Shops": {"Type": "Map", "ItemsPath": "$.shops", "End": true,
      "ItemProcessor": {"StartAt": "Open", "States": {
        "Open": {"Type": "Task", "Resource": "arn:aws:states:us-east-1:000000000000:activity:o",
          "ResultPath": "$.open", "Next": "Lines",
          "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1}]},
        "Lines": {"Type": "Map", "ItemsPath": "$.lines", "End": true,
          "ItemProcessor": {"StartAt": "Post", "States": {"Post": {"Type": "Task", "End": true,
            "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {
              "QueueUrl": "q", "MessageBody.$": "$"}}}}}}}}}},
    {"StartAt": "Beside", "States": {"Beside": {"Type": "Task", "End": true,
      "Resource": "arn:aws:states:us-east-1:000000000000:activity:b"}}}]},
  "Recover": {"Type": "Task", "End": true,
    "Resource": "arn:aws:states:us-east-1:000000000000:activity:r"},
  "After": {"Type": "Task", "End": true,
    "Resource": "arn:aws:states:us-east-1:000000000000:activity:a"}}})";
constexpr const char* kNestedInput = R"({"shops": [{"lines": [1, 2]}, {"lines": [3, 4]}]})";

// The second shop's answers come first.
constexpr std::string_view kNestedMocks = R"({
  "states": {"Beside": {"result": "b", "seconds": 100}, "After": {"echo": true},
             "Recover": {"echo": true}},
  "maps": {"Shops": [
    {"states": {"Open": [{"error": "Busy", "seconds": 20}, {"result": "first", "seconds": 1}]},
     "maps": {"Lines": [{"states": {"Post": {"result": "1a", "seconds": 9}}},
                        {"states": {"Post": {"result": "1b", "seconds": 3}}}]}},
    {"states": {"Open": {"result": "second", "seconds": 2}, "Post": {"result": "2?"}},
     "maps": {"Lines": [{}, {"states": {"Post": {"result": "2b", "seconds": 1}}}]}}]}})";

TEST(Mocks, AnswerIterationsByTheirIndex) {
  Mocks mocks = mocks_of(kNestedMocks);
  EXPECT_EQ(Mocks::parse(mocks.text())->text(), mocks.text());
  auto done = rehearse(kNested, mocks, kNestedInput);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->output, R"([[["1a","1b"],["2?","2b"]],"b"])") << done->cause;
  EXPECT_EQ(done->ended - done->begun, Millis(100'000));
}

TEST(Recorded, AnswersOfIterationsGoToTheirIndex) {
  for (bool caught : {false, true}) {
    Mocks first = mocks_of(kNestedMocks);
    if (caught) {
      // While the first shop's lines are posted: its second one was, the first one never is.
      std::string text(kNestedMocks);
      const std::string good = R"("Beside": {"result": "b", "seconds": 100})";
      text.replace(text.find(good), good.size(), R"("Beside": {"error": "E", "seconds": 28})");
      first = mocks_of(text);
    }
    auto once = rehearse(kNested, first, kNestedInput);
    ASSERT_TRUE(once) << once.error().message;
    ASSERT_EQ(once->status, ExecutionStatus::kSucceeded) << once->cause;
    ASSERT_EQ(once->looks.path.back(), caught ? "Recover" : "After");
    Mocks again = mocks_of_history(*once);
    EXPECT_EQ(again.text().find("1a") == std::string::npos, caught);  // it came too late
    auto twice = rehearse(kNested, again, kNestedInput);
    ASSERT_TRUE(twice) << twice.error().message;
    EXPECT_EQ(twice->output, once->output);
    EXPECT_EQ(twice->ended, once->ended);
  }
}

// A state fails as it is entered, and what catches it stands in the same iteration.
TEST(Recorded, AnswersBehindACaughtEvaluationStayInTheirIteration) {
  constexpr std::string_view kCaught = R"({"QueryLanguage": "JSONata", "StartAt": "Each",
    "States": {"Each": {"Type": "Map", "Items": "{% [1, 2] %}", "End": true, "ItemProcessor": {
      "StartAt": "Bad", "States": {
        "Bad": {"Type": "Task", "Resource": "arn:aws:states:us-east-1:000000000000:activity:b",
          "Arguments": "{% $states.input.none %}", "Next": "After",
          "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "After"}]},
        "After": {"Type": "Task", "End": true,
          "Resource": "arn:aws:states:us-east-1:000000000000:activity:a"}}}}}})";
  Mocks first = mocks_of(R"({"maps": {"Each": [
      {"states": {"After": {"result": "one", "seconds": 9}}},
      {"states": {"After": {"result": "two", "seconds": 1}}}]}})");
  auto once = rehearse(kCaught, first);
  ASSERT_TRUE(once) << once.error().message;
  ASSERT_EQ(once->output, R"(["one","two"])") << once->cause;
  Mocks again = mocks_of_history(*once);
  EXPECT_NE(again.text().find("maps"), std::string::npos) << again.text();
  EXPECT_EQ(rehearse(kCaught, again)->output, once->output);
}

// What a task answered is no expression, whatever it looks like.
TEST(Recorded, AnswersAreNotEvaluated) {
  Mocks first = mocks_of(R"({"states": {"Book": {"exact": {"text": ["{% 1 + 1 %}"]}}}})");
  auto once = rehearse(kRetrying, first, R"({"n": 1})");
  ASSERT_TRUE(once) << once.error().message;
  ASSERT_EQ(once->output, R"({"text":["{% 1 + 1 %}"]})");
  Mocks again = mocks_of_history(*once);
  EXPECT_EQ(rehearse(kRetrying, again, R"({"n": 1})")->output, once->output);
}

TEST(Recorded, RefusesARedrivenExecution) {
  MockScope scope;
  auto added = add_history(scope, {{.id = 1, .type = workflow::EventType::kExecutionStarted},
                                   {.id = 2, .type = workflow::EventType::kExecutionFailed},
                                   {.id = 3, .type = workflow::EventType::kExecutionRedriven}});
  ASSERT_FALSE(added);
  EXPECT_NE(added.error().message.find("redriven"), std::string::npos);
}

TEST(Mocks, DocumentsGoBeforeWhatWasRecorded) {
  MockScope recorded;
  for (uint64_t index : {0, 1}) {
    (*recorded.at({"Shops", index}))->input = json::Value(static_cast<int64_t>(index));
    MockEntry entry;
    entry.result = workflow::Template::constant("recorded");
    (*recorded.at({"Shops", index}))->states["Post"].push_back(std::move(entry));
  }
  Mocks mocks = mocks_of(R"({"maps": {"Shops": [{}, {"states": {"Post": {"echo": true}}}]},
                             "default": {"error": "NotAsked"}})");
  mocks.set_recorded(std::move(recorded));
  auto done = rehearse(kShops, mocks);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->output, R"(["recorded",1])") << done->cause;
}

TEST(Rehearsal, SaysWhatIsNeverAnswered) {
  Mocks mocks = mocks_of(R"({"default": {"never": true}})");
  auto done = rehearse(kRetrying, mocks, R"({"n": 1})");
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("'Book' never gets an answer"), std::string::npos);
}

TEST(Mocks, KeepALimitOfIterations) {
  MockScope scope;
  EXPECT_TRUE(scope.at({"Shops", kMockScopesMax - 1}));
  EXPECT_EQ(scope.at({"Shops", kMockScopesMax}).error().code, codes::kTooLarge);
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
