// SPDX-License-Identifier: Apache-2.0
// Machine: what an Execution does, by families of states. Internal to this folder.
//
// Invariants beside those of execution.h:
//  1. ready_ holds exactly the strands in kReady and kAttempt; they run in the order of their ids.
//  starting_ holds exactly those that may_start(), between steps; they come first.
//  2. A function that may end a strand says so; its caller does not touch the strand afterwards.
//  3. What a child's end does to its parent never fails the child.
// Thread: as Execution.
#pragma once

#include <expected>
#include <set>
#include <unordered_map>

#include "engine/workflow/execution.h"
#include "engine/workflow/strand.h"

namespace suiro::workflow {

// The API's limits ("SensitiveError", "SensitiveCause"). Longer ones are cut where they enter.
inline constexpr size_t kErrorCharactersMax = 256;
inline constexpr size_t kCauseCharactersMax = 32'768;
std::optional<std::string> cut_error(std::optional<std::string> error);  // ends.cc
std::optional<std::string> cut_cause(std::optional<std::string> cause);

// Why a state failed. Without `is_whole` the frame ("An error occurred while executing the state
// ...") goes in front of the cause.
struct Failure {
  std::optional<std::string> error;
  std::optional<std::string> cause;
  std::string location;  // EvaluationFailed's
  bool is_whole = false;
  bool is_heartbeat = false;
  bool of_children = false;  // branches, items, a run of a Map: the state tells that it failed

  Failure() = default;
  Failure(Error from);  // NOLINT(google-explicit-constructor): so that TRY propagates
  static Failure whole(std::string error, std::string cause);
  static Failure runtime(std::string cause);
  // Of the state or task of this name.
  static Failure too_large(std::string_view of);
};
template <class T = void>
using Step = std::expected<T, Failure>;

// What a state leaves behind.
struct Leaving {
  Data output;
  std::vector<std::pair<std::string, json::Value>> assigned;
};

class Machine {
 public:
  Machine(std::shared_ptr<const Plan> plan, ExecutionInfo info, ExecutionLimits limits);

  Outcome step(const Occurrence& occurrence, const Moment& moment);
  std::vector<CellChange> take_changes(PayloadSink& sink);                         // cells.cc
  Result<void> restore(const std::vector<Cell>& cells, const Payloads& payloads);  // cells.cc

  ExecutionStatus status() const { return header_.status; }
  uint64_t events() const { return header_.events; }
  bool awaits(uint64_t effect) const { return effect_owners_.contains(effect); }
  std::vector<Iteration> iterations_of(uint64_t effect) const;
  size_t memory_bytes() const;

  // Of the execution as a whole: its own cell.
  struct Header {
    ExecutionStatus status = ExecutionStatus::kRunning;
    bool is_started = false;
    uint64_t events = 0;
    uint64_t ids = 0;  // given out: strands, effects, timers
    TimerSlot deadline;
    uint64_t redrives = 0;
    TimePoint redriven;
    uint64_t variables_bytes = 0;
  };

 private:
  // --- occurrences (occurrences.cc)
  void on(const Started&);
  void on(const Continue&) {}
  void on(const TimerFired& fired);
  void on(const EffectStarted& started);
  void on(const EffectSubmitted& submitted);
  void on(const EffectSucceeded& succeeded);
  void on(const EffectFailed& failed);
  void on(const Heartbeat& beat);
  void on(const MapRunBegan& began);
  void on(const Stopped& stopped);
  void on(const GivenUp& given_up);
  void on(const Redriven&);
  void fail_by_input();
  void redrive(Strand& strand, uint64_t cause);
  // Of the effect that a strand waits for; null where none does.
  Strand* waiting_for(uint64_t effect, Phase phase);
  // It waits no more.
  void effect_ended(Strand& strand);
  void set_deadline();

  // --- the driver (execution.cc)
  void run();
  void count_bytes();
  // Whether the step has told or computed enough: what is left goes on in the next one.
  bool is_budget_used();
  // What follows may count up to state_work_max.
  void begin_work() { work_->used_max = work_->used + limits_.state_work_max; }
  void enter(Strand& strand);
  Step<> attempt(Strand& strand);
  uint64_t new_id() {
    header_changed_ = true;
    return ++header_.ids;
  }
  Strand& new_strand(const Strand* parent, uint64_t index, const State& state);
  Strand* find_strand(uint64_t id);
  void set_phase(Strand& strand, Phase phase);
  void set_timer(TimerSlot& slot, uint64_t owner, TimePoint due);
  void cancel_timer(TimerSlot& slot);
  void cancel_work(Strand& strand);
  void erase_strand(uint64_t id);       // cells.cc
  void erase_children(Strand& parent);  // cells.cc
  Result<void> index_strands();         // cells.cc
  std::vector<uint64_t> children_of(uint64_t parent) const;
  // The next event, which points at the strand's last one and becomes it. Beyond the quota it goes
  // nowhere, and the execution fails when the transition is over.
  HistoryEvent& emit(Strand& strand, EventType type);
  HistoryEvent& emit_at(uint64_t previous, EventType type);
  void end(Ending ending);
  void fail_by_quota();
  void drop_cancelled();

  // Whether one state runs for itself, in place of the plan.
  bool is_test() const { return info_.presets && info_.presets->state != nullptr; }

  // --- states; those that return nothing may end the strand
  Step<> do_pass(Strand& strand);     // simple_states.cc
  Step<> do_choice(Strand& strand);   // simple_states.cc
  Step<> do_wait(Strand& strand);     // simple_states.cc
  Step<> do_succeed(Strand& strand);  // simple_states.cc
  Step<> do_fail(Strand& strand);     // simple_states.cc
  Step<TimePoint> wait_until(const WaitFields& fields, const Scope& scope);
  Step<> do_task(Strand& strand);  // task_state.cc
  void begin_task(Strand& strand);
  Step<> task_succeeded(Strand& strand, const std::string& output);
  void task_failed(Strand& strand, const EffectFailed& failed);
  enum class Missed : uint8_t { kTimeout, kHeartbeat };
  void task_timed_out(Strand& strand, Missed missed);
  void start_task_timers(Strand& strand);
  HistoryEvent& emit_task(Strand& strand, EventType task, EventType function, EventType activity);
  Step<> do_parallel(Strand& strand);  // parallel_state.cc
  Step<> do_map(Strand& strand);       // map_state.cc
  Step<Data> map_items(Strand& strand, const MapFields& fields, const Data& effective);
  Step<Data> selected_items(Strand& strand, const MapFields& fields, const Data& effective);
  Step<> start_iterations(Strand& strand, uint64_t cause);
  Step<> start_iteration(Strand& strand, uint64_t cause);
  Step<> do_map_run(Strand& strand, MapRunEffect effect);  // map_run_state.cc
  Step<> ask_for_run(Strand& strand, MapRunEffect effect);
  Step<MapRunEffect> map_run(Strand& strand, const MapFields& fields, const Data& effective);
  void map_run_ended(Strand& strand, const EffectSucceeded* succeeded, const EffectFailed* failed);

  // --- in and out of states (output.cc)
  Scope scope(const Strand& strand, json::Value input) const;
  std::optional<json::Value> variable(const Strand& strand, std::string_view name) const;
  json::Value visible_variables(const Strand& strand) const;
  // InputPath; of JSONata the input itself.
  Step<Data> effective_input(const Strand& strand);
  // Parameters or Arguments of the effective input.
  Step<Data> arguments(const Strand& strand, const Data& effective, const json::Value* context);
  // ResultSelector, ResultPath, OutputPath, or Output; and Assign.
  Step<Leaving> shape(const Strand& strand, const Data& result);
  Step<Leaving> shape_json_path(const Strand& strand, const Data& result);
  Step<Leaving> shape_jsonata(const Strand& strand, const Data& result);
  // `owner`: what Assign belongs to, for the sentences: "", "Choices[1]/", "Catch[0]/".
  Step<std::vector<std::pair<std::string, json::Value>>> assignments(
      const std::vector<Assignment>& assign, const Scope& scope, std::string_view owner = {}) const;
  Step<> check_size(const Data& data, std::string_view of) const;
  Step<> complete(Strand& strand, const Data& result);
  // Tells the exit and goes to `next`, or ends the strand where there is none.
  Step<> leave(Strand& strand, Leaving leaving, const std::string* next);
  static void forget_state(Strand& strand);
  Step<Payload> assign(Strand& strand, std::vector<std::pair<std::string, json::Value>> assigned);
  void saw(const Strand& strand, std::string_view stage, const json::Value& value) const;

  // --- the ends of strands (ends.cc)
  void fail_state(Strand& strand, Failure failure);
  bool retry(Strand& strand, const Failure& failure);
  bool catch_failure(Strand& strand, Failure& failure);
  Step<> go_to_catcher(Strand& strand, const Catcher& catcher, const Failure& failure);
  void strand_failed(Strand& strand, Failure failure);
  void strand_succeeded(Strand& strand, Data output);
  void child_succeeded(Strand& parent, uint64_t index, uint64_t cause, Data output);
  Step<> check_results(const Strand& parent) const;
  Step<> children_done(Strand& parent, uint64_t cause);
  void abort_children(Strand& parent);
  void abort_strand(Strand& strand);
  void stop_everything();

  // --- $$ (context_object.cc)
  json::Value context(const Strand& strand) const;
  json::Value context_with_item(const Strand& strand, uint64_t index, json::Value item) const;

  std::shared_ptr<const Plan> plan_;
  ExecutionInfo info_;
  ExecutionLimits limits_;
  Data input_;

  Header header_;
  bool header_changed_ = true;
  std::map<uint64_t, std::unique_ptr<Strand>> strands_;
  std::set<uint64_t> ready_;
  std::set<uint64_t> starting_;                           // Maps whose iterations did not all begin
  std::unordered_map<uint64_t, uint64_t> timer_owners_;   // to strands
  std::unordered_map<uint64_t, uint64_t> effect_owners_;  // to strands
  std::vector<Bytes> erased_cells_;

  // Of the step that runs.
  Outcome* out_ = nullptr;
  const Moment* moment_ = nullptr;
  uint64_t entering_ = 0;  // the strand whose state is entered right now
  bool is_quota_used_ = false;
  size_t bytes_told_ = 0;  // of the events and effects below
  size_t events_counted_ = 0;
  size_t effects_counted_ = 0;
  std::unique_ptr<Work> work_ = std::make_unique<Work>();  // scopes point at it
  HistoryEvent surplus_;                                   // what is written beyond the quota
};

// Place of the state's type among the fields' alternatives.
enum class StateType : uint8_t { kPass, kTask, kChoice, kWait, kSucceed, kFail, kParallel, kMap };
inline StateType type_of(const State& state) {
  return static_cast<StateType>(state.fields.index());
}

// fields.cc: a number of the definition or of the data.
struct NumberNames {
  std::string_view field;  // "MaxConcurrency"
  bool is_float = false;
};
Step<double> number_field(const NumberField& field, const Scope& scope, NumberNames names);
// Seconds of a Wait, TimeoutSeconds, HeartbeatSeconds; more than kSecondsMax is that.
inline constexpr uint64_t kSecondsMax = 99'999'999;
Step<uint64_t> seconds_field(const NumberField& field, const Scope& scope, std::string_view name);
Step<std::string> text_field(const TextField& field, const Scope& scope, std::string_view name);

}  // namespace suiro::workflow
