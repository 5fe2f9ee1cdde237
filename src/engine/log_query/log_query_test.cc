// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "engine/log_query/program.h"

namespace suiro::log_query {
namespace {

constexpr TimePoint kNow = TimePoint(Millis(1'700'000'000'000));

struct Line {
  TimePoint time;
  std::string stream;
  std::string message;
};

// "\n" and "\t" stand for a line break and a tab.
std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    bool is_escape =
        text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 'n' || text[i + 1] == 't');
    out += is_escape ? (text[++i] == 'n' ? '\n' : '\t') : text[i];
  }
  return out;
}

std::vector<std::string> cells_of(std::string_view text) {
  std::vector<std::string> out;
  for (size_t at = 0;;) {
    size_t end = text.find(" | ", at);
    out.emplace_back(text.substr(at, end == text.npos ? end : end - at));
    if (end == text.npos) return out;
    at = end + 3;
  }
}

Result<Table> run(std::string_view query, const std::vector<Line>& lines, Event::Source source,
                  Run::Options options = {.now = kNow}) {
  TRY(auto program, Program::compile(query));
  Run run(program, options);
  for (const Line& line : lines) {
    TRY_VOID(run.add({.time = line.time,
                      .ingested = line.time + Millis(5),
                      .message = line.message,
                      .stream = line.stream,
                      .log = "000000000000:g",
                      .source = source,
                      .handle = {}}));
  }
  return run.finish();
}

std::string detail(const Error& error, std::string_view name) {
  for (const auto& [key, value] : error.details) {
    if (key == name) return value;
  }
  return "";
}

std::string text_of_error(const Error& error) {
  if (error.details.empty()) return error.code + " " + error.message;
  return fmt::format("{}-{} {}", detail(error, "queryCompileError.location.startCharOffset"),
                     detail(error, "queryCompileError.location.endCharOffset"), error.message);
}

// What is written in the file, for one query.
struct Expected {
  std::string where;
  std::string query;
  std::string error;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

void check(const Expected& expected, const std::vector<Line>& lines, Event::Source source) {
  auto table = run(expected.query, lines, source);
  if (!expected.error.empty()) {
    ASSERT_FALSE(table) << expected.where;
    EXPECT_EQ(text_of_error(table.error()), expected.error) << expected.where;
    return;
  }
  ASSERT_TRUE(table) << expected.where << ": " << table.error().message;
  EXPECT_EQ(table->columns, expected.columns) << expected.where;
  std::vector<std::vector<std::string>> rows;
  for (const auto& row : table->lines) {
    auto& cells = rows.emplace_back();
    for (const auto& cell : row.values) cells.push_back(cell.value_or("-"));
  }
  EXPECT_EQ(rows, expected.rows) << expected.where;
}

// One file of tests/golden/log_query; the number of its queries.
int check_file(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::vector<Line> lines;
  Event::Source source = Event::Source::kOther;
  std::optional<Expected> expected;
  int cases = 0, number = 0;
  auto finish = [&] {
    if (!expected) return;
    ++cases;
    check(*expected, lines, source);
    expected.reset();
  };
  for (std::string text; std::getline(in, text);) {
    ++number;
    size_t colon = text.find(": ");
    if (text.empty() || text[0] == '#' || colon == text.npos) continue;
    std::string key = text.substr(0, colon), value = text.substr(colon + 2);
    if (key == "source") source = Event::Source::kLambda;
    if (key == "line") {
      size_t space = value.find(' '), second = value.find(' ', space + 1);
      lines.push_back({*parse_iso8601(value.substr(0, space)),
                       value.substr(space + 1, second - space - 1),
                       unescaped(value.substr(second + 1))});
    } else if (key == "query") {
      finish();
      expected.emplace();
      expected->where = fmt::format("{}:{}: {}", path.filename().string(), number, value);
      expected->query = unescaped(value);
    } else if (key == "error") {
      expected->error = value;
    } else if (key == "table") {
      expected->columns = cells_of(value);
    } else if (key == "row") {
      expected->rows.push_back(cells_of(value));
    }
  }
  finish();
  return cases;
}

TEST(LogQueryTest, GoldenCases) {
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(LOG_QUERY_CASES)) {
    if (entry.path().extension() == ".txt") cases += check_file(entry.path());
  }
  EXPECT_GT(cases, 60);
}

std::vector<Line> numbered(int count) {
  std::vector<Line> lines;
  for (int i = 0; i < count; ++i) {
    lines.push_back({kNow + Millis(i), "s", fmt::format("{{\"n\":{},\"m\":{}}}", i, i % 7)});
  }
  return lines;
}

TEST(LogQueryTest, OnlyTheBestRowsAreKeptInMemory) {
  // Each row is far below the bound, all of them are far above.
  Run::Options options{.bytes_max = 20'000, .now = kNow};
  auto lines = numbered(20'000);
  auto table = run("fields n | sort m desc, n asc | limit 3", lines, {}, options);
  ASSERT_TRUE(table) << table.error().message;
  ASSERT_EQ(table->lines.size(), 3u);
  EXPECT_EQ(table->lines[0].values[0], "6");
  EXPECT_EQ(table->lines[2].values[0], "20");
  // The newest first.
  table = run("fields n | limit 2", lines, {}, options);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->lines[0].values[0], "19999");
}

TEST(LogQueryTest, QueriesThatHoldTooMuchFail) {
  Run::Options options{.bytes_max = 100'000, .now = kNow};
  auto lines = numbered(5'000);
  for (std::string_view query : {"stats count(*) by n", "stats count_distinct(n)",
                                 "sort n | dedup n", "fields n", "stats pct(n, 50) as p"}) {
    options.bytes_max = query.contains("pct") ? 10'000 : 100'000;
    auto table = run(query, lines, {}, options);
    ASSERT_FALSE(table) << query;
    EXPECT_EQ(table.error().code, codes::kTooLarge) << query;
  }
}

TEST(LogQueryTest, TooManyResultsAreCut) {
  auto table = run("fields n", numbered(50), {}, {.rows_max = 10, .now = kNow});
  ASSERT_TRUE(table);
  EXPECT_EQ(table->lines.size(), 10u);
  EXPECT_EQ(table->lines[0].values[0], "49");
}

TEST(LogQueryTest, MatchedCountsWhatTheFiltersPass) {
  auto program = Program::compile("filter n >= 3 | fields n | limit 2");
  ASSERT_TRUE(program);
  log_query::Run run(*program, {.now = kNow});
  for (const Line& line : numbered(10)) {
    ASSERT_TRUE(run.add({.time = line.time, .message = line.message}));
  }
  EXPECT_EQ(run.finish()->lines.size(), 2u);
  EXPECT_EQ(run.matched(), 7u);
}

TEST(LogQueryTest, DeepAndLongQueriesAreRefused) {
  std::string nested = "filter " + std::string(500, '(') + "1" + std::string(500, ')');
  std::string chain = "filter 1", minus = "filter ", words = "filter ";
  for (int i = 0; i < 1'000; ++i) chain += "+1";
  for (int i = 0; i < 1'000; ++i) minus += "2^";
  for (int i = 0; i < 1'000; ++i) words += "not ";
  std::string commands = "limit 1";
  for (int i = 0; i < 200; ++i) commands += "|limit 1";
  for (const std::string& query :
       {nested, chain, minus + "1", std::string(20'000, ' '), commands}) {
    auto program = Program::compile(query);
    ASSERT_FALSE(program) << query.substr(0, 20);
    EXPECT_EQ(program.error().code, "MalformedQueryException");
  }
  EXPECT_TRUE(Program::compile(words + "1"));
}

TEST(LogQueryTest, AllFieldsOfAnEvent) {
  Event event{.time = kNow,
              .ingested = kNow,
              .message = R"({"a":{"b":[1,"x"]},"n":null})",
              .stream = "s",
              .log = "0:g"};
  auto fields = EventFields(event).all();
  EXPECT_EQ(fields["a.b.1"], "x");
  EXPECT_EQ(fields["@logStream"], "s");
  EXPECT_EQ(fields["@timestamp"], "1700000000000");
  EXPECT_FALSE(fields.contains("n"));
}

}  // namespace
}  // namespace suiro::log_query
