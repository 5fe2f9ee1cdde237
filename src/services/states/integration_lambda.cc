// SPDX-License-Identifier: Apache-2.0
// Source: Step Functions Developer Guide, "Invoke an AWS Lambda function with Step Functions".
#include <fmt/format.h>

#include "services/states/integration_services.h"

namespace suiro::states {
namespace {

// Named by what the function raised: its errorType.
TaskFault function_fault(const std::string& payload) {
  const auto parsed = json::parse(payload);
  const std::string type = parsed ? text_of(*parsed, "errorType") : std::string();
  if (!type.empty()) return {type, payload};
  return {"Lambda.Unknown",
          fmt::format("The cause could not be determined because Lambda did not return an error "
                      "type. Returned payload: {}",
                      payload)};
}

json::Value request_of(const Work& work) {
  json::Object request;
  if (work.call.effect.resource.kind == workflow::Resource::Kind::kLambdaFunction) {
    request.set("FunctionName", work.call.effect.resource.arn);
    request.set("Payload", json::write(work.arguments));
    return request;
  }
  request = work.arguments.as_object();
  if (const json::Value* payload = work.arguments.find("Payload")) {
    request.set("Payload", json::write(*payload));
  }
  return request;
}

}  // namespace

bool LambdaIntegration::has(const workflow::Resource& resource) const {
  using Pattern = workflow::Pattern;
  if (resource.kind == workflow::Resource::Kind::kLambdaFunction) return true;
  return resource.action == "invoke" && (resource.pattern == Pattern::kRequestResponse ||
                                         resource.pattern == Pattern::kWaitForTaskToken);
}

Task<Attempt<Begun>> LambdaIntegration::begin(Work work) {
  const SdkService service = optimised_service("lambda");
  auto reply = co_await calls_.call(work.call, {.service = service,
                                                .operation = "invoke",
                                                .input = request_of(work),
                                                .cancellation = work.cancellation});
  if (!reply) co_return std::unexpected(std::move(reply).error());
  const std::string payload = text_of(reply->output, "Payload");
  if (!text_of(reply->output, "FunctionError").empty()) {
    co_return std::unexpected(function_fault(payload));
  }
  if (work.call.effect.resource.kind == workflow::Resource::Kind::kLambdaFunction) {
    co_return Begun{.output = payload.empty() ? "null" : payload};
  }
  // The payload as JSON; what is none stays text, as the empty one of an asynchronous call.
  auto parsed = json::parse(payload);
  reply->output.edit_object().set("Payload", parsed ? *std::move(parsed) : json::Value(payload));
  co_return Begun{.output = calls_.with_metadata(service, *std::move(reply))};
}

}  // namespace suiro::states
