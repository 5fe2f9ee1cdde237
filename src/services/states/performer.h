// SPDX-License-Identifier: Apache-2.0
// Performer: does the work of Task states: calls the service behind the resource, waits for the end
// of what .sync started, and reports.
//
//   Executions ──perform(call, reporter)──► Performer ──► OperationCaller, FunctionCaller, HTTP
//        ▲                                      │
//        └───────────── report() ◄──────────────┘      each report is one commit
//
// Invariants:
//  1. perform() of one effect runs at most once at a time. After a crash it is called again with
//     what save() kept last, so that work that was started is found and not started again.
//  2. Calls carry `call.key` where the target takes an idempotency token or a name.
// Activities never come here: they wait in the queue of Executions.
// Threads: the execution's shard; perform() is a coroutine of a scope that Executions closes.
#pragma once

#include "base/cancellation.h"
#include "base/trace.h"
#include "engine/workflow/execution.h"

namespace suiro::http_out {
struct Request;
struct Reply;
}  // namespace suiro::http_out

namespace suiro::states {

struct TaskCall {
  std::string execution_arn;
  std::string machine_arn;
  // Of the machine; it assumes the role of the effect's credentials, where it has one.
  std::string role_arn;
  bool express = false;
  workflow::TaskEffect effect;
  // 64 hex digits of (execution ARN, start, effect id): the same in every incarnation.
  std::string key;
  Bytes saved;  // what save() kept; empty: this is the first time
  TraceContext cause;
};

// Sees what an HTTP task sends and gets.
class HttpWatcher {
 public:
  virtual ~HttpWatcher() = default;
  // Whether it is shown what the task's connection adds to the request.
  virtual bool sees_secrets() const = 0;
  virtual void sent(const http_out::Request& request) = 0;
  virtual void got(const http_out::Reply& reply, std::string_view reason) = 0;
};

class TaskReporter {
 public:
  virtual ~TaskReporter() = default;
  // EffectStarted, EffectSubmitted, EffectSucceeded or EffectFailed of this effect, durable when
  // this completes. kClosed: nobody waits for the effect any more, or with Retry::kLater the server
  // stops; perform() should end.
  virtual Task<Result<void>> report(workflow::Occurrence occurrence) = 0;
  // Keeps notes for the next incarnation, durable when this completes.
  virtual Task<Result<void>> save(Bytes notes) = 0;
  // report(occurrence) and save(notes) in one commit.
  virtual Task<Result<void>> report_and_save(workflow::Occurrence occurrence, Bytes notes) = 0;
  // True as soon as the effect was cancelled or the server stops: loops that wait look at it.
  virtual bool cancelled() const = 0;
  // Rings when cancelled() becomes true: calls that wait long are told. Null: nobody is told.
  virtual std::shared_ptr<Cancellation> cancellation() const { return {}; }
  // The work goes on elsewhere; from here on it is only followed, however long: its place among
  // the effects that are performed at once becomes free.
  virtual void follows() {}
  // Null: nobody wants to see.
  virtual HttpWatcher* http_watcher() { return nullptr; }
  // Waits for `duration`, less where cancelled() becomes true.
  virtual Task<void> wait(Millis duration) = 0;
};

class Performer {
 public:
  virtual ~Performer() = default;
  // Ends when it has reported the result or, for callbacks, that the request was submitted. What
  // ends without either (the server stops) is performed again after a start.
  virtual Task<void> perform(TaskCall call, TaskReporter& reporter) = 0;
  // Stops what .sync started: its state timed out, was aborted, or a sibling failed. Errors with
  // Retry::kLater: it is to be called again.
  virtual Task<Result<void>> cancel(TaskCall call) = 0;
};

}  // namespace suiro::states
