// SPDX-License-Identifier: Apache-2.0
// Streams and their shards; records are in api_data.cc.
#include "services/kinesis/api.h"

#include <fmt/format.h>

namespace suiro::kinesis {

namespace shape = shapes::kinesis;
namespace op = shapes::kinesis::op;

namespace {

constexpr size_t kDescribeShardsMax = 100;
constexpr size_t kListStreamsMax = 100;

constexpr std::string_view kActive = "ACTIVE";

shape::StreamModeDetails shape_of(Mode mode) {
  return {mode == Mode::kOnDemand ? "ON_DEMAND" : "PROVISIONED"};
}

shape::EnhancedMetrics metrics_of(const StreamRecord& record) {
  return {record.metrics};
}

template <class Description>
void set_encryption(Description& to, const StreamRecord& record) {
  to.encryption_type = record.key_id.empty() ? "NONE" : "KMS";
  if (!record.key_id.empty()) to.key_id = record.key_id;
}

}  // namespace

shape::HashKeyRange shape_of(const HashRange& range) {
  return {hash_key_text(range.begin), hash_key_text(range.end)};
}

shape::Shard shape_of(const ShardView& view) {
  shape::Shard out;
  out.shard_id = shard_name(view.index);
  const auto& parents = view.record.parents;
  if (!parents.empty()) out.parent_shard_id = shard_name(parents[0]);
  if (parents.size() > 1) out.adjacent_parent_shard_id = shard_name(parents[1]);
  out.hash_key_range = shape_of(view.record.range);
  SequenceFormat sequences(view.record.created, view.index);
  out.sequence_number_range.starting_sequence_number = sequences.starting();
  if (view.record.closed) {
    out.sequence_number_range.ending_sequence_number = sequences.of(view.record.end);
  }
  return out;
}

Task<bool> Api::is_known(std::string arn) {
  auto name = logic_.name_of(arn);
  if (!name) co_return false;
  co_return co_await logic_.exists(*std::move(name));
}

struct Api::Streams {
  static Task<Result<shape::CreateStreamResponse>> run(Api& api, shape::CreateStreamInput in) {
    Logic::NewStream stream{std::move(in.stream_name)};
    bool is_on_demand =
        in.stream_mode_details && in.stream_mode_details->stream_mode == "ON_DEMAND";
    if (is_on_demand) {
      if (in.shard_count) {
        co_return invalid("ShardCount must not be given for a stream in ON_DEMAND mode.");
      }
      stream.mode = Mode::kOnDemand;
      stream.shards = kOnDemandShards;
    } else if (!in.shard_count) {
      co_return invalid("ShardCount must be given for a stream in PROVISIONED mode.");
    } else {
      stream.shards = static_cast<uint32_t>(*in.shard_count);
    }
    if (in.max_record_size_in_ki_b) {
      stream.max_record_kib = static_cast<uint32_t>(*in.max_record_size_in_ki_b);
    }
    if (in.tags) stream.tags = std::move(*in.tags);
    CO_TRY_VOID(co_await api.logic_.create(std::move(stream)));
    co_return shape::CreateStreamResponse{};
  }

  static Task<Result<shape::DeleteStreamResponse>> run(Api& api, shape::DeleteStreamInput in) {
    CO_TRY(std::string name, api.stream_of(in));
    CO_TRY_VOID(co_await api.logic_.remove(
        std::move(name), in.enforce_consumer_deletion.value_or(false) ? Logic::Consumers::kRemove
                                                                      : Logic::Consumers::kRefuse));
    co_return shape::DeleteStreamResponse{};
  }

  // What both descriptions tell.
  template <class Description>
  static void describe(Description& to, const StreamView& view) {
    to.stream_name = view.name;
    to.stream_arn = view.arn;
    to.stream_status = kActive;
    to.stream_mode_details = shape_of(view.record.mode);
    to.retention_period_hours = static_cast<int32_t>(view.record.retention_hours);
    to.stream_creation_timestamp = view.record.created;
    to.enhanced_monitoring.push_back(metrics_of(view.record));
    set_encryption(to, view.record);
  }

  static Task<Result<shape::DescribeStreamOutput>> run(Api& api, shape::DescribeStreamInput in) {
    CO_TRY(std::string name, api.stream_of(in));
    CO_TRY(StreamView view, co_await api.logic_.describe(name));
    CO_TRY(auto list, co_await api.logic_.shards(std::move(name)));
    CO_TRY_VOID(api.check_generation(view, std::nullopt, list.stream));
    const std::vector<ShardView>& shards = list.shards;
    shape::DescribeStreamOutput out;
    shape::StreamDescription& to = out.stream_description;
    describe(to, view);
    size_t most = std::min<size_t>(in.limit.value_or(kDescribeShardsMax), kDescribeShardsMax);
    for (const ShardView& shard : shards) {
      if (in.exclusive_start_shard_id && shard_name(shard.index) <= *in.exclusive_start_shard_id) {
        continue;
      }
      to.has_more_shards = to.shards.size() == most;
      if (to.has_more_shards) break;
      to.shards.push_back(kinesis::shape_of(shard));
    }
    co_return out;
  }

  static Task<Result<shape::DescribeStreamSummaryOutput>> run(
      Api& api, shape::DescribeStreamSummaryInput in) {
    CO_TRY(std::string name, api.stream_of(in));
    CO_TRY(StreamView view, co_await api.logic_.describe(std::move(name)));
    shape::DescribeStreamSummaryOutput out;
    shape::StreamDescriptionSummary& to = out.stream_description_summary;
    describe(to, view);
    to.open_shard_count = static_cast<int32_t>(view.open_shards);
    to.consumer_count = static_cast<int32_t>(view.consumers);
    to.max_record_size_in_ki_b = static_cast<int32_t>(view.record.max_record_kib);
    co_return out;
  }

  static Task<Result<shape::ListStreamsOutput>> run(Api& api, shape::ListStreamsInput in) {
    if (in.exclusive_start_stream_name && in.next_token) {
      co_return invalid("NextToken and ExclusiveStartStreamName cannot be provided together.");
    }
    // The token is the name behind which to go on.
    std::string after = in.next_token.value_or(in.exclusive_start_stream_name.value_or(""));
    size_t most = std::min<size_t>(in.limit.value_or(kListStreamsMax), kListStreamsMax);
    CO_TRY(auto page, co_await api.logic_.list(std::move(after), most));
    shape::ListStreamsOutput out;
    out.stream_summaries.emplace();
    out.has_more_streams = page.more;
    if (page.more) out.next_token = page.streams.back().name;
    for (StreamView& view : page.streams) {
      shape::StreamSummary summary{view.name, std::move(view.arn), std::string(kActive)};
      summary.stream_mode_details = shape_of(view.record.mode);
      summary.stream_creation_timestamp = view.record.created;
      out.stream_summaries->push_back(std::move(summary));
      out.stream_names.push_back(std::move(view.name));
    }
    co_return out;
  }
};

Result<std::string> Api::one_stream(const std::optional<std::string>& name,
                                    const std::optional<std::string>& arn) const {
  if (!name && !arn) return invalid("Either StreamName or StreamARN must be provided.");
  if (!arn) return *name;
  TRY(std::string of_arn, logic_.name_of(*arn));
  if (name && *name != of_arn) {
    return invalid(
        fmt::format("StreamARN {} and StreamName {} do not name the same stream.", *arn, *name));
  }
  return of_arn;
}

void Api::add_streams(shapes::Registry& registry) {
  add<Streams, op::CreateStream>(registry);
  add<Streams, op::DeleteStream>(registry);
  add<Streams, op::DescribeStream>(registry);
  add<Streams, op::DescribeStreamSummary>(registry);
  add<Streams, op::ListStreams>(registry);
}

void Api::add_operations(shapes::Registry& registry) {
  add_streams(registry);
  add_data(registry);
  add_shards(registry);
  add_settings(registry);
  add_subscribing(registry);
}

}  // namespace suiro::kinesis
