// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/stream_records.h"

#include <boost/json.hpp>

#include "shapes/json.h"

namespace suiro::lambda {
namespace {

namespace json = boost::json;

// Seconds with three decimals.
std::string seconds_text(TimePoint time) {
  int64_t millis = time.time_since_epoch().count();
  return fmt::format("{}.{:03}", millis / 1000, millis % 1000);
}

// The window's ends have no fraction: it begins and ends on whole seconds.
std::string window_time(TimePoint time) {
  std::string text = format_iso8601(time);
  size_t dot = text.find('.');
  return dot == text.npos ? text : text.substr(0, dot) + "Z";
}

void append_member(Bytes& out, std::string_view name, std::string_view text) {
  out += out.back() == '{' ? "" : ",";
  shapes::append_json_string(out, name);
  out += ':';
  shapes::append_json_string(out, text);
}

}  // namespace

Bytes stream_document(const StreamOrigin& origin, const event::StreamRecord& record) {
  Bytes out;
  out.reserve(record.data.size() * 4 / 3 + 600);
  out += R"({"kinesis":{"kinesisSchemaVersion":"1.0")";
  append_member(out, "partitionKey", record.partition_key);
  append_member(out, "sequenceNumber", record.sequence_number);
  append_member(out, "data", base64_encode(record.data));
  out += R"(,"approximateArrivalTimestamp":)" + seconds_text(record.arrived) + "}";
  append_member(out, "eventSource", "aws:kinesis");
  append_member(out, "eventVersion", "1.0");
  append_member(out, "eventID", origin.shard + ":" + record.sequence_number);
  append_member(out, "eventName", "aws:kinesis:record");
  append_member(out, "invokeIdentityArn", origin.role);
  append_member(out, "awsRegion", origin.region);
  append_member(out, "eventSourceARN", origin.stream_arn);
  return out += '}';
}

Bytes filter_document(const event::StreamRecord& record) {
  json::object out;
  out["kinesisSchemaVersion"] = "1.0";
  out["partitionKey"] = record.partition_key;
  out["sequenceNumber"] = record.sequence_number;
  boost::system::error_code failed;
  json::value data = json::parse(record.data, failed);
  if (!failed) {
    out["data"] = std::move(data);
  } else if (is_valid_utf8(record.data)) {
    out["data"] = record.data;
  }
  return json::serialize(out);
}

Bytes stream_payload(const StreamOrigin& origin, const std::vector<Bytes>& documents,
                     const std::optional<WindowFrame>& window) {
  Bytes out = R"({"Records":[)";
  for (const Bytes& document : documents) {
    if (out.back() != '[') out += ',';
    out += document;
  }
  out += ']';
  if (window) {
    using Kind = WindowFrame::Kind;
    out += R"(,"window":{)";
    append_member(out, "start", window_time(window->begin));
    append_member(out, "end", window_time(window->end));
    out += R"(},"state":)" + window->state;
    append_member(out, "shardId", origin.shard);
    append_member(out, "eventSourceARN", origin.stream_arn);
    out += window->kind == Kind::kBatch ? R"(,"isFinalInvokeForWindow":false)"
                                        : R"(,"isFinalInvokeForWindow":true)";
    out += window->kind == Kind::kTerminatedEarly ? R"(,"isWindowTerminatedEarly":true)"
                                                  : R"(,"isWindowTerminatedEarly":false)";
  }
  return out += '}';
}

std::optional<StreamReply> stream_reply(ByteView answer, Failures failures) {
  StreamReply reply;
  boost::system::error_code bad;
  json::value value = json::parse(answer, bad);
  const json::object* object = bad ? nullptr : value.if_object();
  if (object == nullptr) return reply;  // nothing that could tell of failures
  if (const json::value* state = object->if_contains("state")) {
    if (!state->is_null()) reply.state = json::serialize(*state);
  }
  const json::value* list = object->if_contains("batchItemFailures");
  if (failures == Failures::kIgnore || list == nullptr || list->is_null()) return reply;
  if (!list->is_array()) return std::nullopt;
  for (const json::value& item : list->get_array()) {
    const json::object* one = item.if_object();
    const json::value* id = one == nullptr ? nullptr : one->if_contains("itemIdentifier");
    if (id == nullptr || !id->is_string() || id->get_string().empty()) return std::nullopt;
    std::string number(std::string_view(id->get_string()));
    // Of one length: text compares as number.
    if (reply.failed_from.empty() || number < reply.failed_from) {
      reply.failed_from = std::move(number);
    }
  }
  return reply;
}

Bytes given_up_document(const StreamOrigin& origin, const GivenUp& batch) {
  json::object context, response, info, out;
  context["requestId"] = batch.request_id;
  context["functionArn"] = batch.function_arn;
  context["condition"] = batch.condition;
  context["approximateInvokeCount"] = batch.invocations;
  out["requestContext"] = std::move(context);
  if (batch.answered) {
    response["statusCode"] = 200;
    response["executedVersion"] = batch.executed_version;
    response["functionError"] = "Unhandled";
    out["responseContext"] = std::move(response);
  }
  out["version"] = "1.0";
  out["timestamp"] = format_iso8601(batch.at);
  info["shardId"] = origin.shard;
  if (!batch.records->empty()) {
    info["startSequenceNumber"] = batch.records->front().sequence_number;
    info["endSequenceNumber"] = batch.records->back().sequence_number;
    info["approximateArrivalOfFirstRecord"] = format_iso8601(batch.records->front().arrived);
    info["approximateArrivalOfLastRecord"] = format_iso8601(batch.records->back().arrived);
  }
  if (batch.size) info["batchSize"] = *batch.size;
  info["streamArn"] = origin.stream_arn;
  out["KinesisBatchInfo"] = std::move(info);
  return json::serialize(out);
}

}  // namespace suiro::lambda
