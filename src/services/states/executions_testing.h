// SPDX-License-Identifier: Apache-2.0
// Helpers of the tests of executions: the runtime over a simulated kernel, and a Performer that
// does what a test tells it, state by state.
#pragma once

#include <gtest/gtest.h>

#include "kernel/event/testing.h"
#include "services/states/executions_durable.h"

namespace suiro::states {

class FakePerformer final : public Performer {
 public:
  using Work = std::function<Task<void>(TaskCall call, TaskReporter& reporter)>;

  Task<void> perform(TaskCall call, TaskReporter& reporter) override {
    performed.push_back(call);
    auto work = works.find(call.effect.state);
    if (work != works.end()) {
      co_await work->second(std::move(call), reporter);
      co_return;
    }
    co_await succeed(std::move(call), reporter);
  }
  Task<Result<void>> cancel(TaskCall call) override {
    if (busy_cancels > 0 && busy_cancels-- > 0) {
      co_return fail(codes::kThrottled, "busy", Retry::kLater);
    }
    cancelled.push_back(std::move(call));
    co_return ok();
  }

  // Answers with the arguments.
  static Task<void> succeed(TaskCall call, TaskReporter& reporter) {
    auto begun = co_await reporter.report(workflow::EffectStarted{.effect = call.effect.id});
    if (!begun) co_return;
    static_cast<void>(co_await reporter.report(
        workflow::EffectSucceeded{call.effect.id, std::move(call.effect.arguments)}));
  }
  static Task<void> fail_with(TaskCall call, TaskReporter& reporter, std::string error) {
    static_cast<void>(co_await reporter.report(workflow::EffectFailed{
        call.effect.id, std::move(error), "it broke", workflow::FailureStage::kRun}));
  }
  // Hands the request in, and leaves the rest to a callback.
  static Task<void> submit(TaskCall call, TaskReporter& reporter) {
    static_cast<void>(co_await reporter.report(workflow::EffectStarted{.effect = call.effect.id}));
    static_cast<void>(
        co_await reporter.report(workflow::EffectSubmitted{call.effect.id, "{\"sent\":true}"}));
  }
  // Does not end by itself.
  static Task<void> hang(TaskCall, TaskReporter& reporter) {
    while (!reporter.cancelled()) co_await reporter.wait(std::chrono::hours(1));
  }

  std::map<std::string, Work> works;  // by the name of the state
  std::vector<TaskCall> performed;
  std::vector<TaskCall> cancelled;
  int busy_cancels = 0;  // that are refused before one is taken
};

class FakeLogs final : public event::LogSink {
 public:
  explicit FakeLogs(event::SimKernel& sim) : sim_(sim) {}
  void append(std::string, std::string, std::vector<event::LogLine> more) override {
    for (auto& line : more) lines.push_back(std::move(line.message));
  }
  Task<Result<void>> write(std::string group, std::string, std::vector<event::LogLine> more,
                           store::Batch also) override {
    CO_TRY_VOID(co_await sim_.store().commit(std::move(also)));
    groups.insert(group);
    for (auto& line : more) lines.push_back(std::move(line.message));
    co_return ok();
  }
  std::vector<std::string> lines;
  std::set<std::string> groups;

 private:
  event::SimKernel& sim_;
};

class FakeListeners final : public event::Listeners {
 public:
  bool listens(std::string_view source) const override { return sources.contains(source); }
  std::set<std::string, std::less<>> sources;
};

// Keeps what a bus is told.
class FakeBus final : public event::Target {
 public:
  explicit FakeBus(event::SimKernel& sim) : sim_(sim) {}
  Task<Result<void>> deliver(event::Event event, store::Batch consume) override {
    CO_TRY_VOID(co_await sim_.store().commit(std::move(consume)));
    told.push_back(std::move(event.payload));
    co_return ok();
  }
  Task<Result<void>> accepts(std::string, event::Sender) override { co_return ok(); }
  std::vector<std::string> told;

 private:
  event::SimKernel& sim_;
};

class ExecutionsTest : public ::testing::Test {
 protected:
  ExecutionsTest() : logs(sim), bus(sim) { build(); }
  ~ExecutionsTest() override { tear_down(); }

  void build() {
    sim.kernel().logs = &logs;
    if (with_bus) sim.kernel().targets.add_target("events", &bus);
    runs = std::make_unique<MapRuns>(sim.kernel(), nullptr, config.map_children_max);
    executions = std::make_unique<DurableExecutions>(sim.kernel(), config, performer, runs.get());
    runs->connect(*executions);
    if (listeners) executions->use(*listeners);
    check(sim.run(executions->open()));
    sim.start();
    check(sim.run(executions->resume()));
  }
  void tear_down() {
    if (!executions) return;
    sim.stop();
    auto closed = sim.spawn(executions->close());
    for (int i = 0; i < 10 && !sim.is_ready(closed); ++i) sim.advance(Millis(1000));
    ASSERT_TRUE(sim.is_ready(closed));
    executions.reset();
  }
  void restart() {
    tear_down();
    sim.reopen();
    build();
  }
  void crash_and_restart() {
    sim.crash();
    restart();
  }
  static void check(Result<void> result) {
    ASSERT_TRUE(result) << result.error().code << ": " << result.error().message;
  }

  static constexpr const char* kMachine =
      "arn:aws:states:ap-northeast-1:000000000000:stateMachine:m";
  static MachineAtStart machine_of(std::string definition,
                                   workflow::MachineType type = workflow::MachineType::kStandard) {
    MachineAtStart machine;
    machine.machine_arn = kMachine;
    machine.name = "m";
    machine.role_arn = "arn:aws:iam::000000000000:role/r";
    machine.revision_id = "1";
    machine.type = type;
    auto compiled = workflow::compile(definition, {.type = type});
    EXPECT_TRUE(compiled.plan) << compiled.summary();
    machine.plan = compiled.plan;
    machine.definition = std::move(definition);
    return machine;
  }
  static StartRequest request_of(MachineAtStart machine, std::string name,
                                 std::string input = "{}") {
    StartRequest request;
    request.machine = std::move(machine);
    request.name = std::move(name);
    request.input = std::move(input);
    return request;
  }
  // Empty where it could not be started.
  std::string start(MachineAtStart machine, std::string name, std::string input = "{}") {
    auto reply = sim.run(
        executions->start(request_of(std::move(machine), std::move(name), std::move(input))));
    EXPECT_TRUE(reply) << message(reply);
    return reply ? reply->execution_arn : "";
  }
  ExecutionRecord describe(const std::string& arn) {
    auto record = sim.run(executions->describe(arn));
    EXPECT_TRUE(record) << message(record);
    return record ? *record : ExecutionRecord();
  }
  static std::string message(const auto& result) {
    return result ? "ok" : result.error().code + ": " + result.error().message;
  }
  static std::string code(const auto& result) { return result ? "ok" : result.error().code; }
  std::vector<workflow::HistoryEvent> history(const std::string& arn) {
    std::vector<workflow::HistoryEvent> events;
    HistoryRequest request{.execution_arn = arn, .results_max = 1000};
    do {
      auto page = sim.run(executions->history(request));
      EXPECT_TRUE(page) << message(page);
      if (!page) break;
      for (auto& event : page->events) events.push_back(std::move(event));
      request.next_token = page->next_token;
    } while (!request.next_token.empty());
    return events;
  }
  // "ExecutionStarted 0, PassStateEntered 0, ...": with the ids of the causes.
  std::string told(const std::string& arn) {
    std::string out;
    uint64_t next = 1;
    for (const auto& event : history(arn)) {
      EXPECT_EQ(event.id, next++);
      out += fmt::format("{} {}\n", workflow::event_type_name(event.type), event.previous_id);
    }
    return out;
  }
  static store::Key space(const char* letters) { return std::string("w\1", 2) + letters; }
  size_t rows(store::Key prefix) {
    auto page = sim.run(sim.store().scan({.range = store::KeyRange::prefix(std::move(prefix))}));
    return page ? page->entries.size() : SIZE_MAX;
  }
  // Each row of a space gets another value. Between tear_down() and build().
  void replace_rows(store::Key prefix, const std::function<Bytes(Bytes)>& change) {
    auto page = sim.run(sim.store().scan({.range = store::KeyRange::prefix(std::move(prefix))}));
    ASSERT_TRUE(page);
    ASSERT_FALSE(page->entries.empty());
    store::Batch batch;
    for (auto& entry : page->entries) batch.put(entry.key, change(std::move(entry.value)));
    ASSERT_TRUE(sim.run(sim.store().commit(std::move(batch))));
  }
  // Time passes until nothing changes for a minute.
  void let_end(const std::string& arn, Millis at_most = std::chrono::minutes(10)) {
    ASSERT_FALSE(arn.empty());
    for (Millis passed{0}; passed < at_most; passed += std::chrono::seconds(5)) {
      if (describe(arn).status != workflow::ExecutionStatus::kRunning) return;
      sim.advance(std::chrono::seconds(5));
    }
  }

  bool with_bus = false;
  std::optional<FakeListeners> listeners;  // before build()
  RuntimeConfig config;
  event::SimKernel sim;
  FakeLogs logs;
  FakeBus bus;
  FakePerformer performer;
  std::unique_ptr<MapRuns> runs;
  std::unique_ptr<DurableExecutions> executions;
};

}  // namespace suiro::states
