// SPDX-License-Identifier: Apache-2.0
#include "server/operations.h"

#include <fmt/format.h>

#include "protocol/aws/codec.h"
#include "server/output_check.h"
#include "shapes/json.h"
#include "shapes/validate.h"

namespace suiro::server {
namespace {

// The names that AWS SDKs give services, where the models here have another.
std::string model_of(const std::string& service) {
  const std::string name = to_lower(service);
  constexpr std::pair<std::string_view, std::string_view> kOthers[] = {
      {"cloudwatchlogs", "logs"},
      {"eventbridge", "events"},
      {"cloudwatchevents", "events"},
      {"sfn", "states"},
      {"kinesisanalytics2", "kinesisanalyticsv2"}};
  for (const auto& [sdk, model] : kOthers) {
    if (name == sdk) return std::string(model);
  }
  return name;
}

shapes::Dialect dialect_of(event::OperationCaller::Request::Names names) {
  using Names = event::OperationCaller::Request::Names;
  if (names == Names::kSdk) return shapes::Dialect::kSdk;
  return names == Names::kSdkMillis ? shapes::Dialect::kSdkMillis : shapes::Dialect::kPlain;
}

std::string operation_of(std::string name) {
  if (!name.empty() && name[0] >= 'a' && name[0] <= 'z') {
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
  }
  return name;
}

}  // namespace

// A session of the role that the caller was given; the service itself where there is none.
Result<shapes::Principal> Operations::caller_of(const Request& request) const {
  using Kind = shapes::Principal::Kind;
  if (request.role_arn.empty()) {
    return shapes::Principal{Kind::kService, options_.account, request.principal, ""};
  }
  return options_.identities.caller(request.role_arn, request.principal);
}

Task<Result<shapes::Principal>> Operations::assume(shapes::Call call, std::string role_arn,
                                                   std::string session_name) {
  const auto* handler = options_.registry.find("sts", "AssumeRole");
  CHECK(handler != nullptr);
  json::Object input;
  input.set("RoleArn", std::move(role_arn));
  input.set("RoleSessionName", std::move(session_name));
  std::string text = json::write(std::move(input));
  CO_TRY_VOID(permit(call, handler->operation(), text, shapes::Dialect::kPlain));
  CO_TRY(std::string reply, co_await options_.registry.call("sts", "AssumeRole", std::move(text),
                                                            call, shapes::Dialect::kPlain));
  CO_TRY(const json::Value answer, json::parse(reply));
  const json::Value* keys = answer.find("Credentials");
  CHECK(keys != nullptr);
  auto found = options_.identities.find(keys->find("AccessKeyId")->as_string(),
                                        keys->find("SessionToken")->as_string());
  if (!found) co_return fail("AccessDenied", "the assumed session ended at once");
  co_return std::move(found->principal);
}

// The gatekeeper asks what is in the input; the registry reads it once more for the handler.
Result<void> Operations::permit(shapes::Call& call, const shapes::Operation& operation,
                                std::string json, shapes::Dialect dialect) const {
  shapes::Value input(*operation.input);
  shapes::Violations violations;
  TRY_VOID(shapes::read_json(json, *operation.input, input.data(), dialect, violations));
  TRY_VOID(shapes::check_request(operation, input.data(), violations));
  auto denial = options_.gatekeeper.deny(call, operation, input);
  if (!denial) return ok();
  const shapes::Protocol protocol = operation.service->protocols.front();
  return fail(std::string(aws::denial_code(operation, protocol)), std::move(*denial));
}

Result<void> Operations::check(std::string service, std::string operation) const {
  // Suiro's own operations are for the root user.
  const std::string model = model_of(service);
  const std::string name = operation_of(std::move(operation));
  if (model != "suiro" && options_.registry.find(model, name) != nullptr) return ok();
  return fail(codes::kNotImplemented,
              fmt::format("{}:{} is not supported by Suiro", service, name));
}

event::OperationCaller::Fault Operations::fault_of(std::string service, const Error& error) const {
  const std::string model = model_of(service);
  const shapes::ServiceModel* found = options_.registry.model(model);
  Fault fault{.status = aws::error_status(found, error.code), .service_code = error.code};
  const auto* known = found == nullptr ? nullptr : found->find_error(error.code);
  // The table has errors besides that Suiro gives, as AWS does, without the public model's word.
  fault.modelled = known != nullptr && known->shape != nullptr;
  if (known != nullptr && !known->query_code.empty()) fault.service_code = known->query_code;
  return fault;
}

Result<void> Operations::check_output(Output output) const {
  const shapes::ServiceModel* model = options_.registry.model(model_of(output.service));
  const shapes::Operation* operation =
      model == nullptr ? nullptr : model->find_operation(operation_of(output.operation));
  if (operation == nullptr) {
    return fail(codes::kNotImplemented, fmt::format("Suiro does not know the model of {}:{}",
                                                    output.service, output.operation));
  }
  TRY(const json::Value value, json::parse(output.json));
  return server::check_output(*operation->output, value, output);
}

Task<Result<std::string>> Operations::call(Request request) {
  CO_TRY_VOID(check(request.service, request.operation));
  shapes::Call call;
  call.now = options_.clock.now();
  call.request_id = request.request_id.empty() ? new_request_uuid(call.now, options_.random)
                                               : std::move(request.request_id);
  call.cancellation = std::move(request.cancellation);
  call.trace = request.cause;
  call.caused_by = request.cause.span_id;
  call.region = options_.region;
  call.account = options_.account;
  CO_TRY(call.principal, caller_of(request));
  if (!request.assumed_role_arn.empty() && request.assumed_role_arn != request.role_arn) {
    CO_TRY(call.principal, co_await assume(call, std::move(request.assumed_role_arn),
                                           session_of(request.principal)));
  }
  const std::string service = model_of(request.service);
  const std::string operation = operation_of(std::move(request.operation));
  const auto* handler = options_.registry.find(service, operation);
  CO_TRY_VOID(permit(call, handler->operation(), request.json, dialect_of(request.names)));
  co_return co_await options_.registry.call(service, operation, std::move(request.json), call,
                                            dialect_of(request.names));
}

}  // namespace suiro::server
