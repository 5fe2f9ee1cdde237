// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/command_timeline.h"
#include "server/timeline_page.h"

namespace suiro::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TimelineTest : public ::testing::Test {
 protected:
  // Ran from `start` seconds behind its planned time for a minute.
  static shapes::suiro::Run run(std::string name, std::string state, TimePoint planned,
                                int start = 2) {
    shapes::suiro::Run out;
    out.run_id = name + format_iso8601(planned);
    out.name = std::move(name);
    out.state = std::move(state);
    out.planned_at = planned;
    out.created_at = planned;
    if (out.state == "missed" || out.state == "skipped") return out;
    out.started_at = planned + std::chrono::seconds(start);
    out.stopped_at = *out.started_at + std::chrono::minutes(1);
    out.exit_code = out.state == "failed" ? 3 : 0;
    return out;
  }
  std::string format(const std::vector<shapes::suiro::Run>& runs) const {
    return format_timeline(runs, picture);
  }

  TimePoint day{std::chrono::sys_days(std::chrono::year(2026) / 11 / 20)};
  TimelinePicture picture{.since = day,
                          .until = day + std::chrono::hours(24),
                          .now = day + std::chrono::hours(24),
                          .columns = 14 + 24};
};

TEST_F(TimelineTest, DrawsWhatHappenedWhen) {
  using std::chrono::hours;
  std::string text =
      format({run("bill", "succeeded", day + hours(3)), run("bill", "failed", day + hours(6)),
              run("bill", "missed", day + hours(9)), run("bill", "skipped", day + hours(12)),
              run("bill", "succeeded", day + hours(15), 300)});
  EXPECT_THAT(text, HasSubstr("bill       5     █  ✗  ○  -  !        \n"));
  EXPECT_THAT(text, HasSubstr("00:00       12:00"));
  EXPECT_THAT(text, HasSubstr("5 runs:  1 failed  1 missed  1 skipped  2 succeeded\n"));
  EXPECT_THAT(text, HasSubstr("2026-11-20T06:00:00  bill  failed  exit code 3\n"));
  EXPECT_THAT(text, HasSubstr("2026-11-20T15:00:00  bill  succeeded  exit code 0  5 min 0 s late"));
  EXPECT_THAT(text, Not(HasSubstr("T03:00:00  bill")));
}

TEST_F(TimelineTest, CountsInTheWordsOfItsLegend) {
  std::string text = format({run("month", "started", day)});
  EXPECT_THAT(text, HasSubstr("1 runs:  1 handed over\n"));
}

TEST_F(TimelineTest, SaysThatAllWentAsPlanned) {
  std::string text = format({run("bill", "succeeded", day)});
  EXPECT_THAT(text, HasSubstr("all went as planned\n"));
  EXPECT_THAT(format({}), HasSubstr("no runs in this time"));
}

TEST_F(TimelineTest, CutsLongNamesBetweenCharacters) {
  std::string text = format(
      {run(std::string(40, 'x') + "end", "succeeded", day),
       run("水路水路水路水路水路水路水路水路水路水路水路水路水路水路水路", "succeeded", day)});
  EXPECT_THAT(text, HasSubstr(std::string(27, 'x') + "~ "));
  EXPECT_THAT(text, HasSubstr("水路水~ "));
}

TEST_F(TimelineTest, ARunThatWaitsStillIsLate) {
  auto waiting = run("bill", "waiting", day);
  waiting.started_at.reset();
  waiting.stopped_at.reset();
  EXPECT_EQ(lateness(waiting, day + std::chrono::minutes(5)), Millis(std::chrono::minutes(5)));
  EXPECT_EQ(lateness(run("bill", "missed", day), day + std::chrono::hours(1)), Millis(0));
}

TEST_F(TimelineTest, ThePageHoldsTheRunsAndNoTextEndsItsScript) {
  auto failed = run("bill", "failed", day);
  failed.reason = "</script><script>alert(1)</script>";
  std::string page = make_timeline_page({failed}, picture);
  EXPECT_THAT(page, HasSubstr(R"("Name":"bill")"));
  EXPECT_THAT(page, HasSubstr(R"(\u003c/script>)"));
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, Not(HasSubstr("@RUNS@")));
  EXPECT_THAT(page, Not(HasSubstr("http://")));
  EXPECT_THAT(page, Not(HasSubstr("https://")));
}

TEST_F(TimelineTest, UnderstandsTimes) {
  EXPECT_EQ(*parse_time_argument("now", day), day);
  EXPECT_EQ(*parse_time_argument("90m", day), day - std::chrono::minutes(90));
  EXPECT_EQ(*parse_time_argument("7d", day), day - std::chrono::hours(168));
  EXPECT_EQ(*parse_time_argument("2026-11-20", day + std::chrono::hours(5)), day);
  EXPECT_EQ(*parse_time_argument("2026-11-20T01:00:00Z", day), day + std::chrono::hours(1));
  for (const char* wrong : {"", "5", "-5m", "5x", "yesterday", "2026-13-01"}) {
    EXPECT_FALSE(parse_time_argument(wrong, day)) << wrong;
  }
}

}  // namespace
}  // namespace suiro::server
