// SPDX-License-Identifier: Apache-2.0
#include "engine/statechart/looks.h"

#include <algorithm>
#include <unordered_map>

namespace suiro::statechart {
namespace {

using workflow::EventType;
using workflow::HistoryEvent;

bool enters(EventType type) {
  return workflow::event_type_name(type).ends_with("StateEntered");
}
bool exits(EventType type) {
  return workflow::event_type_name(type).ends_with("StateExited");
}
bool aborts(EventType type) {
  return workflow::event_type_name(type).ends_with("StateAborted");
}

bool schedules(EventType type) {
  return type == EventType::kTaskScheduled || type == EventType::kLambdaFunctionScheduled ||
         type == EventType::kActivityScheduled;
}

bool fails(EventType type) {
  switch (type) {
    case EventType::kActivityFailed:
    case EventType::kActivityScheduleFailed:
    case EventType::kActivityTimedOut:
    case EventType::kEvaluationFailed:
    case EventType::kLambdaFunctionFailed:
    case EventType::kLambdaFunctionScheduleFailed:
    case EventType::kLambdaFunctionStartFailed:
    case EventType::kLambdaFunctionTimedOut:
    case EventType::kMapRunFailed:
    case EventType::kMapStateFailed:
    case EventType::kParallelStateFailed:
    case EventType::kTaskFailed:
    case EventType::kTaskStartFailed:
    case EventType::kTaskSubmitFailed:
    case EventType::kTaskTimedOut:
    case EventType::kFailStateEntered:
      return true;
    default:
      return false;
  }
}

// Of a state with others inside, whose events these are.
std::optional<EventType> entry_of_failure(EventType type) {
  if (type == EventType::kMapStateFailed) return EventType::kMapStateEntered;
  if (type == EventType::kParallelStateFailed) return EventType::kParallelStateEntered;
  return std::nullopt;
}

bool ends_execution(EventType type) {
  return type == EventType::kExecutionSucceeded || type == EventType::kExecutionFailed ||
         type == EventType::kExecutionAborted || type == EventType::kExecutionTimedOut;
}

// One visit of a state.
struct Visit {
  std::string name;
  EventType entry = EventType::kPassStateEntered;
  TimePoint entered;
  uint64_t attempts = 0;
  bool last_failed = false;
  std::optional<TimePoint> failed;  // the last time
  bool open = true;
};

class Reader {
 public:
  Looks read(const std::vector<HistoryEvent>& history) {
    for (const HistoryEvent& event : history) add(event);
    for (auto& [id, visit] : visits_) {
      if (visit.open) close(visit, left_open(visit), end_of(visit));
    }
    return std::move(looks_);
  }

 private:
  void add(const HistoryEvent& event) {
    previous_[event.id] = event.previous_id;
    // Of a state that failed as it was entered, it points past the entry.
    if (event.type == EventType::kEvaluationFailed) {
      if (uint64_t entry = entry_beside(event)) previous_[event.id] = entry;
    }
    if (event.type == EventType::kExecutionStarted) looks_.begun = event.time;
    if (event.type == EventType::kExecutionRedriven) looks_.ended.reset(), looks_.failed = false;
    if (ends_execution(event.type)) {
      looks_.ended = event.time;
      looks_.failed = event.type != EventType::kExecutionSucceeded;
      // A state whose data cannot be read fails without an event of its own.
      Visit* last = visit_of(event.id, "");
      if (event.type == EventType::kExecutionFailed && last != nullptr) last->last_failed = true;
      return;
    }
    if (enters(event.type)) enter(event);
    Visit* visit = exits(event.type) || aborts(event.type) ? visit_of(event.id, event.name)
                                                           : visit_of(event.id, "");
    if (auto entry = entry_of_failure(event.type)) visit = visit_around(event.id, *entry);
    if (visit == nullptr) return;
    Look& look = looks_.states[visit->name];
    if (schedules(event.type) && visit->attempts++ > 0) ++look.retries;
    if (fails(event.type)) ++look.failures;
    if (!exits(event.type)) visit->last_failed = fails(event.type);
    if (fails(event.type)) visit->failed = event.time;
    if (aborts(event.type)) close(*visit, Status::kAborted, event.time);
    if (exits(event.type)) {
      close(*visit, visit->last_failed ? Status::kCaught : Status::kSucceeded, event.time);
    }
  }

  void enter(const HistoryEvent& event) {
    visits_[event.id] = Visit{.name = event.name, .entry = event.type, .entered = event.time};
    Look& look = looks_.states[event.name];
    ++look.visits;
    look.status = std::max(look.status, Status::kRunning);
    looks_.path.push_back(event.name);
  }

  // The open visit of the event's state whose entry points where the event does; 0: none.
  uint64_t entry_beside(const HistoryEvent& event) const {
    for (auto at = visits_.rbegin(); at != visits_.rend(); ++at) {
      const auto& [entry, visit] = *at;
      if (visit.open && visit.name == event.name && previous_.at(entry) == event.previous_id) {
        return entry;
      }
    }
    return 0;
  }

  // The visit under which an event stands; of the state `name`, if one is told.
  Visit* visit_of(uint64_t id, std::string_view name) {
    return nearest(id, [=](const Visit& visit) { return name.empty() || visit.name == name; });
  }

  // Of a state that was so entered and has not failed yet.
  Visit* visit_around(uint64_t id, EventType entry) {
    return nearest(id, [=](const Visit& visit) {
      return visit.entry == entry && visit.open && !visit.last_failed;
    });
  }

  template <class Fits>
  Visit* nearest(uint64_t id, Fits fits) {
    // Each step goes to a smaller id.
    while (id != 0) {
      auto found = visits_.find(id);
      if (found != visits_.end() && fits(found->second)) return &found->second;
      auto before = previous_.find(id);
      if (before == previous_.end() || before->second >= id) return nullptr;
      id = before->second;
    }
    return nullptr;
  }

  Status left_open(const Visit& visit) const {
    if (!looks_.ended) return Status::kRunning;
    return visit.last_failed ? Status::kFailed : Status::kAborted;
  }

  // Of a visit that no event ended: by its failure, else by the execution's end.
  std::optional<TimePoint> end_of(const Visit& visit) const {
    if (!looks_.ended) return std::nullopt;
    return visit.last_failed && visit.failed ? visit.failed : looks_.ended;
  }

  void close(Visit& visit, Status status, std::optional<TimePoint> at) {
    Look& look = looks_.states[visit.name];
    // A visit that goes on is graver than none, and less than any that ended.
    look.status = std::max(look.status, status);
    if (at) {
      Millis took = *at - visit.entered;
      look.total += took;
      look.longest = std::max(look.longest, took);
    }
    visit.open = false;
  }

  Looks looks_;
  std::map<uint64_t, Visit> visits_;  // by the id of the event that entered
  std::unordered_map<uint64_t, uint64_t> previous_;
};

}  // namespace

std::string_view status_text(Status status) {
  static constexpr std::string_view kTexts[] = {"not run",      "running", "succeeded",
                                                "caught error", "failed",  "aborted"};
  return kTexts[static_cast<size_t>(status)];
}

Looks looks_of(const std::vector<HistoryEvent>& history) {
  return Reader().read(history);
}

void add_child(Looks& sum, const Looks& child) {
  for (const auto& [name, look] : child.states) {
    Look& all = sum.states[name];
    all.status = std::max(all.status, look.status);
    all.visits += look.visits;
    all.failures += look.failures;
    all.retries += look.retries;
    all.total += look.total;
    all.longest = std::max(all.longest, look.longest);
  }
}

}  // namespace suiro::statechart
