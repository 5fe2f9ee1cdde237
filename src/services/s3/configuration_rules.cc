// SPDX-License-Identifier: Apache-2.0
#include "services/s3/configuration_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/arn.h"
#include "services/s3/errors.h"

namespace suiro::s3 {
namespace {

namespace wire = shapes::s3;

constexpr size_t kCorsRulesMax = 100;
constexpr size_t kLifecycleRulesMax = 1000;
constexpr size_t kNotificationRulesMax = 100;
constexpr size_t kIdBytesMax = 255;
constexpr size_t kFilterValueBytesMax = 1024;
constexpr int32_t kNewerVersionsMax = 100;

Failure invalid_request(std::string message) {
  return Failure(Error{"InvalidRequest", std::move(message)});
}
Failure invalid(std::string message) {
  return Failure(Error{"InvalidArgument", std::move(message)});
}
Failure unsupported(std::string message) {
  return Failure(Error{std::string(codes::kNotImplemented), std::move(message)});
}

Result<void> check_wildcards(const std::vector<std::string>& values, std::string_view what) {
  for (auto& value : values) {
    if (std::count(value.begin(), value.end(), '*') > 1) {
      return invalid_request(
          fmt::format("{} \"{}\" can not have more than one wildcard.", what, value));
    }
  }
  return ok();
}

Result<void> check_days(std::optional<int32_t> days, std::string_view element) {
  if (days && *days <= 0) {
    return invalid(fmt::format("'{}' must be a positive integer", element));
  }
  return ok();
}

bool has_tags(const wire::LifecycleRule& rule) {
  if (!rule.filter) return false;
  return rule.filter->tag || (rule.filter->and_ && rule.filter->and_->tags);
}

bool has_sizes(const wire::LifecycleRule& rule) {
  if (!rule.filter) return false;
  auto sizes = [](auto& from) {
    return from.object_size_greater_than || from.object_size_less_than;
  };
  return sizes(*rule.filter) || (rule.filter->and_ && sizes(*rule.filter->and_));
}

Result<void> check_filter(const wire::LifecycleRule& rule) {
  // Exactly one of the old Prefix and Filter; of a Filter at most one member.
  if (rule.prefix.has_value() == rule.filter.has_value()) return malformed_xml();
  if (!rule.filter) return ok();
  const auto& filter = *rule.filter;
  const int members = (filter.prefix ? 1 : 0) + (filter.tag ? 1 : 0) + (filter.and_ ? 1 : 0) +
                      (filter.object_size_greater_than ? 1 : 0) +
                      (filter.object_size_less_than ? 1 : 0);
  if (members > 1) return malformed_xml();
  if (!filter.and_) return ok();
  const auto& all = *filter.and_;
  const size_t conditions = (all.prefix ? 1U : 0U) + (all.tags ? all.tags->size() : 0U) +
                            (all.object_size_greater_than ? 1U : 0U) +
                            (all.object_size_less_than ? 1U : 0U);
  if (conditions < 2) return malformed_xml();
  if (all.object_size_greater_than && all.object_size_less_than &&
      *all.object_size_greater_than >= *all.object_size_less_than) {
    return invalid_request(
        "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.");
  }
  return ok();
}

Result<void> check_expiration(const wire::LifecycleRule& rule) {
  if (!rule.expiration) return ok();
  const auto& expiration = *rule.expiration;
  const bool marker = expiration.expired_object_delete_marker.has_value();
  const int members = (expiration.days ? 1 : 0) + (expiration.date ? 1 : 0) + (marker ? 1 : 0);
  if (members != 1) return malformed_xml();
  TRY_VOID(check_days(expiration.days, "Days' for Expiration action"));
  if (expiration.date) {
    if (std::chrono::floor<std::chrono::days>(*expiration.date) != *expiration.date) {
      return invalid("'Date' must be at midnight GMT");
    }
  }
  if (marker && (has_tags(rule) || has_sizes(rule))) {
    return invalid_request(
        "ExpiredObjectDeleteMarker cannot be specified with Tags or object sizes.");
  }
  return ok();
}

Result<void> check_other_actions(const wire::LifecycleRule& rule) {
  if (rule.noncurrent_version_expiration) {
    const auto& noncurrent = *rule.noncurrent_version_expiration;
    if (!noncurrent.noncurrent_days) return malformed_xml();
    TRY_VOID(check_days(noncurrent.noncurrent_days,
                        "NoncurrentDays' for NoncurrentVersionExpiration action"));
    if (noncurrent.newer_noncurrent_versions) {
      if (*noncurrent.newer_noncurrent_versions < 1 ||
          *noncurrent.newer_noncurrent_versions > kNewerVersionsMax) {
        return invalid("'NewerNoncurrentVersions' must be a positive integer of at most 100");
      }
      if (!rule.filter)
        return invalid_request("'NewerNoncurrentVersions' requires a Filter element.");
    }
  }
  if (rule.abort_incomplete_multipart_upload) {
    const auto& abort = *rule.abort_incomplete_multipart_upload;
    if (!abort.days_after_initiation) return malformed_xml();
    TRY_VOID(check_days(abort.days_after_initiation,
                        "DaysAfterInitiation' for AbortIncompleteMultipartUpload action"));
    if (has_tags(rule) || has_sizes(rule)) {
      return invalid_request(
          "AbortIncompleteMultipartUpload cannot be specified with Tags or object sizes.");
    }
  }
  return ok();
}

Result<void> check_rule(wire::LifecycleRule& rule, Random& random) {
  if (!rule.id || rule.id->empty()) rule.id = random.uuid();
  if (rule.id->size() > kIdBytesMax) {
    return invalid("ID length should not exceed allowed limit of 255");
  }
  if (rule.status != "Enabled" && rule.status != "Disabled") return malformed_xml();
  if ((rule.transitions && !rule.transitions->empty()) ||
      (rule.noncurrent_version_transitions && !rule.noncurrent_version_transitions->empty())) {
    return unsupported("Suiro has one storage class, STANDARD: transitions are not supported.");
  }
  TRY_VOID(check_filter(rule));
  if (!rule.expiration && !rule.noncurrent_version_expiration &&
      !rule.abort_incomplete_multipart_upload) {
    return invalid_request("At least one action needs to be specified in a rule");
  }
  TRY_VOID(check_expiration(rule));
  return check_other_actions(rule);
}

// --- notifications ------------------------------------------------------------------------------

constexpr std::array<std::string_view, 14> kSent = {"s3:ObjectCreated:*",
                                                    "s3:ObjectCreated:Put",
                                                    "s3:ObjectCreated:Post",
                                                    "s3:ObjectCreated:Copy",
                                                    "s3:ObjectCreated:CompleteMultipartUpload",
                                                    "s3:ObjectRemoved:*",
                                                    "s3:ObjectRemoved:Delete",
                                                    "s3:ObjectRemoved:DeleteMarkerCreated",
                                                    "s3:LifecycleExpiration:*",
                                                    "s3:LifecycleExpiration:Delete",
                                                    "s3:LifecycleExpiration:DeleteMarkerCreated",
                                                    "s3:ObjectTagging:*",
                                                    "s3:ObjectTagging:Put",
                                                    "s3:ObjectTagging:Delete"};

Result<void> check_events(const std::vector<std::string>& events) {
  if (events.empty()) return malformed_xml();
  for (auto& event : events) {
    if (std::find(kSent.begin(), kSent.end(), event) != kSent.end()) continue;
    const bool known = event.starts_with("s3:ObjectRestore:") ||
                       event.starts_with("s3:Replication:") || event == "s3:IntelligentTiering" ||
                       event == "s3:LifecycleTransition" || event == "s3:ObjectAcl:Put" ||
                       event == "s3:ReducedRedundancyLostObject";
    if (known) {
      return unsupported(
          fmt::format("Suiro never sends {}: what it tells of is not supported.", event));
    }
    return invalid_argument("The event is not supported for notifications", "Event", event);
  }
  return ok();
}

Result<void> check_name_filter(const std::optional<wire::NotificationConfigurationFilter>& filter) {
  if (!filter || !filter->key || !filter->key->filter_rules) return ok();
  std::set<std::string> seen;
  for (auto& rule : *filter->key->filter_rules) {
    std::string name = to_lower(rule.name.value_or(""));
    if (name != "prefix" && name != "suffix") {
      return invalid_argument("filter rule name must be either prefix or suffix", "FilterRule.Name",
                              rule.name.value_or(""));
    }
    if (!seen.insert(name).second) {
      return invalid_argument("Cannot specify more than one " + name + " rule in a filter.",
                              "FilterRule.Name", name);
    }
    if (rule.value.value_or("").size() > kFilterValueBytesMax) {
      return invalid_argument("Size of filter rule value cannot exceed 1024 bytes in UTF-8",
                              "FilterRule.Value", rule.value.value_or(""));
    }
  }
  return ok();
}

bool same_event(std::string_view a, std::string_view b) {
  auto covers = [](std::string_view pattern, std::string_view event) {
    return pattern == event ||
           (pattern.ends_with('*') && event.starts_with(pattern.substr(0, pattern.size() - 1)));
  };
  return covers(a, b) || covers(b, a);
}

// Whether some event of some key would match both.
bool overlap(const NotificationRule& a, const NotificationRule& b) {
  const bool prefixes = a.prefix.starts_with(b.prefix) || b.prefix.starts_with(a.prefix);
  const bool suffixes = a.suffix.ends_with(b.suffix) || b.suffix.ends_with(a.suffix);
  if (!prefixes || !suffixes) return false;
  for (auto& one : a.events) {
    for (auto& other : b.events) {
      if (same_event(one, other)) return true;
    }
  }
  return false;
}

Result<void> check_overlap(const std::vector<NotificationRule>& rules) {
  for (size_t i = 0; i < rules.size(); ++i) {
    for (size_t k = i + 1; k < rules.size(); ++k) {
      if (!overlap(rules[i], rules[k])) continue;
      if (rules[i].prefix.empty() && rules[i].suffix.empty() && rules[k].prefix.empty() &&
          rules[k].suffix.empty()) {
        return invalid(
            "Configurations overlap. Configurations on the same bucket cannot share a common event "
            "type.");
      }
      return invalid(
          "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if "
          "the prefixes are overlapping for the same event type.");
    }
  }
  return ok();
}

}  // namespace

Result<void> check_cors(const wire::CORSConfiguration& document) {
  if (document.cors_rules.empty()) return malformed_xml();
  if (document.cors_rules.size() > kCorsRulesMax) {
    return invalid_request(
        "The number of CORS rules should not exceed allowed limit of 100 rules.");
  }
  constexpr std::array<std::string_view, 5> kMethods = {"GET", "PUT", "HEAD", "POST", "DELETE"};
  for (auto& rule : document.cors_rules) {
    if (rule.allowed_methods.empty() || rule.allowed_origins.empty()) return malformed_xml();
    if (rule.id && rule.id->size() > kIdBytesMax) return malformed_xml();
    for (auto& method : rule.allowed_methods) {
      if (std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end()) {
        return invalid_request(fmt::format(
            "Found unsupported HTTP method in CORS config. Unsupported method is {}", method));
      }
    }
    TRY_VOID(check_wildcards(rule.allowed_origins, "AllowedOrigin"));
    if (rule.allowed_headers) TRY_VOID(check_wildcards(*rule.allowed_headers, "AllowedHeader"));
    for (auto& header : rule.expose_headers.value_or(std::vector<std::string>())) {
      if (header.find('*') != header.npos) {
        return invalid_request(fmt::format(
            "ExposeHeader \"{}\" contains wildcard. We currently do not support wildcard for "
            "ExposeHeader.",
            header));
      }
    }
  }
  return ok();
}

Result<void> check_lifecycle(wire::BucketLifecycleConfiguration& document, Random& random) {
  if (document.rules.empty() || document.rules.size() > kLifecycleRulesMax) return malformed_xml();
  std::set<std::string> ids;
  for (auto& rule : document.rules) {
    TRY_VOID(check_rule(rule, random));
    if (!ids.insert(*rule.id).second) {
      return invalid("Rule ID must be unique. Found same ID for more than one rule");
    }
  }
  return ok();
}

// A queue's configuration names a queue, a function's a function.
static Result<void> check_destination(const std::string& arn, std::string_view service) {
  auto parsed = Arn::parse(arn);
  if (parsed && parsed->service == service) return ok();
  return invalid("The ARN is not well formed");
}

Result<void> check_notification(wire::NotificationConfiguration& document, Random& random) {
  if (document.topic_configurations && !document.topic_configurations->empty()) {
    return unsupported("Suiro does not support SNS topics as destinations of notifications.");
  }
  std::set<std::string> ids;
  auto check = [&](auto& configurations, std::string_view service, auto arn) -> Result<void> {
    if (!configurations) return ok();
    for (auto& entry : *configurations) {
      TRY_VOID(check_destination(entry.*arn, service));
      if (!entry.id || entry.id->empty()) entry.id = random.uuid();
      if (entry.id->size() > kIdBytesMax) return invalid("The ID is longer than 255 characters");
      if (!ids.insert(*entry.id).second) {
        return invalid("Same ID used for multiple configurations. IDs must be unique");
      }
      TRY_VOID(check_events(entry.events));
      TRY_VOID(check_name_filter(entry.filter));
    }
    return ok();
  };
  TRY_VOID(check(document.queue_configurations, "sqs", &wire::QueueConfiguration::queue_arn));
  TRY_VOID(check(document.lambda_function_configurations, "lambda",
                 &wire::LambdaFunctionConfiguration::lambda_function_arn));
  if (ids.size() > kNotificationRulesMax) {
    return invalid("The notification configuration has more than 100 rules");
  }
  return check_overlap(rules_of(document));
}

}  // namespace suiro::s3
