// SPDX-License-Identifier: Apache-2.0
// EventBridge: what happens to objects, told to the account's default event bus in the batch of the
// change (Amazon S3 User Guide, "Using EventBridge" and "EventBridge event message structure").
#include <fmt/chrono.h>

#include <boost/json.hpp>

#include "services/s3/logic.h"

namespace suiro::s3 {
namespace {

namespace json = boost::json;

struct Telling {
  std::string_view detail_type;
  std::string_view reason;         // empty: none
  std::string_view deletion_type;  // empty: none
};

Telling telling_of(std::string_view event) {
  if (event == "s3:ObjectCreated:Put") return {"Object Created", "PutObject", ""};
  if (event == "s3:ObjectCreated:Copy") return {"Object Created", "CopyObject", ""};
  if (event == "s3:ObjectCreated:Post") return {"Object Created", "POST Object", ""};
  if (event.starts_with("s3:ObjectCreated:")) {
    return {"Object Created", "CompleteMultipartUpload", ""};
  }
  if (event == "s3:ObjectTagging:Put") return {"Object Tags Added", "", ""};
  if (event == "s3:ObjectTagging:Delete") return {"Object Tags Deleted", "", ""};
  bool expired = event.starts_with("s3:LifecycleExpiration:");
  return {
      "Object Deleted", expired ? "Lifecycle Expiration" : "DeleteObject",
      event.ends_with(":DeleteMarkerCreated") ? "Delete Marker Created" : "Permanently Deleted"};
}

}  // namespace

void Logic::tell_event_bridge(store::Batch& batch, const Bucket& bucket, const Requester& requester,
                              const Happening& happening) {
  Telling telling = telling_of(happening.event);
  const ObjectRecord& record = happening.record;
  TimePoint now = kernel_.clock.now();
  json::object object = {{"key", happening.key}};
  if (telling.detail_type == "Object Created") object["size"] = record.size_bytes;
  if (!record.delete_marker) object["etag"] = record.etag;
  if (bucket.record.versioning != Versioning::kOff) object["version-id"] = record.version_text();
  object["sequencer"] = fmt::format("{:016X}", happening.order.value());
  const bool by_lifecycle = happening.event.starts_with("s3:LifecycleExpiration:");
  json::object detail = {{"version", "0"},
                         {"bucket", json::object{{"name", bucket.name}}},
                         {"object", std::move(object)},
                         {"request-id", requester.request_id},
                         {"requester", by_lifecycle ? "s3.amazonaws.com" : kernel_.account}};
  if (!requester.source_ip.empty()) detail["source-ip-address"] = requester.source_ip;
  if (!telling.reason.empty()) detail["reason"] = telling.reason;
  if (!telling.deletion_type.empty()) detail["deletion-type"] = telling.deletion_type;
  json::object document = {
      {"version", "0"},
      {"id", kernel_.random.uuid()},
      {"detail-type", telling.detail_type},
      {"source", "aws.s3"},
      {"account", kernel_.account},
      {"time", fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", std::chrono::floor<std::chrono::seconds>(now))},
      {"region", kernel_.region},
      {"resources", json::array{bucket.arn()}},
      {"detail", std::move(detail)}};
  event::emit(batch,
              {.source_arn = bucket.arn(),
               .kind = happening.event,
               .target_arn = fmt::format("arn:aws:events:{}:{}:event-bus/default", kernel_.region,
                                         kernel_.account),
               .payload = json::serialize(document),
               .cause = requester.trace,
               .at = now},
              kernel_.random);
}

}  // namespace suiro::s3
