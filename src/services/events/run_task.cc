// SPDX-License-Identifier: Apache-2.0
#include "services/events/run_task.h"

#include <boost/json.hpp>

namespace suiro::events {
namespace {

namespace json = boost::json;

// EventBridge's names and those of RunTask, where they say the same.
constexpr std::pair<std::string_view, std::string_view> kSame[] = {
    {"TaskDefinitionArn", "taskDefinition"},
    {"TaskCount", "count"},
    {"LaunchType", "launchType"},
    {"PlatformVersion", "platformVersion"},
    {"Group", "group"},
    {"CapacityProviderStrategy", "capacityProviderStrategy"},
    {"EnableECSManagedTags", "enableECSManagedTags"},
    {"EnableExecuteCommand", "enableExecuteCommand"},
    {"PlacementConstraints", "placementConstraints"},
    {"PlacementStrategy", "placementStrategy"},
    {"PropagateTags", "propagateTags"},
    {"ReferenceId", "referenceId"},
};

template <size_t N>
json::object renamed(const json::object& from,
                     const std::pair<std::string_view, std::string_view> (&names)[N]) {
  json::object out;
  for (const auto& [name, other] : names) {
    if (const json::value* value = from.if_contains(name)) out[other] = *value;
  }
  return out;
}

}  // namespace

Bytes run_task_input(std::string_view cluster_arn, const json::object& parameters) {
  json::object out = renamed(parameters, kSame);
  out["cluster"] = cluster_arn;
  const json::value* network = parameters.if_contains("NetworkConfiguration");
  if (network != nullptr && network->is_object()) {
    const json::value* vpc = network->get_object().if_contains("awsvpcConfiguration");
    if (vpc != nullptr && vpc->is_object()) {
      constexpr std::pair<std::string_view, std::string_view> kVpc[] = {
          {"Subnets", "subnets"},
          {"SecurityGroups", "securityGroups"},
          {"AssignPublicIp", "assignPublicIp"}};
      out["networkConfiguration"] =
          json::object{{"awsvpcConfiguration", renamed(vpc->get_object(), kVpc)}};
    }
  }
  const json::value* tags = parameters.if_contains("Tags");
  if (tags != nullptr && tags->is_array()) {
    constexpr std::pair<std::string_view, std::string_view> kTag[] = {{"Key", "key"},
                                                                      {"Value", "value"}};
    json::array list;
    for (const json::value& tag : tags->get_array()) {
      if (tag.is_object()) list.push_back(renamed(tag.get_object(), kTag));
    }
    out["tags"] = std::move(list);
  }
  return json::serialize(out);
}

Bytes with_overrides(const Bytes& run_task, const Bytes& overrides, std::string started_by) {
  boost::system::error_code failed;
  json::value out = json::parse(run_task, failed);
  if (failed || !out.is_object()) return run_task;
  out.get_object()["startedBy"] = std::move(started_by);
  json::value given = json::parse(overrides, failed);
  if (!failed && given.is_object()) out.get_object()["overrides"] = std::move(given);
  return json::serialize(out);
}

}  // namespace suiro::events
