// SPDX-License-Identifier: Apache-2.0
#include "server/operations.h"

#include <fmt/format.h>

namespace suiro::server {
namespace {

// The names that AWS SDKs give services, where the models here have another.
std::string model_of(const std::string& service) {
  const std::string name = to_lower(service);
  constexpr std::pair<std::string_view, std::string_view> kOthers[] = {
      {"cloudwatchlogs", "logs"},
      {"eventbridge", "events"},
      {"sfn", "states"},
      {"kinesisanalytics2", "kinesisanalyticsv2"}};
  for (const auto& [sdk, model] : kOthers) {
    if (name == sdk) return std::string(model);
  }
  return name;
}

std::string operation_of(std::string name) {
  if (!name.empty() && name[0] >= 'a' && name[0] <= 'z') {
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
  }
  return name;
}

}  // namespace

// A session of the role that the caller was given; the service itself where there is none.
shapes::Principal Operations::caller_of(const Request& request) const {
  using Kind = shapes::Principal::Kind;
  if (request.role_arn.empty()) return {Kind::kService, options_.account, request.principal, ""};
  const std::string role = request.role_arn.substr(request.role_arn.rfind('/') + 1);
  const std::string session = request.principal.substr(0, request.principal.find('.'));
  return {Kind::kFunction, options_.account,
          fmt::format("arn:aws:sts::{}:assumed-role/{}/{}", options_.account, role, session), ""};
}

Result<void> Operations::check(std::string service, std::string operation) const {
  // Suiro's own operations are for the root user.
  const std::string model = model_of(service);
  const std::string name = operation_of(std::move(operation));
  if (model != "suiro" && options_.registry.find(model, name) != nullptr) return ok();
  return fail(codes::kNotImplemented,
              fmt::format("{}:{} is not supported by Suiro", service, name));
}

Task<Result<std::string>> Operations::call(Request request) {
  CO_TRY_VOID(check(request.service, request.operation));
  shapes::Call call;
  call.now = options_.clock.now();
  call.request_id = new_request_uuid(call.now, options_.random);
  call.trace = request.cause;
  call.caused_by = request.cause.span_id;
  call.region = options_.region;
  call.account = options_.account;
  call.principal = caller_of(request);
  co_return co_await options_.registry.call(
      model_of(request.service), operation_of(request.operation), std::move(request.json), call);
}

}  // namespace suiro::server
