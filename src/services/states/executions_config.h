// SPDX-License-Identifier: Apache-2.0
// What the runtime of executions is told at start (docs/configuration.md, [states]), and its named
// limits. Defaults are AWS's quotas where AWS has one.
#pragma once

#include "engine/workflow/execution.h"

namespace suiro::states {

inline constexpr size_t kPerformingMax = 8'192;
// Children of one distributed Map in flight: AWS's quota.
inline constexpr size_t kMapChildrenMax = 10'000;

struct RuntimeConfig {
  workflow::ExecutionLimits limits;
  uint64_t open_executions_max = 1'000'000;
  size_t cache_bytes = 64 << 20;  // of executions that are in memory though they only wait
  Millis retention = std::chrono::days(90);
  Millis redrive_period = std::chrono::days(14);
  Millis express_duration_max = std::chrono::minutes(5);
  size_t map_children_max = kMapChildrenMax;
  // Effects of one shard that are performed at once; more of them wait as keys.
  size_t performing_max = kPerformingMax;
};

// Occurrences of one execution that wait for their step. Beyond: ThrottlingException.
inline constexpr size_t kInboxMax = 20'000;
// What one commit of an execution holds, roughly: a longer chain is cut into several.
inline constexpr size_t kCommitItemsMax = 256;
inline constexpr size_t kCommitEventsMax = 4'000;
inline constexpr size_t kCommitBytesMax = 2 << 20;
// Of calls that wait to be performed; of others the key alone is in memory.
inline constexpr size_t kWaitingBytesMax = 16 << 20;
// Machines (definitions with their settings) that a shard keeps compiled.
inline constexpr size_t kMachinesCachedMax = 256;
// Payloads of one execution that are known to be stored already; others are written again.
inline constexpr size_t kStoredHashesMax = 4'096;
inline constexpr Millis kCommitRetryFirst{100};
inline constexpr Millis kCommitRetryLongest{10'000};
inline constexpr Millis kActivityWait = std::chrono::seconds(60);
inline constexpr size_t kActivityPollersMax = 1'000;  // of one activity
inline constexpr size_t kActivityRowsAtOnce = 256;
// A list looks at no more rows for one page; one that finds too few still tells where to go on.
inline constexpr size_t kListRowsMax = 10'000;
inline constexpr size_t kPageMax = 1'000;
// Payload bytes of one page of history; a page ends early beyond them.
inline constexpr size_t kHistoryPageBytesMax = 16 << 20;
inline constexpr Millis kSweepInterval = std::chrono::hours(1);
inline constexpr size_t kSweepAtOnce = 100;
inline constexpr size_t kExpressRunsMax = 10'000;  // of one shard
inline constexpr size_t kExpressLoadsMax = 64;     // records that are read at once after a start
inline constexpr size_t kTokenBytesMax = 2'048;

}  // namespace suiro::states
