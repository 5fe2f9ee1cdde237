// SPDX-License-Identifier: Apache-2.0
// Executions: the running state machines: started, driven, stopped, kept.
//
//   API (api.h) ──► Executions ──► workflow::Execution::step() ──► one commit: cells, history,
//                        ▲                                          effects, timers
//                        │                                                │ durable
//                        └──────── occurrences ◄── Performer ◄────────────┘ effects
//
// Invariants:
//  1. An acknowledged start is durable, and the execution goes on after any crash.
//  2. An effect is performed only when the commit that asks for it is durable; after a crash those
//     that have no result yet are performed again, with the same id.
//  3. A result and what follows from it are one commit with the end of its effect.
//  4. Waiting executions cost no memory but a cache that is bounded.
//
// Threads: any; an execution's work hops to the shard that owns its ARN.
// Failure: errors of the API by their codes ("ExecutionDoesNotExist", "InvalidToken", ...).
// Bytes on disk: docs/formats/states.md.
#pragma once

#include "base/cancellation.h"
#include "base/trace.h"
#include "engine/workflow/execution.h"
#include "kernel/event/kernel.h"

namespace suiro::states {

// A state machine as it is at a start.
struct MachineAtStart {
  std::string machine_arn;  // without version or alias
  std::string version_arn;  // where started by a version, or by an alias that led to one
  std::string alias_arn;    // where started by an alias
  std::string name;
  std::string role_arn;
  std::string revision_id;  // of the definition: which text describe_machine_of() tells later
  std::string definition;
  workflow::MachineType type = workflow::MachineType::kStandard;
  std::string logging;  // loggingConfiguration as plain JSON; empty: none
  std::string tracing;  // tracingConfiguration, kept and told again
  TimePoint updated;    // of this revision: DescribeStateMachineForExecution tells it
  std::shared_ptr<const workflow::Plan> plan;
};

struct StartRequest {
  MachineAtStart machine;
  std::string name;   // empty: a UUID is made
  std::string input;  // JSON text, checked by the API for being JSON and for its size
  std::string trace_header;
  std::string parent_arn;  // the execution that started it; empty: none
  TraceContext cause;
};

struct StartReply {
  std::string execution_arn;
  TimePoint start;
};

// What DescribeExecution tells.
struct ExecutionRecord {
  std::string arn;
  std::string name;
  MachineAtStart machine;  // plan: null
  workflow::ExecutionStatus status = workflow::ExecutionStatus::kRunning;
  bool pending_redrive = false;
  TimePoint start;
  std::optional<TimePoint> stop;
  std::string input;
  std::optional<std::string> output;
  std::optional<std::string> error;
  std::optional<std::string> cause;
  std::string trace_header;
  std::string map_run_arn;  // of a distributed Map's child
  uint64_t redrive_count = 0;
  std::optional<TimePoint> redrive_time;
  std::string redrive_status;  // "REDRIVABLE", "NOT_REDRIVABLE", "REDRIVABLE_BY_MAP_RUN"
  std::string redrive_status_reason;
  TraceContext started_by;  // with the span of what asked for the start
};

struct ListRequest {
  std::string machine_arn;  // with or without version or alias; or
  std::string map_run_arn;
  std::optional<workflow::ExecutionStatus> status;
  bool pending_redrive = false;  // statusFilter PENDING_REDRIVE
  std::optional<bool> redriven;  // redriveFilter
  size_t results_max = 100;
  std::string next_token;
};
struct ListPage {
  std::vector<ExecutionRecord> executions;  // newest first; without input and output
  std::string next_token;
};

struct HistoryRequest {
  std::string execution_arn;
  bool newest_first = false;
  size_t results_max = 100;
  std::string next_token;
};
struct HistoryPage {
  std::vector<workflow::HistoryEvent> events;
  std::string next_token;
};

struct ActivityTask {
  std::string token;  // empty: none came in time
  std::string input;
};

class Executions {
 public:
  virtual ~Executions() = default;

  // Standard and asynchronous Express. Errors: ExecutionAlreadyExists, ExecutionLimitExceeded.
  virtual Task<Result<StartReply>> start(StartRequest request) = 0;
  // Express: runs to its end and tells it. Nothing of it survives a crash: its caller reads no
  // reply then. Errors: as start().
  virtual Task<Result<ExecutionRecord>> run_sync(StartRequest request) = 0;
  // Errors: ExecutionDoesNotExist. Of an ended one: nothing happens, its stop time is told.
  virtual Task<Result<TimePoint>> stop(std::string arn, std::optional<std::string> error,
                                       std::optional<std::string> cause) = 0;
  // Errors: ExecutionDoesNotExist, ExecutionNotRedrivable, ExecutionLimitExceeded.
  virtual Task<Result<TimePoint>> redrive(std::string arn, std::string client_token) = 0;
  virtual Task<Result<ExecutionRecord>> describe(std::string arn) = 0;
  // Errors: InvalidToken; of a Map Run InvalidArn, ResourceNotFound.
  virtual Task<Result<ListPage>> list(ListRequest request) = 0;
  virtual Task<Result<HistoryPage>> history(HistoryRequest request) = 0;
  // Whether executions of this machine run: a machine that is deleted waits for them.
  virtual Task<Result<bool>> any_running(std::string machine_arn) = 0;

  // Callbacks and activities. Errors: InvalidToken, TaskDoesNotExist, TaskTimedOut, InvalidOutput.
  virtual Task<Result<void>> task_succeeded(std::string token, std::string output) = 0;
  virtual Task<Result<void>> task_failed(std::string token, std::string error,
                                         std::string cause) = 0;
  virtual Task<Result<void>> task_heartbeat(std::string token) = 0;
  // Waits up to 60 s for work of an activity. Whether it exists was asked before.
  // Less where `cancellation` (may be null) is cancelled: a worker that has gone gets no work.
  virtual Task<Result<ActivityTask>> take_activity_task(
      std::string activity_arn, std::string worker_name,
      std::shared_ptr<Cancellation> cancellation = nullptr) = 0;
  // Completes when the execution has ended; at once where it has. Errors: ExecutionDoesNotExist;
  // kClosed when the server stops, or `cancellation` (which may be null) rings.
  virtual Task<Result<ExecutionRecord>> ended(std::string arn,
                                              std::shared_ptr<Cancellation> cancellation = {}) = 0;
};

}  // namespace suiro::states
