// SPDX-License-Identifier: Apache-2.0
#include "services/kinesis/source.h"

namespace suiro::kinesis {
namespace {

// The kinds of failure that callers of other services look at.
Error common(Error error) {
  if (error.code == kResourceNotFound) error.code = codes::kNotFound;
  if (error.code == kThroughputExceeded) error.code = codes::kThrottled;
  if (error.code == kInvalidArgument) error.code = codes::kInvalidArgument;
  return error;
}

template <class T>
Result<T> common(Result<T> result) {
  if (!result) return fail(common(std::move(result).error()));
  return result;
}

Logic::Start start_of(event::StreamStart start) {
  using From = event::StreamStart::At;
  using To = Logic::Start::At;
  Logic::Start out{To::kTrimHorizon, start.timestamp, std::move(start.sequence_number)};
  switch (start.at) {
    case From::kTrimHorizon:
      break;
    case From::kLatest:
      out.at = To::kLatest;
      break;
    case From::kTimestamp:
      out.at = To::kTimestamp;
      break;
    case From::kSequence:
      out.at = To::kSequence;
      break;
    case From::kAfterSequence:
      out.at = To::kAfterSequence;
      break;
  }
  return out;
}

}  // namespace

Task<Result<std::vector<event::StreamShard>>> Source::shards(std::string stream_arn) {
  CO_TRY(std::string name, common(logic_.name_of(stream_arn)));
  CO_TRY(auto listed, common(co_await logic_.shards(std::move(name))));
  std::vector<event::StreamShard> out;
  out.reserve(listed.shards.size());
  event::StreamGeneration generation(listed.stream.value());
  for (const ShardView& view : listed.shards) {
    event::StreamShard shard{shard_name(view.index), {}, !view.record.closed, generation};
    for (ShardIndex parent : view.record.parents) shard.parents.push_back(shard_name(parent));
    out.push_back(std::move(shard));
  }
  co_return out;
}

Result<Logic::Place> Source::place_of(const event::StreamPlace& place) const {
  TRY(std::string name, common(logic_.name_of(place.stream_arn)));
  auto index = parse_shard_name(place.shard);
  if (!index) {
    return fail(codes::kNotFound, fmt::format("{} is not a shard's name", place.shard));
  }
  std::optional<StreamId> id;
  if (place.generation != event::StreamGeneration()) id = StreamId(place.generation.value());
  return Logic::Place{std::move(name), *index, id};
}

Task<Result<event::StreamPosition>> Source::locate(event::StreamPlace place,
                                                   event::StreamStart start) {
  CO_TRY(Logic::Place at, place_of(place));
  CO_TRY(auto located, common(co_await logic_.locate(std::move(at), start_of(std::move(start)))));
  co_return event::StreamPosition{located.offset};
}

Task<Result<event::StreamBatch>> Source::read(ReadRequest request) {
  CO_TRY(Logic::Place at, place_of(request.place));
  ShardIndex index = at.shard;
  CO_TRY(Slice slice,
         common(co_await logic_.read(std::move(at), request.from.offset,
                                     {request.records_max, request.bytes_max, request.wait})));
  event::StreamBatch out;
  out.next = {slice.next};
  out.millis_behind = slice.millis_behind;
  out.ended = slice.ended;
  out.records.reserve(slice.records.size());
  SequenceFormat sequences(slice.created, index);
  for (const RecordView& record : slice.records) {
    event::StreamRecord& to = out.records.emplace_back();
    to.position = {record.offset};
    to.sequence_number = sequences.of(record.offset);
    to.partition_key = record.partition_key;
    if (record.explicit_hash_key) to.explicit_hash_key = hash_key_text(*record.explicit_hash_key);
    to.arrived = record.arrived;
    to.data = record.data;
  }
  co_return out;
}

Task<Result<void>> Sink::append(std::string arn, std::vector<event::SinkRecord> records,
                                store::Batch also, TraceContext cause) {
  CO_TRY(std::string name, common(logic_.name_of(arn)));
  std::vector<NewRecord> views;
  views.reserve(records.size());
  for (const event::SinkRecord& record : records) {
    views.push_back({record.data, record.partition_key, std::nullopt});
  }
  if (!cause.trace_id.empty()) {
    event::Span span;
    span.trace_id = cause.trace_id;
    span.parent_id = cause.span_id;
    span.kind = "kinesis:PutRecords";
    span.resource = std::move(arn);
    span.start = kernel_.clock.now();
    span.span_id = new_span_id(span.start, kernel_.random);
    span.detail = fmt::format("{} records", records.size());
    kernel_.journal.record(also, span);
  }
  auto put = common(co_await logic_.put(std::move(name), std::move(views), Logic::Origin::kInside,
                                        std::move(also)));
  if (!put) co_return fail(std::move(put).error());
  co_return ok();
}

Task<Result<void>> Sink::check(std::string arn) {
  CO_TRY(std::string name, common(logic_.name_of(arn)));
  auto found = common(co_await logic_.describe(std::move(name)));
  if (!found) co_return fail(std::move(found).error());
  co_return ok();
}

}  // namespace suiro::kinesis
