// SPDX-License-Identifier: Apache-2.0
// What the streams service keeps: streams, shards, consumers. No wire, no keys.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/strong.h"

namespace suiro::kinesis {

struct StreamIdTag;
// Random; a stream that is made again under its old name has another id, and none of its records.
using StreamId = Strong<StreamIdTag, uint64_t>;
// "shardId-000000000003" is shard 3.
struct ShardIndexTag;
using ShardIndex = Strong<ShardIndexTag, uint32_t>;
// Counts the records of a shard from 0.
using Offset = uint64_t;
// What a partition key's MD5 is read as.
__extension__ using HashKey = unsigned __int128;
inline constexpr HashKey kHashKeyMax = ~HashKey{0};

// Both ends belong to it.
struct HashRange {
  HashKey begin = 0;
  HashKey end = kHashKeyMax;
  bool holds(HashKey key) const { return begin <= key && key <= end; }
  friend bool operator==(const HashRange&, const HashRange&) = default;
};

enum class Mode : uint8_t { kProvisioned = 0, kOnDemand = 1 };

struct StreamRecord {
  StreamId id;
  TimePoint created;
  Mode mode = Mode::kProvisioned;
  uint32_t retention_hours = 24;
  uint32_t max_record_kib = 1024;
  uint32_t shards_made = 0;  // the next shard's index
  std::map<std::string, std::string> tags;
  std::vector<std::string> metrics;  // shard-level metrics that are asked for, sorted
  std::string key_id;                // of StartStreamEncryption; empty: not asked for
  friend bool operator==(const StreamRecord&, const StreamRecord&) = default;
};

struct ShardRecord {
  HashRange range;
  // Part of its sequence numbers: later than that of its parents.
  TimePoint created;
  std::vector<ShardIndex> parents;  // none, one (split) or two (merge)
  std::optional<TimePoint> closed;
  Offset end = 0;      // closed: how many records it ever took
  Offset horizon = 0;  // the first record that is still there
  friend bool operator==(const ShardRecord&, const ShardRecord&) = default;
};

// Where the records of a time begin.
struct TimeRow {
  Offset offset = 0;
  TimePoint before;  // the arrival of the record before
  friend bool operator==(const TimeRow&, const TimeRow&) = default;
};

struct ConsumerRecord {
  TimePoint created;
  std::map<std::string, std::string> tags;
  friend bool operator==(const ConsumerRecord&, const ConsumerRecord&) = default;
};

// Amazon Kinesis Data Streams API Reference, "PutRecords".
inline constexpr size_t kPutBytesMax = 10 << 20;
// "GetRecords".
inline constexpr size_t kGetRecordsMax = 10'000;
inline constexpr size_t kGetBytesMax = 10 << 20;
inline constexpr Millis kIteratorAgeMax = std::chrono::minutes(5);
// "ListShards".
inline constexpr Millis kTokenAgeMax = std::chrono::seconds(300);
// "Quotas and limits" of the Developer Guide: of one shard, each second.
inline constexpr double kShardRecordsInMax = 1000;
inline constexpr double kShardBytesInMax = 1 << 20;
inline constexpr double kShardReadsMax = 5;
inline constexpr double kShardBytesOutMax = 2 << 20;
// "CreateStream", "UpdateStreamMode": an on-demand stream begins with four shards.
inline constexpr uint32_t kOnDemandShards = 4;
inline constexpr uint32_t kRecordKibMin = 1024;
// "IncreaseStreamRetentionPeriod".
inline constexpr uint32_t kRetentionHoursMin = 24;
inline constexpr uint32_t kRetentionHoursMax = 8760;
inline constexpr size_t kTagsMax = 50;
// "SubscribeToShard": how long one lasts, when another may take over, and how often a reader hears
// of a shard that brings nothing.
inline constexpr Millis kSubscriptionTime = std::chrono::minutes(5);
inline constexpr Millis kSubscriptionTakeOver = std::chrono::seconds(5);
inline constexpr Millis kSubscriptionIdle = std::chrono::seconds(5);
// "RegisterStreamConsumer".
inline constexpr size_t kConsumersMax = 20;
// Suiro's own. Open and closed shards of one stream, and the streams.
inline constexpr size_t kStreamShardsMax = 10'000;
inline constexpr size_t kStreamsMax = 10'000;
inline constexpr size_t kOpenShardsMax = 20'000;  // of all streams, as DescribeLimits tells

}  // namespace suiro::kinesis
