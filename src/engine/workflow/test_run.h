// SPDX-License-Identifier: Apache-2.0
// TestRun: one state of a plan, run for itself on the code of live executions: TestState.
//
//   (plan, state, input, past) ──step()──► a task to perform, timers to wait for ──► TestAnswer
//                                  │
//                                  └─ what is mocked is answered within the step
//
// Invariants:
//  1. It does no I/O; time and dice come from outside.
//  2. The state is tried once: an error that a retrier takes ends the run.
//  3. A Parallel or Map runs only with a mock: no child ever runs.
//
// Threads: one at a time. Failure: what goes wrong in the state is in the answer; step() fails with
// ValidationException for settings that do not fit the state.
// Source: Step Functions Developer Guide, "Using TestState API to test a state"; recordings.
#pragma once

#include "base/random.h"
#include "engine/workflow/execution.h"
#include "engine/workflow/item_source.h"

namespace suiro::workflow {

// Exactly one of `result` and `error` is there.
struct TestMock {
  std::optional<std::string> result;  // JSON text
  std::optional<StateError> error;
};

struct TestSettings {
  ExecutionInfo info;                  // with the state's input
  std::optional<json::Value> context;  // an object; absent: a plausible one is made
  json::Object variables;
  uint64_t retries = 0;  // already made by the retrier that applies
  std::optional<TestMock> mock;
  std::optional<uint64_t> failed_items;  // iterations of a Map that failed
  std::optional<std::string> item_data;  // what a Map's ItemReader reads
};

enum class TestStatus : uint8_t { kSucceeded, kFailed, kRetriable, kCaughtError };

struct TestAnswer {
  TestStatus status = TestStatus::kSucceeded;
  std::optional<std::string> output;
  std::optional<std::string> error;
  std::optional<std::string> cause;
  std::optional<std::string> next_state;
  // What is told of the stages: members of inspectionData and their JSON texts.
  std::map<std::string, std::string, std::less<>> stages;
  // Of a Map: "maxConcurrency", "toleratedFailureCount", "toleratedFailurePercentage".
  std::map<std::string, double, std::less<>> numbers;
  std::optional<size_t> retrier;
  Millis retry_delay{0};
  std::optional<size_t> catcher;
};

// The state of this name, anywhere in the plan; without a name the only one of a plan of
// CompileOptions::single_state. Null: there is none.
const State* tested_state(const Plan& plan, const std::optional<std::string>& name);

// Errors: ValidationException: the text is no context object.
Result<json::Value> parse_test_context(std::string_view text);

// Whether the result of a Parallel or Map could be this one. Errors: ValidationException.
Result<void> check_mocked_children(const State& state, const json::Value& result);

class TestRun final : private Inspector {
 public:
  // `state` is one of the plan's. Borrows the dice.
  TestRun(std::shared_ptr<const Plan> plan, const State& state, TestSettings settings,
          Random& random);
  ~TestRun() override;
  TestRun(const TestRun&) = delete;
  TestRun& operator=(const TestRun&) = delete;

  // The first occurrence is Started.
  Result<void> step(Occurrence occurrence, TimePoint now);
  // Once the state has ended; there are no steps behind it.
  const std::optional<TestAnswer>& answer() const { return answer_; }
  // The task that nobody mocks, once.
  std::optional<TaskEffect> take_task() { return std::exchange(task_, std::nullopt); }
  // What fires next, if anything.
  std::optional<TimerRequest> next_timer() const;
  // The time is over: States.Timeout.
  void time_out();

 private:
  void saw(const State& state, std::string_view stage, const json::Value& value) override;
  void retries(const State& state, const StateError& error, size_t retrier, Millis delay) override;
  void caught(const State& state, const StateError& error, size_t catcher) override;

  void take(const Outcome& outcome);
  void finish(const Ending& ending);
  Result<std::optional<Occurrence>> answer_effect(const Effect& effect, TimePoint now);
  Occurrence mocked(uint64_t effect) const;
  // What a Map's mock says, with the thresholds.
  Result<Occurrence> answer_map(const MapRunEffect& effect, TimePoint now);
  // nullopt: the data of the reader is not known.
  Result<std::optional<std::vector<Item>>> items(const MapRunEffect& effect) const;
  // Selected and batched, for the inspection alone. Errors: those of the workflow.
  Result<void> show_items(const MapRunEffect& effect, const std::vector<Item>& items,
                          TimePoint now);
  bool exceeds_tolerated(const std::optional<std::vector<Item>>& items) const;
  void show(std::string stage, const json::Value& value);

  std::shared_ptr<const Plan> plan_;
  const State& state_;
  TestSettings settings_;
  Random& random_;
  Execution execution_;
  TestAnswer told_;  // so far
  std::optional<StateError> error_;
  std::optional<TaskEffect> task_;
  std::map<uint64_t, TimePoint> timers_;
  std::optional<TestAnswer> answer_;
};

}  // namespace suiro::workflow
