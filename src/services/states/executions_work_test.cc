// SPDX-License-Identifier: Apache-2.0
// Work of executions: callbacks, activities, Express, and what crashes leave of them.
#include "services/states/executions_testing.h"
#include "services/states/storage.h"

namespace suiro::states {
namespace {

using workflow::ExecutionStatus;

constexpr const char* kCallback = R"({"StartAt":"C","States":{
  "C":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sqs:sendMessage.waitForTaskToken",
       "HeartbeatSeconds":30,"Parameters":{"t.$":"$$.Task.Token"},"End":true}}})";
constexpr const char* kActivityArn = "arn:aws:states:ap-northeast-1:000000000000:activity:a";
constexpr const char* kActivity = R"({"StartAt":"T","States":{
  "T":{"Type":"Task","Resource":"arn:aws:states:ap-northeast-1:000000000000:activity:a",
       "TimeoutSeconds":300,"End":true}}})";
constexpr const char* kTask = R"({"StartAt":"T","States":{
  "T":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sqs:sendMessage",
    "Parameters":{},"End":true}}})";
// Waiting, mapping, retrying, choosing: what crash tests run.
constexpr const char* kEverything = R"({"StartAt":"M","States":{
  "M":{"Type":"Map","ItemsPath":"$.items","MaxConcurrency":3,"ResultPath":"$.mapped",
    "ItemProcessor":{"StartAt":"I","States":{
      "I":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sqs:sendMessage",
           "Parameters":{"v.$":"$"},
           "Retry":[{"ErrorEquals":["Flaky"],"IntervalSeconds":2,"MaxAttempts":5}],"Next":"J"},
      "J":{"Type":"Wait","Seconds":3,"End":true}}},
    "Next":"P"},
  "P":{"Type":"Parallel","ResultPath":"$.both","Next":"W","Branches":[
    {"StartAt":"L","States":{"L":{"Type":"Pass","Result":"left","End":true}}},
    {"StartAt":"R","States":{"R":{"Type":"Task",
      "Resource":"arn:aws:states:::aws-sdk:sqs:sendMessage",
      "Parameters":{"right":true},"End":true}}}]},
  "W":{"Type":"Wait","Seconds":20,"Next":"F"},
  "F":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sqs:sendMessage","Parameters":{},
       "Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":"$.caught","Next":"E"}],"End":true},
  "E":{"Type":"Succeed"}}})";

class WorkTest : public ExecutionsTest {
 protected:
  WorkTest() {
    store::Batch batch;
    batch.put(keys::activity("a"), encode(Activity{.name = "a", .created = {}, .tags = {}}));
    EXPECT_TRUE(sim.run(sim.store().commit(std::move(batch))));
  }
  std::string token() { return performer.performed.back().effect.token; }
};

TEST_F(WorkTest, ACallbackEndsItsTask) {
  performer.works["C"] = FakePerformer::submit;
  std::string arn = start(machine_of(kCallback), "c");
  ASSERT_EQ(performer.performed.size(), 1U);
  std::string task = token();
  EXPECT_LE(task.size(), kTokenBytesMax);
  EXPECT_NE(performer.performed[0].effect.arguments.find(task), std::string::npos);
  EXPECT_EQ(rows(space("f")), 0U);  // nothing is left to perform
  restart();
  EXPECT_EQ(performer.performed.size(), 1U);
  EXPECT_EQ(executions->cached_bytes(), 0U);
  EXPECT_EQ(code(sim.run(executions->task_succeeded(task, "no JSON"))), "InvalidOutput");
  EXPECT_EQ(code(sim.run(executions->task_succeeded(task, "{\"ok\":1}"))), "ok");
  EXPECT_EQ(describe(arn).output, "{\"ok\":1}");
  auto twice = sim.run(executions->task_succeeded(task, "{}"));
  EXPECT_EQ(message(twice), "TaskTimedOut: Task Timed Out: 'Provided task does not exist anymore'");
  std::string forged = task;
  forged[10] = forged[10] == 'A' ? 'B' : 'A';
  EXPECT_EQ(message(sim.run(executions->task_heartbeat(forged))),
            "InvalidToken: Invalid Token: 'Invalid token'");
  EXPECT_EQ(code(sim.run(executions->task_failed("", "E", "c"))), "InvalidToken");
}

TEST_F(WorkTest, ACallbackBeforeTheAnswerIsTaken) {
  performer.works["C"] = FakePerformer::hang;
  std::string arn = start(machine_of(kCallback), "c");
  EXPECT_EQ(code(sim.run(executions->task_failed(token(), "Mine", "why"))), "ok");
  ExecutionRecord record = describe(arn);
  EXPECT_EQ(record.status, ExecutionStatus::kFailed);
  EXPECT_EQ(record.error, "Mine");
  EXPECT_EQ(rows(space("f")), 0U);
  restart();
  EXPECT_EQ(performer.performed.size(), 1U);
}

TEST_F(WorkTest, NothingIsNotedOfWorkThatIsOver) {
  performer.works["C"] = [](TaskCall call, TaskReporter& reporter) -> Task<void> {
    co_await FakePerformer::hang(call, reporter);
    auto told = co_await reporter.report_and_save(
        workflow::EffectStarted{.effect = call.effect.id, .worker_name = {}}, "begun:1");
    EXPECT_EQ(code(told), "Closed");
  };
  start(machine_of(kCallback), "c");
  EXPECT_EQ(code(sim.run(executions->task_succeeded(token(), "1"))), "ok");
  sim.settle();
  EXPECT_EQ(rows(space("f")), 0U);
}

TEST_F(WorkTest, HeartbeatsKeepACallbackAlive) {
  performer.works["C"] = FakePerformer::submit;
  std::string arn = start(machine_of(kCallback), "c");
  for (int i = 0; i < 4; ++i) {
    sim.advance(std::chrono::seconds(20));
    ASSERT_EQ(code(sim.run(executions->task_heartbeat(token()))), "ok") << i;
  }
  sim.advance(std::chrono::seconds(31));
  ExecutionRecord record = describe(arn);
  EXPECT_EQ(record.status, ExecutionStatus::kFailed);
  EXPECT_EQ(code(sim.run(executions->task_heartbeat(token()))), "TaskTimedOut");
}

TEST_F(WorkTest, ActivitiesAreServedInOrder) {
  std::vector<std::string> arns;
  for (int i = 0; i < 3; ++i) {
    arns.push_back(start(machine_of(kActivity), "a" + std::to_string(i), std::to_string(i)));
    sim.advance(Millis(10));
  }
  restart();
  for (int i = 0; i < 3; ++i) {
    auto task = sim.run(executions->take_activity_task(kActivityArn, "worker"));
    ASSERT_TRUE(task) << message(task);
    EXPECT_EQ(task->input, std::to_string(i));
    EXPECT_EQ(code(sim.run(executions->task_succeeded(task->token, "\"done\""))), "ok");
    EXPECT_EQ(describe(arns[static_cast<size_t>(i)]).output, "\"done\"");
  }
  EXPECT_EQ(rows(space("q")), 0U);
  EXPECT_EQ(rows(space("f")), 0U);
  bool has_worker = false;
  for (const auto& event : history(arns[0])) has_worker |= event.worker_name == "worker";
  EXPECT_TRUE(has_worker);
}

TEST_F(WorkTest, ATaskForADeletedActivityFailsUnscheduled) {
  store::Batch batch;
  batch.erase(keys::activity("a"));
  ASSERT_TRUE(sim.run(sim.store().commit(std::move(batch))));
  std::string arn = start(machine_of(kActivity), "gone");
  ExecutionRecord record = describe(arn);
  EXPECT_EQ(record.status, ExecutionStatus::kFailed);
  EXPECT_EQ(record.error, "States.Runtime");
  EXPECT_EQ(history(arn).size(), 3U);
  EXPECT_EQ(rows(space("q")), 0U);
}

TEST_F(WorkTest, AnActivityOfAnotherAccountIsNotThere) {
  std::string other = kActivity;
  other.replace(other.find("000000000000"), 12, "111111111111");
  EXPECT_EQ(describe(start(machine_of(other), "other")).error, "States.Runtime");
}

TEST_F(WorkTest, AWorkerWaitsForWork) {
  auto empty = sim.spawn(executions->take_activity_task(kActivityArn, ""));
  sim.advance(std::chrono::seconds(59));
  EXPECT_FALSE(sim.is_ready(empty));
  sim.advance(std::chrono::seconds(2));
  ASSERT_TRUE(sim.is_ready(empty));
  EXPECT_EQ(empty.get()->token, "");

  auto first = sim.spawn(executions->take_activity_task(kActivityArn, "1"));
  auto second = sim.spawn(executions->take_activity_task(kActivityArn, "2"));
  start(machine_of(kActivity), "x", "7");
  ASSERT_TRUE(sim.is_ready(first) || sim.is_ready(second));
  EXPECT_FALSE(sim.is_ready(first) && sim.is_ready(second));
  start(machine_of(kActivity), "y", "8");
  ASSERT_TRUE(sim.is_ready(first) && sim.is_ready(second));
  std::set<std::string> inputs{first.get()->input, second.get()->input};
  EXPECT_EQ(inputs, (std::set<std::string>{"7", "8"}));
  auto stopped = sim.spawn(executions->take_activity_task(kActivityArn, ""));
  tear_down();
  EXPECT_TRUE(sim.is_ready(stopped));
}

TEST_F(WorkTest, WorkOfAnActivityThatTimedOutIsNotHandedOut) {
  std::string arn = start(machine_of(kActivity), "a");
  sim.advance(std::chrono::seconds(301));
  EXPECT_EQ(describe(arn).status, ExecutionStatus::kFailed);
  EXPECT_EQ(rows(space("q")), 0U);
  EXPECT_EQ(rows(space("f")), 0U);
}

TEST_F(WorkTest, ExpressAnswersAtOnce) {
  StartRequest request =
      request_of(machine_of(kTask, workflow::MachineType::kExpress), "", "{\"n\":1}");
  auto record = sim.run(executions->run_sync(std::move(request)));
  ASSERT_TRUE(record) << message(record);
  EXPECT_EQ(record->status, ExecutionStatus::kSucceeded);
  EXPECT_EQ(record->output, "{}");
  EXPECT_EQ(record->input, "{\"n\":1}");
  EXPECT_NE(record->arn.find(":express:m:"), std::string::npos);
  EXPECT_TRUE(performer.performed[0].express);
  EXPECT_EQ(rows(space("")), 2U);  // the activity and the secret of tokens
}

TEST_F(WorkTest, ExpressIsLimitedInTime) {
  performer.works["T"] = FakePerformer::hang;
  auto future = sim.spawn(
      executions->run_sync(request_of(machine_of(kTask, workflow::MachineType::kExpress), "")));
  sim.advance(std::chrono::minutes(5) - std::chrono::seconds(1));
  EXPECT_FALSE(sim.is_ready(future));
  sim.advance(std::chrono::seconds(2));
  ASSERT_TRUE(sim.is_ready(future));
  EXPECT_EQ(future.get()->status, ExecutionStatus::kTimedOut);
}

TEST_F(WorkTest, AcknowledgedExpressBeginsAnewAfterACrash) {
  MachineAtStart machine = machine_of(kTask, workflow::MachineType::kExpress);
  machine.logging = R"({"level":"ALL","destinations":[
    {"cloudWatchLogsLogGroup":{"logGroupArn":"arn:aws:logs:r:1:log-group:/x:*"}}]})";
  performer.works["T"] = FakePerformer::hang;
  std::string arn = start(machine, "e");
  EXPECT_EQ(rows(express_space()), 1U);
  performer.works.clear();
  crash_and_restart();
  EXPECT_EQ(performer.performed.size(), 2U);
  EXPECT_EQ(rows(express_space()), 0U);
  ASSERT_EQ(logs.lines.size(), 7U);
  EXPECT_NE(logs.lines.back().find("ExecutionSucceeded"), std::string::npos);
  EXPECT_NE(logs.lines.back().find(arn), std::string::npos);
  restart();
  EXPECT_EQ(performer.performed.size(), 2U);
}

// Five minutes count from the start, also while no server runs.
TEST_F(WorkTest, AcknowledgedExpressTimesOutWhileTheServerIsDown) {
  MachineAtStart machine = machine_of(kTask, workflow::MachineType::kExpress);
  machine.logging = R"({"level":"ALL","destinations":[
    {"cloudWatchLogsLogGroup":{"logGroupArn":"arn:aws:logs:r:1:log-group:/x:*"}}]})";
  performer.works["T"] = FakePerformer::hang;
  const std::string old = start(machine, "old");
  sim.advance(std::chrono::minutes(2));
  const std::string late = start(machine, "late");
  auto ends_of = [&](const std::string& arn, std::string_view type) {
    return std::ranges::count_if(logs.lines, [&](const std::string& line) {
      return line.find(arn) != line.npos && line.find(type) != line.npos;
    });
  };
  sim.crash();
  tear_down();
  sim.reopen();
  sim.advance(std::chrono::minutes(4));
  performer.performed.clear();
  build();
  ASSERT_EQ(performer.performed.size(), 1U);  // the late one begins anew, and has a minute left
  EXPECT_EQ(performer.performed[0].execution_arn, late);
  EXPECT_EQ(ends_of(old, "ExecutionTimedOut"), 1);
  EXPECT_EQ(ends_of(late, "ExecutionTimedOut"), 0);
  EXPECT_EQ(rows(express_space()), 1U);
  sim.advance(std::chrono::seconds(61));
  EXPECT_EQ(ends_of(late, "ExecutionTimedOut"), 1);
  EXPECT_EQ(rows(express_space()), 0U);
  restart();
  EXPECT_EQ(ends_of(old, "ExecutionTimedOut"), 1);
  EXPECT_EQ(performer.performed.size(), 1U);
}

TEST_F(WorkTest, CancelledWorkIsStoppedAfterACrashToo) {
  performer.works["T"] = FakePerformer::hang;
  std::string definition = R"({"StartAt":"T","States":{"T":{"Type":"Task",
    "Resource":"arn:aws:states:::ecs:runTask.sync",
    "Parameters":{"TaskDefinition":"t"},"End":true}}})";
  std::string arn = start(machine_of(definition), "s");
  sim.store().crash_after(1);
  auto stopped = sim.run(executions->stop(arn, std::nullopt, std::nullopt));
  EXPECT_FALSE(stopped);
  performer.cancelled.clear();
  restart();
  EXPECT_EQ(describe(arn).status, ExecutionStatus::kAborted);
  ASSERT_EQ(performer.cancelled.size(), 1U);
  EXPECT_EQ(rows(space("f")), 0U);
}

// What is released, acknowledged or cancelled is not forgotten because a read fails once.
TEST_F(WorkTest, ABusyStoreIsReadAgainAfterAStart) {
  performer.works["T"] = FakePerformer::hang;
  std::string arn = start(machine_of(kTask), "r");
  tear_down();
  performer.works.clear();
  sim.reopen();
  sim.store().refuse_gets(3, effect_space());
  build();
  sim.advance(std::chrono::minutes(1));
  EXPECT_EQ(describe(arn).status, ExecutionStatus::kSucceeded);
}

TEST_F(WorkTest, AcknowledgedExpressIsReadAgainAfterAStart) {
  performer.works["T"] = FakePerformer::hang;
  for (int i = 0; i < 100; ++i) start(machine_of(kTask, workflow::MachineType::kExpress), "");
  ASSERT_EQ(rows(express_space()), 100U);
  sim.crash();
  tear_down();
  performer.works.clear();
  sim.reopen();
  sim.store().refuse_gets(30, express_space());
  build();
  sim.advance(std::chrono::minutes(1));
  EXPECT_EQ(rows(express_space()), 0U);
}

// Those that only wait for the end of work leave room for this work.
TEST_F(WorkTest, WhatFollowsHoldsNoPlace) {
  tear_down();
  config.performing_max = 1;
  sim.reopen();
  build();
  performer.works["P"] = [](TaskCall call, TaskReporter& reporter) -> Task<void> {
    reporter.follows();
    co_await FakePerformer::hang(std::move(call), reporter);
  };
  auto task = [](std::string name) {
    return R"({"StartAt":")" + name + R"(","States":{")" + name + R"(":{"Type":"Task",
      "Resource":"arn:aws:states:::aws-sdk:sqs:sendMessage","Parameters":{},"End":true}}})";
  };
  for (int i = 0; i < 4; ++i) start(machine_of(task("P")), fmt::format("p{}", i));
  for (int i = 0; i < 4; ++i) {
    std::string arn = start(machine_of(task("C")), fmt::format("c{}", i));
    EXPECT_EQ(describe(arn).status, ExecutionStatus::kSucceeded);
  }
}

TEST_F(WorkTest, WhatCannotBeStoppedYetIsStoppedLater) {
  performer.works["T"] = FakePerformer::hang;
  std::string definition = R"({"StartAt":"T","States":{"T":{"Type":"Task",
    "Resource":"arn:aws:states:::ecs:runTask.sync",
    "Parameters":{"TaskDefinition":"t"},"End":true}}})";
  std::string arn = start(machine_of(definition), "s");
  performer.busy_cancels = 2;
  ASSERT_TRUE(sim.run(executions->stop(arn, std::nullopt, std::nullopt)));
  EXPECT_EQ(rows(cancel_space()), 1U);
  sim.advance(std::chrono::minutes(1));
  EXPECT_EQ(performer.cancelled.size(), 1U);
  EXPECT_EQ(rows(space("f")), 0U);
}

// A commit that no store takes would be tried for ever.
TEST_F(WorkTest, AStepThatIsTooLargeFailsTheExecution) {
  performer.works["T"] = [](TaskCall call, TaskReporter& reporter) -> Task<void> {
    static_cast<void>(co_await reporter.report(workflow::EffectSucceeded{
        call.effect.id, json::write(json::Value(std::string(100'000, 'x')))}));
  };
  sim.store().limit_batches(50'000);
  std::string arn = start(machine_of(kTask), "l");
  sim.advance(std::chrono::minutes(1));
  ExecutionRecord record = describe(arn);
  EXPECT_EQ(record.status, ExecutionStatus::kFailed);
  EXPECT_EQ(record.error.value_or(""), "States.DataLimitExceeded");
  EXPECT_EQ(rows(space("f")), 0U);
}

TEST_F(WorkTest, WorkThatCannotBeReadEndsItsExecution) {
  performer.works["T"] = FakePerformer::hang;
  const std::string arn = start(machine_of(kTask), "r");
  tear_down();
  sim.reopen();
  replace_rows(effect_space(), [](Bytes) { return Bytes("\1\x7f", 2); });
  build();
  let_end(arn);
  EXPECT_EQ(describe(arn).status, ExecutionStatus::kFailed);
  EXPECT_EQ(describe(arn).error.value_or(""), "States.Runtime");
  EXPECT_EQ(rows(space("f")), 0U);
}

// What a former version of Suiro took may be refused by this one.
TEST_F(WorkTest, ADefinitionThatDoesNotCompileAnyMoreEndsItsExecutions) {
  performer.works["T"] = FakePerformer::hang;
  MachineAtStart machine = machine_of(kTask);
  const std::string arn = start(machine, "r", R"({"in":1})");
  const size_t events = history(arn).size();
  tear_down();
  sim.reopen();
  replace_rows(space("em"), [](Bytes value) {
    auto row = decode_machine(value);
    row->machine.definition = R"({"StartAt":"T","States":{}})";
    return encode_machine(*row);
  });
  build();
  let_end(arn);
  const ExecutionRecord record = describe(arn);
  EXPECT_EQ(record.status, ExecutionStatus::kFailed);
  EXPECT_EQ(record.error.value_or(""), "States.Runtime");
  const auto told = history(arn);
  ASSERT_EQ(told.size(), events + 1);
  EXPECT_EQ(told.back().type, workflow::EventType::kExecutionFailed);
  EXPECT_EQ(told.back().id, events + 1);
  EXPECT_EQ(told.back().previous_id, events);
  EXPECT_EQ(rows(space("f")), 0U);
  EXPECT_EQ(rows(running_space()), 0U);
  EXPECT_EQ(executions->parts().open_executions, 0U);
  sim.advance(config.retention + std::chrono::hours(2));
  EXPECT_EQ(rows(space("er")), 0U);
}

TEST_F(WorkTest, ATimerEndsWhatDoesNotCompileAnyMore) {
  const std::string arn = start(
      machine_of(R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}})"), "w");
  tear_down();
  sim.reopen();
  replace_rows(space("em"), [](Bytes value) {
    auto row = decode_machine(value);
    row->machine.definition = "{}";
    return encode_machine(*row);
  });
  build();
  EXPECT_EQ(describe(arn).status, ExecutionStatus::kRunning);
  sim.advance(std::chrono::minutes(2));
  EXPECT_EQ(describe(arn).status, ExecutionStatus::kFailed);
  EXPECT_EQ(describe(arn).error.value_or(""), "States.Runtime");
}

TEST_F(WorkTest, WhatEndedUnreadIsRedrivenWhenItCanBeRead) {
  performer.works["T"] = FakePerformer::hang;
  const std::string arn = start(machine_of(kTask), "r");
  std::string definition;
  const auto define_as = [&](std::string text) {
    tear_down();
    sim.reopen();
    replace_rows(space("em"), [&](Bytes value) {
      auto row = decode_machine(value);
      definition = std::exchange(row->machine.definition, text);
      return encode_machine(*row);
    });
    build();
  };
  define_as("{}");
  let_end(arn);
  EXPECT_EQ(describe(arn).status, ExecutionStatus::kFailed);
  EXPECT_FALSE(sim.run(executions->redrive(arn, "")));
  define_as(definition);
  performer.works.clear();
  const auto redriven = sim.run(executions->redrive(arn, ""));
  ASSERT_TRUE(redriven) << message(redriven);
  let_end(arn);
  EXPECT_EQ(describe(arn).status, ExecutionStatus::kSucceeded);
  EXPECT_EQ(told(arn),
            "ExecutionStarted 0\nTaskStateEntered 0\nTaskScheduled 2\nExecutionFailed 3\n"
            "ExecutionRedriven 4\nTaskScheduled 5\nTaskStarted 6\nTaskSucceeded 7\n"
            "TaskStateExited 8\nExecutionSucceeded 9\n");
  EXPECT_EQ(rows(space("f")), 0U);
  EXPECT_EQ(executions->parts().open_executions, 0U);
}

TEST_F(WorkTest, ExpressTellsItsEndBeforeItsCallsEnd) {
  Signal release(sim.kernel().shards.executor(0));
  bool released = false;
  performer.works["T"] = [&](TaskCall, TaskReporter&) -> Task<void> {
    while (!released) co_await release.wait();
  };
  std::string definition = R"({"TimeoutSeconds":5,"StartAt":"T","States":{"T":{"Type":"Task",
    "Resource":"arn:aws:states:::aws-sdk:sqs:sendMessage","Parameters":{},"End":true}}})";
  auto told = sim.spawn(executions->run_sync(
      request_of(machine_of(definition, workflow::MachineType::kExpress), "")));
  sim.advance(std::chrono::seconds(6));
  ASSERT_TRUE(sim.is_ready(told));
  auto record = told.get();
  ASSERT_TRUE(record) << message(record);
  EXPECT_EQ(record->status, ExecutionStatus::kTimedOut);
  released = true;
  release.notify_all();
  sim.settle();
}

// Many small steps are more than one commit can hold, each alone is not.
TEST_F(WorkTest, ManyLargeArgumentsAreCutIntoCommits) {
  std::string branches;
  for (int i = 0; i < 300; ++i) {
    branches += fmt::format(R"({}{{"StartAt":"T{}","States":{{"T{}":{{"Type":"Task",
      "Resource":"arn:aws:states:::aws-sdk:sqs:sendMessage","ResultPath":null,
      "Parameters":{{"v.$":"$$.Execution.Input.v"}},"End":true}}}}}})",
                            i == 0 ? "" : ",", i, i);
  }
  MachineAtStart machine = machine_of(R"({"StartAt":"E","States":{
    "E":{"Type":"Pass","Result":{},"Next":"P"},
    "P":{"Type":"Parallel","End":true,"Branches":[)" +
                                      branches + "]}}}");
  std::string arn =
      start(std::move(machine), "wide", R"({"v":")" + std::string(250'000, 'x') + "\"}");
  let_end(arn);
  EXPECT_EQ(describe(arn).status, ExecutionStatus::kSucceeded) << describe(arn).cause.value_or("");
}

// The reads that a step needs are refused while a chain goes on: nothing else would wake it.
TEST_F(WorkTest, AChainGoesOnWhenItsReadsAreRefused) {
  tear_down();
  config.limits.events_max = 20'000;
  sim.reopen();
  build();
  MachineAtStart machine = machine_of(fmt::format(R"({{"StartAt":"A","States":{{
    "A":{{"Type":"Pass","Next":"B"}},"B":{{"Type":"Choice","Default":"A","Choices":[
      {{"Variable":"$.over","IsPresent":true,"Next":"C"}}]}},
    "C":{{"Type":"Task","Resource":"{}","End":true}}}}}})",
                                                  kActivityArn));
  // One that this thread's first shard owns: it hears of the start while the chain goes on.
  std::string name = "chain";
  auto arn_of = [&] { return "arn:aws:states:ap-northeast-1:000000000000:execution:m:" + name; };
  while (sim.kernel().shards.owner_index(arn_hash(arn_of()).view()) != 0) name += "n";
  auto begun = [&]() -> Task<void> {
    auto started = co_await executions->start(request_of(std::move(machine), name));
    EXPECT_TRUE(started);
    sim.store().refuse_gets(1, keys::activity("a"));
  };
  sim.run(begun());
  const std::string arn = arn_of();
  let_end(arn);
  EXPECT_EQ(describe(arn).status, ExecutionStatus::kFailed);
}

// An occurrence that finds the store busy is reported again, and nothing is lost or done twice.
TEST_F(WorkTest, ABusyStoreIsAskedAgain) {
  performer.works["F"] = FakePerformer::submit;
  std::string arn = start(machine_of(kEverything), "b", R"({"items":[1,2]})");
  for (int i = 0; i < 20; ++i) {
    sim.store().refuse_commits(3);
    sim.advance(std::chrono::seconds(2));
  }
  performer.works.clear();
  sim.store().refuse_commits(0);
  sim.advance(std::chrono::minutes(1));
  uint64_t next = 1;
  for (const auto& event : history(arn)) EXPECT_EQ(event.id, next++);
  EXPECT_EQ(describe(arn).status, ExecutionStatus::kRunning);  // it waits for its callback
}

// Steps that compute much let others of the shard have their turn, though they make few events.
TEST_F(WorkTest, WorkThatIsLargeIsDividedIntoTurns) {
  constexpr int kItems = 12;
  const std::string definition = R"({"QueryLanguage":"JSONata","StartAt":"M","States":{
    "M":{"Type":"Map","Items":"{% [1..12] %}","ItemProcessor":{"StartAt":"I","States":{
      "I":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sqs:sendMessage.waitForTaskToken",
           "Arguments":{"t":"{% $states.context.Task.Token %}"},
           "Output":"{% $sum([1..500].($ * 2)) %}","End":true}}},"Next":"N"},
    "N":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sqs:sendMessage",
         "Arguments":{},"End":true}}})";
  std::vector<uint64_t> ticks;
  uint64_t at_end = 0;
  performer.works["I"] = FakePerformer::submit;
  performer.works["N"] = [&](TaskCall call, TaskReporter& reporter) -> Task<void> {
    at_end = ticks[sim.shards().current()];
    co_await FakePerformer::succeed(std::move(call), reporter);
  };
  // Turns that others got until all results were taken, which come at once.
  auto turns = [&](std::string name) {
    performer.performed.clear();
    EXPECT_FALSE(start(machine_of(definition), std::move(name)).empty());
    EXPECT_EQ(performer.performed.size(), size_t{kItems});
    std::vector<std::future<Result<void>>> answers;
    for (const auto& call : performer.performed) {
      answers.push_back(asio::co_spawn(sim.shards().executor(0),
                                       executions->task_succeeded(call.effect.token, "1"),
                                       asio::use_future));
    }
    ticks.assign(sim.kernel().shards.size(), 0);
    std::function<void(size_t)> tick = [&](size_t shard) {
      if (++ticks[shard] >= 10'000) return;
      asio::post(sim.shards().executor(shard), [&tick, shard] { tick(shard); });
    };
    for (size_t shard = 0; shard < ticks.size(); ++shard) tick(shard);
    at_end = 0;
    sim.settle();
    EXPECT_GT(at_end, 0U);
    for (auto& answer : answers) EXPECT_TRUE(answer.get());
    return at_end;
  };
  const uint64_t undivided = turns("a");
  tear_down();
  config.limits.step_work_max = 1'000;
  sim.reopen();
  build();
  EXPECT_GE(turns("b"), undivided + kItems / 2);
}

class CrashTest : public WorkTest {
 protected:
  void arrange() {
    performer = {};
    attempts.clear();
    performer.works["I"] = [this](TaskCall call, TaskReporter& reporter) -> Task<void> {
      // Each item fails on its first attempt: by its effect, which is the same after a crash.
      bool is_first =
          call.effect.arguments == "{\"v\":2}" && (attempts.empty() || attempts.contains(call.key));
      if (is_first) {
        attempts.insert(call.key);
        co_await FakePerformer::fail_with(std::move(call), reporter, "Flaky");
      } else {
        co_await FakePerformer::succeed(std::move(call), reporter);
      }
    };
    performer.works["F"] = [](TaskCall call, TaskReporter& reporter) {
      return FakePerformer::fail_with(std::move(call), reporter, "Final");
    };
  }
  // Types of the events, sorted: siblings may come in another order after a crash.
  std::vector<std::string> kinds(const std::string& arn) {
    std::vector<std::string> out;
    uint64_t next = 1;
    for (const auto& event : history(arn)) {
      EXPECT_EQ(event.id, next++);
      out.emplace_back(workflow::event_type_name(event.type));
    }
    std::ranges::sort(out);
    return out;
  }
  std::set<std::string> attempts;
};

TEST_F(CrashTest, EndsAsItsTwinWhereverItCrashes) {
  arrange();
  std::string input = R"({"items":[1,2,3,4]})";
  std::string twin = start(machine_of(kEverything), "twin", input);
  let_end(twin);
  ASSERT_EQ(describe(twin).status, ExecutionStatus::kSucceeded) << told(twin);
  const std::vector<std::string> expected = kinds(twin);
  const std::optional<std::string> output = describe(twin).output;
  for (int commits = 1; commits <= 40; ++commits) {
    arrange();
    std::string name = "crash" + std::to_string(commits);
    std::string arn = start(machine_of(kEverything), name, input);
    sim.store().crash_after(commits);
    sim.advance(std::chrono::minutes(2));
    bool has_crashed = sim.store().crashed();
    restart();
    let_end(arn);
    EXPECT_EQ(describe(arn).status, ExecutionStatus::kSucceeded) << commits;
    EXPECT_EQ(describe(arn).output, output) << commits;
    EXPECT_EQ(kinds(arn), expected) << commits;
    EXPECT_EQ(rows(space("f")), 0U) << commits;
    if (!has_crashed) break;  // it had ended before
  }
}

TEST_F(CrashTest, ManyWaitingExecutionsCostNoMemory) {
  tear_down();
  config.cache_bytes = 0;
  sim.reopen();
  build();
  MachineAtStart machine = machine_of(kCallback);
  performer.works["C"] = FakePerformer::submit;
  for (int i = 0; i < 50; ++i) start(machine, "w" + std::to_string(i));
  EXPECT_EQ(executions->cached_bytes(), 0U);
  std::vector<std::string> tokens;
  for (const auto& call : performer.performed) tokens.push_back(call.effect.token);
  restart();
  for (const std::string& token : tokens) {
    EXPECT_EQ(code(sim.run(executions->task_succeeded(token, "1"))), "ok");
  }
  EXPECT_EQ(executions->parts().open_executions, 0U);
}

}  // namespace
}  // namespace suiro::states
