// SPDX-License-Identifier: Apache-2.0
#include "services/states/integration_errors.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/check.h"
#include "shapes/json.h"

namespace suiro::states {
namespace {

// As both SDKs make a class of an error's name.
std::string exception_of(std::string_view code) {
  constexpr std::string_view kException = "Exception";
  constexpr std::string_view kFault = "Fault";
  if (code.ends_with(kException)) return std::string(code);
  if (code.ends_with(kFault)) code.remove_suffix(kFault.size());
  return std::string(code).append(kException);
}

// What AWS calls the extended id of a request: here the request's id once more, in another form.
std::string extended_id(std::string_view request_id) {
  return base64_encode(request_id);
}

std::string cause_of(const SdkService& service, const Error& error,
                     const event::OperationCaller::Fault& facts, std::string_view request_id) {
  if (service.sdk == Sdk::kFirst) {
    return fmt::format(
        "{} (Service: {}; Status Code: {}; Error Code: {}; Request ID: {}; "
        "Proxy: null)",
        error.message, service.name, facts.status,
        facts.service_code.empty() ? error.code : facts.service_code, request_id);
  }
  if (service.id == "s3") {
    return fmt::format("{} (Service: S3, Status Code: {}, Request ID: {}, Extended Request ID: {})",
                       error.message, facts.status, request_id, extended_id(request_id));
  }
  return fmt::format("{} (Service: {}, Status Code: {}, Request ID: {}) (SDK Attempt Count: 1)",
                     error.message, service.name, facts.status, request_id);
}

}  // namespace

SdkService optimised_service(std::string_view name) {
  struct Known {
    std::string_view name, id, prefix, service, content_type;
  };
  static constexpr Known kKnown[] = {
      {"lambda", "lambda", "Lambda", "AWSLambda", "application/json"},
      {"sqs", "sqs", "SQS", "AmazonSQS", "application/x-amz-json-1.0"},
      {"states", "sfn", "StepFunctions", "AWSStepFunctions", "application/x-amz-json-1.0"},
      {"ecs", "ecs", "ECS", "AmazonECS", "application/x-amz-json-1.1"},
      {"events", "eventbridge", "EventBridge", "AmazonEventBridge", "application/x-amz-json-1.1"}};
  for (const Known& known : kKnown) {
    if (known.name != name) continue;
    return {.sdk = Sdk::kFirst,
            .id = std::string(known.id),
            .error_prefix = std::string(known.prefix),
            .name = std::string(known.service),
            .base_exception = std::string(known.service) + "Exception",
            .content_type = std::string(known.content_type)};
  }
  CHECK(false, "no such optimised integration");
}

SdkService sdk_service(std::string_view name) {
  static constexpr std::string_view kNames[] = {"CloudWatchEvents", "CloudWatchLogs", "EventBridge",
                                                "KinesisAnalytics", "KinesisAnalyticsV2"};
  SdkService out{.id = to_lower(name)};
  out.name = out.id;
  if (!out.name.empty() && out.name[0] >= 'a' && out.name[0] <= 'z') {
    out.name[0] = static_cast<char>(out.name[0] - 'a' + 'A');
  }
  for (std::string_view known : kNames) {
    if (equal_ignore_case(known, name)) out.name = known;
  }
  out.error_prefix = out.name;
  out.base_exception = out.name + "Exception";
  return out;
}

TaskFault fault_of(const SdkService& service, const Error& error,
                   const event::OperationCaller::Fault& facts, std::string_view request_id) {
  // AWS has what Suiro lacks: no error of the service, and none that a retry would mend.
  if (error.code == codes::kNotImplemented) return {std::string(kRuntimeError), error.message};
  const std::string exception = facts.modelled ? exception_of(error.code) : service.base_exception;
  return {fmt::format("{}.{}", service.error_prefix, exception),
          cause_of(service, error, facts, request_id)};
}

TaskFault refused_arguments(std::string_view arguments, std::string_view reason) {
  return {std::string(kRuntimeError),
          fmt::format("The Parameters '{}' could not be used to start the Task: [{}]", arguments,
                      reason)};
}

}  // namespace suiro::states
