// SPDX-License-Identifier: Apache-2.0
#include "services/logs/pattern.h"

#include <gtest/gtest.h>

namespace suiro::logs {
namespace {

bool matches(std::string_view pattern, std::string_view message) {
  auto parsed = Pattern::parse(pattern);
  EXPECT_TRUE(parsed) << pattern << ": " << parsed.error().message;
  return parsed && parsed->matches(message);
}

TEST(Pattern, Terms) {
  EXPECT_TRUE(matches("", "anything"));
  EXPECT_TRUE(matches("ERROR", "[ERROR] 401"));
  EXPECT_FALSE(matches("ERROR", "error"));
  EXPECT_TRUE(matches("ERROR ARGUMENTS", "ARGUMENTS of ERROR"));
  EXPECT_FALSE(matches("ERROR ARGUMENTS", "ERROR"));
  EXPECT_TRUE(matches("?ERROR ?WARN", "WARN"));
  EXPECT_FALSE(matches("?ERROR ?WARN", "INFO"));
  EXPECT_TRUE(matches("?WARN ERROR", "ERROR"));
  EXPECT_FALSE(matches("?WARN ERROR", "WARN"));
  EXPECT_TRUE(matches("ERROR -EXITING", "ERROR"));
  EXPECT_FALSE(matches("ERROR -EXITING", "ERROR EXITING"));
  EXPECT_TRUE(matches("-debug", "info"));
  EXPECT_TRUE(matches("\"INTERNAL SERVER ERROR\"", "500 INTERNAL SERVER ERROR"));
  EXPECT_FALSE(matches("\"INTERNAL SERVER ERROR\"", "INTERNAL ERROR SERVER"));
  EXPECT_TRUE(matches("-\"a b\" c", "c ab"));
  EXPECT_TRUE(matches("\"say \\\"hi\\\"\"", "they say \"hi\" now"));
  EXPECT_TRUE(matches("%10\\.10\\.0\\.[0-9]+%", "from 10.10.0.17"));
  EXPECT_FALSE(matches("%^ERROR%", "no ERROR"));
}

TEST(Pattern, Json) {
  std::string_view event = R"({"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111",
    "arrayKey": ["value", "another"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": null, "ThisFlag": true, "off": false, "latency": 12.5, "count": 300,
    "a.b": {"x y": "deep"}, "text": "300"})";
  auto hit = [&](std::string_view pattern) { return matches(pattern, event); };
  EXPECT_TRUE(hit(R"({ $.eventType = "UpdateTrail" })"));
  EXPECT_TRUE(hit(R"({$.eventType=UpdateTrail})"));
  EXPECT_FALSE(hit(R"({ $.eventType = "Update" })"));
  EXPECT_TRUE(hit(R"({ $.eventType = "Update*" })"));
  EXPECT_TRUE(hit(R"({ $.sourceIPAddress != 123.123.* })"));
  EXPECT_FALSE(hit(R"({ $.sourceIPAddress != 111.* })"));
  EXPECT_TRUE(hit(R"({ $.arrayKey[0] = "value" })"));
  EXPECT_FALSE(hit(R"({ $.arrayKey[7] = "value" })"));
  EXPECT_TRUE(hit(R"({ $.arrayKey[*] = "another" })"));
  EXPECT_TRUE(hit(R"({ $.objectList[1].id = 2 })"));
  EXPECT_TRUE(hit(R"({ $.SomeObject IS NULL })"));
  EXPECT_FALSE(hit(R"({ $.eventType IS NULL })"));
  EXPECT_FALSE(hit(R"({ $.absent IS NULL })"));
  EXPECT_TRUE(hit(R"({ $.absent NOT EXISTS })"));
  EXPECT_FALSE(hit(R"({ $.SomeObject NOT EXISTS })"));
  EXPECT_TRUE(hit(R"({ $.ThisFlag IS TRUE })"));
  EXPECT_TRUE(hit(R"({ $.off IS FALSE })"));
  EXPECT_FALSE(hit(R"({ $.off IS TRUE })"));
  EXPECT_TRUE(hit(R"({ $.latency > 12 && $.latency <= 12.5 })"));
  EXPECT_TRUE(hit(R"({ $.count = 3e2 })"));
  EXPECT_FALSE(hit(R"({ $.count < 300 || $.count > 300 })"));
  EXPECT_FALSE(hit(R"({ $.text > 1 })"));
  EXPECT_TRUE(hit(R"({ ($.count = 1 || $.count = 300) && ($.eventType = %^Upd% ) })"));
  EXPECT_TRUE(hit(R"({ $.['a.b'].['x y'] = "deep" })"));
  EXPECT_FALSE(hit(R"({ $.absent != "x" })"));
  EXPECT_FALSE(matches(R"({ $.a = 1 })", "not json"));
  EXPECT_FALSE(matches(R"({ $.a = 1 })", "[1]"));
}

TEST(Pattern, Fields) {
  std::string_view event =
      "127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] \"GET /index.html HTTP/1.0\" 404 1534";
  auto hit = [&](std::string_view pattern) { return matches(pattern, event); };
  EXPECT_TRUE(hit("[ip, server, user, time, request, status, bytes]"));
  EXPECT_FALSE(hit("[ip, server, user, time, request, status]"));
  EXPECT_TRUE(hit("[..., status = 4*, bytes > 1000]"));
  EXPECT_FALSE(hit("[..., status = 4*, bytes > 2000]"));
  EXPECT_TRUE(hit("[ip = 127.*, ...]"));
  EXPECT_TRUE(
      hit("[ip, server, user, time, request = *.html*, status = 404 || status = 410, bytes]"));
  EXPECT_TRUE(
      hit("[ip, server, user, time, request=\"GET *\", status_code>=400 && status_code<500, b]"));
  EXPECT_FALSE(hit("[ip != 127.0.0.1, ...]"));
  EXPECT_TRUE(hit("[ip, ..., request =%GET%, status, bytes]"));
  EXPECT_TRUE(matches("[w1=ERROR, w2]", "ERROR now"));
}

TEST(Pattern, RefusesWhatItDoesNotUnderstand) {
  for (auto text :
       {"{",   "{ $.a }", "{ $.a = }",   "{ a = 1 }",      "{ $.a = 1 } x", "{ $.a > x }", "[",
        "[]",  "[a",      "[a = ]",      "[..., ...]",     "\"open",        "%open",       "%(a)%",
        "%[%", "?",       "%a% %b% %c%", "{ $.a[x] = 1 }", "{ $.a IS 1 }",  "{ $. = 1 }"}) {
    auto parsed = Pattern::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, "InvalidParameterException");
  }
  EXPECT_FALSE(
      Pattern::parse("{" + std::string(500, '(') + "$.a = 1" + std::string(500, ')') + "}"));
  EXPECT_FALSE(Pattern::parse(std::string(2000, 'x')));
}

}  // namespace
}  // namespace suiro::logs
