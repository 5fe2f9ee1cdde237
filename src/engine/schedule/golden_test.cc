// SPDX-License-Identifier: Apache-2.0
// The cases of tests/golden/schedules, and those that were recorded elsewhere.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/schedule/schedule.h"

namespace suiro::schedule {
namespace {

TimePoint at(const std::string& text) {
  return parse_iso8601(text).value();
}

std::vector<std::string> split(const std::string& line) {
  constexpr std::string_view kBetween = " | ";
  std::vector<std::string> out;
  size_t begin = 0;
  for (size_t end; (end = line.find(kBetween, begin)) != std::string::npos;) {
    out.push_back(line.substr(begin, end - begin));
    begin = end + kBetween.size();
  }
  out.push_back(line.substr(begin));
  return out;
}

void check_error(const std::vector<std::string>& case_) {
  const auto dialect = case_[1] == "rule" ? Dialect::kRule : Dialect::kScheduler;
  auto expression = Expression::parse(case_[0], dialect);
  ASSERT_FALSE(expression) << case_[0];
  EXPECT_EQ(expression.error().message, case_[3]) << case_[0];
}

void check_times(const std::vector<std::string>& case_) {
  auto expression = Expression::parse(case_[0], Dialect::kScheduler);
  ASSERT_TRUE(expression) << case_[0] << ": " << expression.error().message;
  auto zone = TimeZone::load(case_[1]);
  ASSERT_TRUE(zone) << case_[1];
  const Schedule schedule({.expression = *std::move(expression),
                           .zone = *std::move(zone),
                           .rate_from = at("2026-01-01T00:00:00Z")});
  const bool after = case_[2].starts_with("after ");
  std::string found, wanted;
  TimePoint time = at(case_[2].substr(case_[2].find(' ') + 1));
  std::istringstream words(case_[3]);
  for (std::string word; words >> word;) {
    wanted += word + " ";
    const auto next = after ? schedule.next(time) : schedule.previous(time);
    found += next ? format_iso8601(*next).substr(0, 19) + "Z " : "none ";
    if (!next) break;
    time = *next;
  }
  EXPECT_EQ(found, wanted) << case_[0] << " " << case_[1] << " " << case_[2];
}

size_t check_file(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  size_t cases = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.starts_with("//")) continue;
    const auto case_ = split(line);
    EXPECT_EQ(case_.size(), 4u) << line;
    if (case_.size() != 4) continue;
    ++cases;
    case_[2] == "error" ? check_error(case_) : check_times(case_);
  }
  return cases;
}

TEST(ScheduleGoldenTest, OurFiles) {
  size_t cases = 0;
  const std::string folder = SUIRO_SOURCE_DIR "/tests/golden/schedules";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt") cases += check_file(entry.path());
  }
  EXPECT_GE(cases, 90u);
}

#ifdef SUIRO_CRON_CASES
TEST(ScheduleGoldenTest, RecordedCases) {
  EXPECT_GE(check_file(SUIRO_CRON_CASES), 49u);
}
#else
TEST(ScheduleGoldenTest, RecordedCases) {
  GTEST_SKIP() << "../shared/data/cron-cases.json is not present: the cases are skipped";
}
#endif

}  // namespace
}  // namespace suiro::schedule
