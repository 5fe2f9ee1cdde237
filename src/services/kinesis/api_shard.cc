// SPDX-License-Identifier: Apache-2.0
// Shards: lists, splits, merges, their number.
#include <fmt/format.h>

#include "services/kinesis/api.h"
#include "services/kinesis/iterator.h"
#include "shapes/json.h"

namespace suiro::kinesis {

namespace shape = shapes::kinesis;
namespace op = shapes::kinesis::op;

namespace {

constexpr size_t kListShardsDefault = 1000;

Result<ShardIndex> shard_of(const std::string& name, const std::string& stream) {
  auto shard = parse_shard_name(name);
  if (shard) return *shard;
  return fail(kResourceNotFound,
              fmt::format("Could not find shard {} in stream {}.", name, stream));
}

bool was_open_at(const ShardRecord& shard, TimePoint time) {
  return shard.created <= time && (!shard.closed || *shard.closed > time);
}

// "ShardFilter" of the API Reference.
Result<std::vector<ShardView>> filtered(std::vector<ShardView> shards,
                                        const shape::ShardFilter& filter, const StreamView& stream,
                                        TimePoint now) {
  const std::string& type = filter.type;
  bool needs_time = type == "AT_TIMESTAMP" || type == "FROM_TIMESTAMP";
  if (needs_time && !filter.timestamp) {
    return invalid(fmt::format("Timestamp must be provided for the shard filter {}.", type));
  }
  if (type == "AFTER_SHARD_ID" && !filter.shard_id) {
    return invalid("ShardId must be provided for the shard filter AFTER_SHARD_ID.");
  }
  if (needs_time && *filter.timestamp > now) {
    return invalid("The Timestamp of the shard filter lies in the future.");
  }
  // Nothing is older than the stream, and nothing behind the trim horizon is there.
  TimePoint horizon =
      std::max(stream.record.created, now - std::chrono::hours(stream.record.retention_hours));
  TimePoint time = std::max(horizon, filter.timestamp.value_or(horizon));
  std::erase_if(shards, [&](const ShardView& shard) {
    if (type == "AFTER_SHARD_ID") return shard_name(shard.index) <= *filter.shard_id;
    if (type == "AT_LATEST") return shard.record.closed.has_value();
    if (type == "AT_TRIM_HORIZON") return !was_open_at(shard.record, horizon);
    if (type == "AT_TIMESTAMP") return !was_open_at(shard.record, time);
    // FROM_TRIM_HORIZON, FROM_TIMESTAMP
    return shard.record.closed && *shard.record.closed <= time;
  });
  return shards;
}

}  // namespace

struct Api::Shards {
  // What a token carries: the filter is the same on each page.
  static Result<NextToken> token_of(const Api& api, shape::ListShardsInput& in) {
    if (!in.next_token) {
      TRY(std::string name, api.stream_of(in));
      NextToken first{std::move(name)};
      first.after = in.exclusive_start_shard_id.value_or("");
      if (in.shard_filter) first.filter = shapes::to_json(*in.shard_filter);
      return first;
    }
    for (const auto& [name, given] :
         {std::pair{"StreamName", in.stream_name.has_value()},
          std::pair{"StreamARN", in.stream_arn.has_value()},
          std::pair{"StreamCreationTimestamp", in.stream_creation_timestamp.has_value()},
          std::pair{"ExclusiveStartShardId", in.exclusive_start_shard_id.has_value()},
          std::pair{"ShardFilter", in.shard_filter.has_value()}}) {
      if (given) return invalid(fmt::format("NextToken and {} cannot be provided together.", name));
    }
    return api.token_of(*in.next_token);
  }

  static Task<Result<shape::ListShardsOutput>> run(Api& api, shape::ListShardsInput in) {
    CO_TRY(NextToken token, token_of(api, in));
    CO_TRY(StreamView stream, co_await api.logic_.describe(token.stream));
    bool is_first = !in.next_token.has_value();
    CO_TRY_VOID(api.check_generation(stream, in.stream_creation_timestamp,
                                     is_first ? std::nullopt : std::optional(token.id)));
    CO_TRY(auto list, co_await api.logic_.shards(token.stream));
    CO_TRY_VOID(api.check_generation(stream, std::nullopt, list.stream));
    std::vector<ShardView> shards = std::move(list.shards);
    TimePoint now = api.kernel_.clock.now();
    if (!token.filter.empty()) {
      CO_TRY(auto filter, shapes::from_json<shape::ShardFilter>(token.filter));
      CO_TRY(shards, filtered(std::move(shards), filter, stream, now));
    }
    size_t most = static_cast<size_t>(in.max_results.value_or(kListShardsDefault));
    shape::ListShardsOutput out;
    out.shards.emplace();
    for (const ShardView& shard : shards) {
      if (shard_name(shard.index) <= token.after) continue;
      if (out.shards->size() == most) {
        token.id = stream.record.id;
        token.after = out.shards->back().shard_id;
        token.made = now;
        out.next_token = token_text(token);
        break;
      }
      out.shards->push_back(shape_of(shard));
    }
    co_return out;
  }

  static Task<Result<shape::SplitShardResponse>> run(Api& api, shape::SplitShardInput in) {
    CO_TRY(std::string name, api.stream_of(in));
    CO_TRY(ShardIndex shard, shard_of(in.shard_to_split, name));
    auto begin = parse_hash_key(in.new_starting_hash_key);
    if (!begin) co_return invalid("NewStartingHashKey must be in the range: [0, 2^128-1].");
    CO_TRY_VOID(co_await api.logic_.split(std::move(name), shard, *begin));
    co_return shape::SplitShardResponse{};
  }

  static Task<Result<shape::MergeShardsResponse>> run(Api& api, shape::MergeShardsInput in) {
    CO_TRY(std::string name, api.stream_of(in));
    CO_TRY(ShardIndex first, shard_of(in.shard_to_merge, name));
    CO_TRY(ShardIndex second, shard_of(in.adjacent_shard_to_merge, name));
    CO_TRY_VOID(co_await api.logic_.merge(std::move(name), first, second));
    co_return shape::MergeShardsResponse{};
  }

  static Task<Result<shape::UpdateShardCountOutput>> run(Api& api,
                                                         shape::UpdateShardCountInput in) {
    CO_TRY(std::string name, api.stream_of(in));
    CO_TRY(size_t before,
           co_await api.logic_.scale(name, static_cast<uint32_t>(in.target_shard_count)));
    shape::UpdateShardCountOutput out;
    out.stream_arn = api.logic_.arn_of(name);
    out.stream_name = std::move(name);
    out.current_shard_count = static_cast<int32_t>(before);
    out.target_shard_count = in.target_shard_count;
    co_return out;
  }
};

Result<NextToken> Api::token_of(const std::string& text) const {
  auto token = parse_token(text);
  if (!token) return invalid("Invalid NextToken.");
  if (kernel_.clock.now() - token->made > kTokenAgeMax) {
    return fail(kExpiredNextToken, "NextToken has expired.");
  }
  return *std::move(token);
}

Result<void> Api::check_generation(const StreamView& stream, std::optional<TimePoint> created,
                                   std::optional<StreamId> id) const {
  auto in_seconds = [](TimePoint time) {
    return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch());
  };
  bool is_same = (!id || *id == stream.record.id) &&
                 (!created || in_seconds(*created) == in_seconds(stream.record.created));
  if (is_same) return ok();
  return fail(kResourceNotFound, fmt::format("Stream {} under account {} was created at another "
                                             "time.",
                                             stream.name, kernel_.account));
}

void Api::add_shards(shapes::Registry& registry) {
  add<Shards, op::ListShards>(registry);
  add<Shards, op::SplitShard>(registry);
  add<Shards, op::MergeShards>(registry);
  add<Shards, op::UpdateShardCount>(registry);
}

}  // namespace suiro::kinesis
