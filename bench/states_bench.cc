// SPDX-License-Identifier: Apache-2.0
// What durable executions cost, without HTTP, over a store on disk:
//
//   suiro-states-bench [--milliseconds M] [--runs N] [--clients C]
//
//   - chain, steps: C clients that start an execution and wait for its end, again and again: ten
//     Pass states in one commit; four states that are a commit each (tasks, answered at once).
//   - half load: executions of `steps` are started at a fixed pace, half of the transitions a
//     second that the same run reached. A step is late by what its commit's end is behind its
//     arrival: the start's is the time by the pace, that of another the end of the commit before.
//
// A transition is a state that was entered, or an execution's start. Medians of N runs, which take
// turns.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "kernel/event/testing.h"
#include "services/states/executions_durable.h"

namespace {

using namespace suiro;
using namespace suiro::states;
using SteadyClock = std::chrono::steady_clock;

constexpr int kChainStates = 10;
constexpr int kSteps = 4;
constexpr size_t kShards = 2;
// Of half load, where it cannot be held: the run ends.
constexpr size_t kInFlightMax = 50'000;
constexpr auto kDrainMax = std::chrono::seconds(60);

struct Options {
  int64_t milliseconds = 3000;
  size_t runs = 5;
  size_t clients = 256;
};

class EchoPerformer final : public Performer {
 public:
  Task<void> perform(TaskCall call, TaskReporter& reporter) override {
    static_cast<void>(co_await reporter.report(
        workflow::EffectSucceeded{call.effect.id, std::move(call.effect.arguments)}));
  }
  Task<Result<void>> cancel(TaskCall) override { co_return ok(); }
};

struct Workload {
  std::string name;
  MachineAtStart machine;
  uint64_t transitions = 0;  // of an execution
};

Workload make_workload(std::string name, int count, std::string_view state) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    const std::string next =
        i + 1 < count ? fmt::format(R"("Next":"S{}")", i + 1) : R"("End":true)";
    text += fmt::format(R"({}"S{}":{{{},{}}})", i == 0 ? "" : ",", i, state, next);
  }
  Workload made{.name = std::move(name), .transitions = static_cast<uint64_t>(count) + 1};
  made.machine.name = made.name;
  made.machine.machine_arn = "arn:aws:states:ap-northeast-1:000000000000:stateMachine:" + made.name;
  made.machine.role_arn = "arn:aws:iam::000000000000:role/r";
  made.machine.definition = fmt::format(R"({{"StartAt":"S0","States":{{{}}}}})", text);
  auto compiled = workflow::compile(made.machine.definition, {});
  CHECK(compiled.plan, compiled.summary());
  made.machine.plan = compiled.plan;
  return made;
}

// The runtime of executions over a store of its own.
class Runtime {
 public:
  Runtime() : executions_(real_.kernel(), {}, performer_, nullptr) {}
  void start() {
    CHECK(real_.run(executions_.open()).has_value());
    real_.start();
    CHECK(real_.run(executions_.resume()).has_value());
  }
  void stop() {
    real_.stop();
    real_.run(executions_.close());
  }
  event::RealKernel& real() { return real_; }
  DurableExecutions& executions() { return executions_; }

 private:
  event::RealKernel real_{kShards};
  EchoPerformer performer_;
  DurableExecutions executions_;
};

struct Figure {
  double per_second = 0;
  double p50_ms = 0;
  double p99_ms = 0;
};

Figure figure_of(std::vector<int64_t> micros, double per_second) {
  if (micros.empty()) return {};
  std::ranges::sort(micros);
  auto at = [&](double share) {
    const auto rank = static_cast<size_t>(share * static_cast<double>(micros.size() - 1));
    return static_cast<double>(micros[rank]) / 1000;
  };
  return {per_second, at(0.5), at(0.99)};
}

StartRequest request_of(const Workload& workload) {
  StartRequest request;
  request.machine = workload.machine;
  request.input = R"({"order":12345,"items":[1,2,3],"customer":"someone"})";
  return request;
}

// --- as fast as it goes

Task<void> client(Runtime& runtime, SteadyClock::time_point end, const Workload& workload,
                  std::vector<int64_t>& micros) {
  while (SteadyClock::now() < end) {
    const auto began = SteadyClock::now();
    auto started = co_await runtime.executions().start(request_of(workload));
    CHECK(started, started ? "" : started.error().message);
    auto done = co_await runtime.executions().ended(started->execution_arn);
    CHECK(done && done->status == workflow::ExecutionStatus::kSucceeded);
    micros.push_back(std::chrono::duration_cast<Micros>(SteadyClock::now() - began).count());
  }
}

Figure measure_closed(const Options& options, const Workload& workload) {
  Runtime runtime;
  runtime.start();
  const auto began = SteadyClock::now();
  const auto end = began + Millis(options.milliseconds);
  std::vector<std::vector<int64_t>> of_clients(options.clients);
  std::vector<std::future<void>> running;
  for (size_t i = 0; i < options.clients; ++i) {
    running.push_back(asio::co_spawn(runtime.real().shards().executor(i % kShards),
                                     client(runtime, end, workload, of_clients[i]),
                                     asio::use_future));
  }
  for (auto& each : running) each.get();
  const std::chrono::duration<double> seconds = SteadyClock::now() - began;
  runtime.stop();
  std::vector<int64_t> micros;
  for (auto& each : of_clients) micros.insert(micros.end(), each.begin(), each.end());
  const auto transitions = static_cast<double>(micros.size() * workload.transitions);
  return figure_of(std::move(micros), transitions / seconds.count());
}

// --- at a fixed pace

// Hears of each durable step by the header among an execution's cells, which every step writes.
// Threads: arrives() any, the observer the committer's.
class StepWatch {
 public:
  // Before the first commit.
  void watch(store::Store& store) {
    store.observe_puts(store::Key("w\1c", 3), [this](std::vector<store::AppendedRecord> records) {
      const auto now = SteadyClock::now();
      std::lock_guard lock(mutex_);
      for (const auto& record : records) durable(record.key, now);
    });
  }
  void arrives(const std::string& execution_arn, SteadyClock::time_point when) {
    std::lock_guard lock(mutex_);
    waiting_[arn_hash(execution_arn)] = {.since = when, .left = kSteps + 1};
  }
  size_t in_flight() {
    std::lock_guard lock(mutex_);
    return waiting_.size();
  }
  std::vector<int64_t> take() {
    std::lock_guard lock(mutex_);
    return std::move(micros_);
  }

 private:
  struct Waiting {
    SteadyClock::time_point since;
    int left = 0;
  };

  void durable(const store::Key& key, SteadyClock::time_point now) {
    const size_t prefix = cell_prefix({}).size();
    if (key.size() != prefix + 1 || key.back() != 'h') return;
    ArnHash execution = arn_hash_of_bytes(
        ByteView(key).substr(prefix - sizeof(ArnHash::bytes), sizeof(ArnHash::bytes)));
    auto found = waiting_.find(execution);
    if (found == waiting_.end()) return;
    auto& [since, left] = found->second;
    micros_.push_back(std::chrono::duration_cast<Micros>(now - since).count());
    since = now;
    if (--left == 0) waiting_.erase(found);
  }

  std::mutex mutex_;
  std::unordered_map<ArnHash, Waiting, ArnHasher> waiting_;
  std::vector<int64_t> micros_;
};

Task<void> start_one(Runtime& runtime, const Workload& workload, std::string name) {
  StartRequest request = request_of(workload);
  request.name = std::move(name);
  auto started = co_await runtime.executions().start(std::move(request));
  CHECK(started, started ? "" : started.error().message);
}

// Of steps. Nothing where the pace could not be held.
Figure measure_paced(const Options& options, const Workload& workload, double per_second) {
  StepWatch watch;
  Runtime runtime;
  watch.watch(runtime.real().store());
  runtime.start();
  const std::chrono::duration<double> interval(static_cast<double>(workload.transitions) /
                                               per_second);
  const auto began = SteadyClock::now();
  const auto end = began + Millis(options.milliseconds);
  std::vector<std::future<void>> running;
  for (size_t i = 0; watch.in_flight() < kInFlightMax; ++i) {
    const auto due = began + std::chrono::duration_cast<SteadyClock::duration>(
                                 interval * static_cast<double>(i));
    if (due >= end) break;
    std::this_thread::sleep_until(due);
    std::string name = fmt::format("e{}", i);
    watch.arrives(execution_arn_of(workload.machine, name, runtime.real().kernel().random), due);
    running.push_back(asio::co_spawn(runtime.real().shards().executor(i % kShards),
                                     start_one(runtime, workload, std::move(name)),
                                     asio::use_future));
  }
  for (auto& each : running) each.get();
  while (watch.in_flight() > 0 && SteadyClock::now() < end + kDrainMax) {
    std::this_thread::sleep_for(Millis(1));
  }
  const std::chrono::duration<double> seconds = SteadyClock::now() - began;
  const bool held = watch.in_flight() == 0;
  runtime.stop();
  if (!held) return {};
  std::vector<int64_t> micros = watch.take();
  CHECK(micros.size() == running.size() * workload.transitions);
  const auto steps = static_cast<double>(micros.size());
  return figure_of(std::move(micros), steps / seconds.count());
}

// --- what is shown

Figure median_of(const std::vector<Figure>& runs) {
  auto median = [&](double Figure::* member) {
    std::vector<double> all;
    for (const Figure& run : runs) all.push_back(run.*member);
    std::ranges::sort(all);
    return all[all.size() / 2];
  };
  return {median(&Figure::per_second), median(&Figure::p50_ms), median(&Figure::p99_ms)};
}

void run_all(const Options& options) {
  const Workload chain = make_workload("chain", kChainStates, R"("Type":"Pass")");
  const Workload steps =
      make_workload("steps", kSteps,
                    R"("Type":"Task","Resource":"arn:aws:states:::aws-sdk:sts:getCallerIdentity",)"
                    R"("Parameters":{"a":1},"ResultPath":null)");
  std::map<std::string, std::vector<Figure>> figures;
  for (size_t run = 0; run < options.runs; ++run) {
    figures["chain"].push_back(measure_closed(options, chain));
    figures["steps"].push_back(measure_closed(options, steps));
    figures["half load"].push_back(
        measure_paced(options, steps, figures["steps"].back().per_second / 2));
    fmt::print(stderr, ".");
  }
  fmt::print(stderr, "\n");
  fmt::print("{:10} {:>14} {:>9} {:>9}\n", "", "transitions/s", "p50 ms", "p99 ms");
  for (const auto& [name, runs] : figures) {
    const Figure figure = median_of(runs);
    fmt::print("{:10} {:14.0f} {:9.3f} {:9.3f}\n", name, figure.per_second, figure.p50_ms,
               figure.p99_ms);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Durable executions in process, over a store on disk.", "suiro-states-bench");
  Options options;
  app.add_option("--milliseconds", options.milliseconds, "Of each load")
      ->check(CLI::PositiveNumber);
  app.add_option("--runs", options.runs)->check(CLI::PositiveNumber);
  app.add_option("--clients", options.clients)->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  run_all(options);
}
