// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kernel/event/testing.h"

namespace suiro::event {
namespace {

constexpr Millis kMinute = std::chrono::minutes(1);

class RunLogTest : public ::testing::Test {
 protected:
  RunLogTest() { sim.start(); }
  RunLog& log() { return sim.kernel().runs; }
  void record(const event::Run& run) {
    store::Batch batch;
    log().record(batch, run);
    auto committed = sim.run(sim.kernel().store.commit(std::move(batch)));
    ASSERT_TRUE(committed) << committed.error().message;
  }
  // A run that succeeded.
  event::Run ended(std::string id, std::string name, TimePoint planned, Millis duration) {
    event::Run run{
        .id = std::move(id), .name = std::move(name), .state = event::Run::State::kSucceeded};
    run.planned = planned;
    run.created = planned + Millis(5);
    run.started = planned + Millis(100);
    run.stopped = *run.started + duration;
    run.exit_code = 0;
    return run;
  }
  std::vector<std::string> ids(RunQuery query) {
    std::vector<std::string> out;
    for (int pages = 0; pages < 100; ++pages) {
      auto page = sim.run(log().list(query));
      EXPECT_TRUE(page) << page.error().message;
      for (const auto& run : page->runs) out.push_back(run.id);
      if (page->next.empty()) break;
      query.after = page->next;
    }
    return out;
  }

  SimKernel sim;
  TimePoint noon{std::chrono::sys_days(std::chrono::year(2026) / 2 / 1) + std::chrono::hours(12)};
};

TEST_F(RunLogTest, KeepsEveryMember) {
  event::Run run = ended("a", "report", noon, kMinute);
  run.resource = "arn:aws:ecs:ap-northeast-1:000000000000:task/default/a";
  run.schedule = "arn:aws:scheduler:ap-northeast-1:000000000000:schedule/default/nightly";
  run.started_by = "chronos-schedule/nightly";
  run.state = event::Run::State::kFailed;
  run.exit_code = -1;
  run.reason = "OutOfMemoryError: Container killed due to memory usage";
  run.image_digest = "sha256:00";
  run.cpu_units = 256;
  run.memory_mb = 512;
  run.trace_id = "1-00000000-000000000000000000000000";
  record(run);
  auto found = sim.run(log().find("a"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->resource, run.resource);
  EXPECT_EQ(found->schedule, run.schedule);
  EXPECT_EQ(found->started_by, run.started_by);
  EXPECT_EQ(found->state, event::Run::State::kFailed);
  EXPECT_EQ(found->exit_code, -1);
  EXPECT_EQ(found->reason, run.reason);
  EXPECT_EQ(found->planned, run.planned);
  EXPECT_EQ(found->stopped, run.stopped);
  EXPECT_EQ(found->pull_started, std::nullopt);
  EXPECT_EQ(found->cpu_units, 256U);
  EXPECT_EQ(found->trace_id, run.trace_id);
  EXPECT_EQ(sim.run(log().find("b")).error().code, codes::kNotFound);
}

TEST_F(RunLogTest, ListsByTimeAndNameInPages) {
  for (int i = 0; i < 10; ++i) {
    record(
        ended(fmt::format("r{}", i), i % 2 == 0 ? "even" : "odd", noon + i * kMinute, Millis(1)));
  }
  RunQuery query{.since = noon + 2 * kMinute, .until = noon + 8 * kMinute, .runs_max = 2};
  EXPECT_EQ(ids(query), (std::vector<std::string>{"r2", "r3", "r4", "r5", "r6", "r7"}));
  query.name = "odd";
  EXPECT_EQ(ids(query), (std::vector<std::string>{"r3", "r5", "r7"}));
  query.after = "6e";
  EXPECT_EQ(sim.run(log().list(query)).error().code, codes::kInvalidArgument);
}

TEST_F(RunLogTest, FindsWhatReachesIntoTheRange) {
  record(ended("long", "a", noon, std::chrono::hours(3)));
  record(ended("short", "a", noon, kMinute));
  event::Run open = ended("open", "a", noon, kMinute);
  open.state = event::Run::State::kRunning;
  open.stopped.reset();
  record(open);
  RunQuery query{.since = noon + std::chrono::hours(1), .until = noon + std::chrono::hours(2)};
  EXPECT_EQ(ids(query), (std::vector<std::string>{"long", "open"}));
}

TEST_F(RunLogTest, TellsWhatPastRunsTook) {
  EXPECT_EQ(sim.run(log().durations("a", 10))->runs, 0U);
  for (int i = 1; i <= 5; ++i) {
    record(ended(fmt::format("r{}", i), "a", noon + i * kMinute, i * kMinute));
  }
  event::Run failed = ended("f", "a", noon + 6 * kMinute, std::chrono::hours(9));
  failed.state = event::Run::State::kFailed;
  record(failed);
  auto all = sim.run(log().durations("a", 10));
  EXPECT_EQ(all->runs, 5U);
  EXPECT_EQ(all->median, 3 * kMinute);
  EXPECT_EQ(all->longest, 5 * kMinute);
  EXPECT_EQ(sim.run(log().durations("a", 2))->median, 5 * kMinute);
}

}  // namespace
}  // namespace suiro::event
