// SPDX-License-Identifier: Apache-2.0
// Looks at the database's write-ahead log before it is replayed, and tells a torn end from damage.
// Internal to kernel/store.
//
// RocksDB's point-in-time recovery ends at the first broken record and says nothing. That is right
// for a group that was being written when the power went: nobody was told that it is durable. It is
// wrong for a bit that rotted in the middle, behind which acknowledged commits stand. The committer
// begins a group only when the one before it was synced, so that what follows decides:
//
//   broken record, then
//     nothing, or pieces of that record    torn: recovery may end there
//     a later log that goes on exactly     torn at an earlier start, which went on from there
//       where the broken record began
//     a record that began later            damaged: acknowledged commits would be lost
//
// What it cannot tell: damage in the very last group of the log looks as a torn one.
//
// Thread: the one that opens the store; blocks. It fails with kUnavailable (input/output).
// Bytes: RocksDB's log format (its wiki, "Write Ahead Log File Format"), legacy record types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kernel/store/files.h"

namespace suiro::store {

struct WalDamage {
  std::string file;  // name in the database's directory
  uint64_t offset_bytes = 0;
  uint64_t records_behind = 0;  // whole ones: groups of commits
};

struct WalState {
  enum class End { kWhole, kTorn } end = End::kWhole;
  std::optional<WalDamage> damage;  // none: recovery loses nothing that was acknowledged
};

// `files` decrypts what is encrypted.
Result<WalState> examine_wal(const Files& files, const std::string& database);

}  // namespace suiro::store
