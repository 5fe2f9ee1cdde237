// SPDX-License-Identifier: Apache-2.0
// Router and codecs with the models of real services; the public protocol cases are in
// tests/protocol.
#include "protocol/aws/codec.h"

#include <gtest/gtest.h>

#include "shapes/gen/kinesis.h"
#include "shapes/gen/lambda.h"
#include "shapes/gen/logs.h"
#include "shapes/gen/s3.h"
#include "shapes/gen/sqs.h"
#include "shapes/gen/sts.h"
#include "shapes/json.h"

namespace suiro::aws {
namespace {

using shapes::Protocol;
namespace s3 = shapes::s3;
namespace sqs = shapes::sqs;
namespace lambda = shapes::lambda;

Request request_of(std::string method, std::string_view uri, Pairs headers = {}, Bytes body = {}) {
  Request request;
  request.method = std::move(method);
  const size_t mark = uri.find('?');
  request.path = uri.substr(0, mark);
  if (mark != std::string_view::npos) {
    request.query = parse_parameters(uri.substr(mark + 1)).value();
  }
  request.headers = std::move(headers);
  request.body = std::move(body);
  return request;
}

// The operation's name, or the error's code.
std::string routed(const shapes::ServiceModel& service, const Request& request) {
  Router router;
  router.add(service);
  auto route = router.route(service, request);
  return route ? std::string(route->operation->name) : route.error().code;
}

std::string s3_route(std::string method, std::string_view uri, Pairs headers = {}) {
  return routed(s3::service_model(), request_of(std::move(method), uri, std::move(headers)));
}

template <class T>
Result<T> read(const shapes::ServiceModel& service, Request request) {
  Router router;
  router.add(service);
  TRY(Route route, router.route(service, request));
  TRY(shapes::Value value, read_request(route, request));
  return std::move(value.as<T>());
}

shapes::Call call_of() {
  shapes::Call call;
  call.request_id = "rid";
  return call;
}

TEST(Router, S3Buckets) {
  EXPECT_EQ(s3_route("GET", "/"), "ListBuckets");
  EXPECT_EQ(s3_route("GET", "/?x-id=ListBuckets"), "ListBuckets");
  EXPECT_EQ(s3_route("PUT", "/b"), "CreateBucket");
  EXPECT_EQ(s3_route("PUT", "/b/"), "CreateBucket");
  EXPECT_EQ(s3_route("HEAD", "/b"), "HeadBucket");
  EXPECT_EQ(s3_route("DELETE", "/b"), "DeleteBucket");
  EXPECT_EQ(s3_route("GET", "/b"), "ListObjects");
  EXPECT_EQ(s3_route("GET", "/b?prefix=a&delimiter=/"), "ListObjects");
  EXPECT_EQ(s3_route("GET", "/b?list-type=2&prefix=a"), "ListObjectsV2");
  EXPECT_EQ(s3_route("GET", "/b?versions"), "ListObjectVersions");
  EXPECT_EQ(s3_route("GET", "/b?uploads"), "ListMultipartUploads");
  EXPECT_EQ(s3_route("GET", "/b?location"), "GetBucketLocation");
  EXPECT_EQ(s3_route("POST", "/b?delete"), "DeleteObjects");
  EXPECT_EQ(s3_route("GET", "/b?notification"), "GetBucketNotificationConfiguration");
  EXPECT_EQ(s3_route("PUT", "/b?lifecycle"), "PutBucketLifecycleConfiguration");
  EXPECT_EQ(s3_route("GET", "/b?policyStatus"), "GetBucketPolicyStatus");
  EXPECT_EQ(s3_route("GET", "/b?object-lock"), "GetObjectLockConfiguration");
}

TEST(Router, S3Objects) {
  EXPECT_EQ(s3_route("GET", "/b/k"), "GetObject");
  EXPECT_EQ(s3_route("GET", "/b/a//c/"), "GetObject");
  EXPECT_EQ(s3_route("GET", "/b/k?versionId=1&x-id=GetObject"), "GetObject");
  EXPECT_EQ(s3_route("GET", "/b/k?partNumber=1"), "GetObject");
  EXPECT_EQ(s3_route("GET", "/b/k?tagging"), "GetObjectTagging");
  EXPECT_EQ(s3_route("GET", "/b/k?attributes"), "GetObjectAttributes");
  EXPECT_EQ(s3_route("GET", "/b/k?uploadId=u"), "ListParts");
  EXPECT_EQ(s3_route("HEAD", "/b/k"), "HeadObject");
  EXPECT_EQ(s3_route("PUT", "/b/k"), "PutObject");
  EXPECT_EQ(s3_route("PUT", "/b/k", {{"x-amz-copy-source", "b/k2"}}), "CopyObject");
  EXPECT_EQ(s3_route("PUT", "/b/k?partNumber=1&uploadId=u"), "UploadPart");
  EXPECT_EQ(s3_route("PUT", "/b/k?partNumber=1&uploadId=u", {{"x-amz-copy-source", "b/k2"}}),
            "UploadPartCopy");
  EXPECT_EQ(s3_route("POST", "/b/k?uploads"), "CreateMultipartUpload");
  EXPECT_EQ(s3_route("POST", "/b/k?uploadId=u"), "CompleteMultipartUpload");
  EXPECT_EQ(s3_route("DELETE", "/b/k?uploadId=u"), "AbortMultipartUpload");
  EXPECT_EQ(s3_route("DELETE", "/b/k"), "DeleteObject");
}

TEST(Router, WhatIsNotImplementedIsTold) {
  EXPECT_EQ(s3_route("GET", "/b/k?torrent"), codes::kNotImplemented);
  EXPECT_EQ(s3_route("PUT", "/b?acl"), codes::kNotImplemented);
  EXPECT_EQ(s3_route("POST", "/b/k?select&select-type=2"), codes::kNotImplemented);
  EXPECT_EQ(s3_route("PATCH", "/b/k"), "MethodNotAllowed");
  const auto& logs = shapes::logs::service_model();
  EXPECT_EQ(
      routed(logs, request_of("POST", "/", {{"x-amz-target", "Logs_20140328.PutMetricFilter"}})),
      codes::kNotImplemented);
  EXPECT_EQ(routed(logs, request_of("POST", "/", {{"x-amz-target", "Logs_20140328.Nonsense"}})),
            "UnknownOperationException");
  EXPECT_EQ(routed(logs, request_of("POST", "/", {{"x-amz-target", "DynamoDB.StartQuery"}})),
            "UnknownOperationException");
  const auto& sts = shapes::sts::service_model();
  EXPECT_EQ(routed(sts, request_of("POST", "/", {}, "Action=AssumeRoot&Version=2011-06-15")),
            codes::kNotImplemented);
  EXPECT_EQ(routed(sts, request_of("POST", "/", {}, "Action=Nonsense")), "InvalidAction");
  EXPECT_EQ(routed(sts, request_of("POST", "/")), "MissingAction");
  const auto& functions = lambda::service_model();
  EXPECT_EQ(routed(functions, request_of("GET", "/2018-10-31/layers")), codes::kNotImplemented);
  EXPECT_EQ(routed(functions, request_of("GET", "/nowhere")), "UnknownOperationException");
}

TEST(Router, Lambda) {
  const auto& service = lambda::service_model();
  EXPECT_EQ(routed(service, request_of("GET", "/2015-03-31/functions/")), "ListFunctions");
  EXPECT_EQ(routed(service, request_of("GET", "/2015-03-31/functions")), "ListFunctions");
  EXPECT_EQ(routed(service, request_of("GET", "/2015-03-31/functions/f")), "GetFunction");
  EXPECT_EQ(routed(service, request_of("POST", "/2015-03-31/functions/f/invocations")), "Invoke");
}

TEST(Read, S3PutObject) {
  auto in = read<s3::PutObjectRequest>(s3::service_model(),
                                       request_of("PUT", "/b/a%20%2Fb/%E6%B0%B4?x-id=PutObject",
                                                  {{"content-length", "5"},
                                                   {"x-amz-meta-one", "1"},
                                                   {"x-amz-meta-two", "zwei"},
                                                   {"expires", "Wed, 21 Oct 2015 07:28:00 GMT"},
                                                   {"if-none-match", "*"}},
                                                  "hello"));
  ASSERT_TRUE(in) << in.error().message;
  EXPECT_EQ(in->bucket, "b");
  EXPECT_EQ(in->key, "a /b/\xe6\xb0\xb4");
  EXPECT_EQ(in->content_length, 5);
  EXPECT_EQ(in->metadata->at("two"), "zwei");
  EXPECT_EQ(in->metadata->size(), 2u);
  EXPECT_EQ(in->if_none_match, "*");
  ASSERT_NE(in->body, nullptr);
  EXPECT_EQ(in->body->length(), 5u);
}

TEST(Read, S3DeleteObjects) {
  const auto ask = [](Bytes body) {
    return read<s3::DeleteObjectsRequest>(s3::service_model(),
                                          request_of("POST", "/b?delete", {}, std::move(body)));
  };
  auto in = ask(
      "<?xml version=\"1.0\"?><Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Object>"
      "<Key>a &amp; b</Key></Object><Object><Key> c </Key><VersionId>v</VersionId></Object>"
      "<Quiet>true</Quiet></Delete>");
  ASSERT_TRUE(in) << in.error().message;
  ASSERT_EQ(in->delete_.objects.size(), 2u);
  EXPECT_EQ(in->delete_.objects[0].key, "a & b");
  EXPECT_EQ(in->delete_.objects[1].key, " c ");
  EXPECT_EQ(in->delete_.quiet, true);
  EXPECT_EQ(ask("").error().code, "MissingRequestBodyError");
  EXPECT_EQ(ask("<Delete>").error().code, "MalformedXML");
  EXPECT_EQ(ask("<Delete><Object/></Delete>").error().code, "MalformedXML");
  EXPECT_EQ(ask("<!DOCTYPE d [<!ENTITY a \"b\">]><Delete><Object><Key>&a;</Key></Object></Delete>")
                .error()
                .code,
            "MalformedXML");
}

TEST(Read, SqsBothWays) {
  auto json = read<sqs::SendMessageBatchRequest>(
      sqs::service_model(),
      request_of(
          "POST", "/", {{"x-amz-target", "AmazonSQS.SendMessageBatch"}},
          R"({"QueueUrl":"http://h/q","Entries":[{"Id":"1","MessageBody":"a","MessageAttributes")"
          R"(:{"k":{"DataType":"String","StringValue":"v"}}},{"Id":"2","MessageBody":"b"}]})"));
  ASSERT_TRUE(json) << json.error().message;
  auto query = read<sqs::SendMessageBatchRequest>(
      sqs::service_model(),
      request_of("POST", "/000000000000/q",
                 {{"host", "h"}, {"content-type", "application/x-www-form-urlencoded"}},
                 "Action=SendMessageBatch&Version=2012-11-05&QueueUrl=http%3A%2F%2Fh%2Fq"
                 "&SendMessageBatchRequestEntry.1.Id=1&SendMessageBatchRequestEntry.1.MessageBody=a"
                 "&SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=k"
                 "&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=String"
                 "&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue=v"
                 "&SendMessageBatchRequestEntry.2.Id=2"
                 "&SendMessageBatchRequestEntry.2.MessageBody=b"));
  ASSERT_TRUE(query) << query.error().message;
  EXPECT_EQ(shapes::to_json(*json), shapes::to_json(*query));
  EXPECT_EQ(json->entries.at(0).message_attributes->at("k").string_value, "v");
}

TEST(Read, SqsQueueUrlFromThePath) {
  auto in = read<sqs::ReceiveMessageRequest>(
      sqs::service_model(), request_of("GET",
                                       "/000000000000/q?Action=ReceiveMessage&AttributeName.1=All"
                                       "&MaxNumberOfMessages=3",
                                       {{"host", "h:4566"}}));
  ASSERT_TRUE(in) << in.error().message;
  EXPECT_EQ(in->queue_url, "http://h:4566/000000000000/q");
  EXPECT_EQ(in->attribute_names, std::vector<std::string>{"All"});
  EXPECT_EQ(in->max_number_of_messages, 3);
}

TEST(Read, MissingParameters) {
  auto sqs_error = read<sqs::SendMessageRequest>(
      sqs::service_model(),
      request_of("POST", "/", {{"x-amz-target", "AmazonSQS.SendMessage"}}, "{\"QueueUrl\":\"q\"}"));
  EXPECT_EQ(sqs_error.error().code, "MissingParameter");
  EXPECT_EQ(sqs_error.error().message, "The request must contain the parameter MessageBody.");
  auto lambda_error = read<lambda::CreateFunctionRequest>(
      lambda::service_model(), request_of("POST", "/2015-03-31/functions", {}, "{\"Role\":\"x\"}"));
  EXPECT_EQ(lambda_error.error().code, "ValidationException");
  EXPECT_NE(lambda_error.error().message.find("Value null at 'functionName'"), std::string::npos);
}

TEST(Read, LambdaInvoke) {
  auto in = read<lambda::InvocationRequest>(
      lambda::service_model(),
      request_of("POST",
                 "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aap-northeast-1%3A000000000000%3A"
                 "function%3Af/invocations?Qualifier=live",
                 {{"x-amz-invocation-type", "Event"}}, "{\"a\":1}"));
  ASSERT_TRUE(in) << in.error().message;
  EXPECT_EQ(in->function_name, "arn:aws:lambda:ap-northeast-1:000000000000:function:f");
  EXPECT_EQ(in->payload, "{\"a\":1}");
  EXPECT_EQ(in->qualifier, "live");
}

template <class Op>
Route route_of(Protocol protocol) {
  return {.operation = &Op::operation(), .protocol = protocol};
}

TEST(Write, S3Lists) {
  s3::ListBucketsOutput out;
  out.buckets.emplace().push_back({.name = "b"});
  out.owner.emplace().id = "o";
  shapes::Value value = shapes::Value::of(std::move(out));
  Response response =
      write_response(route_of<s3::op::ListBuckets>(Protocol::kRestXml), value, call_of());
  EXPECT_EQ(response.body,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListAllMyBucketsResult "
            "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Buckets><Bucket><Name>b</Name>"
            "</Bucket></Buckets><Owner><ID>o</ID></Owner></ListAllMyBucketsResult>");
  EXPECT_EQ(find(response.headers, "Content-Type"), "application/xml");
  EXPECT_EQ(find(response.headers, "x-amz-request-id"), "rid");
}

TEST(Write, S3Location) {
  s3::GetBucketLocationOutput out;
  out.location_constraint = "eu-central-1";
  shapes::Value value = shapes::Value::of(std::move(out));
  Response response =
      write_response(route_of<s3::op::GetBucketLocation>(Protocol::kRestXml), value, call_of());
  EXPECT_EQ(response.body,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint "
            "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">eu-central-1</LocationConstraint>");
}

TEST(Write, SqsQuery) {
  sqs::ReceiveMessageResult out;
  auto& message = out.messages.emplace().emplace_back();
  message.body = "a<b\r";
  message.attributes.emplace()["SentTimestamp"] = "1";
  shapes::Value value = shapes::Value::of(std::move(out));
  Response response =
      write_response(route_of<sqs::op::ReceiveMessage>(Protocol::kQuery), value, call_of());
  EXPECT_EQ(response.body,
            "<?xml version=\"1.0\"?><ReceiveMessageResponse "
            "xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><ReceiveMessageResult><Message>"
            "<Body>a&lt;b&#xd;</Body><Attribute><Name>SentTimestamp</Name><Value>1</Value>"
            "</Attribute></Message></ReceiveMessageResult><ResponseMetadata><RequestId>rid"
            "</RequestId></ResponseMetadata></ReceiveMessageResponse>");
}

// application/x-amz-cbor-1.1: JSON's targets, CBOR bodies, times in whole milliseconds.
TEST(TargetCbor, KinesisBothWays) {
  namespace kinesis = shapes::kinesis;
  const auto& service = kinesis::service_model();
  const Pairs headers = {{"content-type", "application/x-amz-cbor-1.1"},
                         {"x-amz-target", "Kinesis_20131202.GetShardIterator"}};
  // {"StreamName": "s", "ShardId": "x", "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1(1500)}
  Bytes body = hex_decode(
                   "bf"
                   "6a53747265616d4e616d65"
                   "6173"
                   "675368617264"
                   "4964"
                   "6178"
                   "71"
                   "53686172644974657261746f7254797065"
                   "6c"
                   "41545f54494d455354414d50"
                   "69"
                   "54696d657374616d70"
                   "c1"
                   "1905dc"
                   "ff")
                   .value();
  auto request = request_of("POST", "/", headers, body);
  EXPECT_EQ(Router::protocol_of(service, request), Protocol::kTargetCbor);
  auto in = read<kinesis::GetShardIteratorInput>(service, std::move(request));
  ASSERT_TRUE(in) << in.error().message;
  EXPECT_EQ(in->stream_name, "s");
  EXPECT_EQ(in->timestamp, TimePoint(Millis(1500)));

  kinesis::GetRecordsOutput out;
  kinesis::Record record;
  record.sequence_number = "1";
  record.partition_key = "k";
  record.data = Bytes("\x00\xFF", 2);
  record.approximate_arrival_timestamp = TimePoint(Millis(1500));
  out.records.push_back(std::move(record));
  auto value = shapes::Value::of(std::move(out));
  Route route{.operation = service.find_operation("GetRecords"), .protocol = Protocol::kTargetCbor};
  Response response = write_response(route, value, call_of());
  EXPECT_EQ(find(response.headers, "Content-Type"), "application/x-amz-cbor-1.1");
  EXPECT_NE(response.body.find(hex_decode("c11905dc").value()), Bytes::npos);
  EXPECT_NE(response.body.find(hex_decode("4200ff").value()), Bytes::npos);

  ErrorPlace place{.service = &service, .protocol = Protocol::kTargetCbor};
  response = write_error(place, Error{"ResourceNotFoundException", "none"}, call_of());
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(find(response.headers, "Content-Type"), "application/x-amz-cbor-1.1");
  EXPECT_FALSE(find(response.headers, "smithy-protocol"));
  EXPECT_NE(response.body.find("ResourceNotFoundException"), Bytes::npos);
}

TEST(Write, HeadersHoldNoLineBreaks) {
  s3::GetObjectOutput out;
  out.content_disposition = "attachment\r\nx-evil: 1";
  out.body = shapes::body_of("x");
  shapes::Value value = shapes::Value::of(std::move(out));
  Response response =
      write_response(route_of<s3::op::GetObject>(Protocol::kRestXml), value, call_of());
  EXPECT_EQ(find(response.headers, "Content-Disposition"), "attachment  x-evil: 1");
  EXPECT_NE(response.stream, nullptr);
}

TEST(Errors, EachProtocolsDocument) {
  const Error error{.code = "QueueDoesNotExist", .message = "The queue does not exist."};
  ErrorPlace place{.service = &sqs::service_model(),
                   .operation = nullptr,
                   .protocol = Protocol::kJson,
                   .head = false,
                   .resource = ""};
  Response json = write_error(place, error, call_of());
  EXPECT_EQ(json.status, 400);
  EXPECT_EQ(json.body,
            "{\"__type\":\"com.amazonaws.sqs#QueueDoesNotExist\","
            "\"message\":\"The queue does not exist.\"}");
  EXPECT_EQ(find(json.headers, "x-amzn-query-error"),
            "AWS.SimpleQueueService.NonExistentQueue;Sender");
  place.protocol = Protocol::kQuery;
  Response query = write_error(place, error, call_of());
  EXPECT_EQ(query.body,
            "<?xml version=\"1.0\"?><ErrorResponse "
            "xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>Sender</Type><Code>"
            "AWS.SimpleQueueService.NonExistentQueue</Code><Message>The queue does not exist."
            "</Message></Error><RequestId>rid</RequestId></ErrorResponse>");
}

TEST(Errors, S3) {
  Error error{.code = "NoSuchBucket", .message = "The specified bucket does not exist"};
  error.details = {{"BucketName", "b"}};
  ErrorPlace place{.service = &s3::service_model(),
                   .operation = nullptr,
                   .protocol = Protocol::kRestXml,
                   .head = false,
                   .resource = "/b"};
  Response response = write_error(place, error, call_of());
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchBucket</Code><Message>"
            "The specified bucket does not exist</Message><BucketName>b</BucketName><Resource>/b"
            "</Resource><RequestId>rid</RequestId><HostId>cmlk</HostId></Error>");
  place.head = true;
  EXPECT_EQ(write_error(place, error, call_of()).body, "");
}

TEST(Errors, DetailsWithinStructures) {
  Error error{.code = "MalformedQueryException", .message = "no"};
  error.details = {{"queryCompileError.message", "no"},
                   {"queryCompileError.location.startCharOffset", "3"},
                   {"queryCompileError.location.endCharOffset", "5"}};
  const ErrorPlace place{.service = &shapes::logs::service_model(),
                         .operation = nullptr,
                         .protocol = Protocol::kJson,
                         .head = false,
                         .resource = ""};
  EXPECT_EQ(write_error(place, error, call_of()).body,
            "{\"__type\":\"MalformedQueryException\",\"queryCompileError\":{\"location\":{"
            "\"startCharOffset\":3,\"endCharOffset\":5},\"message\":\"no\"},\"message\":\"no\"}");
}

TEST(Errors, Lambda) {
  const Error error{.code = "ResourceNotFoundException", .message = "Function not found: x"};
  const ErrorPlace place{.service = &lambda::service_model(),
                         .operation = nullptr,
                         .protocol = Protocol::kRestJson,
                         .head = false,
                         .resource = ""};
  Response response = write_error(place, error, call_of());
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(find(response.headers, "x-amzn-ErrorType"), "ResourceNotFoundException");
  EXPECT_EQ(response.body, "{\"Message\":\"Function not found: x\"}");
}

TEST(Errors, StatusOfCodesWithoutAModel) {
  EXPECT_EQ(error_status(nullptr, codes::kUnavailable), 503);
  EXPECT_EQ(error_status(nullptr, codes::kNotImplemented), 501);
  EXPECT_EQ(error_status(&s3::service_model(), "BucketNotEmpty"), 409);
  EXPECT_EQ(error_status(&lambda::service_model(), "TooManyRequestsException"), 429);
  EXPECT_EQ(error_status(nullptr, "SomethingElse"), 400);
}

}  // namespace
}  // namespace suiro::aws
