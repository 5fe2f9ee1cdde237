// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/source.h"

#include "kernel/event/stream_follower.h"

namespace suiro::firehose {
namespace {

class Reader final : public event::StreamReader {
 public:
  Reader(Context& context, Intake& intake, StatePtr state)
      : context_(context), intake_(intake), state_(std::move(state)) {}

  Task<Result<std::optional<event::FollowPosition>>> stored(std::string shard) override {
    store::Key key = keys::position(state_->record.id, shard);
    CO_TRY(auto entry, co_await context_.kernel.store.get(std::move(key)));
    if (!entry) co_return std::nullopt;
    CO_TRY(event::FollowPosition position, decode_position(entry->value));
    co_return position;
  }

  Task<Result<event::StreamStart>> start() override {
    co_return event::StreamStart{event::StreamStart::At::kTimestamp, state_->record.created};
  }

  Task<Result<void>> take(std::string shard, std::vector<event::StreamRecord> records,
                          event::FollowPosition next) override {
    Intake::Arrival arrival{.records = {}, .arrived = context_.kernel.clock.now(), .cause = {}};
    if (!records.empty()) arrival.arrived = records.front().arrived;
    arrival.records.reserve(records.size());
    for (auto& record : records) arrival.records.push_back(std::move(record.data));
    store::Batch also;
    also.put(keys::position(state_->record.id, shard), encode(next));
    return intake_.append(state_, std::move(arrival), std::move(also));
  }

 private:
  Context& context_;
  Intake& intake_;
  StatePtr state_;
};

}  // namespace

Task<void> SourceReader::run(StatePtr state) {
  Running running(state);
  Reader reader(context_, intake_, state);
  event::StreamFollower follower(context_.kernel, context_.shard().scope.executor(),
                                 {.stream_arn = state->record.source_arn,
                                  .bytes_max = kBlockBytesMax,
                                  .backoff = {kRetryFirst, kRetryLongest}},
                                 reader);
  state->stop_source = [&follower] { follower.stop(); };
  if (!state->closing) co_await follower.run();
  state->stop_source = nullptr;
}

}  // namespace suiro::firehose
