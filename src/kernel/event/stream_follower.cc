// SPDX-License-Identifier: Apache-2.0
#include "kernel/event/stream_follower.h"

#include <fmt/format.h>

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
  if (looked) co_return;
  last_error_ = fmt::format("{}: {}", looked.error().code, looked.error().message);
  log::warning("{}: {}", options_.stream_arn, last_error_);
}

Task<Result<void>> StreamFollower::look() {
  const std::string& arn = options_.stream_arn;
  CO_TRY(StreamSource * stream, kernel_.targets.stream(arn));
  CO_TRY(auto shards, co_await stream->shards(arn));
  std::set<std::string> listed;
  for (const auto& shard : shards) listed.insert(shard.id);
  for (const auto& shard : shards) {
    if (known_.contains(shard.id)) continue;
    bool waits = false;
    for (const auto& parent : shard.parents) {
      auto progress = known_.find(parent);
      bool ended = progress != known_.end() && progress->second == Progress::kEnded;
      waits = waits || (listed.contains(parent) && !ended);
    }
    if (waits) continue;
    CO_TRY(auto position, co_await reader_.stored(shard.id));
    if (!position) {
      CO_TRY(auto found, co_await stream->locate(arn, shard.id, options_.start));
      position = FollowPosition{found.offset, false};
    }
    // Another look may have come first while this one waited.
    Progress progress = position->ended ? Progress::kEnded : Progress::kReading;
    if (!known_.try_emplace(shard.id, progress).second) continue;
    if (!position->ended) scope_.spawn(read_shard(shard.id, *position));
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
    gone = done.error().code == codes::kNotFound;  // looked for again with the shards
    if (!gone) co_await pause(options_.backoff.after(failures, kernel_.random));
  }
  behind_.erase(shard);
  if (!position.ended) {
    known_.erase(shard);
    co_return;
  }
  known_[shard] = Progress::kEnded;
  // Its children need not wait for the next look's time.
  co_await look_and_tell();
}

Task<Result<void>> StreamFollower::read_once(const std::string& shard, FollowPosition& position) {
  const std::string& arn = options_.stream_arn;
  CO_TRY(StreamSource * stream, kernel_.targets.stream(arn));
  StreamSource::ReadRequest request{.stream_arn = arn,
                                    .shard = shard,
                                    .from = {position.offset},
                                    .records_max = options_.records_max,
                                    .bytes_max = options_.bytes_max,
                                    .wait = kReadWait};
  CO_TRY(StreamBatch batch, co_await stream->read(std::move(request)));
  behind_[shard] = batch.millis_behind;
  FollowPosition next{batch.next.offset, batch.ended};
  if (!batch.records.empty() || batch.ended) {
    CO_TRY_VOID(co_await reader_.take(shard, std::move(batch.records), next));
  }
  position = next;
  co_return ok();
}

}  // namespace suiro::event
