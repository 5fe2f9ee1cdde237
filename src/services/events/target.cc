// SPDX-License-Identifier: Apache-2.0
#include "services/events/target.h"

#include <array>
#include <boost/json.hpp>

#include "base/arn.h"
#include "kernel/event/sink_target.h"
#include "services/events/api_destination_request.h"
#include "services/events/errors.h"
#include "services/events/run_task.h"

namespace suiro::events {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 8> kDelivered = {"lambda", "sqs",    "kinesis", "firehose",
                                                        "ecs",    "states", "events",  "logs"};
constexpr std::array<std::string_view, 4> kNeedRole = {"kinesis", "firehose", "ecs", "states"};
constexpr std::array<std::string_view, 5> kForeign = {
    "RunCommandParameters", "BatchParameters", "RedshiftDataParameters",
    "SageMakerPipelineParameters", "AppSyncParameters"};
constexpr size_t kPartitionKeyBytesMax = 256;

template <size_t N>
bool has(const std::array<std::string_view, N>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

std::string string_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

const json::object* object_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

std::optional<int64_t> number_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  return value->get_int64();
}

}  // namespace

// Reads one document into a target.
struct RuleTarget::Reader {
  const json::object& from;
  RuleTarget& to;

  Result<void> arn() {
    to.id_ = string_of(from, "Id");
    to.arn_.text = string_of(from, "Arn");
    auto arn = Arn::parse(to.arn_.text);
    if (!arn) {
      return invalid(
          fmt::format("Parameter {} is not valid. Reason: Provided Arn is not in correct format.",
                      to.arn_.text));
    }
    to.arn_.service = arn->service;
    to.role_arn_ = string_of(from, "RoleArn");
    if (!has(kDelivered, arn->service)) {
      return fail(codes::kNotImplemented,
                  fmt::format("Targets of the service {} are not supported by Suiro: {}",
                              arn->service, to.arn_.text));
    }
    to.is_api_destination_ =
        arn->service == "events" && arn->resource.starts_with("api-destination/");
    bool is_bus = arn->service == "events" && arn->resource.starts_with("event-bus/");
    if (arn->service == "events" && !is_bus && !to.is_api_destination_) {
      return fail(codes::kNotImplemented,
                  fmt::format("Targets of this kind are not supported by Suiro: {}", to.arn_.text));
    }
    bool needs_role = has(kNeedRole, arn->service) || to.is_api_destination_;
    if (needs_role && to.role_arn_.empty()) {
      return invalid(fmt::format("RoleArn is required for target {}.", to.arn_.text));
    }
    for (std::string_view name : kForeign) {
      if (!from.contains(name)) continue;
      return fail(codes::kNotImplemented, fmt::format("{} is not supported by Suiro", name));
    }
    return ok();
  }

  Result<void> input() {
    int forms =
        from.contains("Input") + from.contains("InputPath") + from.contains("InputTransformer");
    if (forms > 1) {
      return invalid(fmt::format(
          "Only one of Input, InputPath, or InputTransformer must be provided for target {}.",
          to.id_));
    }
    if (from.contains("Input")) {
      to.input_ = string_of(from, "Input");
      boost::system::error_code failed;
      (void)json::parse(*to.input_, failed);
      if (failed) {
        return invalid(
            fmt::format("JSON syntax error in input for target {}: {}", to.id_, failed.message()));
      }
    }
    if (from.contains("InputPath")) {
      auto path = JsonPath::compile(string_of(from, "InputPath"));
      if (!path) {
        return invalid(
            fmt::format("Invalid InputPath for target {}: {}", to.id_, path.error().message));
      }
      to.input_path_ = *std::move(path);
    }
    const json::object* transformer = object_of(from, "InputTransformer");
    if (transformer == nullptr) return ok();
    std::map<std::string, std::string> paths;
    if (const json::object* map = object_of(*transformer, "InputPathsMap")) {
      for (const auto& [name, path] : *map) {
        if (path.is_string()) paths[name] = path.get_string();
      }
    }
    auto compiled = Template::compile(paths, string_of(*transformer, "InputTemplate"));
    if (!compiled) {
      return invalid(fmt::format("Invalid InputTemplate for target {} : {}", to.id_,
                                 compiled.error().message));
    }
    to.template_ = *std::move(compiled);
    return ok();
  }

  // Values that are paths, "$.detail.id", are taken from each event.
  Result<void> http() {
    const json::object* http = object_of(from, "HttpParameters");
    if (http == nullptr) return ok();
    if (!to.is_api_destination_) {
      return fail(codes::kNotImplemented,
                  fmt::format("HttpParameters do not fit the target {}.", to.id_));
    }
    auto compiled = HttpTemplate::compile(*http);
    if (!compiled) {
      return invalid(fmt::format("Invalid HttpParameters for target {}: {}", to.id_,
                                 compiled.error().message));
    }
    to.http_ = *std::move(compiled);
    return ok();
  }

  Result<void> parameters() {
    bool is_fifo = to.arn_.service == "sqs" && to.arn_.text.ends_with(".fifo");
    if (const json::object* sqs = object_of(from, "SqsParameters")) {
      to.group_id_ = string_of(*sqs, "MessageGroupId");
    }
    if (is_fifo && to.group_id_.empty()) {
      return invalid(
          fmt::format("Parameter(s) SqsParameters must be specified for target: {}.", to.id_));
    }
    if (const json::object* kinesis = object_of(from, "KinesisParameters")) {
      auto path = JsonPath::compile(string_of(*kinesis, "PartitionKeyPath"));
      if (!path) {
        return invalid(fmt::format("Invalid PartitionKeyPath for target {}: {}", to.id_,
                                   path.error().message));
      }
      to.partition_key_ = *std::move(path);
    }
    const json::object* ecs = object_of(from, "EcsParameters");
    if (to.arn_.service != "ecs") {
      if (ecs == nullptr) return ok();
      return invalid(fmt::format("EcsParameters do not fit the target {}.", to.id_));
    }
    if (ecs == nullptr) {
      return invalid(
          fmt::format("Parameter(s) EcsParameters must be specified for target: {}.", to.id_));
    }
    to.task_definition_ = string_of(*ecs, "TaskDefinitionArn");
    to.run_task_ = run_task_input(to.arn_.text, *ecs);
    return ok();
  }

  void policy() {
    if (const json::object* retry = object_of(from, "RetryPolicy")) {
      // AWS counts the attempts after the first.
      if (auto attempts = number_of(*retry, "MaximumRetryAttempts")) {
        to.policy_.attempts_max = static_cast<uint32_t>(*attempts) + 1;
      }
      if (auto age = number_of(*retry, "MaximumEventAgeInSeconds")) {
        to.policy_.age_max = std::chrono::seconds(*age);
      }
    }
    if (const json::object* dead = object_of(from, "DeadLetterConfig")) {
      to.policy_.dead_letter_arn = string_of(*dead, "Arn");
    }
  }
};

namespace {

// What RunTask would refuse at each start.
Result<void> check_task(const json::object& ecs) {
  auto refused = [](std::string_view name) {
    return fail(codes::kNotImplemented,
                fmt::format("EcsParameters.{} is not supported by Suiro", name));
  };
  for (std::string_view name : {"PlacementConstraints", "PlacementStrategy"}) {
    const json::value* list = ecs.if_contains(name);
    if (list != nullptr && list->is_array() && !list->get_array().empty()) return refused(name);
  }
  const json::value* command = ecs.if_contains("EnableExecuteCommand");
  bool executes = command != nullptr && command->is_bool() && command->get_bool();
  if (executes) return refused("EnableExecuteCommand");
  const std::string launch_type = string_of(ecs, "LaunchType");
  if (launch_type == "EXTERNAL") return refused("LaunchType EXTERNAL");
  if (launch_type == "FARGATE" && !ecs.contains("NetworkConfiguration")) {
    return invalid("NetworkConfiguration is required where LaunchType is FARGATE.");
  }
  return ok();
}

// "EventBridge ... standard queues" (Amazon EventBridge User Guide, "Using dead-letter queues").
Result<void> check_dead_letters(const std::string& text) {
  auto arn = Arn::parse(text);
  if (arn && arn->service == "sqs" && !arn->resource.ends_with(".fifo")) return ok();
  return invalid(fmt::format(
      "Parameter DeadLetterConfig is not valid. Reason: {} is not the ARN of a standard queue.",
      text));
}

}  // namespace

Result<void> RuleTarget::check(std::string_view document) {
  TRY(RuleTarget target, compile(document));
  if (!target.policy_.dead_letter_arn.empty()) {
    TRY_VOID(check_dead_letters(target.policy_.dead_letter_arn));
  }
  const json::value parsed = json::parse(document);
  constexpr std::pair<std::string_view, std::string_view> kOwn[] = {
      {"KinesisParameters", "kinesis"}, {"SqsParameters", "sqs"}};
  for (const auto& [name, service] : kOwn) {
    if (!parsed.get_object().contains(name) || service == target.service()) continue;
    return invalid(fmt::format("{} do not fit the target {}.", name, target.id()));
  }
  const json::object* ecs = object_of(parsed.get_object(), "EcsParameters");
  return ecs == nullptr ? ok() : check_task(*ecs);
}

Result<RuleTarget> RuleTarget::compile(std::string_view document) {
  boost::system::error_code failed;
  json::value parsed = json::parse(document, failed);
  if (failed || !parsed.is_object()) return fail(codes::kCorrupt, "a target is no JSON object");
  RuleTarget target;
  target.policy_.attempts_max += 1;
  Reader reader{parsed.get_object(), target};
  TRY_VOID(reader.arn());
  TRY_VOID(reader.input());
  TRY_VOID(reader.http());
  TRY_VOID(reader.parameters());
  reader.policy();
  return target;
}

std::optional<event::Permission> RuleTarget::permission() const {
  if (role_arn_.empty()) return std::nullopt;
  return event::permission_to_start(arn_.text, task_definition_);
}

Result<Bytes> RuleTarget::input(const json::value& event, std::string_view event_text,
                                const MatchedRule& rule) const {
  if (input_) return *input_;
  if (input_path_) {
    auto value = input_path_->of(event);
    return value ? json_text(*value) : "null";
  }
  if (template_) {
    return template_->fill(event, event_text, {rule.arn, rule.name, second_text(rule.ingested)});
  }
  return Bytes(event_text);
}

Bytes RuleTarget::run_task(const Bytes& input, const MatchedRule& rule) const {
  // The event itself is no overrides: only what the target's input says.
  bool has_overrides = input_ || input_path_ || template_;
  return with_overrides(run_task_, has_overrides ? input : Bytes(), "events-rule/" + rule.name);
}

RuleTarget::Delivery RuleTarget::delivery(const json::value& event, std::string_view event_text,
                                          const MatchedRule& rule) const {
  Delivery made;
  event::Event& out = made.event;
  out.source_arn = rule.arn;
  out.kind = rule.nominal ? "events:Schedule" : "events:Rule";
  out.target_arn = arn_.text;
  out.policy = policy_;
  auto given = input(event, event_text, rule);
  if (!given) {
    made.refused = std::move(given).error();
    out.payload = event_text;
    return made;
  }
  out.payload = *std::move(given);
  if (!group_id_.empty()) out.attributes["MessageGroupId"] = group_id_;
  if (partition_key_) {
    auto key = partition_key_->of(event);
    std::string text = key ? plain_text(*key) : "";
    if (!text.empty() && text.size() <= kPartitionKeyBytesMax) {
      out.attributes[std::string(event::kPartitionKeyAttribute)] = std::move(text);
    }
  }
  if (http_) {
    out.attributes[std::string(kHttpParametersAttribute)] = http_->fill(event);
  }
  if (!run_task_.empty()) {
    out.payload = run_task(out.payload, rule);
    if (rule.nominal) out.attributes["NominalTime"] = second_text(*rule.nominal);
    out.attributes["ScheduleArn"] = rule.arn;
    out.attributes["Overlap"] = "allow";
    out.attributes["OverlapKey"] = rule.arn + "/" + id_;
  }
  return made;
}

}  // namespace suiro::events
