// SPDX-License-Identifier: Apache-2.0
// The limits of the service: AWS's quotas (AWS Lambda Developer Guide, "Lambda quotas") and the
// bounds of our own queues and waits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace suiro::lambda {

// --- AWS's quotas ---
inline constexpr uint32_t kMemoryMbMin = 128;
inline constexpr uint32_t kMemoryMbMax = 10'240;
inline constexpr uint32_t kTimeoutSecondsMax = 900;
inline constexpr uint32_t kEphemeralMbMin = 512;
inline constexpr uint32_t kEphemeralMbMax = 10'240;
inline constexpr size_t kEnvironmentBytesMax = 4096;
inline constexpr size_t kDescriptionBytesMax = 256;
inline constexpr size_t kHandlerBytesMax = 128;
inline constexpr size_t kZipDirectBytesMax = 50 << 20;  // a zip in the request itself
inline constexpr uint64_t kZipBytesMax = 250ULL << 20;  // a zip taken from the lake
inline constexpr uint64_t kUnzippedBytesMax = 250ULL << 20;
inline constexpr size_t kZipEntriesMax = 50'000;  // ours: AWS bounds the bytes alone
inline constexpr size_t kZipPathBytesMax = 1024;
inline constexpr size_t kSyncPayloadBytesMax = 6 << 20;
inline constexpr size_t kAsyncPayloadBytesMax = 1 << 20;
inline constexpr size_t kClientContextBytesMax = 3583;
inline constexpr uint32_t kAccountConcurrency = 1000;
inline constexpr uint32_t kUnreservedConcurrencyMin = 100;
inline constexpr uint32_t kAsyncRetriesMax = 2;
inline constexpr uint32_t kAsyncAgeSecondsMin = 60;
inline constexpr uint32_t kAsyncAgeSecondsMax = 21'600;
inline constexpr size_t kPolicyBytesMax = 20'480;
inline constexpr size_t kTagsMax = 50;

// --- Asynchronous invocation ---
// "Lambda retries function errors twice, with a one-minute wait before the first retry and two
// minutes before the second" (Developer Guide, "How Lambda handles errors and retries with
// asynchronous invocation").
inline constexpr Millis kAsyncRetryDelays[] = {std::chrono::minutes(1), std::chrono::minutes(2)};
// A throttled invocation is tried again after 1 second, growing to 5 minutes (same page).
inline constexpr Millis kThrottleDelayMin = std::chrono::seconds(1);
inline constexpr Millis kThrottleDelayMax = std::chrono::minutes(5);
// Invocations of one function that wait, on disk. Beyond: TooManyRequestsException.
inline constexpr uint64_t kAsyncBacklogMax = 1'000'000;
// Names of them in memory; the rest are found by a scan when these run low.
inline constexpr size_t kAsyncReadyMax = 4096;
inline constexpr size_t kAsyncRunningMax = 1000;
// After a store that was busy.
inline constexpr Millis kAsyncStoreDelay = std::chrono::seconds(5);

// --- Event source mappings ---
inline constexpr uint32_t kBatchSizeMax = 10'000;
inline constexpr uint32_t kBatchSizeFifoMax = 10;
inline constexpr uint32_t kBatchWindowSecondsMax = 300;
inline constexpr uint32_t kMappingConcurrencyMin = 2;
inline constexpr uint32_t kMappingConcurrencyMax = 1000;
// How long one empty read waits: also the time that stopping a reader takes at most.
inline constexpr Millis kPollWait = std::chrono::seconds(1);
// After a read or an invocation that could not be made.
inline constexpr Millis kPollBackoff = std::chrono::seconds(1);
inline constexpr Millis kPollBackoffMax = std::chrono::seconds(60);
inline constexpr size_t kPullRecordsMax = 10;  // a read of a queue takes at most 10

// --- Streams ---
// "Lambda parameters for Amazon Kinesis Data Streams event source mappings".
inline constexpr uint32_t kStreamBatchSizeDefault = 100;
inline constexpr uint32_t kParallelizationMax = 10;
inline constexpr int64_t kRecordAgeSecondsMin = 60;
inline constexpr int64_t kRecordAgeSecondsMax = 604'800;
inline constexpr int64_t kStreamRetriesMax = 10'000;
inline constexpr uint32_t kTumblingSecondsMax = 900;
// "Your state can be a maximum of 1 MB per shard."
inline constexpr size_t kWindowStateBytesMax = 1 << 20;
// Records that came just before a window's end may become readable just after it.
inline constexpr Millis kWindowGrace = std::chrono::seconds(1);
// What a record's document has beside its data and its key.
inline constexpr size_t kStreamRecordFrame = 700;
// Lanes of one mapping; each is a coroutine that reads.
inline constexpr uint32_t kStreamLanesMax = 10'000;
inline constexpr size_t kLaneReadMin = 1000;
// Records of other lanes that are passed over before that is kept.
inline constexpr uint64_t kLaneSkipMax = 10'000;
// How often a supervisor looks whether the lanes of older settings have ended.
inline constexpr Millis kLaneLook{100};

// --- Sandboxes ---
// An idle warm sandbox is closed after this time.
inline constexpr Millis kWarmIdleMax = std::chrono::minutes(10);
// Sandboxes that start at once, for each core: more would only make each other late, and a warm one
// often comes first. A start counts until the runtime is up, which is looked at this often, and at
// most for kStartLooksMax looks.
inline constexpr size_t kStartsPerCore = 2;
inline constexpr Millis kStartLook{50};
inline constexpr int kStartLooksMax = 200;
// Requests that wait for the machine's memory, and for how long.
inline constexpr size_t kCapacityWaitersMax = 1000;
inline constexpr Millis kCapacityWaitMax = std::chrono::seconds(60);

inline constexpr size_t kCodeThreads = 2;
// Between two looks for code directories that nothing names; longer than a function may run.
inline constexpr Millis kCodeSweepInterval = std::chrono::hours(1);
static_assert(kCodeSweepInterval > std::chrono::seconds(kTimeoutSecondsMax));

// --- Control plane ---
inline constexpr size_t kListMax = 50;
inline constexpr size_t kListMappingsMax = 100;
inline constexpr size_t kUpdateWaitersMax = 100;

}  // namespace suiro::lambda
