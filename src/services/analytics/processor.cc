// SPDX-License-Identifier: Apache-2.0
#include "services/analytics/processor.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <map>

namespace suiro::analytics {
namespace {

namespace json = boost::json;

struct Answer {
  std::string result;
  Bytes data;
};

// Answers by record id. Errors: kInvalidArgument.
Result<std::map<std::string, Answer>> parse_answers(const Bytes& payload) {
  std::map<std::string, Answer> out;
  try {
    json::value document = json::parse(payload);
    for (const auto& row : document.as_object().at("records").as_array()) {
      const json::object& record = row.as_object();
      Answer answer{.result = std::string(record.at("result").as_string())};
      if (const auto* data = record.if_contains("data"); data != nullptr && data->is_string()) {
        TRY(answer.data, base64_decode(std::string_view(data->as_string())));
      }
      if (!out.emplace(std::string(record.at("recordId").as_string()), std::move(answer)).second) {
        return fail(codes::kInvalidArgument, "the function answered a recordId twice");
      }
    }
  } catch (const std::exception& wrong) {
    return fail(codes::kInvalidArgument,
                fmt::format("the function's answer has not the form {{\"records\": [...]}}: {}",
                            wrong.what()));
  }
  return out;
}

Task<Result<std::map<std::string, Answer>>> ask(const FunctionCall& call, json::object event,
                                                size_t records, TraceContext cause) {
  CO_TRY(auto reply,
         co_await call.caller->call(call.function_arn, json::serialize(event), std::move(cause)));
  if (!reply.function_error.empty()) {
    co_return fail(
        "FunctionError",
        fmt::format("the function failed ({}): {:.500}", reply.function_error, reply.payload),
        Retry::kLater);
  }
  CO_TRY(auto answers, parse_answers(reply.payload));
  if (answers.size() != records) {
    co_return fail(codes::kInvalidArgument,
                   fmt::format("the function answered {} of {} records", answers.size(), records),
                   Retry::kLater);
  }
  co_return answers;
}

json::object event_of(event::Kernel& kernel, const FunctionCall& call) {
  return {{"invocationId", kernel.random.uuid()}, {"applicationArn", call.application_arn}};
}

std::unexpected<Error> unanswered(std::string_view id) {
  return fail(codes::kInvalidArgument, fmt::format("the function did not answer recordId {}", id),
              Retry::kLater);
}

}  // namespace

Task<Result<std::vector<ProcessedRecord>>> process_records(
    event::Kernel& kernel, const FunctionCall& call, std::span<const event::StreamRecord> records,
    TraceContext cause) {
  json::object event = event_of(kernel, call);
  event["streamArn"] = call.stream_arn;
  json::array rows;
  for (const event::StreamRecord& record : records) {
    rows.push_back(json::object{{"recordId", record.sequence_number},
                                {"data", base64_encode(record.data)},
                                {"kinesisStreamRecordMetadata",
                                 json::object{{"sequenceNumber", record.sequence_number},
                                              {"partitionKey", record.partition_key},
                                              {"shardId", call.shard_id},
                                              {"approximateArrivalTimestamp",
                                               record.arrived.time_since_epoch().count()}}}});
  }
  event["records"] = std::move(rows);
  CO_TRY(auto answers, co_await ask(call, std::move(event), records.size(), std::move(cause)));
  std::vector<ProcessedRecord> out;
  for (const event::StreamRecord& record : records) {
    auto answer = answers.find(record.sequence_number);
    if (answer == answers.end()) co_return unanswered(record.sequence_number);
    using Outcome = ProcessedRecord::Outcome;
    if (answer->second.result == "Ok") {
      out.push_back({Outcome::kOk, std::move(answer->second.data)});
    } else if (answer->second.result == "Dropped") {
      out.push_back({Outcome::kDropped, ""});
    } else if (answer->second.result == "ProcessingFailed") {
      out.push_back({Outcome::kFailed, record.data});
    } else {
      co_return fail(codes::kInvalidArgument,
                     fmt::format("the function answered the result {}, which is none of Ok, "
                                 "Dropped and ProcessingFailed",
                                 answer->second.result),
                     Retry::kLater);
    }
  }
  co_return out;
}

Task<Result<std::vector<DeliveryRecord>>> deliver_records(event::Kernel& kernel,
                                                          const FunctionCall& call,
                                                          std::vector<DeliveryRecord> records,
                                                          TraceContext cause) {
  json::object event = event_of(kernel, call);
  json::array rows;
  auto id_of = [](const DeliveryRecord& record) { return fmt::format("{:020}", record.number); };
  for (const DeliveryRecord& record : records) {
    rows.push_back(
        json::object{{"recordId", id_of(record)},
                     {"lambdaDeliveryRecordMetadata", json::object{{"retryHint", record.attempts}}},
                     {"data", base64_encode(record.data)}});
  }
  event["records"] = std::move(rows);
  CO_TRY(auto answers, co_await ask(call, std::move(event), records.size(), std::move(cause)));
  std::vector<DeliveryRecord> failed;
  for (DeliveryRecord& record : records) {
    auto answer = answers.find(id_of(record));
    if (answer == answers.end()) co_return unanswered(id_of(record));
    if (answer->second.result == "Ok") continue;
    ++record.attempts;
    failed.push_back(std::move(record));
  }
  co_return failed;
}

}  // namespace suiro::analytics
