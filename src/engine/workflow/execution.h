// SPDX-License-Identifier: Apache-2.0
// Execution: a running state machine as a pure step function.
//
//   (plan, state, occurrence, time, dice) ──step()──► (history, effects, timers, state)
//
// It does no I/O: live runs, TestState, rehearsals and simulations use the same code. Who drives it
// commits what a step gave in one batch, and only then performs the effects.
//
// Invariants:
//  1. Equal arguments give equal outcomes: dice and time come from the Moment alone.
//  2. Between steps the state is exactly its cells: load(cells) of what take_changes() told in all
//     steps goes on as if nothing had happened.
//  3. An effect has an id that is unique in its execution and never used again; an occurrence for
//     an effect or a timer that is not waited for (late, twice) changes nothing.
//  4. The ids of history events grow by one, over all steps.
//  5. A step begins no transition after kStepEventsMax events, step_bytes_max bytes of events and
//     effects, or step_work_max of computing; Outcome::more says that step(Continue) goes on. What
//     one step gives is thus no larger than step_bytes_max and what one transition gives.
//  6. No value larger than payload_bytes_max or nested beyond json::kDepthMax gets into the state.
//
// Threads: one at a time. Failure: a step does not fail; what goes wrong in a workflow is its
// outcome. Bytes of cells: docs/formats/states.md.
#pragma once

#include <map>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "engine/workflow/data.h"
#include "engine/workflow/history.h"
#include "engine/workflow/plan.h"
#include "engine/workflow/resource.h"

namespace suiro::workflow {

inline constexpr size_t kStepEventsMax = 1'000;

// What TestState tells of the past. Not in cells: such an execution is never loaded.
struct Presets {
  std::optional<json::Value> context;  // an object, in place of the context object
  json::Object variables;
  uint64_t retries = 0;  // that the retriers of the first state made, each
  // The state under test, anywhere in the plan. The execution begins there and ends where the state
  // is left; in place of children a Parallel or Map asks for one MapRunEffect. Null: the whole
  // plan runs.
  const State* state = nullptr;
};

// What is the same throughout an execution.
struct ExecutionInfo {
  std::string execution_arn;
  std::string execution_name;
  std::string machine_arn;
  std::string machine_name;
  std::string machine_alias_arn;
  std::string machine_version_arn;
  std::string role_arn;
  std::string region;
  MachineType type = MachineType::kStandard;
  TimePoint start;
  Payload input;
  // Of a distributed Map's child: which run it belongs to.
  std::string map_run_arn;
  std::shared_ptr<const Presets> presets;  // null but for TestState
};

struct ExecutionLimits {
  uint64_t events_max = 25'000;        // of a Standard execution; then it fails
  size_t payload_bytes_max = 262'144;  // of an input, output, result
  size_t inline_concurrency_max = 40;  // iterations of an inline Map at once
  size_t variables_bytes_max = 10 << 20;
  size_t step_bytes_max = 8 << 20;       // of a step's events and effects
  uint64_t step_work_max = 1'000'000;    // of a step: steps of JSONata, values that paths visit
  uint64_t state_work_max = 10'000'000;  // of one state, or one result; JSONata fails beyond
};

// --- what happens to an execution
// -----------------------------------------------------------------

struct Started {};
struct Continue {};  // after Outcome::more
struct TimerFired {
  uint64_t timer = 0;
};
// The work began: TaskStarted, LambdaFunctionStarted, ActivityStarted (with its worker's name). May
// be left out but for activities: what happens next to the effect then tells it, too.
struct EffectStarted {
  uint64_t effect = 0;
  std::string worker_name;
};
// The first answer of .sync and .waitForTaskToken: TaskSubmitted.
struct EffectSubmitted {
  uint64_t effect = 0;
  std::string output;
};
// `output`: JSON text. What is no JSON fails the task with States.Runtime, as too much does with
// States.DataLimitExceeded.
struct EffectSucceeded {
  uint64_t effect = 0;
  std::string output;
};
enum class FailureStage : uint8_t {
  kRun,       // TaskFailed, LambdaFunctionFailed, ActivityFailed
  kSchedule,  // LambdaFunctionScheduleFailed, ActivityScheduleFailed
  kStart,     // TaskStartFailed, LambdaFunctionStartFailed
  kSubmit,    // TaskSubmitFailed
};
struct EffectFailed {
  uint64_t effect = 0;
  std::optional<std::string> error;
  std::optional<std::string> cause;
  FailureStage stage = FailureStage::kRun;
};
struct Heartbeat {
  uint64_t effect = 0;
};
struct MapRunBegan {
  uint64_t effect = 0;
  std::string map_run_arn;
};
struct Stopped {
  std::optional<std::string> error;
  std::optional<std::string> cause;
};
// It cannot go on, whatever is tried: it fails.
struct GivenUp {
  std::string error;
  std::string cause;
};
struct Redriven {};  // of an execution that failed, timed out or was stopped

using Occurrence =
    std::variant<Started, Continue, TimerFired, EffectStarted, EffectSubmitted, EffectSucceeded,
                 EffectFailed, Heartbeat, MapRunBegan, Stopped, GivenUp, Redriven>;

// --- what a step asks for
// -------------------------------------------------------------------------

// Work of a Task state: one attempt.
struct TaskEffect {
  uint64_t id = 0;
  std::string state;
  Resource resource;
  std::string arguments;  // JSON text
  std::string token;      // what $$.Task.Token was; empty where the pattern needs none
  std::string credentials_role_arn;
  std::optional<int64_t> timeout_seconds;
  std::optional<int64_t> heartbeat_seconds;
};

// The run of a distributed Map: its own children. EffectSucceeded carries the Map's result, the
// errors are States.ExceedToleratedFailureThreshold, States.ItemReaderFailed, ...
struct MapRunEffect {
  uint64_t id = 0;
  std::string state;
  // After a redrive: the run that goes on (MapRunRedriven instead of MapRunStarted); empty: a new
  // one.
  std::string redriven_map_run_arn;
  json::Value input;                 // of the state, behind InputPath
  std::optional<json::Value> items;  // without a reader: an array or an object
  std::optional<json::Value> reader_arguments;
  std::optional<double> items_max;
  std::optional<double> concurrency_max;  // absent or 0: no limit of its own
  double tolerated_failure_count = 0;
  double tolerated_failure_percentage = 0;
  std::optional<double> batch_items_max;
  std::optional<double> batch_bytes_max;
  std::optional<json::Value> batch_input;
  std::optional<json::Value> writer_arguments;
  json::Value variables;  // object: what ItemSelector may read
  json::Value context;    // of the Map state
};

using Effect = std::variant<TaskEffect, MapRunEffect>;
uint64_t effect_id(const Effect& effect);

struct TimerRequest {
  uint64_t id = 0;
  TimePoint due;
};

enum class ExecutionStatus : uint8_t { kRunning, kSucceeded, kFailed, kTimedOut, kAborted };
// As the API has it: "RUNNING", "TIMED_OUT".
std::string_view status_name(ExecutionStatus status);
struct Ending {
  ExecutionStatus status = ExecutionStatus::kSucceeded;
  std::optional<Payload> output;
  std::optional<std::string> error;
  std::optional<std::string> cause;
  // Of a state under test, or the only one of its plan (CompileOptions::single_state): where it
  // goes on.
  std::optional<std::string> next_state;
};

struct Outcome {
  std::vector<HistoryEvent> history;
  std::vector<Effect> effects;
  std::vector<uint64_t> cancelled_effects;  // nobody waits for them any more
  std::vector<TimerRequest> timers_set;
  std::vector<TimerRequest> timers_cancelled;
  std::optional<Ending> ended;
  bool more = false;
  uint64_t work = 0;  // what it took: steps of JSONata, values that paths visited
  size_t bytes = 0;   // of history and effects, roughly
};

// --- what a step works with
// -----------------------------------------------------------------------

struct StateError {
  std::optional<std::string> error;
  std::optional<std::string> cause;
};

// Sees the values between the stages of a state: TestState's inspectionData, by its names
// ("afterInputPath", "afterArguments", "variables", ...).
class Inspector {
 public:
  virtual ~Inspector() = default;
  virtual void saw(const State& state, std::string_view stage, const json::Value& value) = 0;
  // The state is tried again after `delay`, by its retrier of this index.
  virtual void retries(const State&, const StateError&, size_t retrier, Millis delay) {
    (void)retrier, (void)delay;
  }
  // The catcher of this index took the error.
  virtual void caught(const State&, const StateError&, size_t catcher) { (void)catcher; }
};

struct Moment {
  TimePoint now;
  Random* random = nullptr;
  // Makes the token of an effect: unguessable, and the driver finds the execution by it.
  std::function<std::string(uint64_t effect)> token;
  // Whether an activity exists: a task for one that does not fails unscheduled. Null: all do.
  std::function<bool(std::string_view arn)> activity_exists;
  Inspector* inspector = nullptr;
};

// Large texts are kept once, by hash; cells hold the hash.
inline constexpr size_t kPayloadInlineMax = 256;
class PayloadSink {
 public:
  virtual ~PayloadSink() = default;
  // Told when a cell holds the hash for the first time since the Execution was made or loaded.
  virtual void put(const PayloadHash& hash, const Payload& text) = 0;
};
using Payloads = std::map<PayloadHash, Payload>;

struct CellChange {
  Bytes key;                   // short; sorts as it likes
  std::optional<Bytes> value;  // nullopt: erased
};
struct Cell {
  Bytes key;
  Bytes value;
};

// An item of an inline Map that something stands in.
struct Iteration {
  std::string map;  // the state
  uint64_t index = 0;
};

class Execution {
 public:
  Execution(std::shared_ptr<const Plan> plan, ExecutionInfo info, ExecutionLimits limits);
  // Which payloads load() needs. Errors: kCorrupt.
  static Result<std::vector<PayloadHash>> payloads_of(const std::vector<Cell>& cells);
  static Result<Execution> load(std::shared_ptr<const Plan> plan, ExecutionInfo info,
                                ExecutionLimits limits, const std::vector<Cell>& cells,
                                const Payloads& payloads);
  ~Execution();
  Execution(Execution&&) noexcept;
  Execution& operator=(Execution&&) noexcept;

  Outcome step(const Occurrence& occurrence, const Moment& moment);
  // The cells that changed since the last call.
  std::vector<CellChange> take_changes(PayloadSink& sink);

  ExecutionStatus status() const;
  uint64_t events() const;  // so far
  // Whether a result for this effect would be taken now.
  bool awaits(uint64_t effect) const;
  // Around an effect that is awaited, from the outside to the inside; else none.
  std::vector<Iteration> iterations_of(uint64_t effect) const;
  // Roughly, for caches.
  size_t memory_bytes() const;

 private:
  struct Impl;
  explicit Execution(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace suiro::workflow
