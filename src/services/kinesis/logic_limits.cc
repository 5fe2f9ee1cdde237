// SPDX-License-Identifier: Apache-2.0
// limits = "aws": what one shard takes and gives each second ("Quotas and limits", Amazon Kinesis
// Data Streams Developer Guide). Off by default.
#include "services/kinesis/logic.h"

namespace suiro::kinesis {

std::unexpected<Error> Logic::rate_exceeded(std::string_view stream, ShardIndex shard) const {
  return fail(kThroughputExceeded,
              fmt::format("Rate exceeded for shard {} in stream {} under account {}.",
                          shard_name(shard), stream, kernel_.account),
              Retry::kLater);
}

Task<Result<std::vector<bool>>> Logic::admit(std::string name, const ShardMap& map,
                                             const std::vector<NewRecord>& records) {
  std::vector<std::pair<ShardIndex, double>> wanted;
  wanted.reserve(records.size());
  for (const NewRecord& record : records) {
    wanted.emplace_back(shard_of(map, record),
                        static_cast<double>(record.data.size() + record.partition_key.size()));
  }
  auto run = [&](StreamPtr stream) -> Task<Result<std::vector<bool>>> {
    std::vector<bool> admitted(wanted.size(), true);
    TimePoint now = kernel_.clock.now();
    for (size_t i = 0; i < wanted.size(); ++i) {
      Shard* shard = stream->find(wanted[i].first);
      if (shard == nullptr) continue;  // it was split or merged: the put is planned anew
      Throughput& rates = shard->throughput;
      rates.records_in.refill(now);
      rates.bytes_in.refill(now);
      admitted[i] = rates.records_in.has(1) && rates.bytes_in.has(wanted[i].second);
      if (!admitted[i]) continue;
      rates.records_in.take(1);
      rates.bytes_in.take(wanted[i].second);
    }
    co_return admitted;
  };
  co_return co_await on_stream(std::move(name), run);
}

Task<Result<Slice>> Logic::get(Place place, Offset from, ReadLimits limits) {
  if (config_.limits == Limits::kNone) co_return co_await read(std::move(place), from, limits);
  auto enter = [&](StreamPtr stream) -> Task<Result<void>> {
    Shard* shard = stream->find(place.shard);
    if (shard == nullptr) co_return no_such_shard(place.stream, place.shard);
    Throughput& rates = shard->throughput;
    rates.reads.refill(kernel_.clock.now());
    rates.bytes_out.refill(kernel_.clock.now());
    if (!rates.reads.has(1) || !rates.bytes_out.has(1)) {
      co_return rate_exceeded(place.stream, place.shard);
    }
    rates.reads.take(1);
    co_return ok();
  };
  CO_TRY_VOID(co_await on_stream(place.stream, enter));
  CO_TRY(Slice slice, co_await read(place, from, limits));
  auto pay = [&](StreamPtr stream) -> Task<Result<void>> {
    Shard* shard = stream->find(place.shard);
    if (shard == nullptr) co_return ok();
    for (const RecordView& record : slice.records) {
      shard->throughput.bytes_out.take(
          static_cast<double>(record.data.size() + record.partition_key.size()));
    }
    co_return ok();
  };
  CO_TRY_VOID(co_await on_stream(place.stream, pay));
  co_return slice;
}

}  // namespace suiro::kinesis
