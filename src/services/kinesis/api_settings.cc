// SPDX-License-Identifier: Apache-2.0
// Settings, tags and consumers of streams.

#include "services/kinesis/api.h"
#include "services/kinesis/iterator.h"

namespace suiro::kinesis {

namespace shape = shapes::kinesis;
namespace op = shapes::kinesis::op;

namespace {

constexpr size_t kListConsumersDefault = 100;

template <class Output>
Result<Output> empty_answer(Result<void> done) {
  TRY_VOID(std::move(done));
  return Output{};
}

shape::Consumer shape_of(const ConsumerView& view) {
  return {view.name, view.arn, "ACTIVE", view.record.created};
}

std::vector<shape::Tag> list_of(const Tags& tags) {
  std::vector<shape::Tag> out;
  for (const auto& [key, value] : tags) out.push_back({key, value});
  return out;
}

}  // namespace

struct Api::Settings {
  static Task<Result<shape::IncreaseStreamRetentionPeriodResponse>> run(
      Api& api, shape::IncreaseStreamRetentionPeriodInput in) {
    CO_TRY(std::string name, api.stream_of(in));
    co_return empty_answer<shape::IncreaseStreamRetentionPeriodResponse>(
        co_await api.logic_.set_retention(std::move(name), in.retention_period_hours,
                                          Logic::Retention::kIncrease));
  }

  static Task<Result<shape::DecreaseStreamRetentionPeriodResponse>> run(
      Api& api, shape::DecreaseStreamRetentionPeriodInput in) {
    CO_TRY(std::string name, api.stream_of(in));
    co_return empty_answer<shape::DecreaseStreamRetentionPeriodResponse>(
        co_await api.logic_.set_retention(std::move(name), in.retention_period_hours,
                                          Logic::Retention::kDecrease));
  }

  static Task<Result<shape::UpdateStreamModeResponse>> run(Api& api,
                                                           shape::UpdateStreamModeInput in) {
    CO_TRY(std::string name, api.logic_.name_of(in.stream_arn));
    Mode mode =
        in.stream_mode_details.stream_mode == "ON_DEMAND" ? Mode::kOnDemand : Mode::kProvisioned;
    co_return empty_answer<shape::UpdateStreamModeResponse>(
        co_await api.logic_.set_mode(std::move(name), mode));
  }

  static Task<Result<shape::UpdateMaxRecordSizeResponse>> run(Api& api,
                                                              shape::UpdateMaxRecordSizeInput in) {
    if (!in.stream_arn) co_return invalid("StreamARN must be provided.");
    CO_TRY(std::string name, api.logic_.name_of(*in.stream_arn));
    co_return empty_answer<shape::UpdateMaxRecordSizeResponse>(co_await api.logic_.set_record_size(
        std::move(name), static_cast<uint32_t>(in.max_record_size_in_ki_b)));
  }

  static Task<Result<shape::StartStreamEncryptionResponse>> run(
      Api& api, shape::StartStreamEncryptionInput in) {
    CO_TRY(std::string name, api.stream_of(in));
    if (in.encryption_type != "KMS") co_return invalid("EncryptionType must be KMS.");
    co_return empty_answer<shape::StartStreamEncryptionResponse>(
        co_await api.logic_.set_key(std::move(name), std::move(in.key_id)));
  }

  static Task<Result<shape::StopStreamEncryptionResponse>> run(
      Api& api, shape::StopStreamEncryptionInput in) {
    CO_TRY(std::string name, api.stream_of(in));
    if (in.encryption_type != "KMS") co_return invalid("EncryptionType must be KMS.");
    co_return empty_answer<shape::StopStreamEncryptionResponse>(
        co_await api.logic_.set_key(std::move(name), ""));
  }

  template <class Input>
  static Task<Result<shape::EnhancedMonitoringOutput>> monitoring(Api& api, Input in,
                                                                  Logic::Metrics what) {
    CO_TRY(std::string name, api.stream_of(in));
    CO_TRY(auto change,
           co_await api.logic_.set_metrics(name, std::move(in.shard_level_metrics), what));
    co_return shape::EnhancedMonitoringOutput{name, std::move(change.before),
                                              std::move(change.after), api.logic_.arn_of(name)};
  }
  static Task<Result<shape::EnhancedMonitoringOutput>> run(
      Api& api, shape::EnableEnhancedMonitoringInput in) {
    return monitoring(api, std::move(in), Logic::Metrics::kEnable);
  }
  static Task<Result<shape::EnhancedMonitoringOutput>> run(
      Api& api, shape::DisableEnhancedMonitoringInput in) {
    return monitoring(api, std::move(in), Logic::Metrics::kDisable);
  }

  static Task<Result<shape::DescribeLimitsOutput>> run(Api& api, shape::DescribeLimitsInput) {
    Logic::Usage usage = co_await api.logic_.usage();
    shape::DescribeLimitsOutput out;
    out.shard_limit = static_cast<int32_t>(usage.open_shards_max);
    out.open_shard_count = static_cast<int32_t>(usage.open_shards);
    out.on_demand_stream_count = static_cast<int32_t>(usage.on_demand_streams);
    out.on_demand_stream_count_limit = static_cast<int32_t>(kStreamsMax);
    co_return out;
  }

  // --- tags

  static Task<Result<shape::AddTagsToStreamResponse>> run(Api& api,
                                                          shape::AddTagsToStreamInput in) {
    CO_TRY(std::string name, api.stream_of(in));
    co_return empty_answer<shape::AddTagsToStreamResponse>(
        co_await api.logic_.tag(std::move(name), std::move(in.tags)));
  }

  static Task<Result<shape::RemoveTagsFromStreamResponse>> run(
      Api& api, shape::RemoveTagsFromStreamInput in) {
    CO_TRY(std::string name, api.stream_of(in));
    co_return empty_answer<shape::RemoveTagsFromStreamResponse>(
        co_await api.logic_.untag(std::move(name), std::move(in.tag_keys)));
  }

  static Task<Result<shape::ListTagsForStreamOutput>> run(Api& api,
                                                          shape::ListTagsForStreamInput in) {
    CO_TRY(std::string name, api.stream_of(in));
    CO_TRY(StreamView view, co_await api.logic_.describe(std::move(name)));
    size_t most = static_cast<size_t>(in.limit.value_or(kTagsMax));
    shape::ListTagsForStreamOutput out;
    for (auto& [key, value] : view.record.tags) {
      if (in.exclusive_start_tag_key && key <= *in.exclusive_start_tag_key) continue;
      out.has_more_tags = out.tags.size() == most;
      if (out.has_more_tags) break;
      out.tags.push_back({key, value});
    }
    co_return out;
  }

  static bool is_consumer(std::string_view arn) { return arn.find("/consumer/") != arn.npos; }

  static Task<Result<shape::TagResourceResponse>> run(Api& api, shape::TagResourceInput in) {
    if (is_consumer(in.resource_arn)) {
      CO_TRY(auto place, api.logic_.consumer_of(in.resource_arn));
      co_return empty_answer<shape::TagResourceResponse>(
          co_await api.logic_.tag_consumer(std::move(place), std::move(in.tags), {}));
    }
    CO_TRY(std::string name, api.logic_.name_of(in.resource_arn));
    co_return empty_answer<shape::TagResourceResponse>(
        co_await api.logic_.tag(std::move(name), std::move(in.tags)));
  }

  static Task<Result<shape::UntagResourceResponse>> run(Api& api, shape::UntagResourceInput in) {
    if (is_consumer(in.resource_arn)) {
      CO_TRY(auto place, api.logic_.consumer_of(in.resource_arn));
      co_return empty_answer<shape::UntagResourceResponse>(
          co_await api.logic_.tag_consumer(std::move(place), {}, std::move(in.tag_keys)));
    }
    CO_TRY(std::string name, api.logic_.name_of(in.resource_arn));
    co_return empty_answer<shape::UntagResourceResponse>(
        co_await api.logic_.untag(std::move(name), std::move(in.tag_keys)));
  }

  static Task<Result<shape::ListTagsForResourceOutput>> run(Api& api,
                                                            shape::ListTagsForResourceInput in) {
    if (is_consumer(in.resource_arn)) {
      CO_TRY(auto place, api.logic_.consumer_of(in.resource_arn));
      CO_TRY(ConsumerView view, co_await api.logic_.consumer(std::move(place)));
      co_return shape::ListTagsForResourceOutput{list_of(view.record.tags)};
    }
    CO_TRY(std::string name, api.logic_.name_of(in.resource_arn));
    CO_TRY(StreamView view, co_await api.logic_.describe(std::move(name)));
    co_return shape::ListTagsForResourceOutput{list_of(view.record.tags)};
  }

  // --- consumers

  // By its ARN, by stream and name, or by all three where they agree.
  template <class Input>
  static Result<Logic::ConsumerPlace> place_of(const Api& api, const Input& in) {
    std::optional<Logic::ConsumerPlace> by_arn;
    if (in.consumer_arn) {
      TRY(by_arn, api.logic_.consumer_of(*in.consumer_arn));
    }
    if (!in.stream_arn != !in.consumer_name || (!by_arn && !in.stream_arn)) {
      return invalid("Either ConsumerARN, or StreamARN and ConsumerName must be provided.");
    }
    if (!in.stream_arn) return *by_arn;
    TRY(std::string stream, api.logic_.name_of(*in.stream_arn));
    if (by_arn && (by_arn->stream != stream || by_arn->name != *in.consumer_name)) {
      return invalid("ConsumerARN, StreamARN and ConsumerName do not name the same consumer.");
    }
    if (by_arn) return *by_arn;
    return Logic::ConsumerPlace{std::move(stream), *in.consumer_name};
  }

  static Task<Result<shape::RegisterStreamConsumerOutput>> run(
      Api& api, shape::RegisterStreamConsumerInput in) {
    CO_TRY(std::string name, api.logic_.name_of(in.stream_arn));
    CO_TRY(ConsumerView view,
           co_await api.logic_.register_consumer({std::move(name), std::move(in.consumer_name)},
                                                 in.tags ? std::move(*in.tags) : Tags()));
    co_return shape::RegisterStreamConsumerOutput{shape_of(view)};
  }

  static Task<Result<shape::DeregisterStreamConsumerResponse>> run(
      Api& api, shape::DeregisterStreamConsumerInput in) {
    CO_TRY(auto place, place_of(api, in));
    co_return empty_answer<shape::DeregisterStreamConsumerResponse>(
        co_await api.logic_.deregister_consumer(std::move(place)));
  }

  static Task<Result<shape::DescribeStreamConsumerOutput>> run(
      Api& api, shape::DescribeStreamConsumerInput in) {
    CO_TRY(auto place, place_of(api, in));
    CO_TRY(ConsumerView view, co_await api.logic_.consumer(std::move(place)));
    co_return shape::DescribeStreamConsumerOutput{
        {view.name, view.arn, "ACTIVE", view.record.created, view.stream_arn}};
  }

  static Task<Result<shape::ListStreamConsumersOutput>> run(Api& api,
                                                            shape::ListStreamConsumersInput in) {
    NextToken token;
    CO_TRY(token.stream, api.logic_.name_of(in.stream_arn));
    std::optional<StreamId> id;
    if (in.next_token) {
      CO_TRY(NextToken given, api.token_of(*in.next_token));
      if (given.stream != token.stream) co_return invalid("NextToken is of another stream.");
      token = std::move(given);
      id = token.id;
    }
    CO_TRY(StreamView stream, co_await api.logic_.describe(token.stream));
    CO_TRY_VOID(api.check_generation(stream, in.stream_creation_timestamp, id));
    CO_TRY(auto views, co_await api.logic_.consumers(token.stream));
    size_t most = static_cast<size_t>(in.max_results.value_or(kListConsumersDefault));
    shape::ListStreamConsumersOutput out;
    out.consumers.emplace();
    for (const ConsumerView& view : views) {
      if (view.name <= token.after) continue;
      if (out.consumers->size() == most) {
        token.id = stream.record.id;
        token.after = out.consumers->back().consumer_name;
        token.made = api.kernel_.clock.now();
        out.next_token = token_text(token);
        break;
      }
      out.consumers->push_back(shape_of(view));
    }
    co_return out;
  }
};

void Api::add_settings(shapes::Registry& registry) {
  add<Settings, op::AddTagsToStream>(registry);
  add<Settings, op::DecreaseStreamRetentionPeriod>(registry);
  add<Settings, op::DeregisterStreamConsumer>(registry);
  add<Settings, op::DescribeLimits>(registry);
  add<Settings, op::DescribeStreamConsumer>(registry);
  add<Settings, op::DisableEnhancedMonitoring>(registry);
  add<Settings, op::EnableEnhancedMonitoring>(registry);
  add<Settings, op::IncreaseStreamRetentionPeriod>(registry);
  add<Settings, op::ListStreamConsumers>(registry);
  add<Settings, op::ListTagsForResource>(registry);
  add<Settings, op::ListTagsForStream>(registry);
  add<Settings, op::RegisterStreamConsumer>(registry);
  add<Settings, op::RemoveTagsFromStream>(registry);
  add<Settings, op::StartStreamEncryption>(registry);
  add<Settings, op::StopStreamEncryption>(registry);
  add<Settings, op::TagResource>(registry);
  add<Settings, op::UntagResource>(registry);
  add<Settings, op::UpdateMaxRecordSize>(registry);
  add<Settings, op::UpdateStreamMode>(registry);
}

}  // namespace suiro::kinesis
