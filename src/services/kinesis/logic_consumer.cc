// SPDX-License-Identifier: Apache-2.0
// Consumers of enhanced fan-out: who may subscribe to a stream's shards.
#include <charconv>

#include "services/kinesis/logic.h"
#include "services/kinesis/storage.h"

namespace suiro::kinesis {
namespace {

constexpr std::string_view kConsumerPart = "/consumer/";

int64_t seconds_of(TimePoint time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

void end_subscriptions(Stream& stream, const std::string& name) {
  for (auto& [shard, subscription] : stream.consumers[name].subscriptions) {
    subscription->ended = true;
  }
}

}  // namespace

ConsumerView Logic::view_of(const Stream& stream, const std::string& name,
                            const ConsumerRecord& record) {
  return {name,
          fmt::format("{}{}{}:{}", stream.arn, kConsumerPart, name, seconds_of(record.created)),
          stream.name, stream.arn, record};
}

std::unexpected<Error> Logic::no_such_consumer(std::string_view what) const {
  return fail(kResourceNotFound,
              fmt::format("Consumer {} under account {} not found.", what, kernel_.account));
}

// A consumer's ARN names the stream, the consumer and the second in which it was registered.
Result<Logic::ConsumerPlace> Logic::consumer_of(std::string_view arn) const {
  size_t part = arn.find(kConsumerPart);
  size_t colon = arn.rfind(':');
  if (part == arn.npos || colon == arn.npos || colon < part) return no_such_consumer(arn);
  auto stream = name_of(arn.substr(0, part));
  std::string_view digits = arn.substr(colon + 1);
  int64_t seconds = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  if (!stream || error != std::errc() || end != digits.data() + digits.size()) {
    return no_such_consumer(arn);
  }
  size_t begin = part + kConsumerPart.size();
  return ConsumerPlace{*stream, std::string(arn.substr(begin, colon - begin)), seconds};
}

Result<Consumer*> Logic::find(Stream& stream, const ConsumerPlace& place) const {
  auto found = stream.consumers.find(place.name);
  bool is_there =
      found != stream.consumers.end() &&
      (!place.created_s || *place.created_s == seconds_of(found->second.record.created));
  if (!is_there) return no_such_consumer(place.name);
  return &found->second;
}

Task<Result<ConsumerView>> Logic::register_consumer(ConsumerPlace place, Tags tags) {
  auto run = [&](StreamPtr stream) -> Task<Result<ConsumerView>> {
    if (stream->consumers.contains(place.name)) {
      co_return fail(kResourceInUse,
                     fmt::format("Consumer {} of stream {} under account {} already exists.",
                                 place.name, stream->name, kernel_.account));
    }
    if (stream->consumers.size() >= kConsumersMax) {
      co_return fail(kLimitExceeded,
                     fmt::format("A stream has at most {} consumers.", kConsumersMax));
    }
    ConsumerRecord record{kernel_.clock.now(), {}};
    CO_TRY_VOID(merge_tags(record.tags, std::move(tags), place.name));
    CO_TRY_VOID(co_await save(stream, place.name, record));
    co_return view_of(*stream, place.name, record);
  };
  co_return co_await change(place.stream, run);
}

Task<Result<void>> Logic::save(StreamPtr stream, std::string name, ConsumerRecord record) {
  store::Batch batch;
  batch.put(storage::consumer_key(stream->id(), name), storage::encode(record));
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  stream->consumers[std::move(name)].record = std::move(record);
  co_return ok();
}

Task<Result<void>> Logic::deregister_consumer(ConsumerPlace place) {
  auto run = [&](StreamPtr stream) -> Task<Result<void>> {
    CO_TRY_VOID(find(*stream, place));
    store::Batch batch;
    batch.erase(storage::consumer_key(stream->id(), place.name));
    CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
    end_subscriptions(*stream, place.name);
    stream->consumers.erase(place.name);
    co_return ok();
  };
  co_return co_await change(place.stream, run);
}

Task<Result<ConsumerView>> Logic::consumer(ConsumerPlace place) {
  auto run = [&](StreamPtr stream) -> Task<Result<ConsumerView>> {
    CO_TRY(Consumer * found, find(*stream, place));
    co_return view_of(*stream, place.name, found->record);
  };
  co_return co_await on_stream(place.stream, run);
}

Task<Result<std::vector<ConsumerView>>> Logic::consumers(std::string stream) {
  auto run = [](StreamPtr found) -> Task<Result<std::vector<ConsumerView>>> {
    std::vector<ConsumerView> views;
    for (const auto& [name, consumer] : found->consumers) {
      views.push_back(view_of(*found, name, consumer.record));
    }
    co_return views;
  };
  co_return co_await on_stream(std::move(stream), run);
}

// "SubscribeToShard": a second call within five seconds is refused, a later one takes over.
Task<Result<std::shared_ptr<Subscription>>> Logic::subscribe(ConsumerPlace place,
                                                             ShardIndex shard) {
  auto run = [&](StreamPtr stream) -> Task<Result<std::shared_ptr<Subscription>>> {
    CO_TRY(Consumer * found, find(*stream, place));
    if (stream->find(shard) == nullptr) co_return no_such_shard(place.stream, shard);
    TimePoint now = kernel_.clock.now();
    auto& held = found->subscriptions[shard];
    if (held && !held->ended && now - held->began < kSubscriptionTakeOver) {
      co_return fail(kResourceInUse,
                     fmt::format("Another active subscription exists for this consumer: {}:{}:{}",
                                 kernel_.account, place.stream, place.name));
    }
    if (held) held->ended = true;
    held = std::make_shared<Subscription>();
    held->began = now;
    co_return held;
  };
  co_return co_await on_stream(place.stream, run);
}

Task<Result<void>> Logic::tag_consumer(ConsumerPlace place, Tags tags,
                                       std::vector<std::string> removed) {
  auto run = [&](StreamPtr stream) -> Task<Result<void>> {
    CO_TRY(Consumer * found, find(*stream, place));
    ConsumerRecord record = found->record;
    for (const std::string& key : removed) record.tags.erase(key);
    CO_TRY_VOID(merge_tags(record.tags, std::move(tags), place.name));
    co_return co_await save(stream, place.name, std::move(record));
  };
  co_return co_await change(place.stream, run);
}

}  // namespace suiro::kinesis
