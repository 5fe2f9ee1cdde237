// SPDX-License-Identifier: Apache-2.0
// Tasks: life, queue, idempotency, crashes, events, output.
#include "services/ecs/environment.h"
#include "services/ecs/testing.h"
#include "shapes/json.h"

namespace suiro::ecs {
namespace {

using State = event::Run::State;

TEST_F(EcsTest, ATaskLivesFromPendingToStopped) {
  ASSERT_TRUE(register_definition(definition("job")));
  std::string id = run_one("job");
  EXPECT_EQ(describe(id).last_status, "PENDING");
  EXPECT_EQ(runner_.starts[id], 1);
  sim_.advance(kSecond);
  begin(id);
  shape::Task running = describe(id);
  EXPECT_EQ(running.last_status, "RUNNING");
  EXPECT_EQ(running.started_at, now());
  EXPECT_EQ(running.containers->front().image_digest, "sha256:abc");
  EXPECT_EQ(run_record(id).state, State::kRunning);
  sim_.advance(kSecond);
  end(id, 3);
  shape::Task stopped = describe(id);
  EXPECT_EQ(stopped.last_status, "STOPPED");
  EXPECT_EQ(stopped.desired_status, "STOPPED");
  EXPECT_EQ(stopped.stop_code, "EssentialContainerExited");
  EXPECT_EQ(stopped.stopped_reason, "Essential container in task exited");
  EXPECT_EQ(stopped.containers->front().exit_code, 3);
  EXPECT_GT(*stopped.version, *running.version);
  event::Run run = run_record(id);
  EXPECT_EQ(run.state, State::kFailed);
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_EQ(run.name, "job");
  EXPECT_EQ(run.image_digest, "sha256:abc");
  EXPECT_TRUE(runner_.jobs.empty()) << "what it left is taken away";
  EXPECT_EQ(logic().tasks().used().memory_mb, 0u);
}

TEST_F(EcsTest, WhatDoesNotFitWaitsInOrderWithItsReason) {
  ASSERT_TRUE(register_definition(definition("big", 256, 3000)));
  ASSERT_TRUE(register_definition(definition("small", 256, 100)));
  std::string first = run_one("big");
  std::string second = run_one("big");
  std::string third = run_one("small");
  shape::Task waiting = describe(second);
  EXPECT_EQ(waiting.last_status, "PROVISIONING");
  ASSERT_EQ(waiting.attributes->size(), 1u);
  EXPECT_EQ(waiting.attributes->front().name, "suiro.pending-reason");
  EXPECT_TRUE(waiting.containers->front().reason->starts_with("RESOURCE:MEMORY: waits for room"));
  EXPECT_EQ(describe(third).last_status, "PROVISIONING") << "it would pass the one before it";
  EXPECT_EQ(run_record(second).state, State::kWaiting);
  begin(first);
  end(first);
  EXPECT_EQ(runner_.order, (std::vector<std::string>{first, second, third}));
  EXPECT_EQ(describe(second).last_status, "PENDING");
  EXPECT_FALSE(describe(second).containers->front().reason);
}

TEST_F(EcsTest, TheQueueSurvivesARestartInItsOrder) {
  ASSERT_TRUE(register_definition(definition("big", 256, 3000)));
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(run_one("big"));
  restart();
  for (const auto& id : ids) {
    ASSERT_TRUE(runner_.jobs.contains(id));
    begin(id);
    end(id);
  }
  EXPECT_EQ(runner_.order, ids);
}

TEST_F(EcsTest, WhatTheMachineIsTooSmallForFailsAtOnce) {
  ASSERT_TRUE(register_definition(definition("huge", 256, 100'000)));
  ASSERT_TRUE(register_definition(definition("wide", 4096, 100)));
  auto answer = run("huge");
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->tasks->empty());
  EXPECT_EQ(answer->failures->front().reason, "RESOURCE:MEMORY");
  EXPECT_EQ(run("wide")->failures->front().reason, "RESOURCE:CPU");
}

class StrictTest : public EcsTest {
 protected:
  StrictTest() : EcsTest({.full = Full::kFail}) {}
};

TEST_F(StrictTest, WhatDoesNotFitFailsAsWithAws) {
  ASSERT_TRUE(register_definition(definition("big", 256, 1500)));
  auto answer = run("big", 3);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->tasks->size(), 2u);
  ASSERT_EQ(answer->failures->size(), 1u);
  EXPECT_EQ(answer->failures->front().reason, "RESOURCE:MEMORY");
}

class DiskTest : public EcsTest {
 protected:
  DiskTest() : EcsTest({.placed_max = 1}) {}
};

TEST_F(DiskTest, TasksWaitForDisksToo) {
  ASSERT_TRUE(register_definition(definition("job")));
  std::string first = run_one("job"), second = run_one("job");
  EXPECT_TRUE(describe(second).containers->front().reason->starts_with("RESOURCE:DISK"));
  begin(first);
  end(first);
  EXPECT_EQ(describe(second).last_status, "PENDING");
}

TEST_F(EcsTest, AMachineThatCannotRunTasksSaysSo) {
  ASSERT_TRUE(register_definition(definition("job")));
  runner_.probe_.refusal = "runc is not installed";
  auto answer = run("job");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->failures->front().reason, "AGENT");
  EXPECT_EQ(answer->failures->front().detail, "runc is not installed");
}

TEST_F(EcsTest, ARunWaitsUntilTheMachineWasTried) {
  ASSERT_TRUE(register_definition(definition("job")));
  shape::RunTaskRequest in;
  in.task_definition = "job";
  for (bool is_able : {true, false}) {
    runner_.probe_.pending = true;
    auto answer = sim_.spawn(logic().run_task(in, {}));
    sim_.advance(kSecond);
    EXPECT_FALSE(event::SimKernel::is_ready(answer));
    if (!is_able) runner_.probe_.refusal = "no user namespaces";
    runner_.end_probe();
    sim_.advance(kSecond);
    ASSERT_TRUE(event::SimKernel::is_ready(answer));
    auto started = answer.get();
    ASSERT_TRUE(started);
    EXPECT_EQ(started->tasks->size(), is_able ? 1u : 0u);
    if (!is_able) {
      EXPECT_EQ(started->failures->front().reason, "AGENT");
    }
  }
  EXPECT_EQ(runner_.order.size(), 1u);
}

TEST_F(EcsTest, ARunIsTakenWhereTheTrialOfTheMachineIsSlow) {
  ASSERT_TRUE(register_definition(definition("job")));
  runner_.probe_.pending = true;
  shape::RunTaskRequest in;
  in.task_definition = "job";
  auto answer = sim_.spawn(logic().run_task(in, {}));
  sim_.advance(kProbeWait + kSecond);
  ASSERT_TRUE(event::SimKernel::is_ready(answer));
  EXPECT_EQ(answer.get()->tasks->size(), 1u);
}

TEST_F(EcsTest, OnlyWhatTheRunnerDidNotFindIsRunAgain) {
  ASSERT_TRUE(register_definition(definition("job")));
  std::string kept = run_one("job"), lost = run_one("job");
  sim_.crash();
  close();
  sim_.reopen();
  runner_.quiet_start = true;
  runner_.jobs.erase(lost);
  open();
  sim_.advance(Millis(1));
  EXPECT_EQ(runner_.starts[lost], 2);
  EXPECT_EQ(runner_.asked[kept], 1);
}

TEST_F(EcsTest, AClientTokenStartsOnce) {
  ASSERT_TRUE(register_definition(definition("job")));
  shape::RunTaskRequest in;
  in.task_definition = "job";
  in.client_token = "t1";
  auto first = run(in);
  ASSERT_TRUE(first);
  restart();
  auto second = run(in);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(first->tasks->front().task_arn, second->tasks->front().task_arn);
  in.started_by = "other";
  EXPECT_EQ(code(run(in)), "ConflictException");
  EXPECT_EQ(live(), 1u);
}

TEST_F(EcsTest, StopEndsWhatRunsAndWhatWaits) {
  ASSERT_TRUE(register_definition(definition("big", 256, 3000)));
  std::string runs = run_one("big"), waits = run_one("big");
  begin(runs);
  shape::StopTaskRequest in;
  in.task = waits;
  ASSERT_TRUE(sim_.run(logic().stop_task(in)));
  EXPECT_EQ(describe(waits).last_status, "STOPPED");
  EXPECT_EQ(run_record(waits).state, State::kStopped);
  in.task = runs;
  in.reason = "enough";
  ASSERT_TRUE(sim_.run(logic().stop_task(in)));
  EXPECT_EQ(describe(runs).desired_status, "STOPPED");
  EXPECT_EQ(describe(runs).last_status, "RUNNING");
  ASSERT_TRUE(runner_.jobs.at(runs).stop_wanted);
  end(runs, 143);
  shape::Task stopped = describe(runs);
  EXPECT_EQ(stopped.stop_code, "UserInitiated");
  EXPECT_EQ(stopped.stopped_reason, "enough");
  EXPECT_EQ(stopped.containers->front().exit_code, 143);
  in.task = "ffffffffffffffffffffffffffffffff";
  EXPECT_EQ(text(sim_.run(logic().stop_task(in))), "The referenced task was not found.");
}

TEST_F(EcsTest, AStartThatTheRunnerRefusesIsNamed) {
  ASSERT_TRUE(register_definition(definition("job")));
  runner_.run_error = "CannotStartContainerError: no";
  std::string id = run_one("job");
  shape::Task task = describe(id);
  EXPECT_EQ(task.stop_code, "TaskFailedToStart");
  EXPECT_EQ(task.stopped_reason, "CannotStartContainerError: no");
  EXPECT_EQ(run_record(id).state, State::kFailed);
}

TEST_F(EcsTest, OverridesReachTheContainer) {
  auto in = definition("job");
  in.container_definitions[0].environment = {{{"A", "1"}, {"B", "2"}}};
  in.container_definitions[0].command = {{"old"}};
  ASSERT_TRUE(register_definition(std::move(in)));
  shape::RunTaskRequest request;
  request.task_definition = "job";
  request.overrides.emplace().container_overrides.emplace();
  shape::ContainerOverride& over = request.overrides->container_overrides->emplace_back();
  over.name = "main";
  over.command = {{"new", "x"}};
  over.environment = {{{"B", "3"}}};
  over.memory = 700;
  auto answer = run(request);
  ASSERT_TRUE(answer);
  std::string id = task_id(*answer->tasks->front().task_arn);
  const auto& container = runner_.jobs.at(id).spec.containers.front();
  EXPECT_EQ(container.command, (std::vector<std::string>{"new", "x"}));
  EXPECT_EQ(container.memory_mb, 700u);
  std::map<std::string, std::string> variables;
  for (const auto& v : container.environment) variables[v.name] = v.value;
  EXPECT_EQ(variables["A"], "1");
  EXPECT_EQ(variables["B"], "3");
  over.name = "nobody";
  EXPECT_EQ(text(run(request)),
            "Override for container named nobody is not a container in the TaskDefinition.");
}

// Whatever commit the crash follows: one start for the token, its exit code and its lines.
TEST_F(EcsTest, NothingIsLostOrDoneTwiceOverCrashes) {
  ASSERT_TRUE(register_definition(definition("job")));
  int crashes = 0;
  for (int64_t commits = 1; commits <= 8; ++commits) {
    shape::RunTaskRequest in;
    in.task_definition = "job";
    in.client_token = fmt::format("token-{}", commits);
    sim_.store().crash_after(commits);
    std::string id;
    for (int attempt = 0; attempt < 3; ++attempt) {
      auto answer = run(in);
      if (answer) {
        id = task_id(*answer->tasks->front().task_arn);
        break;
      }
      ++crashes;
      restart();
    }
    ASSERT_FALSE(id.empty());
    auto survive = [&] {
      sim_.advance(kSecond);
      if (!sim_.store().crashed()) return;
      ++crashes;
      restart();
    };
    survive();
    ASSERT_TRUE(runner_.jobs.contains(id));
    runner_.jobs.at(id).output["main"] = {{now(), "one"}};
    begin(id);
    survive();
    runner_.jobs.at(id).output["main"].push_back({now(), "two"});
    tell(id);
    survive();
    tell(id);
    runner_.end(id, 7, now());
    tell(id);
    survive();
    if (runner_.jobs.contains(id)) tell(id);
    EXPECT_EQ(runner_.starts[id], 1) << commits;
    EXPECT_EQ(describe(id).last_status, "STOPPED") << commits;
    EXPECT_EQ(describe(id).containers->front().exit_code, 7);
    std::vector<std::string> mine;
    for (const auto& line : lines()) {
      if (line.find(id) != line.npos) mine.push_back(line.substr(line.rfind('|') + 1));
    }
    EXPECT_EQ(mine, (std::vector<std::string>{"one", "two"})) << commits;
    EXPECT_TRUE(runner_.jobs.empty()) << commits;
    sim_.store().crash_after(INT64_MAX);
  }
  EXPECT_GE(crashes, 6);
  EXPECT_EQ(logic().tasks().used().memory_mb, 0u);
}

TEST_F(EcsTest, StoppedTasksAreKeptForTheirTime) {
  ASSERT_TRUE(register_definition(definition("job")));
  std::string id = run_one("job");
  begin(id);
  end(id);
  sim_.advance(std::chrono::hours(23));
  EXPECT_EQ(describe(id).last_status, "STOPPED");
  sim_.advance(std::chrono::hours(2));
  auto gone = sim_.run(logic().tasks().find(id));
  ASSERT_TRUE(gone);
  EXPECT_FALSE(*gone);
  EXPECT_EQ(run_record(id).state, State::kSucceeded) << "the log of runs keeps it";
}

// Room comes while the end of a task that waits for it is being committed.
TEST_F(EcsTest, AStopThatMeetsRoomGivesTheRoomBack) {
  ASSERT_TRUE(register_definition(definition("big", 256, 3000)));
  std::string runs = run_one("big"), waits = run_one("big");
  begin(runs);
  runner_.end(runs, 0, now());
  auto told = runner_.tell_at_once(sim_.shards().executor(0), runs);
  shape::StopTaskRequest in;
  in.task = waits;
  auto stopped = sim_.spawn(logic().stop_task(in));
  sim_.advance(kSecond);
  ASSERT_TRUE(event::SimKernel::is_ready(told) && event::SimKernel::is_ready(stopped));
  ASSERT_TRUE(stopped.get());
  EXPECT_EQ(describe(waits).last_status, "STOPPED");
  EXPECT_FALSE(runner_.starts.contains(waits));
  EXPECT_EQ(live(), 0u);
  EXPECT_EQ(logic().tasks().used().memory_mb, 0u);
  std::string next = run_one("big");
  EXPECT_EQ(describe(next).last_status, "PENDING");
}

TEST_F(EcsTest, AStopBeforeTheFirstReportAfterARestartIsCarriedOut) {
  ASSERT_TRUE(register_definition(definition("job")));
  std::string told = run_one("job"), silent = run_one("job");
  begin(told);
  begin(silent);
  sim_.crash();
  close();
  sim_.reopen();
  runner_.quiet_start = true;
  open();
  for (const auto& id : {told, silent}) {
    shape::StopTaskRequest in;
    in.task = id;
    ASSERT_TRUE(sim_.run(logic().stop_task(in)));
  }
  tell(told);
  sim_.advance(kSecond);
  EXPECT_TRUE(runner_.jobs.at(told).stop_wanted);
  EXPECT_TRUE(runner_.jobs.at(silent).stop_wanted);
}

TEST_F(EcsTest, ATaskWaitsForARunnerThatIsBusy) {
  ASSERT_TRUE(register_definition(definition("job")));
  runner_.run_failure = Error{std::string(codes::kThrottled), "too many tasks run", Retry::kLater};
  std::string runs = run_one("job"), stopped = run_one("job");
  sim_.advance(kSecond);
  EXPECT_EQ(describe(runs).last_status, "PENDING");
  shape::StopTaskRequest in;
  in.task = stopped;
  ASSERT_TRUE(sim_.run(logic().stop_task(in)));
  sim_.advance(2 * kLaunchRetryLongest);
  EXPECT_EQ(describe(stopped).last_status, "STOPPED");
  runner_.run_failure.reset();
  sim_.advance(2 * kLaunchRetryLongest);
  EXPECT_EQ(runner_.order, (std::vector<std::string>{runs}));
}

TEST_F(EcsTest, TheEndOfSuiroFailsNoTaskThatWasBeingStarted) {
  ASSERT_TRUE(register_definition(definition("job")));
  runner_.hold_runs = true;
  std::string id = run_one("job");
  EXPECT_TRUE(runner_.jobs.empty());
  close();
  sim_.reopen();
  runner_.hold_runs = false;
  open();
  sim_.advance(kSecond);
  EXPECT_EQ(describe(id).last_status, "PENDING");
  EXPECT_EQ(runner_.starts[id], 1);
}

TEST_F(EcsTest, AClusterIsNotDeletedUnderAStart) {
  ASSERT_TRUE(register_definition(definition("job")));
  for (bool is_delete_first : {false, true}) {
    shape::CreateClusterRequest cluster;
    cluster.cluster_name = is_delete_first ? "first" : "second";
    ASSERT_TRUE(sim_.run(logic().create_cluster(cluster)));
    shape::RunTaskRequest in;
    in.cluster = cluster.cluster_name;
    in.task_definition = "job";
    auto executor = sim_.shards().executor(0);
    std::future<Result<shape::RunTaskResponse>> started;
    auto start = [&] {
      started = asio::co_spawn(executor, logic().run_task(in, {}), asio::use_future);
    };
    if (!is_delete_first) start();
    auto removed =
        asio::co_spawn(executor, logic().delete_cluster(*cluster.cluster_name), asio::use_future);
    if (is_delete_first) start();
    sim_.settle();
    auto answer = started.get();
    auto gone = removed.get();
    EXPECT_EQ(code(answer), is_delete_first ? "ClusterNotFoundException" : "ok");
    EXPECT_EQ(code(gone), is_delete_first ? "ok" : "ClusterContainsTasksException");
  }
}

TEST_F(EcsTest, AllClustersAreThereAfterARestart) {
  constexpr int kMany = 260;  // of about 19 KiB each: more than one page of a scan
  for (int i = 0; i < kMany; ++i) {
    shape::CreateClusterRequest in;
    in.cluster_name = fmt::format("c{}", i);
    in.tags.emplace();
    for (int j = 0; j < 49; ++j) {
      shape::Tag& tag = in.tags->emplace_back();
      tag.key = fmt::format("{:0128}", j);
      tag.value = std::string(256, 'x');
    }
    ASSERT_TRUE(sim_.run(logic().create_cluster(in)));
  }
  restart();
  for (int i = 0; i < kMany; ++i) {
    ASSERT_TRUE(sim_.run(
        logic().tags(fmt::format("arn:aws:ecs:ap-northeast-1:000000000000:cluster/c{}", i))))
        << i;
  }
}

// Tokens that are given again while the sweep of the expired ones is under way.
TEST_F(EcsTest, TheSweepLeavesATokenThatWasGivenAgain) {
  ASSERT_TRUE(register_definition(definition("job", 10, 10)));
  constexpr int kTokens = 24;
  auto request = [](int i) {
    shape::RunTaskRequest in;
    in.task_definition = "job:1";
    in.client_token = fmt::format("t{}", i);
    return in;
  };
  sim_.advance(kSweepInterval / 2);
  for (int i = 0; i < kTokens; ++i) ASSERT_TRUE(run(request(i)));
  // The last sweep before their end finds none of them.
  sim_.advance(kClientTokenLife + kSweepInterval / 2 - kSecond);
  sim_.store().delay_scans(sim_.clock(), sim_.random());
  std::vector<std::future<Result<shape::RunTaskResponse>>> again;
  for (int i = 0; i < kTokens; ++i) {
    again.push_back(sim_.spawn(logic().run_task(request(i), {})));
    sim_.advance(Millis(250));
  }
  sim_.advance(std::chrono::seconds(10));
  sim_.store().undelay_scans();
  for (int i = 0; i < kTokens; ++i) {
    auto first = again[static_cast<size_t>(i)].get();
    ASSERT_TRUE(first);
    auto second = run(request(i));
    ASSERT_TRUE(second);
    EXPECT_EQ(first->tasks->front().task_arn, second->tasks->front().task_arn) << i;
  }
  EXPECT_EQ(live(), size_t{2 * kTokens});
}

class EventTest : public EcsTest {
 protected:
  explicit EventTest(Config config = {}) : EcsTest(std::move(config)) {}

  // A schedule's event, delivered by the kernel.
  void fire(std::string overlap, std::string nominal) {
    shape::RunTaskRequest request;
    request.task_definition = "job";
    request.started_by = "chronos-schedule/nightly";
    store::Batch batch;
    event::emit(batch,
                {.source_arn = "arn:aws:scheduler:ap-northeast-1:000000000000:schedule/default/n",
                 .kind = "Scheduled Event",
                 .target_arn = "arn:aws:ecs:ap-northeast-1:000000000000:cluster/default",
                 .payload = shapes::to_json(request),
                 .attributes = {{"Overlap", std::move(overlap)},
                                {"OverlapKey", "n"},
                                {"ScheduleArn", "arn:s"},
                                {"NominalTime", std::move(nominal)}},
                 .at = now()},
                sim_.random());
    ASSERT_TRUE(sim_.run(sim_.kernel().store.commit(std::move(batch))));
    sim_.advance(kSecond);
  }
  std::vector<event::Run> runs() {
    auto page = sim_.run(sim_.kernel().runs.list(
        {.since = now() - std::chrono::hours(100), .until = now() + std::chrono::hours(100)}));
    CHECK(page);
    return page->runs;
  }
};

TEST_F(EventTest, AnEventStartsOneTaskWithItsPlannedTime) {
  ASSERT_TRUE(register_definition(definition("job")));
  fire("allow", "2026-01-01T00:00:00Z");
  restart();
  sim_.advance(kSecond);
  ASSERT_EQ(runs().size(), 1u);
  event::Run run = runs().front();
  EXPECT_EQ(run.planned, *parse_iso8601("2026-01-01T00:00:00Z"));
  EXPECT_EQ(run.schedule, "arn:s");
  EXPECT_EQ(run.started_by, "chronos-schedule/nightly");
  EXPECT_EQ(runner_.starts.size(), 1u);
}

TEST_F(EventTest, ForbidSkipsWhileTheRunBeforeGoesOn) {
  ASSERT_TRUE(register_definition(definition("job")));
  fire("forbid", "2026-01-01T00:00:00Z");
  fire("forbid", "2026-01-01T00:01:00Z");
  ASSERT_EQ(runs().size(), 2u);
  EXPECT_EQ(runs()[1].state, State::kSkipped);
  std::string first = runner_.order.front();
  begin(first);
  end(first);
  fire("forbid", "2026-01-01T00:02:00Z");
  EXPECT_EQ(runner_.order.size(), 2u);
}

TEST_F(EventTest, QueueWaitsForTheRunBefore) {
  ASSERT_TRUE(register_definition(definition("job")));
  fire("queue", "2026-01-01T00:00:00Z");
  fire("queue", "2026-01-01T00:01:00Z");
  EXPECT_EQ(runner_.order.size(), 1u);
  EXPECT_EQ(live(), 2u);
  restart();
  EXPECT_EQ(runner_.order.size(), 1u);
  std::string first = runner_.order.front();
  begin(first);
  end(first);
  EXPECT_EQ(runner_.order.size(), 2u);
}

TEST_F(EventTest, ReplaceStopsTheRunBeforeAndFollowsIt) {
  ASSERT_TRUE(register_definition(definition("job")));
  fire("replace", "2026-01-01T00:00:00Z");
  std::string first = runner_.order.front();
  begin(first);
  fire("replace", "2026-01-01T00:01:00Z");
  EXPECT_TRUE(runner_.jobs.at(first).stop_wanted);
  EXPECT_EQ(runner_.order.size(), 1u);
  end(first, 143);
  EXPECT_EQ(runner_.order.size(), 2u);
  EXPECT_EQ(describe(first).stopped_reason, "Replaced by a newer run of its schedule");
}

TEST_F(EventTest, RunsThatWaitForOthersHoldUpNobodyElse) {
  ASSERT_TRUE(register_definition(definition("job")));
  ASSERT_TRUE(register_definition(definition("other")));
  for (int i = 0; i < 4; ++i) fire("queue", fmt::format("2026-01-01T00:0{}:00Z", i));
  ASSERT_EQ(live(), 4u);
  std::string other = run_one("other");
  EXPECT_EQ(describe(other).last_status, "PENDING");
  std::vector<std::string> waiting;
  for (const TaskRecord* record : logic().tasks().live()) {
    if (record->task.last_status == "PROVISIONING") waiting.push_back(record->id);
  }
  ASSERT_EQ(waiting.size(), 3u);
  std::ranges::sort(waiting, {}, [&](const auto& id) { return run_record(id).planned; });
  shape::StopTaskRequest in;
  in.task = waiting[0];
  ASSERT_TRUE(sim_.run(logic().stop_task(in)));
  EXPECT_EQ(runner_.order.size(), 2u) << "the run before them has not ended";
  std::string first = runner_.order.front();
  restart();
  begin(first);
  end(first);
  EXPECT_EQ(runner_.order.back(), waiting[1]);
  EXPECT_EQ(describe(waiting[2]).last_status, "PROVISIONING");
  begin(waiting[1]);
  end(waiting[1]);
  EXPECT_EQ(runner_.order.back(), waiting[2]);
}

class StrictEventTest : public EventTest {
 protected:
  StrictEventTest() : EventTest({.full = Full::kFail}) {}
};

TEST_F(StrictEventTest, ARunThatWaitsForAnotherFailsNobodyElse) {
  ASSERT_TRUE(register_definition(definition("job")));
  fire("queue", "2026-01-01T00:00:00Z");
  fire("queue", "2026-01-01T00:01:00Z");
  ASSERT_EQ(live(), 2u);
  auto answer = run("job");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->tasks->size(), 1u);
  EXPECT_TRUE(answer->failures->empty());
}

TEST_F(EventTest, AStartThatCannotBeIsARunThatFailed) {
  fire("allow", "2026-01-01T00:00:00Z");  // there is no such definition
  ASSERT_EQ(runs().size(), 1u);
  EXPECT_EQ(runs().front().state, State::kFailed);
  EXPECT_EQ(runs().front().reason, "TaskDefinition not found.");
}

TEST_F(EcsTest, LinesOfOneEventAreJoinedAndSurviveACrash) {
  auto in = definition("job");
  shape::LogConfiguration& log = in.container_definitions[0].log_configuration.emplace();
  log.log_driver = "awslogs";
  log.options = {{"awslogs-group", "g"},
                 {"awslogs-region", "ap-northeast-1"},
                 {"awslogs-stream-prefix", "p"},
                 {"awslogs-datetime-format", "%Y-%m-%d"}};
  ASSERT_TRUE(register_definition(std::move(in)));
  std::string id = run_one("job");
  begin(id);
  auto& output = runner_.jobs.at(id).output["main"];
  output = {{now(), "2026-01-01 a"}, {now(), "  more"}};
  tell(id);
  EXPECT_TRUE(lines().empty()) << "its end was not seen";
  restart();
  runner_.jobs.at(id).output["main"].push_back({now(), "2026-01-02 b"});
  tell(id);
  std::string stream = "g|p/main/" + id + "|";
  EXPECT_EQ(lines(), (std::vector<std::string>{stream + "2026-01-01 a\n  more"}));
  sim_.advance(std::chrono::seconds(6));
  EXPECT_EQ(lines().size(), 2u) << "nothing more came";
  end(id);
  EXPECT_EQ(lines().size(), 2u);
}

TEST(EnvironmentFile, TakesNamesAndValuesAsTheyAre) {
  auto found = parse_environment_file("# no\nA=1\r\n\nB = x y \nno\n=z\nC=\"q\"=r");
  std::vector<std::pair<std::string, std::string>> pairs;
  for (auto& variable : found) pairs.emplace_back(variable.name, variable.value);
  EXPECT_EQ(pairs, (std::vector<std::pair<std::string, std::string>>{
                       {"A", "1"}, {"B", " x y "}, {"C", "\"q\"=r"}}));
}

}  // namespace
}  // namespace suiro::ecs
