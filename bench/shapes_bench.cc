// SPDX-License-Identifier: Apache-2.0
// What the protocol layer costs a request, without sockets and services: routing, parsing with
// validation, and writing. suiro-shapes-bench [--benchmark_filter=...]
#include <benchmark/benchmark.h>

#include "base/check.h"
#include "protocol/aws/codec.h"
#include "shapes/gen/s3.h"
#include "shapes/gen/sqs.h"

namespace {

using namespace suiro;
namespace sqs = shapes::sqs;
namespace s3 = shapes::s3;

const aws::Router& router() {
  static const aws::Router* const made = [] {
    auto* all = new aws::Router;
    all->add(sqs::service_model());
    all->add(s3::service_model());
    return all;
  }();
  return *made;
}

void read_all(benchmark::State& state, const shapes::ServiceModel& service,
              const aws::Request& pattern) {
  for (auto _ : state) {
    aws::Request request;
    request.method = pattern.method;
    request.path = pattern.path;
    request.query = pattern.query;
    request.headers = pattern.headers;
    request.body = pattern.body;
    auto route = router().route(service, request);
    CHECK(route.has_value());
    auto input = aws::read_request(*route, request);
    CHECK(input.has_value());
    benchmark::DoNotOptimize(input);
  }
}

void read_send_message_json(benchmark::State& state) {
  aws::Request request{.method = "POST", .path = "/", .query = {}, .headers = {}, .body = {}};
  request.headers = {{"x-amz-target", "AmazonSQS.SendMessage"}};
  request.body =
      "{\"QueueUrl\":\"http://127.0.0.1:4566/000000000000/queue\",\"MessageBody\":\"" +
      std::string(static_cast<size_t>(state.range(0)), 'x') +
      "\",\"MessageAttributes\":{\"a\":{\"DataType\":\"String\",\"StringValue\":\"v\"}}}";
  read_all(state, sqs::service_model(), request);
}
BENCHMARK(read_send_message_json)->Arg(100)->Arg(4096)->Arg(262144);

void read_send_message_query(benchmark::State& state) {
  aws::Request request{.method = "POST", .path = "/", .query = {}, .headers = {}, .body = {}};
  request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
  request.body =
      "Action=SendMessage&Version=2012-11-05&QueueUrl=http%3A%2F%2F127.0.0.1%3A4566%2F0%2Fqueue"
      "&MessageAttribute.1.Name=a&MessageAttribute.1.Value.DataType=String"
      "&MessageAttribute.1.Value.StringValue=v&MessageBody=" +
      std::string(static_cast<size_t>(state.range(0)), 'x');
  read_all(state, sqs::service_model(), request);
}
BENCHMARK(read_send_message_query)->Arg(100)->Arg(4096);

void read_put_object(benchmark::State& state) {
  aws::Request request{.method = "PUT",
                       .path = "/bucket/logs/2026/11/20/a.gz",
                       .query = {},
                       .headers = {},
                       .body = {}};
  request.query = {{"x-id", "PutObject"}};
  request.headers = {{"host", "127.0.0.1:4566"},
                     {"content-length", "4096"},
                     {"content-type", "application/gzip"},
                     {"x-amz-content-sha256", "UNSIGNED-PAYLOAD"},
                     {"x-amz-date", "20261120T000000Z"},
                     {"x-amz-checksum-crc32", "AAAAAA=="},
                     {"x-amz-sdk-checksum-algorithm", "CRC32"},
                     {"x-amz-meta-origin", "bench"},
                     {"user-agent", "bench"},
                     {"authorization", "AWS4-HMAC-SHA256 Credential=..."}};
  read_all(state, s3::service_model(), request);
}
BENCHMARK(read_put_object);

void write_all(benchmark::State& state, const shapes::Operation& operation,
               shapes::Protocol protocol, shapes::Value& value) {
  const aws::Route route{.operation = &operation, .protocol = protocol};
  shapes::Call call;
  call.request_id = "2f1b1a4e-8f5e-4b4e-9a53-6e7e6b0c3a11";
  for (auto _ : state) {
    aws::Response response = aws::write_response(route, value, call);
    benchmark::DoNotOptimize(response);
  }
}

void write_send_message_json(benchmark::State& state) {
  sqs::SendMessageResult out;
  out.message_id = "5fea7756-0ea4-451a-a703-a558b933e274";
  out.md5_of_message_body = "fafb00f5732ab283681e124bf8747ed1";
  shapes::Value value = shapes::Value::of(std::move(out));
  write_all(state, sqs::op::SendMessage::operation(), shapes::Protocol::kJson, value);
}
BENCHMARK(write_send_message_json);

void write_receive_message_json(benchmark::State& state) {
  sqs::ReceiveMessageResult out;
  for (int64_t i = 0; i < state.range(0); ++i) {
    auto& message =
        out.messages ? out.messages->emplace_back() : out.messages.emplace().emplace_back();
    message.message_id = "5fea7756-0ea4-451a-a703-a558b933e274";
    message.receipt_handle = std::string(180, 'r');
    message.md5_of_body = "fafb00f5732ab283681e124bf8747ed1";
    message.body = std::string(100, 'x');
  }
  shapes::Value value = shapes::Value::of(std::move(out));
  write_all(state, sqs::op::ReceiveMessage::operation(), shapes::Protocol::kJson, value);
}
BENCHMARK(write_receive_message_json)->Arg(1)->Arg(10);

void write_list_objects_xml(benchmark::State& state) {
  s3::ListObjectsV2Output out;
  auto& contents = out.contents.emplace();
  for (int i = 0; i < 1000; ++i) {
    auto& object = contents.emplace_back();
    object.key = "logs/2026/11/20/" + std::to_string(i) + ".gz";
    object.etag = "\"fafb00f5732ab283681e124bf8747ed1\"";
    object.size = 12345;
    object.last_modified = TimePoint(Millis(1790000000000));
  }
  shapes::Value value = shapes::Value::of(std::move(out));
  write_all(state, s3::op::ListObjectsV2::operation(), shapes::Protocol::kRestXml, value);
}
BENCHMARK(write_list_objects_xml);

}  // namespace

BENCHMARK_MAIN();
