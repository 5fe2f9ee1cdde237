// SPDX-License-Identifier: Apache-2.0
// The limits of the service: AWS's quotas (Amazon Data Firehose Developer Guide, "Quota"; API
// Reference, "PutRecordBatch") and the bounds of our own queues, blocks and waits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace suiro::firehose {

// --- AWS's quotas ---
inline constexpr size_t kRecordBytesMax = 1000 << 10;
inline constexpr size_t kBatchBytesMax = 4 << 20;
inline constexpr size_t kStreamsMax = 5000;
inline constexpr size_t kTagsMax = 50;
inline constexpr size_t kObjectKeyBytesMax = 1024;  // prefix, name and extension
// "<stream>-<version>-yyyy-MM-dd-HH-mm-ss-<uuid>" at its longest.
inline constexpr size_t kObjectNameBytesMax = 64 + 1 + 10 + 1 + 19 + 1 + 36;
inline constexpr uint64_t kSizeDefaultMb = 5;
inline constexpr int32_t kIntervalDefaultSeconds = 300;
inline constexpr uint64_t kLambdaSizeDefaultMb = 1;
inline constexpr uint64_t kLambdaSizeMaxMb = 3;  // base64 of it fits an invocation's 6 MB
inline constexpr int32_t kLambdaIntervalDefaultSeconds = 60;
inline constexpr uint32_t kLambdaRetriesDefault = 3;
inline constexpr int32_t kRetrySecondsDefault = 300;  // HTTP endpoints and OpenSearch
inline constexpr uint64_t kHttpSizeMaxMb = 64;
inline constexpr uint64_t kSearchSizeMaxMb = 100;
inline constexpr size_t kListDefault = 10;

// --- Ours ---
inline constexpr size_t kBlockBytesMax = 4
                                         << 20;  // records of one block; a larger request has more
inline constexpr size_t kBlockRecordsMax = 1 << 20;
inline constexpr size_t kSegmentBytes = 64 << 10;       // blocks that memory keeps one account of
inline constexpr size_t kCommitsAtOnce = 2;             // of one delivery stream
inline constexpr uint64_t kWaitingBytesMax = 64 << 20;  // puts of one stream not yet durable
// What a stream holds that its destination does not take: beyond it puts are refused.
inline constexpr uint64_t kBacklogBytesMax = uint64_t{64} << 30;
// What the deliveries of one shard hold in memory together; one delivery may always run.
inline constexpr uint64_t kDeliveryBytesMax = 256 << 20;
inline constexpr size_t kScanBytes = 4 << 20;
inline constexpr size_t kFactsScanned = 10'000;  // at once
inline constexpr Millis kRetryFirst = std::chrono::seconds(1);
inline constexpr Millis kRetryLongest = std::chrono::minutes(5);
inline constexpr size_t kCompressThreads = 2;
inline constexpr size_t kLogMessageBytesMax = 16 << 10;

}  // namespace suiro::firehose
