// SPDX-License-Identifier: Apache-2.0
// Destination: what a configuration document means: where records go, how they are buffered, named,
// compressed, transformed. Documents are the JSON of AWS's shapes
// (ExtendedS3DestinationConfiguration, HttpEndpointDestinationConfiguration,
// AmazonopensearchserviceDestinationConfiguration).
//
// Thread: immutable after compile(). Errors: InvalidArgumentException for what AWS refuses,
// NotImplemented for what AWS takes and Suiro does not do.
#pragma once

#include <memory>
#include <optional>

#include "services/firehose/compress.h"
#include "services/firehose/limits.h"
#include "services/firehose/prefix.h"
#include "services/firehose/types.h"

namespace suiro::firehose {

struct Buffering {
  uint64_t size_bytes = kSizeDefaultMb << 20;
  Millis interval = std::chrono::seconds(kIntervalDefaultSeconds);
};

// CloudWatchLoggingOptions; empty: off.
struct LogPlace {
  std::string group;
  std::string stream;
  bool enabled() const { return !group.empty(); }
};

struct S3Target {
  std::string bucket;
  std::string role_arn;
  Prefix prefix;
  Prefix error_prefix;
  TimeZone zone;
  Buffering buffering;
  Compression compression = Compression::kNone;
  std::string extension;
  LogPlace log;
};

struct LambdaStep {
  std::string function_arn;
  Buffering buffering;
  uint32_t retries = kLambdaRetriesDefault;
};

struct HttpTarget {
  std::string url;
  std::string name;
  std::string access_key;
  bool gzip = false;
  std::vector<std::pair<std::string, std::string>> attributes;
  Buffering buffering;
  Millis retry{0};
};

enum class Rotation : uint8_t { kNone, kHour, kDay, kWeek, kMonth };

struct SearchTarget {
  std::string endpoint;
  std::string index;
  std::string type;  // empty: none
  Rotation rotation = Rotation::kDay;
  bool document_ids = true;  // FIREHOSE_DEFAULT
  Buffering buffering;
  Millis retry{0};
};

struct Destination {
  Kind kind = Kind::kS3;
  S3Target s3;  // of kS3 the destination, else the place of what was not delivered
  std::optional<S3Target> backup;  // of the source's records
  std::optional<LambdaStep> lambda;
  std::string delimiter;  // appended to each record of an object
  std::optional<HttpTarget> http;
  std::optional<SearchTarget> search;
  LogPlace log;  // of the destination itself

  LaneKind entry() const { return lambda ? LaneKind::kSource : LaneKind::kReady; }
};
using DestinationPtr = std::shared_ptr<const Destination>;

// Fills in AWS's defaults: what DescribeDeliveryStream shows and what is persisted.
Result<std::string> complete_document(Kind kind, const std::string& document);
Result<DestinationPtr> compile(Kind kind, const std::string& document);

// The members of `update` (an ...Update shape's JSON) laid over the document.
Result<std::string> merge_document(const std::string& document, const std::string& update);
// The JSON of the ...Description shape.
std::string describe_document(const std::string& document);

}  // namespace suiro::firehose
