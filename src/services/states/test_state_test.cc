// SPDX-License-Identifier: Apache-2.0
// TestState in virtual time: how long a test takes, and who ends it.
#include "services/states/test_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernel/event/testing.h"
#include "services/states/limits.h"
#include "services/states/test_state_live.h"

namespace suiro::states {
namespace {

using testing::HasSubstr;

class NoOperations final : public event::OperationCaller {
 public:
  Result<void> check(std::string, std::string) const override { return ok(); }
  Fault fault_of(std::string, const Error&) const override { return {}; }
  Task<Result<std::string>> call(Request) override { co_return fail("Unexpected", "no call"); }
};

// Does its task for so long, whoever waits.
class SlowPerformer final : public Performer {
 public:
  explicit SlowPerformer(Clock& clock) : clock_(clock) {}
  Task<void> perform(TaskCall call, TaskReporter& reporter) override {
    calls.push_back(call);
    co_await clock_.sleep_for(duration);
    was_cancelled = reporter.cancelled();
    auto told = co_await reporter.report(
        workflow::EffectSucceeded{.effect = call.effect.id, .output = R"({"done":true})"});
    was_taken = told.has_value();
  }
  Task<Result<void>> cancel(TaskCall) override { co_return ok(); }
  Millis duration{0};
  std::vector<TaskCall> calls;
  bool was_cancelled = false;
  bool was_taken = false;

 private:
  Clock& clock_;
};

constexpr const char* kTask =
    R"({"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true,
        "Parameters":{"FunctionName":"f"}})";

class TestStateTest : public ::testing::Test {
 protected:
  TestStateTest() {
    sim.start();
    tests.add_operations(registry);
  }
  ~TestStateTest() override {
    auto closed = sim.spawn(tests.close());
    sim.advance(std::chrono::hours(1));
    EXPECT_TRUE(event::SimKernel::is_ready(closed));
  }

  std::future<Result<std::string>> ask(const std::string& definition, std::string more) {
    json::Value input = json::parse(more).value();
    input.edit_object().set("definition", definition);
    input.edit_object().set("inspectionLevel", "DEBUG");
    call.cancellation = cancellation;
    return sim.spawn(registry.call("states", "TestState", json::write(input), call));
  }
  static json::Value answer(std::future<Result<std::string>>& future) {
    if (!event::SimKernel::is_ready(future)) return {};
    auto text = future.get();
    EXPECT_TRUE(text) << text.error().message;
    return text ? json::parse(*text).value() : json::Value();
  }
  static std::string text(const json::Value& value, std::string_view name) {
    const json::Value* found = value.find(name);
    return found == nullptr ? "" : found->as_string();
  }

  event::SimKernel sim;
  NoOperations operations;
  SlowPerformer performer{sim.clock()};
  StateTests tests{sim.kernel(), operations, performer};
  shapes::Registry registry;
  shapes::Call call;
  std::shared_ptr<Cancellation> cancellation = std::make_shared<Cancellation>();
  const std::string role = R"({"roleArn":"arn:aws:iam::000000000000:role/r"})";
};

TEST_F(TestStateTest, ATaskIsPerformedAsTheRole) {
  performer.duration = std::chrono::minutes(4);
  auto asked = ask(kTask, role);
  EXPECT_FALSE(event::SimKernel::is_ready(asked));
  sim.advance(std::chrono::minutes(4));
  const json::Value told = answer(asked);
  EXPECT_EQ(text(told, "status"), "SUCCEEDED");
  EXPECT_EQ(text(told, "output"), R"({"done":true})");
  ASSERT_EQ(performer.calls.size(), 1);
  EXPECT_EQ(performer.calls[0].role_arn, "arn:aws:iam::000000000000:role/r");
  EXPECT_EQ(performer.calls[0].effect.arguments, R"({"FunctionName":"f"})");
  EXPECT_EQ(performer.calls[0].key.size(), 64);
}

TEST_F(TestStateTest, NoTestTakesMoreThanItsTime) {
  performer.duration = std::chrono::minutes(10);
  auto asked = ask(kTask, role);
  sim.advance(kTestDurationMax - Millis(1));
  EXPECT_FALSE(event::SimKernel::is_ready(asked));
  sim.advance(Millis(1));
  const json::Value told = answer(asked);
  EXPECT_EQ(text(told, "status"), "FAILED");
  EXPECT_EQ(text(told, "error"), "States.Timeout");
  sim.advance(std::chrono::minutes(5));
  EXPECT_TRUE(performer.was_cancelled);
  EXPECT_FALSE(performer.was_taken);
}

TEST_F(TestStateTest, TheTimeOfTheTaskItselfMakesItRetriable) {
  performer.duration = std::chrono::minutes(1);
  auto asked = ask(R"({"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true,
                       "Parameters":{"FunctionName":"f"},"TimeoutSeconds":3,
                       "Retry":[{"ErrorEquals":["States.Timeout"],"IntervalSeconds":5}]})",
                   role);
  sim.advance(std::chrono::seconds(3));
  const json::Value told = answer(asked);
  EXPECT_EQ(text(told, "status"), "RETRIABLE");
  const json::Value* details = told.find("inspectionData")->find("errorDetails");
  ASSERT_NE(details, nullptr);
  EXPECT_EQ(json::write(*details), R"({"retryIndex":0,"retryBackoffIntervalSeconds":5})");
}

TEST_F(TestStateTest, AWaitStateWaits) {
  auto asked = ask(R"({"Type":"Wait","Seconds":60,"End":true})", "{}");
  sim.advance(std::chrono::seconds(59));
  EXPECT_FALSE(event::SimKernel::is_ready(asked));
  sim.advance(std::chrono::seconds(1));
  EXPECT_EQ(text(answer(asked), "status"), "SUCCEEDED");
}

TEST_F(TestStateTest, WhoeverGoesEndsTheTest) {
  performer.duration = std::chrono::minutes(1);
  auto asked = ask(kTask, role);
  cancellation->cancel();
  sim.settle();
  ASSERT_TRUE(event::SimKernel::is_ready(asked));
  EXPECT_EQ(asked.get().error().code, codes::kClosed);
  sim.advance(std::chrono::minutes(1));
  EXPECT_TRUE(performer.was_cancelled);
}

// The caller of operations in this test knows no models.
TEST_F(TestStateTest, WhatNobodyCanCheckIsRefused) {
  auto asked = ask(kTask, R"({"mock":{"result":"{}"}})");
  ASSERT_TRUE(event::SimKernel::is_ready(asked));
  const auto told = asked.get();
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, "ValidationException");
  EXPECT_THAT(told.error().message, HasSubstr("lambda:invoke"));
  auto unchecked = ask(kTask, R"({"mock":{"result":"{}","fieldValidationMode":"NONE"}})");
  EXPECT_EQ(text(answer(unchecked), "status"), "SUCCEEDED");
  EXPECT_TRUE(performer.calls.empty());
}

}  // namespace
}  // namespace suiro::states
