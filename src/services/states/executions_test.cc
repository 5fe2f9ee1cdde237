// SPDX-License-Identifier: Apache-2.0
// Executions: started, stopped, redriven, told.
#include "services/states/executions_testing.h"

namespace suiro::states {
namespace {

using workflow::ExecutionStatus;

constexpr const char* kChain = R"({"StartAt":"A","States":{
  "A":{"Type":"Pass","Result":{"a":1},"ResultPath":"$.a","Next":"B"},
  "B":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sqs:sendMessage",
       "Parameters":{"x.$":"$.a"},
       "Next":"C"},
  "C":{"Type":"Succeed"}}})";
constexpr const char* kTask = R"({"StartAt":"T","States":{
  "T":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sqs:sendMessage",
    "Parameters":{},"End":true}}})";
constexpr const char* kWait = R"({"StartAt":"W","States":{
  "W":{"Type":"Wait","Seconds":60,"End":true}}})";

constexpr const char* kPass = R"({"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}})";

TEST_F(ExecutionsTest, RunsToItsEnd) {
  std::string arn = start(machine_of(kChain), "one", R"({"in":true})");
  EXPECT_EQ(arn, "arn:aws:states:ap-northeast-1:000000000000:execution:m:one");
  let_end(arn);
  ExecutionRecord record = describe(arn);
  EXPECT_EQ(record.status, ExecutionStatus::kSucceeded);
  EXPECT_EQ(record.output, R"({"x":{"a":1}})");
  EXPECT_EQ(record.input, R"({"in":true})");
  EXPECT_EQ(record.redrive_status, "NOT_REDRIVABLE");
  EXPECT_EQ(record.redrive_status_reason, "Execution is SUCCEEDED and cannot be redriven");
  EXPECT_EQ(told(arn),
            "ExecutionStarted 0\nPassStateEntered 0\nPassStateExited 2\nTaskStateEntered 3\n"
            "TaskScheduled 4\nTaskStarted 5\nTaskSucceeded 6\nTaskStateExited 7\n"
            "SucceedStateEntered 8\nSucceedStateExited 9\nExecutionSucceeded 10\n");
  EXPECT_EQ(executions->parts().open_executions, 0U);
  EXPECT_EQ(rows(effect_space()), 0U);
  EXPECT_EQ(rows(running_space()), 0U);
}

TEST_F(ExecutionsTest, LargePayloadsAreStoredOnce) {
  std::string input = "{\"text\":\"" + std::string(100'000, 'x') + "\"}";
  std::string arn = start(machine_of(R"({"StartAt":"A","States":{
    "A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"W"},
    "W":{"Type":"Wait","Seconds":5,"End":true}}})"),
                          "large", input);
  EXPECT_EQ(rows(payload_prefix(arn_hash(arn))), 1U);
  restart();
  let_end(arn);
  EXPECT_EQ(describe(arn).output, input);
  EXPECT_EQ(rows(payload_prefix(arn_hash(arn))), 1U);
  for (const auto& event : history(arn)) {
    if (event.output) EXPECT_EQ(**event.output, input);
  }
}

TEST_F(ExecutionsTest, StartsOnceByNameAndInput) {
  std::string arn = start(machine_of(kWait), "w", "{\"a\":1}");
  TimePoint began = describe(arn).start;
  sim.advance(std::chrono::seconds(1));
  auto again = sim.run(executions->start(request_of(machine_of(kWait), "w", "{\"a\":1}")));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->execution_arn, arn);
  EXPECT_EQ(again->start, began);
  auto other = sim.run(executions->start(request_of(machine_of(kWait), "w", "{\"a\":2}")));
  EXPECT_EQ(message(other), "ExecutionAlreadyExists: Execution Already Exists: '" + arn + "'");
  let_end(arn);
  auto late = sim.run(executions->start(request_of(machine_of(kWait), "w", "{\"a\":1}")));
  EXPECT_EQ(code(late), "ExecutionAlreadyExists");
}

TEST_F(ExecutionsTest, TwoStartsAtOnceAreOne) {
  auto first = executions->start(request_of(machine_of(kWait), "w"));
  auto second = executions->start(request_of(machine_of(kWait), "w"));
  auto one = asio::co_spawn(sim.shards().executor(0), std::move(first), asio::use_future);
  auto two = asio::co_spawn(sim.shards().executor(0), std::move(second), asio::use_future);
  sim.settle();
  auto a = one.get();
  auto b = two.get();
  ASSERT_TRUE(a && b) << message(a) << message(b);
  EXPECT_EQ(a->execution_arn, b->execution_arn);
  EXPECT_EQ(history(a->execution_arn).size(), 2U);
  EXPECT_EQ(executions->parts().open_executions, 1U);
}

TEST_F(ExecutionsTest, OpenExecutionsAreLimited) {
  tear_down();
  config.open_executions_max = 1;
  sim.reopen();
  build();
  std::string arn = start(machine_of(kWait), "a");
  auto second = sim.run(executions->start(request_of(machine_of(kWait), "b")));
  EXPECT_EQ(code(second), "ExecutionLimitExceeded");
  restart();
  EXPECT_EQ(executions->parts().open_executions, 1U);
  let_end(arn);
  EXPECT_EQ(code(sim.run(executions->start(request_of(machine_of(kWait), "b")))), "ok");
}

TEST_F(ExecutionsTest, StopEndsItAndItsWork) {
  performer.works["T"] = FakePerformer::hang;
  std::string arn = start(machine_of(kTask), "s");
  auto stopped = sim.run(executions->stop(arn, "Mine", "because"));
  ASSERT_TRUE(stopped) << message(stopped);
  ExecutionRecord record = describe(arn);
  EXPECT_EQ(record.status, ExecutionStatus::kAborted);
  EXPECT_EQ(record.error, "Mine");
  EXPECT_EQ(record.cause, "because");
  EXPECT_EQ(rows(effect_space()), 0U);
  // A second time nothing happens, and its stop time is told.
  sim.advance(std::chrono::seconds(10));
  auto again = sim.run(executions->stop(arn, std::nullopt, std::nullopt));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, record.stop);
  EXPECT_EQ(code(sim.run(executions->stop("arn:none", std::nullopt, std::nullopt))),
            "ExecutionDoesNotExist");
}

TEST_F(ExecutionsTest, WhatSyncStartedIsStopped) {
  performer.works["T"] = [](TaskCall call, TaskReporter& reporter) -> Task<void> {
    static_cast<void>(co_await reporter.report_and_save(
        workflow::EffectSubmitted{call.effect.id, "{}"}, "task 7"));
    co_await FakePerformer::hang(std::move(call), reporter);
  };
  std::string definition = R"({"StartAt":"T","States":{"T":{"Type":"Task",
    "Resource":"arn:aws:states:::ecs:runTask.sync",
    "Parameters":{"TaskDefinition":"t"},"End":true}}})";
  std::string arn = start(machine_of(definition), "s");
  ASSERT_TRUE(sim.run(executions->stop(arn, std::nullopt, std::nullopt)));
  ASSERT_EQ(performer.cancelled.size(), 1U);
  EXPECT_EQ(performer.cancelled[0].saved, "task 7");
  EXPECT_EQ(performer.cancelled[0].key, performer.performed[0].key);
  EXPECT_EQ(rows(space("f")), 0U);
}

TEST_F(ExecutionsTest, RedriveGoesOnFromTheFailure) {
  performer.works["T"] = [](TaskCall call, TaskReporter& reporter) {
    return FakePerformer::fail_with(std::move(call), reporter, "Broken");
  };
  std::string arn = start(machine_of(kTask), "r");
  let_end(arn);
  EXPECT_EQ(describe(arn).status, ExecutionStatus::kFailed);
  EXPECT_EQ(describe(arn).redrive_status, "REDRIVABLE");
  restart();
  performer.works.clear();
  auto redriven = sim.run(executions->redrive(arn, "token"));
  ASSERT_TRUE(redriven) << message(redriven);
  let_end(arn);
  ExecutionRecord record = describe(arn);
  EXPECT_EQ(record.status, ExecutionStatus::kSucceeded);
  EXPECT_EQ(record.redrive_count, 1U);
  EXPECT_EQ(record.redrive_time, *redriven);
  // The same request again tells of the same redrive; another one is refused.
  auto same = sim.run(executions->redrive(arn, "token"));
  ASSERT_TRUE(same) << message(same);
  EXPECT_EQ(*same, *redriven);
  EXPECT_EQ(message(sim.run(executions->redrive(arn, "other"))),
            "ExecutionNotRedrivable: Execution is SUCCEEDED and cannot be redriven");
  uint64_t next = 1;
  for (const auto& event : history(arn)) EXPECT_EQ(event.id, next++);
}

TEST_F(ExecutionsTest, RedriveTellsTheDateThatIsKept) {
  performer.works["T"] = [](TaskCall call, TaskReporter& reporter) {
    return FakePerformer::fail_with(std::move(call), reporter, "Broken");
  };
  std::string arn = start(machine_of(kTask), "r");
  let_end(arn);
  sim.store().delay_scans(sim.clock(), sim.random());  // it is loaded, which takes its time
  auto redriven = sim.spawn(executions->redrive(arn, ""));
  sim.advance(std::chrono::minutes(1));
  sim.store().undelay_scans();
  const auto told = redriven.get();
  ASSERT_TRUE(told) << message(told);
  EXPECT_EQ(describe(arn).redrive_time, *told);
}

TEST_F(ExecutionsTest, RedriveComesInTime) {
  performer.works["T"] = [](TaskCall call, TaskReporter& reporter) {
    return FakePerformer::fail_with(std::move(call), reporter, "Broken");
  };
  std::string arn = start(machine_of(kTask), "r");
  let_end(arn);
  sim.advance(std::chrono::days(15));
  EXPECT_EQ(message(sim.run(executions->redrive(arn, ""))),
            "ExecutionNotRedrivable: Execution redrivable period exceeded");
}

TEST_F(ExecutionsTest, HistoryIsToldInPages) {
  std::string arn = start(machine_of(kChain), "h");
  let_end(arn);
  for (bool newest_first : {false, true}) {
    std::vector<uint64_t> ids;
    HistoryRequest request{.execution_arn = arn, .newest_first = newest_first, .results_max = 4};
    size_t pages = 0;
    do {
      auto page = sim.run(executions->history(request));
      ASSERT_TRUE(page) << message(page);
      EXPECT_LE(page->events.size(), 4U);
      for (const auto& event : page->events) ids.push_back(event.id);
      request.next_token = page->next_token;
      ++pages;
    } while (!request.next_token.empty());
    EXPECT_EQ(pages, 3U);
    ASSERT_EQ(ids.size(), 11U);
    if (newest_first) std::ranges::reverse(ids);
    for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], i + 1);
  }
  HistoryRequest request{.execution_arn = arn, .next_token = "x"};
  EXPECT_EQ(code(sim.run(executions->history(request))), "InvalidToken");
  request = {.execution_arn = "arn:none"};
  EXPECT_EQ(code(sim.run(executions->history(request))), "ExecutionDoesNotExist");
}

TEST_F(ExecutionsTest, ListsTheNewestFirst) {
  MachineAtStart wait = machine_of(kWait);
  for (int i = 0; i < 5; ++i) {
    start(wait, "n" + std::to_string(i));
    sim.advance(Millis(1000));
  }
  std::string ended = start(machine_of(kChain), "done");
  let_end(ended);
  std::vector<std::string> names;
  ListRequest request{.machine_arn = kMachine, .results_max = 2};
  do {
    auto page = sim.run(executions->list(request));
    ASSERT_TRUE(page) << message(page);
    for (const auto& record : page->executions) names.push_back(record.name);
    request.next_token = page->next_token;
  } while (!request.next_token.empty());
  EXPECT_EQ(names, (std::vector<std::string>{"done", "n4", "n3", "n2", "n1", "n0"}));
  ListRequest good{.machine_arn = kMachine, .status = ExecutionStatus::kSucceeded};
  auto page = sim.run(executions->list(good));
  ASSERT_TRUE(page);
  ASSERT_EQ(page->executions.size(), 1U);
  EXPECT_EQ(page->executions[0].name, "done");
  EXPECT_TRUE(*sim.run(executions->any_running(kMachine)));
  sim.advance(std::chrono::minutes(2));
  EXPECT_FALSE(*sim.run(executions->any_running(kMachine)));
}

TEST_F(ExecutionsTest, ListsNoExecutionsOfAnUnknownMapRun) {
  const std::string uuid = "a0b1c2d3-0000-4000-8000-000000000001";
  const std::string run = "arn:aws:states:ap-northeast-1:000000000000:mapRun:m/M:" + uuid;
  EXPECT_EQ(message(sim.run(executions->list({.map_run_arn = run}))),
            "ResourceNotFound: Resource not found: '" + run + "'");
  EXPECT_EQ(code(sim.run(executions->list({.map_run_arn = "m"}))), "InvalidArn");
}

TEST_F(ExecutionsTest, OldExecutionsAreSwept) {
  std::string arn = start(machine_of(kChain), "old");
  let_end(arn);
  std::string waiting = start(machine_of(kWait), "w");
  let_end(waiting);
  sim.advance(std::chrono::days(89));
  EXPECT_EQ(describe(arn).status, ExecutionStatus::kSucceeded);
  sim.advance(std::chrono::days(2));
  EXPECT_EQ(code(sim.run(executions->describe(arn))), "ExecutionDoesNotExist");
  for (const char* letters : {"er", "c", "h", "p", "l"}) {
    EXPECT_EQ(rows(space(letters)), 0U) << letters;
  }
  // The name is free again.
  EXPECT_EQ(start(machine_of(kChain), "old"), arn);
}

// More than are looked at together.
TEST_F(ExecutionsTest, RecordsThatCannotBeReadDoNotEndTheSweep) {
  for (size_t i = 0; i < kSweepAtOnce + 1; ++i) let_end(start(machine_of(kPass), ""));
  tear_down();
  sim.reopen();
  replace_rows(space("er"), [](Bytes) { return Bytes("\x7f"); });
  build();
  sim.advance(std::chrono::seconds(1));
  const std::string arn = start(machine_of(kPass), "good");
  let_end(arn);
  sim.advance(config.retention + std::chrono::hours(2));
  EXPECT_EQ(code(sim.run(executions->describe(arn))), "ExecutionDoesNotExist");
  EXPECT_EQ(rows(space("er")), kSweepAtOnce + 1);
}

// What a refused redrive loaded does not outlive the execution's record.
TEST_F(ExecutionsTest, ARefusedRedriveKeepsNothing) {
  std::string arn = start(machine_of(kChain), "old");
  let_end(arn);
  EXPECT_EQ(code(sim.run(executions->redrive(arn, ""))), "ExecutionNotRedrivable");
  EXPECT_EQ(executions->cached_bytes(), 0U);
  sim.advance(std::chrono::days(91));
  EXPECT_EQ(start(machine_of(kChain), "old"), arn);
}

TEST_F(ExecutionsTest, AChainCanBeStopped) {
  // On the shard of who stops it: the simulation lets one shard run until it has nothing to do.
  std::string name = "chain";
  auto arn = [&name] { return "arn:aws:states:ap-northeast-1:000000000000:execution:m:" + name; };
  while (sim.kernel().shards.owner_index(arn_hash(arn()).view()) != 0) name += "n";
  auto both = [&, this]() -> Task<Result<TimePoint>> {
    const char* endless = R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"C"},
      "C":{"Type":"Choice","Choices":[{"Variable":"$.no","IsPresent":true,"Next":"E"}],
      "Default":"A"},"E":{"Type":"Succeed"}}})";
    CO_TRY_VOID(co_await executions->start(request_of(machine_of(endless), name)));
    co_return co_await executions->stop(arn(), std::nullopt, std::nullopt);
  };
  EXPECT_TRUE(sim.run(both()));
  ExecutionRecord record = describe(arn());
  EXPECT_EQ(record.status, ExecutionStatus::kAborted) << record.cause.value_or("");
}

TEST_F(ExecutionsTest, EndedIsToldAtTheEnd) {
  std::string arn = start(machine_of(kWait), "e");
  auto future = sim.spawn(executions->ended(arn));
  EXPECT_FALSE(sim.is_ready(future));
  sim.advance(std::chrono::seconds(61));
  ASSERT_TRUE(sim.is_ready(future));
  auto record = future.get();
  ASSERT_TRUE(record) << message(record);
  EXPECT_EQ(record->status, ExecutionStatus::kSucceeded);
  EXPECT_EQ(code(sim.run(executions->ended("arn:none"))), "ExecutionDoesNotExist");
  auto gone = std::make_shared<Cancellation>();
  auto left = sim.spawn(executions->ended(start(machine_of(kWait), "m"), gone));
  EXPECT_FALSE(sim.is_ready(left));
  gone->cancel();
  sim.settle();
  ASSERT_TRUE(sim.is_ready(left));
  EXPECT_EQ(code(left.get()), codes::kClosed);
  auto never = sim.spawn(executions->ended(start(machine_of(kWait), "n")));
  tear_down();
  ASSERT_TRUE(sim.is_ready(never));
  EXPECT_EQ(code(never.get()), codes::kClosed);
}

TEST_F(ExecutionsTest, HistoryIsLimited) {
  tear_down();
  config.limits.events_max = 100;
  sim.reopen();
  build();
  std::string arn = start(machine_of(R"({"StartAt":"A","States":{
    "A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Default":"A","Choices":[
      {"Variable":"$.over","IsPresent":true,"Next":"C"}]},"C":{"Type":"Succeed"}}})"),
                          "loop");
  let_end(arn);
  EXPECT_EQ(describe(arn).status, ExecutionStatus::kFailed);
  EXPECT_LE(history(arn).size(), 101U);
}

// A chain beyond one commit goes on by itself.
TEST_F(ExecutionsTest, LongChainsAreCutAndGoOn) {
  tear_down();
  config.limits.events_max = 20'000;
  sim.reopen();
  build();
  std::string arn = start(machine_of(R"({"StartAt":"A","States":{
    "A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Default":"A","Choices":[
      {"Variable":"$.over","IsPresent":true,"Next":"C"}]},"C":{"Type":"Succeed"}}})"),
                          "loop");
  let_end(arn);
  EXPECT_EQ(describe(arn).status, ExecutionStatus::kFailed);
  EXPECT_GT(rows(history_prefix(arn_hash(arn))), 2U);
  EXPECT_EQ(rows(space("f")), 0U);
}

TEST_F(ExecutionsTest, StatusChangesGoToTheBus) {
  tear_down();
  with_bus = true;
  sim.reopen();
  build();
  std::string arn = start(machine_of(kChain), "told");
  let_end(arn);
  sim.advance(std::chrono::seconds(1));
  ASSERT_EQ(bus.told.size(), 2U);
  EXPECT_NE(bus.told[0].find("\"status\":\"RUNNING\""), std::string::npos) << bus.told[0];
  EXPECT_NE(bus.told[1].find("\"status\":\"SUCCEEDED\""), std::string::npos) << bus.told[1];
  for (const std::string& document : bus.told) EXPECT_TRUE(json::parse(document));
}

TEST_F(ExecutionsTest, WhereNobodyListensTheBusIsNotTold) {
  tear_down();
  with_bus = true;
  listeners.emplace();
  sim.reopen();
  build();
  let_end(start(machine_of(kChain), "unheard"));
  sim.advance(std::chrono::seconds(1));
  EXPECT_TRUE(bus.told.empty());
  listeners->sources.insert("aws.states");
  let_end(start(machine_of(kChain), "heard"));
  sim.advance(std::chrono::seconds(1));
  EXPECT_EQ(bus.told.size(), 2U);
}

TEST_F(ExecutionsTest, HistoryIsLoggedByLevel) {
  MachineAtStart machine = machine_of(kChain);
  machine.logging = R"({"level":"ALL","includeExecutionData":true,"destinations":[
    {"cloudWatchLogsLogGroup":{"logGroupArn":"arn:aws:logs:r:1:log-group:/mine:*"}}]})";
  std::string arn = start(machine, "all");
  let_end(arn);
  EXPECT_EQ(logs.groups, std::set<std::string>{"/mine"});
  ASSERT_EQ(logs.lines.size(), 11U);
  for (const std::string& line : logs.lines) EXPECT_TRUE(json::parse(line)) << line;
  EXPECT_NE(logs.lines[0].find(R"("id":"1","type":"ExecutionStarted","details":{"input":"{}")"),
            std::string::npos)
      << logs.lines[0];
  logs.lines.clear();
  machine.logging = R"({"level":"FATAL","destinations":[
    {"cloudWatchLogsLogGroup":{"logGroupArn":"arn:aws:logs:r:1:log-group:/mine:*"}}]})";
  let_end(start(machine, "fatal"));
  EXPECT_TRUE(logs.lines.empty());
}

}  // namespace
}  // namespace suiro::states
