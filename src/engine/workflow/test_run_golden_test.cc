// SPDX-License-Identifier: Apache-2.0
// Documents of tests/golden/workflow/test_state: a state or a machine, what TestState is told, and
// what it answers. SUIRO_UPDATE_GOLDEN=1 writes what came; look at the diff.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/workflow/test_run.h"

namespace suiro::workflow {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> documents() {
  std::vector<fs::path> paths;
  const auto folder = fs::path(SUIRO_SOURCE_DIR) / "tests/golden/workflow/test_state";
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

json::Value read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  auto parsed = json::parse(text.str());
  EXPECT_TRUE(parsed) << path << ": " << parsed.error().message;
  return parsed.value_or(json::Value());
}

std::optional<std::string> text_of(const json::Value& object, std::string_view name) {
  const json::Value* found = object.find(name);
  return found == nullptr ? std::nullopt : std::optional(found->as_string());
}

TestSettings settings_of(const json::Value& document) {
  TestSettings settings;
  settings.info.execution_arn = "arn:aws:states:us-east-1:000000000000:express:machine:run";
  settings.info.execution_name = "run";
  settings.info.machine_arn = "arn:aws:states:us-east-1:000000000000:stateMachine:machine";
  settings.info.machine_name = "machine";
  settings.info.role_arn = "arn:aws:iam::000000000000:role/role";
  settings.info.type = MachineType::kExpress;
  settings.info.input = std::make_shared<const std::string>(json::write(*document.find("input")));
  if (const json::Value* context = document.find("context")) settings.context = *context;
  if (const json::Value* variables = document.find("variables")) {
    settings.variables = variables->as_object();
  }
  if (const json::Value* mock = document.find("mock")) {
    settings.mock.emplace();
    if (const json::Value* result = mock->find("result")) {
      settings.mock->result = json::write(*result);
    } else {
      settings.mock->error = {.error = text_of(*mock, "error"), .cause = text_of(*mock, "cause")};
    }
  }
  if (const json::Value* retries = document.find("retries")) {
    settings.retries = static_cast<uint64_t>(retries->as_integer());
  }
  if (const json::Value* failed = document.find("failed_items")) {
    settings.failed_items = static_cast<uint64_t>(failed->as_integer());
  }
  settings.item_data = text_of(document, "item_data");
  return settings;
}

json::Value answer_json(const TestAnswer& answer) {
  static constexpr std::array kNames = {"SUCCEEDED", "FAILED", "RETRIABLE", "CAUGHT_ERROR"};
  json::Object out;
  out.set("status", kNames[static_cast<size_t>(answer.status)]);
  if (answer.next_state) out.set("next", *answer.next_state);
  if (answer.output) out.set("output", json::parse(*answer.output).value());
  if (answer.error) out.set("error", *answer.error);
  if (answer.cause) out.set("cause", *answer.cause);
  if (answer.retrier) {
    out.set("retrier", static_cast<int64_t>(*answer.retrier));
    out.set("delay_ms", answer.retry_delay.count());
  }
  if (answer.catcher) out.set("catcher", static_cast<int64_t>(*answer.catcher));
  json::Object stages;
  for (const auto& [name, text] : answer.stages) stages.set(name, json::parse(text).value());
  for (const auto& [name, number] : answer.numbers) stages.set(name, number);
  out.set("stages", std::move(stages));
  return out;
}

json::Value play(const json::Value& document) {
  const auto name = text_of(document, "state");
  const Compiled compiled =
      compile(json::write(*document.find("definition")), {.single_state = !name});
  EXPECT_NE(compiled.plan, nullptr) << compiled.summary();
  if (!compiled.plan) return {};
  const State* state = tested_state(*compiled.plan, name);
  EXPECT_NE(state, nullptr);
  if (state == nullptr) return {};
  SeededRandom random(1);
  TestRun run(compiled.plan, *state, settings_of(document), random);
  TimePoint now = parse_iso8601("2026-01-01T00:00:00Z").value();
  auto stepped = run.step(Started{}, now);
  while (stepped && !run.answer()) {
    const auto timer = run.next_timer();
    EXPECT_TRUE(timer) << "nothing is waited for";
    if (!timer) return {};
    now = timer->due;
    stepped = run.step(TimerFired{timer->id}, now);
  }
  if (stepped) return answer_json(*run.answer());
  json::Object refused;
  refused.set("refused", stepped.error().message);
  return refused;
}

TEST(TestRunGolden, DocumentsAnswerAsTheyTell) {
  ASSERT_FALSE(documents().empty());
  for (const fs::path& path : documents()) {
    SCOPED_TRACE(path.filename().string());
    json::Value document = read(path);
    if (document.is_null()) continue;  // told already
    const json::Value answer = play(document);
    if (std::getenv("SUIRO_UPDATE_GOLDEN") != nullptr) {
      document.edit_object().set("expected", answer);
      std::ofstream(path) << json::write_pretty(document) << "\n";
      continue;
    }
    const json::Value* expected = document.find("expected");
    ASSERT_NE(expected, nullptr) << "write it with SUIRO_UPDATE_GOLDEN=1";
    EXPECT_EQ(json::write_pretty(*expected), json::write_pretty(answer));
  }
}

TEST(TestRun, ATaskWithoutAMockIsPerformedByTheCaller) {
  const Compiled compiled = compile(
      R"({"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Next":"N",
          "Parameters":{"QueueUrl":"u","MessageBody":"m"},"TimeoutSeconds":5})",
      {.single_state = true});
  ASSERT_NE(compiled.plan, nullptr) << compiled.summary();
  TestSettings settings;
  settings.info.input = std::make_shared<const std::string>("{}");
  SeededRandom random(1);
  const State& state = *tested_state(*compiled.plan, std::nullopt);
  TestRun run(compiled.plan, state, settings, random);
  ASSERT_TRUE(run.step(Started{}, TimePoint{}));
  const auto task = run.take_task();
  ASSERT_TRUE(task);
  EXPECT_EQ(task->arguments, R"({"QueueUrl":"u","MessageBody":"m"})");
  EXPECT_FALSE(run.take_task()) << "once";
  ASSERT_TRUE(run.next_timer());
  EXPECT_EQ(run.next_timer()->due, TimePoint(Millis(5000)));
  ASSERT_TRUE(run.step(EffectSucceeded{.effect = task->id, .output = "[1]"}, TimePoint{}));
  ASSERT_TRUE(run.answer());
  EXPECT_EQ(run.answer()->output, "[1]");
  EXPECT_EQ(run.answer()->next_state, "N");
  EXPECT_FALSE(run.next_timer());
}

TEST(TestRun, ATaskThatTakesTooLongTimesOut) {
  const Compiled compiled = compile(
      R"({"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","End":true,
          "TimeoutSeconds":5,"Catch":[{"ErrorEquals":["States.Timeout"],"Next":"Late"}]})",
      {.single_state = true});
  ASSERT_NE(compiled.plan, nullptr) << compiled.summary();
  TestSettings settings;
  settings.info.input = std::make_shared<const std::string>("{}");
  SeededRandom random(1);
  TestRun run(compiled.plan, *tested_state(*compiled.plan, std::nullopt), settings, random);
  ASSERT_TRUE(run.step(Started{}, TimePoint{}));
  const auto timer = run.next_timer();
  ASSERT_TRUE(timer);
  ASSERT_TRUE(run.step(TimerFired{timer->id}, timer->due));
  ASSERT_TRUE(run.answer());
  EXPECT_EQ(run.answer()->status, TestStatus::kCaughtError);
  EXPECT_EQ(run.answer()->next_state, "Late");
  EXPECT_EQ(run.answer()->error, "States.Timeout");
}

TEST(TestRun, OnlyMembersOfTheContextObjectAreTaken) {
  EXPECT_TRUE(parse_test_context(R"({"Execution":{"Id":"a"},"Map":{"Item":{"Index":0}}})"));
  EXPECT_TRUE(parse_test_context(R"({"Execution":{},"State":{},"StateMachine":{}})"));
  const std::pair<std::string_view, std::string_view> kRefused[] = {
      {R"({"Pokedex":{}})", "Invalid Context object provided: Field 'Pokedex' is not allowed"},
      {R"({"Execution":{"pokemon":"squirtle"}})",
       "Invalid Context object provided: Field 'pokemon' is not allowed"},
      {R"({"Map":{"Item":{"x":1}}})", "Invalid Context object provided: Field 'x' is not allowed"},
      {R"({"State":1})", "Invalid Context object provided: Field 'State' must be a JSON object"},
      {"[]", "Invalid Context object provided: the context must be a JSON object"},
      {"{", "Invalid Context object provided: it must be valid JSON"}};
  for (const auto& [text, message] : kRefused) {
    const auto parsed = parse_test_context(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message, message);
  }
}

TEST(TestRun, AStateIsFoundAtAnyDepth) {
  const Compiled compiled = compile(
      R"({"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"I",
          "States":{"I":{"Type":"Pass","End":true}}}}}})");
  ASSERT_NE(compiled.plan, nullptr) << compiled.summary();
  EXPECT_EQ(tested_state(*compiled.plan, "I")->name, "I");
  EXPECT_EQ(tested_state(*compiled.plan, "none"), nullptr);
}

}  // namespace
}  // namespace suiro::workflow
