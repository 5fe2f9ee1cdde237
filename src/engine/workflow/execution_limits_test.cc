// SPDX-License-Identifier: Apache-2.0
// What bounds an execution: sizes, depths, the budgets of one step.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/workflow/drive.h"
#include "engine/workflow/execution.h"

namespace suiro::workflow {
namespace {

struct Sink : PayloadSink {
  void put(const PayloadHash& hash, const Payload& text) override { payloads[hash] = text; }
  Payloads payloads;
};

class ExecutionLimitsTest : public testing::Test {
 protected:
  Execution make(std::string_view definition, std::string input = "{}") {
    Compiled compiled = compile(definition);
    EXPECT_NE(compiled.plan, nullptr) << compiled.summary();
    plan_ = compiled.plan;
    info_.input = std::make_shared<const std::string>(std::move(input));
    return Execution(plan_, info_, limits_);
  }
  Outcome step(Execution& execution, const Occurrence& occurrence) {
    return execution.step(occurrence, Moment{.now = TimePoint(Millis(0)), .random = &random_});
  }
  // Started, and on until nothing is left for now.
  std::vector<Outcome> steps(Execution& execution) {
    std::vector<Outcome> outcomes{step(execution, Started{})};
    while (outcomes.back().more && outcomes.size() < 1000) {
      outcomes.push_back(step(execution, Continue{}));
    }
    return outcomes;
  }
  Ending ending(std::string_view definition, std::string input = "{}") {
    Execution execution = make(definition, std::move(input));
    return steps(execution).back().ended.value_or(Ending{});
  }
  static std::string told(const Outcome& outcome) {
    std::string out;
    for (const HistoryEvent& event : outcome.history) {
      out += fmt::format("{}<{} {} {}\n", event.id, event.previous_id, event_type_name(event.type),
                         event.index.value_or(-1));
    }
    return out;
  }
  static std::string told(const std::vector<Outcome>& outcomes) {
    std::string out;
    for (const Outcome& outcome : outcomes) out += told(outcome);
    return out;
  }

  std::shared_ptr<const Plan> plan_;
  ExecutionInfo info_;
  ExecutionLimits limits_;
  SeededRandom random_{1};
};

// Each turn nests a value once more; nothing ends it.
std::string loop_of(std::string_view state) {
  return fmt::format(
      R"({{"StartAt":"I","States":{{"I":{{"Type":"Pass","Assign":{{"v.$":"$"}},"Next":"A"}},
        "A":{{"Type":"Pass",{},"Next":"C"}},
        "C":{{"Type":"Choice","Choices":[{{"Variable":"$.stop","IsPresent":true,"Next":"E"}}],
              "Default":"A"}},"E":{{"Type":"Succeed"}}}}}})",
      state);
}

std::string nested_input() {
  constexpr size_t kDepth = 990;
  return std::string(kDepth, '[') + std::string(kDepth, ']');
}

TEST_F(ExecutionLimitsTest, WhatIsNestedTooDeepFailsTheState) {
  const Ending nested = ending(loop_of(R"("Parameters":{"x.$":"$"})"), nested_input());
  EXPECT_EQ(nested.status, ExecutionStatus::kFailed);
  EXPECT_EQ(nested.error, "States.Runtime");
  EXPECT_EQ(nested.cause, "The state/task 'A' returned a result nested deeper than 1000 levels.");
}

TEST_F(ExecutionLimitsTest, VariablesAreNotNestedTooDeep) {
  const Ending nested = ending(loop_of(R"("Assign":{"v":{"x.$":"$v"}})"), nested_input());
  EXPECT_EQ(nested.error, "States.Runtime");
  EXPECT_EQ(nested.cause, "The state/task 'A' assigned variables nested deeper than 1000 levels.");
}

TEST_F(ExecutionLimitsTest, AnInputThatIsTooDeepFailsTheExecution) {
  const std::string deep = std::string(1001, '[') + std::string(1001, ']');
  Execution execution =
      make(R"({"StartAt":"S","States":{"S":{"Type":"Succeed","OutputPath":"$[0]"}}})", deep);
  const Outcome outcome = step(execution, Started{});
  ASSERT_TRUE(outcome.ended);
  EXPECT_EQ(outcome.ended->error, "States.Runtime");
  const Outcome again = step(execution, Redriven{});
  ASSERT_TRUE(again.ended);
  EXPECT_EQ(again.ended->error, "States.Runtime");
}

TEST_F(ExecutionLimitsTest, ARunOfAMapIsToldNothingTooDeep) {
  const std::string deep = std::string(1000, '[') + std::string(1000, ']');
  const Ending ended = ending(R"({"StartAt":"M","States":{"M":{"Type":"Map","End":true,
      "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},
      "StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}}})",
                              deep);
  EXPECT_EQ(ended.error, "States.Runtime") << "the context object has the input two levels down";
}

TEST_F(ExecutionLimitsTest, APayloadThatIsNoJsonIsCorrupt) {
  Execution execution = make(R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":9,
      "End":true}}})",
                             R"({"x":")" + std::string(300, 'x') + "\"}");
  step(execution, Started{});
  Sink sink;
  std::vector<Cell> cells;
  for (CellChange& change : execution.take_changes(sink)) {
    cells.push_back({change.key, change.value.value()});
  }
  ASSERT_EQ(sink.payloads.size(), 1u);
  EXPECT_TRUE(Execution::load(plan_, info_, limits_, cells, sink.payloads));
  sink.payloads.begin()->second =
      std::make_shared<const std::string>(std::string(1001, '[') + std::string(1001, ']'));
  const auto loaded = Execution::load(plan_, info_, limits_, cells, sink.payloads);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, codes::kCorrupt);
}

// Ninety thousand times the same text: its JSON would be 18 GB.
TEST_F(ExecutionLimitsTest, SharedPartsAreNotWrittenOut) {
  std::string zeros = "0";
  for (int i = 1; i < 300; ++i) zeros += ",0";
  const std::string path = fmt::format("$[{}][{}]", zeros, zeros);
  const std::string input = "[[\"" + std::string(200'000, 'x') + "\"]]";
  for (const char* state :
       {R"("Type":"Pass","InputPath":"{}")", R"("Type":"Pass","OutputPath":"{}")",
        R"("Type":"Pass","Parameters":{{"a.$":"{}"}})",
        R"x("Type":"Pass","Parameters":{{"a.$":"States.JsonToString({})"}})x",
        R"("Type":"Pass","Assign":{{"v.$":"{}"}})"}) {
    const std::string members = fmt::format(fmt::runtime(state), path);
    const Ending ended =
        ending("{\"StartAt\":\"S\",\"States\":{\"S\":{" + members + ",\"End\":true}}}", input);
    EXPECT_EQ(ended.status, ExecutionStatus::kFailed) << state;
    EXPECT_EQ(ended.error.value_or("").starts_with("States."), true) << state;
    EXPECT_LE(ended.cause.value_or("").size(), 32'768u) << state;
  }
  const Ending jsonata = ending(R"({"QueryLanguage":"JSONata","StartAt":"S","States":{"S":
      {"Type":"Choice","Choices":[{"Condition":"{% [1..50000].$states.input %}","Next":"E"}]},
      "E":{"Type":"Succeed"}}})",
                                "\"" + std::string(200'000, 'x') + "\"");
  EXPECT_EQ(jsonata.error, "States.DataLimitExceeded");
  const Ending items = ending(R"({"QueryLanguage":"JSONata","StartAt":"S","States":{"S":
      {"Type":"Map","Items":"{% [1..60000] %}","End":true,"ItemProcessor":{"StartAt":"P",
      "States":{"P":{"Type":"Pass","End":true}}}}}})");
  EXPECT_EQ(items.error, "States.DataLimitExceeded");
}

TEST_F(ExecutionLimitsTest, AStepTellsSoManyBytes) {
  const std::string_view definition = R"({"StartAt":"P","States":{"P":{"Type":"Parallel",
      "End":true,"ResultPath":null,"Branches":[
      {"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"C"},
                               "C":{"Type":"Pass","Result":1,"End":true}}},
      {"StartAt":"D","States":{"D":{"Type":"Pass","Result":2,"End":true}}}]}}})";
  const std::string input = "\"" + std::string(10'000, 'x') + "\"";
  Execution whole = make(definition, input);
  const std::vector<Outcome> one = steps(whole);
  ASSERT_EQ(one.size(), 1u);
  limits_.step_bytes_max = 25'000;
  Execution execution = make(definition, input);
  const std::vector<Outcome> several = steps(execution);
  EXPECT_GE(several.size(), 3u);
  for (const Outcome& outcome : several) EXPECT_LE(outcome.history.size(), 6u);
  EXPECT_EQ(told(several), told(one));
  EXPECT_EQ(several.back().ended->status, ExecutionStatus::kSucceeded);
}

constexpr std::string_view kMap = R"({"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{
    "Type":"Map","End":true,"ItemSelector":{"n":"{% $count([1..1000]) %}"},"ItemProcessor":
    {"StartAt":"P","States":{"P":{"Type":"Pass","Output":"{% $states.input.n %}","End":true}}}}}})";

TEST_F(ExecutionLimitsTest, AStepComputesSoMuch) {
  const std::string input = "[1,2,3,4,5,6,7,8,9,10]";
  Execution whole = make(kMap, input);
  const std::vector<Outcome> one = steps(whole);
  ASSERT_EQ(one.size(), 1u);
  limits_.step_work_max = 2'500;
  Execution execution = make(kMap, input);
  const std::vector<Outcome> several = steps(execution);
  EXPECT_GE(several.size(), 4u);
  EXPECT_EQ(told(several), told(one)) << "the same, in parts";
  EXPECT_GE(one.front().work, 10'000u);
  for (const Outcome& outcome : several) EXPECT_LE(outcome.work, 2 * limits_.step_work_max);
  EXPECT_EQ(**several.back().ended->output, **one.back().ended->output);
}

// Iterations that did not begin yet are known from the cells alone.
TEST_F(ExecutionLimitsTest, StartsOfIterationsGoOnAfterALoad) {
  limits_.step_work_max = 2'500;
  const std::string input = "[1,2,3,4,5,6,7,8,9,10]";
  Execution steady = make(kMap, input);
  const std::vector<Outcome> expected = steps(steady);
  Execution execution = make(kMap, input);
  Sink sink;
  std::map<Bytes, Bytes> cells;
  std::vector<Outcome> outcomes;
  Occurrence occurrence = Started{};
  do {
    outcomes.push_back(step(execution, occurrence));
    occurrence = Continue{};
    for (CellChange& change : execution.take_changes(sink)) {
      if (change.value) {
        cells[change.key] = *std::move(change.value);
      } else {
        cells.erase(change.key);
      }
    }
    std::vector<Cell> kept;
    for (const auto& [key, value] : cells) kept.push_back({key, value});
    auto loaded = Execution::load(plan_, info_, limits_, kept, sink.payloads);
    ASSERT_TRUE(loaded) << loaded.error().message;
    execution = *std::move(loaded);
  } while (outcomes.back().more && outcomes.size() < 100);
  EXPECT_EQ(told(outcomes), told(expected));
}

TEST_F(ExecutionLimitsTest, OneStateComputesSoMuch) {
  limits_.state_work_max = 1'500;
  const Ending ended = ending(R"({"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{
      "Type":"Pass","End":true,"Assign":{"a":"{% $count([1..1000]) %}",
      "b":"{% $count([1..1000]) %}"}}}})");
  EXPECT_EQ(ended.error, "States.QueryEvaluationError");
  EXPECT_THAT(*ended.cause, testing::HasSubstr("D1012"));
}

TEST_F(ExecutionLimitsTest, ResultsOfAMapAreCountedAsTheyCome) {
  limits_.payload_bytes_max = 1'000;
  Execution execution = make(R"({"StartAt":"M","States":{"M":{"Type":"Map","End":true,
      "MaxConcurrency":1,"ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","End":true,
      "Result":")" + std::string(300, 'x') +
                                 R"("}}}}}})",
                             "[1,2,3,4,5,6,7,8,9,10]");
  const Outcome outcome = steps(execution).back();
  EXPECT_EQ(outcome.ended->error, "States.DataLimitExceeded");
  EXPECT_EQ(outcome.ended->cause,
            "The state/task 'M' returned a result with a size exceeding the maximum number of "
            "bytes service limit.");
  EXPECT_EQ(
      std::ranges::count(outcome.history, EventType::kMapIterationStarted, &HistoryEvent::type), 4);
}

TEST_F(ExecutionLimitsTest, ResultsThatJustFitComeOut) {
  limits_.payload_bytes_max = 13;  // [1,2,3,4,5,6]
  const std::string_view map = R"({"StartAt":"M","States":{"M":{"Type":"Map","End":true,
      "ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}}})";
  EXPECT_EQ(ending(map, "[1,2,3,4,5,6]").status, ExecutionStatus::kSucceeded);
}

TEST_F(ExecutionLimitsTest, ErrorsAndCausesAreCut) {
  const std::string_view task = R"({"StartAt":"T","States":{"T":{"Type":"Task","End":true,
      "Resource":"arn:aws:lambda:us-east-1:000000000000:function:f"}}})";
  std::string long_text;
  for (int i = 0; i < 40'000; ++i) long_text += "\u00e9";
  const std::string error = long_text.substr(0, 512), cause = long_text.substr(0, 65'536);
  Execution failing = make(task);
  const uint64_t effect = effect_id(step(failing, Started{}).effects.at(0));
  const Outcome failed =
      step(failing, EffectFailed{.effect = effect, .error = long_text, .cause = long_text});
  for (const HistoryEvent& event : failed.history) {
    if (!event.error) continue;
    EXPECT_EQ(event.error, error);
    EXPECT_EQ(event.cause, cause);
  }
  EXPECT_EQ(failed.ended->error, error);
  EXPECT_EQ(failed.ended->cause, cause);

  Execution stopping = make(task);
  step(stopping, Started{});
  const Outcome stopped = step(stopping, Stopped{.error = long_text, .cause = long_text});
  EXPECT_EQ(stopped.ended->error, error);
  EXPECT_EQ(stopped.ended->cause, cause);
  EXPECT_EQ(stopped.history.at(0).cause, cause);

  const Ending fail =
      ending(R"({"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","CausePath":"$.c"}}})",
             R"({"c":")" + long_text + "\"}");
  EXPECT_EQ(fail.cause, cause);
}

}  // namespace
}  // namespace suiro::workflow
