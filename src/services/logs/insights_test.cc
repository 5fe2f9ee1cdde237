// SPDX-License-Identifier: Apache-2.0
// Queries over a simulated kernel: what is read, what is counted, what is refused and kept.
#include "kernel/event/testing.h"
#include "services/logs/service.h"
#include "shapes/testing.h"

namespace suiro::logs {
namespace {

namespace json = boost::json;
using std::chrono::hours;
using std::chrono::seconds;

using Rows = std::vector<std::vector<std::pair<std::string, std::string>>>;

class InsightsTest : public shapes::OperationsTest<event::SimKernel> {
 protected:
  InsightsTest() : OperationsTest("logs") { boot(); }
  ~InsightsTest() override { shut_down(); }

  void boot() {
    service =
        std::make_unique<Service>(sim.kernel(), Config{.query_threads = Insights::Threads::kNone});
    serve(*service);
  }
  void shut_down() { end(service); }

  void make(std::string group, std::vector<std::string> streams) {
    good("CreateLogGroup", {{"logGroupName", group}});
    for (auto& stream : streams) {
      good("CreateLogStream", {{"logGroupName", group}, {"logStreamName", stream}});
    }
  }
  int64_t now() { return sim.clock().now().time_since_epoch().count(); }
  void put(std::string group, std::string stream, std::vector<std::string> messages,
           int64_t age_ms = 0) {
    json::array events;
    int64_t at = now() - age_ms;
    for (auto& message : messages) {
      events.push_back(json::object{{"timestamp", at++}, {"message", message}});
    }
    good("PutLogEvents",
         {{"logGroupName", group}, {"logStreamName", stream}, {"logEvents", events}});
  }
  json::object request(std::string text, json::object more = {}) {
    json::object input{
        {"queryString", text}, {"startTime", now() / 1000 - 3600}, {"endTime", now() / 1000 + 60}};
    if (!more.contains("logGroupNames") && !more.contains("logGroupIdentifiers")) {
      input["logGroupName"] = "g";
    }
    for (auto& [name, value] : more) input[name] = value;
    return input;
  }
  // Starts a query and lets it run to its end.
  json::object answer(std::string text, json::object more = {}) {
    auto started = good("StartQuery", request(std::move(text), std::move(more)));
    id = json::value_to<std::string>(started["queryId"]);
    sim.advance(seconds(1));
    return good("GetQueryResults", {{"queryId", id}});
  }
  static Rows rows(const json::object& reply) {
    Rows out;
    for (auto& row : reply.at("results").as_array()) {
      auto& cells = out.emplace_back();
      for (auto& cell : row.as_array()) {
        std::string field(cell.at("field").as_string());
        if (field != "@ptr") cells.emplace_back(field, std::string(cell.at("value").as_string()));
      }
    }
    return out;
  }

  std::unique_ptr<Service> service;
  std::string id;
};

TEST_F(InsightsTest, AQueryReadsAllStreamsOfItsGroups) {
  make("g", {"a", "b"});
  make("h", {"c"});
  put("g", "a", {"one x", "two"}, 3000);
  put("g", "b", {"three x"}, 2000);
  put("h", "c", {"four x"}, 1000);
  put("h", "c", {"too old x"}, 2 * 3600 * 1000);
  auto reply = answer("fields @message, @logStream | filter @message like \"x\"",
                      {{"logGroupNames", {"g", "h", "g"}}});
  EXPECT_EQ(reply["status"].as_string(), "Complete");
  EXPECT_EQ(rows(reply), (Rows{{{"@message", "four x"}, {"@logStream", "c"}},
                               {{"@message", "three x"}, {"@logStream", "b"}},
                               {{"@message", "one x"}, {"@logStream", "a"}}}));
  auto& statistics = reply["statistics"].as_object();
  EXPECT_EQ(statistics["recordsMatched"].to_number<int>(), 3);
  EXPECT_EQ(statistics["recordsScanned"].to_number<int>(), 4);
  EXPECT_EQ(statistics["bytesScanned"].to_number<int>(), 21);
  EXPECT_EQ(statistics["logGroupsScanned"].to_number<int>(), 2);
}

TEST_F(InsightsTest, ManyBlocksAreReadPageByPage) {
  make("g", {"a", "b"});
  std::string filler(1000, 'x');
  for (int i = 0; i < 20; ++i) {
    std::vector<std::string> messages;
    for (int j = 0; j < 100; ++j) messages.push_back(std::to_string(i % 4) + " " + filler);
    put("g", i % 2 == 0 ? "a" : "b", messages, 60'000 - i * 1000);
  }
  auto reply = answer("parse @message \"* \" as k | stats count(*) as n by k | sort k desc");
  EXPECT_EQ(rows(reply), (Rows{{{"k", "3"}, {"n", "500"}},
                               {{"k", "2"}, {"n", "500"}},
                               {{"k", "1"}, {"n", "500"}},
                               {{"k", "0"}, {"n", "500"}}}));
  EXPECT_EQ(reply["statistics"].as_object()["recordsScanned"].to_number<int>(), 2000);
}

TEST_F(InsightsTest, BothEndsOfTheTimeAreIncludedAndRetentionHides) {
  make("g", {"a"});
  int64_t second = now() / 1000 - 10;
  put("g", "a", {"at"}, now() - second * 1000);
  put("g", "a", {"before"}, now() - second * 1000 + 1);
  put("g", "a", {"behind"}, now() - second * 1000 - 1);
  json::object times{{"startTime", second}, {"endTime", second}};
  EXPECT_EQ(rows(answer("fields @message", times)), (Rows{{{"@message", "at"}}}));
  json::object millis{{"startTime", second * 1000 - 1}, {"endTime", second * 1000}};
  EXPECT_EQ(rows(answer("stats count(*) as n", millis)), (Rows{{{"n", "2"}}}));
  good("PutRetentionPolicy", {{"logGroupName", "g"}, {"retentionInDays", 1}});
  json::object all{{"startTime", 0}, {"endTime", second + 60}};
  EXPECT_EQ(rows(answer("stats count(*) as n", all)), (Rows{{{"n", "3"}}}));
  sim.advance(hours(25));
  EXPECT_EQ(rows(answer("stats count(*) as n", all)), (Rows{{{"n", "0"}}}));
}

TEST_F(InsightsTest, APointerLeadsToTheWholeEvent) {
  make("/aws/lambda/f", {"a"});
  put("/aws/lambda/f", "a",
      {"START RequestId: q Version: 1", R"({"a":{"b":7}})", "END RequestId: q"});
  auto reply = answer("filter a.b = 7 | display a.b",
                      {{"logGroupIdentifiers",
                        {"arn:aws:logs:ap-northeast-1:000000000000:log-group:/aws/lambda/f"}}});
  ASSERT_EQ(reply["results"].as_array().size(), 1u);
  auto row = reply["results"].as_array()[0].as_array();
  ASSERT_EQ(row.size(), 2u);
  EXPECT_EQ(row[1].at("field").as_string(), "@ptr");
  auto found = good("GetLogRecord", {{"logRecordPointer", row[1].at("value")}});
  auto& record = found["logRecord"].as_object();
  EXPECT_EQ(record["@message"].as_string(), R"({"a":{"b":7}})");
  EXPECT_EQ(record["a.b"].as_string(), "7");
  EXPECT_EQ(record["@log"].as_string(), "000000000000:/aws/lambda/f");
  EXPECT_EQ(record["@ptr"].as_string(), row[1].at("value").as_string());
  EXPECT_EQ(error("GetLogRecord", {{"logRecordPointer", "AAAA"}}), "InvalidParameterException");
  good("DeleteLogGroup", {{"logGroupName", "/aws/lambda/f"}});
  EXPECT_EQ(error("GetLogRecord", {{"logRecordPointer", row[1].at("value")}}),
            "ResourceNotFoundException");
}

TEST_F(InsightsTest, WhatCannotRunIsRefusedAtOnce) {
  make("g", {"a"});
  auto code = [&](std::string text, json::object more = {}) {
    return error("StartQuery", request(std::move(text), std::move(more)));
  };
  EXPECT_EQ(code("filter ("), "MalformedQueryException");
  EXPECT_EQ(code("pattern @message"), "NotImplemented");
  EXPECT_EQ(code("fields a", {{"queryLanguage", "SQL"}}), "NotImplemented");
  EXPECT_EQ(code("fields a", {{"logGroupName", "g"}, {"logGroupNames", {"g"}}}),
            "InvalidParameterException");
  EXPECT_EQ(code("fields a", {{"logGroupNames", {"none"}}}), "ResourceNotFoundException");
  EXPECT_EQ(code("fields a", {{"limit", 20'000}}), "InvalidParameterException");
  EXPECT_EQ(code("fields a", {{"startTime", 10}, {"endTime", 9}}), "InvalidParameterException");
  json::array many;
  for (int i = 0; i < 51; ++i) many.push_back(json::value("g" + std::to_string(i)));
  EXPECT_EQ(code("fields a", {{"logGroupNames", many}}), "InvalidParameterException");
  auto malformed = call("StartQuery", request("fields a | filter (a = 1"));
  ASSERT_FALSE(malformed);
  EXPECT_EQ(malformed.error().details[1].second, "24");
}

TEST_F(InsightsTest, QueriesAreListedAndEndWithTheProcess) {
  make("g", {"a"});
  make("h", {"a"});
  put("g", "a", {"1", "2", "3"});
  answer("fields @message");
  std::string first = id;
  answer("stats count(*)", {{"logGroupNames", {"h"}}});
  auto queries = good("DescribeQueries", {})["queries"].as_array();
  ASSERT_EQ(queries.size(), 2u);
  EXPECT_EQ(queries[0].at("queryString").as_string(), "stats count(*)");
  EXPECT_EQ(queries[1].at("status").as_string(), "Complete");
  EXPECT_EQ(good("DescribeQueries", {{"logGroupName", "h"}})["queries"].as_array().size(), 1u);
  EXPECT_EQ(good("DescribeQueries", {{"status", "Running"}})["queries"].as_array().size(), 0u);
  auto page = good("DescribeQueries", {{"maxResults", 1}});
  EXPECT_EQ(page["queries"].as_array().size(), 1u);
  page = good("DescribeQueries", {{"nextToken", page["nextToken"]}});
  EXPECT_EQ(page["queries"].as_array()[0].at("queryId").as_string(), first);
  auto part = good("GetQueryResults", {{"queryId", first}, {"maxItems", 2}});
  EXPECT_EQ(part["results"].as_array().size(), 2u);
  part = good("GetQueryResults", {{"queryId", first}, {"nextToken", part["nextToken"]}});
  EXPECT_EQ(rows(part), (Rows{{{"@message", "1"}}}));
  EXPECT_FALSE(part.contains("nextToken"));
  EXPECT_EQ(error("StopQuery", {{"queryId", first}}), "InvalidParameterException");
  EXPECT_EQ(error("StopQuery", {{"queryId", "none"}}), "ResourceNotFoundException");
  shut_down();
  sim.reopen();
  boot();
  EXPECT_EQ(error("GetQueryResults", {{"queryId", first}}), "ResourceNotFoundException");
}

// Starts as many queries as may run and two more; stops the first and the last at once.
Task<std::vector<QueryStatus>> start_and_stop(Insights& insights, QueryRequest request) {
  std::vector<std::string> ids;
  for (size_t i = 0; i < kQueriesRunningMax + 2; ++i) {
    auto id = co_await insights.start(request);
    EXPECT_TRUE(id);
    ids.push_back(*id);
  }
  std::vector<QueryStatus> before;
  for (const std::string& id : {ids.front(), ids.back()}) {
    before.push_back((co_await insights.find(id))->status);
    EXPECT_TRUE(co_await insights.stop(id));
    EXPECT_FALSE(co_await insights.stop(id));
  }
  co_return before;
}

TEST_F(InsightsTest, QueriesWaitForTheirTurnAndCanBeStopped) {
  make("g", {"a"});
  std::string filler(60'000, 'x');
  for (int i = 0; i < 40; ++i) put("g", "a", {filler, filler}, i * 20'000);
  Insights insights(sim.kernel(), Insights::Threads::kNone);
  QueryRequest request{.text = "stats count(*) as n", .groups = {"g"}, .window = {}};
  request.window.end = sim.clock().now() + seconds(1);
  auto before = sim.run(start_and_stop(insights, request));
  EXPECT_EQ(before, (std::vector{QueryStatus::kRunning, QueryStatus::kScheduled}));
  sim.advance(seconds(1));
  auto states = sim.run(insights.list());
  ASSERT_EQ(states.size(), kQueriesRunningMax + 2);
  EXPECT_EQ(states.front().status, QueryStatus::kCancelled);
  EXPECT_EQ(states.back().status, QueryStatus::kCancelled);
  EXPECT_LT(states.back().records_scanned, 80u);
  for (size_t i = 1; i + 1 < states.size(); ++i) {
    EXPECT_EQ(states[i].status, QueryStatus::kComplete) << i;
    EXPECT_EQ(states[i].records_scanned, 80u);
  }
  EXPECT_EQ(sim.run(insights.find(states[1].id))->results->table.lines[0].values[0], "80");
  sim.run(insights.close());
  auto late = sim.run(insights.start(request));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, "ServiceUnavailableException");
}

TEST_F(InsightsTest, TooManyOpenQueriesAreRefused) {
  make("g", {"a"});
  std::string filler(60'000, 'x');
  for (int i = 0; i < 10; ++i) put("g", "a", {filler, filler}, i * 20'000);
  Insights insights(sim.kernel(), Insights::Threads::kNone);
  QueryRequest request{.text = "limit 1", .groups = {"g"}, .window = {}};
  request.window.end = sim.clock().now() + seconds(1);
  auto refused = sim.run([](Insights& all, QueryRequest one) -> Task<std::string> {
    for (size_t i = 0; i < 10 * kQueriesOpenMax; ++i) {
      auto id = co_await all.start(one);
      if (!id) co_return id.error().code;
    }
    co_return "";
  }(insights, request));
  EXPECT_EQ(refused, "LimitExceededException");
  sim.run(insights.close());
}

// Results that are larger than what is kept, and groups that no memory holds, fail their query.
TEST_F(InsightsTest, AQueryThatIsTooLargeFails) {
  make("g", {"a"});
  std::string filler(200'000, 'x');
  for (int i = 0; i < 10; ++i) put("g", "a", {filler}, i * 20'000);
  std::string columns = "@message";
  for (int i = 0; i < 9; ++i) columns += ", toupper(@message) as m" + std::to_string(i);
  auto reply = answer("fields " + columns);
  EXPECT_EQ(reply["status"].as_string(), "Failed");
  EXPECT_TRUE(reply["results"].as_array().empty());
  EXPECT_EQ(reply["statistics"].as_object()["recordsScanned"].to_number<int>(), 10);
  EXPECT_EQ(answer("fields @message | limit 5")["status"].as_string(), "Complete");
}

}  // namespace
}  // namespace suiro::logs
