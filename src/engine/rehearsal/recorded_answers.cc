// SPDX-License-Identifier: Apache-2.0
// The answers of an execution's tasks, found in its history.
#include <unordered_map>

#include "engine/rehearsal/recorded.h"

namespace suiro::rehearsal {
namespace {

using workflow::EventType;
using workflow::HistoryEvent;

bool begins_attempt(EventType type) {
  return type == EventType::kTaskScheduled || type == EventType::kLambdaFunctionScheduled ||
         type == EventType::kActivityScheduled;
}

bool succeeds(EventType type) {
  return type == EventType::kTaskSucceeded || type == EventType::kLambdaFunctionSucceeded ||
         type == EventType::kActivitySucceeded;
}

bool times_out(EventType type) {
  return type == EventType::kTaskTimedOut || type == EventType::kLambdaFunctionTimedOut ||
         type == EventType::kActivityTimedOut;
}

bool fails(EventType type) {
  switch (type) {
    case EventType::kActivityFailed:
    case EventType::kActivityScheduleFailed:
    case EventType::kLambdaFunctionFailed:
    case EventType::kLambdaFunctionScheduleFailed:
    case EventType::kLambdaFunctionStartFailed:
    case EventType::kTaskFailed:
    case EventType::kTaskStartFailed:
    case EventType::kTaskSubmitFailed:
      return true;
    default:
      return times_out(type);
  }
}

// Knows in which states and iterations each event stands: it is where the event stands that it
// points at, but for those that enter, exit or iterate. What fails as it is entered points past its
// entry (decision 230), as its exit then does.
class AnswerReader {
 public:
  explicit AnswerReader(MockScope& scope) : scope_(scope) {}

  Result<std::vector<RecordedRun>> read(const std::vector<HistoryEvent>& history) {
    for (const HistoryEvent& event : history) TRY_VOID(add(event));
    return std::move(runs_);
  }

 private:
  // A state that was entered; with an index, an iteration of it.
  struct Level {
    size_t around = 0;  // kTop: none
    std::string state;
    std::optional<uint64_t> index;
  };
  static constexpr size_t kTop = 0;  // of levels_: the execution itself

  struct Attempt {
    size_t level;
    size_t at;  // among the answers of its state
    TimePoint begun;
  };

  size_t push(size_t around, const HistoryEvent& event, std::optional<uint64_t> index) {
    levels_.push_back({around, event.name, index});
    return levels_.size() - 1;
  }

  // The level of the state `name` that is around `level`; nullopt where there is none.
  std::optional<size_t> level_of_state(size_t level, const std::string& name) const {
    for (; level != kTop; level = levels_[level].around) {
      if (!levels_[level].index && levels_[level].state == name) return level;
    }
    return std::nullopt;
  }

  size_t level_of(const HistoryEvent& event) {
    auto before = level_of_.find(event.previous_id);
    size_t level = before == level_of_.end() ? kTop : before->second;
    std::string_view type = workflow::event_type_name(event.type);
    if (type.ends_with("StateEntered")) return push(level, event, std::nullopt);
    if (type.ends_with("StateExited")) {
      auto own = level_of_state(level, event.name);
      return own ? levels_[*own].around : level;
    }
    if (event.type == EventType::kMapIterationStarted) {
      uint64_t index = event.index ? static_cast<uint64_t>(*event.index) : 0;
      return push(level_of_state(level, event.name).value_or(level), event, index);
    }
    return level;
  }

  Place place_of(size_t level) const {
    Place place;
    for (; level != kTop; level = levels_[level].around) {
      if (levels_[level].index) place.push_back({levels_[level].state, *levels_[level].index});
    }
    return {place.rbegin(), place.rend()};
  }

  Result<void> add(const HistoryEvent& event) {
    if (event.type == EventType::kExecutionRedriven) {
      return fail(
          codes::kInvalidArgument,
          "an execution was redriven: its history does not tell which states its later tasks "
          "belong to");
    }
    const size_t level = level_of_[event.id] = level_of(event);
    if (event.type == EventType::kMapRunStarted) {
      runs_.push_back({event.map_run_arn, levels_[level].state, place_of(level)});
      return ok();
    }
    if (begins_attempt(event.type)) {
      // Until an answer is found.
      TRY(auto* answers, answers_of(level));
      attempt_of_[event.id] = {level, answers->size(), event.time};
      answers->push_back({.never = true});
      return ok();
    }
    auto before = attempt_of_.find(event.previous_id);
    if (before == attempt_of_.end()) return ok();
    const Attempt attempt = before->second;
    MockEntry entry;
    entry.seconds = std::chrono::duration<double>(event.time - attempt.begun).count();
    if (succeeds(event.type)) {
      TRY(json::Value output, json::parse(event.output ? **event.output : "null"));
      entry.result = workflow::Template::constant(std::move(output));
      entry.is_exact = true;
    } else if (fails(event.type)) {
      entry.error = event.error.value_or(times_out(event.type) ? "States.Timeout" : "");
      entry.cause = event.cause.value_or("");
    } else {
      attempt_of_[event.id] = attempt;
      return ok();
    }
    TRY(auto* answers, answers_of(attempt.level));
    (*answers)[attempt.at] = std::move(entry);
    return ok();
  }

  // Of the state that is the level.
  Result<std::vector<MockEntry>*> answers_of(size_t level) {
    TRY(MockScope * scope, scope_at(scope_, place_of(level)));
    return &scope->states[levels_[level].state];
  }

  MockScope& scope_;
  std::vector<Level> levels_ = {Level{}};
  std::unordered_map<uint64_t, size_t> level_of_;     // by event
  std::unordered_map<uint64_t, Attempt> attempt_of_;  // by the events that belong to it
  std::vector<RecordedRun> runs_;
};

}  // namespace

Result<std::vector<RecordedRun>> add_history(MockScope& scope,
                                             const std::vector<HistoryEvent>& history) {
  return AnswerReader(scope).read(history);
}

Result<MockScope*> scope_at(MockScope& scope, const Place& place) {
  MockScope* found = &scope;
  for (const workflow::Iteration& iteration : place) {
    TRY(found, found->at(iteration));
  }
  return found;
}

std::string input_of(const std::vector<HistoryEvent>& history) {
  if (history.empty() || !history.front().input) return "{}";
  return **history.front().input;
}

}  // namespace suiro::rehearsal
