// SPDX-License-Identifier: Apache-2.0
// Workflow documents of tests/golden/workflow/executions: definition, input, what the tasks answer,
// and the history and end that follow. SUIRO_UPDATE_GOLDEN=1 writes what came; look at the diff.
// SUIRO_WORKFLOW_DOCUMENTS names another folder.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/workflow/drive.h"
#include "engine/workflow/history_json.h"

namespace suiro::workflow {
namespace {

namespace fs = std::filesystem;

fs::path folder() {
  const char* given = std::getenv("SUIRO_WORKFLOW_DOCUMENTS");
  if (given != nullptr) return given;
  return fs::path(SUIRO_SOURCE_DIR) / "tests/golden/workflow/executions";
}

std::vector<fs::path> documents() {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder())) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

std::string read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::optional<std::string> text_of(const json::Value& object, std::string_view name) {
  const json::Value* found = object.find(name);
  if (found == nullptr || found->is_null()) return std::nullopt;
  return found->is_string() ? found->as_string() : json::write(*found);
}

Millis millis_of(const json::Value& object, std::string_view name) {
  const json::Value* found = object.find(name);
  return Millis(found == nullptr ? 0 : found->as_integer());
}

MockAnswer answer_of(const json::Value& mock) {
  MockAnswer answer;
  answer.started_after = millis_of(mock, "started_after");
  answer.worker_name = text_of(mock, "worker").value_or("");
  answer.map_run_arn = text_of(mock, "map_run").value_or("arn:map-run");
  answer.answered_after = millis_of(mock, "after");
  if (const json::Value* submitted = mock.find("submitted")) {
    answer.submitted = json::write(*submitted);
  }
  if (const json::Value* beats = mock.find("heartbeats")) {
    for (const json::Value& beat : beats->as_array()) {
      answer.heartbeats_after.emplace_back(beat.as_integer());
    }
  }
  if (const json::Value* output = mock.find("output")) answer.output = json::write(*output);
  if (const auto text = text_of(mock, "text")) answer.output = *text;
  if (mock.find("error") != nullptr || mock.find("cause") != nullptr) {
    EffectFailed failure{.error = text_of(mock, "error"), .cause = text_of(mock, "cause")};
    const std::string stage = text_of(mock, "stage").value_or("run");
    failure.stage = stage == "schedule" ? FailureStage::kSchedule
                    : stage == "start"  ? FailureStage::kStart
                    : stage == "submit" ? FailureStage::kSubmit
                                        : FailureStage::kRun;
    answer.failure = failure;
  }
  return answer;
}

// The nth effect of a state gets its nth answer; the last one repeats.
Mock mock_of(const json::Value& document) {
  auto counts = std::make_shared<std::map<std::string, size_t>>();
  const json::Value* found = document.find("mocks");
  const json::Value mocks = found == nullptr ? json::Value(json::Object()) : *found;
  return [counts, mocks](const Effect& effect) {
    const std::string state = std::visit([](const auto& each) { return each.state; }, effect);
    const json::Value* answers = mocks.find(state);
    if (answers == nullptr || answers->as_array().empty()) return MockAnswer{};
    const size_t nth = std::min((*counts)[state]++, answers->as_array().size() - 1);
    return answer_of(answers->as_array()[nth]);
  };
}

ExecutionInfo info_of(const json::Value& document) {
  ExecutionInfo info{.execution_arn = "arn:aws:states:us-east-1:000000000000:execution:machine:run",
                     .execution_name = "run",
                     .machine_arn = "arn:aws:states:us-east-1:000000000000:stateMachine:machine",
                     .machine_name = "machine",
                     .role_arn = "arn:aws:iam::000000000000:role/role",
                     .region = "us-east-1"};
  info.input = std::make_shared<const std::string>(json::write(*document.find("input")));
  return info;
}

json::Value ending_json(const Ending& ending) {
  static constexpr std::array kNames = {"RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"};
  json::Object object;
  object.set("status", kNames[static_cast<size_t>(ending.status)]);
  if (ending.output) object.set("output", json::parse(**ending.output).value());
  if (ending.error) object.set("error", *ending.error);
  if (ending.cause) object.set("cause", *ending.cause);
  return object;
}

// Times become milliseconds from the start.
json::Value told(const HistoryEvent& event, TimePoint start) {
  json::Value object = history_json(event);
  object.edit_object().set("timestamp", static_cast<int64_t>((event.time - start).count()));
  return object;
}

json::Value play(const json::Value& document) {
  const Compiled compiled = compile(json::write(*document.find("definition")));
  EXPECT_NE(compiled.plan, nullptr) << compiled.summary();
  if (!compiled.plan) return {};
  ExecutionLimits limits;
  if (document.find("events_max") != nullptr) {
    limits.events_max = static_cast<uint64_t>(document.find("events_max")->as_integer());
  }
  if (document.find("payload_bytes_max") != nullptr) {
    limits.payload_bytes_max =
        static_cast<size_t>(document.find("payload_bytes_max")->as_integer());
  }
  const TimePoint start = parse_iso8601("2026-01-01T00:00:00Z").value();
  ExecutionInfo info = info_of(document);
  info.start = start;
  Drive drive(Execution(compiled.plan, info, limits),
              {.start = start,
               .mock = mock_of(document),
               .activity_exists = [](std::string_view arn) { return !arn.ends_with(":none"); }});
  if (document.find("stop") != nullptr) {
    const json::Value& stop = *document.find("stop");
    drive.plan(start + millis_of(stop, "after"),
               Stopped{.error = text_of(stop, "error"), .cause = text_of(stop, "cause")});
  }
  if (document.find("redrive") != nullptr) {
    drive.plan(start + millis_of(*document.find("redrive"), "after"), Redriven{});
  }
  EXPECT_TRUE(drive.run());
  json::Array events;
  for (const HistoryEvent& event : drive.history()) events.push_back(told(event, start));
  json::Object result;
  result.set("ending", drive.ending() ? ending_json(*drive.ending()) : json::Value());
  result.set("history", std::move(events));
  return result;
}

// One line an event.
std::string laid_out(const json::Value& document) {
  std::string text = "{\n";
  for (const auto& [name, value] : document.as_object()) {
    if (name == "expected") continue;
    text += fmt::format("  {}: {},\n", json::write(json::Value(name)),
                        name == "definition" ? json::write_pretty(value) : json::write(value));
  }
  const json::Value& expected = *document.find("expected");
  text += fmt::format("  \"expected\": {{\n    \"ending\": {},\n    \"history\": [\n",
                      json::write(*expected.find("ending")));
  const json::Array& events = expected.find("history")->as_array();
  for (const json::Value& event : events) {
    text += fmt::format("      {}{}\n", json::write(event), &event == &events.back() ? "" : ",");
  }
  return text + "    ]\n  }\n}\n";
}

TEST(ExecutionGolden, DocumentsPlayAsTheyTell) {
  ASSERT_FALSE(documents().empty());
  for (const fs::path& path : documents()) {
    SCOPED_TRACE(path.filename().string());
    auto parsed = json::parse(read(path));
    ASSERT_TRUE(parsed) << parsed.error().message;
    const json::Value result = play(*parsed);
    if (result.is_null()) continue;  // told already
    if (std::getenv("SUIRO_UPDATE_GOLDEN") != nullptr) {
      parsed->edit_object().set("expected", result);
      std::ofstream(path) << laid_out(*parsed);
      continue;
    }
    const json::Value* expected = parsed->find("expected");
    ASSERT_NE(expected, nullptr) << "write it with SUIRO_UPDATE_GOLDEN=1";
    EXPECT_EQ(json::write(*expected->find("ending")), json::write(*result.find("ending")));
    const json::Array& wanted = expected->find("history")->as_array();
    const json::Array& came = result.find("history")->as_array();
    for (size_t index = 0; index < std::min(wanted.size(), came.size()); ++index) {
      EXPECT_EQ(json::write(wanted[index]), json::write(came[index]));
    }
    EXPECT_EQ(wanted.size(), came.size());
  }
}

}  // namespace
}  // namespace suiro::workflow
