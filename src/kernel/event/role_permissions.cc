// SPDX-License-Identifier: Apache-2.0
#include "kernel/event/role_permissions.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace suiro::event {
namespace {

constexpr std::pair<std::string_view, std::string_view> kActions[] = {
    {"ecs", "ecs:RunTask"},
    {"events", "events:PutEvents"},
    {"firehose", "firehose:PutRecord"},
    {"kinesis", "kinesis:PutRecord"},
    {"lambda", "lambda:InvokeFunction"},
    {"sqs", "sqs:SendMessage"},
    {"states", "states:StartExecution"}};

std::string task_definition_arn(const Arn& cluster, std::string_view text) {
  const size_t slash = text.rfind('/');
  std::string name(slash == text.npos ? text : text.substr(slash + 1));
  if (name.find(':') == name.npos) name += ":*";
  auto arn = Arn::parse(text);
  const Arn& of = arn ? *arn : cluster;
  return fmt::format("arn:{}:ecs:{}:{}:task-definition/{}", of.partition, of.region, of.account,
                     name);
}

}  // namespace

std::optional<Permission> permission_to_start(const std::string& target_arn,
                                              std::string_view task_definition) {
  auto arn = Arn::parse(target_arn);
  if (!arn) return std::nullopt;
  if (arn->service == "events" && arn->resource.starts_with("api-destination/")) {
    return Permission{"events:InvokeApiDestination", target_arn};
  }
  const auto* found = std::ranges::find(kActions, std::string_view(arn->service),
                                        &std::pair<std::string_view, std::string_view>::first);
  if (found == std::end(kActions)) return std::nullopt;
  return Permission{std::string(found->second), arn->service == "ecs"
                                                    ? task_definition_arn(*arn, task_definition)
                                                    : target_arn};
}

}  // namespace suiro::event
