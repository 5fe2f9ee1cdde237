// SPDX-License-Identifier: Apache-2.0
// The examples that AWS publishes (IAM User Guide and S3 API Reference, "Signature Version 4"), and
// what a client may get wrong.
#include "protocol/aws/sigv4.h"

#include <gtest/gtest.h>

#include "base/digest.h"

namespace suiro::aws {
namespace {

constexpr char kKey[] = "AKIAIOSFODNN7EXAMPLE";
constexpr char kSecret[] = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const Scope kS3{"20130524", "us-east-1", "s3"};
const std::string kEmpty(kEmptySha256);

std::string s3_signature(std::string_view method, std::string_view path, std::string_view query,
                         Pairs headers, const std::vector<std::string>& names,
                         std::string_view hash) {
  headers.emplace_back("host", "examplebucket.s3.amazonaws.com");
  headers.emplace_back("x-amz-content-sha256", hash);
  headers.emplace_back("x-amz-date", "20130524T000000Z");
  Signer signer{kKey, kSecret, kS3, PathStyle::kOnce};
  std::string text = signer.authorization({method, path, query, headers}, names, hash);
  return text.substr(text.rfind('=') + 1);
}

TEST(SigV4, GetVanilla) {
  Pairs headers = {{"host", "example.amazonaws.com"}, {"x-amz-date", "20150830T123600Z"}};
  Signer signer{"AKIDEXAMPLE",
                "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                {"20150830", "us-east-1", "service"}};
  EXPECT_EQ(signer.authorization({"GET", "/", "", headers}, {"host", "x-amz-date"}, kEmpty),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

TEST(SigV4, ExamplesOfS3) {
  EXPECT_EQ(s3_signature("GET", "/test.txt", "", {{"range", "bytes=0-9"}},
                         {"host", "range", "x-amz-content-sha256", "x-amz-date"}, kEmpty),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  std::string hash = hex_encode(sha256("Welcome to Amazon S3."));
  EXPECT_EQ(
      s3_signature("PUT", "/test$file.text", "",
                   {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                    {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                   {"date", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-storage-class"},
                   hash),
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  std::vector<std::string> names = {"host", "x-amz-content-sha256", "x-amz-date"};
  EXPECT_EQ(s3_signature("GET", "/", "lifecycle", {}, names, kEmpty),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  EXPECT_EQ(s3_signature("GET", "/", "max-keys=2&prefix=J", {}, names, kEmpty),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(SigV4, PresignedExampleOfS3) {
  std::string query =
      "X-Amz-Algorithm=AWS4-HMAC-SHA256"
      "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
      "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
      "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
  Pairs headers = {{"host", "examplebucket.s3.amazonaws.com"}};
  SigningInput input{"GET", "/test.txt", query, headers};
  auto read = read_authorization(input);
  ASSERT_TRUE(read && *read);
  const Authorization& proof = **read;
  EXPECT_EQ(proof.form, Authorization::Form::kPresigned);
  EXPECT_EQ(proof.access_key_id, kKey);
  EXPECT_EQ(proof.expires, std::chrono::seconds(86400));
  std::string canonical =
      canonical_request(input, PathStyle::kOnce, proof.signed_headers, kUnsignedPayload);
  EXPECT_EQ(signature_of(derive_signing_key(kSecret, proof.scope),
                         string_to_sign(proof.amz_date, proof.scope, canonical)),
            proof.signature);
}

TEST(SigV4, CanonicalForms) {
  EXPECT_EQ(canonical_path("/a//b/../c/./d/", PathStyle::kTwice), "/a/c/d/");
  EXPECT_EQ(canonical_path("/../..", PathStyle::kTwice), "/");
  EXPECT_EQ(canonical_path("/2015-03-31/functions/arn%3Aaws", PathStyle::kTwice),
            "/2015-03-31/functions/arn%253Aaws");
  EXPECT_EQ(canonical_path("//a/../b%20c+d%2Fe", PathStyle::kOnce), "//a/../b%20c%2Bd%2Fe");
  EXPECT_EQ(canonical_path("", PathStyle::kOnce), "/");
  EXPECT_EQ(canonical_path("/%zz", PathStyle::kOnce), "/%25zz");
  EXPECT_EQ(canonical_query("b=2&a=x%2fy&a=1&&X-Amz-Signature=abc&c"), "a=1&a=x%2Fy&b=2&c=");
  Pairs headers = {{"a", " x   y "}, {"b", "1"}, {"a", "z"}};
  EXPECT_EQ(canonical_request({"GET", "/", "", headers}, PathStyle::kOnce, {"a", "b"}, "H"),
            "GET\n/\n\na:x y,z\nb:1\n\na;b\nH");
}

TEST(SigV4, DatesRoundTrip) {
  auto time = parse_amz_date("20130524T010203Z");
  ASSERT_TRUE(time);
  EXPECT_EQ(format_amz_date(*time), "20130524T010203Z");
  EXPECT_FALSE(parse_amz_date("20130524T010203"));
  EXPECT_FALSE(parse_amz_date("20131324T010203Z"));
  EXPECT_FALSE(parse_amz_date("2013-05-24T01:02"));
}

TEST(SigV4, SigningKeysFollowTheSecret) {
  SigningKeys keys;
  Bytes first = keys.get("A", "one", kS3);
  EXPECT_EQ(first, derive_signing_key("one", kS3));
  EXPECT_EQ(keys.get("A", "one", kS3), first);
  EXPECT_EQ(keys.get("A", "two", kS3), derive_signing_key("two", kS3));
  for (size_t i = 0; i < kSigningKeysMax + 10; ++i) keys.get("K" + std::to_string(i), "s", kS3);
  EXPECT_EQ(keys.get("A", "one", kS3), first);
}

using Kind = MalformedAuthorization::Kind;

std::optional<Kind> refusal(std::string_view query, Pairs headers) {
  auto read = read_authorization({"GET", "/", query, headers});
  if (read) return std::nullopt;
  return read.error().kind;
}

TEST(SigV4, ReadsAuthorization) {
  std::string good =
      "AWS4-HMAC-SHA256 Credential=A/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;a, "
      "Signature=00";
  Pairs headers = {{"authorization", good},
                   {"date", "Fri, 24 May 2013 00:00:00 GMT"},
                   {"x-amz-security-token", "T"}};
  auto read = read_authorization({"GET", "/", "", headers});
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->amz_date, "20130524T000000Z");
  EXPECT_EQ((*read)->signed_headers, (std::vector<std::string>{"host", "a"}));
  EXPECT_EQ((*read)->session_token, "T");
  EXPECT_EQ((*read)->scope.str(), "20130524/us-east-1/s3/aws4_request");
  Pairs none;
  EXPECT_EQ(*read_authorization({"GET", "/", "a=1", none}), std::nullopt);
}

TEST(SigV4, RefusesMalformedAuthorization) {
  std::pair<std::string, std::string> date = {"x-amz-date", "20130524T000000Z"};
  auto header = [&](std::string text) {
    return refusal("", {{"authorization", std::move(text)}, date});
  };
  std::string credential = "Credential=A/20130524/us-east-1/s3/aws4_request";
  std::string rest = ", SignedHeaders=host, Signature=00";
  EXPECT_EQ(header("AWS4-HMAC-SHA256 " + credential + rest), std::nullopt);
  EXPECT_EQ(header("AWS A:sig"), Kind::kOldSignature);
  EXPECT_EQ(header("Bearer x"), Kind::kAlgorithm);
  EXPECT_EQ(header("AWS4-ECDSA-P256-SHA256 " + credential + rest), Kind::kAlgorithm);
  EXPECT_EQ(header("AWS4-HMAC-SHA256 "), Kind::kIncomplete);
  EXPECT_EQ(header("AWS4-HMAC-SHA256 " + credential), Kind::kIncomplete);
  EXPECT_EQ(header("AWS4-HMAC-SHA256 Credential=A/20130524/us-east-1/s3/x" + rest),
            Kind::kIncomplete);
  EXPECT_EQ(header("AWS4-HMAC-SHA256 Credential=A/us-east-1/s3/aws4_request" + rest),
            Kind::kIncomplete);
  EXPECT_EQ(header("AWS4-HMAC-SHA256 " + credential + ",SignedHeaders=;,Signature=0"),
            Kind::kIncomplete);
  EXPECT_EQ(header("AWS4-HMAC-SHA256 Credential=A/20130525/us-east-1/s3/aws4_request" + rest),
            Kind::kDate);
  EXPECT_EQ(refusal("", {{"authorization", "AWS4-HMAC-SHA256 " + credential + rest}}),
            Kind::kIncomplete);
  EXPECT_EQ(refusal("AWSAccessKeyId=A&Signature=x&Expires=1", {}), Kind::kOldSignature);
}

TEST(SigV4, RefusesMalformedPresignedUrls) {
  auto query = [](std::string_view expires, std::string_view algorithm = kAlgorithm) {
    return refusal(
        "X-Amz-Algorithm=" + std::string(algorithm) +
            "&X-Amz-Credential=A/20130524/us-east-1/s3/aws4_request&X-Amz-Date="
            "20130524T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=0&X-Amz-Expires=" +
            std::string(expires),
        {});
  };
  EXPECT_EQ(query("604800"), std::nullopt);
  EXPECT_EQ(query("604801"), Kind::kExpires);
  EXPECT_EQ(query("-1"), Kind::kExpires);
  EXPECT_EQ(query("1e3"), Kind::kExpires);
  EXPECT_EQ(query("99999999999999999999"), Kind::kExpires);
  EXPECT_EQ(query("60", "AWS4-ECDSA-P256-SHA256"), Kind::kQuery);
  EXPECT_EQ(refusal("X-Amz-Algorithm=AWS4-HMAC-SHA256", {}), Kind::kQuery);
  EXPECT_EQ(refusal("X-Amz-Algorithm=AWS4-HMAC-SHA256", {{"authorization", "AWS4-HMAC-SHA256 "}}),
            Kind::kTwice);
}

}  // namespace
}  // namespace suiro::aws
