// SPDX-License-Identifier: Apache-2.0
#include "base/checksum.h"

#include <zlib.h>

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

  static Word run(Word crc, ByteView bytes) { return ~update(~crc, bytes); }

  // Without the inversions.
  static Word update(Word value, ByteView bytes) {
    static constexpr Tables kTables = make_tables();
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
    return value;
  }

  // a * b modulo the polynomial; the highest bit stands for x^0.
  static constexpr Word multiply(Word a, Word b) {
    Word product = 0;
    for (Word bit = Word{1} << (kBits - 1); bit != 0; bit >>= 1) {
      if (a & bit) product ^= b;
      b = (b >> 1) ^ (b & 1 ? kPolynomial : 0);
    }
    return product;
  }

  // x^n modulo the polynomial.
  static constexpr Word power(uint64_t n) {
    Word result = Word{1} << (kBits - 1), square = Word{1} << (kBits - 2);
    for (; n != 0; n >>= 1) {
      if (n & 1) result = multiply(square, result);
      square = multiply(square, square);
    }
    return result;
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

// Folding (Intel, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ"): 64 bytes at a
// time are carried over the next 64 by multiplication with powers of x; what is left is a short
// message with the same remainder. A lane's first half stands for the higher powers; a carry-less
// product of reflected numbers is off by one, hence 127 for 128.
__attribute__((target("pclmul,sse4.1"))) inline __m128i fold(__m128i value, __m128i powers,
                                                             __m128i next) {
  __m128i low = _mm_clmulepi64_si128(value, powers, 0x00);
  __m128i high = _mm_clmulepi64_si128(value, powers, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

__attribute__((target("pclmul,sse4.1"))) uint64_t crc64nvme_pclmul(uint64_t crc, ByteView bytes) {
  constexpr size_t kBlock = 64;
  static constexpr uint64_t kFar1 = Crc64Nvme::power(512 + 63), kFar2 = Crc64Nvme::power(512 - 1);
  static constexpr uint64_t kNear1 = Crc64Nvme::power(128 + 63), kNear2 = Crc64Nvme::power(128 - 1);
  const char* at = bytes.data();
  auto load = [](const char* from) __attribute__((target("pclmul,sse4.1"))) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  };
  __m128i lanes[4];
  for (int i = 0; i < 4; ++i) lanes[i] = load(at + 16 * i);
  lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi64_si128(static_cast<int64_t>(~crc)));
  const __m128i far = _mm_set_epi64x(static_cast<int64_t>(kFar2), static_cast<int64_t>(kFar1));
  size_t left = bytes.size() - kBlock;
  for (at += kBlock; left >= kBlock; at += kBlock, left -= kBlock)
    for (int i = 0; i < 4; ++i) lanes[i] = fold(lanes[i], far, load(at + 16 * i));
  const __m128i near = _mm_set_epi64x(static_cast<int64_t>(kNear2), static_cast<int64_t>(kNear1));
  for (int i = 1; i < 4; ++i) lanes[i] = fold(lanes[i - 1], near, lanes[i]);
  char rest[16];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(rest), lanes[3]);
  uint64_t value = Crc64Nvme::update(0, {rest, sizeof(rest)});
  return ~Crc64Nvme::update(value, {at, left});
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
#if defined(__x86_64__)
  static const bool kHardware = __builtin_cpu_supports("pclmul");
  if (kHardware && bytes.size() >= 64) return crc64nvme_pclmul(crc, bytes);
#endif
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
