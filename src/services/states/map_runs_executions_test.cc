// SPDX-License-Identifier: Apache-2.0
// Distributed Maps over real executions.
#include <fmt/format.h>

#include "services/states/executions_testing.h"

namespace suiro::states {
namespace {

using workflow::ExecutionStatus;

class MapExecutionsTest : public ExecutionsTest {
 protected:
  static MachineAtStart map_of(std::string_view state, std::string_view type,
                               std::string_view fields = "") {
    return machine_of(fmt::format(R"({{"StartAt":"M","States":{{"M":{{"Type":"Map","End":true,
        "ItemProcessor":{{"ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"{}"}},
        "StartAt":"S","States":{{"S":{}}}}}{}}}}}}})",
                                  type, state, fields));
  }
  static std::string numbers(int count) {
    std::string items = "[";
    for (int i = 0; i < count; ++i) items += fmt::format("{}{}", i == 0 ? "" : ",", i);
    return items + "]";
  }
  MapRunDescription run_of(const std::string& arn) {
    auto page = sim.run(runs->list({.execution_arn = arn}));
    EXPECT_TRUE(page && page->runs.size() == 1);
    return sim.run(runs->describe(page->runs.at(0).arn)).value();
  }
};

constexpr std::string_view kPass = R"({"Type":"Pass","End":true})";
constexpr std::string_view kTask =
    R"({"Type":"Task","End":true,"Resource":"arn:aws:states:::sqs:sendMessage",
        "Parameters":{"QueueUrl":"q","MessageBody.$":"$"}})";

TEST_F(MapExecutionsTest, StandardChildren) {
  const std::string arn = start(map_of(kPass, "STANDARD"), "one", numbers(300));
  let_end(arn);
  const ExecutionRecord record = describe(arn);
  EXPECT_EQ(record.status, ExecutionStatus::kSucceeded) << record.cause.value_or("");
  EXPECT_EQ(record.output, numbers(300));
  EXPECT_EQ(told(arn),
            "ExecutionStarted 0\nMapStateEntered 0\nMapStateStarted 2\nMapRunStarted 3\n"
            "MapRunSucceeded 4\nMapStateSucceeded 5\nMapStateExited 5\nExecutionSucceeded 7\n");
  const MapRunDescription run = run_of(arn);
  EXPECT_EQ(run.executions.succeeded, 300);
  const auto children = sim.run(executions->list({.map_run_arn = run.arn, .results_max = 1000}));
  ASSERT_TRUE(children);
  EXPECT_EQ(children->executions.size(), 300u);
  EXPECT_EQ(children->executions.at(0).map_run_arn, run.arn);
}

TEST_F(MapExecutionsTest, RunsAreForgottenWithTheirExecution) {
  const std::string arn = start(map_of(kPass, "STANDARD"), "one", "[1]");
  let_end(arn);
  const std::string run = run_of(arn).arn;
  EXPECT_GT(rows(space("r")), 0u);
  sim.advance(config.retention + std::chrono::hours(2));
  EXPECT_FALSE(sim.run(runs->describe(run)));
  EXPECT_EQ(rows(space("r")), 0u);
}

TEST_F(MapExecutionsTest, ExpressChildren) {
  const std::string arn = start(map_of(kPass, "EXPRESS"), "one", numbers(50));
  let_end(arn);
  EXPECT_EQ(describe(arn).output, numbers(50));
}

TEST_F(MapExecutionsTest, FailureThenRedrive) {
  performer.works["S"] = [](TaskCall call, TaskReporter& reporter) {
    return FakePerformer::fail_with(std::move(call), reporter, "Bad");
  };
  const std::string arn =
      start(map_of(kTask, "STANDARD", R"(,"MaxConcurrency":1)"), "one", R"(["a","b"])");
  let_end(arn);
  EXPECT_EQ(describe(arn).error, "States.ExceedToleratedFailureThreshold");
  EXPECT_EQ(run_of(arn).executions.failed, 1);
  performer.works.clear();
  ASSERT_TRUE(sim.run(executions->redrive(arn, "")));
  let_end(arn);
  EXPECT_EQ(describe(arn).status, ExecutionStatus::kSucceeded) << describe(arn).cause.value_or("");
  EXPECT_EQ(run_of(arn).redrive_count, 1u);
  EXPECT_EQ(run_of(arn).executions.succeeded, 2);
}

TEST_F(MapExecutionsTest, StopReachesChildren) {
  performer.works["S"] = FakePerformer::hang;
  const std::string arn = start(map_of(kTask, "STANDARD"), "one", R"(["a","b"])");
  sim.advance(std::chrono::seconds(1));
  EXPECT_EQ(performer.performed.size(), 2u);
  ASSERT_TRUE(sim.run(executions->stop(arn, std::nullopt, std::nullopt)));
  sim.advance(std::chrono::seconds(5));
  EXPECT_EQ(run_of(arn).status, workflow::MapRunStatus::kAborted);
  EXPECT_EQ(run_of(arn).executions.aborted, 2);
}

TEST_F(MapExecutionsTest, ThousandsOfChildrenAreInFlight) {
  performer.works["S"] = FakePerformer::hang;
  start(map_of(kTask, "STANDARD"), "one", numbers(1'500));
  sim.advance(std::chrono::seconds(1));
  EXPECT_EQ(performer.performed.size(), 1'500u);
}

TEST_F(MapExecutionsTest, NoMoreChildrenAreInFlightThanTheSettingAllows) {
  tear_down();
  config.map_children_max = 4;
  sim.reopen();
  build();
  performer.works["S"] = FakePerformer::hang;
  start(map_of(kTask, "STANDARD"), "one", numbers(10));
  sim.advance(std::chrono::seconds(1));
  EXPECT_EQ(performer.performed.size(), 4u);
}

TEST_F(MapExecutionsTest, GoesOnAfterACrash) {
  performer.works["S"] = FakePerformer::hang;
  const std::string arn =
      start(map_of(kTask, "STANDARD", R"(,"MaxConcurrency":3)"), "one", R"([1,2,3,4,5])");
  sim.advance(std::chrono::seconds(1));
  EXPECT_EQ(performer.performed.size(), 3u);
  performer.works.clear();
  crash_and_restart();
  let_end(arn);
  EXPECT_EQ(describe(arn).status, ExecutionStatus::kSucceeded) << describe(arn).cause.value_or("");
  const MapRunDescription run = run_of(arn);
  EXPECT_EQ(run.executions.succeeded, 5);
  const auto children = sim.run(executions->list({.map_run_arn = run.arn}));
  EXPECT_EQ(children->executions.size(), 5u);
}

// Each of many Maps waits for its children, which would never have room.
TEST_F(MapExecutionsTest, ChildrenDoNotCountForTheLimitOfStarts) {
  tear_down();
  config.open_executions_max = 1;
  sim.reopen();
  build();
  const std::string arn = start(map_of(kPass, "STANDARD"), "one", numbers(5));
  let_end(arn);
  EXPECT_EQ(describe(arn).output, numbers(5));
}

// Whatever commit is the last one of the old server.
TEST_F(MapExecutionsTest, StopAndRedriveEndWhereverItCrashes) {
  for (const std::string_view type : {"STANDARD", "EXPRESS"}) {
    for (int commits = 1; commits <= 60; ++commits) {
      performer = {};
      performer.works["S"] = FakePerformer::hang;
      const std::string arn = start(map_of(kTask, type, R"(,"MaxConcurrency":2)"),
                                    fmt::format("{}{}", type, commits), R"([1,2,3])");
      sim.store().crash_after(commits);
      auto stopped = sim.spawn(executions->stop(arn, std::nullopt, std::nullopt));
      auto redriven = sim.spawn(executions->redrive(arn, ""));
      sim.advance(std::chrono::seconds(5));
      const bool has_crashed = sim.store().crashed();
      performer.works.clear();
      restart();
      sim.advance(std::chrono::seconds(5));
      if (describe(arn).status == ExecutionStatus::kAborted) {
        ASSERT_TRUE(sim.run(executions->redrive(arn, ""))) << commits;
      }
      let_end(arn);
      EXPECT_EQ(describe(arn).status, ExecutionStatus::kSucceeded) << type << commits << told(arn);
      EXPECT_EQ(run_of(arn).executions.succeeded, 3) << commits;
      EXPECT_EQ(rows(effect_space()), 0u) << commits;
      EXPECT_EQ(rows(cancel_space()), 0u) << commits;
      EXPECT_EQ(executions->parts().open_executions, 0u) << commits;
      told(arn);
      if (!has_crashed) break;  // all had been committed before
    }
  }
}

}  // namespace
}  // namespace suiro::states
