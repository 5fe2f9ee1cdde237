// SPDX-License-Identifier: Apache-2.0
// Write-ahead logs as they come from the disk: whatever the bytes are, the walk ends and tells. A
// first byte of zeros in front moves them against the blocks.
#include <rocksdb/env.h>

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "kernel/store/wal_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suiro;
  using namespace suiro::store;
  static auto* const memory = rocksdb::NewMemEnv(rocksdb::Env::Default());
  static const Files* const files = new Files(memory->GetFileSystem());
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t cut = text.size() * data[0] / 256;
  CHECK(memory->CreateDirIfMissing("/db").ok());
  CHECK(rocksdb::WriteStringToFile(memory, text.substr(0, cut), "/db/000004.log").ok());
  CHECK(rocksdb::WriteStringToFile(memory, text.substr(cut), "/db/000010.log").ok());
  auto state = examine_wal(*files, "/db");
  CHECK(state.has_value());
  CHECK(!state->damage ||
        (state->end == WalState::End::kTorn && state->damage->records_behind > 0));
  return 0;
}
