// SPDX-License-Identifier: Apache-2.0
// Records: puts, iterators, reads.
#include <fmt/format.h>

#include "services/kinesis/api.h"
#include "services/kinesis/iterator.h"

namespace suiro::kinesis {

namespace shape = shapes::kinesis;
namespace op = shapes::kinesis::op;

namespace {

constexpr std::string_view kEncrypted = "KMS";

Result<std::optional<HashKey>> explicit_key(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  auto key = parse_hash_key(*text);
  if (key) return key;
  return invalid(
      fmt::format("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, "
                  "2^128-1]. Specified value was {}",
                  *text));
}

// "GetShardIterator": which further members a type needs and allows.
Result<Logic::Start> start_of(const shape::GetShardIteratorInput& in, TimePoint now) {
  using At = Logic::Start::At;
  Logic::Start out{At::kTrimHorizon, in.timestamp.value_or(TimePoint{}),
                   in.starting_sequence_number.value_or("")};
  const std::string& type = in.shard_iterator_type;
  bool needs_sequence = type == "AT_SEQUENCE_NUMBER" || type == "AFTER_SEQUENCE_NUMBER";
  bool needs_time = type == "AT_TIMESTAMP";
  if (needs_sequence != in.starting_sequence_number.has_value() ||
      needs_time != in.timestamp.has_value()) {
    return invalid(fmt::format(
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "
        "StartingSequenceNumber or (2) AT_TIMESTAMP and Timestamp or (3) TRIM_HORIZON or LATEST "
        "and no StartingSequenceNumber or Timestamp. Request specified {} and {} "
        "StartingSequenceNumber and {} Timestamp.",
        type, in.starting_sequence_number ? "a" : "no", in.timestamp ? "a" : "no"));
  }
  if (type == "AT_SEQUENCE_NUMBER") out.at = At::kSequence;
  if (type == "AFTER_SEQUENCE_NUMBER") out.at = At::kAfterSequence;
  if (type == "LATEST") out.at = At::kLatest;
  if (needs_time) {
    out.at = At::kTimestamp;
    if (out.timestamp > now) {
      return invalid(
          fmt::format("The timestampInMillis parameter cannot be greater than the "
                      "currentTimestampInMillis. timestampInMillis: {}, "
                      "currentTimestampInMillis: {}",
                      out.timestamp.time_since_epoch().count(), now.time_since_epoch().count()));
    }
  }
  return out;
}

}  // namespace

std::vector<shape::Record> records_of(const Slice& slice, ShardIndex shard) {
  std::vector<shape::Record> out;
  out.reserve(slice.records.size());
  SequenceFormat sequences(slice.created, shard);
  for (const RecordView& record : slice.records) {
    shape::Record& to = out.emplace_back();
    to.sequence_number = sequences.of(record.offset);
    to.approximate_arrival_timestamp = record.arrived;
    to.data = record.data;
    to.partition_key = record.partition_key;
    if (slice.is_encrypted) to.encryption_type = kEncrypted;
  }
  return out;
}

std::vector<shape::ChildShard> child_shards_of(const Slice& slice) {
  std::vector<shape::ChildShard> out;
  for (const ShardView& view : slice.children) {
    shape::ChildShard& child = out.emplace_back();
    child.shard_id = shard_name(view.index);
    for (ShardIndex parent : view.record.parents) child.parent_shards.push_back(shard_name(parent));
    child.hash_key_range = shape_of(view.record.range);
  }
  return out;
}

struct Api::Data {
  static Task<Result<shape::PutRecordOutput>> run(Api& api, shape::PutRecordInput in) {
    CO_TRY(std::string name, api.stream_of(in));
    CO_TRY(auto key, explicit_key(in.explicit_hash_key));
    std::vector<NewRecord> records;
    records.push_back({in.data, in.partition_key, key});
    CO_TRY(auto places, co_await api.logic_.put(name, std::move(records), Logic::Origin::kClient));
    if (places.records[0].sequence_number.empty()) {
      co_return api.logic_.rate_exceeded(name, places.records[0].shard);
    }
    shape::PutRecordOutput out;
    if (places.is_encrypted) out.encryption_type = kEncrypted;
    out.shard_id = shard_name(places.records[0].shard);
    out.sequence_number = std::move(places.records[0].sequence_number);
    co_return out;
  }

  static Task<Result<shape::PutRecordsOutput>> run(Api& api, shape::PutRecordsInput in) {
    CO_TRY(std::string name, api.stream_of(in));
    std::vector<NewRecord> records;
    records.reserve(in.records.size());
    size_t bytes = 0;
    for (const auto& record : in.records) {
      CO_TRY(auto key, explicit_key(record.explicit_hash_key));
      bytes += record.data.size() + record.partition_key.size();
      records.push_back({record.data, record.partition_key, key});
    }
    if (bytes > kPutBytesMax) {
      co_return invalid(fmt::format("Records size exceeds {} MB limit", kPutBytesMax >> 20));
    }
    CO_TRY(auto places, co_await api.logic_.put(name, std::move(records), Logic::Origin::kClient));
    shape::PutRecordsOutput out;
    if (places.is_encrypted) out.encryption_type = kEncrypted;
    out.records.reserve(places.records.size());
    int32_t failed = 0;
    for (PutPlace& place : places.records) {
      shape::PutRecordsResultEntry& entry = out.records.emplace_back();
      if (place.sequence_number.empty()) {
        Error error = api.logic_.rate_exceeded(name, place.shard).error();
        entry.error_code = std::move(error.code);
        entry.error_message = std::move(error.message);
        ++failed;
        continue;
      }
      entry.sequence_number = std::move(place.sequence_number);
      entry.shard_id = shard_name(place.shard);
    }
    out.failed_record_count = failed;
    co_return out;
  }

  static Task<Result<shape::GetShardIteratorOutput>> run(Api& api,
                                                         shape::GetShardIteratorInput in) {
    CO_TRY(std::string name, api.stream_of(in));
    CO_TRY(Logic::Start start, start_of(in, api.kernel_.clock.now()));
    auto shard = parse_shard_name(in.shard_id);
    if (!shard) {
      co_return fail(kResourceNotFound,
                     fmt::format("Could not find shard {} in stream {} under account {}.",
                                 in.shard_id, name, api.kernel_.account));
    }
    CO_TRY(auto found, co_await api.logic_.locate({name, *shard, std::nullopt}, std::move(start)));
    co_return shape::GetShardIteratorOutput{iterator_text(
        {std::move(name), found.stream, *shard, found.offset, api.kernel_.clock.now()})};
  }

  static Task<Result<shape::GetRecordsOutput>> run(Api& api, shape::GetRecordsInput in) {
    auto iterator = parse_iterator(in.shard_iterator);
    if (!iterator) co_return invalid("Invalid ShardIterator.");
    TimePoint now = api.kernel_.clock.now();
    if (now - iterator->made > kIteratorAgeMax) {
      co_return fail(kExpiredIterator,
                     fmt::format("Iterator expired. The iterator was created at time {} while "
                                 "right now it is {} which is further in the future than the "
                                 "tolerated delay of {} milliseconds.",
                                 format_iso8601(iterator->made), format_iso8601(now),
                                 kIteratorAgeMax.count()));
    }
    if (in.stream_arn) {
      CO_TRY(std::string name, api.logic_.name_of(*in.stream_arn));
      if (name != iterator->stream) {
        co_return invalid("StreamARN is not that of the stream of the ShardIterator.");
      }
    }
    ReadLimits limits;
    limits.records = static_cast<size_t>(in.limit.value_or(kGetRecordsMax));
    CO_TRY(Slice slice, co_await api.logic_.get({iterator->stream, iterator->shard, iterator->id},
                                                iterator->offset, limits));
    co_return answer_of(*std::move(iterator), slice, now);
  }

  static shape::GetRecordsOutput answer_of(Iterator iterator, const Slice& slice, TimePoint now) {
    shape::GetRecordsOutput out;
    out.records = records_of(slice, iterator.shard);
    out.millis_behind_latest = static_cast<int64_t>(slice.millis_behind);
    if (slice.ended) {
      out.child_shards = child_shards_of(slice);
      return out;
    }
    iterator.offset = slice.next;
    iterator.made = now;
    out.next_shard_iterator = iterator_text(iterator);
    return out;
  }
};

void Api::add_data(shapes::Registry& registry) {
  add<Data, op::PutRecord>(registry);
  add<Data, op::PutRecords>(registry);
  add<Data, op::GetShardIterator>(registry);
  add<Data, op::GetRecords>(registry);
}

}  // namespace suiro::kinesis
