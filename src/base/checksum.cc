// SPDX-License-Identifier: Apache-2.0
#include "base/checksum.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/check.h"

namespace suiro {
namespace {

// A reflected CRC with all bits inverted before and after, by tables of eight bytes at a time.
template <class Word, Word kPolynomial>
struct Crc {
  static constexpr unsigned kBits = sizeof(Word) * 8;
  using Tables = std::array<std::array<Word, 256>, 8>;

  static constexpr Tables make_tables() {
    Tables tables{};
    for (unsigned byte = 0; byte < 256; ++byte) {
      Word value = byte;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? kPolynomial : 0);
      tables[0][byte] = value;
    }
    for (size_t table = 1; table < tables.size(); ++table)
      for (size_t byte = 0; byte < 256; ++byte) {
        Word before = tables[table - 1][byte];
        tables[table][byte] = (before >> 8) ^ tables[0][before & 0xFF];
      }
    return tables;
  }

  static Word run(Word crc, ByteView bytes) {
    static constexpr Tables kTables = make_tables();
    Word value = ~crc;
    const char* at = bytes.data();
    size_t left = bytes.size();
    for (; left >= 8; at += 8, left -= 8) {
      uint64_t chunk;
      std::memcpy(&chunk, at, 8);
      chunk ^= value;
      value = kTables[7][chunk & 0xFF] ^ kTables[6][chunk >> 8 & 0xFF] ^
              kTables[5][chunk >> 16 & 0xFF] ^ kTables[4][chunk >> 24 & 0xFF] ^
              kTables[3][chunk >> 32 & 0xFF] ^ kTables[2][chunk >> 40 & 0xFF] ^
              kTables[1][chunk >> 48 & 0xFF] ^ kTables[0][chunk >> 56];
    }
    for (; left > 0; ++at, --left)
      value = (value >> 8) ^ kTables[0][(value ^ static_cast<unsigned char>(*at)) & 0xFF];
    return ~value;
  }

  // a * b modulo the polynomial; the highest bit stands for x^0.
  static Word multiply(Word a, Word b) {
    Word product = 0;
    for (Word bit = Word{1} << (kBits - 1); bit != 0; bit >>= 1) {
      if (a & bit) product ^= b;
      b = (b >> 1) ^ (b & 1 ? kPolynomial : 0);
    }
    return product;
  }

  // Appending n bytes multiplies by x^(8n); the inversions cancel out.
  static Word combine(Word a, Word b, uint64_t b_size) {
    Word square = Word{1} << (kBits - 1 - 8);  // x^8
    for (; b_size != 0; b_size >>= 1) {
      if (b_size & 1) a = multiply(square, a);
      square = multiply(square, square);
    }
    return a ^ b;
  }
};

using Crc32 = Crc<uint32_t, 0xEDB88320>;
using Crc32c = Crc<uint32_t, 0x82F63B78>;
using Crc64Nvme = Crc<uint64_t, 0x9A6C9329AC4BC9B5>;

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t crc32c_sse42(uint32_t crc, ByteView bytes) {
  uint64_t value = static_cast<uint32_t>(~crc);
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t chunk;
    std::memcpy(&chunk, at, 8);
    value = _mm_crc32_u64(value, chunk);
  }
  auto narrow = static_cast<uint32_t>(value);
  for (; left > 0; ++at, --left) narrow = _mm_crc32_u8(narrow, static_cast<unsigned char>(*at));
  return ~narrow;
}
#endif

Bytes raw_crc(ChecksumKind kind, uint64_t crc) {
  Bytes out;
  if (kind == ChecksumKind::kCrc64Nvme)
    append_be64(out, crc);
  else
    append_be32(out, static_cast<uint32_t>(crc));
  return out;
}

}  // namespace

uint32_t crc32(uint32_t crc, ByteView bytes) {
  return static_cast<uint32_t>(
      ::crc32_z(crc, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

uint32_t crc32c(uint32_t crc, ByteView bytes) {
#if defined(__x86_64__)
  static const bool kHardware = __builtin_cpu_supports("sse4.2");
  if (kHardware) return crc32c_sse42(crc, bytes);
#endif
  return crc32c_portable(crc, bytes);
}

uint64_t crc64nvme(uint64_t crc, ByteView bytes) {
  return crc64nvme_portable(crc, bytes);
}

uint32_t crc32c_portable(uint32_t crc, ByteView bytes) {
  return Crc32c::run(crc, bytes);
}
uint64_t crc64nvme_portable(uint64_t crc, ByteView bytes) {
  return Crc64Nvme::run(crc, bytes);
}

uint32_t crc32_combine(uint32_t a, uint32_t b, uint64_t b_size) {
  return Crc32::combine(a, b, b_size);
}
uint32_t crc32c_combine(uint32_t a, uint32_t b, uint64_t b_size) {
  return Crc32c::combine(a, b, b_size);
}
uint64_t crc64nvme_combine(uint64_t a, uint64_t b, uint64_t b_size) {
  return Crc64Nvme::combine(a, b, b_size);
}

std::string_view checksum_name(ChecksumKind kind) {
  switch (kind) {
    case ChecksumKind::kCrc32:
      return "CRC32";
    case ChecksumKind::kCrc32c:
      return "CRC32C";
    case ChecksumKind::kCrc64Nvme:
      return "CRC64NVME";
    case ChecksumKind::kSha1:
      return "SHA1";
    case ChecksumKind::kSha256:
      return "SHA256";
  }
  CHECK(false, "no such checksum");
}

std::optional<ChecksumKind> checksum_kind(std::string_view name) {
  for (ChecksumKind kind : kChecksumKinds)
    if (equal_ignore_case(name, checksum_name(kind))) return kind;
  return std::nullopt;
}

size_t checksum_size(ChecksumKind kind) {
  switch (kind) {
    case ChecksumKind::kCrc32:
    case ChecksumKind::kCrc32c:
      return 4;
    case ChecksumKind::kCrc64Nvme:
      return 8;
    case ChecksumKind::kSha1:
      return 20;
    case ChecksumKind::kSha256:
      return 32;
  }
  CHECK(false, "no such checksum");
}

Checksum::Checksum(ChecksumKind kind) : kind_(kind) {
  if (kind == ChecksumKind::kSha1) digest_.emplace(DigestKind::kSha1);
  if (kind == ChecksumKind::kSha256) digest_.emplace(DigestKind::kSha256);
}

void Checksum::update(ByteView bytes) {
  if (digest_)
    digest_->update(bytes);
  else if (kind_ == ChecksumKind::kCrc32)
    crc_ = crc32(static_cast<uint32_t>(crc_), bytes);
  else if (kind_ == ChecksumKind::kCrc32c)
    crc_ = crc32c(static_cast<uint32_t>(crc_), bytes);
  else
    crc_ = crc64nvme(crc_, bytes);
}

Bytes Checksum::finish() {
  if (digest_) return digest_->finish();
  return raw_crc(kind_, std::exchange(crc_, 0));
}

std::optional<Bytes> checksum_combine(ChecksumKind kind, ByteView a, ByteView b, uint64_t b_size) {
  switch (kind) {
    case ChecksumKind::kCrc32:
      return raw_crc(kind, crc32_combine(read_be32(a), read_be32(b), b_size));
    case ChecksumKind::kCrc32c:
      return raw_crc(kind, crc32c_combine(read_be32(a), read_be32(b), b_size));
    case ChecksumKind::kCrc64Nvme:
      return raw_crc(kind, crc64nvme_combine(read_be64(a), read_be64(b), b_size));
    case ChecksumKind::kSha1:
    case ChecksumKind::kSha256:
      return std::nullopt;
  }
  CHECK(false, "no such checksum");
}

}  // namespace suiro
