// SPDX-License-Identifier: Apache-2.0
#include "services/s3/bucket.h"

#include <algorithm>

#include "services/s3/configuration_rules.h"
#include "shapes/gen/s3.h"
#include "shapes/json.h"

namespace suiro::s3 {
namespace {

namespace wire = shapes::s3;

bool event_matches(std::string_view pattern, std::string_view event) {
  if (pattern.ends_with('*')) return event.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == event;
}

// A text with at most one '*'.
bool wildcard_matches(std::string_view pattern, std::string_view text) {
  size_t star = pattern.find('*');
  if (star == pattern.npos) return pattern == text;
  std::string_view head = pattern.substr(0, star), tail = pattern.substr(star + 1);
  return text.size() >= head.size() + tail.size() && text.starts_with(head) && text.ends_with(tail);
}

void read_filter(const std::optional<wire::NotificationConfigurationFilter>& filter,
                 NotificationRule& rule) {
  if (!filter || !filter->key || !filter->key->filter_rules) return;
  for (auto& entry : *filter->key->filter_rules) {
    bool prefix = equal_ignore_case(entry.name.value_or(""), "prefix");
    (prefix ? rule.prefix : rule.suffix) = entry.value.value_or("");
  }
}

void read_filter(const wire::LifecycleRuleFilter& filter, LifecycleRule& rule) {
  auto take = [&](auto& from) {
    if (from.prefix) rule.prefix = *from.prefix;
    if (from.object_size_greater_than) {
      rule.size_above = static_cast<uint64_t>(*from.object_size_greater_than);
    }
    if (from.object_size_less_than) {
      rule.size_below = static_cast<uint64_t>(*from.object_size_less_than);
    }
  };
  take(filter);
  if (filter.tag) rule.tags.emplace_back(filter.tag->key, filter.tag->value);
  if (!filter.and_) return;
  take(*filter.and_);
  if (!filter.and_->tags) return;
  for (auto& tag : *filter.and_->tags) rule.tags.emplace_back(tag.key, tag.value);
}

LifecycleRule read_rule(const wire::LifecycleRule& from) {
  LifecycleRule rule;
  rule.id = from.id.value_or("");
  if (from.prefix) rule.prefix = *from.prefix;
  if (from.filter) read_filter(*from.filter, rule);
  if (from.expiration) {
    rule.days = from.expiration->days;
    rule.date = from.expiration->date;
    rule.lone_delete_markers = from.expiration->expired_object_delete_marker.value_or(false);
  }
  if (from.noncurrent_version_expiration) {
    rule.noncurrent_days = from.noncurrent_version_expiration->noncurrent_days;
    rule.noncurrent_kept =
        from.noncurrent_version_expiration->newer_noncurrent_versions.value_or(0);
  }
  if (from.abort_incomplete_multipart_upload) {
    rule.abort_days = from.abort_incomplete_multipart_upload->days_after_initiation;
  }
  return rule;
}

Result<void> read_documents(Bucket& bucket) {
  if (auto* text = bucket.record.document(documents::kNotification)) {
    TRY(auto document, read_document<wire::NotificationConfiguration>(*text));
    bucket.notifications = rules_of(document);
    bucket.event_bridge = document.event_bridge_configuration.has_value();
  }
  if (auto* text = bucket.record.document(documents::kLifecycle)) {
    TRY(auto document, read_document<wire::BucketLifecycleConfiguration>(*text));
    for (auto& rule : document.rules) {
      if (rule.status == "Enabled") bucket.lifecycle.push_back(read_rule(rule));
    }
  }
  if (auto* text = bucket.record.document(documents::kCors)) {
    TRY(auto document, read_document<wire::CORSConfiguration>(*text));
    for (auto& rule : document.cors_rules) {
      bucket.cors.push_back({rule.allowed_origins, rule.allowed_methods,
                             rule.allowed_headers.value_or(std::vector<std::string>()),
                             rule.expose_headers.value_or(std::vector<std::string>()),
                             rule.max_age_seconds});
    }
  }
  return ok();
}

}  // namespace

std::vector<NotificationRule> rules_of(const wire::NotificationConfiguration& document) {
  std::vector<NotificationRule> out;
  auto add = [&](auto& configuration, const std::string& arn) {
    NotificationRule rule{configuration.id.value_or(""), arn, configuration.events, "", ""};
    read_filter(configuration.filter, rule);
    out.push_back(std::move(rule));
  };
  if (document.queue_configurations) {
    for (auto& entry : *document.queue_configurations) add(entry, entry.queue_arn);
  }
  if (document.lambda_function_configurations) {
    for (auto& entry : *document.lambda_function_configurations) {
      add(entry, entry.lambda_function_arn);
    }
  }
  return out;
}

bool NotificationRule::matches(std::string_view event, ByteView key) const {
  if (!key.starts_with(prefix) || !key.ends_with(suffix)) return false;
  return std::any_of(events.begin(), events.end(),
                     [&](auto& pattern) { return event_matches(pattern, event); });
}

bool LifecycleRule::covers(ByteView key, const ObjectRecord& record) const {
  if (!covers(key)) return false;
  if (size_above && record.size_bytes <= *size_above) return false;
  if (size_below && record.size_bytes >= *size_below) return false;
  return std::all_of(tags.begin(), tags.end(), [&](auto& tag) {
    return std::find(record.tags.begin(), record.tags.end(), tag) != record.tags.end();
  });
}

TimePoint midnight_after(TimePoint time, int32_t days) {
  using Days = std::chrono::days;
  return std::chrono::ceil<Days>(time + Days(days));
}

std::optional<TimePoint> LifecycleRule::expires(const ObjectRecord& record) const {
  if (days) return midnight_after(record.modified, *days);
  return date;
}

bool CorsRule::allows(std::string_view origin, std::string_view method,
                      const std::vector<std::string>& request_headers) const {
  auto any = [](auto& patterns, std::string_view text) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](auto& pattern) { return wildcard_matches(pattern, text); });
  };
  if (!any(origins, origin)) return false;
  if (std::find(methods.begin(), methods.end(), method) == methods.end()) return false;
  return std::all_of(request_headers.begin(), request_headers.end(), [&](auto& header) {
    std::string name = to_lower(header);
    return std::any_of(headers.begin(), headers.end(),
                       [&](auto& pattern) { return wildcard_matches(to_lower(pattern), name); });
  });
}

Result<BucketPtr> Bucket::compile(std::string name, Stored<BucketRecord> stored) {
  auto bucket = std::make_shared<Bucket>();
  bucket->name = std::move(name);
  bucket->record = std::move(stored.record);
  bucket->version = stored.version;
  if (auto read = read_documents(*bucket); !read) {
    return fail(codes::kCorrupt,
                "a stored bucket configuration is not readable: " + read.error().message);
  }
  return BucketPtr(std::move(bucket));
}

}  // namespace suiro::s3
