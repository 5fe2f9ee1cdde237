// SPDX-License-Identifier: Apache-2.0
// The cells of an execution as they lie on disk (docs/formats/states.md): those that
// tests/golden/states-v1/cells.txt holds must be written today, too, and an execution must go on
// from them. SUIRO_UPDATE_GOLDEN=1 writes the file where it is missing.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "engine/workflow/drive.h"

namespace suiro::workflow {
namespace {

constexpr const char* kPath = SUIRO_SOURCE_DIR "/tests/golden/states-v1/cells.txt";
constexpr TimePoint kStart{Millis(1'790'000'000'000)};

// Branches, iterations of which some are done and some wait for a task, a retry or a timer,
// variables, a long text, a run of a distributed Map: each phase but the failed ones.
constexpr std::string_view kDefinition = R"({"QueryLanguage": "JSONata", "TimeoutSeconds": 5000,
  "StartAt": "First", "States": {
  "First": {"Type": "Pass", "Assign": {"short": 1, "long": "{% $pad('', 300, '-') %}"},
    "Next": "Both"},
  "Both": {"Type": "Parallel", "End": true, "Branches": [
    {"StartAt": "Each", "States": {"Each": {"Type": "Map", "End": true, "MaxConcurrency": 4,
      "Items": "{% [1, 2, 3, 4, 5, 6] %}", "ItemSelector": {"n":
        "{% $states.context.Map.Item.Value %}"},
      "ItemProcessor": {"StartAt": "Work", "States": {"Work": {"Type": "Task", "End": true,
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "TimeoutSeconds": 900, "HeartbeatSeconds": 300,
        "Assign": {"mine": "{% $states.input.n %}"},
        "Arguments": {"QueueUrl": "q", "MessageBody": "{% $string($states.input.n) %}"},
        "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 500}]}}}}}},
    {"StartAt": "Far", "States": {"Far": {"Type": "Map", "Items": "{% [1, 2] %}", "End": true,
      "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": true}}}}}},
    {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 200, "End": true}}},
    {"StartAt": "Quick", "States": {"Quick": {"Type": "Pass", "Output": "{% $long %}",
      "End": true}}}]}}})";

// In the order in which they are asked: 1 is done, 2 waits, 3 failed and is tried again later.
MockAnswer answer(const Effect& effect) {
  MockAnswer out;
  out.answered_after = std::chrono::seconds(150);
  out.output = "\"done\"";
  const auto* task = std::get_if<TaskEffect>(&effect);
  if (task == nullptr) {
    out.map_run_arn = "arn:aws:states:us-east-1:000000000000:mapRun:m/Far:1";
    return out;
  }
  out.submitted = R"({"MessageId":"m"})";
  if (task->arguments.find("\"1\"") != std::string::npos) out.answered_after = Millis(10'000);
  if (task->arguments.find("\"3\"") != std::string::npos && task->id < 20) {
    out.output.reset();
    out.failure = EffectFailed{.error = "Busy", .cause = "c"};
    out.answered_after = Millis(20'000);
  }
  return out;
}

std::shared_ptr<const Plan> plan() {
  auto compiled = compile(kDefinition);
  EXPECT_TRUE(compiled.plan) << compiled.summary();
  return compiled.plan;
}

ExecutionInfo info() {
  ExecutionInfo out;
  out.execution_arn = "arn:aws:states:us-east-1:000000000000:execution:m:e";
  out.execution_name = "e";
  out.machine_arn = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
  out.machine_name = "m";
  out.region = "us-east-1";
  out.start = kStart;
  out.input = std::make_shared<const std::string>(R"({"a":1})");
  return out;
}

Drive drive() {
  return Drive(Execution(plan(), info(), {}), {.start = kStart, .seed = 7, .mock = answer});
}

void run_until(Drive& drive, Millis time) {
  while (!drive.planned().empty() && drive.planned().begin()->first <= kStart + time) {
    drive.advance();
  }
}

struct Kept : PayloadSink {
  void put(const PayloadHash& hash, const Payload& text) override { payloads[hash] = text; }
  Payloads payloads;
  std::map<Bytes, Bytes> cells;
};

Kept kept(Execution& execution) {
  Kept out;
  for (CellChange& change : execution.take_changes(out)) {
    if (change.value) out.cells[change.key] = *change.value;
  }
  return out;
}

// "cell KEY VALUE" and "payload TEXT" a line; the hash of a payload is its own.
std::string document_of(const Kept& all) {
  std::string out;
  for (const auto& [key, value] : all.cells) {
    out += fmt::format("cell {} {}\n", hex_encode(key), hex_encode(value));
  }
  for (const auto& [hash, text] : all.payloads) {
    ByteView raw(reinterpret_cast<const char*>(hash.data()), hash.size());
    out += fmt::format("payload {} {}\n", hex_encode(raw), *text);
  }
  return out;
}

Kept read_file() {
  Kept out;
  std::ifstream in(kPath);
  std::string kind;
  std::string first;
  std::string second;
  while (in >> kind) {
    if (kind.starts_with('#')) {
      std::getline(in, kind);
      continue;
    }
    in >> first >> second;
    if (kind == "cell") {
      out.cells[*hex_decode(first)] = *hex_decode(second);
    } else {
      out.payloads[payload_hash(second)] = std::make_shared<const std::string>(second);
    }
  }
  return out;
}

TEST(CellsGolden, AreWrittenAsTheyWere) {
  Drive running = drive();
  run_until(running, Millis(100'000));
  ASSERT_EQ(running.execution().status(), ExecutionStatus::kRunning);
  std::string now = document_of(kept(running.execution()));
  if (!std::filesystem::exists(kPath) && std::getenv("SUIRO_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(kPath) << "# Cells of an execution, in hex; docs/formats/states.md tells what is "
                            "in them.\n"
                         << now;
  }
  EXPECT_EQ(document_of(read_file()), now) << "docs/formats/states.md would be untrue";
}

TEST(CellsGolden, AnExecutionGoesOnFromThem) {
  Drive whole = drive();
  ASSERT_TRUE(whole.run());
  ASSERT_TRUE(whole.ending());
  ASSERT_EQ(whole.ending()->status, ExecutionStatus::kSucceeded) << *whole.ending()->cause;

  Drive restarted = drive();
  run_until(restarted, Millis(100'000));
  Kept stored = read_file();
  std::vector<Cell> cells;
  for (const auto& [key, value] : stored.cells) cells.push_back({key, value});
  auto needed = Execution::payloads_of(cells);
  ASSERT_TRUE(needed);
  EXPECT_FALSE(needed->empty());
  auto loaded = Execution::load(plan(), info(), {}, cells, stored.payloads);
  ASSERT_TRUE(loaded) << loaded.error().message;
  restarted.replace(std::move(*loaded));
  ASSERT_TRUE(restarted.run());
  ASSERT_TRUE(restarted.ending());
  EXPECT_EQ(**restarted.ending()->output, **whole.ending()->output);
  EXPECT_EQ(restarted.history().size(), whole.history().size());
}

}  // namespace
}  // namespace suiro::workflow
