// SPDX-License-Identifier: Apache-2.0
// Events and timers, one property a test. Many at once, with crashes: event_sim_test.cc.
#include <gtest/gtest.h>

#include "kernel/event/event_log.h"
#include "kernel/event/testing.h"

namespace suiro::event {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr char kBoxArn[] = "arn:aws:sqs:ap-northeast-1:000000000000:box";
constexpr char kDeadArn[] = "arn:aws:sqs:ap-northeast-1:000000000000:dead";

// A target inside the store: each delivery is a row under "x", written in the commit that consumes.
class BoxTarget final : public Target {
 public:
  explicit BoxTarget(store::Store& store) : store_(store) {}

  Task<Result<void>> deliver(Event event, store::Batch consume) override {
    ++deliveries;
    seen.push_back(event);
    auto failing = failures.find(event.target_arn);
    if (failing != failures.end()) co_return std::unexpected(failing->second);
    consume.append("x" + event.target_arn + "/", event.id);
    auto committed = co_await store_.commit(std::move(consume));
    if (!committed) co_return std::unexpected(committed.error());
    co_return ok();
  }
  Task<Result<void>> accepts(std::string, Sender) override { co_return ok(); }

  std::map<std::string, Error> failures;  // by target ARN
  size_t deliveries = 0;
  std::vector<Event> seen;

 private:
  store::Store& store_;
};

class EventTest : public testing::Test {
 protected:
  EventTest() { wire(); }
  ~EventTest() override { sim.stop(); }

  void wire() {
    box = std::make_unique<BoxTarget>(sim.store());
    sim.kernel().targets.add_target("sqs", box.get());
  }
  void send(Event event) {
    store::Batch batch;
    event.at = sim.clock().now();
    if (event.target_arn.empty()) event.target_arn = kBoxArn;
    emit(batch, std::move(event), sim.random());
    ASSERT_TRUE(sim.run(sim.store().commit(std::move(batch))));
    sim.settle();
  }
  std::vector<std::string> rows(std::string target = kBoxArn) {
    auto page = sim.run(sim.store().scan(
        {.range = store::KeyRange::prefix("x" + target + "/"), .rows_max = 100'000}));
    std::vector<std::string> ids;
    for (auto& entry : page->entries) ids.push_back(entry.value);
    return ids;
  }
  uint64_t pending() { return *sim.run(sim.runtime().dispatcher().pending()); }
  const DispatchCounts& counts() { return sim.runtime().dispatcher().counts(); }

  SimKernel sim;
  std::unique_ptr<BoxTarget> box;
};

TEST_F(EventTest, ReachesItsTargetWithItsCauseAndLeavesTheLog) {
  sim.start();
  send({.id = "e1",
        .source_arn = "arn:aws:s3:::lake",
        .kind = "s3:ObjectCreated:Put",
        .payload = "{}",
        .attributes = {{"MessageGroupId", "g"}},
        .cause = {"1-69558d00-0123456789abcdef01234567", "aaaaaaaaaaaaaaaa"}});
  EXPECT_EQ(rows(), std::vector<std::string>{"e1"});
  EXPECT_EQ(pending(), 0u);
  ASSERT_EQ(box->seen.size(), 1u);
  const Event& event = box->seen[0];
  EXPECT_EQ(event.kind, "s3:ObjectCreated:Put");
  EXPECT_EQ(event.attributes.at("MessageGroupId"), "g");
  EXPECT_EQ(event.cause.trace_id, "1-69558d00-0123456789abcdef01234567");
  EXPECT_EQ(event.cause.span_id, event_span_id(event));
  auto spans = sim.run(sim.kernel().journal.trace(event.cause.span_id));
  ASSERT_TRUE(spans);
  ASSERT_EQ(spans->size(), 1u);
  EXPECT_EQ((*spans)[0].parent_id, "aaaaaaaaaaaaaaaa");
  EXPECT_EQ((*spans)[0].detail, "s3:ObjectCreated:Put");
}

TEST_F(EventTest, ABatchWhoseConditionFailsEmitsNothing) {
  sim.start();
  store::Batch batch;
  batch.require_value("absent", "value");
  emit(batch, {.target_arn = kBoxArn, .at = sim.clock().now()}, sim.random());
  EXPECT_FALSE(sim.run(sim.store().commit(std::move(batch))));
  EXPECT_EQ(box->deliveries, 0u);
  EXPECT_EQ(pending(), 0u);
}

TEST_F(EventTest, RetriesUntilTheTargetTakesIt) {
  sim.start();
  box->failures[kBoxArn] = {"Busy", "try later", Retry::kLater};
  send({.id = "e1"});
  EXPECT_EQ(pending(), 0u);  // it waits in a timer
  sim.advance(minutes(10));
  size_t attempts = box->deliveries;
  EXPECT_GE(attempts, 5u);
  EXPECT_LE(attempts, 30u);
  EXPECT_EQ(box->seen.back().attempt, attempts);
  box->failures.clear();
  sim.advance(minutes(6));
  EXPECT_EQ(rows(), std::vector<std::string>{"e1"});
  EXPECT_EQ(box->deliveries, attempts + 1);
}

TEST_F(EventTest, TheAttemptCountSurvivesARestart) {
  sim.start();
  box->failures[kBoxArn] = {"Busy", "try later", Retry::kLater};
  send({.id = "e1", .policy = {.attempts_max = 6, .dead_letter_arn = kDeadArn}});
  sim.advance(seconds(3));
  uint32_t before = box->seen.back().attempt;
  EXPECT_GE(before, 2u);
  sim.stop();
  sim.reopen();
  wire();
  box->failures[kBoxArn] = {"Busy", "try later", Retry::kLater};
  sim.start();
  sim.advance(hours(1));
  EXPECT_EQ(box->deliveries, 6 - before + 1);  // the last one is that of the dead letter
  EXPECT_EQ(rows(kDeadArn).size(), 1u);
}

TEST_F(EventTest, GivenUpEventsGoToTheDeadLetterTargetWithTheReason) {
  sim.start();
  box->failures[kBoxArn] = {"AccessDenied", "not allowed", Retry::kNever};
  send({.id = "e1", .payload = "{\"a\":1}", .policy = {.dead_letter_arn = kDeadArn}});
  EXPECT_EQ(rows(kDeadArn).size(), 1u);
  ASSERT_EQ(box->seen.size(), 2u);
  const Event& dead = box->seen[1];
  EXPECT_EQ(dead.payload, "{\"a\":1}");
  EXPECT_EQ(dead.attributes.at("ERROR_CODE"), "AccessDenied");
  EXPECT_EQ(dead.attributes.at("TARGET_ARN"), kBoxArn);
  EXPECT_EQ(dead.attributes.at("RETRY_ATTEMPTS"), "0");
  EXPECT_EQ(counts().dead_lettered, 1u);
  EXPECT_EQ(pending(), 0u);
}

TEST_F(EventTest, ADroppedEventLeavesAnErrorSpan) {
  sim.start();
  box->failures[kBoxArn] = {"AccessDenied", "not allowed", Retry::kNever};
  send({.id = "e1", .kind = "test:Kind"});
  EXPECT_EQ(counts().dropped, 1u);
  auto spans = sim.run(sim.kernel().journal.recent(kBoxArn, 10));
  ASSERT_EQ(spans->size(), 1u);
  EXPECT_EQ((*spans)[0].status, Span::Status::kError);
  EXPECT_NE((*spans)[0].detail.find("not allowed"), std::string::npos);
  EXPECT_EQ(pending(), 0u);
}

TEST_F(EventTest, WhatTheMachineIsShortOfEndsNoEvent) {
  sim.start();
  box->failures[kBoxArn] = {std::string(codes::kThrottled), "the store's queue is full"};
  send({.id = "e1"});
  EXPECT_EQ(counts().dropped, 0u);
  box->failures.clear();
  sim.advance(seconds(5));
  EXPECT_EQ(rows(), std::vector<std::string>{"e1"});
}

TEST_F(EventTest, AServiceThatIsNotThereIsRetriedUntilTheEventIsTooOld) {
  sim.start();
  send({.id = "e1",
        .target_arn = "arn:aws:kinesis:ap-northeast-1:000000000000:stream/s",
        .policy = {.age_max = hours(1), .dead_letter_arn = kDeadArn}});
  sim.advance(minutes(59));
  EXPECT_GT(counts().retried, 5u);
  EXPECT_EQ(counts().dead_lettered, 0u);
  sim.advance(minutes(10));
  EXPECT_EQ(counts().dead_lettered, 1u);
  ASSERT_EQ(box->seen.size(), 1u);
  EXPECT_EQ(box->seen[0].attributes.at("EXHAUSTED_RETRY_CONDITION"), "MaximumEventAgeInSeconds");
}

TEST_F(EventTest, ABurialThatTheStoreRefusesIsRepeatedWithPauses) {
  sim.start();
  sim.store().refuse_commits(1000, 1);  // all but that of the event itself
  send({.id = "e1", .policy = {.age_max = Millis(-1)}});
  EXPECT_EQ(sim.store().refusals_left(), 999);
  sim.advance(seconds(10));
  EXPECT_GT(sim.store().refusals_left(), 950);
  sim.store().refuse_commits(0);
  sim.advance(minutes(1));
  EXPECT_EQ(counts().dropped, 1u);
  EXPECT_EQ(pending(), 0u);
}

TEST_F(EventTest, ATargetThatFailsDoesNotDelayAnother) {
  sim.start();
  box->failures[kBoxArn] = {"Busy", "try later", Retry::kLater};
  for (int i = 0; i < 1000; ++i) send({.id = fmt::format("slow-{}", i)});
  std::string other = "arn:aws:sqs:ap-northeast-1:000000000000:other";
  send({.id = "fast", .target_arn = other});
  EXPECT_EQ(rows(other).size(), 1u);
  EXPECT_LE(counts().in_memory, kLaneEventsMax);
  EXPECT_LT(box->deliveries, 50u);  // the failing target is probed, not flooded
}

TEST_F(EventTest, MoreEventsThanMemoryHoldsWaitOnDiskInOrder) {
  constexpr size_t kEvents = 5 * kLaneEventsMax;
  for (size_t i = 0; i < kEvents; ++i) send({.id = fmt::format("e{:05}", i)});
  EXPECT_EQ(pending(), kEvents);
  sim.start();
  auto ids = rows();
  EXPECT_EQ(ids.size(), kEvents);
  EXPECT_TRUE(std::ranges::is_sorted(ids));
  EXPECT_EQ(pending(), 0u);
}

TEST_F(EventTest, EventsOfStoppedTimesAreFoundAtTheNextStart) {
  sim.start();
  sim.stop();
  send({.id = "e1"});
  EXPECT_EQ(pending(), 1u);
  sim.reopen();
  wire();
  sim.start();
  EXPECT_EQ(rows(), std::vector<std::string>{"e1"});
}

TEST_F(EventTest, ALatchedStoreLosesNothing) {
  sim.start();
  box->failures[kBoxArn] = {"Busy", "try later", Retry::kLater};
  send({.id = "e1"});
  sim.crash();
  sim.advance(hours(1));
  sim.stop();
  sim.reopen();
  wire();
  sim.start();
  sim.advance(minutes(1));
  EXPECT_EQ(rows(), std::vector<std::string>{"e1"});
}

TEST(RealKernelTest, DeliversUnderRealThreads) {
  RealKernel real(2);
  BoxTarget box(real.store());
  // The box is one object for all shards here: one lane, so one shard calls it.
  real.kernel().targets.add_target("sqs", &box);
  real.start();
  constexpr int kEvents = 500;
  auto send = [](Kernel& kernel) -> Task<Result<void>> {
    for (int i = 0; i < kEvents; ++i) {
      store::Batch batch;
      emit(batch, {.target_arn = kBoxArn, .at = kernel.clock.now()}, kernel.random);
      CO_TRY_VOID(co_await kernel.store.commit(std::move(batch)));
    }
    co_return ok();
  };
  ASSERT_TRUE(real.run(send(real.kernel())));
  auto& dispatcher = real.runtime().dispatcher();
  TimePoint deadline = real.kernel().clock.now() + seconds(60);
  while (dispatcher.counts().delivered < kEvents && real.kernel().clock.now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(*real.run(dispatcher.pending()), 0u);
  real.stop();
  EXPECT_EQ(box.deliveries, static_cast<size_t>(kEvents));
}

}  // namespace
}  // namespace suiro::event
