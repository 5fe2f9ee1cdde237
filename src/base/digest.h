// SPDX-License-Identifier: Apache-2.0
// Cryptographic digests: MD5, SHA-1, the SHA-2 family (incremental and at once) and HMAC-SHA256.
// OpenSSL's EVP behind a small value type.
//
// Invariants:
//  1. finish() returns the raw digest (not hexadecimal) and leaves the object as new.
//  2. A Digest without OpenSSL memory is a bug of the machine (out of memory): it CHECKs.
// Thread: an object belongs to one thread at a time.
#pragma once

#include <memory>

#include "base/bytes.h"

extern "C" {
typedef struct evp_md_ctx_st EVP_MD_CTX;
}

namespace suiro {

enum class DigestKind : uint8_t { kMd5, kSha1, kSha256, kSha384, kSha512 };

// 16, 20, 32, 48, 64 bytes.
size_t digest_size(DigestKind kind);

class Digest {
 public:
  explicit Digest(DigestKind kind);
  Digest(Digest&&) noexcept = default;
  Digest& operator=(Digest&&) noexcept = default;
  void update(ByteView bytes);
  Bytes finish();
  DigestKind kind() const { return kind_; }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const;
  };
  void begin();

  DigestKind kind_;
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

// The digest of one byte string. Any thread.
Bytes md5(ByteView bytes);
Bytes sha1(ByteView bytes);
Bytes sha256(ByteView bytes);

// RFC 2104 with SHA-256; a key of any length.
Bytes hmac_sha256(ByteView key, ByteView bytes);

}  // namespace suiro
