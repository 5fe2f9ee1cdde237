// SPDX-License-Identifier: Apache-2.0
// Task states: resources, what they need, timeouts.
// Source: Step Functions Developer Guide, "Integrating services"; answers of
// ValidateStateMachineDefinition.
#include <fmt/format.h>

#include <algorithm>

#include "engine/workflow/definition_fields.h"
#include "engine/workflow/resource.h"

namespace suiro::workflow {
namespace {

constexpr FieldRule kCredentialsFields[] = {{"RoleArn"}, {"RoleArn.$", In::kJsonPath}};

// Services whose optimized integrations have no such pattern at all.
constexpr std::string_view kWithoutSync[] = {
    "lambda", "sns", "sqs", "dynamodb", "events", "apigateway", "bedrock-agentcore"};
constexpr std::string_view kWithoutToken[] = {
    "athena",         "batch",          "codebuild", "elasticmapreduce",
    "emr-containers", "emr-serverless", "glue",      "databrew",
    "mediaconvert",   "sagemaker",      "dynamodb",  "bedrock-agentcore"};

struct RequiredArgument {
  std::string_view service, action, field;
};
constexpr RequiredArgument kRequiredArguments[] = {{"lambda", "invoke", "FunctionName"},
                                                   {"sqs", "sendMessage", "QueueUrl"},
                                                   {"sqs", "sendMessage", "MessageBody"},
                                                   {"sns", "publish", "Message"},
                                                   {"dynamodb", "putItem", "TableName"},
                                                   {"dynamodb", "putItem", "Item"},
                                                   {"dynamodb", "getItem", "TableName"},
                                                   {"dynamodb", "getItem", "Key"},
                                                   {"states", "startExecution", "StateMachineArn"},
                                                   {"events", "putEvents", "Entries"},
                                                   {"ecs", "runTask", "TaskDefinition"},
                                                   {"glue", "startJobRun", "JobName"}};

template <size_t N>
bool is_one_of(std::string_view name, const std::string_view (&names)[N]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool has_pattern(const Resource& resource) {
  bool sdk = resource.kind == Resource::Kind::kSdk;
  switch (resource.pattern) {
    case Pattern::kRequestResponse:
      return true;
    case Pattern::kSync2:
      return !sdk && resource.service == "states";
    case Pattern::kSync:
      return !sdk && !is_one_of(resource.service, kWithoutSync);
    case Pattern::kWaitForTaskToken:
      return sdk || !is_one_of(resource.service, kWithoutToken);
  }
  return false;
}

// An Express machine waits for nothing but an answer.
void check_express(Fields& fields, const Resource& resource) {
  if (fields.context().type != MachineType::kExpress) return;
  Place place = fields.at("Resource");
  if (resource.kind == Resource::Kind::kActivity) {
    fields.compilation().error("Express state machine does not support Activity ARN", place);
  } else if (resource.pattern != Pattern::kRequestResponse) {
    fields.compilation().error(
        fmt::format("Express state machine does not support '{}' service integration",
                    resource.pattern == Pattern::kWaitForTaskToken ? ".waitForTaskToken" : ".sync"),
        place);
  }
}

void check_arguments(Fields& fields, const Resource& resource) {
  bool integration = resource.kind == Resource::Kind::kIntegration;
  if (!integration && resource.kind != Resource::Kind::kSdk) return;
  std::string_view name = fields.context().is_jsonata() ? "Arguments" : "Parameters";
  const json::Value* arguments = fields.find(name);
  if (arguments == nullptr) {
    fields.compilation().error(
        fmt::format("{} field is required for resource ARN: {}", name, resource.arn),
        fields.place());
    return;
  }
  if (!integration || !arguments->is_object()) return;
  for (const RequiredArgument& required : kRequiredArguments) {
    if (required.service != resource.service || required.action != resource.action) continue;
    std::string query = std::string(required.field) + ".$";
    if (arguments->find(required.field) != nullptr) continue;
    if (!fields.context().is_jsonata() && arguments->find(query) != nullptr) continue;
    fields.compilation().error(
        fmt::format("The field '{}' is required but was missing", required.field), fields.at(name));
  }
}

void check_credentials(Fields& fields, const Resource* resource) {
  const json::Object* credentials = fields.object_of("Credentials");
  if (credentials == nullptr) return;
  if (resource != nullptr && resource->kind == Resource::Kind::kActivity) {
    fields.compilation().error("The field 'Credentials' is not supported for activities",
                               fields.at("Credentials"));
  }
  Fields own(fields.compilation(), *credentials, fields.at("Credentials"), fields.context());
  own.allow(kCredentialsFields);
  if (!own.has("RoleArn") && !own.has("RoleArn.$")) {
    fields.compilation().error("The field 'RoleArn' is required but was missing", own.place());
  }
}

}  // namespace

void compile_task(Fields& fields, State& state) {
  TaskFields task;
  fields.require({"Resource"});
  compile_payloads(fields, state);
  std::optional<Resource> resource;
  if (std::optional<std::string> arn = fields.text("Resource")) {
    resource = parse_resource(*arn);
    if (!resource) {
      fields.compilation().error("Value is not a valid resource ARN", fields.at("Resource"));
    } else if (!has_pattern(*resource)) {
      fields.compilation().error(fmt::format("The resource provided {} is not recognized", *arn),
                                 fields.at("Resource"));
    } else {
      check_express(fields, *resource);
      check_arguments(fields, *resource);
    }
    task.resource = std::move(*arn);
  }
  task.timeout_seconds =
      fields.number_or_query({"TimeoutSeconds", "TimeoutSecondsPath", {1, kSecondsMax}});
  task.heartbeat_seconds =
      fields.number_or_query({"HeartbeatSeconds", "HeartbeatSecondsPath", {1, kSecondsMax}});
  const double* timeout =
      task.timeout_seconds ? std::get_if<double>(&*task.timeout_seconds) : nullptr;
  const double* heartbeat =
      task.heartbeat_seconds ? std::get_if<double>(&*task.heartbeat_seconds) : nullptr;
  if (timeout != nullptr && heartbeat != nullptr && *heartbeat >= *timeout) {
    fields.compilation().error("HeartbeatSeconds must be smaller than TimeoutSeconds",
                               fields.place());
  }
  check_credentials(fields, resource ? &*resource : nullptr);
  task.credentials = fields.payload("Credentials");
  compile_error_handlers(fields, state);
  state.fields = std::move(task);
}

}  // namespace suiro::workflow
