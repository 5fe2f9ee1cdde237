// SPDX-License-Identifier: Apache-2.0
// Checksums: CRC-32 (zlib), CRC-32C (Castagnoli), CRC-64/NVME, incremental, and their combination:
// the checksum of two concatenated byte strings from the checksums of both (S3's full-object
// checksums of multipart uploads). Checksum: the five algorithms of S3's x-amz-checksum-* behind
// one interface.
//
// Invariants:
//  1. crc(crc(0, a), b) == crc(0, a + b): the running value is the finished checksum; nothing
//  remains to
//     be inverted.
//  2. Hardware instructions and the portable form give the same values.
// Thread: functions from any; a Checksum belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/digest.h"

namespace suiro {

// Continues `crc` (0 to begin) over `bytes`.
uint32_t crc32(uint32_t crc, ByteView bytes);
uint32_t crc32c(uint32_t crc, ByteView bytes);
uint64_t crc64nvme(uint64_t crc, ByteView bytes);

// The same values without the processor's help; for machines without SSE4.2, and tests.
uint32_t crc32c_portable(uint32_t crc, ByteView bytes);
uint64_t crc64nvme_portable(uint64_t crc, ByteView bytes);

// The checksum of a + b, given those of a and b and the length of b in bytes.
uint32_t crc32_combine(uint32_t a, uint32_t b, uint64_t b_size);
uint32_t crc32c_combine(uint32_t a, uint32_t b, uint64_t b_size);
uint64_t crc64nvme_combine(uint64_t a, uint64_t b, uint64_t b_size);

enum class ChecksumKind : uint8_t { kCrc32, kCrc32c, kCrc64Nvme, kSha1, kSha256 };
inline constexpr ChecksumKind kChecksumKinds[] = {ChecksumKind::kCrc32, ChecksumKind::kCrc32c,
                                                  ChecksumKind::kCrc64Nvme, ChecksumKind::kSha1,
                                                  ChecksumKind::kSha256};

// "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256": the names of S3's ChecksumAlgorithm.
std::string_view checksum_name(ChecksumKind kind);
// In any case of letters; nullopt for another name.
std::optional<ChecksumKind> checksum_kind(std::string_view name);
// 4, 4, 8, 20, 32 bytes.
size_t checksum_size(ChecksumKind kind);

class Checksum {
 public:
  explicit Checksum(ChecksumKind kind);
  void update(ByteView bytes);
  // The raw checksum, a CRC big-endian: what base64 is made of. Leaves the object as new.
  Bytes finish();
  ChecksumKind kind() const { return kind_; }

 private:
  ChecksumKind kind_;
  uint64_t crc_ = 0;
  std::optional<Digest> digest_;
};

// The raw checksum of a + b for the CRC kinds; nullopt for SHA-1 and SHA-256, which cannot be
// combined. `a` and `b` are raw checksums of checksum_size(kind) bytes.
std::optional<Bytes> checksum_combine(ChecksumKind kind, ByteView a, ByteView b, uint64_t b_size);

}  // namespace suiro
