// SPDX-License-Identifier: Apache-2.0
// The service as its clients see it: operations by name and JSON, over a simulated kernel.
#include "kernel/event/testing.h"
#include "services/logs/service.h"
#include "shapes/testing.h"

namespace suiro::logs {
namespace {

namespace json = boost::json;
using std::chrono::hours;
using std::chrono::seconds;

class LogsTest : public shapes::OperationsTest<event::SimKernel> {
 protected:
  LogsTest() : OperationsTest("logs") { boot(); }
  ~LogsTest() override { shut_down(); }

  void boot() {
    service = std::make_unique<Service>(sim.kernel(), Config());
    serve(*service);
  }
  void shut_down() { end(service); }
  void restart() {
    shut_down();
    sim.reopen();
    boot();
  }

  void make(std::string group = "g", std::string stream = "s") {
    // The group may be there from an earlier stream.
    std::string code = error("CreateLogGroup", {{"logGroupName", group}});
    EXPECT_TRUE(code.empty() || code == "ResourceAlreadyExistsException") << code;
    good("CreateLogStream", {{"logGroupName", group}, {"logStreamName", stream}});
  }
  int64_t now() { return sim.clock().now().time_since_epoch().count(); }
  json::object put(json::array events, std::string group = "g", std::string stream = "s") {
    return good("PutLogEvents",
                {{"logGroupName", group}, {"logStreamName", stream}, {"logEvents", events}});
  }
  static json::object event(int64_t time, std::string message) {
    return {{"timestamp", time}, {"message", message}};
  }
  json::object get(json::object more = {}) {
    json::object input{{"logGroupName", "g"}, {"logStreamName", "s"}};
    for (auto& [name, value] : more) input[name] = value;
    return good("GetLogEvents", input);
  }
  static std::vector<std::string> messages(const json::object& reply) {
    std::vector<std::string> out;
    for (auto& row : reply.at("events").as_array()) {
      out.emplace_back(row.at("message").as_string());
    }
    return out;
  }
  std::vector<std::string> filter(json::object more = {}) {
    json::object input{{"logGroupName", "g"}};
    for (auto& [name, value] : more) input[name] = value;
    std::vector<std::string> all;
    for (;;) {
      json::object reply = good("FilterLogEvents", input);
      for (auto& message : messages(reply)) all.push_back(message);
      if (!reply.contains("nextToken")) return all;
      input["nextToken"] = reply.at("nextToken");
    }
  }

  std::unique_ptr<Service> service;
};

using Texts = std::vector<std::string>;

TEST_F(LogsTest, GroupsAreMadeDescribedAndDeleted) {
  good("CreateLogGroup", {{"logGroupName", "/aws/lambda/b"}, {"tags", {{"k", "v"}}}});
  good("CreateLogGroup", {{"logGroupName", "/aws/lambda/a"}});
  good("CreateLogGroup", {{"logGroupName", "other"}});
  EXPECT_EQ(error("CreateLogGroup", {{"logGroupName", "other"}}), "ResourceAlreadyExistsException");
  auto groups =
      good("DescribeLogGroups", {{"logGroupNamePrefix", "/aws/"}}).at("logGroups").as_array();
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].at("logGroupName").as_string(), "/aws/lambda/a");
  EXPECT_EQ(groups[0].at("arn").as_string(),
            "arn:aws:logs:ap-northeast-1:000000000000:log-group:/aws/lambda/a:*");
  EXPECT_EQ(
      good("DescribeLogGroups", {{"logGroupNamePattern", "the"}}).at("logGroups").as_array().size(),
      1u);
  auto page = good("DescribeLogGroups", {{"limit", 2}});
  EXPECT_EQ(page.at("logGroups").as_array().size(), 2u);
  page = good("DescribeLogGroups", {{"limit", 2}, {"nextToken", page.at("nextToken")}});
  EXPECT_EQ(page.at("logGroups").as_array().size(), 1u);
  EXPECT_FALSE(page.contains("nextToken"));
  good("DeleteLogGroup", {{"logGroupName", "other"}});
  EXPECT_EQ(error("DeleteLogGroup", {{"logGroupName", "other"}}), "ResourceNotFoundException");
  EXPECT_EQ(error("CreateLogGroup", {{"logGroupName", "k"}, {"kmsKeyId", "arn:aws:kms:x"}}),
            "NotImplemented");
}

TEST_F(LogsTest, AGroupThatIsMadeAgainHasNoneOfItsOldEvents) {
  make();
  put({event(now(), "old")});
  good("DeleteLogGroup", {{"logGroupName", "g"}});
  EXPECT_EQ(error("GetLogEvents", {{"logGroupName", "g"}, {"logStreamName", "s"}}),
            "ResourceNotFoundException");
  make();
  EXPECT_TRUE(filter().empty());
  auto left = sim.run(sim.store().scan({.range = store::KeyRange::prefix("o")}));
  EXPECT_EQ(left->entries.size(), 2u);  // the group and its stream
}

TEST_F(LogsTest, EventsComeBackInOrderOfTime) {
  make();
  int64_t t = now();
  put({event(t - 3000, "a"), event(t - 1000, "c")});
  put({event(t - 2000, "b"), event(t - 1000, "d")});
  put({event(t - 60'000, "early")});
  Texts all{"early", "a", "b", "c", "d"};
  EXPECT_EQ(messages(get()), all);
  EXPECT_EQ(messages(get({{"startFromHead", true}})), all);
  EXPECT_EQ(filter(), all);
  EXPECT_EQ(messages(get({{"startTime", t - 2000}, {"endTime", t - 1000}})), Texts{"b"});
  EXPECT_EQ(filter({{"startTime", t - 2000}, {"endTime", t - 1000}}), (Texts{"b", "c", "d"}));
  auto group = good("DescribeLogGroups", {}).at("logGroups").at(0);
  EXPECT_EQ(group.at("storedBytes").as_int64(), 5 * 26 + 9);
  restart();
  EXPECT_EQ(messages(get()), all);
}

TEST_F(LogsTest, PagesWalkForwardAndBackward) {
  make();
  Texts all;
  for (int i = 0; i < 100; ++i) {
    // Batches that overlap in time.
    put({event(now() + i * 10 % 70, fmt::format("m{}", i)), event(now() + 100, "x")});
  }
  auto whole = messages(get({{"startFromHead", true}}));
  ASSERT_EQ(whole.size(), 200u);
  json::object page = get({{"startFromHead", true}, {"limit", 7}});
  while (!page.at("events").as_array().empty()) {
    for (auto& m : messages(page)) all.push_back(m);
    page = get({{"limit", 7}, {"nextToken", page.at("nextForwardToken")}});
  }
  EXPECT_EQ(all, whole);
  // At the end the token stays, and finds what comes later.
  auto again = get({{"nextToken", page.at("nextForwardToken")}});
  EXPECT_EQ(again.at("nextForwardToken"), page.at("nextForwardToken"));
  sim.advance(seconds(1));
  put({event(now(), "late")});
  EXPECT_EQ(messages(get({{"nextToken", page.at("nextForwardToken")}})), Texts{"late"});

  Texts backward;
  page = get({{"limit", 9}});
  while (!page.at("events").as_array().empty()) {
    auto part = messages(page);
    backward.insert(backward.begin(), part.begin(), part.end());
    page = get({{"limit", 9}, {"nextToken", page.at("nextBackwardToken")}});
  }
  whole.push_back("late");
  EXPECT_EQ(backward, whole);
  EXPECT_EQ(error("GetLogEvents",
                  {{"logGroupName", "g"}, {"logStreamName", "s"}, {"nextToken", "f/nonsense/s"}}),
            "InvalidParameterException");
}

TEST_F(LogsTest, AnEmptyStreamsTokenFindsTheFirstEvent) {
  make();
  auto page = get();
  EXPECT_TRUE(page.at("events").as_array().empty());
  put({event(now(), "first")});
  EXPECT_EQ(messages(get({{"nextToken", page.at("nextForwardToken")}})), Texts{"first"});
}

TEST_F(LogsTest, ManyEventsComeInPagesOfOneMebibyte) {
  make();
  std::string line(10'000, 'x');
  for (int b = 0; b < 4; ++b) {
    json::array events;
    for (int i = 0; i < 100; ++i) events.push_back(event(now() + i, line));
    put(events);
    sim.advance(seconds(1));
  }
  EXPECT_EQ(get({{"startFromHead", true}}).at("events").as_array().size(), 104u);
  EXPECT_EQ(get().at("events").as_array().size(), 104u);
  EXPECT_EQ(filter().size(), 400u);
}

TEST_F(LogsTest, RejectsWhatIsTooNewTooOldOrExpired) {
  make();
  int64_t t = now();
  constexpr int64_t kDay = 86'400'000;
  auto reply = put({event(t, "now"), event(t + 3 * 3'600'000, "future")});
  EXPECT_EQ(reply.at("rejectedLogEventsInfo").at("tooNewLogEventStartIndex"), 1);
  reply = put({event(t - 14 * kDay - 1, "old"), event(t - 14 * kDay + kDay / 2, "kept")});
  EXPECT_EQ(reply.at("rejectedLogEventsInfo").at("tooOldLogEventEndIndex"), 1);
  good("PutRetentionPolicy", {{"logGroupName", "g"}, {"retentionInDays", 3}});
  reply = put({event(t - 4 * kDay, "expired")});
  EXPECT_EQ(reply.at("rejectedLogEventsInfo").at("expiredLogEventEndIndex"), 1);
  EXPECT_EQ(filter(), Texts{"now"});  // "kept" is beyond the retention now
  auto refused = [&](json::array events) {
    return error("PutLogEvents",
                 {{"logGroupName", "g"}, {"logStreamName", "s"}, {"logEvents", events}});
  };
  EXPECT_EQ(refused({event(t, "a"), event(t - 1, "b")}), "InvalidParameterException");
  EXPECT_EQ(refused({event(t - kDay - 1, "a"), event(t, "b")}), "InvalidParameterException");
  EXPECT_EQ(refused({event(t, std::string(1'048'576, 'x'))}), "InvalidParameterException");
  EXPECT_EQ(refused({}), "InvalidParameterException");
  EXPECT_EQ(
      error("PutLogEvents",
            {{"logGroupName", "g"}, {"logStreamName", "none"}, {"logEvents", {event(t, "a")}}}),
      "ResourceNotFoundException");
}

TEST_F(LogsTest, FilterMergesStreamsAndPages) {
  for (auto stream : {"a/1", "a/2", "b/1"}) make("g", stream);
  Texts expected;
  for (int i = 0; i < 300; ++i) {
    std::string stream = i % 3 == 0 ? "a/1" : i % 3 == 1 ? "a/2" : "b/1";
    std::string message = fmt::format("{} line {}", i % 10 == 0 ? "ERROR" : "INFO", i);
    put({event(now(), message)}, "g", stream);
    if (i % 10 == 0) expected.push_back(message);
    sim.advance(Millis(50));
  }
  EXPECT_EQ(filter().size(), 300u);
  EXPECT_EQ(filter({{"filterPattern", "ERROR"}}), expected);
  EXPECT_EQ(filter({{"filterPattern", "ERROR"}, {"limit", 4}}), expected);
  EXPECT_EQ(filter({{"logStreamNamePrefix", "a/"}}).size(), 200u);
  EXPECT_EQ(filter({{"logStreamNames", {"b/1"}}}).size(), 100u);
  EXPECT_EQ(error("FilterLogEvents", {{"logGroupName", "g"}, {"logGroupIdentifier", "g"}}),
            "InvalidParameterException");
}

TEST_F(LogsTest, FilterNamesEachEventOnce) {
  make();
  put({event(now(), "a"), event(now(), "b")});
  put({event(now(), "c")});
  auto reply = good("FilterLogEvents", {{"logGroupName", "g"}, {"interleaved", true}});
  std::set<std::string> ids;
  for (auto& row : reply.at("events").as_array()) {
    ids.emplace(row.at("eventId").as_string());
    EXPECT_EQ(row.at("eventId").as_string().size(), 56u);
    EXPECT_EQ(row.at("logStreamName").as_string(), "s");
  }
  EXPECT_EQ(ids.size(), 3u);
  EXPECT_TRUE(reply.at("searchedLogStreams").as_array().empty());
  EXPECT_EQ(error("FilterLogEvents", {{"logGroupName", "g"}, {"filterPattern", "{ $.a"}}),
            "InvalidParameterException");
}

TEST_F(LogsTest, StreamsAreListedByNameAndByLastEvent) {
  for (auto stream : {"b", "a", "c", "empty"}) {
    make("g", stream);
    if (std::string_view(stream) != "empty") put({event(now(), "x")}, "g", stream);
    sim.advance(seconds(1));
  }
  auto names = [&](json::object more) {
    json::object input{{"logGroupName", "g"}, {"limit", 2}};
    for (auto& [name, value] : more) input[name] = value;
    Texts all;
    for (;;) {
      auto page = good("DescribeLogStreams", input);
      for (auto& row : page.at("logStreams").as_array()) {
        all.emplace_back(row.at("logStreamName").as_string());
      }
      if (!page.contains("nextToken")) return all;
      input["nextToken"] = page.at("nextToken");
    }
  };
  EXPECT_EQ(names({}), (Texts{"a", "b", "c", "empty"}));
  EXPECT_EQ(names({{"descending", true}}), (Texts{"empty", "c", "b", "a"}));
  EXPECT_EQ(names({{"orderBy", "LastEventTime"}}), (Texts{"empty", "b", "a", "c"}));
  EXPECT_EQ(names({{"orderBy", "LastEventTime"}, {"descending", true}}),
            (Texts{"c", "a", "b", "empty"}));
  EXPECT_EQ(names({{"logStreamNamePrefix", "e"}}), Texts{"empty"});
  good("DeleteLogStream", {{"logGroupName", "g"}, {"logStreamName", "b"}});
  EXPECT_EQ(names({}), (Texts{"a", "c", "empty"}));
  EXPECT_EQ(filter().size(), 2u);
}

TEST_F(LogsTest, RetentionHidesAtOnceAndFreesLater) {
  make();
  for (int day = 0; day < 6; ++day) {
    put({event(now(), fmt::format("day {}", day))});
    sim.advance(hours(24));
  }
  EXPECT_EQ(error("PutRetentionPolicy", {{"logGroupName", "g"}, {"retentionInDays", 2}}),
            "InvalidParameterException");
  EXPECT_EQ(error("PutRetentionPolicy", {{"logGroupName", "g"}, {"retentionInDays", 0}}),
            "InvalidParameterException");
  good("PutRetentionPolicy", {{"logGroupName", "g"}, {"retentionInDays", 3}});
  EXPECT_EQ(filter(), (Texts{"day 3", "day 4", "day 5"}));
  auto blocks = [&] {
    return sim.run(sim.store().scan({.range = store::KeyRange::prefix({'o', 1, 'b'})}))
        ->entries.size();
  };
  EXPECT_EQ(blocks(), 6u);
  sim.advance(hours(2));
  EXPECT_EQ(blocks(), 2u);
  restart();
  sim.advance(hours(24));
  EXPECT_EQ(blocks(), 1u);
  auto row = good("DescribeLogGroups", {}).at("logGroups").at(0);
  EXPECT_EQ(row.at("storedBytes").as_int64(), 26 + 5);
  EXPECT_EQ(row.at("retentionInDays").as_int64(), 3);
  good("DeleteRetentionPolicy", {{"logGroupName", "g"}});
  sim.advance(hours(24 * 30));
  EXPECT_EQ(blocks(), 1u);
  EXPECT_FALSE(sim.clock().next_alarm());  // no retention, no timer
}

TEST_F(LogsTest, Tags) {
  good("CreateLogGroup", {{"logGroupName", "g"}, {"tags", {{"a", "1"}}}});
  std::string arn = "arn:aws:logs:ap-northeast-1:000000000000:log-group:g";
  good("TagResource", {{"resourceArn", arn}, {"tags", {{"b", "2"}}}});
  good("TagLogGroup", {{"logGroupName", "g"}, {"tags", {{"c", "3"}}}});
  good("UntagResource", {{"resourceArn", arn}, {"tagKeys", {"a"}}});
  json::object expected{{"b", "2"}, {"c", "3"}};
  EXPECT_EQ(good("ListTagsForResource", {{"resourceArn", arn}}).at("tags"), expected);
  good("UntagLogGroup", {{"logGroupName", "g"}, {"tags", {"b"}}});
  EXPECT_EQ(good("ListTagsLogGroup", {{"logGroupName", "g"}}).at("tags"),
            (json::object{{"c", "3"}}));
  json::object many;
  for (int i = 0; i < 50; ++i) many[fmt::format("t{}", i)] = "x";
  EXPECT_EQ(error("TagResource", {{"resourceArn", arn}, {"tags", many}}), "TooManyTagsException");
  EXPECT_EQ(error("ListTagsForResource",
                  {{"resourceArn", "arn:aws:logs:ap-northeast-1:000000000000:destination:d"}}),
            "ResourceNotFoundException");
}

TEST_F(LogsTest, TheSinkMakesGroupsAndStreamsAndWritesInOneCommit) {
  auto* sink = service->sink();
  TimePoint at = sim.clock().now();
  uint64_t before = sim.store().snapshot()->sequence();
  for (int i = 0; i < 10; ++i) {
    sink->append("/aws/lambda/f", "s1", {{at + Millis(i), fmt::format("one {}", i)}});
    sink->append("/aws/lambda/f", "s2", {{at + Millis(i), fmt::format("two {}", i)}});
    sink->append("/aws/lambda/g", "s1", {{at, "g"}});
  }
  sim.advance(event::kLogFlushInterval);
  EXPECT_EQ(sim.store().snapshot()->sequence(), before + 1);
  auto rows = good("FilterLogEvents", {{"logGroupName", "/aws/lambda/f"}});
  EXPECT_EQ(messages(rows).size(), 20u);
  sink->append("/aws/lambda/f", "s1", {{at, "last"}});
  restart();  // what waits is written by stop()
  rows = good("FilterLogEvents", {{"logGroupName", "/aws/lambda/f"}, {"filterPattern", "last"}});
  EXPECT_EQ(messages(rows), Texts{"last"});
}

TEST_F(LogsTest, LinesOfTheSinkAreWrittenWithWhatTheirWriterCommits) {
  auto* sink = service->sink();
  TimePoint at = sim.clock().now();
  auto position = [](std::string value) {
    store::Batch batch;
    batch.require_absent("\x01position");
    batch.put("\x01position", std::move(value));
    return batch;
  };
  EXPECT_TRUE(sim.run(sink->write("g", "s", {{at, "first"}}, position("1"))));
  EXPECT_EQ(sim.run(sim.store().get("\x01position"))->value().value, "1");
  // The position was taken before: neither is written.
  EXPECT_FALSE(sim.run(sink->write("g", "s", {{at, "again"}}, position("2"))));
  EXPECT_EQ(sim.run(sim.store().get("\x01position"))->value().value, "1");
  EXPECT_EQ(filter({}), Texts{"first"});
}

TEST_F(LogsTest, TheSinkIsBoundedAndSaysWhatItDropped) {
  auto* sink = service->sink();
  std::string line(200 << 10, 'x');
  for (int i = 0; i < 200; ++i) sink->append("g", "s", {{sim.clock().now(), line}});
  sim.advance(seconds(1));
  auto last = filter({{"filterPattern", "dropped"}});
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0].substr(0, 17), "37 lines were dro");
  // There is room again.
  sink->append("g", "s", {{sim.clock().now(), "after"}});
  sim.advance(seconds(1));
  EXPECT_EQ(filter({{"filterPattern", "after"}}), Texts{"after"});
}

TEST(LogsRealTest, WritersOfOneStreamLoseNothing) {
  event::RealKernel real(2);
  Logic logic(real.kernel());
  logic.register_timers();
  real.start();
  ASSERT_TRUE(real.run(logic.create_group("g", {})));
  ASSERT_TRUE(real.run(logic.create_stream("g", "s")));
  std::vector<std::future<Result<Logic::Rejected>>> puts;
  TimePoint now = real.kernel().clock.now();
  for (int i = 0; i < 40; ++i) {
    puts.push_back(real.spawn(logic.put("g", "s", {{now + Millis(i % 7), fmt::format("{}", i)}})));
  }
  size_t done = 0;
  for (auto& put : puts) done += put.get().has_value() ? 1 : 0;
  auto events = real.run(logic.get({.group = "g", .stream = "s"}));
  ASSERT_TRUE(events);
  EXPECT_EQ(events->size(), done);
  EXPECT_EQ(done, 40u);
  EXPECT_TRUE(std::ranges::is_sorted(*events, {}, [](const LogEvent& e) { return e.at; }));
  real.stop();
}

}  // namespace
}  // namespace suiro::logs
