// SPDX-License-Identifier: Apache-2.0
#include "services/scheduler/target.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "base/check.h"
#include "kernel/event/sink_target.h"
#include "services/scheduler/errors.h"
#include "shapes/json.h"

namespace suiro::scheduler {
namespace {

namespace json = boost::json;

constexpr std::string_view kUniversal = "arn:aws:scheduler:::aws-sdk:";
// What AWS's templated targets know and Suiro has not.
constexpr std::array<std::string_view, 5> kNotHere = {"codebuild", "codepipeline", "inspector",
                                                      "sagemaker", "sns"};
// Operations that only read (EventBridge Scheduler User Guide, "Unsupported actions").
constexpr std::array<std::string_view, 16> kReads = {
    "get",           "describe", "list",     "poll",    "receive",  "search",
    "scan",          "query",    "select",   "read",    "validate", "batchGet",
    "batchDescribe", "lookup",   "discover", "retrieve"};

std::string text_of(const json::value& value) {
  return json::serialize(value);
}

template <class T>
json::value json_of(const T& value) {
  return json::parse(shapes::to_json(value));
}

void replace_all(std::string& text, std::string_view from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

// "family" of "arn:...:task-definition/family:3", "family:3" or "family".
std::string family_of(std::string_view definition) {
  const size_t slash = definition.rfind('/');
  if (slash != definition.npos) definition.remove_prefix(slash + 1);
  return std::string(definition.substr(0, definition.find(':')));
}

std::string last_part(std::string_view resource) {
  const size_t at = resource.find_last_of("/:");
  return std::string(at == resource.npos ? resource : resource.substr(at + 1));
}

std::unexpected<Error> not_supported(std::string_view parameters) {
  return invalid(fmt::format("Parameters {} not supported for the target.", parameters));
}
std::unexpected<Error> no_target(std::string_view service) {
  return fail(codes::kNotImplemented,
              fmt::format("Targets of the service {} are not supported by Suiro", service));
}
std::unexpected<Error> must_be_given(std::string_view parameters) {
  return invalid(fmt::format("Parameters {} must be specified.", parameters));
}

// What RunTask would refuse at each start.
Result<void> check_task(const shape::EcsParameters& ecs) {
  auto refused = [](std::string_view name) {
    return fail(codes::kNotImplemented,
                fmt::format("EcsParameters.{} is not supported by Suiro", name));
  };
  const bool constraints = ecs.placement_constraints && !ecs.placement_constraints->empty();
  if (constraints) return refused("PlacementConstraints");
  const bool strategy = ecs.placement_strategy && !ecs.placement_strategy->empty();
  if (strategy) return refused("PlacementStrategy");
  if (ecs.enable_execute_command.value_or(false)) return refused("EnableExecuteCommand");
  if (ecs.launch_type == "EXTERNAL") return refused("LaunchType EXTERNAL");
  return ok();
}

}  // namespace

std::string second_text(TimePoint time) {
  return format_iso8601(time).substr(0, 19) + "Z";
}

std::string fill(std::string text, const Occasion& occasion, uint32_t attempt) {
  replace_all(text, "<aws.scheduler.schedule-arn>", occasion.schedule_arn);
  replace_all(text, "<aws.scheduler.scheduled-time>", second_text(occasion.nominal));
  replace_all(text, "<aws.scheduler.execution-id>", occasion.execution_id);
  replace_all(text, "<aws.scheduler.attempt-number>", fmt::to_string(attempt));
  return text;
}

std::optional<UniversalName> universal_name(std::string_view target_arn) {
  if (!target_arn.starts_with(kUniversal)) return std::nullopt;
  target_arn.remove_prefix(kUniversal.size());
  const size_t colon = target_arn.find(':');
  if (colon == target_arn.npos || colon == 0 || colon + 1 == target_arn.size()) {
    return std::nullopt;
  }
  return UniversalName{std::string(target_arn.substr(0, colon)),
                       std::string(target_arn.substr(colon + 1))};
}

Result<RunTarget> RunTarget::compile(const shape::Target& target, std::string region,
                                     std::string account) {
  RunTarget out;
  out.target_ = target;
  out.region_ = std::move(region);
  out.account_ = std::move(account);
  auto arn = Arn::parse(target.arn);
  if (!arn) return invalid("Provided Arn is not in correct format.");
  if (target.arn.starts_with(kUniversal)) {
    TRY_VOID(out.compile_universal());
  } else {
    TRY_VOID(out.compile_templated(*arn));
  }
  TRY_VOID(out.check_parameters(*arn));
  TRY_VOID(out.check_input());
  return out;
}

Result<void> RunTarget::check(const event::Kernel& kernel,
                              const event::OperationCaller& operations) const {
  if (kernel.roles != nullptr && !kernel.roles->check(target_.role_arn, std::string(kPrincipal))) {
    return invalid(
        "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.");
  }
  if (target_.ecs_parameters) TRY_VOID(check_task(*target_.ecs_parameters));
  if (kind_ != Kind::kUniversal) {
    if (kernel.targets.target(target_.arn)) return ok();
    return no_target(Arn::parse(target_.arn)->service);
  }
  const auto name = universal_name(target_.arn);
  return operations.check(name->service, name->operation);
}

Result<void> RunTarget::compile_universal() {
  kind_ = Kind::kUniversal;
  const auto name = universal_name(target_.arn);
  if (!name) return invalid("Provided Arn is not in correct format.");
  const bool reads = std::ranges::any_of(
      kReads, [&](std::string_view prefix) { return name->operation.starts_with(prefix); });
  if (reads) return invalid(fmt::format("{} API is not supported.", name->operation));
  if (!target_.input) {
    return invalid("You must provide an input to set this target for your schedule.");
  }
  name_ = name->service + ":" + name->operation;
  return ok();
}

Result<void> RunTarget::compile_templated(const Arn& arn) {
  constexpr std::pair<std::string_view, Kind> kKinds[] = {
      {"lambda", Kind::kLambda},     {"sqs", Kind::kSqs},    {"kinesis", Kind::kKinesis},
      {"firehose", Kind::kFirehose}, {"events", Kind::kBus}, {"ecs", Kind::kEcs},
      {"states", Kind::kStates}};
  const auto kind = std::ranges::find(kKinds, std::string_view(arn.service),
                                      &std::pair<std::string_view, Kind>::first);
  if (std::ranges::find(kNotHere, arn.service) != kNotHere.end()) return no_target(arn.service);
  if (kind == std::end(kKinds)) {
    return invalid(fmt::format("{} is not a supported service for a target.", arn.service));
  }
  if (arn.region != region_) {
    return invalid(
        fmt::format("The target ARN provided does not match the current region {}.", region_));
  }
  kind_ = kind->second;
  const bool fits = (kind_ != Kind::kBus || arn.resource.starts_with("event-bus/")) &&
                    (kind_ != Kind::kEcs || arn.resource.starts_with("cluster/")) &&
                    (kind_ != Kind::kStates || arn.resource.starts_with("stateMachine:"));
  if (!fits) return invalid("Provided Arn is not in correct format.");
  name_ = kind_ == Kind::kEcs && target_.ecs_parameters
              ? family_of(target_.ecs_parameters->task_definition_arn)
              : last_part(arn.resource);
  return ok();
}

// Which parameters go with which target, as AWS answers.
Result<void> RunTarget::check_parameters(const Arn& arn) const {
  const bool fifo = kind_ == Kind::kSqs && arn.resource.ends_with(".fifo");
  const auto& ecs = target_.ecs_parameters;
  if (ecs && kind_ != Kind::kEcs) return not_supported("EcsParameters");
  if (target_.event_bridge_parameters && kind_ != Kind::kBus) {
    return not_supported("EventBridgeParameters");
  }
  if (target_.kinesis_parameters && kind_ != Kind::kKinesis) {
    return not_supported("KinesisParameters");
  }
  if (target_.sqs_parameters && kind_ != Kind::kSqs) return not_supported("SqsParameters");
  if (!ecs && kind_ == Kind::kEcs) return must_be_given("EcsParameters");
  if (!target_.event_bridge_parameters && kind_ == Kind::kBus) {
    return must_be_given("EventBridgeParameters");
  }
  if (!target_.kinesis_parameters && kind_ == Kind::kKinesis) {
    return must_be_given("KinesisParameters");
  }
  const bool group = target_.sqs_parameters && target_.sqs_parameters->message_group_id;
  if (fifo && !group) return must_be_given("SqsParameters");
  if (!fifo && group) return invalid("Parameters MessageGroupId not valid for the target.");
  if (ecs && ecs->launch_type == "FARGATE" && !ecs->network_configuration) {
    return invalid(
        "Parameter NetworkConfiguration must be specified for the target when launch type is "
        "FARGATE.");
  }
  return ok();
}

Result<void> RunTarget::check_input() const {
  if (!target_.input) return ok();
  if (target_.input->size() > kInputBytesMax) {
    return invalid(fmt::format("Input is longer than {} bytes.", kInputBytesMax));
  }
  const bool text_too = kind_ == Kind::kSqs || kind_ == Kind::kKinesis || kind_ == Kind::kFirehose;
  if (text_too) return ok();
  boost::system::error_code failed;
  const json::value value = json::parse(*target_.input, failed);
  if (failed) return invalid("JSON syntax error in input for the target");
  const bool object = kind_ == Kind::kEcs || kind_ == Kind::kBus || kind_ == Kind::kUniversal;
  if (object && !value.is_object()) {
    return invalid("JSON syntax error in input for the target: an object is expected");
  }
  return ok();
}

// The input of RunTask.
Bytes RunTarget::run_task(const Occasion& occasion, const std::string& input) const {
  const auto& ecs = *target_.ecs_parameters;
  json::object out;
  out["cluster"] = target_.arn;
  out["taskDefinition"] = ecs.task_definition_arn;
  out["count"] = ecs.task_count.value_or(1);
  out["startedBy"] = "chronos-schedule/" + occasion.schedule_name;
  auto add = [&](const char* name, const auto& value) {
    if (value) out[name] = *value;
  };
  add("launchType", ecs.launch_type);
  add("platformVersion", ecs.platform_version);
  add("group", ecs.group);
  add("propagateTags", ecs.propagate_tags);
  add("referenceId", ecs.reference_id);
  add("enableECSManagedTags", ecs.enable_ecs_managed_tags);
  add("enableExecuteCommand", ecs.enable_execute_command);
  const json::object all = json_of(ecs).as_object();
  constexpr std::pair<const char*, const char*> kSame[] = {
      {"CapacityProviderStrategy", "capacityProviderStrategy"},
      {"PlacementConstraints", "placementConstraints"},
      {"PlacementStrategy", "placementStrategy"},
      {"Tags", "tags"}};
  for (const auto& [from, to] : kSame) {
    if (const json::value* value = all.if_contains(from)) out[to] = *value;
  }
  if (ecs.network_configuration && ecs.network_configuration->awsvpc_configuration) {
    const auto& vpc = *ecs.network_configuration->awsvpc_configuration;
    json::object inner;
    inner["subnets"] = json::value_from(vpc.subnets);
    if (vpc.security_groups) inner["securityGroups"] = json::value_from(*vpc.security_groups);
    if (vpc.assign_public_ip) inner["assignPublicIp"] = *vpc.assign_public_ip;
    out["networkConfiguration"] = json::object{{"awsvpcConfiguration", std::move(inner)}};
  }
  if (target_.input) out["overrides"] = json::parse(input);
  return text_of(out);
}

// The event that the bus takes.
Bytes RunTarget::bus_event(const Occasion& occasion, const std::string& input) const {
  json::object out;
  out["version"] = "0";
  out["id"] = occasion.execution_id;
  out["detail-type"] = target_.event_bridge_parameters->detail_type;
  out["source"] = target_.event_bridge_parameters->source;
  out["account"] = account_;
  out["time"] = second_text(occasion.nominal);
  out["region"] = region_;
  out["resources"] = json::array{occasion.schedule_arn};
  out["detail"] = target_.input ? json::parse(input) : json::value(json::object());
  return text_of(out);
}

Bytes RunTarget::payload(const Occasion& occasion) const {
  // A universal target's input is filled in at each attempt.
  const std::string given = target_.input.value_or("");
  const std::string input = kind_ == Kind::kUniversal ? given : fill(given, occasion, 1);
  if (kind_ == Kind::kEcs) return run_task(occasion, input);
  if (kind_ == Kind::kBus) return bus_event(occasion, input);
  if (target_.input) return input;
  return text_of(json::object{{"version", "0"},
                              {"id", occasion.execution_id},
                              {"detail-type", "Scheduled Event"},
                              {"source", "aws.scheduler"},
                              {"account", account_},
                              {"time", second_text(occasion.nominal)},
                              {"region", region_},
                              {"resources", json::array{occasion.schedule_arn}},
                              {"detail", "{}"}});
}

std::map<std::string, std::string> RunTarget::attributes(const Occasion& occasion) const {
  std::map<std::string, std::string> out;
  if (kind_ == Kind::kSqs) {
    // Further attributes would become attributes of the message.
    if (target_.sqs_parameters && target_.sqs_parameters->message_group_id) {
      out["MessageGroupId"] = *target_.sqs_parameters->message_group_id;
    }
    return out;
  }
  if (kind_ == Kind::kEcs) {
    return {{"NominalTime", format_iso8601(occasion.nominal)},
            {"ScheduleArn", occasion.schedule_arn},
            {"Overlap", std::string(name_of(occasion.overlap))},
            {"OverlapKey", occasion.schedule_arn}};
  }
  out[std::string(kScheduleAttribute)] = occasion.schedule_arn;
  out[std::string(kNominalAttribute)] = second_text(occasion.nominal);
  out[std::string(kExecutionAttribute)] = occasion.execution_id;
  if (kind_ == Kind::kUniversal) out[std::string(kRoleAttribute)] = target_.role_arn;
  if (kind_ == Kind::kKinesis) {
    out[std::string(event::kPartitionKeyAttribute)] = target_.kinesis_parameters->partition_key;
  }
  return out;
}

Result<void> RunTarget::permitted(const event::RolePermissions& permissions) const {
  if (kind_ == Kind::kUniversal) return ok();
  const auto& ecs = target_.ecs_parameters;
  auto permission =
      event::permission_to_start(target_.arn, ecs ? ecs->task_definition_arn : std::string());
  CHECK(permission, target_.arn);  // compile_templated() takes no other service
  return permissions.permits({target_.role_arn, std::string(kPrincipal), *std::move(permission)});
}

event::Event RunTarget::event(const Occasion& occasion) const {
  event::Event out;
  out.id = occasion.execution_id;
  out.source_arn = occasion.schedule_arn;
  out.kind = "scheduler:Invoke";
  out.target_arn = target_.arn;
  out.payload = payload(occasion);
  out.attributes = attributes(occasion);
  const auto retry = target_.retry_policy.value_or(shape::RetryPolicy());
  const auto retries = static_cast<uint32_t>(
      retry.maximum_retry_attempts.value_or(static_cast<int32_t>(kRetriesDefault)));
  out.policy.attempts_max = retries + 1;
  out.policy.age_max = kAgeDefault;
  if (retry.maximum_event_age_in_seconds) {
    out.policy.age_max = std::chrono::seconds(*retry.maximum_event_age_in_seconds);
  }
  if (target_.dead_letter_config) {
    out.policy.dead_letter_arn = target_.dead_letter_config->arn.value_or("");
  }
  return out;
}

}  // namespace suiro::scheduler
