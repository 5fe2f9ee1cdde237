// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "engine/definition/handlers.h"

namespace suiro::definition {
namespace {

constexpr int64_t kSecondsPerDay = 86'400;
constexpr int64_t kSecondsPerHour = 3600;
constexpr std::string_view kExpiryRule = "suiro-expire";

json::object filter_of(const json::object& notification) {
  json::array rules;
  for (const char* name : {"prefix", "suffix"}) {
    std::string value = text_at(notification, name);
    if (!value.empty()) rules.push_back(json::object{{"Name", name}, {"Value", value}});
  }
  if (rules.empty()) return {};
  return {{"Key", {{"FilterRules", rules}}}};
}

json::object notification_of(const json::object& configured, std::string_view target,
                             std::string_view arn) {
  json::object out{{"events", array_at(configured, "Events")}, {"prefix", ""}, {"suffix", ""}};
  const auto& rules = array_at(object_at(object_at(configured, "Filter"), "Key"), "FilterRules");
  for (const auto& rule : rules) {
    out[to_lower(text_at(rule.as_object(), "Name"))] = text_at(rule.as_object(), "Value");
  }
  out[target] = last_part(text_at(configured, arn));
  return out;
}

}  // namespace

Result<json::object> BucketHandler::wanted(const Resource& resource) const {
  json::object out = resource.properties;
  for (auto& item : out["notify"].as_array()) {
    // As read() orders its members.
    json::object ordered;
    for (const char* name : {"events", "prefix", "suffix", "function", "queue"}) {
      if (auto* value = item.as_object().if_contains(name)) ordered[name] = *value;
    }
    item = std::move(ordered);
  }
  out["notify"] = sorted(std::move(out["notify"].as_array()));
  return out;
}

Result<std::optional<json::object>> BucketHandler::read(const Context& context,
                                                        const std::string& name) const {
  const Calls& calls = context.calls;
  json::object bucket{{"Bucket", name}};
  TRY(auto head, calls.find("s3", "HeadBucket", bucket, {"NoSuchBucket", "NotFound"}));
  if (!head) return std::optional<json::object>();
  json::object out;
  TRY(auto versioning, calls.call("s3", "GetBucketVersioning", bucket));
  out["versioning"] = text_at(versioning, "Status") == "Enabled";
  TRY(auto lifecycle, calls.find("s3", "GetBucketLifecycleConfiguration", bucket,
                                 {"NoSuchLifecycleConfiguration"}));
  for (const auto& rule : lifecycle ? array_at(*lifecycle, "Rules") : json::array()) {
    if (text_at(rule.as_object(), "ID") != kExpiryRule) continue;
    out["expire_after"] =
        integer_at(object_at(rule.as_object(), "Expiration"), "Days") * kSecondsPerDay;
  }
  TRY(auto configured, calls.call("s3", "GetBucketNotificationConfiguration", bucket));
  out["event_bus"] = configured.contains("EventBridgeConfiguration");
  json::array notify;
  for (const auto& item : array_at(configured, "LambdaFunctionConfigurations")) {
    notify.push_back(notification_of(item.as_object(), "function", "LambdaFunctionArn"));
  }
  for (const auto& item : array_at(configured, "QueueConfigurations")) {
    notify.push_back(notification_of(item.as_object(), "queue", "QueueArn"));
  }
  out["notify"] = sorted(std::move(notify));
  return std::optional(std::move(out));
}

Result<void> BucketHandler::create(const Context& context, const Resource& resource) const {
  TRY_VOID(context.calls.call(
      "s3", "CreateBucket",
      {{"Bucket", resource.name},
       {"CreateBucketConfiguration", {{"LocationConstraint", context.region}}}}));
  return update(context, resource, {{"versioning", false}});
}

Result<void> BucketHandler::update(const Context& context, const Resource& resource,
                                   const json::object& actual) const {
  const Calls& calls = context.calls;
  const json::object& wanted = resource.properties;
  bool versioning = boolean_at(wanted, "versioning");
  if (versioning != boolean_at(actual, "versioning")) {
    TRY_VOID(calls.call(
        "s3", "PutBucketVersioning",
        {{"Bucket", resource.name},
         {"VersioningConfiguration", {{"Status", versioning ? "Enabled" : "Suspended"}}}}));
  }
  int64_t expire_s = integer_at(wanted, "expire_after");
  if (expire_s == 0 || expire_s == integer_at(actual, "expire_after")) return ok();
  if (expire_s % kSecondsPerDay != 0) {
    return fail(codes::kInvalidArgument,
                fmt::format("bucket {}: expire_after is in whole days", resource.name));
  }
  // Rules of others stay.
  TRY(auto lifecycle, calls.find("s3", "GetBucketLifecycleConfiguration",
                                 {{"Bucket", resource.name}}, {"NoSuchLifecycleConfiguration"}));
  json::array rules;
  for (const auto& rule : lifecycle ? array_at(*lifecycle, "Rules") : json::array()) {
    if (text_at(rule.as_object(), "ID") != kExpiryRule) rules.push_back(rule);
  }
  rules.push_back(json::object{{"ID", kExpiryRule},
                               {"Status", "Enabled"},
                               {"Filter", {{"Prefix", ""}}},
                               {"Expiration", {{"Days", expire_s / kSecondsPerDay}}}});
  TRY_VOID(calls.call("s3", "PutBucketLifecycleConfiguration",
                      {{"Bucket", resource.name}, {"LifecycleConfiguration", {{"Rules", rules}}}}));
  return ok();
}

Result<void> BucketHandler::connect(const Context& context, const Resource& resource) const {
  const Calls& calls = context.calls;
  json::array functions, queues;
  for (const auto& item : array_at(resource.properties, "notify")) {
    const json::object& notification = item.as_object();
    json::object configured{{"Events", array_at(notification, "events")}};
    if (auto filter = filter_of(notification); !filter.empty()) configured["Filter"] = filter;
    std::string function = text_at(notification, "function");
    std::string queue = text_at(notification, "queue");
    if (function.empty() == queue.empty()) {
      return fail(codes::kInvalidArgument,
                  fmt::format("bucket {}: notify names a function or a queue", resource.name));
    }
    if (!queue.empty()) {
      configured["QueueArn"] = context.arn("sqs", queue);
      queues.push_back(std::move(configured));
      continue;
    }
    configured["LambdaFunctionArn"] = context.arn("lambda", "function:" + function);
    functions.push_back(std::move(configured));
    TRY_VOID(calls.find("lambda", "AddPermission",
                        {{"FunctionName", function},
                         {"StatementId", "suiro-" + resource.name},
                         {"Action", "lambda:InvokeFunction"},
                         {"Principal", "s3.amazonaws.com"},
                         {"SourceArn", "arn:aws:s3:::" + resource.name}},
                        {"ResourceConflictException"}));
  }
  json::object configuration;
  if (!functions.empty()) configuration["LambdaFunctionConfigurations"] = functions;
  if (!queues.empty()) configuration["QueueConfigurations"] = queues;
  if (boolean_at(resource.properties, "event_bus")) {
    configuration["EventBridgeConfiguration"] = json::object();
  }
  TRY_VOID(calls.call("s3", "PutBucketNotificationConfiguration",
                      {{"Bucket", resource.name}, {"NotificationConfiguration", configuration}}));
  return ok();
}

Result<void> BucketHandler::remove(const Context& context, const std::string& name) const {
  TRY_VOID(context.calls.find("s3", "DeleteBucket", {{"Bucket", name}}, {"NoSuchBucket"}));
  return ok();
}

// --- Queues
// -----------------------------------------------------------------------------------------

namespace {

struct QueueAttribute {
  std::string_view field;
  std::string_view attribute;
};
constexpr QueueAttribute kQueueAttributes[] = {
    {"visibility_timeout", "VisibilityTimeout"},
    {"retention", "MessageRetentionPeriod"},
    {"delay", "DelaySeconds"},
    {"receive_wait", "ReceiveMessageWaitTimeSeconds"},
};

Result<std::optional<std::string>> queue_url(const Calls& calls, const std::string& name) {
  TRY(auto found, calls.find("sqs", "GetQueueUrl", {{"QueueName", name}},
                             {"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"}));
  if (!found) return std::optional<std::string>();
  return std::optional(text_at(*found, "QueueUrl"));
}

json::object queue_attributes(const json::object& wanted) {
  json::object out;
  for (const auto& [field, attribute] : kQueueAttributes) {
    out[attribute] = std::to_string(integer_at(wanted, field));
  }
  if (boolean_at(wanted, "fifo")) {
    bool by_content = boolean_at(wanted, "content_deduplication");
    out["ContentBasedDeduplication"] = by_content ? "true" : "false";
  }
  return out;
}

}  // namespace

Result<std::optional<json::object>> QueueHandler::read(const Context& context,
                                                       const std::string& name) const {
  TRY(auto url, queue_url(context.calls, name));
  if (!url) return std::optional<json::object>();
  TRY(auto reply, context.calls.call("sqs", "GetQueueAttributes",
                                     {{"QueueUrl", *url}, {"AttributeNames", {"All"}}}));
  const json::object& attributes = object_at(reply, "Attributes");
  json::object out{
      {"fifo", text_at(attributes, "FifoQueue") == "true"},
      {"content_deduplication", text_at(attributes, "ContentBasedDeduplication") == "true"}};
  for (const auto& [field, attribute] : kQueueAttributes) {
    out[field] = std::strtoll(text_at(attributes, attribute, "0").c_str(), nullptr, 10);
  }
  boost::system::error_code failed;
  json::value policy = json::parse(text_at(attributes, "RedrivePolicy"), failed);
  if (!failed && policy.is_object()) {
    const json::value& count = policy.as_object()["maxReceiveCount"];
    int64_t after = count.is_string() ? std::strtoll(count.as_string().c_str(), nullptr, 10)
                                      : integer_at(policy.as_object(), "maxReceiveCount");
    out["dead_letter"] = json::object{
        {"queue", last_part(text_at(policy.as_object(), "deadLetterTargetArn"))}, {"after", after}};
  }
  return std::optional(std::move(out));
}

Result<void> QueueHandler::create(const Context& context, const Resource& resource) const {
  json::object attributes = queue_attributes(resource.properties);
  if (boolean_at(resource.properties, "fifo")) attributes["FifoQueue"] = "true";
  TRY_VOID(context.calls.call("sqs", "CreateQueue",
                              {{"QueueName", resource.name}, {"Attributes", attributes}}));
  return ok();
}

Result<void> QueueHandler::update(const Context& context, const Resource& resource,
                                  const json::object&) const {
  TRY(auto url, queue_url(context.calls, resource.name));
  TRY_VOID(context.calls.call(
      "sqs", "SetQueueAttributes",
      {{"QueueUrl", url.value_or("")}, {"Attributes", queue_attributes(resource.properties)}}));
  return ok();
}

Result<void> QueueHandler::connect(const Context& context, const Resource& resource) const {
  const auto* dead_letter = resource.properties.if_contains("dead_letter");
  if (dead_letter == nullptr) return ok();
  TRY(auto url, queue_url(context.calls, resource.name));
  json::object policy{
      {"deadLetterTargetArn", context.arn("sqs", text_at(dead_letter->as_object(), "queue"))},
      {"maxReceiveCount", integer_at(dead_letter->as_object(), "after")}};
  TRY_VOID(context.calls.call("sqs", "SetQueueAttributes",
                              {{"QueueUrl", url.value_or("")},
                               {"Attributes", {{"RedrivePolicy", json::serialize(policy)}}}}));
  return ok();
}

Result<void> QueueHandler::remove(const Context& context, const std::string& name) const {
  TRY(auto url, queue_url(context.calls, name));
  if (url) TRY_VOID(context.calls.call("sqs", "DeleteQueue", {{"QueueUrl", *url}}));
  return ok();
}

// --- Streams
// ----------------------------------------------------------------------------------------

Result<std::optional<json::object>> StreamHandler::read(const Context& context,
                                                        const std::string& name) const {
  TRY(auto found, context.calls.find("kinesis", "DescribeStreamSummary", {{"StreamName", name}},
                                     {"ResourceNotFoundException"}));
  if (!found) return std::optional<json::object>();
  const json::object& summary = object_at(*found, "StreamDescriptionSummary");
  json::object out{{"retention", integer_at(summary, "RetentionPeriodHours") * kSecondsPerHour}};
  if (text_at(object_at(summary, "StreamModeDetails"), "StreamMode") != "ON_DEMAND") {
    out["shards"] = integer_at(summary, "OpenShardCount");
  }
  return std::optional(std::move(out));
}

Result<void> StreamHandler::create(const Context& context, const Resource& resource) const {
  json::object input{{"StreamName", resource.name}};
  int64_t shards = integer_at(resource.properties, "shards");
  if (shards > 0) {
    input["ShardCount"] = shards;
  } else {
    input["StreamModeDetails"] = json::object{{"StreamMode", "ON_DEMAND"}};
  }
  TRY_VOID(context.calls.call("kinesis", "CreateStream", input));
  return update(context, resource, {{"retention", kSecondsPerDay}, {"shards", shards}});
}

Result<void> StreamHandler::update(const Context& context, const Resource& resource,
                                   const json::object& actual) const {
  int64_t shards = integer_at(resource.properties, "shards");
  if (shards > 0 && shards != integer_at(actual, "shards")) {
    TRY_VOID(context.calls.call("kinesis", "UpdateShardCount",
                                {{"StreamName", resource.name},
                                 {"TargetShardCount", shards},
                                 {"ScalingType", "UNIFORM_SCALING"}}));
  }
  int64_t wanted = integer_at(resource.properties, "retention") / kSecondsPerHour;
  int64_t now = integer_at(actual, "retention") / kSecondsPerHour;
  if (wanted == now) return ok();
  TRY_VOID(context.calls.call(
      "kinesis", wanted > now ? "IncreaseStreamRetentionPeriod" : "DecreaseStreamRetentionPeriod",
      {{"StreamName", resource.name}, {"RetentionPeriodHours", wanted}}));
  return ok();
}

Result<void> StreamHandler::remove(const Context& context, const std::string& name) const {
  TRY_VOID(context.calls.find("kinesis", "DeleteStream",
                              {{"StreamName", name}, {"EnforceConsumerDeletion", true}},
                              {"ResourceNotFoundException"}));
  return ok();
}

}  // namespace suiro::definition
