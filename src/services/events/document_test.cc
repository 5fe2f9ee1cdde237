// SPDX-License-Identifier: Apache-2.0
#include "services/events/document.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace suiro::events {
namespace {

const std::string kEvent =
    R"({"source":"s","detail":{"a":"x \"y\"","n":1.0,"big":1e20,"list":[{"k":1},{"k":2}],)"
    R"("o":{"p":null},"dash-ed":true}})";

std::string at(std::string_view path) {
  auto compiled = JsonPath::compile(path);
  if (!compiled) return "error";
  auto value = compiled->of(boost::json::parse(kEvent));
  return value ? json_text(*value) : "nothing";
}

std::string filled(const std::map<std::string, std::string>& paths, std::string_view text) {
  auto compiled = Template::compile(paths, text);
  if (!compiled) return "error";
  return compiled->fill(boost::json::parse(kEvent), kEvent, {"rule-arn", "rule", "now"}).value();
}

TEST(JsonPathTest, FindsWhatAwsFinds) {
  EXPECT_EQ(at("$.source"), R"("s")");
  EXPECT_EQ(at("$.detail.n"), "1.0");
  EXPECT_EQ(at("$.detail.big"), "1e+20");
  EXPECT_EQ(at("$.detail.list[1].k"), "2");
  EXPECT_EQ(at("$.detail.list[*].k"), "[1,2]");
  EXPECT_EQ(at("$['detail']['dash-ed']"), "true");
  EXPECT_EQ(at("$.detail.dash-ed"), "true");
  EXPECT_EQ(at("$.detail.o"), R"({"p":null})");
  EXPECT_EQ(at("$.detail.list[2]"), "nothing");
  EXPECT_EQ(at("$.detail.none[*]"), "[]");
  EXPECT_EQ(at("$"), json_text(boost::json::parse(kEvent)));
}

TEST(JsonPathTest, RefusesWhatIsNoPath) {
  for (const char* path : {"", "detail", "$detail", "$.", "$..a", "$.a[", "$.a[x]", "$.a['b]"}) {
    EXPECT_EQ(at(path), "error") << path;
  }
}

TEST(TemplateTest, PutsValuesIn) {
  EXPECT_EQ(filled({{"a", "$.detail.a"}}, R"({"v":<a>})"), R"({"v":"x \"y\""})");
  EXPECT_EQ(filled({{"a", "$.detail.a"}}, R"("v is <a>")"), R"("v is x \"y\"")");
  EXPECT_EQ(filled({{"o", "$.detail.o"}}, R"({"v":<o>,"t":"<o>"})"),
            R"({"v":{"p":null},"t":"{\"p\":null}"})");
  EXPECT_EQ(filled({{"x", "$.none"}}, R"("v is <x>")"), R"("v is ")");
  EXPECT_EQ(filled({{"x", "$.none"}}, R"({"v":<x>})"), R"({"v":""})");
  EXPECT_EQ(filled({{"n", "$.detail.n"}}, "plain <n> text"), "plain 1.0 text");
  EXPECT_EQ(filled({{"s", "$.source"}}, R"({"a":"1 < 2 > <s>"})"), R"({"a":"1 < 2 > s"})");
}

TEST(TemplateTest, KnowsTheReservedVariables) {
  EXPECT_EQ(filled({}, R"({"r":<aws.events.rule-arn>,"n":"<aws.events.rule-name>"})"),
            R"({"r":"rule-arn","n":"rule"})");
  EXPECT_EQ(filled({}, R"({"t":<aws.events.event.ingestion-time>})"), R"({"t":"now"})");
  EXPECT_EQ(filled({}, R"({"e":<aws.events.event.json>})"), R"({"e":)" + kEvent + "}");
  EXPECT_EQ(filled({}, R"({"e":<aws.events.event>})"), R"({"e":{"source":"s"}})");
}

TEST(TemplateTest, EndsAtItsLimit) {
  std::string variables;
  for (int i = 0; i < 2'700; ++i) variables += "<x>";
  auto made = Template::compile({{"x", "$"}}, variables);
  ASSERT_TRUE(made);
  boost::json::value small = {{"a", std::string(64, 'a')}};
  auto fits = made->fill(small, "", {});
  ASSERT_TRUE(fits) << fits.error().message;
  EXPECT_EQ(fits->size(), 2'700 * json_text(small).size());
  boost::json::value large = {{"a", std::string(100'000, 'a')}};
  auto over = made->fill(large, "", {});
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, kInputTooLarge);
}

TEST(TemplateTest, RefusesUnknownPlaceholdersAndReservedNames) {
  EXPECT_EQ(filled({}, R"({"v":<x>})"), "error");
  EXPECT_EQ(filled({{"aws.x", "$.source"}}, R"({"v":1})"), "error");
  EXPECT_EQ(filled({{"x", "source"}}, R"({"v":<x>})"), "error");
}

}  // namespace
}  // namespace suiro::events
