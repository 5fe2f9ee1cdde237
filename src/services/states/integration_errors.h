// SPDX-License-Identifier: Apache-2.0
// How tasks see the errors of services: AWS's optimised integrations call through the first SDK for
// Java, "aws-sdk" tasks through the second, and both give errors the names and texts of their SDK.
// Source: recordings of AWS. Thread: pure functions.
#pragma once

#include "kernel/event/operation_caller.h"
#include "services/states/integration.h"

namespace suiro::states {

enum class Sdk : uint8_t { kFirst, kSecond };

struct SdkService {
  Sdk sdk = Sdk::kSecond;
  std::string id;              // for OperationCaller: "sqs", "sfn"
  std::string error_prefix;    // "SQS", "Sqs"
  std::string name;            // in causes: "AmazonSQS", "Sqs"
  std::string base_exception;  // of errors that the SDK has no exception for
  std::string content_type;    // of the first SDK's HTTP metadata
};

// A service of optimised integrations: "lambda", "sqs", "states", "ecs", "events".
SdkService optimised_service(std::string_view name);
// As the second SDK names it, in any case: "sfn", "cloudwatchlogs".
SdkService sdk_service(std::string_view name);

TaskFault fault_of(const SdkService& service, const Error& error,
                   const event::OperationCaller::Fault& facts, std::string_view request_id);

// The arguments do not fit the operation.
TaskFault refused_arguments(std::string_view arguments, std::string_view reason);

}  // namespace suiro::states
