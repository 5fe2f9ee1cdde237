// SPDX-License-Identifier: Apache-2.0
// The examples of the S3 API Reference ("Signature calculations: transferring a payload in multiple
// chunks", "... including trailing headers"), and bodies that are not what they claim.
#include "protocol/aws/chunked.h"

#include <gtest/gtest.h>

namespace suiro::aws {
namespace {

const Scope kScope{"20130524", "us-east-1", "s3"};
const std::string kA64(65536, 'a'), kA1(1024, 'a');

template <class T>
T run(Task<T> task) {
  asio::io_context loop;
  std::optional<T> out;
  asio::co_spawn(loop, std::move(task),
                 [&](std::exception_ptr, T value) { out = std::move(value); });
  loop.run();
  return std::move(*out);
}

// Gives its bytes in pieces of `step`.
class Slow final : public shapes::ByteSource {
 public:
  Slow(Bytes bytes, size_t step) : bytes_(std::move(bytes)), step_(step) {}
  Task<Result<Bytes>> read(size_t bytes_max) override {
    Bytes piece = bytes_.substr(at_, std::min(step_, bytes_max));
    at_ += piece.size();
    co_return piece;
  }
  std::optional<uint64_t> length() const override { return bytes_.size(); }

 private:
  Bytes bytes_;
  size_t step_, at_ = 0;
};

ChunkSigning signing(std::string seed) {
  return {derive_signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", kScope), std::move(seed),
          "20130524T000000Z", kScope};
}

struct Outcome {
  Result<Bytes> bytes;
  Bytes trailer;
};

Outcome decode(Payload payload, std::optional<ChunkSigning> keys, Bytes body,
               size_t step = 1 << 20) {
  auto facts = std::make_shared<shapes::BodyFacts>();
  ChunkedBody decoder(std::make_unique<Slow>(std::move(body), step), std::move(payload),
                      std::move(keys), facts);
  auto bytes = run(shapes::read_all(decoder, 1 << 20));
  return {std::move(bytes), facts->trailer_checksum};
}

std::string code(const Outcome& outcome) {
  return outcome.bytes ? "" : outcome.bytes.error().code;
}

constexpr char kSeed[] = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";

std::string signed_body() {
  return "10000;chunk-signature="
         "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" +
         kA64 +
         "\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"
         "\r\n" +
         kA1 +
         "\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"
         "\r\n\r\n";
}

Payload signed_payload() {
  return {.kind = PayloadKind::kSignedChunks, .decoded_length = 66560};
}

TEST(Chunked, SignedExample) {
  for (size_t step : {1, 7, 1000, 1 << 20}) {
    auto outcome = decode(signed_payload(), signing(kSeed), signed_body(), step);
    ASSERT_TRUE(outcome.bytes) << outcome.bytes.error().message;
    EXPECT_EQ(*outcome.bytes, kA64 + kA1);
  }
}

TEST(Chunked, EveryFlippedByteIsNoticed) {
  std::string body = signed_body();
  for (size_t at : {size_t{0}, size_t{30}, size_t{5000}, size_t{65640}, body.size() - 10}) {
    std::string changed = body;
    changed[at] = changed[at] == 'b' ? 'c' : 'b';
    EXPECT_NE(code(decode(signed_payload(), signing(kSeed), changed)), "") << at;
  }
  EXPECT_EQ(code(decode(signed_payload(), signing(std::string(64, '0')), body)),
            "SignatureDoesNotMatch");
}

TEST(Chunked, EveryTruncationIsNoticed) {
  std::string body = signed_body();
  for (size_t size = 0; size < body.size(); size += size < 300 || size > 66400 ? 1 : 977)
    EXPECT_EQ(code(decode(signed_payload(), signing(kSeed), body.substr(0, size))),
              "IncompleteBody")
        << size;
  EXPECT_EQ(code(decode(signed_payload(), signing(kSeed), body + "x")), "InvalidRequest");
}

std::string trailer_body() {
  return "10000;chunk-signature="
         "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n" +
         kA64 +
         "\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"
         "\r\n" +
         kA1 +
         "\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"
         "\r\nx-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:"
         "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n";
}

TEST(Chunked, SignedTrailerExample) {
  Payload payload{.kind = PayloadKind::kSignedChunksTrailer,
                  .decoded_length = 66560,
                  .trailer = ChecksumKind::kCrc32c};
  auto keys = signing("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
  auto outcome = decode(payload, keys, trailer_body());
  ASSERT_TRUE(outcome.bytes) << outcome.bytes.error().message;
  EXPECT_EQ(base64_encode(outcome.trailer), "sOO8/Q==");
  std::string forged = trailer_body();
  forged[forged.size() - 6] ^= 1;
  EXPECT_EQ(code(decode(payload, keys, forged)), "SignatureDoesNotMatch");
}

Payload unsigned_payload(uint64_t size, ChecksumKind kind) {
  return {.kind = PayloadKind::kUnsignedChunksTrailer, .decoded_length = size, .trailer = kind};
}

TEST(Chunked, UnsignedTrailers) {
  for (ChecksumKind kind : kChecksumKinds) {
    Checksum checksum(kind);
    checksum.update("hello");
    std::string value = base64_encode(checksum.finish());
    std::string body = "5\r\nhello\r\n0\r\nx-amz-checksum-" + to_lower(checksum_name(kind)) + ":" +
                       value + "\r\n\r\n";
    auto outcome = decode(unsigned_payload(5, kind), {}, body);
    ASSERT_TRUE(outcome.bytes) << outcome.bytes.error().message;
    EXPECT_EQ(*outcome.bytes, "hello");
    EXPECT_EQ(base64_encode(outcome.trailer), value);
    body[3] = 'j';
    EXPECT_EQ(code(decode(unsigned_payload(5, kind), {}, body)), "BadDigest");
  }
}

TEST(Chunked, RefusesBadFraming) {
  auto with = [](std::string body, uint64_t size = 5) {
    Payload payload{.kind = PayloadKind::kUnsignedChunksTrailer, .decoded_length = size};
    return code(decode(payload, {}, std::move(body)));
  };
  EXPECT_EQ(with("5\r\nhello\r\n0\r\n\r\n"), "");
  EXPECT_EQ(with("0\r\n\r\n", 0), "");
  EXPECT_EQ(with("5\nhello\r\n0\r\n\r\n"), "InvalidRequest");
  EXPECT_EQ(with("x\r\nhello\r\n0\r\n\r\n"), "InvalidRequest");
  EXPECT_EQ(with("-5\r\nhello\r\n0\r\n\r\n"), "InvalidRequest");
  EXPECT_EQ(with("5\r\nhelloX\r\n0\r\n\r\n"), "InvalidRequest");
  EXPECT_EQ(with("ffffffffffffffffff\r\n"), "InvalidRequest");
  EXPECT_EQ(with(std::string(5000, '0')), "InvalidRequest");
  EXPECT_EQ(with("6\r\nhello!\r\n0\r\n\r\n"), "IncompleteBody");
  EXPECT_EQ(with("4\r\nhell\r\n0\r\n\r\n"), "IncompleteBody");
  EXPECT_EQ(with("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), "InvalidChunkSizeError");
  EXPECT_EQ(with("5\r\nhello\r\n0\r\nnonsense\r\n\r\n"), "MalformedTrailerError");
  EXPECT_EQ(with("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"), "MalformedTrailerError");
  EXPECT_EQ(with("5\r\nhello\r\n0\r\n" + std::string(20000, 'a')), "InvalidRequest");
  EXPECT_EQ(code(decode(unsigned_payload(5, ChecksumKind::kCrc32), {}, "5\r\nhello\r\n0\r\n\r\n")),
            "MalformedTrailerError");
  EXPECT_EQ(code(decode(unsigned_payload(5, ChecksumKind::kCrc32), {},
                        "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:xx\r\n\r\n")),
            "InvalidRequest");
}

TEST(Payload, ReadsHeaders) {
  auto payload = read_payload({{"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
                               {"x-amz-decoded-content-length", "66560"},
                               {"x-amz-trailer", "x-amz-checksum-crc64nvme"}});
  ASSERT_TRUE(payload);
  EXPECT_TRUE(payload->chunked());
  EXPECT_EQ(payload->decoded_length, 66560u);
  EXPECT_EQ(payload->trailer, ChecksumKind::kCrc64Nvme);
  EXPECT_EQ(read_payload({})->kind, PayloadKind::kAbsent);
  EXPECT_EQ(read_payload({{"x-amz-content-sha256", std::string(kEmptySha256)}})->kind,
            PayloadKind::kLiteral);
}

TEST(Payload, RefusesBadHeaders) {
  auto refused = [](Pairs headers) {
    auto payload = read_payload(headers);
    return payload ? "" : payload.error().code;
  };
  EXPECT_EQ(refused({{"x-amz-content-sha256", "abc"}}), "InvalidArgument");
  std::pair<std::string, std::string> chunks = {"x-amz-content-sha256",
                                                "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"};
  EXPECT_EQ(refused({chunks}), "MissingContentLength");
  EXPECT_EQ(refused({chunks, {"x-amz-decoded-content-length", "-1"}}), "InvalidArgument");
  EXPECT_EQ(refused({{"content-md5", "abc"}}), "InvalidDigest");
  EXPECT_EQ(refused({{"content-md5", "YWJj"}}), "InvalidDigest");
  EXPECT_EQ(refused({{"x-amz-checksum-crc32", "YWJj"}}), "InvalidRequest");
  EXPECT_EQ(refused({{"x-amz-checksum-crc32", "i9aeUg=="}, {"x-amz-checksum-crc32c", "i9aeUg=="}}),
            "InvalidRequest");
}

TEST(Payload, VerifiesWholeBodies) {
  Payload payload = *read_payload({{"x-amz-checksum-crc32", "i9aeUg=="}});
  EXPECT_TRUE(verify_whole(payload, "Hello world"));
  EXPECT_EQ(verify_whole(payload, "Hello World").error().message,
            "The CRC32 you specified did not match the calculated checksum.");
  payload = *read_payload({{"content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="}});
  EXPECT_TRUE(verify_whole(payload, ""));
  EXPECT_EQ(verify_whole(payload, "x").error().code, "BadDigest");
}

TEST(Payload, VerifiesTheSha256OfStreams) {
  auto body = verify_sha256(shapes::body_of("abc"), hex_encode(sha256("abc")));
  EXPECT_EQ(*run(shapes::read_all(*body, 100)), "abc");
  body = verify_sha256(shapes::body_of("abd"), hex_encode(sha256("abc")));
  EXPECT_EQ(run(shapes::read_all(*body, 100)).error().code, "XAmzContentSHA256Mismatch");
}

}  // namespace
}  // namespace suiro::aws
