// SPDX-License-Identifier: Apache-2.0
// Tasks against services that answer what a test says: tests/golden/workflow/integrations, and what
// needs a crash, a cancellation or a machine.
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <fstream>

#include "kernel/event/http_connections_testing.h"
#include "kernel/event/role_permissions_testing.h"
#include "kernel/event/testing.h"
#include "services/states/performer_services.h"

namespace suiro::states {
namespace {

const std::string kKey(64, 'a');
constexpr const char* kMachine = "arn:aws:states:us-east-1:111111111111:stateMachine:m";
constexpr const char* kExecution = "arn:aws:states:us-east-1:111111111111:execution:m:x";

struct Answer {
  std::string output;
  std::optional<Error> error = {};
  event::OperationCaller::Fault facts = {};
};

class FakeOperations final : public event::OperationCaller {
 public:
  Result<void> check(std::string, std::string) const override { return ok(); }
  Fault fault_of(std::string, const Error&) const override { return facts; }
  Task<Result<std::string>> call(Request request) override {
    requests.push_back(request);
    if (on_call) on_call();
    if (answers.empty()) co_return fail("Unexpected", "no call was expected");
    Answer answer = std::move(answers.front());
    answers.pop_front();
    facts = answer.facts;
    if (answer.error) co_return fail(*answer.error);
    co_return answer.output;
  }
  std::deque<Answer> answers;
  std::vector<Request> requests;
  std::function<void()> on_call;
  Fault facts;
};

class FakeReporter final : public TaskReporter {
 public:
  explicit FakeReporter(Clock& clock) : clock_(clock) {}
  Task<Result<void>> report(workflow::Occurrence occurrence) override {
    if (closed) co_return fail(codes::kClosed, "nobody waits", closed_retry);
    reports.push_back(std::move(occurrence));
    co_return ok();
  }
  Task<Result<void>> save(Bytes notes) override {
    saved = std::move(notes);
    co_return ok();
  }
  Task<Result<void>> report_and_save(workflow::Occurrence occurrence, Bytes notes) override {
    auto done = co_await report(std::move(occurrence));
    if (done) saved = std::move(notes);
    co_return done;
  }
  bool cancelled() const override { return is_cancelled; }
  Task<void> wait(Millis duration) override {
    ++waits;
    co_await clock_.sleep_for(duration);
  }
  std::vector<workflow::Occurrence> reports;
  Bytes saved;
  bool closed = false;
  Retry closed_retry = Retry::kNever;
  bool is_cancelled = false;
  int waits = 0;

 private:
  Clock& clock_;
};

// Executions that have ended as a test says.
class FakeExecutions final : public Executions {
 public:
  Task<Result<ExecutionRecord>> ended(std::string arn, std::shared_ptr<Cancellation>) override {
    asked.push_back(arn);
    co_return record;
  }
  Task<Result<ExecutionRecord>> describe(std::string arn) override {
    asked.push_back(arn);
    co_return record;
  }
  Task<Result<StartReply>> start(StartRequest) override { co_return none(); }
  Task<Result<ExecutionRecord>> run_sync(StartRequest) override { co_return none(); }
  Task<Result<TimePoint>> stop(std::string, std::optional<std::string>,
                               std::optional<std::string>) override {
    co_return none();
  }
  Task<Result<TimePoint>> redrive(std::string, std::string) override { co_return none(); }
  Task<Result<ListPage>> list(ListRequest) override { co_return none(); }
  Task<Result<HistoryPage>> history(HistoryRequest) override { co_return none(); }
  Task<Result<bool>> any_running(std::string) override { co_return none(); }
  Task<Result<void>> task_succeeded(std::string, std::string) override { co_return none(); }
  Task<Result<void>> task_failed(std::string, std::string, std::string) override {
    co_return none();
  }
  Task<Result<void>> task_heartbeat(std::string) override { co_return none(); }
  Task<Result<ActivityTask>> take_activity_task(std::string, std::string,
                                                std::shared_ptr<Cancellation>) override {
    co_return none();
  }
  Result<ExecutionRecord> record = fail("ExecutionDoesNotExist", "there is none");
  std::vector<std::string> asked;

 private:
  static std::unexpected<Error> none() { return fail(codes::kNotImplemented, "not in this test"); }
};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

json::Value json_or_text(const std::string& text) {
  auto parsed = json::parse(text);
  return parsed ? *std::move(parsed) : json::Value(text);
}

json::Value member(std::string name, json::Value value) {
  json::Object out;
  out.set(std::move(name), std::move(value));
  return out;
}

class PerformerTest : public ::testing::Test {
 protected:
  PerformerTest() {
    performer.use(executions);
    sim.start();
  }

  TaskCall call(std::string_view resource, std::string arguments) {
    TaskCall out{.execution_arn = kExecution,
                 .machine_arn = kMachine,
                 .role_arn = "arn:aws:iam::111111111111:role/r",
                 .effect = {.id = 7, .state = "S", .arguments = std::move(arguments)},
                 .key = kKey,
                 .saved = {},
                 .cause = {}};
    auto parsed = workflow::parse_resource(resource);
    EXPECT_TRUE(parsed) << resource;
    if (parsed) out.effect.resource = *parsed;
    return out;
  }
  void perform(TaskCall task) {
    auto performed = sim.spawn(performer.perform(std::move(task), reporter));
    sim.advance(std::chrono::seconds(10));
    performed.get();
  }

  std::string described(const workflow::Occurrence& occurrence) const {
    json::Value out = "other";
    if (const auto* start = std::get_if<workflow::EffectStarted>(&occurrence)) {
      EXPECT_EQ(start->effect, 7U);
      out = "started";
    } else if (const auto* done = std::get_if<workflow::EffectSucceeded>(&occurrence)) {
      out = member("succeeded", json_or_text(done->output));
    } else if (const auto* told = std::get_if<workflow::EffectSubmitted>(&occurrence)) {
      out = member("submitted", json_or_text(told->output));
      out.edit_object().set("notes", std::string(reporter.saved));
    } else if (const auto* failed = std::get_if<workflow::EffectFailed>(&occurrence)) {
      json::Object fault;
      fault.set("error", failed->error.value_or(""));
      fault.set("cause", failed->cause.value_or(""));
      fault.set("stage", failed->stage == workflow::FailureStage::kSubmit ? "submit" : "run");
      out = member("failed", std::move(fault));
    }
    return normal(json::write(out));
  }
  std::string normal(std::string text) const {
    replace_all(text, kKey, "<key>");
    replace_all(text, format_http_date(begun), "<date>");
    for (const auto& request : operations.requests) {
      replace_all(text, request.request_id, "<request>");
      replace_all(text, base64_encode(request.request_id), "<extended>");
    }
    return text;
  }
  // Null where the last report is none.
  const workflow::EffectFailed* failure() const {
    return reporter.reports.empty() ? nullptr
                                    : std::get_if<workflow::EffectFailed>(&reporter.reports.back());
  }
  void answer(std::string output) { operations.answers.push_back({.output = std::move(output)}); }

  event::SimKernel sim;
  TimePoint begun = sim.clock().now();
  FakeOperations operations;
  FakeExecutions executions;
  FakeReporter reporter{sim.clock()};
  http_out::Client client{{}};
  event::FakeRolePermissions permissions;
  event::FakeHttpConnections connections;
  ServicePerformer performer{sim.kernel(), {operations, permissions, connections, client}};
};

Answer answer_of(const json::Value& expected) {
  const json::Value* error = expected.find("error");
  if (error == nullptr) return {.output = json::write(*expected.find("answer"))};
  Answer out;
  out.error = Error{text_of(*error, "code"), text_of(*error, "message")};
  if (const json::Value* status = error->find("status")) {
    out.facts = {.status = static_cast<int>(status->as_integer()),
                 .modelled = error->find("modelled")->as_bool(),
                 .service_code = text_of(*error, "service_code")};
  }
  return out;
}

TEST_F(PerformerTest, Golden) {
  std::ifstream file(std::filesystem::path(SUIRO_SOURCE_DIR) /
                     "tests/golden/workflow/integrations/tasks.jsonl");
  size_t cases = 0;
  for (std::string line; std::getline(file, line); ++cases) {
    auto parsed = json::parse(line);
    ASSERT_TRUE(parsed) << line;
    SCOPED_TRACE(text_of(*parsed, "name"));
    reporter.reports.clear();
    reporter.saved.clear();
    begun = sim.clock().now();
    operations.requests.clear();
    operations.answers.clear();
    const json::Array& calls = parsed->find("calls")->as_array();
    for (const json::Value& expected : calls) operations.answers.push_back(answer_of(expected));
    perform(call(text_of(*parsed, "resource"), json::write(*parsed->find("arguments"))));

    ASSERT_EQ(operations.requests.size(), calls.size());
    for (size_t i = 0; i < calls.size(); ++i) {
      const auto& sent = operations.requests[i];
      EXPECT_EQ(sent.service + "." + sent.operation, text_of(calls[i], "operation"));
      EXPECT_EQ(json_or_text(normal(sent.json)), *calls[i].find("request")) << sent.json;
      EXPECT_EQ(sent.principal, "states.amazonaws.com");
      EXPECT_EQ(sent.source_arn, kMachine);
    }
    const json::Array& reports = parsed->find("reports")->as_array();
    ASSERT_EQ(reporter.reports.size(), reports.size());
    for (size_t i = 0; i < reports.size(); ++i) {
      const std::string told = described(reporter.reports[i]);
      EXPECT_EQ(json_or_text(told), reports[i]) << told;
    }
  }
  EXPECT_GT(cases, 20U);
}

TEST_F(PerformerTest, CallsAreMadeInTheRoleOfTheMachine) {
  answer("{}");
  perform(call("arn:aws:states:::aws-sdk:sqs:listQueues", "{}"));
  ASSERT_EQ(operations.requests.size(), 1U);
  EXPECT_EQ(operations.requests[0].role_arn, "arn:aws:iam::111111111111:role/r");
}

TEST_F(PerformerTest, ACallbackIsNotAskedForAgain) {
  TaskCall task = call("arn:aws:states:::sqs:sendMessage.waitForTaskToken", "{}");
  task.saved = "callback";
  perform(std::move(task));
  EXPECT_TRUE(operations.requests.empty());
  EXPECT_TRUE(reporter.reports.empty());
}

constexpr const char* kSync = "arn:aws:states:::states:startExecution.sync";
constexpr const char* kChild = "arn:aws:states:us-east-1:111111111111:execution:c:n";

ExecutionRecord child() {
  ExecutionRecord out{.arn = kChild, .name = "n"};
  out.machine.machine_arn = "arn:aws:states:us-east-1:111111111111:stateMachine:c";
  out.status = workflow::ExecutionStatus::kSucceeded;
  out.start = TimePoint(Millis(5));
  out.stop = TimePoint(Millis(9));
  out.input = R"({"a":1})";
  out.output = R"({"b":2})";
  return out;
}

TEST_F(PerformerTest, AnExecutionThatSucceeds) {
  executions.record = child();
  for (const auto& [resource, output] :
       {std::pair(std::string(kSync), R"("Output":"{\"b\":2}")"),
        std::pair(std::string(kSync) + ":2", R"("Output":{"b":2})")}) {
    answer(fmt::format(R"({{"ExecutionArn":"{}","StartDate":5}})", kChild));
    reporter.reports.clear();
    perform(call(resource, R"({"StateMachineArn":"c"})"));
    ASSERT_EQ(reporter.reports.size(), 3U);
    EXPECT_EQ(reporter.saved, kChild);
    const auto* done = std::get_if<workflow::EffectSucceeded>(&reporter.reports.back());
    ASSERT_NE(done, nullptr);
    EXPECT_NE(done->output.find(output), done->output.npos) << done->output;
    EXPECT_NE(done->output.find(R"("StartDate":5,)"), done->output.npos) << done->output;
  }
}

TEST_F(PerformerTest, AnExecutionThatFailsAfterACrashOfItsStarter) {
  ExecutionRecord record = child();
  record.status = workflow::ExecutionStatus::kFailed;
  record.output.reset();
  record.error = "E";
  record.cause = "C";
  executions.record = record;
  TaskCall task = call(kSync, R"({"StateMachineArn":"c"})");
  task.saved = kChild;
  perform(std::move(task));
  EXPECT_TRUE(operations.requests.empty());
  ASSERT_NE(failure(), nullptr);
  EXPECT_EQ(failure()->error, "States.TaskFailed");
  EXPECT_EQ(failure()->stage, workflow::FailureStage::kRun);
  const std::string cause = failure()->cause.value_or("");
  EXPECT_TRUE(cause.starts_with(R"({"Cause":"C","Error":"E","ExecutionArn":)")) << cause;
}

TEST_F(PerformerTest, AnExecutionOfTheCallsOwnNameIsTheOneThatWasStarted) {
  executions.record = child();
  const std::string arguments = fmt::format(R"({{"StateMachineArn":"{}"}})", kMachine);
  Answer exists{.output = {},
                .error = Error{"ExecutionAlreadyExists", "there"},
                .facts = {.status = 400, .modelled = true, .service_code = {}}};
  operations.answers.push_back(exists);
  perform(call("arn:aws:states:::states:startExecution", arguments));
  ASSERT_EQ(executions.asked.size(), 1U);
  EXPECT_TRUE(executions.asked[0].ends_with(":execution:m:" + kKey)) << executions.asked[0];
  EXPECT_TRUE(std::holds_alternative<workflow::EffectSucceeded>(reporter.reports.back()));

  // A name that the state gave may be anybody's.
  operations.answers.push_back(exists);
  perform(call("arn:aws:states:::states:startExecution",
               fmt::format(R"({{"StateMachineArn":"{}","Name":"n"}})", kMachine)));
  ASSERT_NE(failure(), nullptr);
  EXPECT_EQ(failure()->error, "StepFunctions.ExecutionAlreadyExistsException");
}

TEST_F(PerformerTest, CancelStopsWhatSyncBegan) {
  TaskCall task = call(kSync, "{}");
  task.saved = kChild;
  answer("{}");
  EXPECT_TRUE(sim.run(performer.cancel(task)));
  ASSERT_EQ(operations.requests.size(), 1U);
  EXPECT_EQ(operations.requests[0].operation, "stopExecution");
  EXPECT_EQ(operations.requests[0].json, fmt::format(R"({{"ExecutionArn":"{}"}})", kChild));

  // A crash came before the notes: its name is the call's.
  operations.requests.clear();
  task = call(kSync, fmt::format(R"({{"StateMachineArn":"{}"}})", kMachine));
  answer("{}");
  EXPECT_TRUE(sim.run(performer.cancel(task)));
  ASSERT_EQ(operations.requests.size(), 1U);
  EXPECT_NE(operations.requests[0].json.find(":execution:m:" + kKey), std::string::npos);

  task = call("arn:aws:states:::ecs:runTask.sync", "{}");
  task.saved = R"({"Cluster":"c1","Task":"t1"})";
  answer("{}");
  EXPECT_TRUE(sim.run(performer.cancel(task)));
  ASSERT_EQ(operations.requests.size(), 2U);
  EXPECT_EQ(operations.requests[1].operation, "stopTask");
}

// A crash came between the call and what notes its answer.
TEST_F(PerformerTest, CancelStopsWhatMayHaveBegunBeforeACrash) {
  std::string noted;
  operations.on_call = [&] {
    noted = reporter.saved;
    reporter.is_cancelled = true;
  };
  const TaskCall task = call("arn:aws:states:::ecs:runTask.sync", R"({"TaskDefinition":"t"})");
  const char* running = R"({"Tasks":[{"ClusterArn":"c1","TaskArn":"t1"}]})";
  answer(running);
  perform(task);
  ASSERT_EQ(operations.requests.size(), 1U);
  ASSERT_FALSE(noted.empty());
  const std::string request = operations.requests[0].json;
  EXPECT_NE(request.find(kKey), std::string::npos);

  operations.requests.clear();
  TaskCall after = task;
  after.saved = noted;
  operations.answers.push_back({.output = {},
                                .error = Error{std::string(codes::kThrottled), "", Retry::kLater},
                                .facts = {}});
  auto stopped = sim.run(performer.cancel(after));
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().retry, Retry::kLater);
  answer(running);
  answer("{}");
  EXPECT_TRUE(sim.run(performer.cancel(after)));
  ASSERT_EQ(operations.requests.size(), 3U);
  EXPECT_EQ(operations.requests[1].operation, "runTask");
  EXPECT_EQ(operations.requests[1].json, request);
  EXPECT_EQ(operations.requests[2].operation, "stopTask");
  EXPECT_EQ(operations.requests[2].json,
            R"({"Cluster":"c1","Task":"t1","Reason":"Requested by AWS Step Functions"})");

  // What was never called has begun nothing.
  operations.requests.clear();
  EXPECT_TRUE(sim.run(performer.cancel(task)));
  EXPECT_TRUE(operations.requests.empty());
}

class NamedChildTest : public PerformerTest {
 protected:
  // As after a crash behind the call.
  TaskCall begun_before() {
    TaskCall task = call(kSync, kNamed);
    task.cause = {"1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8"};
    operations.on_call = [this] {
      noted = reporter.saved;
      reporter.is_cancelled = true;
    };
    answer(fmt::format(R"({{"ExecutionArn":"{}","StartDate":5}})", kOwn));
    perform(task);
    operations.on_call = nullptr;
    operations.requests.clear();
    reporter.is_cancelled = false;
    reporter.reports.clear();
    EXPECT_FALSE(noted.empty());
    task.saved = noted;
    ExecutionRecord record = child();
    record.arn = kOwn;
    record.start = sim.clock().now();
    record.started_by = task.cause;
    executions.record = record;
    return task;
  }
  const std::string kOwn = "arn:aws:states:us-east-1:111111111111:execution:m:n";
  const std::string kNamed =
      fmt::format(R"({{"StateMachineArn":"{}","Name":"n","Input":{{"a":1}}}})", kMachine);
  const Answer kExists{.output = {},
                       .error = Error{"ExecutionAlreadyExists", "there"},
                       .facts = {.status = 400, .modelled = true, .service_code = {}}};
  std::string noted;
};

TEST_F(NamedChildTest, OnesOwnThatEndedWhileTheServerWasDownIsFound) {
  const TaskCall task = begun_before();
  operations.answers.push_back(kExists);
  perform(task);
  EXPECT_EQ(failure(), nullptr);
  ASSERT_FALSE(reporter.reports.empty());
  const auto* done = std::get_if<workflow::EffectSucceeded>(&reporter.reports.back());
  ASSERT_NE(done, nullptr);
  EXPECT_NE(done->output.find(R"("Name":"n")"), done->output.npos) << done->output;
}

TEST_F(NamedChildTest, AnothersOfTheSameNameIsNotOnesOwn) {
  const TaskCall task = begun_before();
  const ExecutionRecord own = *executions.record;
  std::vector<ExecutionRecord> others(3, own);
  others[0].input = R"({"a":2})";
  others[1].started_by.span_id = "another";
  others[2].start = begun - Millis(1);
  for (const ExecutionRecord& other : others) {
    executions.record = other;
    operations.answers.push_back(kExists);
    perform(task);
    ASSERT_NE(failure(), nullptr);
    EXPECT_EQ(failure()->error, "StepFunctions.ExecutionAlreadyExistsException");
    operations.requests.clear();
    EXPECT_TRUE(sim.run(performer.cancel(task)));
    EXPECT_TRUE(operations.requests.empty());
  }
}

TEST_F(NamedChildTest, CancelStopsOnesOwn) {
  const TaskCall task = begun_before();
  answer("{}");
  EXPECT_TRUE(sim.run(performer.cancel(task)));
  ASSERT_EQ(operations.requests.size(), 1U);
  EXPECT_EQ(operations.requests[0].operation, "stopExecution");
  EXPECT_EQ(operations.requests[0].json, fmt::format(R"({{"ExecutionArn":"{}"}})", kOwn));
  executions.record = fail("ExecutionDoesNotExist", "it was never started");
  EXPECT_TRUE(sim.run(performer.cancel(task)));
  EXPECT_EQ(operations.requests.size(), 1U);
}

TEST_F(PerformerTest, ABusyServiceIsLookedAtAgain) {
  TaskCall task = call("arn:aws:states:::ecs:runTask.sync", "{}");
  task.saved = R"({"Cluster":"c1","Task":"t1"})";
  const Error busy{std::string(codes::kThrottled), "busy", Retry::kLater};
  const char* stopped = R"({"Tasks":[{"LastStatus":"STOPPED","Containers":[]}]})";
  operations.answers.push_back({.output = {}, .error = busy, .facts = {}});
  answer(stopped);
  operations.answers.push_back({.output = {}, .error = busy, .facts = {}});
  answer(stopped);
  answer(R"({"TaskDefinition":{"ContainerDefinitions":[]}})");
  perform(task);
  EXPECT_EQ(operations.requests.size(), 5U);
  EXPECT_EQ(failure(), nullptr);

  operations.requests.clear();
  operations.answers.push_back({.output = {}, .error = busy, .facts = {}});
  auto cancelled = sim.run(performer.cancel(task));
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().retry, Retry::kLater);
}

TEST_F(PerformerTest, WhatNobodyAwaitsAfterItBeganIsStopped) {
  answer(fmt::format(R"({{"ExecutionArn":"{}","StartDate":5}})", kChild));
  answer("{}");
  operations.on_call = [this] { reporter.closed = true; };
  perform(call(kSync, R"({"StateMachineArn":"c"})"));
  ASSERT_EQ(operations.requests.size(), 2U);
  EXPECT_EQ(operations.requests[1].operation, "stopExecution");
}

TEST_F(PerformerTest, WhatRunsWhenTheServerStopsGoesOn) {
  answer(fmt::format(R"({{"ExecutionArn":"{}","StartDate":5}})", kChild));
  operations.on_call = [this] {
    reporter.closed = true;
    reporter.closed_retry = Retry::kLater;
  };
  perform(call(kSync, R"({"StateMachineArn":"c"})"));
  EXPECT_EQ(operations.requests.size(), 1U);
}

TEST_F(PerformerTest, AFailureWhileTheServerStopsIsNotTold) {
  operations.answers.push_back(
      {.output = {}, .error = Error{"ServiceException", "the server stops"}, .facts = {}});
  operations.on_call = [this] { reporter.is_cancelled = true; };
  perform(call("arn:aws:states:::lambda:invoke", R"({"FunctionName":"f"})"));
  EXPECT_EQ(reporter.reports.size(), 1U);
}

TEST_F(PerformerTest, AContainerIsLookedAtUntilItIsCancelled) {
  TaskCall task = call("arn:aws:states:::ecs:runTask.sync", "{}");
  task.saved = R"({"Cluster":"c1","Task":"t1"})";
  for (int i = 0; i < 3; ++i) answer(R"({"Tasks":[{"LastStatus":"RUNNING"}]})");
  operations.on_call = [this] { reporter.is_cancelled = operations.requests.size() == 3; };
  perform(std::move(task));
  EXPECT_EQ(operations.requests.size(), 3U);
  EXPECT_EQ(reporter.waits, 2);
  EXPECT_TRUE(reporter.reports.empty());
}

}  // namespace
}  // namespace suiro::states
