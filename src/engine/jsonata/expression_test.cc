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
