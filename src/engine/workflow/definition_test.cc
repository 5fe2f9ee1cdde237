// SPDX-License-Identifier: Apache-2.0
// What compile() makes of definitions; what it says of wrong ones: definition_golden_test.cc.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/workflow/plan.h"

namespace suiro::workflow {
namespace {

std::shared_ptr<const Plan> plan_of(std::string_view definition, CompileOptions options = {}) {
  Compiled compiled = compile(definition, options);
  EXPECT_TRUE(compiled.plan != nullptr) << compiled.summary();
  return compiled.plan;
}

const State& state_of(const Plan& plan, const std::string& name) {
  return *plan.by_name.at(name);
}

double constant(const std::optional<NumberField>& field) {
  return std::get<double>(field.value());
}

TEST(DefinitionTest, MachineAndStates) {
  auto plan = plan_of(R"({"Comment": "c", "Version": "1.0", "TimeoutSeconds": 7, "StartAt": "A",
      "States": {"B": {"Type": "Fail", "Error": "E", "CausePath": "$.c"},
                 "A": {"Type": "Pass", "Comment": "d", "Result": {"x": 1}, "ResultPath": null,
                       "InputPath": null, "Next": "B"}}})");
  EXPECT_EQ(plan->root.start_at, "A");
  EXPECT_EQ(plan->root.comment, "c");
  EXPECT_EQ(plan->version, "1.0");
  EXPECT_EQ(plan->timeout_seconds, 7);
  ASSERT_EQ(plan->root.states.size(), 2u);
  EXPECT_EQ(plan->root.states[0]->name, "B");  // in the definition's order
  const State& pass = state_of(*plan, "A");
  EXPECT_EQ(pass.type(), "Pass");
  EXPECT_EQ(pass.comment, "d");
  EXPECT_EQ(pass.next, "B");
  EXPECT_FALSE(pass.is_terminal());
  EXPECT_EQ(pass.group, &plan->root);
  EXPECT_TRUE(pass.input_path.is_null);
  EXPECT_FALSE(pass.output_path.is_null);
  EXPECT_TRUE(pass.discards_result);
  EXPECT_EQ(json::write(*std::get<PassFields>(pass.fields).result), R"({"x":1})");
  const State& failure = state_of(*plan, "B");
  EXPECT_TRUE(failure.is_terminal());
  const auto& fields = std::get<FailFields>(failure.fields);
  EXPECT_EQ(std::get<std::string>(*fields.error), "E");
  EXPECT_EQ(std::get<Query>(*fields.cause).text(), "$.c");
}

TEST(DefinitionTest, TaskWithHandlers) {
  auto plan = plan_of(R"({"StartAt": "A", "States": {"A": {"Type": "Task",
      "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
      "Parameters": {"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"},
      "ResultSelector": {"r.$": "$.MessageId"}, "ResultPath": "$.sent",
      "TimeoutSecondsPath": "$.t", "HeartbeatSeconds": 5, "Credentials": {"RoleArn.$": "$.role"},
      "Retry": [{"ErrorEquals": ["X", "Y"], "MaxAttempts": 0, "BackoffRate": 1.5,
                 "IntervalSeconds": 2, "MaxDelaySeconds": 9, "JitterStrategy": "FULL"},
                {"ErrorEquals": ["States.ALL"]}],
      "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "B",
                 "Assign": {"v.$": "$.Error", "w": {"k": 1}}}],
      "End": true}, "B": {"Type": "Succeed"}}})");
  const State& state = state_of(*plan, "A");
  const auto& task = std::get<TaskFields>(state.fields);
  EXPECT_EQ(task.resource, "arn:aws:states:::sqs:sendMessage.waitForTaskToken");
  EXPECT_EQ(std::get<Query>(*task.timeout_seconds).text(), "$.t");
  EXPECT_EQ(constant(task.heartbeat_seconds), 5);
  EXPECT_TRUE(task.credentials.has_value());
  EXPECT_TRUE(state.parameters.has_value());
  EXPECT_TRUE(state.result_selector.has_value());
  EXPECT_EQ(state.result_path->text(), "$.sent");
  ASSERT_EQ(state.retry.size(), 2u);
  EXPECT_EQ(state.retry[0].errors, (std::vector<std::string>{"X", "Y"}));
  EXPECT_EQ(state.retry[0].attempts_max, 0);
  EXPECT_EQ(state.retry[0].backoff_rate, 1.5);
  EXPECT_EQ(state.retry[0].interval_seconds, 2);
  EXPECT_EQ(state.retry[0].delay_seconds_max, 9);
  EXPECT_TRUE(state.retry[0].full_jitter);
  EXPECT_EQ(state.retry[1].attempts_max, 3);
  EXPECT_EQ(state.retry[1].backoff_rate, 2);
  ASSERT_EQ(state.catchers.size(), 1u);
  EXPECT_EQ(state.catchers[0].next, "B");
  EXPECT_EQ(state.catchers[0].result_path->text(), "$.e");
  ASSERT_EQ(state.catchers[0].assign.size(), 2u);
  EXPECT_EQ(state.catchers[0].assign[0].name, "v");
  EXPECT_EQ(state.catchers[0].assign[1].name, "w");
}

TEST(DefinitionTest, ChoiceRulesInBothLanguages) {
  auto plan = plan_of(R"({"StartAt": "A", "States": {
      "A": {"Type": "Choice", "Default": "C", "Choices": [
          {"And": [{"Variable": "$.x", "IsPresent": true}, {"Variable": "$.x", "NumericEquals": 1}],
           "Next": "B", "Assign": {"v": 1}}]},
      "B": {"Type": "Choice", "QueryLanguage": "JSONata", "Choices": [
          {"Condition": "{% $v = 1 %}", "Next": "C", "Output": {"o": "{% $v %}"}},
          {"Condition": true, "Next": "C"}]},
      "C": {"Type": "Succeed"}}})");
  const auto& path = std::get<ChoiceFields>(state_of(*plan, "A").fields);
  ASSERT_EQ(path.rules.size(), 1u);
  EXPECT_EQ(path.rules[0].next, "B");
  EXPECT_TRUE(std::holds_alternative<ChoiceCondition>(path.rules[0].condition));
  EXPECT_EQ(path.rules[0].assign.size(), 1u);
  EXPECT_EQ(path.default_next, "C");
  const auto& expression = std::get<ChoiceFields>(state_of(*plan, "B").fields);
  ASSERT_EQ(expression.rules.size(), 2u);
  EXPECT_EQ(std::get<Query>(expression.rules[0].condition).text(), "{% $v = 1 %}");
  EXPECT_TRUE(expression.rules[0].output.has_value());
  EXPECT_FALSE(expression.default_next.has_value());
  EXPECT_EQ(plan->variable_references.at("B"), (std::vector<std::string>{"v"}));
  EXPECT_FALSE(plan->variable_references.contains("A"));
}

TEST(DefinitionTest, ParallelGroupsKnowTheirState) {
  auto plan = plan_of(R"({"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true,
      "Branches": [{"StartAt": "X", "States": {"X": {"Type": "Pass", "End": true}}},
                   {"StartAt": "Y", "States": {"Y": {"Type": "Pass", "End": true}}}]}}})");
  const State& parallel = state_of(*plan, "P");
  const auto& branches = std::get<ParallelFields>(parallel.fields).branches;
  ASSERT_EQ(branches.size(), 2u);
  EXPECT_EQ(branches[1].parent, &parallel);
  EXPECT_EQ(state_of(*plan, "Y").group, &branches[1]);
  EXPECT_EQ(branches[1].by_name.at("Y"), &state_of(*plan, "Y"));
  EXPECT_EQ(plan->root.parent, nullptr);
}

constexpr std::string_view kDistributed = R"({"StartAt": "M", "States": {"M": {"Type": "Map",
    "ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
                   "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "GIVEN",
                                    "CSVHeaders": ["a"], "CSVDelimiter": "TAB", "MaxItems": 4},
                   "Parameters": {"Bucket": "b", "Key.$": "$.k"}},
    "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"x": 1}},
    "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"},
                     "WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSONL"}},
    "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
                      "StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}},
    "ToleratedFailurePercentage": 0.5, "Label": "all", "End": true}}})";

TEST(DefinitionTest, DistributedMap) {
  auto plan = plan_of(kDistributed);
  const auto& map = std::get<MapFields>(state_of(*plan, "M").fields);
  EXPECT_TRUE(map.distributed);
  EXPECT_TRUE(map.express_children);
  EXPECT_EQ(map.item_reader->input_type, InputType::kCsv);
  EXPECT_EQ(map.item_reader->csv_delimiter, '\t');
  EXPECT_TRUE(map.item_reader->csv_headers_given);
  EXPECT_EQ(map.item_reader->csv_headers, (std::vector<std::string>{"a"}));
  EXPECT_EQ(constant(map.item_reader->items_max), 4);
  EXPECT_EQ(constant(map.item_batcher->items_max), 2);
  EXPECT_EQ(map.result_writer->transformation, Transformation::kCompact);
  EXPECT_TRUE(map.result_writer->jsonl);
  EXPECT_EQ(constant(map.tolerated_failure_percentage), 0.5);
  EXPECT_EQ(map.label, "all");
}

TEST(DefinitionTest, ChildPlanIsAMachineOfItsOwn) {
  auto plan = plan_of(kDistributed);
  auto child = child_plan(plan, state_of(*plan, "M"));
  plan.reset();
  EXPECT_EQ(child->root.start_at, "I");
  EXPECT_EQ(child->root.parent, nullptr);
  EXPECT_EQ(state_of(*child, "I").group, &child->root);
  EXPECT_EQ(child->by_name.size(), 1u);
}

TEST(DefinitionTest, OldNamesOfMaps) {
  auto plan = plan_of(R"({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemsPath": "$.a",
      "Parameters": {"v.$": "$$.Map.Item.Value"}, "Iterator": {"StartAt": "I", "States":
      {"I": {"Type": "Pass", "End": true}}}, "End": true}}})");
  const auto& map = std::get<MapFields>(state_of(*plan, "M").fields);
  EXPECT_TRUE(map.old_iterator);
  EXPECT_TRUE(map.old_parameters);
  EXPECT_TRUE(map.item_selector.has_value());
  EXPECT_FALSE(map.distributed);
  EXPECT_EQ(map.processor.start_at, "I");
}

TEST(DefinitionTest, ExpressionsForNumbers) {
  auto plan = plan_of(R"({"QueryLanguage": "JSONata", "StartAt": "W", "States": {
      "W": {"Type": "Wait", "Seconds": "{% $states.input.s %}", "Next": "M"},
      "M": {"Type": "Map", "Items": [1, "{% 2 %}"], "MaxConcurrency": "{% $n %}",
            "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Succeed"}}},
            "Output": "{% $states.result %}", "End": true}}})");
  EXPECT_EQ(plan->language, QueryLanguage::kJsonata);
  const auto& wait = std::get<WaitFields>(state_of(*plan, "W").fields);
  EXPECT_EQ(std::get<Query>(*wait.seconds).text(), "{% $states.input.s %}");
  const auto& map = std::get<MapFields>(state_of(*plan, "M").fields);
  EXPECT_TRUE(map.items.has_value());
  EXPECT_EQ(plan->variable_references.at("M"), (std::vector<std::string>{"n"}));
  EXPECT_TRUE(state_of(*plan, "M").output.has_value());
}

TEST(DefinitionTest, SingleState) {
  auto plan =
      plan_of(R"({"Type": "Pass", "Result": 1, "Next": "Elsewhere"})", {.single_state = true});
  ASSERT_EQ(plan->root.states.size(), 1u);
  EXPECT_EQ(plan->root.states[0]->next, "Elsewhere");
  EXPECT_EQ(plan->root.by_name.at(plan->root.start_at), plan->root.states[0].get());
}

TEST(DefinitionTest, SummaryListsErrorsOnly) {
  Compiled compiled = compile(
      R"({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "$.x", "Next": "X"}}})");
  EXPECT_EQ(compiled.diagnostics.size(), 3u);
  EXPECT_EQ(compiled.summary(),
            "'MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/A/Next, "
            "MISSING_END_STATE: Workflow has no terminal state at null'");
}

// `depth` Parallel states, one in the other.
std::string nested(int depth) {
  std::string definition;
  for (int i = 0; i < depth; ++i) {
    definition += fmt::format(
        R"({{"StartAt":"S{0}","States":{{"S{0}":{{"Type":"Parallel","End":true,"Branches":[)", i);
  }
  definition += R"({"StartAt":"E","States":{"E":{"Type":"Succeed"}}})";
  for (int i = 0; i < depth; ++i) definition += "]}}}";
  return definition;
}

TEST(DefinitionTest, NestingHasALimit) {
  EXPECT_TRUE(compile(nested(100)).plan != nullptr);
  Compiled compiled = compile(nested(101));
  ASSERT_EQ(compiled.diagnostics.size(), 1u);
  EXPECT_EQ(compiled.diagnostics[0].code, "TOO_DEEPLY_NESTED");
  EXPECT_TRUE(compile(nested(300)).plan == nullptr);
}

TEST(DefinitionTest, SizeHasALimit) {
  constexpr size_t kBytesMax = 1 << 20;
  std::string definition = R"({"StartAt":"A","States":{"A":{"Type":"Succeed"}}})";
  definition.resize(kBytesMax, ' ');
  EXPECT_TRUE(compile(definition).plan != nullptr);
  definition += ' ';
  EXPECT_TRUE(compile(definition).plan == nullptr);
}

// Warnings do not crowd out the error that makes the difference.
TEST(DefinitionTest, DiagnosticsHaveALimit) {
  std::string members;
  for (int i = 0; i < 3'000; ++i) members += fmt::format(R"("k{}":"$.x",)", i);
  std::string definition = fmt::format(
      R"({{"StartAt":"A","States":{{"A":{{"Type":"Pass","Parameters":{{{}"z":1}},"Next":"X"}},
          "B":{{"Type":"Succeed"}}}}}})",
      members);
  Compiled compiled = compile(definition);
  EXPECT_TRUE(compiled.plan == nullptr);
  EXPECT_EQ(compiled.diagnostics.size(), 1'002u);
}

}  // namespace
}  // namespace suiro::workflow
