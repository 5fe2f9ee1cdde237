// SPDX-License-Identifier: Apache-2.0
// Cells of executions: damaged ones are refused, and what is taken can go on.
// The input: cells, each a byte with the size of its key, the key, two bytes with the size of its
// value, the value.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/check.h"
#include "base/random.h"
#include "engine/workflow/execution.h"

namespace {

using namespace suiro;
using namespace suiro::workflow;

constexpr std::string_view kDefinition =
    R"({"StartAt":"P","States":{
      "P":{"Type":"Parallel","ResultPath":null,"Next":"M","Branches":[
        {"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":5,"End":true}}},
        {"StartAt":"T","States":{"T":{"Type":"Task","TimeoutSeconds":9,"HeartbeatSeconds":3,
          "Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","Next":"B",
          "Retry":[{"ErrorEquals":["E"]}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}]},
          "B":{"Type":"Pass","Assign":{"v":1},"End":true}}}]},
      "M":{"Type":"Map","Next":"D","ItemProcessor":{"StartAt":"N","States":{
        "N":{"Type":"Task","Resource":"arn:aws:states:us-east-1:000000000000:activity:a",
          "End":true}}}},
      "D":{"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED",
        "ExecutionType":"STANDARD"},"StartAt":"O","States":{"O":{"Type":"Succeed"}}}}}})";

std::vector<Cell> cells_of(ByteView input) {
  std::vector<Cell> cells;
  while (!input.empty()) {
    const size_t key_size = static_cast<uint8_t>(input[0]);
    input.remove_prefix(1);
    const ByteView key = input.substr(0, key_size);
    input.remove_prefix(key.size());
    if (input.size() < 2) break;
    const size_t value_size = read_be16(input);
    input.remove_prefix(2);
    const ByteView value = input.substr(0, value_size);
    input.remove_prefix(value.size());
    cells.push_back({Bytes(key), Bytes(value)});
  }
  return cells;
}

struct Sink : PayloadSink {
  void put(const PayloadHash&, const Payload&) override {}
};

// Whatever strands there are: they end, wait, or go on.
void play(Execution& execution) {
  constexpr int kStepsMax = 20;
  SeededRandom random(1);
  const Moment moment{.now = TimePoint(Millis(1'000'000)), .random = &random};
  Outcome outcome = execution.step(Continue{}, moment);
  for (uint64_t id = 0; id < kStepsMax; ++id) {
    if (execution.awaits(id)) {
      outcome = execution.step(EffectSucceeded{.effect = id, .output = "[1]"}, moment);
    }
    outcome = execution.step(TimerFired{id}, moment);
  }
  execution.step(Stopped{}, moment);
  execution.step(Redriven{}, moment);
  Sink sink;
  execution.take_changes(sink);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::shared_ptr<const Plan> plan = compile(kDefinition).plan;
  CHECK(plan != nullptr);
  const std::vector<Cell> cells = cells_of(ByteView(reinterpret_cast<const char*>(data), size));
  const auto wanted = Execution::payloads_of(cells);
  if (!wanted) return 0;
  Payloads payloads;
  for (const PayloadHash& hash : *wanted) {
    payloads[hash] = std::make_shared<const std::string>("[1,[2]]");
  }
  ExecutionInfo info;
  info.input = std::make_shared<const std::string>("[1]");
  auto loaded = Execution::load(plan, info, {}, cells, payloads);
  if (loaded) play(*loaded);
  return 0;
}
