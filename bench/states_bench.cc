// SPDX-License-Identifier: Apache-2.0
// What durable executions cost: suiro-states-bench [SECONDS]. Closed loops of clients start chains
// of states over a store on disk and wait for their ends; each transition is an entered state.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "kernel/event/testing.h"
#include "services/states/executions_durable.h"

namespace {

using namespace suiro;
using namespace suiro::states;

constexpr int kChain = 5;  // states of an execution; the last one is a task

class EchoPerformer final : public Performer {
 public:
  Task<void> perform(TaskCall call, TaskReporter& reporter) override {
    static_cast<void>(co_await reporter.report(
        workflow::EffectSucceeded{call.effect.id, std::move(call.effect.arguments)}));
  }
  Task<Result<void>> cancel(TaskCall) override { co_return ok(); }
};

MachineAtStart make_machine() {
  std::string text;
  for (int i = 0; i + 1 < kChain; ++i) {
    text += fmt::format(R"("S{}":{{"Type":"Pass","Next":"S{}"}},)", i, i + 1);
  }
  MachineAtStart machine;
  machine.machine_arn = "arn:aws:states:ap-northeast-1:000000000000:stateMachine:m";
  machine.name = "m";
  machine.role_arn = "arn:aws:iam::000000000000:role/r";
  machine.definition =
      fmt::format(R"({{"StartAt":"S0","States":{{{}"S{}":{{"Type":"Task","Parameters":{{"a":1}},)"
                  R"("Resource":"arn:aws:states:::aws-sdk:sqs:sendMessage","End":true}}}}}})",
                  text, kChain - 1);
  auto compiled = workflow::compile(machine.definition, {});
  CHECK(compiled.plan, compiled.summary());
  machine.plan = compiled.plan;
  return machine;
}

struct Totals {
  uint64_t executions = 0;
  std::vector<int64_t> micros;
};

Task<void> client(DurableExecutions& executions, event::Kernel& kernel, TimePoint end,
                  const MachineAtStart& machine, Totals& totals) {
  while (kernel.clock.now() < end) {
    Micros began = kernel.clock.steady();
    StartRequest request;
    request.machine = machine;
    request.input = R"({"order":12345,"items":[1,2,3],"customer":"someone"})";
    auto started = co_await executions.start(std::move(request));
    CHECK(started, started ? "" : started.error().message);
    auto done = co_await executions.ended(started->execution_arn);
    CHECK(done && done->status == workflow::ExecutionStatus::kSucceeded);
    totals.micros.push_back((kernel.clock.steady() - began).count());
    ++totals.executions;
  }
}

void measure(size_t clients, int seconds) {
  event::RealKernel real(2);
  EchoPerformer performer;
  DurableExecutions executions(real.kernel(), {}, performer, nullptr);
  CHECK(real.run(executions.open()).has_value());
  real.start();
  CHECK(real.run(executions.resume()).has_value());
  MachineAtStart machine = make_machine();
  TimePoint end = real.kernel().clock.now() + std::chrono::seconds(seconds);
  std::vector<Totals> totals(clients);
  std::vector<std::future<void>> running;
  for (size_t i = 0; i < clients; ++i) {
    running.push_back(asio::co_spawn(real.shards().executor(i % 2),
                                     client(executions, real.kernel(), end, machine, totals[i]),
                                     asio::use_future));
  }
  for (auto& each : running) each.get();
  uint64_t count = 0;
  std::vector<int64_t> micros;
  for (auto& each : totals) {
    count += each.executions;
    micros.insert(micros.end(), each.micros.begin(), each.micros.end());
  }
  std::ranges::sort(micros);
  auto at = [&](double share) {
    return micros.empty()
               ? 0
               : micros[static_cast<size_t>(share * static_cast<double>(micros.size() - 1))];
  };
  // A start and a result: two steps, of which each is a commit.
  fmt::print(
      "{:5} clients  {:8} executions/s  {:8} transitions/s  p50 {:6} us  p99 {:6} us a chain\n",
      clients, count / static_cast<uint64_t>(seconds),
      count * kChain / static_cast<uint64_t>(seconds), at(0.5), at(0.99));
  real.stop();
  real.run(executions.close());
}

}  // namespace

int main(int argc, char** argv) {
  int seconds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  for (size_t clients : {1, 16, 256, 1024}) measure(clients, seconds);
}
