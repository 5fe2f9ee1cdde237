// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>

#include "services/lambda/errors.h"
#include "services/lambda/mappings.h"
#include "services/lambda/testing.h"

namespace suiro::lambda {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::Act;
using testing::fails;
using testing::LambdaSim;

constexpr std::string_view kArn = "arn:aws:sqs:ap-northeast-1:000000000000:q";

class Mappings : public ::testing::Test {
 protected:
  Mappings() { EXPECT_TRUE(lambda_.create("f")); }
  MappingView map(MappingChange change = {}, std::string arn = std::string(kArn)) {
    change.function = FunctionName{"f", ""};
    auto made = lambda_.sim.run(lambda_.logic().create_mapping(std::move(arn), std::move(change)));
    EXPECT_TRUE(made) << made.error().message;
    return *std::move(made);
  }
  std::string refusal(MappingChange change, std::string arn = std::string(kArn)) {
    change.function = FunctionName{"f", ""};
    auto made = lambda_.sim.run(lambda_.logic().create_mapping(std::move(arn), std::move(change)));
    return made ? "none" : made.error().code;
  }
  void send(int count, std::string prefix = "m") {
    for (int i = 0; i < count; ++i) {
      lambda_.queue->send(prefix + std::to_string(i), std::to_string(i));
    }
  }
  LambdaSim lambda_{2048};
};

TEST_F(Mappings, ProcessedMessagesAreDeleted) {
  map();
  send(25);
  lambda_.sim.advance(seconds(5));
  EXPECT_EQ(lambda_.queue->size(), 0U);
  EXPECT_GE(lambda_.host->seen.size(), 3U);
  std::string all;
  for (const auto& one : lambda_.host->seen) {
    EXPECT_TRUE(one.payload.starts_with(R"({"Records":[{"messageId":"m)")) << one.payload;
    all += one.payload;
  }
  for (int i = 0; i < 25; ++i) {
    EXPECT_NE(all.find("\"m" + std::to_string(i) + "\""), std::string::npos) << i;
  }
}

TEST_F(Mappings, AFailedBatchComesBackAfterItsVisibilityTimeout) {
  map();
  lambda_.host->behave = [](const auto&, const auto&) { return fails(); };
  send(3);
  lambda_.sim.advance(seconds(25));
  EXPECT_EQ(lambda_.host->seen.size(), 1U);
  EXPECT_EQ(lambda_.queue->size(), 3U);
  lambda_.host->behave = [](const auto&, const auto&) { return Act{}; };
  lambda_.sim.advance(seconds(10));
  EXPECT_EQ(lambda_.host->seen.size(), 2U);
  EXPECT_EQ(lambda_.queue->size(), 0U);
}

TEST_F(Mappings, PartialFailuresKeepOnlyWhatFailed) {
  MappingChange change;
  change.report_failures = true;
  map(change);
  lambda_.host->behave = [](const auto&, const auto&) {
    return Act{Millis(0), sandbox::Outcome::End::kReturned,
               R"({"batchItemFailures":[{"itemIdentifier":"m1"}]})"};
  };
  send(3);
  lambda_.sim.advance(seconds(2));
  EXPECT_EQ(lambda_.queue->size(), 1U);
}

TEST_F(Mappings, ReadersFollowTheDepthUpToTheirMaximum) {
  MappingChange change;
  change.concurrency_max = 3;
  change.batch_size = 1;
  map(change);
  lambda_.sim.advance(seconds(10));
  int idle_pulls = lambda_.queue->pulls;
  EXPECT_LE(idle_pulls, 15);  // one reader, which waits
  lambda_.host->behave = [](const auto&, const auto&) { return Act{Millis(500)}; };
  send(30);
  lambda_.sim.advance(seconds(20));
  EXPECT_EQ(lambda_.queue->size(), 0U);
  EXPECT_EQ(lambda_.host->running_max, 3);
  idle_pulls = lambda_.queue->pulls;
  lambda_.sim.advance(seconds(10));
  EXPECT_LE(lambda_.queue->pulls - idle_pulls, 15);
}

TEST_F(Mappings, WithoutMaximumTheMachineIsTheLimit) {
  MappingChange change;
  change.batch_size = 1;
  map(change);
  lambda_.host->behave = [](const auto&, const auto&) { return Act{seconds(1)}; };
  send(60);
  lambda_.sim.advance(seconds(29));
  EXPECT_EQ(lambda_.queue->size(), 0U);
  EXPECT_EQ(lambda_.host->running_max, 16);
  std::set<std::string> bodies;
  for (const auto& one : lambda_.host->seen) bodies.insert(one.payload);
  EXPECT_EQ(bodies.size(), 60U);
  EXPECT_EQ(lambda_.host->seen.size(), 60U);
}

TEST_F(Mappings, TheWindowGathersLargeBatches) {
  MappingChange change;
  change.batch_size = 100;
  change.window_s = 2;
  map(change);
  send(40);
  lambda_.sim.advance(seconds(1));
  EXPECT_EQ(lambda_.host->seen.size(), 0U);
  send(5, "later");
  lambda_.sim.advance(seconds(3));
  EXPECT_EQ(lambda_.host->seen.size(), 1U);
  EXPECT_EQ(lambda_.queue->size(), 0U);
}

TEST_F(Mappings, FiltersDropWhatDoesNotMatch) {
  MappingChange change;
  change.filters =
      std::vector<std::string>{R"({"body":{"kind":["order"],"n":[{"numeric":[">",5]}]}})"};
  map(change);
  lambda_.queue->send("a", R"("{\"kind\":\"order\",\"n\":7}")");
  lambda_.queue->send("b", R"("{\"kind\":\"order\",\"n\":3}")");
  lambda_.queue->send("c", R"("text")");
  lambda_.sim.advance(seconds(2));
  EXPECT_EQ(lambda_.queue->size(), 0U);
  ASSERT_EQ(lambda_.host->seen.size(), 1U);
  EXPECT_NE(lambda_.host->seen[0].payload.find(R"("messageId":"a")"), std::string::npos);
  EXPECT_EQ(lambda_.host->seen[0].payload.find(R"("messageId":"b")"), std::string::npos);
}

TEST_F(Mappings, DisabledOnesRestAndSettingsSurviveARestart) {
  MappingView made = map();
  EXPECT_EQ(made.state, "Enabled");
  MappingChange off;
  off.enabled = false;
  auto changed = lambda_.sim.run(lambda_.logic().update_mapping(made.mapping.uuid, off));
  ASSERT_TRUE(changed) << changed.error().message;
  lambda_.sim.advance(seconds(2));
  send(2);
  lambda_.restart();
  lambda_.sim.advance(seconds(10));
  EXPECT_EQ(lambda_.queue->size(), 2U);
  auto found = lambda_.sim.run(lambda_.logic().get_mapping(made.mapping.uuid));
  EXPECT_EQ(found->state, "Disabled");
  MappingChange on;
  on.enabled = true;
  ASSERT_TRUE(lambda_.sim.run(lambda_.logic().update_mapping(made.mapping.uuid, on)));
  lambda_.sim.advance(seconds(40));
  EXPECT_EQ(lambda_.queue->size(), 0U);
  auto last = lambda_.sim.run(lambda_.logic().delete_mapping(made.mapping.uuid));
  EXPECT_EQ(last->state, "Deleting");
  lambda_.sim.advance(seconds(2));
  send(1);
  lambda_.sim.advance(seconds(40));
  EXPECT_EQ(lambda_.queue->size(), 1U);
  EXPECT_EQ(lambda_.sim.run(lambda_.logic().get_mapping(made.mapping.uuid)).error().code,
            kResourceNotFound);
}

TEST_F(Mappings, ThrottlingDoesNotReturnMessages) {
  map();
  ASSERT_TRUE(lambda_.sim.run(lambda_.logic().put_concurrency({"f", ""}, 1)));
  lambda_.host->behave = [](const auto&, const auto&) { return Act{seconds(5)}; };
  auto busy = lambda_.sim.spawn(lambda_.invoke("f"));
  send(1);
  lambda_.sim.advance(seconds(14));
  EXPECT_TRUE(busy.get());
  EXPECT_EQ(lambda_.host->seen.size(), 2U);  // one receive, although it was throttled at first
  EXPECT_EQ(lambda_.queue->size(), 0U);
}

TEST_F(Mappings, NothingIsReadForAFunctionThatCannotRun) {
  map();
  ASSERT_TRUE(lambda_.sim.run(lambda_.logic().put_concurrency({"f", ""}, 0)));
  lambda_.sim.advance(seconds(2));
  send(1);
  int pulls = lambda_.queue->pulls;
  lambda_.sim.advance(minutes(5));
  EXPECT_EQ(lambda_.queue->pulls, pulls);
  ASSERT_TRUE(lambda_.sim.run(lambda_.logic().put_concurrency({"f", ""}, std::nullopt)));
  lambda_.sim.advance(minutes(2));
  EXPECT_EQ(lambda_.queue->size(), 0U);
}

TEST_F(Mappings, RefusesWhatCannotWork) {
  EXPECT_EQ(refusal({.batch_size = 10'001}), kValidation);
  EXPECT_EQ(refusal({.batch_size = 11}), kInvalidParameter);
  EXPECT_EQ(refusal({.concurrency_max = 1}), kValidation);
  EXPECT_EQ(refusal({.window_s = 301}), kValidation);
  EXPECT_EQ(refusal({.batch_size = 11, .window_s = 1}, std::string(kArn) + ".fifo"),
            kInvalidParameter);
  EXPECT_EQ(refusal({}, "arn:aws:sqs:ap-northeast-1:000000000000:absent"), kInvalidParameter);
  EXPECT_EQ(refusal({}, "arn:aws:dynamodb:ap-northeast-1:000000000000:table/t/stream/s"),
            kInvalidParameter);
  EXPECT_EQ(refusal({.bisect = true}), kInvalidParameter);
  MappingChange pattern;
  pattern.filters = std::vector<std::string>{R"({"body":[{"cidr":"10.0.0.0"}]})"};
  EXPECT_EQ(refusal(pattern), kInvalidParameter);
  lambda_.queue->visibility = seconds(1);
  EXPECT_EQ(refusal({}), kInvalidParameter);
  lambda_.queue->visibility = seconds(30);
  map();
  EXPECT_EQ(refusal({}), kResourceConflict);
}

TEST(PartialBatch, IsReadAsAwsReadsIt) {
  EXPECT_EQ(failed_items("null")->size(), 0U);
  EXPECT_EQ(failed_items("{}")->size(), 0U);
  EXPECT_EQ(failed_items(R"({"batchItemFailures":[]})")->size(), 0U);
  EXPECT_EQ(failed_items(R"({"batchItemFailures":[{"itemIdentifier":"a"}]})")->at(0), "a");
  EXPECT_FALSE(failed_items(R"({"batchItemFailures":[{"itemIdentifier":""}]})"));
  EXPECT_FALSE(failed_items(R"({"batchItemFailures":[{"itemIdentifier":null}]})"));
  EXPECT_FALSE(failed_items(R"({"batchItemFailures":[{"id":"a"}]})"));
}

}  // namespace
}  // namespace suiro::lambda
