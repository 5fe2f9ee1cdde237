// SPDX-License-Identifier: Apache-2.0
// OperationCaller: calls any operation of any service by name with JSON, on behalf of a service
// (a schedule's universal target, a workflow's task). The server implements it over the registry of
// operations and hands it to the services that need it, since no service calls a sibling.
//
// Invariant: a call is not part of anybody's commit: who must not lose it calls again after a
// crash, and the operation then runs at least once.
// Threads: any shard. Failure: the operation's own errors.
#pragma once

#include <memory>
#include <string>

#include "base/cancellation.h"
#include "base/task.h"
#include "base/trace.h"

namespace suiro::event {

class OperationCaller {
 public:
  struct Request {
    std::string service;     // as AWS SDKs name it in target ARNs: "sqs", "sfn", "cloudwatchlogs"
    std::string operation;   // "sendMessage" or "SendMessage"
    std::string json;        // the input, in the form of `names`
    std::string principal;   // who calls: "scheduler.amazonaws.com"
    std::string role_arn;    // as whom
    std::string source_arn;  // for which resource
    TraceContext cause;
    // How members of input and output are named, and times written (shapes/json.h: dialects).
    enum class Names : uint8_t { kModel, kSdk, kSdkMillis };
    Names names = Names::kModel;
    std::string request_id = {};  // a UUID; empty: one is made
    // A role that `role_arn` assumes for this call (a workflow's Credentials): its policies must
    // allow sts:AssumeRole, and the trust policy of this one must name it. Empty: none.
    std::string assumed_role_arn = {};
    // Rings when nobody waits for the answer any more. Null: the caller waits to the end.
    std::shared_ptr<Cancellation> cancellation = {};
  };
  // How a service's error is known to its SDKs.
  struct Fault {
    int status = 400;
    bool modelled = false;     // the SDKs have an exception of that name
    std::string service_code;  // on the wire where it differs from the code; else the code
  };
  virtual ~OperationCaller() = default;
  // Whether there is such an operation. Errors: NotImplemented.
  virtual Result<void> check(std::string service, std::string operation) const = 0;
  virtual Fault fault_of(std::string service, const Error& error) const = 0;
  // What could have been an operation's output, named as the SDKs name it.
  struct Output {
    std::string service;
    std::string operation;
    std::string json;
    bool is_partial = false;             // members that the model requires may be absent
    std::vector<std::string> unchecked;  // members of the output that may hold anything
  };
  // Whether it could: members that the model does not know are passed over. Errors:
  // kInvalidArgument: what does not fit ("Field 'StartDate' must be a string"); NotImplemented: the
  // model of the operation is not known here, as nobody's is by default.
  virtual Result<void> check_output(Output output) const {
    return fail(codes::kNotImplemented,
                "the model of " + output.service + ":" + output.operation + " is not known");
  }
  // The output as JSON. Errors: the operation's; with the SDKs' names also
  // shapes::kUnknownMember (the message is the name).
  virtual Task<Result<std::string>> call(Request request) = 0;
};

}  // namespace suiro::event
