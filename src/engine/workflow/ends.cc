// SPDX-License-Identifier: Apache-2.0
// How states fail and strands end: Retry, then Catch, then the strand's parent, up to the
// execution.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/workflow/machine.h"

namespace suiro::workflow {
namespace {

constexpr std::string_view kAll = "States.ALL";
constexpr std::string_view kRuntime = "States.Runtime";
constexpr std::string_view kDataLimit = "States.DataLimitExceeded";
constexpr std::string_view kTimeout = "States.Timeout";
constexpr std::string_view kQueryError = "States.QueryEvaluationError";

// The guide says that States.ALL does not take States.DataLimitExceeded; the recordings show that
// it does.
// Source: Developer Guide, "Handling errors in Step Functions workflows".
bool matches(const std::vector<std::string>& names, const Failure& failure) {
  if (failure.error == kRuntime) return false;
  return std::ranges::any_of(names, [&failure](const std::string& name) {
    if (name == kAll || failure.error == name) return true;
    if (name == "States.TaskFailed") return failure.error != kTimeout;
    return name == "States.HeartbeatTimeout" && failure.is_heartbeat;
  });
}

json::Value text_or_null(const std::optional<std::string>& text) {
  return text ? json::Value(*text) : json::Value();
}

json::Value error_output(const Failure& failure) {
  json::Object output;
  output.set("Error", text_or_null(failure.error));
  output.set("Cause", text_or_null(failure.cause));
  return output;
}

void put_frame(const Strand& strand, Failure& failure) {
  failure.cause = fmt::format(
      "An error occurred while executing the state '{}' (entered at the event id #{}). {}",
      strand.state->name, strand.entered_event, failure.cause.value_or(""));
  failure.is_whole = true;
}

Millis backoff(const Retrier& retrier, uint64_t attempts, Random* random) {
  constexpr double kSecondsMax = 31'622'400;            // of MaxDelaySeconds
  if (retrier.interval_seconds == 0) return Millis(0);  // the power below may be infinite
  double seconds =
      retrier.interval_seconds * std::pow(retrier.backoff_rate, static_cast<double>(attempts));
  seconds = std::min(seconds, retrier.delay_seconds_max.value_or(kSecondsMax));
  seconds = std::clamp(seconds, 0.0, kSecondsMax);
  if (retrier.full_jitter && random != nullptr) seconds *= random->unit();
  return Millis(std::llround(seconds * 1000));
}

std::optional<std::string> cut(std::optional<std::string> text, size_t characters_max) {
  if (!text || text->size() <= characters_max) return text;
  size_t characters = 0;
  for (size_t at = 0; at < text->size(); ++at) {
    const bool begins = (static_cast<unsigned char>((*text)[at]) & 0xC0) != 0x80;
    if (begins && ++characters > characters_max) {
      text->resize(at);
      break;
    }
  }
  return text;
}

}  // namespace

std::optional<std::string> cut_error(std::optional<std::string> error) {
  return cut(std::move(error), kErrorCharactersMax);
}

std::optional<std::string> cut_cause(std::optional<std::string> cause) {
  return cut(std::move(cause), kCauseCharactersMax);
}

Failure::Failure(Error from) : error(std::move(from.code)), cause(std::move(from.message)) {
  for (auto& [name, value] : from.details) {
    if (name == "location") location = std::move(value);
  }
}

Failure Failure::whole(std::string error, std::string cause) {
  Failure failure;
  failure.error = std::move(error);
  failure.cause = std::move(cause);
  failure.is_whole = true;
  return failure;
}

Failure Failure::too_large(std::string_view of) {
  return whole(std::string(kDataLimit),
               fmt::format("The state/task '{}' returned a result with a size exceeding the "
                           "maximum number of bytes service limit.",
                           of));
}

Failure Failure::runtime(std::string cause) {
  return Error{std::string(kRuntime), std::move(cause)};
}

// May end the strand.
void Machine::fail_state(Strand& strand, Failure failure) {
  cancel_work(strand);
  abort_children(strand);
  const bool is_framed = !failure.is_whole;
  if (is_framed) put_frame(strand, failure);
  failure.error = cut_error(std::move(failure.error));
  failure.cause = cut_cause(std::move(failure.cause));
  if (is_framed) {
    if (failure.error == kQueryError) {
      // A state that fails as it is entered tells both at once: they share a cause.
      const bool is_entering = entering_ == strand.id && strand.last_event == strand.entered_event;
      HistoryEvent& event = emit_at(is_entering ? strand.before_entered : strand.last_event,
                                    EventType::kEvaluationFailed);
      strand.last_event = event.id;
      event.name = strand.state->name;
      event.error = failure.error;
      event.cause = failure.cause;
      event.location = failure.location;
      failure.of_children = true;
    }
  }
  if (retry(strand, failure)) return;
  const StateType type = type_of(*strand.state);
  if (failure.of_children) {
    if (type == StateType::kParallel) emit(strand, EventType::kParallelStateFailed);
    if (type == StateType::kMap) emit(strand, EventType::kMapStateFailed);
  }
  if (catch_failure(strand, failure)) return;
  strand_failed(strand, std::move(failure));
}

bool Machine::retry(Strand& strand, const Failure& failure) {
  const std::vector<Retrier>& retriers = strand.state->retry;
  const auto found = std::ranges::find_if(
      retriers, [&failure](const Retrier& each) { return matches(each.errors, failure); });
  if (found == retriers.end()) return false;
  const size_t index = static_cast<size_t>(found - retriers.begin());
  strand.retries.resize(retriers.size());
  uint64_t& attempts = strand.retries[index];
  if (std::cmp_greater_equal(attempts, found->attempts_max)) return false;
  const Millis delay = backoff(*found, attempts, moment_->random);
  ++attempts;
  ++strand.retry_count;
  erase_children(strand);
  strand.map_run_arn.clear();
  if (moment_->inspector != nullptr) {
    moment_->inspector->retries(*strand.state, {failure.error, failure.cause}, index, delay);
  }
  set_timer(strand.timer, strand.id, moment_->now + delay);
  set_phase(strand, Phase::kRetrying);
  return true;
}

// `failure` becomes the catcher's own where that fails.
bool Machine::catch_failure(Strand& strand, Failure& failure) {
  const std::vector<Catcher>& catchers = strand.state->catchers;
  const auto found = std::ranges::find_if(
      catchers, [&failure](const Catcher& each) { return matches(each.errors, failure); });
  if (found == catchers.end()) return false;
  if (moment_->inspector != nullptr) {
    moment_->inspector->caught(*strand.state, {failure.error, failure.cause},
                               static_cast<size_t>(found - catchers.begin()));
  }
  erase_children(strand);
  Step<> gone = go_to_catcher(strand, *found, failure);
  if (gone) return true;
  failure = std::move(gone.error());
  if (!failure.is_whole) put_frame(strand, failure);
  failure.cause = cut_cause(std::move(failure.cause));
  return false;
}

Step<> Machine::go_to_catcher(Strand& strand, const Catcher& catcher, const Failure& failure) {
  const json::Value error = error_output(failure);
  Leaving leaving{.output = Data::of(error)};
  if (strand.state->language == QueryLanguage::kJsonata) {
    Scope with = scope(strand, strand.input.value());
    with.error_output = error;
    const std::string owner = fmt::format("Catch[{}]/", &catcher - strand.state->catchers.data());
    TRY(leaving.assigned, assignments(catcher.assign, with, owner));
    if (catcher.output) {
      TRY(json::Value value, catcher.output->evaluate(with, owner + "Output"));
      leaving.output = Data::of(std::move(value));
    }
  } else {
    TRY(leaving.assigned, assignments(catcher.assign, scope(strand, error)));
    if (catcher.discards_result) {
      leaving.output = strand.input;
    } else if (catcher.result_path) {
      TRY(json::Value value, put_at(*catcher.result_path, strand.input.value(), error));
      leaving.output = Data::of(std::move(value));
    }
  }
  if (!leaving.output.same(strand.input)) {
    TRY_VOID(check_size(leaving.output, strand.state->name));
  }
  return leave(strand, std::move(leaving), &catcher.next);
}

// The strand stays for a redrive, in kFailed, unless its parent goes on.
void Machine::strand_failed(Strand& strand, Failure failure) {
  set_phase(strand, Phase::kFailed);
  if (strand.parent == 0) {
    HistoryEvent& event = emit(strand, EventType::kExecutionFailed);
    event.error = failure.error;
    event.cause = failure.cause;
    end(Ending{.status = ExecutionStatus::kFailed, .error = failure.error, .cause = failure.cause});
    return;
  }
  Strand& parent = *strands_.at(strand.parent);
  if (type_of(*parent.state) == StateType::kMap) {
    HistoryEvent& event = emit_at(strand.last_event, EventType::kMapIterationFailed);
    event.name = parent.state->name;
    event.index = static_cast<int64_t>(strand.index);
  }
  parent.last_event = strand.last_event;
  failure.of_children = true;
  fail_state(parent, std::move(failure));
}

// Ends the strand.
void Machine::strand_succeeded(Strand& strand, Data output) {
  const uint64_t cause = strand.last_event;
  if (strand.parent == 0) {
    emit(strand, EventType::kExecutionSucceeded).output = output.text();
    erase_strand(strand.id);
    end(Ending{.status = ExecutionStatus::kSucceeded, .output = output.text()});
    return;
  }
  Strand& parent = *strands_.at(strand.parent);
  const uint64_t index = strand.index;
  erase_strand(strand.id);
  child_succeeded(parent, index, cause, std::move(output));
}

void Machine::abort_children(Strand& parent) {
  for (const uint64_t id : children_of(parent.id)) {
    Strand& child = *strands_.at(id);
    if (child.phase == Phase::kFailed || child.phase == Phase::kAborted) continue;
    abort_strand(child);
    if (type_of(*parent.state) != StateType::kMap) continue;
    HistoryEvent& event = emit(child, EventType::kMapIterationAborted);
    event.name = parent.state->name;
    event.index = static_cast<int64_t>(child.index);
  }
}

void Machine::abort_strand(Strand& strand) {
  const bool has_run = strand.phase == Phase::kMapRun && strand.has_begun;
  cancel_work(strand);
  abort_children(strand);
  set_phase(strand, Phase::kAborted);
  if (strand.entered_event == 0) return;
  switch (type_of(*strand.state)) {
    case StateType::kTask:
      emit(strand, EventType::kTaskStateAborted);
      break;
    case StateType::kWait:
      emit(strand, EventType::kWaitStateAborted);
      break;
    case StateType::kParallel:
      emit(strand, EventType::kParallelStateAborted);
      break;
    case StateType::kMap:
      if (has_run) emit(strand, EventType::kMapRunAborted);
      emit(strand, EventType::kMapStateAborted);
      break;
    default:
      break;  // others are never left inside
  }
}

// An end from outside tells no event of states. Source: the recording of StopExecution.
void Machine::stop_everything() {
  for (auto& [id, strand] : strands_) {
    cancel_work(*strand);
    if (strand->phase != Phase::kFailed) set_phase(*strand, Phase::kAborted);
  }
}

}  // namespace suiro::workflow
