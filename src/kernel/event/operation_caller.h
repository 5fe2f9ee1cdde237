// SPDX-License-Identifier: Apache-2.0
// OperationCaller: calls any operation of any service by name with JSON, on behalf of a service
// (a schedule's universal target, a workflow's task). The server implements it over the registry of
// operations and hands it to the services that need it, since no service calls a sibling.
//
// Invariant: a call is not part of anybody's commit: who must not lose it calls again after a
// crash, and the operation then runs at least once.
// Threads: any shard. Failure: the operation's own errors.
#pragma once

#include <string>

#include "base/task.h"
#include "base/trace.h"

namespace suiro::event {

class OperationCaller {
 public:
  struct Request {
    std::string service;     // as AWS SDKs name it in target ARNs: "sqs", "sfn", "cloudwatchlogs"
    std::string operation;   // "sendMessage" or "SendMessage"
    std::string json;        // the input; members by their model names
    std::string principal;   // who calls: "scheduler.amazonaws.com"
    std::string role_arn;    // as whom
    std::string source_arn;  // for which resource
    TraceContext cause;
  };
  virtual ~OperationCaller() = default;
  // Whether there is such an operation. Errors: NotImplemented.
  virtual Result<void> check(std::string service, std::string operation) const = 0;
  // The output as JSON.
  virtual Task<Result<std::string>> call(Request request) = 0;
};

}  // namespace suiro::event
