// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/clock.h"
#include "engine/definition/handlers.h"

namespace suiro::definition {
namespace {

constexpr int64_t kSecondsPerMinute = 60;

// The input of a schedule: given as text, or the overrides of its task.
std::string input_of(const Resource& resource) {
  const json::object& p = resource.properties;
  json::object overrides;
  if (!array_at(p, "command").empty()) overrides["command"] = array_at(p, "command");
  if (!object_at(p, "environment").empty()) {
    overrides["environment"] = pairs_of_object(object_at(p, "environment"), "name", "value");
  }
  if (overrides.empty()) return text_at(p, "input");
  overrides["name"] = text_at(p, "task");
  return json::serialize(json::object{{"containerOverrides", {std::move(overrides)}}});
}

json::object target_of(const Context& context, const Resource& resource) {
  const json::object& p = resource.properties;
  json::object target{{"RoleArn", context.role_arn("suiro-" + context.definition)}};
  if (std::string input = input_of(resource); !input.empty()) target["Input"] = input;
  if (std::string task = text_at(p, "task"); !task.empty()) {
    target["Arn"] = context.arn("ecs", "cluster/default");
    target["EcsParameters"] =
        json::object{{"TaskDefinitionArn", context.arn("ecs", "task-definition/" + task)},
                     {"TaskCount", integer_at(p, "count", 1)}};
  } else if (std::string function = text_at(p, "function"); !function.empty()) {
    target["Arn"] = context.arn("lambda", "function:" + function);
  } else {
    target["Arn"] = context.arn("sqs", text_at(p, "queue"));
  }
  return target;
}

Result<json::object> input_of(const Context& context, const Resource& resource) {
  const json::object& p = resource.properties;
  json::object input{{"Name", resource.name},
                     {"GroupName", context.definition},
                     {"Description", text_at(p, "description")},
                     {"ScheduleExpression", text_at(p, "expression")},
                     {"ScheduleExpressionTimezone", text_at(p, "timezone", "UTC")},
                     {"State", boolean_at(p, "enabled") ? "ENABLED" : "DISABLED"},
                     {"Target", target_of(context, resource)}};
  int64_t window = integer_at(p, "flexible_window") / kSecondsPerMinute;
  input["FlexibleTimeWindow"] =
      window > 0 ? json::object{{"Mode", "FLEXIBLE"}, {"MaximumWindowInMinutes", window}}
                 : json::object{{"Mode", "OFF"}};
  for (auto [field, member] : {std::pair{"start", "StartDate"}, {"end", "EndDate"}}) {
    std::string text = text_at(p, field);
    if (text.empty()) continue;
    auto time = parse_iso8601(text);
    if (!time) {
      return fail(codes::kInvalidArgument,
                  fmt::format("schedule {}: {}: expected a time as 2026-11-20T03:00:00Z",
                              resource.name, field));
    }
    input[member] = format_iso8601(*time);
  }
  return input;
}

// What AWS's schedules lack is said by tags of their group, a tag a schedule and policy
// (docs/decisions/182-schedule-policies.md).
struct PolicyField {
  std::string_view field;
  std::string_view tag;
  bool is_duration;
};
constexpr PolicyField kPolicies[] = {{"missed", "catchup", false},
                                     {"missed_within", "max-delay", true},
                                     {"overlap", "overlap", false},
                                     {"jitter", "jitter", true}};

std::string tag_name(const PolicyField& policy, const std::string& schedule) {
  return fmt::format("suiro:{}:{}", policy.tag, schedule);
}

std::string group_arn(const Context& context) {
  return context.arn("scheduler", "schedule-group/" + context.definition);
}

Result<void> read_policies(const Context& context, const std::string& name, json::object& out) {
  TRY(auto reply, context.calls.call("scheduler", "ListTagsForResource",
                                     {{"ResourceArn", group_arn(context)}}));
  json::object tags = object_of_pairs(array_at(reply, "Tags"), "Key", "Value");
  for (const PolicyField& policy : kPolicies) {
    std::string value = text_at(tags, tag_name(policy, name));
    if (value.empty()) continue;
    if (policy.is_duration) {
      // As write_policies() says it: in seconds.
      out[policy.field] = std::strtoll(value.c_str(), nullptr, 10);
    } else {
      out[policy.field] = value;
    }
  }
  return ok();
}

Result<void> write_policies(const Context& context, const Resource& resource) {
  json::array tags;
  for (const PolicyField& policy : kPolicies) {
    const auto* value = resource.properties.if_contains(policy.field);
    if (value == nullptr) continue;
    tags.push_back(json::object{{"Key", tag_name(policy, resource.name)},
                                {"Value", policy.is_duration ? fmt::format("{}s", value->as_int64())
                                                             : std::string(value->as_string())}});
  }
  if (tags.empty()) return ok();
  TRY_VOID(context.calls.call("scheduler", "TagResource",
                              {{"ResourceArn", group_arn(context)}, {"Tags", std::move(tags)}}));
  return ok();
}

}  // namespace

Result<std::optional<json::object>> ScheduleHandler::read(const Context& context,
                                                          const std::string& name) const {
  TRY(auto found, context.calls.find("scheduler", "GetSchedule",
                                     {{"Name", name}, {"GroupName", context.definition}},
                                     {"ResourceNotFoundException"}));
  if (!found) return std::optional<json::object>();
  const json::object& target = object_at(*found, "Target");
  const json::object& window = object_at(*found, "FlexibleTimeWindow");
  json::object out{
      {"description", text_at(*found, "Description")},
      {"expression", text_at(*found, "ScheduleExpression")},
      {"timezone", text_at(*found, "ScheduleExpressionTimezone", "UTC")},
      {"enabled", text_at(*found, "State") != "DISABLED"},
      {"flexible_window", integer_at(window, "MaximumWindowInMinutes") * kSecondsPerMinute},
      {"command", json::array()},
      {"environment", json::object()},
      {"count", integer_at(object_at(target, "EcsParameters"), "TaskCount", 1)},
      {"input", text_at(target, "Input")}};
  for (auto [field, member] : {std::pair{"start", "StartDate"}, {"end", "EndDate"}}) {
    if (std::string time = text_at(*found, member); !time.empty()) out[field] = time;
  }
  TRY_VOID(read_policies(context, name, out));
  std::string arn = text_at(target, "Arn");
  if (target.contains("EcsParameters")) {
    out["task"] = last_part(text_at(object_at(target, "EcsParameters"), "TaskDefinitionArn"));
  } else {
    out[arn.find(":lambda:") != arn.npos ? "function" : "queue"] = last_part(arn);
  }
  boost::system::error_code failed;
  json::value input = json::parse(text_at(target, "Input"), failed);
  if (failed || !input.is_object() || !target.contains("EcsParameters")) {
    return std::optional(std::move(out));
  }
  for (const auto& item : array_at(input.as_object(), "containerOverrides")) {
    const json::object& overrides = item.as_object();
    out["command"] = array_at(overrides, "command");
    out["environment"] = object_of_pairs(array_at(overrides, "environment"), "name", "value");
    out["input"] = "";
  }
  return std::optional(std::move(out));
}

Result<json::object> ScheduleHandler::wanted(const Resource& resource) const {
  json::object out = resource.properties;
  for (const char* field : {"start", "end"}) {
    if (!out.contains(field)) continue;
    // As the service gives them back.
    if (auto time = parse_iso8601(text_at(out, field))) out[field] = format_iso8601(*time);
  }
  out["flexible_window"] =
      integer_at(out, "flexible_window") / kSecondsPerMinute * kSecondsPerMinute;
  return out;
}

Result<void> ScheduleHandler::create(const Context& context, const Resource& resource) const {
  TRY_VOID(context.calls.find("scheduler", "CreateScheduleGroup", {{"Name", context.definition}},
                              {"ConflictException"}));
  TRY_VOID(write_policies(context, resource));
  TRY(json::object input, input_of(context, resource));
  TRY_VOID(context.calls.call("scheduler", "CreateSchedule", input));
  return ok();
}

Result<void> ScheduleHandler::update(const Context& context, const Resource& resource,
                                     const json::object&) const {
  TRY_VOID(write_policies(context, resource));
  TRY(json::object input, input_of(context, resource));
  TRY_VOID(context.calls.call("scheduler", "UpdateSchedule", input));
  return ok();
}

Result<void> ScheduleHandler::remove(const Context& context, const std::string& name) const {
  TRY_VOID(context.calls.find("scheduler", "DeleteSchedule",
                              {{"Name", name}, {"GroupName", context.definition}},
                              {"ResourceNotFoundException"}));
  json::array keys;
  for (const PolicyField& policy : kPolicies) keys.emplace_back(tag_name(policy, name));
  TRY_VOID(context.calls.find("scheduler", "UntagResource",
                              {{"ResourceArn", group_arn(context)}, {"TagKeys", std::move(keys)}},
                              {"ResourceNotFoundException"}));
  return ok();
}

}  // namespace suiro::definition
