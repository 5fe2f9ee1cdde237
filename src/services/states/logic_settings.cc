// SPDX-License-Identifier: Apache-2.0
// Logging and tracing configurations, checked. Source: Step Functions API Reference,
// "LoggingConfiguration"; Developer Guide, "Logging using CloudWatch Logs".
#include "base/arn.h"
#include "engine/json/value.h"
#include "services/states/logic.h"
#include "shapes/json.h"

namespace suiro::states {
namespace {

// Source: Developer Guide, "Logging using CloudWatch Logs", "IAM Policies for logging to CloudWatch
// Logs". They have no resources.
constexpr std::string_view kLogDeliveryActions[] = {
    "logs:CreateLogDelivery",        "logs:GetLogDelivery",    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",        "logs:ListLogDeliveries", "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"};

std::unexpected<Error> invalid_logging(std::string_view why) {
  return fail("InvalidLoggingConfiguration", fmt::format("Invalid Logging Configuration: {}", why));
}

// The group's name. Errors: InvalidLoggingConfiguration.
Result<std::string> log_group_of(const shape::LogDestination& destination) {
  constexpr std::string_view kPrefix = "log-group:";
  constexpr std::string_view kSuffix = ":*";
  const auto& group = destination.cloud_watch_logs_log_group;
  auto arn = Arn::parse(group ? group->log_group_arn.value_or("") : "");
  if (!arn || arn->service != "logs" || !arn->resource.starts_with(kPrefix) ||
      !arn->resource.ends_with(kSuffix) ||
      arn->resource.size() <= kPrefix.size() + kSuffix.size()) {
    return invalid_logging("Log Destination must be a log group's ARN that ends with :*");
  }
  const size_t length = arn->resource.size() - kPrefix.size() - kSuffix.size();
  return arn->resource.substr(kPrefix.size(), length);
}

}  // namespace

Task<Result<Logic::Settings>> Logic::checked(std::optional<shape::LoggingConfiguration> logging,
                                             std::optional<shape::TracingConfiguration> tracing,
                                             std::string role_arn) {
  Settings out;
  if (tracing) {
    tracing->enabled = tracing->enabled.value_or(false);
    out.tracing = shapes::to_json(*tracing);
  }
  if (!logging) co_return out;
  logging->level = logging->level.value_or("OFF");
  logging->include_execution_data = logging->include_execution_data.value_or(false);
  const size_t destinations = logging->destinations ? logging->destinations->size() : 0;
  const bool is_on = *logging->level != "OFF";
  if (destinations > 1 || (is_on && destinations == 0)) {
    co_return invalid_logging("Must specify exactly one Log Destination.");
  }
  if (destinations == 1) {
    CO_TRY(std::string group, log_group_of(logging->destinations->front()));
    if (is_on) {
      CO_TRY_VOID(check_log_delivery(role_arn));
      CO_TRY_VOID(co_await check_log_group(std::move(group)));
    }
  }
  out.logging = shapes::to_json(*logging);
  co_return out;
}

// AWS makes the delivery of the logs with the machine's role: once, when it is asked for. What is
// delivered later asks nobody.
Result<void> Logic::check_log_delivery(const std::string& role_arn) const {
  for (std::string_view action : kLogDeliveryActions) {
    auto allowed = permissions_.permits({.role_arn = role_arn,
                                         .service = std::string(kPrincipal),
                                         .permission = {std::string(action), "*"}});
    if (allowed) continue;
    return fail("AccessDeniedException",
                "The state machine IAM Role is not authorized to access the Log Destination");
  }
  return ok();
}

Task<Result<void>> Logic::check_log_group(std::string name) {
  json::Object input;
  input.set("logGroupNamePrefix", json::Value(name));
  event::OperationCaller::Request request;
  request.service = "logs";
  request.operation = "describeLogGroups";
  request.json = json::write(json::Value(std::move(input)));
  request.principal = std::string(kPrincipal);
  CO_TRY(std::string reply, co_await operations_.call(std::move(request)));
  CO_TRY(json::Value answer, json::parse(reply));
  const json::Value* groups = answer.find("logGroups");
  // Groups come sorted: the one of this very name is the first that begins with it.
  const bool found = groups != nullptr && groups->is_array() && !groups->as_array().empty() &&
                     groups->as_array()[0].find("logGroupName") != nullptr &&
                     *groups->as_array()[0].find("logGroupName") == json::Value(name);
  if (!found) co_return invalid_logging("Log Destination not found.");
  co_return ok();
}

}  // namespace suiro::states
