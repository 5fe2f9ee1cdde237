// SPDX-License-Identifier: Apache-2.0
// Queries and templates of JSONata mode: $states, variables, AWS's sentences.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/workflow/query.h"

namespace suiro::workflow {
namespace {

json::Value parsed(std::string_view text) {
  auto value = json::parse(text);
  EXPECT_TRUE(value) << text;
  return value ? *value : json::Value();
}

class Jsonata : public testing::Test {
 protected:
  Jsonata() {
    scope_.input = parsed(R"({"a":[1,2],"name":"x","part1":{"h":1},"part2":{"f":2}})");
    scope_.random = &random_;
    scope_.context = [this] {
      ++contexts_built_;
      return parsed(R"({"State":{"Name":"S"}})");
    };
    scope_.variable = [](std::string_view name) -> std::optional<json::Value> {
      return name == "v" ? std::optional(parsed(R"({"w":[5]})")) : std::nullopt;
    };
  }

  std::string run(std::string_view text) {
    auto query = Query::jsonata(text);
    if (!query) return query.error().code + ": " + query.error().message;
    auto out = query->evaluate(scope_, "Output");
    return out ? json::write(*out) : out.error().code + ": " + out.error().message;
  }

  std::string run_template(std::string_view source) {
    auto compiled = Template::jsonata(parsed(source));
    if (!compiled) return compiled.error().message;
    auto out = compiled->evaluate(scope_, "Output");
    if (out) return json::write(*out);
    return out.error().details.at(0).second + ": " + out.error().message;
  }

  SeededRandom random_{1};
  Scope scope_;
  int contexts_built_ = 0;
};

TEST_F(Jsonata, ReadsStatesAndVariables) {
  EXPECT_EQ(run("{% $states.input.a[0] %}"), "1");
  EXPECT_EQ(run("{%$v.w%}"), "[5]");
  EXPECT_EQ(run("{% $variable := 1 %}"), "1");
  EXPECT_EQ(run("{% $merge([$states.input.part1, $states.input.part2]) %}"), R"({"h":1,"f":2})");
  EXPECT_EQ(run("{% $states.context.State.Name %}"), "\"S\"");
  // Recorded: a range of one number is this number.
  EXPECT_EQ(run("{% $range(1, 9, 9) %}"), "1");
  EXPECT_EQ(run("{% $range(0, 10, 3) %}"), "[0,3,6,9]");
  EXPECT_EQ(run("{% $partition([0,1,2], 2) %}"), "[[0,1],[2]]");
  EXPECT_EQ(run("{% $partition([0], 5) %}"), "[[0]]");
  scope_.result = parsed("[0,1]");
  EXPECT_EQ(run("{% $count($states.result[$ = 0]) %}"), "1");
  EXPECT_EQ(run("{% $exists($states.errorOutput) %}"), "false");
  scope_.error_output = parsed(R"({"Error":"E"})");
  EXPECT_EQ(run("{% $states.errorOutput.Error %}"), "\"E\"");
}

TEST_F(Jsonata, BuildsTheContextWhereItIsRead) {
  run("{% $states.input.a %}");
  EXPECT_EQ(contexts_built_, 0);
  run("{% $states.context.State.Name & $states.context.State.Name %}");
  EXPECT_EQ(contexts_built_, 1);
  run("{% $keys($states) %}");
  EXPECT_EQ(contexts_built_, 2);
}

TEST_F(Jsonata, FailsInTheWordsOfTheService) {
  EXPECT_EQ(run("{% $doesNotExist %}"),
            "States.QueryEvaluationError: The JSONata expression '$doesNotExist' specified for the "
            "field 'Output' returned nothing (undefined).");
  EXPECT_EQ(run_template(R"({"result":"{% $doesNotExist %}"})"),
            "Output/result: The JSONata expression '$doesNotExist' specified for the field "
            "'Output/result' returned nothing (undefined).");
  EXPECT_EQ(run_template(R"({"a":[1,{"b":"{% $none %}"}]})"),
            "Output/a[1]/b: The JSONata expression '$none' specified for the field "
            "'Output/a[1]/b' returned nothing (undefined).");
  EXPECT_EQ(run("{% 1 + 'a' %}"),
            "States.QueryEvaluationError: The JSONata expression '1 + 'a'' specified for the field "
            "'Output' threw an error during evaluation. T2002: The right side of the \"+\" "
            "operator must evaluate to a number");
  EXPECT_EQ(run("{% $eval('1') %}").substr(0, 28), "States.QueryEvaluationError:");
  auto query = Query::jsonata("{% $none %}");
  ASSERT_TRUE(query);
  EXPECT_EQ(*query->find(scope_), std::nullopt);
}

TEST_F(Jsonata, ComputesTextsAtAnyDepth) {
  EXPECT_EQ(run_template(
                R"({"a":["{% $states.input.name %}",{"b":"{% [] %}"},"{%x","x %}"],"c.$":"$.a"})"),
            R"({"a":["x",{"b":[]},"{%x","x %}"],"c.$":"$.a"})");
  EXPECT_EQ(run_template("\"{% $states.input.a %}\""), "[1,2]");
  EXPECT_EQ(run_template("[1,\"{% $number(\\\"2\\\") %}\",3]"), "[1,2,3]");
  auto compiled = Template::jsonata(parsed("\"{% $v %}\""));
  ASSERT_TRUE(compiled);
  ASSERT_NE(compiled->query(), nullptr);
  EXPECT_EQ(compiled->query()->expression(), "$v");
  EXPECT_EQ(compiled->query()->text(), "{% $v %}");
  EXPECT_EQ(compiled->query()->form(), Query::Form::kJsonata);
}

TEST_F(Jsonata, ListsVariables) {
  auto query = Query::jsonata("{% ($y := 1; $sum([$z, $states.input.a, $b.c, $y])) %}");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->variables(), (VariableNames{"b", "z"}));
}

TEST_F(Jsonata, RefusesWhatHasNoMeaning) {
  EXPECT_EQ(run("{% 1 + %}"), "INVALID_JSONATA_EXPRESSION: Unexpected end of expression");
  using Case = std::pair<const char*, const char*>;
  for (auto [text, name] :
       {Case{"name", "name"}, Case{"a.b", "a"}, Case{"$", "$"}, Case{"*", "*"}, Case{"**.x", "**"},
        Case{"$v = name", "name"}, Case{"$sum($.a)", "$"}}) {
    EXPECT_EQ(run(fmt::format("{{% {} %}}", text)),
              fmt::format("UNSUPPORTED_JSONATA_EXPRESSION: Reference to '{}' at the top level is "
                          "not supported.",
                          name));
  }
  EXPECT_EQ(run("{% $$.a %}"),
            "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$$' is not supported.");
  EXPECT_EQ(run("{% $v.w.{'x': $} %}"), R"({"x":5})");
  auto compiled = Template::jsonata(parsed(R"({"a":[1,"{% ( %}"]})"));
  ASSERT_FALSE(compiled);
  EXPECT_EQ(compiled.error().code, "INVALID_JSONATA_EXPRESSION");
  EXPECT_EQ(compiled.error().details.back(),
            (std::pair<std::string, std::string>{"path", "/a[1]"}));
}

TEST_F(Jsonata, TellsUnexpectedTypes) {
  Error error = unexpected_type("$ItemsVar", "Items", "array", parsed(R"({"foo":"bar"})"));
  EXPECT_EQ(error.code, "States.QueryEvaluationError");
  EXPECT_EQ(error.message,
            "The JSONata expression '$ItemsVar' specified for the field 'Items' returned an "
            "unexpected result type. Expected 'array', but was 'object' for value: "
            "{\"foo\":\"bar\"}");
  EXPECT_EQ(error.details.at(0).second, "Items");
}

}  // namespace
}  // namespace suiro::workflow
