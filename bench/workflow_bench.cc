// SPDX-License-Identifier: Apache-2.0
// What the pure engine of workflows costs a transition: suiro-workflow-bench [SECONDS]. Cells are
// taken behind each step, as a durable driver does.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "base/check.h"
#include "engine/workflow/drive.h"

namespace {

using namespace suiro;
using namespace suiro::workflow;

struct NoSink : PayloadSink {
  void put(const PayloadHash&, const Payload&) override { ++puts; }
  size_t puts = 0;
};

std::string chain(int states, std::string_view body) {
  std::string text;
  for (int index = 0; index < states; ++index) {
    const std::string next = index + 1 < states ? fmt::format(R"("Next":"S{}")", index + 1)
                                                : std::string(R"("End":true)");
    text += fmt::format(R"({}"S{}":{{{},{}}})", index > 0 ? "," : "", index, body, next);
  }
  return fmt::format(R"({{"StartAt":"S0","States":{{{}}}}})", text);
}

struct Case {
  std::string name;
  std::string definition;
  std::string input;
  int transitions = 0;
};

struct Totals {
  uint64_t transitions = 0;
  uint64_t steps = 0;
  size_t cell_bytes = 0;
};

void run_once(const Case& each, const std::shared_ptr<const Plan>& plan, Totals& totals) {
  ExecutionInfo info;
  info.input = std::make_shared<const std::string>(each.input);
  NoSink sink;
  Drive drive(Execution(plan, info, {}),
              {.mock = [](const Effect&) { return MockAnswer{.output = R"({"ok":true})"}; },
               .stepped =
                   [&](Drive& running, const Outcome&) {
                     for (const CellChange& change : running.execution().take_changes(sink)) {
                       totals.cell_bytes +=
                           change.key.size() + (change.value ? change.value->size() : 0);
                     }
                   }});
  CHECK(drive.run().has_value());
  CHECK(drive.execution().status() == ExecutionStatus::kSucceeded);
  totals.steps += drive.steps();
  totals.transitions += static_cast<uint64_t>(each.transitions);
}

void measure(const Case& each, double seconds) {
  const Compiled compiled = compile(each.definition);
  CHECK(compiled.plan != nullptr);
  Totals totals;
  const auto start = std::chrono::steady_clock::now();
  double spent = 0;
  while (spent < seconds) {
    run_once(each, compiled.plan, totals);
    spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  const auto transitions = static_cast<double>(totals.transitions);
  fmt::print("{:34} {:8.0f} transitions/s  {:6.2f} us each  {:5.2f} steps  {:6.0f} cell bytes\n",
             each.name, transitions / spent, spent * 1e6 / transitions,
             static_cast<double>(totals.steps) / transitions,
             static_cast<double>(totals.cell_bytes) / transitions);
}

}  // namespace

int main(int count, char** arguments) {
  const double seconds = count > 1 ? std::strtod(arguments[1], nullptr) : 1;
  const std::string small = R"({"order":17,"items":[1,2,3]})";
  const std::string large = fmt::format(R"({{"order":17,"pad":"{}"}})", std::string(4000, 'x'));
  std::string items = "[0";
  for (int index = 1; index < 1000; ++index) items += fmt::format(",{}", index);
  items += "]";
  const std::string task = R"("Type":"Task","ResultPath":"$.r",)"
                           R"("Resource":"arn:aws:lambda:us-east-1:000000000000:function:f")";
  const Case cases[] = {
      {"Pass, small input", chain(20, R"("Type":"Pass")"), small, 20},
      {"Pass, 4 kB unchanged", chain(20, R"("Type":"Pass")"), large, 20},
      {"Pass with Parameters", chain(20, R"("Type":"Pass","Parameters":{"order.$":"$.order"})"),
       small, 20},
      {"Pass with ResultPath, 4 kB", chain(20, R"("Type":"Pass","Result":1,"ResultPath":"$.r")"),
       large, 20},
      {"Pass with Assign", chain(20, R"("Type":"Pass","Assign":{"x.$":"$.order"})"), small, 20},
      {"JSONata Pass",
       chain(20, R"("Type":"Pass","QueryLanguage":"JSONata",)"
                 R"("Output":{"order":"{% $states.input.order + 1 %}"})"),
       small, 20},
      {"Task", chain(20, task), small, 20},
      {"Map of 1,000 items",
       R"({"StartAt":"M","States":{"M":{"Type":"Map","End":true,)"
       R"("ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass",)"
       R"("End":true}}}}}})",
       items, 1000},
  };
  for (const Case& each : cases) measure(each, seconds);
}
