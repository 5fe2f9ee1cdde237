// SPDX-License-Identifier: Apache-2.0
#include "kernel/event/stream_follower.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"

namespace suiro::event {
namespace {

constexpr Millis kLookInterval = std::chrono::seconds(5);  // for new shards
constexpr Millis kReadWait = std::chrono::seconds(1);      // also how long stop() waits at most

}  // namespace

StreamFollower::StreamFollower(Kernel& kernel, Executor executor, Options options,
                               StreamReader& reader)
    : kernel_(kernel),
      scope_(executor),
      options_(std::move(options)),
      reader_(reader),
      stopped_(executor) {}

void StreamFollower::stop() {
  stopping_ = true;
  stopped_.notify_all();
}

Task<void> StreamFollower::pause(Millis duration) {
  TimePoint until = kernel_.clock.now() + duration;
  while (!stopping_ && kernel_.clock.now() < until) {
    co_await stopped_.wait_until(kernel_.clock, until);
  }
}

uint64_t StreamFollower::millis_behind() const {
  uint64_t most = 0;
  for (const auto& [shard, behind] : behind_) most = std::max(most, behind);
  return most;
}

Task<void> StreamFollower::run() {
  while (!stopping_) {
    co_await look_and_tell();
    co_await pause(kLookInterval);
  }
  co_await scope_.close();
}

Task<void> StreamFollower::look_and_tell() {
  auto looked = co_await look();
  if (looked) {
    look_failure_.reset();
    co_return;
  }
  last_error_ = fmt::format("{}: {}", looked.error().code, looked.error().message);
  if (!look_failure_.is_due(kernel_.clock.now())) co_return;
  log::warning("{}: {}", options_.stream_arn, last_error_);
}

bool StreamFollower::is_known(const StreamShard& shard) const {
  auto known = known_.find(shard.id);
  if (known == known_.end()) return false;
  // A loop over the generation before hears of its end by itself.
  return known->second.generation == shard.generation || !known->second.ended;
}

bool StreamFollower::has_ended(const std::string& shard, StreamGeneration generation) const {
  auto known = known_.find(shard);
  return known != known_.end() && known->second.ended && known->second.generation == generation;
}

Task<Result<FollowPosition>> StreamFollower::begin_of(StreamShard shard) {
  CO_TRY(StreamStart start, co_await reader_.start());
  CO_TRY(auto position, co_await reader_.stored(shard.id));
  if (position) {
    // One without a generation was written when positions had none.
    bool is_same =
        position->generation == StreamGeneration() || position->generation == shard.generation;
    position->generation = shard.generation;
    if (is_same) co_return *position;
    log::warning("{}: the stream was made again: {} is read from its beginning",
                 options_.stream_arn, shard.id);
    start = {StreamStart::At::kTrimHorizon};
  }
  CO_TRY(StreamSource * stream, kernel_.targets.stream(options_.stream_arn));
  CO_TRY(auto found, co_await stream->locate({options_.stream_arn, shard.id, shard.generation},
                                             std::move(start)));
  co_return FollowPosition{found.offset, false, shard.generation};
}

Task<Result<void>> StreamFollower::look() {
  const std::string& arn = options_.stream_arn;
  CO_TRY(StreamSource * stream, kernel_.targets.stream(arn));
  CO_TRY(auto shards, co_await stream->shards(arn));
  std::set<std::string> listed;
  for (const auto& shard : shards) listed.insert(shard.id);
  for (const auto& shard : shards) {
    if (is_known(shard)) continue;
    bool waits = std::ranges::any_of(shard.parents, [&](const std::string& parent) {
      return listed.contains(parent) && !has_ended(parent, shard.generation);
    });
    if (waits) continue;
    CO_TRY(FollowPosition position, co_await begin_of(shard));
    // Another look may have come first while this one waited.
    if (is_known(shard)) continue;
    known_[shard.id] = {shard.generation, position.ended};
    if (!position.ended) scope_.spawn(read_shard(shard.id, position));
  }
  co_return ok();
}

Task<void> StreamFollower::read_shard(std::string shard, FollowPosition position) {
  uint32_t failures = 0;
  bool gone = false;
  while (!stopping_ && !position.ended && !gone) {
    auto done = co_await read_once(shard, position);
    failures = done ? 0 : failures + 1;
    if (done) {
      last_error_.clear();
      continue;
    }
    last_error_ = fmt::format("{}: {}", done.error().code, done.error().message);
    log::warning("{} {}: {}", options_.stream_arn, shard, last_error_);
    // Looked for again with the shards: the shard is gone, or its stream, or that was made again.
    gone = done.error().code == codes::kNotFound;
    if (!gone) co_await pause(options_.backoff.after(failures, kernel_.random));
  }
  behind_.erase(shard);
  if (!position.ended) {
    known_.erase(shard);
    co_return;
  }
  known_[shard].ended = true;
  // Its children need not wait for the next look's time.
  co_await look_and_tell();
}

Task<Result<void>> StreamFollower::read_once(const std::string& shard, FollowPosition& position) {
  const std::string& arn = options_.stream_arn;
  CO_TRY(StreamSource * stream, kernel_.targets.stream(arn));
  StreamSource::ReadRequest request{.place = {arn, shard, position.generation},
                                    .from = {position.offset},
                                    .records_max = options_.records_max,
                                    .bytes_max = options_.bytes_max,
                                    .wait = kReadWait};
  CO_TRY(StreamBatch batch, co_await stream->read(std::move(request)));
  behind_[shard] = batch.millis_behind;
  FollowPosition next{batch.next.offset, batch.ended, position.generation};
  if (!batch.records.empty() || batch.ended) {
    CO_TRY_VOID(co_await reader_.take(shard, std::move(batch.records), next));
  }
  position = next;
  co_return ok();
}

}  // namespace suiro::event
