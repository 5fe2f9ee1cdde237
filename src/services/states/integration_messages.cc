// SPDX-License-Identifier: Apache-2.0
// Queues, event buses, and whatever operation a task names itself.
// Source: Step Functions Developer Guide, "Send messages to an Amazon SQS queue with Step
// Functions", "Add EventBridge events with Step Functions", "Learning to use AWS service SDK
// integrations".
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/checksum.h"
#include "services/states/integration_services.h"

namespace suiro::states {
namespace {

using Pattern = workflow::Pattern;

bool is_answered(Pattern pattern) {
  return pattern == Pattern::kRequestResponse || pattern == Pattern::kWaitForTaskToken;
}

// The host of a URL that has no path: no queue's, and the SDK would look the host up in vain.
std::string_view lost_host(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == url.npos) return {};
  const std::string_view rest = url.substr(scheme + 3);
  const size_t slash = rest.find('/');
  if (slash != rest.npos && slash + 1 < rest.size()) return {};
  return rest.substr(0, slash);
}

// AWS adds the execution and its machine to what an event is about.
json::Value entries_of(const json::Value& entries, const TaskCall& call) {
  if (!entries.is_array()) return entries;
  json::Array out;
  for (const json::Value& entry : entries.as_array()) {
    json::Value changed = entry;
    const json::Value* about = entry.find("Resources");
    if (entry.is_object() && (about == nullptr || about->is_array())) {
      json::Array resources = about == nullptr ? json::Array() : about->as_array();
      resources.emplace_back(call.machine_arn);
      resources.emplace_back(call.execution_arn);
      changed.edit_object().set("Resources", std::move(resources));
    }
    out.push_back(std::move(changed));
  }
  return out;
}

// What the second SDK adds to an object that it puts from a text.
json::Value put_object_of(const json::Value& arguments) {
  json::Object request = arguments.as_object();
  const json::Value* body = arguments.find("Body");
  if (body == nullptr || body->is_null()) return request;
  if (!request.contains("ContentType")) request.set("ContentType", "text/plain; charset=UTF-8");
  const bool has_checksum = std::ranges::any_of(
      request, [](const auto& member) { return member.first.starts_with("Checksum"); });
  if (!has_checksum) {
    const std::string text = body->is_string() ? body->as_string() : json::write(*body);
    Checksum checksum(ChecksumKind::kCrc32);
    checksum.update(text);
    request.set("ChecksumCRC32", base64_encode(checksum.finish()));
  }
  return request;
}

}  // namespace

bool QueueIntegration::has(const workflow::Resource& resource) const {
  return resource.action == "sendMessage" && is_answered(resource.pattern);
}

Task<Attempt<Begun>> QueueIntegration::begin(Work work) {
  const SdkService service = optimised_service("sqs");
  const std::string url = text_of(work.arguments, "QueueUrl");
  if (const std::string_view host = lost_host(url); !host.empty()) {
    co_return std::unexpected(TaskFault{
        "SQS.SdkClientException",
        fmt::format("Unable to execute HTTP request: {}: Name or service not known", host)});
  }
  auto reply = co_await calls_.call(work.call, {.service = service,
                                                .operation = "sendMessage",
                                                .input = work.arguments,
                                                .cancellation = work.cancellation});
  if (!reply) co_return std::unexpected(std::move(reply).error());
  co_return Begun{.output = calls_.with_metadata(service, *std::move(reply))};
}

bool EventsIntegration::has(const workflow::Resource& resource) const {
  return resource.action == "putEvents" && is_answered(resource.pattern);
}

Task<Attempt<Begun>> EventsIntegration::begin(Work work) {
  json::Object request = work.arguments.as_object();
  if (const json::Value* entries = work.arguments.find("Entries")) {
    request.set("Entries", entries_of(*entries, work.call));
  }
  auto reply = co_await calls_.call(work.call, {.service = optimised_service("events"),
                                                .operation = "putEvents",
                                                .input = std::move(request),
                                                .cancellation = work.cancellation});
  if (!reply) co_return std::unexpected(std::move(reply).error());
  std::string output = json::write(reply->output);
  const json::Value* failed = reply->output.find("FailedEntryCount");
  if (failed != nullptr && failed->is_integer() && failed->as_integer() > 0) {
    co_return std::unexpected(TaskFault{"EventBridge.FailedEntry", std::move(output)});
  }
  co_return Begun{.output = std::move(output)};
}

bool SdkIntegration::has(const workflow::Resource& resource) const {
  return is_answered(resource.pattern);
}

Task<Attempt<Begun>> SdkIntegration::begin(Work work) {
  const workflow::Resource& resource = work.call.effect.resource;
  const SdkService service = sdk_service(resource.service);
  const bool s3 = service.id == "s3";
  const bool put = s3 && equal_ignore_case(resource.action, "putObject");
  auto reply = co_await calls_.call(work.call,
                                    {.service = service,
                                     .operation = resource.action,
                                     .input = put ? put_object_of(work.arguments) : work.arguments,
                                     .cancellation = work.cancellation});
  if (!reply) co_return std::unexpected(std::move(reply).error());
  // The SDK reads an object's metadata from its headers: where there is none, it is empty.
  const bool read = s3 && (equal_ignore_case(resource.action, "getObject") ||
                           equal_ignore_case(resource.action, "headObject"));
  if (read && reply->output.find("Metadata") == nullptr) {
    reply->output.edit_object().set("Metadata", json::Object());
  }
  co_return Begun{.output = json::write(reply->output)};
}

}  // namespace suiro::states
