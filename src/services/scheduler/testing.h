// SPDX-License-Identifier: Apache-2.0
// Helpers of the tests: a Logic over a simulated kernel, and targets that keep what they are handed
// in the store itself, so that a crash takes schedules and starts alike.
#pragma once

#include <gtest/gtest.h>

#include "kernel/event/role_permissions_testing.h"
#include "kernel/event/testing.h"
#include "services/scheduler/logic.h"
#include "services/scheduler/universal.h"

namespace suiro::scheduler {

// Each delivered event lies under "T" + its own number, whatever its id: a second one shows.
class FakeTarget final : public event::Target {
 public:
  explicit FakeTarget(event::SimKernel& sim) : sim_(sim) {}
  Task<Result<void>> deliver(event::Event event, store::Batch consume) override {
    if (failures > 0) {
      --failures;
      co_return fail("Broken", "the target is broken", Retry::kLater);
    }
    last = event;
    consume.put("T" + sim_.random().uuid(), event.id + " " + event.payload);
    auto done = co_await sim_.store().commit(std::move(consume));
    if (!done) co_return fail(std::move(done).error());
    co_return ok();
  }
  Task<Result<void>> accepts(std::string, event::Sender) override { co_return ok(); }
  int failures = 0;
  event::Event last;

 private:
  event::SimKernel& sim_;
};

class FakeOperations final : public event::OperationCaller {
 public:
  Result<void> check(std::string, std::string operation) const override {
    if (operation == "sendMessage") return ok();
    return fail(codes::kNotImplemented, "no such operation");
  }
  Fault fault_of(std::string, const Error&) const override { return {}; }
  Task<Result<std::string>> call(Request request) override {
    requests.push_back(request);
    if (failures > 0) {
      --failures;
      co_return fail("ThrottlingException", "slow down", Retry::kLater);
    }
    co_return std::string("{}");
  }
  std::vector<Request> requests;
  int failures = 0;
};

class SchedulerTest : public ::testing::Test {
 protected:
  SchedulerTest() { build(); }
  ~SchedulerTest() override { tear_down(); }

  void build() {
    target = std::make_unique<FakeTarget>(sim);
    for (const char* service : {"sqs", "lambda", "ecs", "kinesis", "events"}) {
      sim.kernel().targets.add_target(service, target.get());
    }
    universal = std::make_unique<UniversalTarget>(sim.kernel(), operations);
    sim.kernel().targets.add_target("scheduler", universal.get());
    logic = std::make_unique<Logic>(sim.kernel(), operations, permissions, defaults);
    (void)sim.run(logic->start());
    sim.start();
  }
  void tear_down() {
    sim.stop();
    logic.reset();
  }
  void restart(Millis down = Millis(0)) {
    tear_down();
    sim.clock().advance_to(sim.clock().now() + down);
    sim.reopen();
    build();
  }
  void crash_and_restart(Millis down = Millis(0)) {
    sim.crash();
    restart(down);
  }

  static constexpr const char* kQueue = "arn:aws:sqs:ap-northeast-1:000000000000:q";
  static constexpr const char* kRole = "arn:aws:iam::000000000000:role/r";
  static shape::CreateScheduleInput schedule(std::string name, std::string expression,
                                             std::string zone = "UTC") {
    shape::CreateScheduleInput in;
    in.name = std::move(name);
    in.schedule_expression = std::move(expression);
    in.schedule_expression_timezone = std::move(zone);
    in.flexible_time_window.mode = "OFF";
    in.target.arn = kQueue;
    in.target.role_arn = kRole;
    in.target.input = "<aws.scheduler.scheduled-time>";
    return in;
  }
  Result<std::string> create(shape::CreateScheduleInput in) {
    return sim.run(logic->create(std::move(in)));
  }
  Result<std::string> update(shape::CreateScheduleInput in) {
    return sim.run(logic->update(std::move(in)));
  }
  static std::string message(const auto& result) {
    return result ? "ok" : result.error().code + ": " + result.error().message;
  }
  // What was delivered, sorted: the inputs, which the tests let be the nominal times.
  std::vector<std::string> delivered() {
    auto page = sim.run(sim.store().scan({.range = store::KeyRange::prefix("T"),
                                          .rows_max = 100'000,
                                          .bytes_max = size_t{1} << 30}));
    EXPECT_TRUE(page);
    std::vector<std::string> out;
    for (auto& entry : page->entries) out.push_back(entry.value.substr(entry.value.find(' ') + 1));
    std::ranges::sort(out);
    return out;
  }
  std::vector<event::Run> runs() {
    auto page = sim.run(
        sim.kernel().runs.list({.since = start, .until = start + years(3), .runs_max = 10'000}));
    EXPECT_TRUE(page);
    return page ? page->runs : std::vector<event::Run>();
  }
  size_t count_of(event::Run::State state) {
    const auto all = runs();
    return static_cast<size_t>(std::ranges::count(all, state, &event::Run::state));
  }
  static Millis years(int n) { return std::chrono::hours(24 * 366 * n); }

  Policy defaults;
  event::SimKernel sim;
  const TimePoint start = sim.clock().now();
  FakeOperations operations;
  event::FakeRolePermissions permissions;
  std::unique_ptr<FakeTarget> target;
  std::unique_ptr<UniversalTarget> universal;
  std::unique_ptr<Logic> logic;
};

}  // namespace suiro::scheduler
