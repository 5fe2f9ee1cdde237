// SPDX-License-Identifier: Apache-2.0
#include "protocol/aws/front_end.h"

#include <gtest/gtest.h>

#include "base/digest.h"
#include "protocol/aws/service_finder.h"
#include "shapes/gen/s3.h"
#include "shapes/gen/sqs.h"
#include "shapes/gen/sts.h"

namespace suiro::aws {
namespace {

constexpr char kRegion[] = "ap-northeast-1";

class Keys final : public CredentialSource {
 public:
  std::expected<Identity, CredentialProblem> find(std::string_view key,
                                                  std::string_view token) const override {
    if (key == "ROOT")
      return Identity{"secret", {shapes::Principal::Kind::kRoot, "1", "root", "ROOT"}};
    if (key == "TEMP" && token == "token")
      return Identity{"temporary", {shapes::Principal::Kind::kFunction, "1", "fn", "TEMP"}};
    if (key == "TEMP") return std::unexpected(CredentialProblem::kInvalidToken);
    return std::unexpected(CredentialProblem::kUnknownKey);
  }
};

class FrontEndTest : public testing::Test {
 protected:
  FrontEndTest() {
    registry_.add<shapes::sqs::op::ListQueues>(
        [this](shapes::Call& call,
               shapes::sqs::ListQueuesRequest) -> Task<Result<shapes::sqs::ListQueuesResult>> {
          last_ = call;
          shapes::sqs::ListQueuesResult out;
          out.queue_urls = {"http://q"};
          co_return out;
        });
    registry_.add<shapes::sqs::op::GetQueueUrl>(
        [](shapes::Call&,
           shapes::sqs::GetQueueUrlRequest) -> Task<Result<shapes::sqs::GetQueueUrlResult>> {
          co_return fail(shapes::sqs::errors::kQueueDoesNotExist,
                         "The specified queue does not exist.");
        });
    registry_.add<shapes::sts::op::GetCallerIdentity>(
        [](shapes::Call& call, shapes::sts::GetCallerIdentityRequest)
            -> Task<Result<shapes::sts::GetCallerIdentityResponse>> {
          shapes::sts::GetCallerIdentityResponse out;
          out.arn = call.principal.arn;
          co_return out;
        });
    registry_.add<shapes::s3::op::PutObject>(
        [this](shapes::Call& call,
               shapes::s3::PutObjectRequest in) -> Task<Result<shapes::s3::PutObjectOutput>> {
          ++puts_;
          CO_TRY(stored_, co_await shapes::read_all(*in.body, 1 << 20));
          key_ = in.bucket + "|" + in.key;
          encoding_ = in.content_encoding.value_or("");
          last_ = call;
          co_return shapes::s3::PutObjectOutput{};
        });
    registry_.add<shapes::s3::op::DeleteObjects>(
        [this](
            shapes::Call&,
            shapes::s3::DeleteObjectsRequest in) -> Task<Result<shapes::s3::DeleteObjectsOutput>> {
          deleted_ = in.delete_.objects.size();
          co_return shapes::s3::DeleteObjectsOutput{};
        });
    registry_.add<shapes::s3::op::ListBuckets>(
        [](shapes::Call&,
           shapes::s3::ListBucketsRequest) -> Task<Result<shapes::s3::ListBucketsOutput>> {
          co_return shapes::s3::ListBucketsOutput{};
        });
    make(Auth::kOn);
  }

  void make(Auth auth) {
    front_ = std::make_unique<FrontEnd>(shards_, clock_, random_, registry_, keys_,
                                        FrontEndConfig{kRegion, "000000000000", "localhost", auth});
    front_->observe([this](const Exchange& exchange) { seen_ = exchange; });
  }

  http::Request request(std::string method, std::string path, Pairs headers, Bytes body = {}) {
    http::Request out;
    out.method = std::move(method);
    size_t mark = path.find('?');
    out.path = path.substr(0, mark);
    if (mark != path.npos) out.query = path.substr(mark + 1);
    out.headers = std::move(headers);
    if (!find(out.headers, "host")) out.headers.emplace_back("host", "127.0.0.1:4566");
    out.host = *find(out.headers, "host");
    if (!body.empty() || out.method == "PUT")
      out.headers.emplace_back("content-length", std::to_string(body.size()));
    out.content = std::move(body);
    out.peer_address = "10.0.0.1";
    out.started = clock_.now();
    return out;
  }

  struct Sign {
    std::string service = "sqs";
    std::string key = "ROOT", secret = "secret", token = {}, region = kRegion;
    std::string payload = {};  // empty: the body's hash
    Millis age{0};
  };
  http::Request sign(http::Request in, Sign how) {
    std::string date = format_amz_date(clock_.now() - how.age);
    std::string hash = how.payload.empty() ? hex_encode(sha256(in.content)) : how.payload;
    in.headers.emplace_back("x-amz-date", date);
    if (!how.token.empty()) in.headers.emplace_back("x-amz-security-token", how.token);
    if (how.service == "s3") in.headers.emplace_back("x-amz-content-sha256", hash);
    std::vector<std::string> names;
    for (const auto& [name, value] : in.headers) names.push_back(name);
    std::ranges::sort(names);
    Signer signer{how.key,
                  how.secret,
                  {date.substr(0, 8), how.region, how.service},
                  how.service == "s3" ? PathStyle::kOnce : PathStyle::kTwice};
    in.headers.emplace_back(
        "authorization",
        signer.authorization({in.method, in.path, in.query, in.headers}, names, hash));
    return in;
  }

  http::Response handle(http::Request in) {
    std::optional<http::Response> out;
    asio::co_spawn(shards_.executor(0), front_->handle(std::move(in)),
                   [&](std::exception_ptr failure, http::Response response) {
                     if (failure) std::rethrow_exception(failure);
                     out = std::move(response);
                   });
    shards_.poll();
    if (out->on_sent) out->on_sent({});
    return std::move(*out);
  }
  http::Response json(std::string target, std::string body, Sign how) {
    return handle(sign(request("POST", "/",
                               {{"x-amz-target", std::move(target)},
                                {"content-type", "application/x-amz-json-1.0"}},
                               std::move(body)),
                       how));
  }
  http::Response json(std::string target, std::string body) {
    return json(std::move(target), std::move(body), Sign());
  }
  static bool has(const http::Response& response, std::string_view text) {
    return response.content.find(text) != std::string::npos;
  }

  Shards shards_{1};
  VirtualClock clock_{*parse_iso8601("2026-11-20T12:00:00Z")};
  SeededRandom random_{1};
  shapes::Registry registry_;
  Keys keys_;
  std::unique_ptr<FrontEnd> front_;
  Exchange seen_;
  shapes::Call last_;
  Bytes stored_, key_, encoding_;
  int puts_ = 0;
  size_t deleted_ = 0;
};

TEST_F(FrontEndTest, CallsOperationsOfJsonAndQuery) {
  auto response = json("AmazonSQS.ListQueues", "{}");
  EXPECT_EQ(response.status, 200) << response.content;
  EXPECT_EQ(response.content, R"({"QueueUrls":["http://q"]})");
  EXPECT_EQ(last_.principal.arn, "root");
  EXPECT_EQ(last_.source_ip, "10.0.0.1");
  EXPECT_EQ(seen_.operation, "ListQueues");
  EXPECT_EQ(seen_.request_id, last_.request_id);
  EXPECT_EQ(seen_.error, "");
  response =
      handle(sign(request("POST", "/", {{"content-type", "application/x-www-form-urlencoded"}},
                          "Action=ListQueues&Version=2012-11-05"),
                  Sign()));
  EXPECT_EQ(response.status, 200) << response.content;
  EXPECT_TRUE(has(response, "<QueueUrl>http://q</QueueUrl>")) << response.content;
  response = handle(sign(request("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", {}),
                         {.service = "sts", .region = "us-east-1"}));
  EXPECT_TRUE(has(response, "<Arn>root</Arn>")) << response.content;
}

TEST_F(FrontEndTest, ErrorsCarryTheCodeOfTheService) {
  auto response = json("AmazonSQS.GetQueueUrl", R"({"QueueName":"a"})");
  EXPECT_EQ(response.status, 400);
  EXPECT_TRUE(has(response, "QueueDoesNotExist")) << response.content;
  EXPECT_EQ(seen_.error, "QueueDoesNotExist");
  EXPECT_EQ(json("AmazonSQS.Nonsense", "{}").status, 400);
  EXPECT_EQ(json("AmazonSQS.PurgeQueue", R"({"QueueUrl":"http://q"})").status, 501);
  EXPECT_EQ(json("DynamoDB_20120810.ListTables", "{}", {.service = "dynamodb"}).status, 501);
}

TEST_F(FrontEndTest, KeepsTheTraceOfTheCaller) {
  auto in =
      request("POST", "/",
              {{"x-amz-target", "AmazonSQS.ListQueues"},
               {"x-amzn-trace-id",
                "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1"}},
              "{}");
  EXPECT_EQ(handle(sign(std::move(in), Sign())).status, 200);
  EXPECT_EQ(last_.trace.trace_id, "1-67891233-abcdef012345678912345678");
  EXPECT_EQ(last_.caused_by, "53995c3f42cd8ad8");
  EXPECT_EQ(last_.trace.span_id.size(), 16u);
  EXPECT_NE(last_.trace.span_id, last_.caused_by);
}

TEST_F(FrontEndTest, RefusesUnprovenCallersOfJson) {
  EXPECT_TRUE(has(handle(request("POST", "/", {{"x-amz-target", "AmazonSQS.ListQueues"}}, "{}")),
                  "MissingAuthenticationToken"));
  EXPECT_TRUE(
      has(json("AmazonSQS.ListQueues", "{}", {.key = "NOBODY"}), "UnrecognizedClientException"));
  EXPECT_TRUE(
      has(json("AmazonSQS.ListQueues", "{}", {.secret = "wrong"}), "InvalidSignatureException"));
  EXPECT_TRUE(has(json("AmazonSQS.ListQueues", "{}", {.region = "mars"}), "valid region"));
  EXPECT_TRUE(has(json("AmazonSQS.ListQueues", "{}", {.key = "TEMP", .secret = "temporary"}),
                  "UnrecognizedClientException"));
  EXPECT_TRUE(has(json("AmazonSQS.ListQueues", "{}", {.age = std::chrono::minutes(16)}),
                  "Signature expired"));
  EXPECT_TRUE(has(json("AmazonSQS.ListQueues", "{}", {.age = std::chrono::minutes(-16)}),
                  "Signature not yet current"));
  EXPECT_EQ(json("AmazonSQS.ListQueues", "{}", {.age = std::chrono::minutes(14)}).status, 200);
  EXPECT_EQ(
      json("AmazonSQS.ListQueues", "{}", {.key = "TEMP", .secret = "temporary", .token = "token"})
          .status,
      200);
  auto unknown = json("AmazonSQS.ListQueues", "{}", {.key = "NOBODY"});
  EXPECT_EQ(find(unknown.headers, "x-amzn-query-error"), "InvalidClientTokenId;Sender");
  auto changed =
      sign(request("POST", "/", {{"x-amz-target", "AmazonSQS.ListQueues"}}, "{}"), Sign());
  changed.content = "{ }";
  EXPECT_TRUE(has(handle(std::move(changed)), "InvalidSignatureException"));
}

// Whoever holds a signed request must not turn it into another one: the target names the operation.
TEST_F(FrontEndTest, HeadersOfAmazonMustBeSigned) {
  auto turned = sign(request("POST", "/", {}, "{}"), Sign());
  turned.headers.emplace_back("x-amz-target", "AmazonSQS.ListQueues");
  auto response = handle(std::move(turned));
  EXPECT_EQ(response.status, 400);
  EXPECT_TRUE(has(response, "InvalidSignatureException")) << response.content;
  EXPECT_TRUE(has(response, "x-amz-target")) << response.content;
  auto traced =
      sign(request("POST", "/", {{"x-amz-target", "AmazonSQS.ListQueues"}}, "{}"), Sign());
  traced.headers.emplace_back("x-amzn-trace-id", "Root=1-67891233-abcdef012345678912345678");
  EXPECT_EQ(handle(std::move(traced)).status, 200);
}

TEST_F(FrontEndTest, RefusesUnprovenCallersOfQuery) {
  std::string body = "Action=ListQueues&Version=2012-11-05";
  Pairs form = {{"content-type", "application/x-www-form-urlencoded"}};
  EXPECT_TRUE(
      has(handle(request("POST", "/", form, body)), "<Code>MissingAuthenticationToken</Code>"));
  EXPECT_TRUE(has(handle(sign(request("POST", "/", form, body), {.key = "NOBODY"})),
                  "<Code>InvalidClientTokenId</Code>"));
  auto response = handle(sign(request("POST", "/", form, body), {.secret = "wrong"}));
  EXPECT_EQ(response.status, 403);
  EXPECT_TRUE(has(response, "<Code>SignatureDoesNotMatch</Code>"));
}

TEST_F(FrontEndTest, PutsObjects) {
  auto response = handle(sign(request("PUT", "/bucket/a%20b/c", {}, "hello"), {.service = "s3"}));
  EXPECT_EQ(response.status, 200) << response.content;
  EXPECT_EQ(stored_, "hello");
  EXPECT_EQ(key_, "bucket|a b/c");
  EXPECT_EQ(last_.request_id.size(), 16u);
  auto in = request("PUT", "/k", {{"host", "photos.s3.localhost:4566"}}, "x");
  EXPECT_EQ(handle(sign(std::move(in), {.service = "s3"})).status, 200);
  EXPECT_EQ(key_, "photos|k");
  EXPECT_EQ(seen_.target, "/k");
}

TEST_F(FrontEndTest, RefusesUnprovenCallersOfS3BeforeTheBody) {
  EXPECT_TRUE(has(handle(request("PUT", "/b/k", {}, "x")), "<Code>AccessDenied</Code>"));
  EXPECT_TRUE(has(handle(sign(request("PUT", "/b/k", {}, "x"), {.service = "s3", .key = "NOBODY"})),
                  "<Code>InvalidAccessKeyId</Code>"));
  auto response =
      handle(sign(request("PUT", "/b/k", {}, "x"), {.service = "s3", .secret = "wrong"}));
  EXPECT_EQ(response.status, 403);
  EXPECT_TRUE(has(response, "<Code>SignatureDoesNotMatch</Code>"));
  EXPECT_TRUE(has(response, "<StringToSign>AWS4-HMAC-SHA256\n")) << response.content;
  EXPECT_TRUE(
      has(handle(sign(request("PUT", "/b/k", {}, "x"), {.service = "s3", .region = "mars"})),
          "<Region>ap-northeast-1</Region>"));
  EXPECT_TRUE(has(handle(sign(request("PUT", "/b/k", {}, "x"),
                              {.service = "s3", .age = std::chrono::hours(1)})),
                  "<Code>RequestTimeTooSkewed</Code>"));
  auto extra = sign(request("PUT", "/b/k", {}, "x"), {.service = "s3"});
  extra.headers.emplace_back("x-amz-meta-a", "b");
  EXPECT_TRUE(has(handle(std::move(extra)), "<HeadersNotSigned>x-amz-meta-a</HeadersNotSigned>"));
  EXPECT_EQ(puts_, 0);
}

TEST_F(FrontEndTest, RefusesBodiesThatAreNotWhatTheyClaim) {
  auto changed = sign(request("PUT", "/b/k", {}, "hello"), {.service = "s3"});
  changed.content = "jello";
  EXPECT_TRUE(has(handle(std::move(changed)), "<Code>XAmzContentSHA256Mismatch</Code>"));
  auto streamed = sign(request("PUT", "/b/k", {}, "hello"), {.service = "s3"});
  streamed.content.clear();
  streamed.body = shapes::body_of("jello");
  EXPECT_TRUE(has(handle(std::move(streamed)), "<Code>XAmzContentSHA256Mismatch</Code>"));
  std::string xml = "<Delete><Object><Key>a</Key></Object></Delete>";
  auto digest = request("POST", "/b?delete", {{"content-md5", base64_encode(md5("other"))}}, xml);
  EXPECT_TRUE(has(handle(sign(std::move(digest), {.service = "s3"})), "<Code>BadDigest</Code>"));
  auto right = request("POST", "/b?delete", {{"content-md5", base64_encode(md5(xml))}}, xml);
  EXPECT_EQ(handle(sign(std::move(right), {.service = "s3"})).status, 200);
  EXPECT_EQ(deleted_, 1u);
}

TEST_F(FrontEndTest, DecodesAwsChunked) {
  Pairs headers = {{"content-encoding", "gzip,aws-chunked"},
                   {"x-amz-decoded-content-length", "5"},
                   {"x-amz-trailer", "x-amz-checksum-crc32"}};
  std::string body = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
  Sign how{.service = "s3", .payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"};
  auto response = handle(sign(request("PUT", "/b/k", headers, body), how));
  EXPECT_EQ(response.status, 200) << response.content;
  EXPECT_EQ(stored_, "hello");
  EXPECT_EQ(encoding_, "gzip");
  ASSERT_TRUE(last_.body_facts);
  EXPECT_EQ(last_.body_facts->trailer_kind, ChecksumKind::kCrc32);
  EXPECT_EQ(base64_encode(last_.body_facts->trailer_checksum), "NhCmhg==");
  body[3] = 'j';
  EXPECT_TRUE(
      has(handle(sign(request("PUT", "/b/k", headers, body), how)), "<Code>BadDigest</Code>"));
}

TEST_F(FrontEndTest, Presigned) {
  auto presign = [&](Millis age, int expires) {
    TimePoint at = clock_.now() - age;
    std::string date = format_amz_date(at);
    Scope scope{date.substr(0, 8), kRegion, "s3"};
    std::string query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ROOT%2F" +
                        percent_encode(scope.str()) + "&X-Amz-Date=" + date +
                        "&X-Amz-Expires=" + std::to_string(expires) + "&X-Amz-SignedHeaders=host";
    auto in = request("PUT", "/b/k?" + query, {}, "body");
    std::string canonical = canonical_request({in.method, in.path, in.query, in.headers},
                                              PathStyle::kOnce, {"host"}, kUnsignedPayload);
    in.query += "&X-Amz-Signature=" + signature_of(derive_signing_key("secret", scope),
                                                   string_to_sign(date, scope, canonical));
    return in;
  };
  auto response = handle(presign(std::chrono::minutes(50), 3600));
  EXPECT_EQ(response.status, 200) << response.content;
  EXPECT_EQ(stored_, "body");
  response = handle(presign(std::chrono::minutes(61), 3600));
  EXPECT_EQ(response.status, 403);
  EXPECT_TRUE(has(response, "<Message>Request has expired</Message>")) << response.content;
  EXPECT_TRUE(has(handle(presign(std::chrono::hours(-1), 60)), "Request is not yet valid"));
  auto forged = presign(Millis{0}, 60);
  forged.path = "/b/other";
  EXPECT_TRUE(has(handle(std::move(forged)), "SignatureDoesNotMatch"));
}

TEST_F(FrontEndTest, WithoutAuthenticationEverybodyIsRoot) {
  make(Auth::kOff);
  EXPECT_EQ(handle(request("GET", "/", {})).status, 200);
  auto response = handle(request("POST", "/", {{"x-amz-target", "AmazonSQS.ListQueues"}}, "{}"));
  EXPECT_EQ(response.status, 200) << response.content;
  EXPECT_EQ(last_.principal.arn, "arn:aws:iam::000000000000:root");
  EXPECT_EQ(json("AmazonSQS.ListQueues", "{}", {.key = "ANY", .secret = "any"}).status, 200);
  Pairs headers = {{"x-amz-decoded-content-length", "5"}};
  std::string body = "5;chunk-signature=00\r\nhello\r\n0;chunk-signature=00\r\n\r\n";
  response = handle(sign(request("PUT", "/b/k", headers, body),
                         {.service = "s3", .payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}));
  EXPECT_EQ(response.status, 200) << response.content;
  EXPECT_EQ(stored_, "hello");
  EXPECT_EQ(handle(request("POST", "/000000000000/q?Action=ListQueues", {})).status, 200);
}

TEST_F(FrontEndTest, LimitsAndLengths) {
  auto huge = json("AmazonSQS.ListQueues", std::string(9 << 20, ' '));
  EXPECT_EQ(huge.status, 413);
  auto chunked = sign(request("PUT", "/b/k", {}),
                      {.service = "s3", .payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"});
  EXPECT_EQ(handle(std::move(chunked)).status, 411);
  auto unknown = sign(request("PUT", "/b/k", {}), {.service = "s3", .payload = "UNSIGNED-PAYLOAD"});
  std::erase_if(unknown.headers, [](auto& header) { return header.first == "content-length"; });
  // content-length was signed; without it the signature cannot hold.
  EXPECT_EQ(handle(std::move(unknown)).status, 403);
}

TEST_F(FrontEndTest, MountsAndCors) {
  front_->mount("/_suiro/health", [](http::Request) -> Task<http::Response> {
    co_return http::Response{.status = 200, .content = "fine"};
  });
  EXPECT_EQ(handle(request("GET", "/_suiro/health", {})).content, "fine");
  EXPECT_EQ(handle(request("GET", "/_suiro/healthy", {})).status, 403);
  auto ask = [&](std::string origin) {
    return handle(request("OPTIONS", "/b/k",
                          {{"origin", std::move(origin)},
                           {"access-control-request-method", "PUT"},
                           {"access-control-request-headers", "X-A, x-b"}}));
  };
  EXPECT_EQ(ask("http://good").status, 403);
  front_->set_cors([](CorsQuestion question) -> Task<std::optional<CorsAnswer>> {
    if (question.origin != "http://good" || question.bucket != "b") co_return std::nullopt;
    co_return CorsAnswer{.allow_methods = {"GET", "PUT"}, .max_age_seconds = 60};
  });
  auto response = ask("http://good");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(*find(response.headers, "Access-Control-Allow-Origin"), "http://good");
  EXPECT_EQ(*find(response.headers, "Access-Control-Allow-Headers"), "x-a, x-b");
  EXPECT_TRUE(has(ask("http://bad"), "<Code>AccessForbidden</Code>"));
  auto put =
      handle(sign(request("PUT", "/b/k", {{"origin", "http://good"}}, "x"), {.service = "s3"}));
  EXPECT_EQ(*find(put.headers, "Access-Control-Allow-Methods"), "GET, PUT");
}

TEST(ServiceFinder, BucketsOfHosts) {
  auto bucket = [](std::string_view host) {
    return bucket_of_host(host, "localhost").value_or("-");
  };
  EXPECT_EQ(bucket("localhost:4566"), "-");
  EXPECT_EQ(bucket("127.0.0.1:4566"), "-");
  EXPECT_EQ(bucket("[::1]:4566"), "-");
  EXPECT_EQ(bucket("s3.localhost"), "-");
  EXPECT_EQ(bucket("s3.ap-northeast-1.localhost"), "-");
  EXPECT_EQ(bucket("b.localhost:4566"), "b");
  EXPECT_EQ(bucket("a.b.localhost"), "a.b");
  EXPECT_EQ(bucket("b.s3.localhost"), "b");
  EXPECT_EQ(bucket("a.b.s3.ap-northeast-1.localhost:4566"), "a.b");
  EXPECT_EQ(bucket("b.s3.amazonaws.com"), "b");
  EXPECT_EQ(bucket("b.s3-us-west-2.amazonaws.com"), "b");
  EXPECT_EQ(bucket("sqs.ap-northeast-1.amazonaws.com"), "-");
  EXPECT_EQ(bucket("evillocalhost"), "-");
  EXPECT_EQ(bucket(""), "-");
}

}  // namespace
}  // namespace suiro::aws
