// SPDX-License-Identifier: Apache-2.0
// AsyncRunner: asynchronous invocations, from their acceptance to their end.
//
//              accept()                    run_one()
//   (caller) ----------> ready on disk ----------------> gone, with the records for destinations
//                           ^     |                          (one commit: finish())
//             on_timer()    |     | failed, throttled: postpone()
//                           |     v
//                        waiting on disk, with a durable timer
//
// Invariants:
//  1. An invocation is acknowledged after its record is durable, and its record goes in the commit
//     that emits what its destinations get: at least one run, exactly one record for destinations.
//  2. After a restart every ready record runs (again), and every waiting one when its timer fires.
//  3. At most kAsyncReadyMax ids of a function are in memory; further ones are found by scans.
//
// Rules: AWS Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous
// invocation" and "Capturing records of Lambda asynchronous invocations".
// Thread: the owner shard of the function. Bytes on disk: docs/formats/lambda.md.
#pragma once

#include <string>

#include "services/lambda/context.h"
#include "services/lambda/invoker.h"

namespace suiro::lambda {

class AsyncRunner {
 public:
  static constexpr std::string_view kTimerKind = "lambda.retry";

  AsyncRunner(Context& context, Invoker& invoker) : context_(context), invoker_(invoker) {}
  // Registers the timers' handler. Before the kernel starts.
  void register_timers();

  struct Request {
    std::string qualifier;
    std::string request_id;
    Bytes payload;
    std::string client_context;
    TraceContext cause;
  };
  // Commits the invocation together with `batch`, then runs it beside.
  // Errors: TooManyRequestsException (kAsyncBacklogMax), those of the store.
  Task<Result<void>> accept(FunctionState* function, Request request, store::Batch batch);
  // Looks for what a stopped process left. After the functions are loaded.
  Task<Result<void>> recover(FunctionState* function);
  // Starts what can run now.
  void pump(FunctionState* function);

 private:
  struct Job {
    FunctionState* function = nullptr;
    Bytes id;
    AsyncInvocation record;
    Bytes payload;
  };
  struct Limits {
    Millis age_max;
    uint32_t retries_max;
    InvokeConfig config;
  };
  static Task<void> run_one(AsyncRunner* runner, FunctionState* function, Bytes id);
  static Task<void> refill(AsyncRunner* runner, FunctionState* function);
  // What the store's answer leaves to do: wait and try again, where it was merely busy.
  Task<bool> waits_for_store(Error error);
  Task<Result<std::optional<Job>>> load(FunctionState* function, Bytes id);
  Task<Result<void>> run_job(Job job);
  Task<Result<void>> after_failure(Job job, Limits limits, sandbox::Outcome outcome,
                                   std::string version);
  Task<Result<void>> postpone(Job job, Limits limits, Millis delay);
  struct End {
    std::string condition;  // "Success", "RetriesExhausted", "EventAgeExceeded", ...
    std::string version;    // that ran last; empty: none did
    std::optional<sandbox::Outcome> outcome;
    std::string dead_letter_arn;
    std::string message;  // for the dead-letter queue
  };
  Task<Result<void>> finish(Job job, Limits limits, End end);
  void emit_records(store::Batch& batch, const Job& job, const Limits& limits, const End& end);
  Task<Result<void>> on_timer(event::Timer timer, store::Batch consume);
  Limits limits_of(const FunctionState& function, const std::string& qualifier) const;
  event::Timer timer_of(const Job& job) const;
  bool offer(FunctionState* function, Bytes id);
  uint32_t running_max(const FunctionState& function) const;

  Context& context_;
  Invoker& invoker_;
};

// The document that a destination gets (same guide, "Invocation record"). Exposed for tests.
struct InvocationRecord {
  TimePoint at;
  std::string request_id;
  std::string function_arn;
  std::string condition;
  uint32_t invoke_count = 0;
  ByteView request_payload;
  std::string version;  // empty: the function did not run, and there is no response
  bool failed = false;
  ByteView response_payload;
};
Bytes invocation_record(const InvocationRecord& record);

}  // namespace suiro::lambda
