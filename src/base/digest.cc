// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"

#define OPENSSL_SUPPRESS_DEPRECATED  // the functions beneath EVP
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>

#include "base/check.h"

namespace suiro {
namespace {

constexpr size_t kSha256BlockSize = 64;

// Fetched once: EVP_sha256() and its kin look the implementation up at every use.
const EVP_MD* algorithm(DigestKind kind) {
  static const std::array<EVP_MD*, 5> fetched = {
      EVP_MD_fetch(nullptr, "MD5", nullptr), EVP_MD_fetch(nullptr, "SHA1", nullptr),
      EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_fetch(nullptr, "SHA384", nullptr),
      EVP_MD_fetch(nullptr, "SHA512", nullptr)};
  const EVP_MD* md = fetched[static_cast<size_t>(kind)];
  CHECK(md != nullptr, "OpenSSL offers no such digest");
  return md;
}

// Reused by the digests at once: a context costs an allocation and its algorithm's state another.
Digest& shared(DigestKind kind) {
  thread_local std::array<Digest, 2> digests = {Digest(DigestKind::kMd5),
                                                Digest(DigestKind::kSha1)};
  return digests[static_cast<size_t>(kind)];
}

class Sha256 {
 public:
  Sha256() { CHECK(SHA256_Init(&state_) == 1); }
  void update(ByteView bytes) { CHECK(SHA256_Update(&state_, bytes.data(), bytes.size()) == 1); }
  Bytes finish() {
    Bytes out(SHA256_DIGEST_LENGTH, '\0');
    CHECK(SHA256_Final(reinterpret_cast<unsigned char*>(out.data()), &state_) == 1);
    return out;
  }

 private:
  SHA256_CTX state_;
};

Bytes at_once(DigestKind kind, ByteView bytes) {
  Digest& digest = shared(kind);
  digest.update(bytes);
  return digest.finish();
}

}  // namespace

size_t digest_size(DigestKind kind) {
  switch (kind) {
    case DigestKind::kMd5:
      return 16;
    case DigestKind::kSha1:
      return 20;
    case DigestKind::kSha256:
      return 32;
    case DigestKind::kSha384:
      return 48;
    case DigestKind::kSha512:
      return 64;
  }
  CHECK(false, "no such digest");
}

void Digest::Free::operator()(EVP_MD_CTX* context) const {
  EVP_MD_CTX_free(context);
}

Digest::Digest(DigestKind kind) : kind_(kind), context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr);
  begin();
}

void Digest::begin() {
  CHECK(EVP_DigestInit_ex(context_.get(), algorithm(kind_), nullptr) == 1);
}

void Digest::update(ByteView bytes) {
  CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

Bytes Digest::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out;
  unsigned size = 0;
  CHECK(EVP_DigestFinal_ex(context_.get(), out.data(), &size) == 1);
  begin();
  return Bytes(reinterpret_cast<const char*>(out.data()), size);
}

Bytes md5(ByteView bytes) {
  return at_once(DigestKind::kMd5, bytes);
}
Bytes sha1(ByteView bytes) {
  return at_once(DigestKind::kSha1, bytes);
}
// SHA-256 signs every request several times over. The functions beneath EVP work on a state on the
// stack; EVP allocates one for every digest.
Bytes sha256(ByteView bytes) {
  Sha256 digest;
  digest.update(bytes);
  return digest.finish();
}

Bytes hmac_sha256(ByteView key, ByteView bytes) {
  std::array<char, kSha256BlockSize> pad{};
  Bytes short_key;
  if (key.size() > kSha256BlockSize) {
    short_key = sha256(key);
    key = short_key;
  }
  key.copy(pad.data(), key.size());
  for (char& c : pad) c ^= 0x36;
  Sha256 inner;
  inner.update(ByteView(pad.data(), pad.size()));
  inner.update(bytes);
  for (char& c : pad) c ^= 0x36 ^ 0x5C;
  Sha256 outer;
  outer.update(ByteView(pad.data(), pad.size()));
  outer.update(inner.finish());
  return outer.finish();
}

}  // namespace suiro
