// SPDX-License-Identifier: Apache-2.0
// The named limits of the store. Reaching one gives an error, never unbounded memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace suiro::store {

// One key. Longer ones slow every comparison; AWS's longest name is 1,024 bytes, twice in a key.
inline constexpr size_t kKeyBytesMax = 4096;
// Keys and values of one batch.
inline constexpr size_t kBatchBytesMax = 64 << 20;
// Conditions and operations of one batch.
inline constexpr size_t kBatchOperationsMax = 200'000;
// Appended records of one batch: their index has two bytes.
inline constexpr size_t kBatchAppendsMax = 65'536;
// Batches and bytes that wait for the committer. Beyond them commit() answers kThrottled.
inline constexpr size_t kQueueBatchesMax = 65'536;
inline constexpr size_t kQueueBytesMax = 256 << 20;
// Batches and bytes that are written with one sync. A batch larger than this is a group of its own.
inline constexpr size_t kGroupBatchesMax = 4096;
inline constexpr size_t kGroupBytesMax = 4 << 20;
// Blocking work: threads of a pool, and work that waits for them. One pool for reads that miss the
// cache, one for writes of blob files.
inline constexpr size_t kPoolThreads = 4;
inline constexpr size_t kPoolQueueMax = 16'384;
// Blobs up to this size stand in the batch; larger ones are files. See docs/decisions/031-blobs.md.
inline constexpr uint64_t kInlineBlobBytesMax = 256 << 10;

}  // namespace suiro::store
