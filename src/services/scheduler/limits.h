// SPDX-License-Identifier: Apache-2.0
// The limits of the service: AWS's quotas (EventBridge Scheduler User Guide, "Quotas") and the
// bounds of our own loops.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace suiro::scheduler {

// --- AWS's ---
inline constexpr size_t kGroupsMax = 500;
inline constexpr size_t kTagsMax = 200;
inline constexpr size_t kListDefault = 100;
inline constexpr uint32_t kRetriesDefault = 185;
inline constexpr Millis kAgeDefault = std::chrono::hours(24);
inline constexpr Millis kStartDatePastMax = std::chrono::minutes(5);
inline constexpr size_t kInputBytesMax = 256 << 10;

// --- Ours ---
// A run that begins within this time of its due time is on time: AWS's own precision.
inline constexpr Millis kOnTime = std::chrono::seconds(60);
inline constexpr Millis kMaxDelayDefault = std::chrono::hours(24);
inline constexpr Millis kMaxDelayMax = std::chrono::days(366);
inline constexpr Millis kJitterMax = std::chrono::hours(24);
// Missed runs that one commit records; more of them are left to the next one.
inline constexpr size_t kMissedAtOnce = 500;
// Attempts of a change whose schedule or group was changed meanwhile.
inline constexpr int kRaceAttemptsMax = 8;
// Schedules that one commit deletes with their group.
inline constexpr size_t kDeletedAtOnce = 100;
inline constexpr size_t kZonesMax = 1000;  // in one shard's memory

}  // namespace suiro::scheduler
