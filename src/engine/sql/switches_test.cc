// SPDX-License-Identifier: Apache-2.0
// Every switch in each of its positions: what one small program gives.
#include "engine/sql/switches.h"

#include <gtest/gtest.h>

#include "engine/sql/row_codec.h"

namespace suiro::sql {
namespace {

// Rows of DEST as JSON, with the names of errors behind them; or the program's refusal.
std::string run(const std::string& text, std::initializer_list<std::string_view> settings) {
  Switches switches;
  for (std::string_view each : settings) EXPECT_TRUE(set_switch(switches, each)) << each;
  Type integer, varchar, time;
  integer.kind = TypeKind::kInteger;
  time.kind = TypeKind::kTimestamp;
  varchar.kind = TypeKind::kVarchar;
  varchar.length = 100;
  CompileInput input;
  input.inputs.push_back({.name = "A",
                          .schema = {{"K", integer}, {"T", time}, {"PARTITION_KEY", varchar}},
                          .origin = StreamDefinition::Origin::kInput,
                          .metadata_columns = 1});
  auto program = compile(text, input, FunctionLibrary(switches.functions), switches.language);
  if (!program) return program.error().message;
  const size_t dest = find_stream(**program, "DEST");
  const size_t errors = find_stream(**program, "error_stream");
  auto engine = Engine::create(*program, {.group_rowtime = switches.group_rowtime}, {dest, errors});
  EXPECT_TRUE(engine);
  RowBuffer rows({Lane::kInteger, Lane::kInteger, Lane::kText});
  rows.append(90'000, std::vector{Value::of_integer(1), Value{}, Value::of_text("p")});
  (*engine)->push(find_stream(**program, "A"), rows.take());
  (*engine)->advance(kBoundEnd, 0);
  std::string out;
  for (const Output& output : (*engine)->take()) {
    const Schema& schema = (*program)->streams[output.stream].schema;
    for (size_t i = 0; i < output.rows.size(); ++i) {
      if (output.stream == errors) {
        out += output.rows.columns[2].texts[i];
      } else {
        format_row(schema, output.rows, i, OutputFormat::kJson, out, switches.output);
      }
    }
  }
  return out;
}

std::string select(const std::string& column, const std::string& expression) {
  return "CREATE STREAM DEST (\"X\" " + column + ");\n" +
         "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM " + expression + " FROM A;\n";
}

bool refused(const std::string& what) {
  return what.starts_with("line ");
}

TEST(Switches, SlashComments) {
  const std::string text = select("INTEGER", "K // the key\n");
  EXPECT_TRUE(refused(run(text, {"slash_comments=refuse"})));
  EXPECT_EQ(run(text, {"slash_comments=accept"}), R"({"X":1})");
}

TEST(Switches, MetadataInStar) {
  const std::string text =
      "CREATE STREAM DEST (K INTEGER, T TIMESTAMP);\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM * FROM A;\n";
  EXPECT_EQ(run(text, {"metadata_in_star=hide"}), R"({"K":1,"T":null})");
  EXPECT_TRUE(refused(run(text, {"metadata_in_star=show"})));  // three columns for two
}

TEST(Switches, ZeroPreceding) {
  const std::string text = select("BIGINT", "COUNT(*) OVER (ROWS 0 PRECEDING)");
  EXPECT_EQ(run(text, {"zero_preceding=current-row"}), R"({"X":1})");
  EXPECT_TRUE(refused(run(text, {"zero_preceding=refuse"})));
}

TEST(Switches, IntervalPrecision) {
  const std::string text =
      select("VARCHAR(30)",
             "CAST((TIMESTAMP '1970-01-01 00:00:00' + INTERVAL '120' MINUTE) AS VARCHAR(30))");
  EXPECT_TRUE(refused(run(text, {"interval_precision=check"})));
  EXPECT_EQ(run(text, {"interval_precision=ignore"}), R"({"X":"1970-01-01 02:00:00"})");
  EXPECT_TRUE(refused(
      run(select("INTEGER", "INTERVAL '12345678901' MINUTE"), {"interval_precision=ignore"})));
}

TEST(Switches, ColumnNulls) {
  const std::string text = select("TIMESTAMP", "T");
  EXPECT_EQ(run(text, {"column_nulls=allow"}), R"({"X":null})");
  EXPECT_EQ(run(text, {"column_nulls=refuse"}), errors::kNullViolation);
}

TEST(Switches, Tsdiff) {
  const std::string text =
      select("BIGINT", "TSDIFF(TIMESTAMP '1970-01-01 00:00:05', TIMESTAMP '1970-01-01 00:00:03')");
  EXPECT_EQ(run(text, {"tsdiff=absolute"}), R"({"X":2000})");
  EXPECT_EQ(run(text, {"tsdiff=end-minus-start"}), R"({"X":-2000})");
  EXPECT_EQ(run(text, {"tsdiff=first-minus-second"}), R"({"X":2000})");
}

TEST(Switches, SubstringPastEnd) {
  const std::string comma = select("VARCHAR(9)", "SUBSTRING('ab', 5)");
  const std::string from = select("VARCHAR(9)", "SUBSTRING('ab' FROM 5)");
  EXPECT_EQ(run(comma, {"substring_past_end=as-pages"}), R"({"X":null})");
  EXPECT_EQ(run(from, {"substring_past_end=as-pages"}), R"({"X":""})");
  EXPECT_EQ(run(comma, {"substring_past_end=empty"}), R"({"X":""})");
  EXPECT_EQ(run(from, {"substring_past_end=null"}), R"({"X":null})");
}

TEST(Switches, IntervalToShortText) {
  const std::string text =
      select("VARCHAR(8)", "CAST(INTERVAL '3 4:05:06' DAY TO SECOND AS VARCHAR(5))");
  EXPECT_EQ(run(text, {"interval_to_short_text=cut"}), R"({"X":"+3 04"})");
  EXPECT_NE(run(text, {"interval_to_short_text=refuse"}).find(errors::kTooLong), std::string::npos);
}

TEST(Switches, NullToChar) {
  const std::string text = select("VARCHAR(9)", "CAST(TIMESTAMP_TO_CHAR('yyyy', T) AS VARCHAR(9))");
  EXPECT_EQ(run(text, {"null_to_char=text"}), R"({"X":"null"})");
  EXPECT_EQ(run(text, {"null_to_char=null"}), R"({"X":null})");
}

TEST(Switches, HotspotsColumn) {
  const std::string samples =
      "CREATE STREAM DEST (X INTEGER);\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM CHAR_LENGTH(HOTSPOTS_RESULT) FROM TABLE("
      "HOTSPOTS(CURSOR(SELECT STREAM K FROM A), 100, 1, 2));\n";
  std::string heading = samples;
  heading.replace(heading.find("HOTSPOTS_RESULT"), 15, "HOTSPOT_RESULTS");
  EXPECT_FALSE(refused(run(samples, {"hotspots_column=HOTSPOTS_RESULT"})));
  EXPECT_TRUE(refused(run(heading, {"hotspots_column=HOTSPOTS_RESULT"})));
  EXPECT_TRUE(refused(run(samples, {"hotspots_column=HOTSPOT_RESULTS"})));
  EXPECT_FALSE(refused(run(heading, {"hotspots_column=HOTSPOT_RESULTS"})));
}

TEST(Switches, GroupRowtime) {
  const std::string text =
      "CREATE STREAM DEST (X TIMESTAMP);\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM q.ROWTIME FROM (SELECT STREAM COUNT(*) AS N "
      "FROM A GROUP BY FLOOR(A.ROWTIME TO MINUTE)) AS q;\n";
  EXPECT_EQ(run(text, {"group_rowtime=end"}), R"({"X":"1970-01-01 00:02:00.000"})");
  EXPECT_EQ(run(text, {"group_rowtime=start"}), R"({"X":"1970-01-01 00:01:00.000"})");
}

TEST(Switches, OutputNullsAndTimestamps) {
  const std::string text =
      "CREATE STREAM DEST (T TIMESTAMP, U TIMESTAMP, V INTEGER);\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM T, TIMESTAMP '1970-01-01 00:00:01', K "
      "FROM A;\n";
  EXPECT_EQ(run(text, {"output_nulls=show", "output_timestamps=text"}),
            R"({"T":null,"U":"1970-01-01 00:00:01.000","V":1})");
  EXPECT_EQ(run(text, {"output_nulls=leave-out"}), R"({"U":"1970-01-01 00:00:01.000","V":1})");
  EXPECT_EQ(run(text, {"output_timestamps=epoch-ms"}), R"({"T":null,"U":1000,"V":1})");
}

TEST(Switches, WhatIsNotKnownIsRefused) {
  Switches switches;
  for (const char* wrong : {"tsdiff", "tsdiff=", "tsdiff=other", "nothing=refuse", ""}) {
    EXPECT_FALSE(set_switch(switches, wrong)) << wrong;
  }
}

// The first value is what a new Switches has.
TEST(Switches, DefaultsStandFirst) {
  Switches first;
  for (const SwitchInfo& each : all_switches()) each.set(first, 0);
  const Switches fresh;
  EXPECT_EQ(first.language.slash_comments, fresh.language.slash_comments);
  EXPECT_EQ(first.language.metadata_in_star, fresh.language.metadata_in_star);
  EXPECT_EQ(first.language.zero_preceding, fresh.language.zero_preceding);
  EXPECT_EQ(first.language.interval_precision, fresh.language.interval_precision);
  EXPECT_EQ(first.language.column_nulls, fresh.language.column_nulls);
  EXPECT_EQ(first.functions.tsdiff, fresh.functions.tsdiff);
  EXPECT_EQ(first.functions.substring_past_end, fresh.functions.substring_past_end);
  EXPECT_EQ(first.functions.interval_text, fresh.functions.interval_text);
  EXPECT_EQ(first.functions.null_to_char, fresh.functions.null_to_char);
  EXPECT_EQ(first.functions.hotspots_column, fresh.functions.hotspots_column);
  EXPECT_EQ(first.group_rowtime, fresh.group_rowtime);
  EXPECT_EQ(first.output.nulls, fresh.output.nulls);
  EXPECT_EQ(first.output.timestamps, fresh.output.timestamps);
}

TEST(Switches, TellWhatDiffersFromTheDefaults) {
  Switches switches;
  EXPECT_EQ(settings_text(switches), "");
  for (const SwitchInfo& each : all_switches()) {
    for (size_t value = 0; value < each.values.size(); ++value) {
      Switches one;
      each.set(one, value);
      EXPECT_EQ(each.get(one), value) << each.name;
      EXPECT_EQ(settings_text(one).empty(), value == 0) << each.name;
    }
  }
  ASSERT_TRUE(set_switch(switches, "tsdiff=end-minus-start"));
  ASSERT_TRUE(set_switch(switches, "group_rowtime=start"));
  EXPECT_EQ(settings_text(switches), "tsdiff=end-minus-start group_rowtime=start ");
}

}  // namespace
}  // namespace suiro::sql
