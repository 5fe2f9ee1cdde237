// SPDX-License-Identifier: Apache-2.0
// What golden files cannot show: switches, limits, texts that are not programs, monotonicity.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/sql/bind.h"
#include "engine/sql/calendar.h"
#include "engine/sql/lexer.h"
#include "engine/sql/parser.h"
#include "engine/sql/plan.h"

namespace suiro::sql {
namespace {

Type type_of(std::string_view text) {
  return parse_type(text).value();
}

CompileInput one_input() {
  CompileInput out;
  out.inputs.push_back({.name = "S",
                        .schema = {{"A", type_of("INTEGER")},
                                   {"B", type_of("VARCHAR(8)")},
                                   {"SHARD_ID", type_of("VARCHAR(64)")}}});
  out.inputs[0].metadata_columns = 1;
  return out;
}

// The plan, or the message.
std::string compiled(const std::string& text, const LanguageOptions& options = {}) {
  static const FunctionLibrary functions;
  auto program = compile(text, one_input(), functions, options);
  return program ? explain(**program) : program.error().message;
}

std::string pump(const std::string& query) {
  return "CREATE STREAM d (x BIGINT); CREATE PUMP p AS INSERT INTO d " + query + ";";
}

TEST(Lexer, PositionsCountCharactersAndLines) {
  auto tokens = lex("a\n  \"ü\" b", {});
  ASSERT_TRUE(tokens);
  ASSERT_EQ(tokens->size(), 4U);
  EXPECT_EQ((*tokens)[1].at.line, 2U);
  EXPECT_EQ((*tokens)[1].at.column, 3U);
  EXPECT_EQ((*tokens)[2].at.column, 7U);
  EXPECT_EQ((*tokens)[0].text, "A");
}

TEST(Lexer, ReservedWordsAreWholeWords) {
  EXPECT_TRUE(is_reserved("ABS"));
  EXPECT_TRUE(is_reserved("YEAR"));
  EXPECT_TRUE(is_reserved("SHARD_ID"));
  EXPECT_FALSE(is_reserved("AB"));
  EXPECT_FALSE(is_reserved("STAGGER"));
  EXPECT_FALSE(is_reserved(""));
}

TEST(Language, SlashCommentsAreASwitch) {
  const std::string text = "// nothing\n" + pump("SELECT STREAM a FROM s");
  EXPECT_EQ(compiled(text), "line 1, column 1: found '//', expected '--' or '/*' for a comment");
  LanguageOptions options;
  options.slash_comments = LanguageOptions::SlashComments::kAccept;
  EXPECT_TRUE(compiled(text, options).starts_with("STREAM"));
}

TEST(Language, MetadataInStarIsASwitch) {
  const std::string text =
      "CREATE STREAM d (a INTEGER, b VARCHAR(8), c VARCHAR(64));"
      "CREATE PUMP p AS INSERT INTO d SELECT STREAM * FROM s;";
  EXPECT_TRUE(compiled(text).contains("found a query of 2 columns, expected 3"));
  LanguageOptions options;
  options.metadata_in_star = LanguageOptions::MetadataInStar::kShow;
  EXPECT_TRUE(compiled(text, options).contains("#2:SHARD_ID"));
}

TEST(Language, ZeroPrecedingIsASwitch) {
  const std::string text = pump("SELECT STREAM COUNT(*) OVER (ROWS 0 PRECEDING) FROM s");
  EXPECT_TRUE(compiled(text).contains("ROWS 0 PRECEDING"));
  LanguageOptions options;
  options.zero_preceding = LanguageOptions::ZeroPreceding::kRefuse;
  EXPECT_TRUE(compiled(text, options).contains("found 0 PRECEDING, expected CURRENT ROW"));
}

TEST(Language, ProgramsAreLimited) {
  const std::string long_text = pump("SELECT STREAM a FROM s") + std::string(kProgramBytesMax, ' ');
  EXPECT_TRUE(compiled(long_text).contains("expected at most 102400"));
  std::string many;
  for (size_t i = 0; i <= kStatementsMax; ++i) many += fmt::format("CREATE STREAM s{} (a INT);", i);
  EXPECT_TRUE(compiled(many).contains("at most 1000 statements"));
}

TEST(Language, NestingIsLimitedEverywhere) {
  const size_t deep = 30'000;
  const auto repeated = [&](std::string_view text) {
    std::string out;
    for (size_t i = 0; i < deep / text.size(); ++i) out += text;
    return out;
  };
  for (const auto* piece : {"(", "CASE WHEN ", "NOT ", "- ", "CAST(", "f(", "x IN (", "a + ",
                            "TRIM(", "EXISTS (SELECT a FROM s WHERE ", "ROW(", "a || "}) {
    const auto found = compiled(pump("SELECT STREAM " + repeated(piece) + " FROM s"));
    EXPECT_TRUE(found.starts_with("line 1, column ")) << piece << found.substr(0, 200);
  }
  for (const auto* piece :
       {"(", "(SELECT * FROM ", "s, ", "s JOIN ", "TABLE(f(CURSOR(SELECT * FROM "}) {
    const auto found = compiled(pump("SELECT STREAM a FROM " + repeated(piece)));
    EXPECT_TRUE(found.starts_with("line 1, column ")) << piece << found.substr(0, 200);
  }
  const auto unions = compiled(pump(repeated("SELECT a FROM s UNION ALL ")));
  EXPECT_TRUE(unions.starts_with("line 1, column ")) << unions.substr(0, 200);
}

TEST(Language, WideExpressionsAreNotDeep) {
  std::string any = "a = 0";
  for (int i = 1; i < 2'000; ++i) any += fmt::format(" OR a = {}", i);
  EXPECT_TRUE(compiled(pump("SELECT STREAM a FROM s WHERE " + any)).starts_with("STREAM"));
  std::string list = "0";
  for (int i = 1; i < 2'000; ++i) list += fmt::format(", {}", i);
  EXPECT_TRUE(
      compiled(pump("SELECT STREAM a FROM s WHERE a IN (" + list + ")")).starts_with("STREAM"));
}

// --- where keys change in terms of ROWTIME

Expr rowtime() {
  Expr out;
  out.kind = Expr::Kind::kRowtime;
  out.type.kind = TypeKind::kTimestamp;
  out.monotonic = Monotonic::kIncreasing;
  return out;
}

ExprPtr number(int64_t value, TypeKind kind = TypeKind::kInteger) {
  auto out = std::make_shared<Expr>();
  out->type.kind = kind;
  out->literal = Value::of_integer(value);
  out->monotonic = Monotonic::kConstant;
  return out;
}

ExprPtr text(std::string value) {
  auto out = std::make_shared<Expr>();
  out->type.kind = TypeKind::kChar;
  out->literal_text = std::move(value);
  out->literal = Value::of_text(out->literal_text);
  out->monotonic = Monotonic::kConstant;
  return out;
}

ExprPtr call(std::string name, TypeKind kind, std::vector<ExprPtr> args) {
  auto out = std::make_shared<Expr>();
  out->kind = Expr::Kind::kCall;
  out->name = std::move(name);
  out->type.kind = kind;
  out->monotonic = monotonic_of_call(out->name, args);
  out->args = std::move(args);
  return out;
}

ExprPtr now() {
  return std::make_shared<const Expr>(rowtime());
}

constexpr auto kTime = TypeKind::kTimestamp;
constexpr auto kInterval = TypeKind::kIntervalDay;

// A key as a function of ROWTIME, to compare with what steps_of() says of it.
void expect_steps(const ExprPtr& key, const std::function<int64_t(int64_t)>& value) {
  const Steps steps = steps_of(*key, {});
  ASSERT_GT(steps.width_ms, 0);
  const int64_t begin = steps.offset_ms + 1'000 * steps.width_ms;
  for (int64_t window = 0; window < 5; ++window) {
    const int64_t first = begin + window * steps.width_ms;
    const int64_t expected = steps.value + (1'000 + window) * steps.rise;
    EXPECT_EQ(value(first), expected);
    EXPECT_EQ(value(first + steps.width_ms - 1), expected);
    EXPECT_NE(value(first + steps.width_ms), expected);
  }
}

int64_t floored(int64_t value, int64_t by) {
  return (value - (value % by + by) % by);
}

TEST(Steps, FollowTheKey) {
  expect_steps(now(), [](int64_t t) { return t; });
  expect_steps(call("FLOOR_TO", kTime, {now(), text("MINUTE")}),
               [](int64_t t) { return floored(t, 60'000); });
  expect_steps(call("CEIL_TO", kTime, {now(), text("HOUR")}),
               [](int64_t t) { return floored(t + 3'599'999, 3'600'000); });
  expect_steps(call("STEP", kTime, {now(), number(7'000, kInterval)}),
               [](int64_t t) { return floored(t, 7'000); });
  expect_steps(call("FLOOR_TO", kTime,
                    {call("+", kTime, {now(), number(10'000, kInterval)}), text("MINUTE")}),
               [](int64_t t) { return floored(t + 10'000, 60'000); });
  expect_steps(call("/", TypeKind::kBigint,
                    {call("UNIX_TIMESTAMP", TypeKind::kBigint, {now()}), number(30'000)}),
               [](int64_t t) { return t / 30'000; });
}

TEST(Steps, FollowTheOldIdiomOfTenSeconds) {
  constexpr int64_t kSince = 12'345;
  auto since = call("INTERVAL_BETWEEN", kInterval, {now(), number(kSince, kTime), text("SECOND")});
  auto tenth = call("/", kInterval, {since, number(10)});
  expect_steps(call("FLOOR_TO", kInterval, {tenth, text("SECOND")}),
               [](int64_t t) { return floored((t - kSince) / 10, 1'000); });
}

int64_t at_date(int64_t year, int month) {
  return days_of(year, month, 1) * kDayMs;
}

TEST(Steps, FollowTheCalendarByMonths) {
  constexpr int64_t kHours = 9 * kHourMs;  // of a time zone
  const auto month = call("FLOOR_TO", kTime,
                          {call("+", kTime, {now(), number(kHours, kInterval)}), text("MONTH")});
  const Windows local = windows_of(steps_of(*month, {}));
  EXPECT_EQ(local.start(at_date(2024, 2) + kDayMs), at_date(2024, 2) - kHours);
  EXPECT_EQ(local.end(at_date(2024, 2) + kDayMs), at_date(2024, 3) - kHours);
  EXPECT_EQ(local.start(at_date(2024, 3) - kHours - 1), at_date(2024, 2) - kHours);
  EXPECT_EQ(local.start(at_date(2024, 3) - kHours), at_date(2024, 3) - kHours);
  const Windows years = windows_of(steps_of(
      *call("FLOOR_TO", kTime, {call("FLOOR_TO", kTime, {now(), text("MONTH")}), text("YEAR")}),
      {}));
  EXPECT_EQ(years.start(at_date(1969, 7)), at_date(1969, 1));
  EXPECT_EQ(years.end(at_date(1969, 7)), at_date(1970, 1));
  const Windows above = windows_of(steps_of(*call("CEIL_TO", kTime, {now(), text("MONTH")}), {}));
  EXPECT_EQ(above.start(at_date(2024, 3)), at_date(2024, 2) + 1);
  EXPECT_EQ(above.end(at_date(2024, 3)), at_date(2024, 3) + 1);
}

TEST(Steps, AreUnknownWhereUnitsDoNotDivide) {
  const auto minutes = call("FLOOR_TO", kTime, {now(), text("MINUTE")});
  EXPECT_EQ(steps_of(*call("STEP", kTime, {minutes, number(90'000, kInterval)}), {}).width_ms, 0);
  EXPECT_EQ(steps_of(*call("NEGATE", kInterval, {minutes}), {}).width_ms, 0);
}

TEST(Monotonic, FollowsTheTableOfTheReference) {
  const auto up = now();
  const auto down = call("NEGATE", kInterval, {up});
  EXPECT_EQ(down->monotonic, Monotonic::kDecreasing);
  EXPECT_EQ(call("+", kTime, {up, number(1)})->monotonic, Monotonic::kIncreasing);
  EXPECT_EQ(call("-", kTime, {number(1), up})->monotonic, Monotonic::kDecreasing);
  EXPECT_EQ(call("+", kTime, {up, down})->monotonic, Monotonic::kNo);
  EXPECT_EQ(call("-", kTime, {up, down})->monotonic, Monotonic::kIncreasing);
  EXPECT_EQ(call("*", kTime, {up, number(-2)})->monotonic, Monotonic::kDecreasing);
  EXPECT_EQ(call("*", kTime, {number(0), up})->monotonic, Monotonic::kConstant);
  EXPECT_EQ(call("/", kTime, {up, number(-2)})->monotonic, Monotonic::kDecreasing);
  EXPECT_EQ(call("ABS", kTime, {up})->monotonic, Monotonic::kNo);
  EXPECT_EQ(call("ABS", kTime, {number(1)})->monotonic, Monotonic::kConstant);
  EXPECT_EQ(call("FLOOR_TO", kTime, {down, text("DAY")})->monotonic, Monotonic::kDecreasing);
  EXPECT_EQ(call("SUBSTRING_FROM", kTime, {up, number(0), number(3)})->monotonic,
            Monotonic::kIncreasing);
  EXPECT_EQ(call("SUBSTRING_FROM", kTime, {up, number(2), number(3)})->monotonic, Monotonic::kNo);
}

TEST(CommonType, KeepsFamiliesApart) {
  const auto common = [](const char* a, const char* b) {
    const auto type = common_type(type_of(a), type_of(b));
    return type ? type->text() : "none";
  };
  EXPECT_EQ(common("INTEGER", "BIGINT"), "BIGINT");
  EXPECT_EQ(common("INTEGER", "DECIMAL(5,2)"), "DECIMAL(12,2)");
  EXPECT_EQ(common("BIGINT", "REAL"), "DOUBLE");
  EXPECT_EQ(common("CHAR(3)", "CHAR(3)"), "CHAR(3)");
  EXPECT_EQ(common("CHAR(3)", "CHAR(5)"), "VARCHAR(5)");
  EXPECT_EQ(common("VARCHAR(3)", "INTEGER"), "none");
  EXPECT_EQ(common("DATE", "TIMESTAMP"), "none");
  EXPECT_TRUE(is_assignable(type_of("DOUBLE"), type_of("TINYINT")));
  EXPECT_FALSE(is_assignable(type_of("BOOLEAN"), type_of("VARCHAR(5)")));
}

}  // namespace
}  // namespace suiro::sql
