// SPDX-License-Identifier: Apache-2.0
// SubscribeToShard: records pushed to a consumer as they become durable, for five minutes.
//
//   reading --records, or nothing for kSubscriptionIdle--> event --> reading
//      | the time is over, the client has gone, another subscription took over
//      | the end of a closed shard: one event with its child shards
//      +--> ended
#include "services/kinesis/api.h"

namespace suiro::kinesis {

namespace shape = shapes::kinesis;
namespace op = shapes::kinesis::op;

namespace {

// How long one wait for records lasts: the going of a client or server is noticed within it.
constexpr Millis kWaitMax = std::chrono::seconds(1);
constexpr size_t kEventBytesMax = 2 << 20;  // one record may be longer

Result<Logic::Start> start_of(const shape::StartingPosition& in) {
  using At = Logic::Start::At;
  bool wants_sequence = in.type == "AT_SEQUENCE_NUMBER" || in.type == "AFTER_SEQUENCE_NUMBER";
  bool wants_time = in.type == "AT_TIMESTAMP";
  if (wants_sequence != in.sequence_number.has_value() || wants_time != in.timestamp.has_value()) {
    return invalid(fmt::format(
        "StartingPosition of type {} {} a SequenceNumber and {} a Timestamp.", in.type,
        wants_sequence ? "needs" : "must not have", wants_time ? "needs" : "must not have"));
  }
  Logic::Start out{At::kTrimHorizon, in.timestamp.value_or(TimePoint{}),
                   in.sequence_number.value_or("")};
  if (in.type == "AT_SEQUENCE_NUMBER") out.at = At::kSequence;
  if (in.type == "AFTER_SEQUENCE_NUMBER") out.at = At::kAfterSequence;
  if (in.type == "LATEST") out.at = At::kLatest;
  if (wants_time) out.at = At::kTimestamp;
  return out;
}

class ShardEvents final : public shapes::EventSource {
 public:
  struct Parts {
    Clock& clock;
    Logic& logic;
    Logic::Place place;
    Offset from = 0;
    std::shared_ptr<Subscription> subscription;
    std::shared_ptr<Cancellation> cancellation;  // null: the caller stays to the end
  };
  explicit ShardEvents(Parts parts)
      : parts_(std::move(parts)), until_(parts_.clock.now() + kSubscriptionTime) {}
  ~ShardEvents() override { parts_.subscription->ended = true; }

  Task<Result<std::optional<shapes::Event>>> next() override {
    while (!over()) {
      TimePoint now = parts_.clock.now();
      Millis wait = std::min(kWaitMax, std::chrono::duration_cast<Millis>(until_ - now));
      CO_TRY(Slice slice, co_await parts_.logic.read(parts_.place, parts_.from,
                                                     {kGetRecordsMax, kEventBytesMax, wait}));
      if (over()) break;
      bool idle = slice.records.empty() && !slice.ended;
      if (idle && parts_.clock.now() - told_ < kSubscriptionIdle) continue;
      parts_.from = slice.next;
      told_ = parts_.clock.now();
      ended_ = slice.ended;
      co_return shapes::event_of("SubscribeToShardEvent", event_of(slice));
    }
    co_return std::nullopt;
  }

 private:
  bool over() const {
    return ended_ || parts_.subscription->ended || parts_.clock.now() >= until_ ||
           (parts_.cancellation && parts_.cancellation->cancelled());
  }

  shape::SubscribeToShardEvent event_of(const Slice& slice) const {
    shape::SubscribeToShardEvent out;
    out.records = records_of(slice, parts_.place.shard);
    out.millis_behind_latest = static_cast<int64_t>(slice.millis_behind);
    if (slice.ended) {
      out.child_shards = child_shards_of(slice);
      return out;
    }
    SequenceFormat sequences(slice.created, parts_.place.shard);
    out.continuation_sequence_number =
        slice.next == 0 ? sequences.starting() : sequences.of(slice.next - 1);
    return out;
  }

  Parts parts_;
  TimePoint until_;
  TimePoint told_ = {};
  bool ended_ = false;
};

}  // namespace

struct Api::Subscribing {
  static Task<Result<shape::SubscribeToShardOutput>> run(Api& api,
                                                         std::shared_ptr<Cancellation> cancellation,
                                                         shape::SubscribeToShardInput in) {
    CO_TRY(auto place, api.logic_.consumer_of(in.consumer_arn));
    CO_TRY(Logic::Start start, start_of(in.starting_position));
    auto shard = parse_shard_name(in.shard_id);
    if (!shard) {
      co_return fail(kResourceNotFound,
                     fmt::format("Could not find shard {} in stream {} under account {}.",
                                 in.shard_id, place.stream, api.kernel_.account));
    }
    CO_TRY(auto found,
           co_await api.logic_.locate({place.stream, *shard, std::nullopt}, std::move(start)));
    CO_TRY(auto subscription, co_await api.logic_.subscribe(place, *shard));
    shape::SubscribeToShardOutput out;
    out.event_stream =
        std::make_unique<ShardEvents>(ShardEvents::Parts{api.kernel_.clock,
                                                         api.logic_,
                                                         {place.stream, *shard, found.stream},
                                                         found.offset,
                                                         std::move(subscription),
                                                         std::move(cancellation)});
    co_return out;
  }
};

void Api::add_subscribing(shapes::Registry& registry) {
  registry.add<op::SubscribeToShard>(
      [this](shapes::Call& call,
             shape::SubscribeToShardInput in) -> Task<Result<shape::SubscribeToShardOutput>> {
        Micros begin = kernel_.clock.steady();
        auto out = co_await Subscribing::run(*this, call.cancellation, std::move(in));
        kernel_.journal.count("kinesis:SubscribeToShard", "",
                              out ? event::Span::Status::kOk : event::Span::Status::kError,
                              kernel_.clock.steady() - begin);
        co_return out;
      });
}

}  // namespace suiro::kinesis
