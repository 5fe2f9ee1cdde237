// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "engine/event_pattern/pattern.h"

namespace suiro::event_pattern {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

Pattern compiled(std::string_view text) {
  auto pattern = Pattern::compile(text);
  EXPECT_TRUE(pattern) << text << ": " << (pattern ? "" : pattern.error().message);
  return *std::move(pattern);
}

// One file of tests/golden/event_pattern; the number of its cases.
int check_file(const std::filesystem::path& path) {
  std::ifstream in(path);
  int cases = 0, number = 0;
  std::optional<Result<Pattern>> pattern;
  std::string line;
  while (std::getline(in, line)) {
    std::string where = fmt::format("{}:{}: {}", path.filename().string(), ++number, line);
    size_t colon = line.find(": ");
    if (line.empty() || line[0] == '#' || colon == line.npos) continue;
    std::string key = line.substr(0, colon), value = line.substr(colon + 2);
    if (key == "pattern") {
      pattern = Pattern::compile(value);
      continue;
    }
    ++cases;
    EXPECT_TRUE(pattern) << where;
    if (!pattern) continue;
    if (key == "error") {
      EXPECT_FALSE(*pattern) << where;
      if (!*pattern) EXPECT_EQ(escaped(pattern->error().message), value) << where;
      continue;
    }
    EXPECT_TRUE(*pattern) << where << (*pattern ? "" : pattern->error().message);
    auto event = Event::parse(value);
    EXPECT_TRUE(event) << where;
    if (!*pattern || !event) continue;
    EXPECT_EQ((*pattern)->matches(*event), key == "match") << where;
  }
  return cases;
}

TEST(EventPatternTest, GoldenCases) {
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(EVENT_PATTERN_CASES)) {
    if (entry.path().extension() == ".txt") cases += check_file(entry.path());
  }
  EXPECT_GT(cases, 150);
}

TEST(EventPatternTest, MoreBranchesThanAllowedAreRefused) {
  std::string group = R"("$or":[{"a":[1]},{"b":[1]},{"c":[1]},{"d":[1]},{"e":[1]}])", text = "{";
  for (int i = 0; i < 5; ++i) text += fmt::format("\"x{}\":{{{}}},", i, group);
  text += R"("y":[1]})";
  auto pattern = Pattern::compile(text);
  ASSERT_FALSE(pattern);
  EXPECT_TRUE(pattern.error().message.starts_with("$or leads to more than 1000 combinations"));
}

TEST(EventPatternTest, DeepPatternsAndEventsAreRefused) {
  std::string open, close;
  for (int i = 0; i < 1001; ++i) {
    open += "{\"a\":";
    close += "}";
  }
  EXPECT_FALSE(Pattern::compile(open + "[1]" + close));
  EXPECT_FALSE(Event::parse(open + "1" + close));
}

TEST(EventPatternTest, AHostileWildcardTakesNoTimeToSpeakOf) {
  std::string text = R"({"a":[{"wildcard":")", event = R"({"a":")";
  for (int i = 0; i < 500; ++i) text += "*aaaaaac";
  text += R"(*"}]})";
  event += std::string(250'000, 'a') + R"("})";
  Pattern pattern = compiled(text);
  auto parsed = Event::parse(event);
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(pattern.matches(*parsed));
}

TEST(EventPatternTest, TellsTheStringsThatItRequires) {
  using Strings = std::vector<std::string>;
  EXPECT_EQ(compiled(R"({"source":["b","a"],"x":[1]})").strings_required("source"),
            (Strings{"a", "b"}));
  EXPECT_EQ(compiled(R"({"source":["a",{"prefix":"b"}]})").strings_required("source"),
            std::nullopt);
  EXPECT_EQ(compiled(R"({"x":[1]})").strings_required("source"), std::nullopt);
  EXPECT_EQ(compiled(R"({"$or":[{"source":["a"]},{"source":["b"]}]})").strings_required("source"),
            (Strings{"a", "b"}));
  EXPECT_EQ(compiled(R"({"$or":[{"source":["a"]},{"x":["b"]}]})").strings_required("source"),
            std::nullopt);
}

}  // namespace
}  // namespace suiro::event_pattern
