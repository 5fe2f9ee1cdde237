// SPDX-License-Identifier: Apache-2.0
// Integration: how the tasks of one service are done: its request, its answer in AWS's form, and
// for .sync how the end of the work is awaited and the work stopped.
//
//   Performer ──mark──► begin() ──► (output, notes) ──save──► follow(notes) ──► output
//                                                             stop(notes)
//
// Invariant: follow() and stop() need nothing but the call and the notes: they run after a crash.
// Threads: the execution's shard. Failure: a TaskFault, as the state's Retry and Catch see it.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "engine/json/value.h"
#include "services/states/performer.h"

namespace suiro::states {

inline constexpr std::string_view kRuntimeError = "States.Runtime";
inline constexpr std::string_view kTaskFailedError = "States.TaskFailed";

struct TaskFault {
  std::string error;
  std::string cause;
  Retry retry = Retry::kNever;  // of the call itself: whether it says nothing about the work
};
template <class T>
using Attempt = std::expected<T, TaskFault>;

// Notes from before the call: it may have been made, at this time or later.
std::string mark_of(TimePoint time);
std::optional<TimePoint> read_mark(std::string_view notes);

struct Begun {
  std::string output;      // JSON text
  std::string notes = {};  // of .sync: what follow() and stop() go by; not empty
};

// One attempt of a task. Borrows the call.
struct Work {
  const TaskCall& call;
  json::Value arguments;  // an object; of a function's ARN anything
  std::shared_ptr<Cancellation> cancellation;
  HttpWatcher* http = nullptr;
  // Of the mark that a crash left: an earlier incarnation may have made this very call.
  std::optional<TimePoint> marked = {};
};

class Integration {
 public:
  virtual ~Integration() = default;
  // Whether the service has this action with this pattern.
  virtual bool has(const workflow::Resource& resource) const = 0;
  // Whether a mark is to be durable before begin(): what may have begun must be found again.
  virtual bool is_marked(const TaskCall&) const { return false; }
  virtual Task<Attempt<Begun>> begin(Work work) = 0;
  // The end of what .sync began. nullopt: it was cancelled before. Asks again where a call fails
  // with Retry::kLater: the work goes on.
  virtual Task<std::optional<Attempt<std::string>>> follow(const TaskCall& call, std::string notes,
                                                           TaskReporter& reporter);
  // `notes` may be empty, where nothing began that has a mark, or the mark: a crash came between
  // the begin and its notes. Errors: with Retry::kLater those after which it is to be tried again.
  // What cannot be stopped (it has ended, the role may not) goes on: nobody is left to be told.
  virtual Task<Result<void>> stop(const TaskCall& call, std::string notes);
};

}  // namespace suiro::states
