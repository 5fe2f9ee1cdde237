// SPDX-License-Identifier: Apache-2.0
#include "engine/jsonata/expression.h"

#include <gtest/gtest.h>

namespace suiro::jsonata {
namespace {

class ExpressionTest : public testing::Test {
 protected:
  Result<std::optional<json::Value>> evaluate(std::string_view text) {
    auto expression = Expression::compile(text);
    if (!expression) return fail(std::move(expression).error());
    return expression->evaluate(input_, environment_);
  }
  std::string result_of(std::string_view text) {
    auto out = evaluate(text);
    if (!out) return out.error().code;
    return *out ? json::write(**out) : "nothing";
  }

  SeededRandom random_{1};
  Environment environment_{.now = TimePoint(Millis(1'700'000'000'123)), .random = &random_};
  std::optional<json::Value> input_;
};

std::string references(std::string_view text) {
  std::string out;
  const auto expression = Expression::compile(text).value();
  for (const Reference& reference : expression.references()) {
    if (!out.empty()) out += ' ';
    out += reference.name;
    for (const std::string& step : reference.path) out += '.' + step;
  }
  return out;
}

TEST(ReferencesTest, AreFreeVariablesWithTheirPlainPaths) {
  EXPECT_EQ(references("$states.input.a + $x"), "states.input.a x");
  EXPECT_EQ(references("$states.input.a[b > $y].c"), "states.input.a y");
  EXPECT_EQ(references("$states.input.*.c"), "states.input");
  EXPECT_EQ(references("$x[0].a"), "x");
  EXPECT_EQ(references("($x := $z; $x.a)"), "z");
  EXPECT_EQ(references("$map($l, function($v) { $v.a & $w })"), "l w");
  EXPECT_EQ(references("$a.b@$c.{'n': $c.d}"), "a.b");
  EXPECT_EQ(references("a.b & $"), "");
}

TEST(ReferencesTest, SeeWhetherTheInputIsRead) {
  auto reads = [](std::string_view text) {
    return !Expression::compile(text).value().input_reads().empty();
  };
  for (std::string_view text :
       {"a.b", "$", "$$.a", "*", "**.a", "$sum(a)", "{'x': a}", "a ~> $f"}) {
    EXPECT_TRUE(reads(text)) << text;
  }
  for (std::string_view text :
       {"$x.a.b", "$x[a = 1]", "'a'", "$x.{'k': a}", "$x^(a)", "$x{a: b}"}) {
    EXPECT_FALSE(reads(text)) << text;
  }
}

TEST_F(ExpressionTest, FunctionsDoNotLeakOut) {
  EXPECT_EQ(result_of("$sum"), "nothing");
  EXPECT_EQ(result_of("function($x) { $x }"), "nothing");
  EXPECT_EQ(result_of("{'f': $sum, 'n': 1}"), R"({"n":1})");
}

TEST_F(ExpressionTest, TheClockIsTheEnvironments) {
  EXPECT_EQ(result_of("$millis()"), "1700000000123");
  EXPECT_EQ(result_of("$now()"), R"("2023-11-14T22:13:20.123Z")");
}

TEST_F(ExpressionTest, VariablesAreAskedForOnce) {
  int asked = 0;
  environment_.variable = [&](std::string_view name) -> std::optional<json::Value> {
    if (name != "x") return std::nullopt;
    ++asked;
    return json::Value(json::Array{1, 2});
  };
  EXPECT_EQ(result_of("$sum($x) + $count($x) + $x[1]"), "7");
  EXPECT_EQ(asked, 1);
}

TEST_F(ExpressionTest, LargeIntegersPassUnchanged) {
  input_ = json::parse(R"({"a": {"id": 9007199254740993}})").value();
  EXPECT_EQ(result_of("a"), R"({"id":9007199254740993})");
}

TEST_F(ExpressionTest, LimitsEndWhatDoesNotEnd) {
  EXPECT_EQ(result_of("($f := function($n) { 1 + $f($n) }; $f(1))"), "D1011");
  environment_.limits.steps_max = 100'000;
  EXPECT_EQ(result_of("($f := function($n) { $f($n + 1) }; $f(1))"), "D1012");
  EXPECT_EQ(result_of("$count([1..200000])"), "D1012");
  environment_.limits.steps_max = 10'000'000;
  environment_.limits.built_bytes_max = 1 << 20;
  EXPECT_EQ(result_of("$count([1..200000])"), "TooLarge");
  EXPECT_EQ(result_of("$length($pad('', 2000000))"), "TooLarge");
  EXPECT_EQ(result_of("($f := function($s) { $f($s & $s) }; $f('ab'))"), "TooLarge");
}

TEST_F(ExpressionTest, ResultsAreLimitedToo) {
  environment_.limits.built_bytes_max = 1 << 20;
  input_ = json::Value(json::Object());
  input_->edit_object().set("big", std::string(100'000, 'x'));
  // Ten thousand elements, one text.
  const auto shared = evaluate("($b := big; [1..10000].$b)");
  ASSERT_TRUE(shared) << shared.error().message;
  const json::Array& elements = (*shared)->as_array();
  ASSERT_EQ(elements.size(), 10'000u);
  EXPECT_EQ(&elements.front().as_string(), &elements.back().as_string());
  // Small ones are not shared: they are counted. Neither are elements of more arrays.
  environment_.limits.built_bytes_max = 600'000;
  EXPECT_EQ(result_of("$count([1..8000].('a'))"), "8000");
  EXPECT_EQ(result_of("[1..8000].('a')"), "TooLarge");
  environment_.limits.built_bytes_max = 64 << 20;
  environment_.limits.steps_max = 50'000;
  EXPECT_EQ(result_of("($a := [1..100]; $b := [1..100].[$a]; [1..100].[$b])"), "D1012");
}

TEST_F(ExpressionTest, LongTextsTakeTheirTime) {
  environment_.limits.steps_max = 20'000;
  input_ = json::Value(json::Object());
  input_->edit_object().set("big", std::string(64'000, 'a'));
  for (const char* call :
       {"$length($b)", "$lowercase($b)", "$trim($b)", "$substring($b, 3, 1)", "$contains($b, 'c')",
        "$substringBefore($b, 'c')", "$b = $c", "$b < $c", "$base64decode($b)", "$encodeUrl($b)"}) {
    const std::string text =
        "($b := big; $c := big & ''; $count([1..100].(" + std::string(call) + ")))";
    EXPECT_EQ(result_of(text), "D1012") << text;
  }
  EXPECT_EQ(result_of("($b := big; $count([1..10].$length($b)))"), "10");
}

TEST_F(ExpressionTest, SharedValuesAreNotWalkedForEver) {
  // 2^60 elements.
  const std::string nest = "($f := function($v, $n) { $n = 0 ? $v : $f([[$v, $v]], $n - 1) }; ";
  environment_.limits.steps_max = 100'000;
  EXPECT_EQ(result_of(nest + "$f(1, 60) = $f(1, 60))"), "D1012");
  EXPECT_EQ(result_of(nest + "$f(0, 60) ? 1 : 2)"), "D1012");
  EXPECT_EQ(result_of(nest + "$f(1, 60))"), "D1012");
}

TEST_F(ExpressionTest, TellsItsSteps) {
  uint64_t steps = 0;
  environment_.steps_used = &steps;
  result_of("[1..1000]");
  EXPECT_GE(steps, 1000u);
  EXPECT_LE(steps, 5000u);
  const uint64_t before = steps;
  environment_.limits.steps_max = 500;
  EXPECT_EQ(result_of("[1..1000]"), "D1012");
  EXPECT_GT(steps, before);
}

TEST_F(ExpressionTest, SearchesAreLinear) {
  input_ = json::Value(std::string(200'000, 'a'));
  EXPECT_EQ(result_of("$contains($, $pad('', 100000, 'a') & 'b')"), "false");
}

TEST_F(ExpressionTest, RegularExpressionsShareTheirMemory) {
  std::string text = "[";
  for (size_t i = 0; i < 63; ++i) text += "$contains('a', /a{1,50}/),";
  const std::string others = text;
  text += "$contains('a', /a{1,50}/),";
  EXPECT_EQ(result_of("$count(" + text + "1])"), "65");
  EXPECT_EQ(result_of("$count(" + text + "$contains('a', /a/)])"), "TooLarge");
  // Alone it may be larger than where there are many.
  const std::string large = "$contains('a', /[^x]{0,900}[^y]{0,900}[^z]{0,900}[^w]{0,900}/)";
  EXPECT_EQ(result_of(large), "true");
  EXPECT_EQ(result_of(others + large + "]"), "InvalidArgument");
}

TEST_F(ExpressionTest, ValuesNestedTooDeepAreRefused) {
  const std::string nest = "($f := function($v, $n) { $n = 0 ? $v : $f({'k': $v}, $n - 1) }; ";
  EXPECT_EQ(result_of(nest + "$f(1, 5000))"), "D1011");
  EXPECT_EQ(result_of(nest + "$string($f(1, 5000)))"), "D1011");
  EXPECT_EQ(result_of(nest + "$f(1, 5000) = $f(1, 5000))"), "D1011");
  EXPECT_EQ(result_of(nest + "$count($f(1, 5000)))"), "1");
}

TEST_F(ExpressionTest, TextsNestedTooDeepAreRefused) {
  const std::string open(2000, '('), close(2000, ')');
  EXPECT_EQ(result_of(open + "1" + close), "TooLarge");
  EXPECT_EQ(result_of("($g := function($f, $n) { $n = 0 ? $f : $g($f(?), $n - 1) }; "
                      "$g($uppercase, 5000)('a'))"),
            "D1011");
  std::string sum = "1";
  for (int i = 0; i < 2000; ++i) sum += "+1";
  EXPECT_EQ(result_of(sum), "TooLarge");
}

TEST_F(ExpressionTest, RegularExpressionsWithoutABoundAreRefused) {
  EXPECT_EQ(result_of("$match('ab', /a(?=b)/)"), "NotImplemented");
  EXPECT_EQ(result_of("$match('ab', /(?<!a)b/)"), "NotImplemented");
  EXPECT_EQ(result_of(R"($match('aa', /(a)\1/))"), "NotImplemented");
  EXPECT_EQ(result_of("$match('a', /a{2,1}/)"), "InvalidArgument");
  EXPECT_EQ(result_of(R"($contains('é', /^\u00e9$/))"), "true");
  EXPECT_EQ(result_of(R"($match('🍵x', /x/).index)"), "2");
}

TEST_F(ExpressionTest, LoneSurrogatesDoNotReachTheOutside) {
  EXPECT_EQ(result_of(R"("\uD83C")"), "\"\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace suiro::jsonata
