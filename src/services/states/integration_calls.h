// SPDX-License-Identifier: Apache-2.0
// ServiceCalls: operations of services on behalf of a task, as the role of its machine, with
// errors and HTTP metadata as AWS's SDKs give them.
// Threads: any shard. Failure: TaskFaults.
#pragma once

#include "kernel/event/kernel.h"
#include "services/states/integration_errors.h"
#include "services/states/types.h"

namespace suiro::states {

class ServiceCalls {
 public:
  struct Request {
    SdkService service;
    std::string operation;
    json::Value input;  // members begin with a capital
    std::shared_ptr<Cancellation> cancellation = {};
  };
  struct Reply {
    json::Value output;
    std::string request_id;
    size_t bytes = 0;          // of the output as text
    std::string trace_header;  // of the call
  };

  ServiceCalls(event::Kernel& kernel, event::OperationCaller& operations)
      : kernel_(kernel), operations_(operations) {}

  // Errors: also States.Runtime where the input does not fit the operation.
  Task<Attempt<Reply>> call(const TaskCall& task, Request request);
  // As the service itself: what no policy of the machine's owner needs to allow.
  Task<Attempt<Reply>> call_as_service(const TaskCall& task, Request request);
  // The first SDK's output: members sorted, with SdkHttpMetadata and SdkResponseMetadata.
  std::string with_metadata(const SdkService& service, Reply reply) const;

  event::Kernel& kernel() { return kernel_; }
  const event::OperationCaller& operations() const { return operations_; }

 private:
  Task<Attempt<Reply>> call_as(std::string role_arn, const TaskCall& task, Request request);

  event::Kernel& kernel_;
  event::OperationCaller& operations_;
};

// What stop() says of its call, and of one that failed.
Result<void> result_of_stop(const TaskFault& fault);
Result<void> result_of_stop(const Attempt<ServiceCalls::Reply>& reply);
// Text of an object with its members sorted by name.
std::string sorted_text(json::Object object);
// Text of a string member; empty where it is no string.
std::string text_of(const json::Value& object, std::string_view name);

}  // namespace suiro::states
