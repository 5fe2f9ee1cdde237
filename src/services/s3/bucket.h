// SPDX-License-Identifier: Apache-2.0
// Bucket: a bucket's record with its configuration documents read into the form that the rules use.
// It is immutable: a change of the configuration makes a new one.
//
// Thread: any. Errors of compile(): kCorrupt for a stored document that is not one of ours.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/s3/types.h"
#include "shapes/json.h"
#include "shapes/validate.h"

namespace suiro::s3 {

struct NotificationRule {
  std::string id;
  std::string target_arn;
  std::vector<std::string> events;  // "s3:ObjectCreated:*", "s3:ObjectRemoved:Delete", ...
  std::string prefix;
  std::string suffix;
  bool matches(std::string_view event, ByteView key) const;
};

struct LifecycleRule {
  std::string id;
  std::string prefix;
  Tags tags;
  std::optional<uint64_t> size_above;
  std::optional<uint64_t> size_below;
  // Actions.
  std::optional<int32_t> days;
  std::optional<TimePoint> date;
  bool lone_delete_markers = false;
  std::optional<int32_t> noncurrent_days;
  int32_t noncurrent_kept = 0;
  std::optional<int32_t> abort_days;

  bool covers(ByteView key) const { return key.starts_with(prefix); }
  bool covers(ByteView key, const ObjectRecord& record) const;
  // When the rule expires a current version that it covers: a midnight in UTC, the first one after
  // `days` have passed (Amazon S3 User Guide, "Expiring objects"). nullopt: never.
  std::optional<TimePoint> expires(const ObjectRecord& record) const;
};

// The first midnight in UTC at or after `time` plus `days`.
TimePoint midnight_after(TimePoint time, int32_t days);

struct CorsRule {
  std::vector<std::string> origins, methods, headers, expose;
  std::optional<int32_t> max_age_seconds;
  bool allows(std::string_view origin, std::string_view method,
              const std::vector<std::string>& request_headers) const;
};

struct Bucket {
  std::string name;
  BucketRecord record;
  store::Version version;
  std::vector<NotificationRule> notifications;
  bool event_bridge = false;             // everything that happens is told to the default event bus
  std::vector<LifecycleRule> lifecycle;  // enabled rules only
  std::vector<CorsRule> cors;

  std::string arn() const { return "arn:aws:s3:::" + name; }
  std::string arn(ByteView key) const { return arn() + "/" + std::string(key); }
  static Result<std::shared_ptr<const Bucket>> compile(std::string name,
                                                       Stored<BucketRecord> stored);
};
using BucketPtr = std::shared_ptr<const Bucket>;

// A stored document as its shape. It was judged when it was put (configuration_rules.h), by S3's
// rules, which are laxer than the model's ("Suffix" for "suffix"): here its form alone counts.
// Errors: SerializationException.
template <class Shape>
Result<Shape> read_document(const std::string& text) {
  Shape out{};
  std::string copy = text;
  shapes::Violations ignored;
  TRY_VOID(shapes::read_json(copy, Shape::shape(), &out, shapes::Dialect::kPlain, ignored));
  return out;
}

// Documents of BucketRecord::documents.
namespace documents {
inline constexpr std::string_view kCors = "cors";
inline constexpr std::string_view kLifecycle = "lifecycle";
inline constexpr std::string_view kNotification = "notification";
inline constexpr std::string_view kTagging = "tagging";
inline constexpr std::string_view kOwnership = "ownership";
inline constexpr std::string_view kPublicAccess = "public-access";
inline constexpr std::string_view kPolicy = "policy";  // the text as it was put
inline constexpr std::string_view kTransitionSize = "lifecycle.transition-size";
}  // namespace documents

}  // namespace suiro::s3
