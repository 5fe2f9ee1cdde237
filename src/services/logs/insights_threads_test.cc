// SPDX-License-Identifier: Apache-2.0
// Queries on the thread that evaluates them: stops, limits and a shutdown while it works.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "kernel/event/testing.h"
#include "services/logs/service.h"

namespace suiro::logs {
namespace {

namespace json = boost::json;

constexpr size_t kEvents = 48;
constexpr size_t kEventBytes = 60'000;  // four fill a page: the query has a dozen
constexpr size_t kReplaces = 6;         // of each event: it takes its time
constexpr int kTriesMax = 20;
constexpr auto kWait = std::chrono::seconds(60);

class InsightsThreadsTest : public testing::Test {
 protected:
  InsightsThreadsTest() {
    service_ = std::make_unique<Service>(real_.kernel(), Config{});
    service_->add_operations(registry_);
    EXPECT_TRUE(real_.run(service_->start()));
    real_.start();
    for (const char* group : {"large", "page", "small"}) {
      ok("CreateLogGroup", {{"logGroupName", group}});
      ok("CreateLogStream", {{"logGroupName", group}, {"logStreamName", "s"}});
    }
    put("small", 1, 10);
    put("page", 4, kEventBytes);
    for (size_t at = 0; at < kEvents; at += 16) put("large", 16, kEventBytes);
    insights_ = std::make_unique<Insights>(real_.kernel(), Insights::Threads::kOwn);
  }
  ~InsightsThreadsTest() override {
    if (insights_) real_.run(insights_->close());
    insights_.reset();
    real_.stop();
    real_.run(service_->stop());
  }

  void ok(std::string operation, json::object input) {
    shapes::Call call;
    auto reply =
        real_.run(registry_.call("logs", std::move(operation), json::serialize(input), call));
    EXPECT_TRUE(reply) << reply.error().message;
  }
  void put(std::string group, size_t count, size_t bytes) {
    json::array events;
    int64_t now = real_.kernel().clock.now().time_since_epoch().count();
    for (size_t i = 0; i < count; ++i) {
      events.push_back(json::object{{"timestamp", now}, {"message", std::string(bytes, 'x')}});
    }
    ok("PutLogEvents", {{"logGroupName", group}, {"logStreamName", "s"}, {"logEvents", events}});
  }

  QueryRequest request(std::string group) {
    std::string text = "filter strlen(@message) > 0";
    for (size_t i = 0; i < kReplaces; ++i) text += " and strlen(replace(@message, 'xx', 'y')) > 0";
    QueryRequest request{.text = text + " | stats count(*) as n", .groups = {std::move(group)}};
    request.window.end = real_.kernel().clock.now() + std::chrono::seconds(1);
    return request;
  }
  std::string start(std::string group) {
    auto id = real_.run(insights_->start(request(std::move(group))));
    EXPECT_TRUE(id) << id.error().message;
    return id ? *id : "";
  }
  QueryState state(const std::string& id) { return *real_.run(insights_->find(id)); }
  // The first state of it that `holds`.
  template <class Holds>
  QueryState until(const std::string& id, Holds holds) {
    auto end = std::chrono::steady_clock::now() + kWait;
    QueryState found = state(id);
    while (!holds(found) && std::chrono::steady_clock::now() < end) found = state(id);
    EXPECT_TRUE(holds(found)) << name_of(found.status) << ", " << found.records_scanned;
    return found;
  }
  void until_it_evaluates(const std::string& id) {
    until(id, [](const QueryState& query) { return query.records_scanned > 0; });
  }

  event::RealKernel real_;
  shapes::Registry registry_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<Insights> insights_;
};

TEST_F(InsightsThreadsTest, AStopDuringTheEvaluationEndsTheQuery) {
  std::vector<std::string> ids;
  for (size_t i = 0; i < kQueriesRunningMax; ++i) ids.push_back(start("large"));
  std::string next = start("small");
  EXPECT_EQ(state(next).status, QueryStatus::kScheduled);
  until_it_evaluates(ids.back());
  for (const std::string& id : ids) {
    EXPECT_EQ(state(id).status, QueryStatus::kRunning);
    EXPECT_TRUE(real_.run(insights_->stop(id)));
    EXPECT_EQ(state(id).status, QueryStatus::kCancelled);
  }
  // It gets their place and their thread.
  QueryState done =
      until(next, [](const QueryState& query) { return query.status == QueryStatus::kComplete; });
  EXPECT_EQ(done.results->table.lines[0].values[0], "1");
  for (const std::string& id : ids) {
    QueryState stopped = state(id);
    EXPECT_EQ(stopped.status, QueryStatus::kCancelled);
    EXPECT_EQ(stopped.results, nullptr);
    EXPECT_LT(stopped.records_scanned, kEvents);
  }
}

// The thread works on one query after the other, and hears of a stop between two events.
TEST_F(InsightsThreadsTest, AStopEndsThePageThatIsEvaluated) {
  for (int left = kTriesMax; left > 0; --left) {
    std::string first = start("page");
    std::string second = start("page");
    until_it_evaluates(first);
    bool stopped = real_.run(insights_->stop(second)).has_value();
    // What comes behind has the thread: the second one has left it.
    std::string last = start("small");
    until(last, [](const QueryState& query) { return query.status == QueryStatus::kComplete; });
    if (!stopped) continue;  // it was quicker
    EXPECT_EQ(state(second).records_scanned, 0u);
    return;
  }
  FAIL() << "no query could be stopped in time";
}

TEST_F(InsightsThreadsTest, AShutdownDoesNotWaitForTheirEnds) {
  std::vector<std::string> ids;
  for (size_t i = 0; i < kQueriesRunningMax + 1; ++i) ids.push_back(start("large"));
  until_it_evaluates(ids[kQueriesRunningMax - 1]);
  real_.run(insights_->close());
  for (size_t i = 0; i < kQueriesRunningMax; ++i) {
    EXPECT_NE(state(ids[i]).status, QueryStatus::kRunning);
    EXPECT_LT(state(ids[i]).records_scanned, kEvents);
  }
  EXPECT_EQ(state(ids.back()).records_scanned, 0u);
  EXPECT_EQ(real_.run(insights_->start(request("small"))).error().code,
            "ServiceUnavailableException");
}

TEST_F(InsightsThreadsTest, MoreQueriesThanMayBeOpenAreRefusedUntilOneEnds) {
  std::vector<std::string> ids;
  for (size_t i = 0; i < kQueriesOpenMax; ++i) ids.push_back(start("large"));
  auto refused = real_.run(insights_->start(request("small")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "LimitExceededException");
  EXPECT_TRUE(real_.run(insights_->stop(ids.back())));
  EXPECT_TRUE(real_.run(insights_->start(request("small"))));
}

}  // namespace
}  // namespace suiro::logs
