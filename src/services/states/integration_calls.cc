// SPDX-License-Identifier: Apache-2.0
#include "services/states/integration_calls.h"

#include <fmt/format.h>

#include <algorithm>

#include "shapes/json.h"

namespace suiro::states {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

// AllHttpHeaders has lists of values, HttpHeaders values, as the SDK's class writes itself.
json::Value metadata_of(const Headers& headers, int64_t status) {
  json::Object all;
  json::Object single;
  for (const auto& [name, value] : headers) {
    all.set(name, json::Array{json::Value(value)});
    single.set(name, value);
  }
  json::Object out;
  out.set("AllHttpHeaders", std::move(all));
  out.set("HttpHeaders", std::move(single));
  out.set("HttpStatusCode", status);
  return out;
}

}  // namespace

std::string sorted_text(json::Object object) {
  std::vector<json::Object::Member> members(object.begin(), object.end());
  std::ranges::sort(members, {}, &json::Object::Member::first);
  json::Object out;
  out.reserve(members.size());
  for (auto& [name, value] : members) out.set(std::move(name), std::move(value));
  return json::write(out);
}

Result<void> result_of_stop(const TaskFault& fault) {
  if (fault.retry == Retry::kNever) return ok();
  return fail(fault.error, fault.cause, Retry::kLater);
}

Result<void> result_of_stop(const Attempt<ServiceCalls::Reply>& reply) {
  if (reply) return ok();
  return result_of_stop(reply.error());
}

std::string text_of(const json::Value& object, std::string_view name) {
  const json::Value* found = object.find(name);
  return found != nullptr && found->is_string() ? found->as_string() : std::string();
}

Task<Attempt<ServiceCalls::Reply>> ServiceCalls::call(const TaskCall& task, Request request) {
  co_return co_await call_as(task.role_arn, task, std::move(request));
}

Task<Attempt<ServiceCalls::Reply>> ServiceCalls::call_as_service(const TaskCall& task,
                                                                 Request request) {
  co_return co_await call_as("", task, std::move(request));
}

Task<Attempt<ServiceCalls::Reply>> ServiceCalls::call_as(std::string role_arn, const TaskCall& task,
                                                         Request request) {
  using Names = event::OperationCaller::Request::Names;
  const SdkService& service = request.service;
  Reply reply;
  reply.request_id = new_request_uuid(kernel_.clock.now(), kernel_.random);
  reply.trace_header = task.cause.header();
  std::string input = json::write(request.input);
  const bool as_role = !role_arn.empty();
  auto answer = co_await operations_.call(
      {.service = service.id,
       .operation = request.operation,
       .json = input,
       .principal = std::string(kPrincipal),
       .role_arn = std::move(role_arn),
       .source_arn = task.machine_arn,
       .cause = task.cause,
       .names = service.sdk == Sdk::kFirst ? Names::kSdkMillis : Names::kSdk,
       .request_id = reply.request_id,
       .assumed_role_arn = as_role ? task.effect.credentials_role_arn : "",
       .cancellation = std::move(request.cancellation)});
  if (!answer) {
    const Error& error = answer.error();
    if (error.code == shapes::kUnknownMember) {
      co_return std::unexpected(refused_arguments(
          task.effect.arguments,
          fmt::format("The field '{}' is not supported by Step Functions", error.message)));
    }
    if (error.code == shapes::kSerialization) {
      co_return std::unexpected(refused_arguments(task.effect.arguments, error.message));
    }
    TaskFault fault =
        fault_of(service, error, operations_.fault_of(service.id, error), reply.request_id);
    fault.retry = error.retry;
    co_return std::unexpected(std::move(fault));
  }
  reply.bytes = answer->size();
  auto output = json::parse(*answer);
  if (!output) {
    co_return std::unexpected(TaskFault{std::string(kRuntimeError), output.error().message});
  }
  reply.output = *std::move(output);
  co_return reply;
}

std::string ServiceCalls::with_metadata(const SdkService& service, Reply reply) const {
  const bool lambda = service.id == "lambda";
  Headers headers;
  headers.emplace_back("x-amzn-RequestId", reply.request_id);
  headers.emplace_back(lambda ? "Connection" : "connection", "keep-alive");
  headers.emplace_back("Content-Length", fmt::format("{}", reply.bytes));
  headers.emplace_back("Date", format_http_date(kernel_.clock.now()));
  headers.emplace_back("Content-Type", service.content_type);
  if (lambda) {
    headers.emplace_back("X-Amz-Executed-Version", text_of(reply.output, "ExecutedVersion"));
    headers.emplace_back("x-amzn-Remapped-Content-Length", "0");
    headers.emplace_back("X-Amzn-Trace-Id", reply.trace_header);
  }
  // The only operation with a status of its own: 202 for an event.
  const json::Value* status = lambda ? reply.output.find("StatusCode") : nullptr;
  const bool is_told = status != nullptr && status->is_integer();
  const int64_t http_status = is_told ? status->as_integer() : 200;
  json::Object output = reply.output.is_object() ? reply.output.as_object() : json::Object();
  output.set("SdkHttpMetadata", metadata_of(headers, http_status));
  json::Object response;
  response.set("RequestId", reply.request_id);
  output.set("SdkResponseMetadata", std::move(response));
  return sorted_text(std::move(output));
}

}  // namespace suiro::states
