// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/transform.h"

#include <boost/json.hpp>

#include "services/firehose/errors.h"
#include "services/firehose/failed_line.h"
#include "services/firehose/logic.h"

namespace suiro::firehose {
namespace {

namespace json = boost::json;

constexpr size_t kPieceBytesMax = kLambdaSizeMaxMb << 20;  // of records, before base64
constexpr size_t kPieceRecordsMax = 10'000;

Buffering lambda_buffering(const Destination& destination) {
  if (destination.lambda) return destination.lambda->buffering;
  return {.size_bytes = kLambdaSizeDefaultMb << 20, .interval = Millis(0)};
}

size_t piece_end(const Load& load, size_t begin) {
  size_t end = begin, bytes = 0;
  while (end < load.records.size() && end - begin < kPieceRecordsMax &&
         (end == begin || bytes + load.records[end].size() <= kPieceBytesMax)) {
    bytes += load.records[end++].size();
  }
  return end;
}

Transformed failed(std::string_view code, std::string_view message) {
  return {Transformed::Outcome::kFailed, {}, std::string(code), std::string(message)};
}

std::string_view text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return value->as_string();
}

Transformed outcome_of(const json::object& record) {
  std::string_view result = text_in(record, "result");
  if (result == "Dropped") return {.outcome = Transformed::Outcome::kDropped};
  if (result == "ProcessingFailed") {
    return failed("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record");
  }
  if (result != "Ok") {
    return failed("Lambda.InvalidResult",
                  "The result of a record must be Ok, Dropped or "
                  "ProcessingFailed");
  }
  auto data = base64_decode(text_in(record, "data"));
  if (!data) return failed("Lambda.InvalidData", "The data of a record must be base64");
  return {Transformed::Outcome::kOk, *std::move(data), {}, {}};
}

Error invocation_error(const Result<event::FunctionCaller::Reply>& reply) {
  if (!reply) return {"Lambda." + reply.error().code, reply.error().message, Retry::kLater};
  return {"Lambda.FunctionError",
          fmt::format("The Lambda function was successfully invoked but it returned an error "
                      "result: {}",
                      ByteView(reply->payload).substr(0, 1024)),
          Retry::kLater};
}

}  // namespace

Bytes transformation_event(const StreamState& state, std::string_view region, const Load& load,
                           size_t begin, size_t end, const std::string& invocation_id) {
  json::array records;
  for (size_t i = begin; i < end; ++i) {
    records.push_back({{"recordId", record_id(state.record.id, load.places[i])},
                       {"approximateArrivalTimestamp", load.arrivals[i].time_since_epoch().count()},
                       {"data", base64_encode(load.records[i])}});
  }
  json::object event{{"invocationId", invocation_id}, {"deliveryStreamArn", state.arn}};
  if (state.record.source == SourceType::kKinesis) {
    event["sourceKinesisStreamArn"] = state.record.source_arn;
  }
  event["region"] = region;
  event["records"] = std::move(records);
  return json::serialize(event);
}

Result<std::vector<Transformed>> parse_transformation(const Bytes& reply,
                                                      const std::vector<std::string>& ids) {
  boost::system::error_code bad;
  json::value value = json::parse(reply, bad);
  const json::value* records =
      !bad && value.is_object() ? value.as_object().if_contains("records") : nullptr;
  if (records == nullptr || !records->is_array()) {
    return fail("Lambda.JsonProcessingException",
                "There was an error parsing the returned records from the Lambda function. Ensure "
                "that the returned records follow the status model required by Firehose");
  }
  std::map<std::string, size_t, std::less<>> places;
  for (size_t i = 0; i < ids.size(); ++i) places[ids[i]] = i;
  std::vector<Transformed> out(
      ids.size(), failed("Lambda.MissingRecordId",
                         "One or more record Ids were not returned. Ensure that the Lambda "
                         "function returns all received record Ids."));
  std::vector<bool> seen(ids.size());
  for (const json::value& record : records->as_array()) {
    if (!record.is_object()) continue;
    auto place = places.find(text_in(record.as_object(), "recordId"));
    if (place == places.end()) continue;
    size_t i = place->second;
    out[i] = seen[i] ? failed("Lambda.DuplicatedRecordId",
                              "Multiple records were returned with the same record Id. Ensure that "
                              "the Lambda function returns unique record Ids for each record.")
                     : outcome_of(record.as_object());
    seen[i] = true;
  }
  return out;
}

Task<void> Transform::run(StatePtr state) {
  Running running(state);
  uint32_t failures = 0;
  while (auto cut = co_await delivery_.next(state, LaneKind::kSource, lambda_buffering)) {
    Budget& budget = context_.shard().budget;
    uint64_t bytes = 4 * cut->bytes;  // records, event, reply, results
    co_await budget.take(bytes);
    auto done = co_await transform(state, *cut);
    budget.give(bytes);
    failures = done ? 0 : failures + 1;
    if (failures != 0) co_await delivery_.pause(state, LaneKind::kSource, failures);
  }
}

Task<Result<void>> Transform::transform(StatePtr state, Cut cut) {
  DestinationPtr destination = state->destination;
  TimePoint start = context_.kernel.clock.now();
  CO_TRY(Load load, co_await delivery_.read(state, LaneKind::kSource, cut));
  event::Span span = delivery_.span_of(*state, load.cause, start);
  span.kind = "firehose:Transform";
  if (!destination->lambda) {
    co_return co_await commit(state, cut, {.ready = std::move(load.records)}, std::move(span));
  }
  Attempt attempt{.last_block = cut.last, .first = start};
  if (auto known = state->attempts.find(LaneKind::kSource); known != state->attempts.end()) {
    attempt = known->second;
  }
  ++attempt.made;
  auto results = co_await invoke_all(state, load, attempt.made, {span.trace_id, span.span_id});
  // What ends because the stream or the server ends is no attempt.
  if (!results && state->closing) co_return fail(std::move(results).error());
  if (!results) {
    delivery_.report(*state, destination->log, std::move(span), results.error());
    CO_TRY_VOID(co_await delivery_.remember(state, LaneKind::kSource, std::move(attempt)));
    co_return fail(std::move(results).error());
  }
  co_return co_await commit(state, cut, *std::move(results), std::move(span));
}

Task<Result<Transform::Results>> Transform::invoke_all(StatePtr state, const Load& load,
                                                       uint32_t attempt, TraceContext cause) {
  DestinationPtr destination = state->destination;
  const LambdaStep& step = *destination->lambda;
  event::Kernel& kernel = context_.kernel;
  CO_TRY(auto* caller, kernel.targets.caller(step.function_arn));
  Results out;
  for (size_t begin = 0, end = 0; begin < load.records.size(); begin = end) {
    end = piece_end(load, begin);
    std::vector<std::string> ids;
    for (size_t i = begin; i < end; ++i) {
      ids.push_back(record_id(state->record.id, load.places[i]));
    }
    Bytes event =
        transformation_event(*state, kernel.region, load, begin, end, kernel.random.uuid());
    auto reply = co_await caller->call(step.function_arn, std::move(event), cause);
    std::vector<Transformed> all;
    if (!reply || !reply->function_error.empty()) {
      Error error = invocation_error(reply);
      if (attempt <= step.retries || state->closing) co_return fail(std::move(error));
      all.assign(ids.size(), failed(error.code, error.message));
    } else if (auto parsed = parse_transformation(reply->payload, ids)) {
      all = *std::move(parsed);
    } else {
      all.assign(ids.size(), failed(parsed.error().code, parsed.error().message));
    }
    for (size_t i = begin; i < end; ++i) {
      Transformed& one = all[i - begin];
      if (one.outcome == Transformed::Outcome::kOk) out.ready.push_back(std::move(one.data));
      if (one.outcome == Transformed::Outcome::kDropped) ++out.dropped;
      if (one.outcome != Transformed::Outcome::kFailed) continue;
      out.failed.push_back(failed_line({.attempts = attempt,
                                        .arrived = load.arrivals[i],
                                        .ended = kernel.clock.now(),
                                        .code = one.code,
                                        .message = one.message,
                                        .data = load.records[i],
                                        .more = {{"lambdaArn", step.function_arn}}}));
      if (i == begin) {
        context_.log(destination->log, state->arn, one.code, one.message);
      }
    }
  }
  co_return out;
}

Task<Result<void>> Transform::commit(StatePtr state, Cut cut, Results results, event::Span span) {
  store::Batch batch;
  delivery_.consume(batch, *state, LaneKind::kSource, cut);
  Intake::Write write(state, context_.kernel.clock.now());
  TraceContext trace{span.trace_id, span.span_id};
  write.add(batch, LaneKind::kReady, results.ready, cut.arrived, trace);
  write.add(batch, LaneKind::kUnprocessed, results.failed, cut.arrived, trace);
  span.duration = context_.kernel.clock.now() - span.start;
  span.detail = fmt::format("{} transformed, {} dropped, {} failed", results.ready.size(),
                            results.dropped, results.failed.size());
  context_.kernel.journal.record(batch, span);
  auto done = co_await context_.kernel.store.commit(std::move(batch));
  if (!done) {
    write.abort();
    co_return fail(std::move(done).error());
  }
  delivery_.consumed(*state, LaneKind::kSource, cut);
  write.hold();
  co_return ok();
}

}  // namespace suiro::firehose
