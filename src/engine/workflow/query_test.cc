// SPDX-License-Identifier: Apache-2.0
// What golden files do not tell: forms, variables, put_at(), limits, the dice.
#include "engine/workflow/query.h"

#include <gtest/gtest.h>

#include "engine/workflow/intrinsic.h"
#include "engine/workflow/path.h"
#include "engine/workflow/template_node.h"
#include "engine/workflow/timestamp.h"

namespace suiro::workflow {
namespace {

json::Value parsed(std::string_view text) {
  auto value = json::parse(text);
  EXPECT_TRUE(value) << text;
  return value ? *value : json::Value();
}

Scope scope_of(std::string_view input) {
  static SystemRandom random;
  Scope out;
  out.input = parsed(input);
  out.random = &random;
  return out;
}

std::string put(std::string_view path, std::string_view root, std::string_view value) {
  auto query = Query::reference_path(path);
  if (!query) return query.error().message;
  auto out = put_at(*query, parsed(root), parsed(value));
  return out ? json::write(*out) : out.error().code + ": " + out.error().message;
}

TEST(PutAt, ReplacesAndAdds) {
  EXPECT_EQ(put("$", R"({"a":1})", "[2]"), "[2]");
  EXPECT_EQ(put("$.a", R"({"a":1,"b":2})", "{}"), R"({"a":{},"b":2})");
  EXPECT_EQ(put("$.x.y.z", R"({"a":1})", "3"), R"({"a":1,"x":{"y":{"z":3}}})");
  EXPECT_EQ(put("$['a b']", "{}", "null"), R"({"a b":null})");
  EXPECT_EQ(put("$.a[1].b", R"({"a":[0,{"b":1}]})", "2"), R"({"a":[0,{"b":2}]})");
  EXPECT_EQ(put("$.a[-1]", R"({"a":[0,1]})", "7"), R"({"a":[0,7]})");
}

TEST(PutAt, RefusesWhatIsNoPlace) {
  EXPECT_EQ(put("$.a.b", R"({"a":"text"})", "1"),
            "States.ResultPathMatchFailure: Unable to apply step \"b\" to input \"text\"");
  EXPECT_EQ(put("$.a", "[1]", "1"),
            "States.ResultPathMatchFailure: Unable to apply step \"a\" to input [1]");
  EXPECT_EQ(put("$.a[2]", R"({"a":[1,2]})", "1"),
            "States.ResultPathMatchFailure: Unable to apply step \"2\" to input [1,2]");
  EXPECT_EQ(put("$.a[0]", "{}", "1"),
            "States.ResultPathMatchFailure: Unable to apply step \"0\" to input {}");
  EXPECT_EQ(put("$$.a", "{}", "1"),
            "States.ResultPathMatchFailure: '$$.a' is not a place in the input");
  for (const char* path : {"$.a[*]", "$..a", "$.a[0:1]", "$.a[0,1]", "$.a[?(@.b)]", "$.a.length()",
                           "$['a','b']", "", "a", "@.a"}) {
    EXPECT_EQ(put(path, "{}", "1"), "Value is not a Reference Path") << path;
  }
}

TEST(PutAt, LeavesWhatIsSharedAlone) {
  json::Value root = parsed(R"({"a":{"b":1}})");
  json::Value before = root;
  auto out = put_at(*Query::reference_path("$.a.b"), root, json::Value(2));
  ASSERT_TRUE(out);
  EXPECT_EQ(json::write(before), R"({"a":{"b":1}})");
  EXPECT_EQ(json::write(*out), R"({"a":{"b":2}})");
}

TEST(Query, TellsItsForm) {
  EXPECT_EQ(Query::json_path("$.a[0]")->form(), Query::Form::kReferencePath);
  EXPECT_EQ(Query::json_path("$.a[*]")->form(), Query::Form::kPath);
  EXPECT_EQ(Query::json_path("States.UUID()")->form(), Query::Form::kIntrinsic);
  EXPECT_FALSE(Query::path("States.UUID()"));
  EXPECT_EQ(Query::path("$.a")->text(), "$.a");
  EXPECT_EQ(Query::path("$.a")->expression(), "$.a");
  auto refused = Query::path("$.a[");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, codes::kInvalidArgument);
  EXPECT_EQ(refused.error().details.at(0).first, "reason");
}

TEST(Query, FindsNothingWithoutError) {
  Scope scope = scope_of(R"({"a":null})");
  EXPECT_EQ(*Query::path("$.b")->find(scope), std::nullopt);
  EXPECT_TRUE((*Query::path("$.a")->find(scope))->is_null());
  EXPECT_EQ(*Query::path("$v")->find(scope), std::nullopt);
}

TEST(Query, NamesTheFieldThatWasTold) {
  Scope scope = scope_of(R"({"a":1})");
  scope.context = [] { return parsed(R"({"State":{"Name":"S"}})"); };
  EXPECT_EQ(Query::path("$.x")->evaluate(scope, "ErrorPath").error().message,
            "The JSONPath '$.x' specified for the field 'ErrorPath' could not be found in the "
            "input '{\"a\":1}'");
  EXPECT_EQ(Query::path("$$.x")->evaluate(scope, "ErrorPath").error().message,
            "The JSONPath '$$.x' specified for the field 'ErrorPath' could not be found in the "
            "input '{\"State\":{\"Name\":\"S\"}}'");
  EXPECT_EQ(Query::path("$$.State.Name")->evaluate(scope)->as_string(), "S");
}

TEST(Query, ListsVariables) {
  using Names = VariableNames;
  EXPECT_EQ(Query::path("$v.x[0]")->variables(), Names{"v"});
  EXPECT_EQ(Query::path("$$.x")->variables(), Names{});
  EXPECT_EQ(Query::json_path("States.MathAdd(States.MathAdd($y, $x), $y)")->variables(),
            (Names{"x", "y"}));
  auto compiled = Template::json_path(
      parsed(R"json({"b.$":"$z","c":[{"d.$":"$a.b"}],"e":"$no","f.$":"States.Array($, $a)"})json"));
  ASSERT_TRUE(compiled);
  EXPECT_EQ(compiled->variables(), (Names{"a", "z"}));
  auto condition = ChoiceCondition::compile(parsed(
      R"({"Or":[{"Variable":"$guess","StringEqualsPath":"$answer"},
                {"Not":{"Variable":"$flag","IsPresent":true}}],"Next":"X"})"));
  ASSERT_TRUE(condition);
  EXPECT_EQ(condition->variables(), (Names{"answer", "flag", "guess"}));
}

TEST(Template, IsOneQueryOrNone) {
  EXPECT_EQ(Template::constant(json::Value(1)).query(), nullptr);
  EXPECT_EQ(Template::json_path(parsed(R"({"a.$":"$"})"))->query(), nullptr);
  EXPECT_EQ(json::write(Template::json_path(parsed("[1]"))->source()), "[1]");
}

TEST(Template, SharesWhatIsConstant) {
  json::Value source = parsed(R"({"a":{"b":[1,2]},"c.$":"$"})");
  auto out = Template::json_path(source)->evaluate(scope_of("1"));
  ASSERT_TRUE(out);
  EXPECT_TRUE(out->find("a")->same(*source.find("a")));
}

TEST(Template, IsBounded) {
  Scope scope = scope_of("\"" + std::string(200'000, 'x') + "\"");
  json::Object source;
  for (size_t i = 0; i <= kTemplateResultMax / 200'000; ++i) {
    source.set(std::to_string(i) + ".$", "$");
  }
  auto out = Template::json_path(json::Value(source))->evaluate(scope);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, "States.DataLimitExceeded");
}

TEST(Template, IsNotTooDeep) {
  std::string deep = "1";
  for (int i = 1; i < kTemplateDepthMax; ++i) deep = "[" + deep + "]";
  EXPECT_TRUE(Template::json_path(parsed(deep)));
  EXPECT_FALSE(Template::json_path(parsed("[" + deep + "]")));
}

TEST(Path, IsBounded) {
  EXPECT_FALSE(parse_path("$." + std::string(kPathTextMax, 'a')));
  std::string steps = "$";
  for (size_t i = 0; i < kPathStepsMax; ++i) steps += ".a";
  EXPECT_TRUE(parse_path(steps));
  EXPECT_FALSE(parse_path(steps + ".a"));
  std::string nested = "@.a";
  for (int i = 0; i < kFilterDepthMax; ++i) nested = "!" + nested;
  EXPECT_FALSE(parse_path("$[?(" + nested + ")]"));
  EXPECT_FALSE(parse_path("$.a[?(@.b == " + std::string(1'000, '[') + ")]"));
  EXPECT_FALSE(parse_path("$[12345678901]"));

  std::string deep = "1";
  for (int i = 0; i < 200; ++i) deep = "[" + deep + ",1]";
  Scope scope = scope_of(deep);
  auto out = Query::path("$..*..*..*")->evaluate(scope);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, "States.Runtime");
  EXPECT_TRUE(Query::path("$..*")->evaluate(scope));

  json::Array many(2'000, json::Value(1));
  scope.input = json::Value(json::Array(2'000, json::Value(json::Object{})));
  scope.input.edit_array()[0].edit_object().set("a", json::Value(many));
  EXPECT_FALSE(Query::path("$[?(@.a anyof $[0].a)]")->evaluate(scope));
}

TEST(Intrinsic, IsBounded) {
  std::string call = "1";
  for (int i = 0; i < kIntrinsicDepthMax; ++i) call = "States.Array(" + call + ")";
  EXPECT_TRUE(parse_intrinsic(call));
  EXPECT_FALSE(parse_intrinsic("States.Array(" + call + ")"));

  Scope scope = scope_of("\"" + std::string(kEncodedTextMax, 'x') + "\"");
  EXPECT_TRUE(Query::json_path("States.Base64Encode($)")->evaluate(scope));
  EXPECT_TRUE(Query::json_path("States.Hash($, 'MD5')")->evaluate(scope));
  scope.input = std::string(kEncodedTextMax + 1, 'x');
  EXPECT_FALSE(Query::json_path("States.Base64Encode($)")->evaluate(scope));
  EXPECT_FALSE(Query::json_path("States.Hash($, 'MD5')")->evaluate(scope));

  scope.input = std::string(200'000, 'x');
  for (const char* text :
       {"States.Format('{}{}{}{}{}{}', $, $, $, $, $, $)", "States.Array($, $, $, $, $, $)"}) {
    auto out = Query::json_path(text)->evaluate(scope);
    ASSERT_FALSE(out) << text;
    EXPECT_EQ(out.error().code, "States.IntrinsicFailure");
  }
}

TEST(Intrinsic, TakesItsDiceFromTheScope) {
  SeededRandom one(1);
  SeededRandom again(1);
  Scope scope = scope_of("{}");
  auto query = *Query::json_path("States.Array(States.UUID(), States.MathRandom(0, 1000000))");
  scope.random = &one;
  auto first = query.evaluate(scope);
  auto other = query.evaluate(scope);
  scope.random = &again;
  auto same = query.evaluate(scope);
  EXPECT_EQ(*first, *same);
  EXPECT_NE(*first, *other);
  EXPECT_EQ(first->as_array()[0].as_string().size(), 36u);
}

TEST(Intrinsic, DrawsFromItsRange) {
  Scope scope = scope_of("{}");
  auto query = *Query::json_path("States.MathRandom(-2, 1)");
  bool seen[3] = {};
  for (int i = 0; i < 1'000; ++i) {
    int64_t value = query.evaluate(scope)->as_integer();
    ASSERT_TRUE(value >= -2 && value < 1);
    seen[value + 2] = true;
  }
  EXPECT_TRUE(seen[0] && seen[1] && seen[2]);
  auto seeded = *Query::json_path("States.MathRandom(0, 999, 3)");
  EXPECT_EQ(*seeded.evaluate(scope), *seeded.evaluate(scope));
}

TEST(Timestamp, IsStrict) {
  auto zulu = parse_timestamp("2016-08-18T17:33:00Z");
  ASSERT_TRUE(zulu);
  EXPECT_EQ(parse_timestamp("2016-08-18T19:33:00+02:00"), zulu);
  EXPECT_EQ(parse_timestamp("2016-08-18T17:33:00.000000000Z"), zulu);
  for (const char* text :
       {"", "2016-08-18", "2016-08-18 17:33:00Z", "2016-08-18T17:33:00", "2016-08-18t17:33:00Z",
        "2016-08-18T17:33:00z", "2016-08-18T17:33:00+0200", "2016-13-18T17:33:00Z",
        "2016-08-18T25:33:00Z", "2016-08-18T17:33:00.Z", "2016-08-18T17:33:00+24:00",
        "05-12-2016T21:29:29Z"}) {
    EXPECT_FALSE(parse_timestamp(text)) << text;
  }
}

}  // namespace
}  // namespace suiro::workflow
