// SPDX-License-Identifier: Apache-2.0
#include "services/events/testing.h"

namespace suiro::events {
namespace {

namespace json = boost::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Texts = std::vector<std::string>;

class ScheduleTest : public EventsTest {
 protected:
  Texts times(const std::string& arn) {
    Texts out;
    for (const std::string& text : payloads(arn)) {
      out.emplace_back(json::parse(text).at("time").as_string());
    }
    return out;
  }
};

TEST_F(ScheduleTest, ARunIsAScheduledEvent) {
  ASSERT_TRUE(put_schedule("r", "cron(15 10 * * ? *)"));
  ASSERT_TRUE(put_target("r", "1", queue("a")));
  sim.advance(hours(10));
  EXPECT_TRUE(got(queue("a")).empty());
  sim.advance(hours(48));
  ASSERT_EQ(times(queue("a")), (Texts{"2026-01-01T10:15:00Z", "2026-01-02T10:15:00Z"}));
  auto event = json::parse(payloads(queue("a")).front()).as_object();
  EXPECT_EQ(event["detail-type"], "Scheduled Event");
  EXPECT_EQ(event["source"], "aws.events");
  EXPECT_EQ(json::serialize(event["resources"]),
            R"(["arn:aws:events:ap-northeast-1:000000000000:rule/r"])");
  EXPECT_EQ(json::serialize(event["detail"]), "{}");
  EXPECT_EQ(event["id"].as_string().size(), 36U);
}

TEST_F(ScheduleTest, ARateCountsFromItsCreation) {
  sim.advance(seconds(20));
  ASSERT_TRUE(put_schedule("r", "rate(5 minutes)"));
  ASSERT_TRUE(put_target("r", "1", queue("a")));
  sim.advance(minutes(11));
  EXPECT_EQ(times(queue("a")), (Texts{"2026-01-01T00:05:20Z", "2026-01-01T00:10:20Z"}));
}

TEST_F(ScheduleTest, TheTimerFollowsTheRule) {
  ASSERT_TRUE(put_schedule("r", "rate(1 minute)"));
  ASSERT_TRUE(put_target("r", "1", queue("a")));
  sim.advance(seconds(130));
  EXPECT_EQ(got(queue("a")).size(), 2U);
  ASSERT_TRUE(sim.run(logic().set_state({"default", "r"}, RuleState::kDisabled)));
  sim.advance(hours(1));
  EXPECT_EQ(got(queue("a")).size(), 2U);
  ASSERT_TRUE(sim.run(logic().set_state({"default", "r"}, RuleState::kEnabled)));
  sim.advance(seconds(90));
  EXPECT_EQ(got(queue("a")).size(), 3U);
  ASSERT_TRUE(put_schedule("r", "rate(1 hour)"));  // the timer of the next minute is gone
  sim.advance(minutes(59));
  EXPECT_EQ(got(queue("a")).size(), 3U);
  sim.advance(minutes(2));
  EXPECT_EQ(got(queue("a")).size(), 4U);
  ASSERT_TRUE(put_rule("r", "{'source':['x']}"));  // no schedule any more
  sim.advance(hours(5));
  EXPECT_EQ(got(queue("a")).size(), 4U);
  ASSERT_TRUE(put_schedule("r", "rate(1 hour)"));
  ASSERT_TRUE(sim.run(logic().remove_targets({"default", "r"}, {"1"})));
  ASSERT_TRUE(sim.run(logic().delete_rule({"default", "r"})));
  sim.advance(hours(5));
  EXPECT_EQ(got(queue("a")).size(), 4U);
}

TEST_F(ScheduleTest, AScheduleIsNoPattern) {
  ASSERT_TRUE(put_schedule("r", "rate(1 minute)"));
  ASSERT_TRUE(put_target("r", "1", queue("a")));
  ASSERT_TRUE(put("app", "{}"));
  EXPECT_TRUE(got(queue("a")).empty());
}

TEST_F(ScheduleTest, AMonthOfRunsHasEachNominalTimeOnce) {
  ASSERT_TRUE(put_schedule("r", "cron(0/15 8-17 ? * MON-FRI *)"));
  ASSERT_TRUE(put_target("r", "1", queue("a")));
  sim.advance(hours(24 * 31));
  Texts all = times(queue("a"));
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
  EXPECT_EQ(all.size(), 22U * 40U);  // January 2026 has 22 working days
}

// A crash behind each commit; every nominal time has one event, with the same id had it been made
// twice.
TEST_F(ScheduleTest, EachNominalTimeHasOneEventAcrossCrashes) {
  ASSERT_TRUE(put_schedule("r", "rate(1 minute)"));
  ASSERT_TRUE(put_target("r", "1", queue("a")));
  for (int commits = 1; commits <= 6; ++commits) {
    sim.store().crash_after(commits);
    sim.advance(minutes(3));
    restart();
    sim.advance(minutes(2));
  }
  Texts all = times(queue("a"));
  std::set<std::string> once(all.begin(), all.end());
  EXPECT_EQ(once.size(), all.size());
  EXPECT_EQ(all.size(), 30U);
}

TEST_F(ScheduleTest, RunsMissedForLongAreNotMadeUpFor) {
  ASSERT_TRUE(put_schedule("r", "rate(1 minute)"));
  ASSERT_TRUE(put_target("r", "1", queue("a")));
  sim.advance(seconds(61));
  sim.crash();
  sim.advance(hours(3));
  restart();
  sim.advance(seconds(30));
  // The one that was due next, and those of the last quarter of an hour.
  EXPECT_EQ(got(queue("a")).size(), 1U + 1U + 15U);
  EXPECT_EQ(times(queue("a"))[1], "2026-01-01T00:02:00Z");
  EXPECT_EQ(times(queue("a"))[2], "2026-01-01T02:47:00Z");
}

}  // namespace
}  // namespace suiro::events
