// SPDX-License-Identifier: Apache-2.0
#include "engine/workflow/execution.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "engine/workflow/machine.h"

namespace suiro::workflow {
namespace {

bool is_ready(Phase phase) {
  return phase == Phase::kReady || phase == Phase::kAttempt;
}

bool ends_execution(EventType type) {
  return type == EventType::kExecutionSucceeded || type == EventType::kExecutionFailed ||
         type == EventType::kExecutionAborted || type == EventType::kExecutionTimedOut;
}

// Roughly: the texts, and as much for the rest as a short event takes.
constexpr size_t kEventBytes = 256;

size_t bytes_of(const std::optional<Payload>& text) {
  return text ? (*text)->size() : 0;
}

size_t bytes_of(const HistoryEvent& event) {
  return kEventBytes + bytes_of(event.input) + bytes_of(event.output) + bytes_of(event.parameters) +
         bytes_of(event.assigned_variables) + (event.error ? event.error->size() : 0) +
         (event.cause ? event.cause->size() : 0);
}

size_t bytes_of(const TaskEffect& effect) {
  return kEventBytes + effect.arguments.size();
}

size_t bytes_of(const MapRunEffect& effect) {
  size_t bytes = kEventBytes + json::written_size(effect.input, kQueryResultMax) +
                 json::written_size(effect.variables, kQueryResultMax) +
                 json::written_size(effect.context, kQueryResultMax);
  for (const auto* part :
       {&effect.items, &effect.reader_arguments, &effect.batch_input, &effect.writer_arguments}) {
    if (*part) bytes += json::written_size(**part, kQueryResultMax);
  }
  return bytes;
}

}  // namespace

std::string_view status_name(ExecutionStatus status) {
  switch (status) {
    case ExecutionStatus::kRunning:
      return "RUNNING";
    case ExecutionStatus::kSucceeded:
      return "SUCCEEDED";
    case ExecutionStatus::kFailed:
      return "FAILED";
    case ExecutionStatus::kTimedOut:
      return "TIMED_OUT";
    case ExecutionStatus::kAborted:
      return "ABORTED";
  }
  return "";
}

uint64_t effect_id(const Effect& effect) {
  return std::visit([](const auto& each) { return each.id; }, effect);
}

Machine::Machine(std::shared_ptr<const Plan> plan, ExecutionInfo info, ExecutionLimits limits)
    : plan_(std::move(plan)),
      info_(std::move(info)),
      limits_(limits),
      input_(Data::of_text(info_.input)) {}

Outcome Machine::step(const Occurrence& occurrence, const Moment& moment) {
  Outcome outcome;
  out_ = &outcome;
  moment_ = &moment;
  is_quota_used_ = false;
  bytes_told_ = events_counted_ = effects_counted_ = 0;
  *work_ = Work();
  begin_work();
  std::visit([this](const auto& each) { on(each); }, occurrence);
  run();
  count_bytes();
  drop_cancelled();
  outcome.work = work_->used;
  outcome.bytes = bytes_told_;
  out_ = nullptr;
  moment_ = nullptr;
  return outcome;
}

void Machine::run() {
  while (header_.status == ExecutionStatus::kRunning) {
    if (is_quota_used_) {
      fail_by_quota();
      return;
    }
    if (ready_.empty() && starting_.empty()) return;
    if (is_budget_used()) {
      out_->more = true;
      return;
    }
    if (!starting_.empty()) {
      Strand& map = *strands_.at(*starting_.begin());
      Step<> started = start_iterations(map, map.last_event);
      if (!started) fail_state(map, std::move(started.error()));
      continue;
    }
    Strand& strand = *strands_.at(*ready_.begin());
    if (strand.phase == Phase::kReady) {
      enter(strand);
      continue;
    }
    Step<> tried = attempt(strand);
    if (!tried) fail_state(strand, std::move(tried.error()));
  }
}

void Machine::count_bytes() {
  for (; events_counted_ < out_->history.size(); ++events_counted_) {
    bytes_told_ += bytes_of(out_->history[events_counted_]);
  }
  for (; effects_counted_ < out_->effects.size(); ++effects_counted_) {
    bytes_told_ += std::visit([](const auto& effect) { return bytes_of(effect); },
                              out_->effects[effects_counted_]);
  }
}

bool Machine::is_budget_used() {
  count_bytes();
  return out_->history.size() >= kStepEventsMax || bytes_told_ >= limits_.step_bytes_max ||
         work_->used >= limits_.step_work_max;
}

void Machine::enter(Strand& strand) {
  static constexpr std::array kEntered = {
      EventType::kPassStateEntered,     EventType::kTaskStateEntered,
      EventType::kChoiceStateEntered,   EventType::kWaitStateEntered,
      EventType::kSucceedStateEntered,  EventType::kFailStateEntered,
      EventType::kParallelStateEntered, EventType::kMapStateEntered};
  strand.before_entered = strand.last_event;
  HistoryEvent& event = emit(strand, kEntered[strand.state->fields.index()]);
  event.name = strand.state->name;
  event.input = strand.input.text();
  strand.entered_event = strand.last_event;
  strand.entered = moment_->now;
  strand.retries.clear();
  strand.retry_count = 0;
  if (info_.presets && strand.parent == 0 && strand.before_entered == 0) {
    strand.retry_count = info_.presets->retries;
    strand.retries.assign(strand.state->retry.size(), info_.presets->retries);
  }
  entering_ = strand.id;
  Step<> tried = attempt(strand);
  if (!tried) fail_state(strand, std::move(tried.error()));
  entering_ = 0;
}

// May end the strand, unless it fails.
Step<> Machine::attempt(Strand& strand) {
  begin_work();
  switch (type_of(*strand.state)) {
    case StateType::kPass:
      return do_pass(strand);
    case StateType::kTask:
      return do_task(strand);
    case StateType::kChoice:
      return do_choice(strand);
    case StateType::kWait:
      return do_wait(strand);
    case StateType::kSucceed:
      return do_succeed(strand);
    case StateType::kFail:
      return do_fail(strand);
    case StateType::kParallel:
      return do_parallel(strand);
    case StateType::kMap:
      return do_map(strand);
  }
  CHECK(false);
}

Strand& Machine::new_strand(const Strand* parent, uint64_t index, const State& state) {
  auto made = std::make_unique<Strand>();
  made->id = new_id();
  made->parent = parent != nullptr ? parent->id : 0;
  made->index = index;
  made->state = &state;
  ready_.insert(made->id);
  Strand& strand = *made;
  strands_[strand.id] = std::move(made);
  return strand;
}

Strand* Machine::find_strand(uint64_t id) {
  const auto found = strands_.find(id);
  return found == strands_.end() ? nullptr : found->second.get();
}

void Machine::set_phase(Strand& strand, Phase phase) {
  strand.changed = true;
  if (is_ready(phase) != is_ready(strand.phase)) {
    if (is_ready(phase)) {
      ready_.insert(strand.id);
    } else {
      ready_.erase(strand.id);
    }
  }
  strand.phase = phase;
  if (phase != Phase::kItems) starting_.erase(strand.id);
}

void Machine::set_timer(TimerSlot& slot, uint64_t owner, TimePoint due) {
  cancel_timer(slot);
  slot = TimerSlot{.id = new_id(), .due = due};
  if (owner != 0) timer_owners_[slot.id] = owner;
  out_->timers_set.push_back({.id = slot.id, .due = due});
}

void Machine::cancel_timer(TimerSlot& slot) {
  if (slot.id == 0) return;
  timer_owners_.erase(slot.id);
  out_->timers_cancelled.push_back({.id = slot.id, .due = slot.due});
  slot = {};
}

void Machine::cancel_work(Strand& strand) {
  cancel_timer(strand.timer);
  cancel_timer(strand.timeout);
  cancel_timer(strand.heartbeat);
  if (strand.effect != 0 && effect_owners_.erase(strand.effect) > 0) {
    out_->cancelled_effects.push_back(strand.effect);
  }
  strand.changed = true;
}

std::vector<Iteration> Machine::iterations_of(uint64_t effect) const {
  std::vector<Iteration> around;
  auto owner = effect_owners_.find(effect);
  if (owner == effect_owners_.end()) return around;
  const Strand* strand = strands_.at(owner->second).get();
  while (strand->parent != 0) {
    const Strand* parent = strands_.at(strand->parent).get();
    if (type_of(*parent->state) == StateType::kMap) {
      around.push_back({.map = parent->state->name, .index = strand->index});
    }
    strand = parent;
  }
  std::ranges::reverse(around);
  return around;
}

std::vector<uint64_t> Machine::children_of(uint64_t parent) const {
  std::vector<uint64_t> children;
  // Children are younger than their parents.
  for (auto at = strands_.upper_bound(parent); at != strands_.end(); ++at) {
    if (at->second->parent == parent) children.push_back(at->first);
  }
  return children;
}

HistoryEvent& Machine::emit(Strand& strand, EventType type) {
  HistoryEvent& event = emit_at(strand.last_event, type);
  strand.last_event = event.id;
  strand.changed = true;
  return event;
}

HistoryEvent& Machine::emit_at(uint64_t previous, EventType type) {
  const bool is_limited = info_.type == MachineType::kStandard && !ends_execution(type);
  if (is_quota_used_ || (is_limited && header_.events + 1 >= limits_.events_max)) {
    is_quota_used_ = true;
    surplus_ = {};
    return surplus_;
  }
  header_changed_ = true;
  HistoryEvent& event = out_->history.emplace_back();
  event.id = ++header_.events;
  event.previous_id = previous;
  event.time = moment_->now;
  event.type = type;
  return event;
}

// Nothing runs behind it. What did not succeed stays for a redrive.
void Machine::end(Ending ending) {
  if (is_quota_used_) return;  // fail_by_quota() ends it
  header_.status = ending.status;
  header_changed_ = true;
  cancel_timer(header_.deadline);
  stop_everything();
  if (ending.status == ExecutionStatus::kSucceeded) {
    while (!strands_.empty()) erase_strand(strands_.rbegin()->first);
  }
  out_->ended = std::move(ending);
}

void Machine::fail_by_quota() {
  is_quota_used_ = false;
  Ending ending{.status = ExecutionStatus::kFailed,
                .error = "States.Runtime",
                .cause = fmt::format("The execution reached the maximum number of history events "
                                     "({}).",
                                     limits_.events_max)};
  HistoryEvent& event = emit_at(header_.events, EventType::kExecutionFailed);
  event.error = ending.error;
  event.cause = ending.cause;
  end(std::move(ending));
}

// What was asked for and cancelled in one step is not asked for.
void Machine::drop_cancelled() {
  std::erase_if(out_->cancelled_effects, [this](uint64_t id) {
    return std::erase_if(out_->effects,
                         [id](const Effect& effect) { return effect_id(effect) == id; }) > 0;
  });
  std::erase_if(out_->timers_cancelled, [this](const TimerRequest& timer) {
    return std::erase_if(out_->timers_set,
                         [&timer](const TimerRequest& set) { return set.id == timer.id; }) > 0;
  });
}

size_t Machine::memory_bytes() const {
  constexpr size_t kNodeBytes = 128;
  size_t bytes = sizeof(Machine) + input_.memory_bytes();
  for (const auto& [id, strand] : strands_) {
    bytes += sizeof(Strand) + kNodeBytes + strand->input.memory_bytes() +
             strand->work.memory_bytes() + strand->effective_input.memory_bytes();
    for (const auto& [index, kept] : strand->results) {
      bytes += kNodeBytes + kept.data.memory_bytes();
    }
    for (const auto& [name, kept] : strand->variables) {
      bytes += kNodeBytes + kept.data.memory_bytes();
    }
  }
  return bytes;
}

// --- the public class

struct Execution::Impl {
  Machine machine;
};

Execution::Execution(std::shared_ptr<const Plan> plan, ExecutionInfo info, ExecutionLimits limits)
    : impl_(std::make_unique<Impl>(Machine(std::move(plan), std::move(info), limits))) {}
Execution::Execution(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Execution::~Execution() = default;
Execution::Execution(Execution&&) noexcept = default;
Execution& Execution::operator=(Execution&&) noexcept = default;

Result<Execution> Execution::load(std::shared_ptr<const Plan> plan, ExecutionInfo info,
                                  ExecutionLimits limits, const std::vector<Cell>& cells,
                                  const Payloads& payloads) {
  const Payload input = info.input;
  auto impl = std::make_unique<Impl>(Machine(std::move(plan), std::move(info), limits));
  TRY_VOID(impl->machine.restore(cells, payloads));
  // One that began with such an input has ended.
  if (impl->machine.status() == ExecutionStatus::kRunning && input && !json::is_readable(*input)) {
    return fail(codes::kCorrupt, "the input of an execution is no JSON");
  }
  return Execution(std::move(impl));
}

Outcome Execution::step(const Occurrence& occurrence, const Moment& moment) {
  return impl_->machine.step(occurrence, moment);
}
std::vector<CellChange> Execution::take_changes(PayloadSink& sink) {
  return impl_->machine.take_changes(sink);
}
ExecutionStatus Execution::status() const {
  return impl_->machine.status();
}
uint64_t Execution::events() const {
  return impl_->machine.events();
}
bool Execution::awaits(uint64_t effect) const {
  return impl_->machine.awaits(effect);
}
std::vector<Iteration> Execution::iterations_of(uint64_t effect) const {
  return impl_->machine.iterations_of(effect);
}
size_t Execution::memory_bytes() const {
  return impl_->machine.memory_bytes();
}

}  // namespace suiro::workflow
