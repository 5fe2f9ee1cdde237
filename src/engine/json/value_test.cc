// SPDX-License-Identifier: Apache-2.0
#include "engine/json/value.h"

#include <gtest/gtest.h>

namespace suiro::json {
namespace {

std::string again(std::string_view text) {
  auto value = parse(text);
  return value ? write(*value) : "error: " + value.error().message;
}

TEST(JsonText, WritesWhatItRead) {
  for (const char* text :
       {"null", "true", "-7", "9007199254740993", R"({"b":1,"a":[1,2.5,"x\ny",{}],"c":null})", "[]",
        R"("\u0001 \"\\ ü")", "3.0", "-0.001", "1.0E10", "1.5E-7", "123456.789"}) {
    EXPECT_EQ(again(text), text);
    EXPECT_EQ(written_size(*parse(text)), std::string_view(text).size()) << text;
  }
  EXPECT_EQ(again(" [ 1 , 2 ] "), "[1,2]");
  EXPECT_EQ(again(R"({"a":1,"b":2,"a":3})"), R"({"a":3,"b":2})");
  EXPECT_EQ(again("1e400").substr(0, 5), "null");
}

TEST(JsonText, ReadsDoublesToTheLastDigit) {
  uint64_t state = 1;
  for (int round = 0; round < 1000; ++round) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const double number = static_cast<double>(state >> 11) / 9007199254740992.0;
    const std::string text = write(Value(number));
    for (const std::string& document :
         {text, "-" + text, "[" + text + "]", "{\"a\":" + text + "}"}) {
      EXPECT_EQ(again(document), document);
    }
  }
}

TEST(JsonText, RefusesWhatIsNotJson) {
  for (const char* text : {"", "{", "[1,]", "{\"a\" 1}", "1 2", "'a'", "\"\xff\"", "nul", "NaN"}) {
    EXPECT_FALSE(parse(text)) << text;
  }
  EXPECT_FALSE(parse(std::string(2000, '[')));
}

TEST(JsonText, SizesAreThoseOfTheText) {
  for (const char* text :
       {"null", "[]", "{}", "[1,2.5,\"a\\n\\u0001\\\"\"]", R"({"a\n":{"b":[true,null]},"c":[]})"}) {
    const Value value = *parse(text);
    EXPECT_EQ(written_size(value), write(value).size()) << text;
    EXPECT_EQ(fit(value, write(value).size()), Fit::kFits) << text;
    EXPECT_EQ(fit(value, write(value).size() - 1), Fit::kTooLarge) << text;
  }
}

// The text would have 2^60 elements.
TEST(JsonText, CountsNoFurtherThanItIsTold) {
  Value value = 1;
  for (int i = 0; i < 60; ++i) value = Array{value, value};
  EXPECT_GT(written_size(value, 1000), 1000u);
  EXPECT_EQ(fit(value, 1000), Fit::kTooLarge);
}

TEST(JsonText, WhatIsTooDeepToBeReadDoesNotFit) {
  Value value = 1;
  for (int i = 0; i < kDepthMax; ++i) value = Array{value};
  EXPECT_EQ(fit(value, 1 << 20), Fit::kFits);
  EXPECT_TRUE(is_readable(write(value)));
  EXPECT_TRUE(parse(write(value)));
  value = Array{value};
  EXPECT_EQ(fit(value, 1 << 20), Fit::kTooDeep);
  EXPECT_FALSE(is_readable(write(value)));
  EXPECT_FALSE(parse(write(value)));
}

TEST(JsonText, IsReadableAsItIsParsed) {
  for (const char* text : {"", "{", "[1,]", "1 2", "\"\xff\"", "nul", "{\"a\":[1.5e3,\"x\",true]}",
                           "-12", "null", "\"a\""}) {
    EXPECT_EQ(is_readable(text), parse(text).has_value()) << text;
  }
}

TEST(JsonValue, SharesUntilItIsEdited) {
  Value first = *parse(R"({"a":[1,2]})");
  Value second = first;
  second.edit_object().set("b", 1);
  EXPECT_EQ(write(first), R"({"a":[1,2]})");
  EXPECT_EQ(write(second), R"({"a":[1,2],"b":1})");
  EXPECT_TRUE(first.find("a")->same(*second.find("a")));
}

TEST(JsonValue, IsEqualByContent) {
  EXPECT_EQ(*parse(R"({"a":1,"b":[2]})"), *parse(R"({"b":[2.0],"a":1})"));
  EXPECT_NE(*parse("1"), *parse("true"));
  EXPECT_NE(*parse("[1]"), *parse("[1,1]"));
  EXPECT_NE(*parse("{\"a\":1}"), *parse("{\"b\":1}"));
}

TEST(JsonValue, FindsMembersOfLargeObjects) {
  Object object;
  for (int i = 0; i < 100; ++i) object.set("m" + std::to_string(i), i);
  EXPECT_TRUE(object.erase("m3"));
  EXPECT_FALSE(object.erase("m3"));
  object.set("m4", "new");
  EXPECT_EQ(object.size(), 99u);
  EXPECT_EQ(object.find("m3"), nullptr);
  EXPECT_EQ(object.find("m4")->as_string(), "new");
  EXPECT_EQ(object.find("m99")->as_integer(), 99);
}

}  // namespace
}  // namespace suiro::json
