// SPDX-License-Identifier: Apache-2.0
// Notifications: an event for every rule that matches, in the batch of the change (Amazon S3 User
// Guide, "Event message structure").
#include <fmt/format.h>

#include <boost/json.hpp>

#include "services/s3/logic.h"

namespace suiro::s3 {
namespace {

namespace json = boost::json;

constexpr std::string_view kPrincipal = "s3.amazonaws.com";

// What AWS calls x-amz-id-2: here the request's id once more, in another form.
std::string host_id(const Requester& requester) {
  return base64_encode(requester.request_id);
}

// Keys in events are encoded as forms are: '+' for a blank, slashes stay.
std::string event_key(ByteView key) {
  std::string encoded = percent_encode(key, Slash::kKeep), out;
  for (size_t i = 0; i < encoded.size(); ++i) {
    if (encoded.compare(i, 3, "%20") == 0) {
      out += '+';
      i += 2;
    } else {
      out += encoded[i];
    }
  }
  return out;
}

std::string_view event_version(std::string_view event) {
  const bool plain =
      event.starts_with("s3:ObjectCreated:") || event.starts_with("s3:ObjectRemoved:");
  return plain ? "2.1" : "2.3";
}

json::object object_of(const Bucket& bucket, std::string_view event, ByteView key,
                       const ObjectRecord& record, Order order) {
  json::object out;
  out["key"] = event_key(key);
  if (!record.delete_marker && !event.ends_with(":Delete")) {
    out["size"] = record.size_bytes;
    out["eTag"] = record.etag;
  } else if (event.starts_with("s3:ObjectTagging:")) {
    out["eTag"] = record.etag;
  }
  if (bucket.record.versioning != Versioning::kOff) out["versionId"] = record.version_text();
  out["sequencer"] = fmt::format("{:016X}", order.value());
  return out;
}

}  // namespace

void Logic::notify(store::Batch& batch, const Bucket& bucket, const Requester& requester,
                   Happening happening) {
  for (auto& rule : bucket.notifications) {
    if (!rule.matches(happening.event, happening.key)) continue;
    TimePoint now = kernel_.clock.now();
    json::object s3 = {
        {"s3SchemaVersion", "1.0"},
        {"configurationId", rule.id},
        {"bucket", json::object{{"name", bucket.name},
                                {"ownerIdentity", json::object{{"principalId", kernel_.account}}},
                                {"arn", bucket.arn()}}},
        {"object",
         object_of(bucket, happening.event, happening.key, happening.record, happening.order)}};
    json::object record = {
        {"eventVersion", event_version(happening.event)},
        {"eventSource", "aws:s3"},
        {"awsRegion", kernel_.region},
        {"eventTime", format_iso8601(now)},
        {"eventName", happening.event.substr(3)},
        {"userIdentity", json::object{{"principalId", requester.principal}}},
        {"requestParameters", json::object{{"sourceIPAddress", requester.source_ip}}},
        {"responseElements", json::object{{"x-amz-request-id", requester.request_id},
                                          {"x-amz-id-2", host_id(requester)}}},
        {"s3", std::move(s3)}};
    json::object document = {{"Records", json::array{std::move(record)}}};
    event::emit(batch,
                {.source_arn = bucket.arn(),
                 .kind = happening.event,
                 .target_arn = rule.target_arn,
                 .payload = json::serialize(document),
                 .cause = requester.trace,
                 .at = now},
                kernel_.random);
  }
  if (bucket.event_bridge) tell_event_bridge(batch, bucket, requester, happening);
}

void Logic::emit_tests(store::Batch& batch, const Requester& requester, const std::string& bucket,
                       const std::vector<NotificationRule>& rules) {
  for (auto& rule : rules) {
    auto arn = Arn::parse(rule.target_arn);
    if (!arn || arn->service != "sqs") continue;
    TimePoint now = kernel_.clock.now();
    json::object document = {{"Service", "Amazon S3"},
                             {"Event", "s3:TestEvent"},
                             {"Time", format_iso8601(now)},
                             {"Bucket", bucket},
                             {"RequestId", requester.request_id},
                             {"HostId", host_id(requester)}};
    event::emit(batch,
                {.source_arn = "arn:aws:s3:::" + bucket,
                 .kind = "s3:TestEvent",
                 .target_arn = rule.target_arn,
                 .payload = json::serialize(document),
                 .cause = requester.trace,
                 .at = now},
                kernel_.random);
  }
}

Task<Result<void>> Logic::validate_destinations(std::string bucket,
                                                std::vector<NotificationRule> rules) {
  auto refuse = [](const std::string& arn, std::string reason) {
    return invalid_argument("Unable to validate the following destination configurations", arn,
                            std::move(reason));
  };
  for (auto& rule : rules) {
    auto arn = Arn::parse(rule.target_arn);
    if (!arn) co_return refuse(rule.target_arn, "The ARN could not be parsed");
    if (arn->service == "sqs" && arn->resource.ends_with(".fifo")) {
      co_return refuse(rule.target_arn, "FIFO SQS queues are not supported");
    }
    if (arn->region != kernel_.region) {
      co_return refuse(rule.target_arn,
                       "The notification destination service region is not valid "
                       "for the bucket location constraint");
    }
    if (arn->service != "sqs" && arn->service != "lambda") {
      co_return refuse(rule.target_arn, "Notifications go to queues and functions");
    }
    auto target = kernel_.targets.target(rule.target_arn);
    if (!target) co_return refuse(rule.target_arn, target.error().message);
    event::Sender sender{std::string(kPrincipal), "arn:aws:s3:::" + bucket, kernel_.account};
    auto accepted = co_await (*target)->accepts(rule.target_arn, std::move(sender));
    if (!accepted) {
      const bool missing = accepted.error().code == codes::kNotFound;
      co_return refuse(rule.target_arn, missing
                                            ? "The destination queue or function does not exist"
                                            : "Permissions on the destination do not allow S3 to "
                                              "publish notifications from this bucket");
    }
  }
  co_return ok();
}

}  // namespace suiro::s3
