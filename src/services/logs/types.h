// SPDX-License-Identifier: Apache-2.0
// What the logs service keeps: groups, streams, events. No wire, no keys.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/strong.h"

namespace suiro::logs {

struct GroupIdTag;
struct StreamIdTag;
// Random; a group that is made again under its old name has another id, and so none of its events.
using GroupId = Strong<GroupIdTag, uint64_t>;
using StreamId = Strong<StreamIdTag, uint64_t>;

// A reader of a group's events ("PutSubscriptionFilter").
struct SubscriptionFilter {
  std::string name;
  std::string pattern;
  std::string destination_arn;
  std::string role_arn;  // empty: none was given
  enum class Distribution : uint8_t { kByLogStream = 0, kRandom = 1 };
  Distribution distribution = Distribution::kByLogStream;
  TimePoint created;
};

struct Group {
  GroupId id;
  TimePoint created;
  int32_t retention_days = 0;  // 0: for ever
  TimePoint next_expiry = {};  // when its timer is due; zero: it has none
  std::map<std::string, std::string> tags;
  std::vector<SubscriptionFilter> subscriptions;
};

// Nothing older may be seen.
inline TimePoint horizon_of(const Group& group, TimePoint now) {
  if (group.retention_days == 0) return {};
  return now - std::chrono::hours(24) * group.retention_days;
}

struct Stream {
  StreamId id;
  TimePoint created;
  // Of the events that are there; meaningless while `bytes` is 0.
  TimePoint first_event;
  TimePoint last_event;
  TimePoint last_ingestion;
  uint64_t bytes = 0;
  // No block of this stream spans a longer time.
  Millis block_span{0};
};

// Where an event stands: by time, then by commit. Unique among all events.
struct Position {
  TimePoint time;
  uint64_t sequence = 0;
  uint16_t batch_index = 0;
  uint32_t event_index = 0;
  auto operator<=>(const Position&) const = default;
};

struct LogEvent {
  Position at;
  TimePoint ingested;
  std::string message;
};

struct NewEvent {
  TimePoint time;
  std::string message;
};

// Amazon CloudWatch Logs API Reference, "PutLogEvents": each event counts 26 bytes beside its
// message.
// The last millisecond of the year 9999: no time that a client names lies beyond.
inline constexpr int64_t kTimeMillisMax = 253'402'300'799'999;
inline constexpr size_t kEventOverheadBytes = 26;
inline constexpr size_t kPutBytesMax = 1'048'576;
inline constexpr Millis kPutSpanMax = std::chrono::hours(24);
inline constexpr Millis kPutFutureMax = std::chrono::hours(2);
inline constexpr Millis kPutAgeMax = std::chrono::hours(24 * 14);
// "GetLogEvents", "FilterLogEvents": as many events as fit.
inline constexpr size_t kReadEventsMax = 10'000;
inline constexpr size_t kReadBytesMax = 1'048'576;
// A filter that finds little looks at so much in one call, and goes on in the next.
inline constexpr size_t kFilterBytesScannedMax = 8 << 20;
// Streams of one group that a filter reads at the same time.
inline constexpr size_t kFilterStreamsMax = 500;
// Streams that are looked over or sorted in one call.
inline constexpr size_t kStreamsListedMax = 200'000;
inline constexpr size_t kTagsMax = 50;
// Amazon CloudWatch Logs User Guide, "CloudWatch Logs quotas": subscription filters of one group.
inline constexpr size_t kSubscriptionsMax = 2;
// Events that are sent together to a subscriber, before they are packed: packed and in base64 they
// are within what an asynchronous invocation takes.
inline constexpr size_t kSubscriptionBytesMax = 160 << 10;
inline constexpr int kCommitAttemptsMax = 20;
inline constexpr size_t kBlockBytesMax = 128 << 10;
inline constexpr Millis kBlockSpanMax = std::chrono::seconds(10);
inline constexpr Millis kExpiryInterval = std::chrono::hours(1);

}  // namespace suiro::logs
