// SPDX-License-Identifier: Apache-2.0
// Zones against the C library, which reads the same files with code of its own.
#include "base/time_zone.h"

#include <gtest/gtest.h>

#include <ctime>
#include <fstream>

#include "base/posix_zone.h"
#include "base/random.h"

namespace suiro {
namespace {

using namespace std::chrono;

TimePoint at(std::string_view text) {
  return parse_iso8601(text).value();
}

CivilTime civil(std::string_view text) {
  return CivilTime(at(text).time_since_epoch());
}

std::chrono::seconds libc_offset(TimePoint time) {
  std::time_t seconds = floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm parts = {};
  localtime_r(&seconds, &parts);
  return std::chrono::seconds(parts.tm_gmtoff);
}

class LibraryZone {
 public:
  explicit LibraryZone(const std::string& name) {
    setenv("TZ", name.c_str(), 1);
    tzset();
  }
  ~LibraryZone() {
    unsetenv("TZ");
    tzset();
  }
};

constexpr std::string_view kZones[] = {
    "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo",  "Asia/Beirut",
    "Asia/Tokyo",          "Europe/Berlin",    "Europe/Dublin", "America/New_York",
    "Africa/Casablanca",   "Pacific/Apia",     "Asia/Kolkata",  "America/Nuuk"};

TEST(TimeZoneTest, OffsetsAreThoseOfTheLibraryFarBeyondTheFiles) {
  SeededRandom random(7);
  const int64_t span_ms = (at("2390-01-01T00:00:00Z") - at("1960-01-01T00:00:00Z")).count();
  for (std::string_view name : kZones) {
    LibraryZone library{std::string(name)};
    auto zone = TimeZone::load(name);
    ASSERT_TRUE(zone) << name;
    for (int i = 0; i < 1000; ++i) {
      const TimePoint time =
          at("1960-01-01T00:00:00Z") + Millis(random.below(static_cast<uint64_t>(span_ms)));
      ASSERT_EQ(zone->offset_at(time), libc_offset(time)) << name << " " << format_iso8601(time);
    }
  }
}

TEST(TimeZoneTest, EachChangeIsWhereTheLibraryHasIt) {
  for (std::string_view name : kZones) {
    LibraryZone library{std::string(name)};
    auto zone = TimeZone::load(name);
    size_t changes = 0;
    auto change = zone->next_change(at("2020-01-01T00:00:00Z"));
    for (; change && change->at < at("2150-01-01T00:00:00Z"); ++changes) {
      EXPECT_EQ(change->before, libc_offset(change->at - 1ms)) << name;
      EXPECT_EQ(change->after, libc_offset(change->at)) << name;
      EXPECT_NE(change->before, change->after);
      const auto last = zone->last_change(change->at);
      ASSERT_TRUE(last);
      EXPECT_EQ(last->at, change->at);
      const auto earlier = zone->last_change(change->at - 1ms);
      EXPECT_TRUE(!earlier || earlier->at < change->at);
      change = zone->next_change(change->at);
    }
    const bool steady = name == "Asia/Tokyo" || name == "Asia/Kolkata" || name == "Pacific/Apia";
    EXPECT_GE(changes, steady ? (name == "Pacific/Apia" ? 2u : 0u) : 100u) << name;
  }
}

TEST(TimeZoneTest, TheCalendarRepeatsBehindTheTable) {
  auto zone = TimeZone::load("Europe/Berlin");
  const auto change = zone->next_change(at("9000-01-01T00:00:00Z"));
  ASSERT_TRUE(change);
  EXPECT_EQ(format_iso8601(change->at), "9000-03-30T01:00:00.000Z");
  EXPECT_EQ(zone->offset_at(at("9000-07-01T00:00:00Z")), 2h);
  EXPECT_EQ(zone->instants_of(civil("9000-03-30T02:30:00Z")).count, 0u);
}

TEST(TimeZoneTest, CivilTimesThatAreSkippedAndRepeated) {
  auto lord_howe = TimeZone::load("Australia/Lord_Howe");
  // Half an hour: 02:00 becomes 02:30 on 4 October 2026, 02:00 becomes 01:30 on 5 April 2026.
  EXPECT_EQ(lord_howe->instants_of(civil("2026-10-04T02:29:59Z")).count, 0u);
  EXPECT_EQ(lord_howe->instants_of(civil("2026-10-04T02:30:00Z")).count, 1u);
  auto twice = lord_howe->instants_of(civil("2026-04-05T01:30:00Z"));
  ASSERT_EQ(twice.count, 2u);
  EXPECT_EQ(twice.first, at("2026-04-04T14:30:00Z"));
  EXPECT_EQ(twice.second - twice.first, 30min);
  auto cairo = TimeZone::load("Africa/Cairo");
  EXPECT_EQ(cairo->instants_of(civil("2050-04-29T00:00:00Z")).count, 0u);
  EXPECT_EQ(cairo->instants_of(civil("2050-04-29T01:00:00Z")).count, 1u);
  EXPECT_EQ(TimeZone().instants_of(civil("2050-04-29T00:00:00Z")).first,
            at("2050-04-29T00:00:00Z"));
  auto apia = TimeZone::load("Pacific/Apia");
  EXPECT_EQ(apia->instants_of(civil("2011-12-30T12:00:00Z")).count, 0u) << "a day was left out";
}

TEST(TimeZoneTest, CivilTimesAreTheInverseOfInstants) {
  SeededRandom random(11);
  for (std::string_view name : kZones) {
    auto zone = TimeZone::load(name);
    for (int i = 0; i < 2000; ++i) {
      const TimePoint time =
          at("2024-01-01T00:00:00Z") + Millis(random.below(uint64_t{400} * 365 * 86'400'000));
      const auto instants = zone->instants_of(zone->civil_at(time));
      ASSERT_TRUE(instants.count > 0 &&
                  (instants.first == time || (instants.count == 2 && instants.second == time)))
          << name << " " << format_iso8601(time);
    }
  }
}

TEST(TimeZoneTest, NamesThatAreNotZones) {
  for (std::string_view name : {"../../etc/passwd", "No/Where", "tzdata.zi", "right/UTC", "/etc",
                                "Europe", "leap-seconds.list"}) {
    EXPECT_FALSE(TimeZone::load(name)) << name;
  }
  EXPECT_EQ(TimeZone::load("")->offset_at(at("2024-03-10T07:00:00Z")), 0h);
  EXPECT_TRUE(TimeZone::load("Etc/GMT+5"));
}

TEST(TimeZoneTest, BytesThatAreNotAFile) {
  EXPECT_FALSE(TimeZone::parse(""));
  EXPECT_FALSE(TimeZone::parse("TZif2"));
  EXPECT_FALSE(TimeZone::parse("TZif2" + Bytes(39, '\xff')));
  EXPECT_FALSE(TimeZone::parse("TZif2" + Bytes(60, '\0')));
  std::ifstream file("/usr/share/zoneinfo/Europe/Berlin", std::ios::binary);
  const Bytes whole((std::istreambuf_iterator<char>(file)), {});
  EXPECT_TRUE(TimeZone::parse(whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(TimeZone::parse(ByteView(whole).substr(0, size))) << size;
  }
}

TEST(PosixZoneTest, Forms) {
  EXPECT_EQ(PosixZone::parse("JST-9")->offset_s, 9 * 3600);
  auto zone = PosixZone::parse("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0");
  ASSERT_TRUE(zone && zone->summer);
  EXPECT_EQ(zone->offset_s, 37800);
  EXPECT_EQ(zone->summer->offset_s, 39600);
  auto julian = PosixZone::parse("AAA1BBB,J60/0,300/-2:30:15");
  ASSERT_TRUE(julian && julian->summer);
  const auto steps = julian->steps_of(year(2024));
  EXPECT_EQ(format_iso8601(TimePoint(seconds(steps[0].at))), "2024-03-01T01:00:00.000Z");
  EXPECT_EQ(format_iso8601(TimePoint(seconds(steps[1].at))), "2024-10-26T21:29:45.000Z");
  for (std::string_view text : {"", "A1", "AAA", "AAA1BBB", "AAA1BBB,M13.1.0,M1.1.0",
                                "AAA1BBB,M1.1.0", "AAA1BBB,M1.6.0,M2.1.0", "AAA26", "AAA1 "}) {
    EXPECT_FALSE(PosixZone::parse(text)) << text;
  }
}

}  // namespace
}  // namespace suiro
