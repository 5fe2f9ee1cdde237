// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/async.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "services/lambda/errors.h"
#include "services/lambda/storage.h"
#include "services/lambda/testing.h"

namespace suiro::lambda {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::Act;
using testing::fails;
using testing::LambdaSim;

constexpr std::string_view kQueue = "arn:aws:sqs:ap-northeast-1:000000000000:dead";

class Async : public ::testing::Test {
 protected:
  void accept(const std::string& name = "f", Bytes payload = R"({"n":1})") {
    auto reply = lambda_.sim.run(lambda_.invoke(name, std::move(payload), InvocationType::kEvent));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->status, 202);
  }
  void configure(InvokeConfigChange change) {
    auto put = lambda_.sim.run(
        lambda_.logic().put_invoke_config({"f", ""}, std::move(change), Logic::Merge::kReplace));
    ASSERT_TRUE(put) << put.error().message;
  }
  size_t left() {
    auto page = lambda_.sim.run(lambda_.sim.store().scan({store::KeyRange::prefix("li")}));
    auto payloads = lambda_.sim.run(lambda_.sim.store().scan({store::KeyRange::prefix("lj")}));
    EXPECT_EQ(page->entries.size(), payloads->entries.size());
    return page->entries.size();
  }
  size_t runs() const { return lambda_.host->seen.size(); }
  boost::json::object record(size_t i) {
    return boost::json::parse(lambda_.queue_target->events.at(i).payload).as_object();
  }

  LambdaSim lambda_;
};

TEST_F(Async, RunsOnceAndLeavesNothing) {
  ASSERT_TRUE(lambda_.create("f"));
  accept();
  EXPECT_EQ(runs(), 1U);
  EXPECT_EQ(lambda_.host->seen[0].payload, R"({"n":1})");
  EXPECT_EQ(left(), 0U);
}

TEST_F(Async, RetriesAfterOneAndTwoMinutesThenGivesUp) {
  ASSERT_TRUE(lambda_.create("f", {.dead_letter_arn = std::string(kQueue)}));
  configure({.on_failure_arn = std::string(kQueue)});
  lambda_.host->behave = [](const auto&, const auto&) { return fails(); };
  accept();
  EXPECT_EQ(runs(), 1U);
  lambda_.sim.advance(seconds(59));
  EXPECT_EQ(runs(), 1U);
  lambda_.sim.advance(seconds(2));
  EXPECT_EQ(runs(), 2U);
  lambda_.sim.advance(seconds(118));
  EXPECT_EQ(runs(), 2U);
  lambda_.sim.advance(seconds(2));
  EXPECT_EQ(runs(), 3U);
  lambda_.sim.advance(hours(1));
  EXPECT_EQ(runs(), 3U);
  EXPECT_EQ(left(), 0U);
  ASSERT_EQ(lambda_.queue_target->events.size(), 2U);
  bool destination_first = lambda_.queue_target->events[0].kind == "lambda:OnFailure";
  auto document = record(destination_first ? 0 : 1);
  EXPECT_EQ(document.at("requestContext").at("condition"), "RetriesExhausted");
  EXPECT_EQ(document.at("requestContext").at("approximateInvokeCount"), 3);
  EXPECT_EQ(document.at("requestPayload").at("n"), 1);
  EXPECT_EQ(document.at("responseContext").at("functionError"), "Unhandled");
  EXPECT_EQ(document.at("responsePayload").at("errorType"), "Error");
  const event::Event& dead = lambda_.queue_target->events[destination_first ? 1 : 0];
  EXPECT_EQ(dead.payload, R"({"n":1})");
  EXPECT_EQ(dead.attributes.at("ErrorMessage"), "no");
  EXPECT_FALSE(dead.attributes.at("RequestID").empty());
}

TEST_F(Async, SuccessGoesToItsDestination) {
  ASSERT_TRUE(lambda_.create("f"));
  ASSERT_TRUE(lambda_.create("g"));
  configure({.on_success_arn = "arn:aws:lambda:ap-northeast-1:000000000000:function:g"});
  lambda_.host->behave = [](const auto&, const auto&) {
    return Act{Millis(0), sandbox::Outcome::End::kReturned, R"({"made":2})"};
  };
  accept();
  ASSERT_EQ(runs(), 2U);
  auto document = boost::json::parse(lambda_.host->seen[1].payload).as_object();
  EXPECT_EQ(document.at("requestContext").at("condition"), "Success");
  EXPECT_EQ(document.at("responsePayload").at("made"), 2);
}

TEST_F(Async, FewerRetriesAndAgeAreConfigurable) {
  ASSERT_TRUE(lambda_.create("f"));
  configure({.retries_max = 0, .on_failure_arn = std::string(kQueue)});
  lambda_.host->behave = [](const auto&, const auto&) { return fails(); };
  accept();
  EXPECT_EQ(lambda_.queue_target->events.size(), 1U);
  configure({.age_max_s = 60, .on_failure_arn = std::string(kQueue)});
  accept();
  lambda_.sim.advance(minutes(10));
  EXPECT_EQ(runs(), 2U);  // once each: the second is too old when its retry is due
  ASSERT_EQ(lambda_.queue_target->events.size(), 2U);
  EXPECT_EQ(record(1).at("requestContext").at("condition"), "EventAgeExceeded");
}

TEST_F(Async, ThrottledOnesWaitAndCountNoAttempt) {
  ASSERT_TRUE(lambda_.create("f"));
  ASSERT_TRUE(lambda_.sim.run(lambda_.logic().put_concurrency({"f", ""}, 1)));
  lambda_.host->behave = [](const auto&, const auto&) { return Act{seconds(10)}; };
  auto busy = lambda_.sim.spawn(lambda_.invoke("f"));
  accept();
  EXPECT_EQ(runs(), 1U);
  lambda_.sim.advance(minutes(1));
  EXPECT_TRUE(busy.get());
  EXPECT_EQ(runs(), 2U);
  EXPECT_EQ(left(), 0U);
}

TEST_F(Async, ZeroConcurrencySendsToTheDeadLetterQueueAtOnce) {
  ASSERT_TRUE(lambda_.create("f", {.dead_letter_arn = std::string(kQueue)}));
  ASSERT_TRUE(lambda_.sim.run(lambda_.logic().put_concurrency({"f", ""}, 0)));
  accept();
  EXPECT_EQ(runs(), 0U);
  EXPECT_EQ(lambda_.queue_target->events.size(), 1U);
}

TEST_F(Async, WhatWasAcceptedRunsAfterACrash) {
  ASSERT_TRUE(lambda_.create("f"));
  lambda_.host->behave = [](const auto&, const auto&) { return Act{hours(1)}; };
  accept();
  EXPECT_EQ(runs(), 1U);
  lambda_.sim.crash();  // nothing that happens from here on is kept
  lambda_.restart();
  EXPECT_EQ(runs(), 1U);  // the new host's first
  lambda_.host->behave = [](const auto&, const auto&) { return Act{}; };
  lambda_.sim.advance(hours(2));
  EXPECT_EQ(left(), 0U);
}

TEST_F(Async, AStopThatEndsARunningOneIsNoFailure) {
  ASSERT_TRUE(lambda_.create("f"));
  configure({.retries_max = 0, .on_failure_arn = std::string(kQueue)});
  lambda_.host->behave = [](const auto&, const auto&) { return Act{hours(1)}; };
  accept();
  lambda_.restart();
  EXPECT_EQ(lambda_.queue_target->events.size(), 0U);
  EXPECT_EQ(runs(), 1U);
  lambda_.sim.advance(hours(2));
  EXPECT_EQ(left(), 0U);
  EXPECT_EQ(lambda_.queue_target->events.size(), 0U);
}

TEST_F(Async, ARetryThatWaitsSurvivesARestart) {
  ASSERT_TRUE(lambda_.create("f"));
  lambda_.host->behave = [](const auto&, const auto&) { return fails(); };
  accept();
  EXPECT_EQ(left(), 1U);
  lambda_.restart();
  EXPECT_EQ(runs(), 0U);
  lambda_.host->behave = [](const auto&, const auto&) { return Act{}; };
  lambda_.sim.advance(minutes(2));
  EXPECT_EQ(runs(), 1U);
  EXPECT_EQ(left(), 0U);
}

TEST_F(Async, ABusyStoreDelaysAnInvocationAndLosesNone) {
  ASSERT_TRUE(lambda_.create("f"));
  lambda_.host->behave = [this](const auto&, const auto&) {
    if (runs() == 1) lambda_.sim.store().refuse_commits(1);  // that of its end
    return Act{};
  };
  accept();
  EXPECT_EQ(left(), 1U);
  lambda_.sim.advance(minutes(1));
  EXPECT_EQ(left(), 0U);
  EXPECT_EQ(runs(), 2U);
}

TEST_F(Async, AScanThatIsRefusedIsRepeated) {
  ASSERT_TRUE(lambda_.create("f"));
  lambda_.host->behave = [](const auto&, const auto&) { return Act{Millis(1)}; };
  constexpr size_t kMany = kAsyncReadyMax + 100;
  store::Batch batch;
  for (size_t i = 0; i < kMany; ++i) {
    AsyncInvocation record;
    record.request_id = fmt::format("request-{:05}", i);
    record.accepted = lambda_.sim.clock().now();
    Bytes id = keys::async_id(record.accepted, record.request_id);
    batch.put(keys::async_record("f", id), encode(record));
    batch.put(keys::async_payload("f", id), "1");
  }
  ASSERT_TRUE(lambda_.sim.run(lambda_.sim.store().commit(std::move(batch))));
  lambda_.restart();
  lambda_.sim.store().refuse_scans(1);
  lambda_.sim.advance(hours(1));
  EXPECT_EQ(runs(), kMany);
}

TEST_F(Async, ManyRunInOrderOfAcceptanceWithinTheMachine) {
  ASSERT_TRUE(lambda_.create("f"));
  lambda_.host->behave = [](const auto&, const auto&) { return Act{Millis(100)}; };
  for (int i = 0; i < 50; ++i) accept("f", std::to_string(i));
  EXPECT_EQ(lambda_.host->running, testing::kStartsMax);
  lambda_.sim.advance(seconds(1));
  EXPECT_LE(lambda_.host->created, 8);  // 1024 MB / 128 MB
  lambda_.sim.advance(seconds(10));
  EXPECT_EQ(runs(), 50U);
  EXPECT_EQ(left(), 0U);
  EXPECT_EQ(lambda_.host->seen.front().payload, "0");
  EXPECT_EQ(lambda_.host->created, 8);
}

TEST_F(Async, LongRunsTakeTheMachineStartByStart) {
  ASSERT_TRUE(lambda_.create("f"));
  lambda_.host->behave = [](const auto&, const auto&) { return Act{seconds(20)}; };
  for (int i = 0; i < 50; ++i) accept("f", std::to_string(i));
  EXPECT_EQ(lambda_.host->running, testing::kStartsMax);
  lambda_.sim.advance(kStartLook * 2);
  EXPECT_EQ(lambda_.host->running, 8);  // 1024 MB / 128 MB
  lambda_.sim.advance(seconds(200));
  EXPECT_EQ(runs(), 50U);
}

TEST_F(Async, AnEventIsConsumedWithItsInvocation) {
  ASSERT_TRUE(lambda_.create("f"));
  store::Batch batch;
  event::Event event;
  event.source_arn = "arn:aws:s3:::lake";
  event.kind = "s3:ObjectCreated:Put";
  event.target_arn = "arn:aws:lambda:ap-northeast-1:000000000000:function:f";
  event.payload = R"({"Records":[]})";
  event.cause = TraceContext::begin(lambda_.sim.clock().now(), lambda_.sim.random());
  event.cause.span_id = "0123456789abcdef";
  event.at = lambda_.sim.clock().now();
  event::emit(batch, event, lambda_.sim.random());
  ASSERT_TRUE(lambda_.sim.run(lambda_.sim.store().commit(std::move(batch))));
  lambda_.sim.advance(seconds(1));
  ASSERT_EQ(runs(), 1U);
  EXPECT_EQ(lambda_.host->seen[0].payload, R"({"Records":[]})");
  TraceContext given = TraceContext::parse_header(lambda_.host->seen[0].trace_header);
  EXPECT_EQ(given.trace_id, event.cause.trace_id);
  auto spans = lambda_.sim.run(lambda_.sim.kernel().journal.trace(event.cause.trace_id));
  ASSERT_TRUE(spans);
  bool found = false;
  for (const auto& span : *spans) found = found || span.span_id == given.span_id;
  EXPECT_TRUE(found) << "the function's span is not in the trace";
  auto left_events = lambda_.sim.run(lambda_.sim.store().scan({store::KeyRange::prefix("e")}));
  EXPECT_TRUE(left_events->entries.empty());
}

TEST_F(Async, DeletedFunctionsTakeTheirInvocationsWithThem) {
  ASSERT_TRUE(lambda_.create("f"));
  lambda_.host->behave = [](const auto&, const auto&) { return fails(); };
  accept();
  ASSERT_TRUE(lambda_.sim.run(lambda_.logic().delete_function({"f", ""})));
  EXPECT_EQ(left(), 0U);
  ASSERT_TRUE(lambda_.create("f"));
  lambda_.sim.advance(hours(1));
  EXPECT_EQ(runs(), 1U);
}

}  // namespace
}  // namespace suiro::lambda
