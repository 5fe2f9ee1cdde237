// SPDX-License-Identifier: Apache-2.0
// The limits of the service: AWS's quotas (Step Functions Developer Guide, "Quotas") and the bounds
// of our own loops.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace suiro::states {

// --- AWS's ---
inline constexpr size_t kVersionsMax = 1'000;  // of a state machine
inline constexpr size_t kAliasesMax = 100;     // of a state machine
inline constexpr size_t kTagsMax = 50;         // of a resource
inline constexpr size_t kListDefault = 100;
inline constexpr size_t kInputBytesMax = 262'144;
inline constexpr size_t kDiagnosticsMax = 100;
// Express executions are billed by 64 MB of memory and 100 ms.
inline constexpr int64_t kBilledMemoryMb = 64;
inline constexpr int64_t kBilledStepMs = 100;

// --- Ours ---
// Attempts of a change whose state machine was changed meanwhile.
inline constexpr int kRaceAttemptsMax = 8;
// Compiled definitions in one shard's memory, and the bytes of their texts.
inline constexpr size_t kPlansMax = 500;
inline constexpr size_t kPlanBytesMax = 16 << 20;
// A test of a state. Source: API Reference, TestState.
inline constexpr Millis kTestDurationMax = std::chrono::minutes(5);
// How often a state machine that is being deleted looks whether its executions have ended.
inline constexpr Millis kDeletePoll{2'000};

}  // namespace suiro::states
