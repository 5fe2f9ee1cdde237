// SPDX-License-Identifier: Apache-2.0
// Names of types, intervals, and numbers at the edges of what they hold.
#include "engine/sql/type.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/sql/calendar.h"
#include "engine/sql/convert.h"
#include "engine/sql/function.h"

namespace suiro::sql {
namespace {

std::string parsed(std::string_view text) {
  auto type = parse_type(text);
  return type ? type->text() : "refused";
}

TEST(Types, Names) {
  EXPECT_EQ(parsed("varchar(16)"), "VARCHAR(16)");
  EXPECT_EQ(parsed(" CHARACTER  VARYING ( 16 ) "), "VARCHAR(16)");
  EXPECT_EQ(parsed("CHARACTER(3)"), "CHAR(3)");
  EXPECT_EQ(parsed("CHAR"), "CHAR(1)");
  EXPECT_EQ(parsed("VARCHAR"), "VARCHAR(65535)");
  EXPECT_EQ(parsed("DOUBLE PRECISION"), "DOUBLE");
  EXPECT_EQ(parsed("FLOAT"), "DOUBLE");
  EXPECT_EQ(parsed("INT"), "INTEGER");
  EXPECT_EQ(parsed("DEC"), "DECIMAL(18,0)");
  EXPECT_EQ(parsed("NUMERIC(19,5)"), "DECIMAL(19,5)");
  EXPECT_EQ(parsed("BINARY VARYING(9)"), "VARBINARY(9)");
  EXPECT_EQ(parsed("TIMESTAMP"), "TIMESTAMP");
  EXPECT_EQ(parsed("TIME"), "TIME");
  EXPECT_EQ(parsed("INTERVAL DAY(3) TO SECOND(3)"), "INTERVAL DAY(3) TO SECOND");
  EXPECT_EQ(parsed("INTERVAL YEAR TO MONTH"), "INTERVAL YEAR(2) TO MONTH");
  for (const auto* bad : {"", "VARCHAR(0)", "VARCHAR(65536)", "VARCHAR(", "DECIMAL(20)", "INTS",
                          "DECIMAL(3,4)", "TEXT", "INTEGER X", "INTERVAL MONTH TO DAY",
                          "INTERVAL SECOND TO DAY", "INTERVAL HOUR(2,3)"}) {
    EXPECT_EQ(parsed(bad), "refused") << bad;
  }
}

TEST(Types, IntervalsAsWritten) {
  const auto value = [](std::string_view qualifier, std::string_view text) {
    auto type = parse_interval_type(qualifier);
    EXPECT_TRUE(type);
    auto out = parse_interval(text, *type);
    return out ? *out : int64_t{-1};
  };
  EXPECT_EQ(value("SECOND", "60"), 60'000);
  EXPECT_EQ(value("HOUR", "1"), 3'600'000);
  EXPECT_EQ(value("MINUTE TO SECOND(3)", "59:59.999"), 3'599'999);
  EXPECT_EQ(value("MINUTE", "120"), -1);
  EXPECT_EQ(value("MINUTE(3)", "120"), 7'200'000);
  EXPECT_EQ(value("DAY TO HOUR", "25 3"), 25 * kDayMs + 3 * kHourMs);
  EXPECT_EQ(value("DAY TO HOUR", "3:45:04.0"), -1);
  EXPECT_EQ(value("DAY TO HOUR", "1 24"), -1);
  EXPECT_EQ(value("YEAR", "1.1"), -1);
  EXPECT_EQ(value("YEAR TO MONTH", "3-04"), 40);
}

TEST(Types, NumbersAtTheEdges) {
  EXPECT_EQ(*parse_decimal("9223372036854775807", 0), INT64_MAX);
  EXPECT_EQ(*parse_decimal("-9223372036854775808", 0), INT64_MIN);
  EXPECT_FALSE(parse_decimal("9223372036854775808", 0));
  EXPECT_FALSE(parse_decimal("1e999", 0));
  EXPECT_EQ(*parse_decimal("1e-999", 3), 0);
  EXPECT_EQ(*parse_decimal("0.0005", 3), 1);
  EXPECT_EQ(*parse_decimal("-0.0005", 3), -1);
  EXPECT_EQ(*parse_decimal(".5", 1), 5);
  EXPECT_FALSE(parse_decimal(".", 1));
  EXPECT_FALSE(parse_decimal("1 2", 1));
  EXPECT_FALSE(scaled_of(std::nan(""), 0));
  EXPECT_FALSE(scaled_of(9.3e18, 0));
  std::string text;
  for (const double value : {0.0, -2.5, 1e7, 1.5e-5, 123456.789, 1e300}) {
    append_real(text, value);
    text += ' ';
  }
  EXPECT_EQ(text, "0.0 -2.5 1.0E7 1.5E-5 123456.789 1.0E300 ");
}

TEST(Types, TheCalendarRoundTrips) {
  for (int64_t days = -1'000'000; days < 1'000'000; days += 997) {
    const CivilDate date = date_of(days);
    EXPECT_EQ(days_of(date.year, date.month, date.day), days);
    EXPECT_GE(date.day, 1);
    EXPECT_LE(date.day, days_in_month(date.year, date.month));
  }
  EXPECT_EQ(days_of(1970, 1, 1), 0);
  EXPECT_EQ(days_of(2000, 2, 29), 11'016);
  EXPECT_EQ(weekday_of(0), 4);
  EXPECT_EQ(*parse_date("-0044-03-15"), days_of(-44, 3, 15));
}

TEST(Types, WhatDependsOnTimeIsNotFolded) {
  Type text;
  text.kind = TypeKind::kVarchar;
  text.length = 20;
  const auto folds = [&](std::string_view name, std::string_view format) {
    const Value constant = Value::of_text(format);
    const ArgumentInfo args[] = {{text, &constant}, {text, &constant}};
    auto bound = FunctionLibrary().scalar(name, args);
    return bound && bound->deterministic;
  };
  EXPECT_TRUE(folds("CHAR_TO_TIMESTAMP", "yyyy-MM-dd"));
  EXPECT_FALSE(folds("CHAR_TO_TIMESTAMP", "MM/dd/yy"));
  EXPECT_TRUE(folds("LIKE", "a%"));
  auto now = FunctionLibrary().scalar("CURRENT_TIMESTAMP", {});
  ASSERT_TRUE(now);
  EXPECT_FALSE(now->deterministic);
}

TEST(Types, CharactersAreCountedNotBytes) {
  EXPECT_EQ(character_count("aäb"), 3U);
  EXPECT_EQ(prefix_bytes("aäb", 2), 3U);
  EXPECT_EQ(prefix_bytes("aäb", 9), 4U);
  EXPECT_EQ(compare_padded("a", "a  "), 0);
  EXPECT_LT(compare_padded("a", "ab"), 0);
  EXPECT_GT(compare_padded("a", std::string_view("a\x01", 2)), 0);
}

}  // namespace
}  // namespace suiro::sql
