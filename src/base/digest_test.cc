// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"

#include <gtest/gtest.h>

#include "base/checksum.h"
#include "base/random.h"

namespace suiro {
namespace {

TEST(Digest, KnownValues) {
  EXPECT_EQ(hex_encode(md5("")), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(hex_encode(sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex_encode(sha256("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex_encode(sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Digest, IncrementalEqualsAtOnceAndFinishResets) {
  SeededRandom random(2);
  for (DigestKind kind : {DigestKind::kMd5, DigestKind::kSha1, DigestKind::kSha256}) {
    Digest digest(kind);
    for (size_t size : {0, 1, 63, 64, 65, 1000}) {
      Bytes bytes = random.bytes(size);
      size_t cut = random.below(size + 1);
      digest.update(ByteView(bytes).substr(0, cut));
      digest.update(ByteView(bytes).substr(cut));
      Bytes whole = kind == DigestKind::kMd5    ? md5(bytes)
                    : kind == DigestKind::kSha1 ? sha1(bytes)
                                                : sha256(bytes);
      EXPECT_EQ(digest.finish(), whole);
      EXPECT_EQ(whole.size(), digest_size(kind));
    }
  }
}

// RFC 4231, test cases 1, 2 and 6 (a key longer than a block).
TEST(Hmac, Rfc4231) {
  EXPECT_EQ(hex_encode(hmac_sha256(Bytes(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hex_encode(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex_encode(hmac_sha256(Bytes(131, '\xaa'),
                                   "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Checksum, CheckValues) {
  EXPECT_EQ(crc32(0, "123456789"), 0xCBF43926u);
  EXPECT_EQ(crc32c(0, "123456789"), 0xE3069283u);
  EXPECT_EQ(crc64nvme(0, "123456789"), 0xAE8B14860A799888u);
  Checksum crc(ChecksumKind::kCrc32);
  crc.update("Hello world");
  EXPECT_EQ(base64_encode(crc.finish()), "i9aeUg==");
}

TEST(Checksum, IncrementalPortableAndCombinedAgree) {
  SeededRandom random(3);
  for (size_t size : {0, 1, 7, 8, 9, 63, 64, 65, 100, 127, 128, 129, 255, 4096, 70001}) {
    Bytes bytes = random.bytes(size);
    size_t cut = random.below(size + 1);
    ByteView a = ByteView(bytes).substr(0, cut), b = ByteView(bytes).substr(cut);
    EXPECT_EQ(crc32c(0, bytes), crc32c_portable(0, bytes));
    EXPECT_EQ(crc64nvme(0, bytes), crc64nvme_portable(0, bytes));
    for (ChecksumKind kind : kChecksumKinds) {
      Checksum whole(kind), pieces(kind), first(kind), second(kind);
      whole.update(bytes);
      pieces.update(a);
      pieces.update(b);
      first.update(a);
      second.update(b);
      Bytes expected = whole.finish();
      EXPECT_EQ(expected.size(), checksum_size(kind));
      EXPECT_EQ(pieces.finish(), expected);
      auto combined = checksum_combine(kind, first.finish(), second.finish(), b.size());
      if (combined) {
        EXPECT_EQ(*combined, expected) << checksum_name(kind) << " at " << cut;
      }
      EXPECT_EQ(combined.has_value(), checksum_size(kind) <= 8);
      EXPECT_EQ(checksum_kind(to_lower(checksum_name(kind))), kind);
    }
  }
  EXPECT_FALSE(checksum_kind("MD5"));
}

}  // namespace
}  // namespace suiro
