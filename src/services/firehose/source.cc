// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/source.h"

#include "base/log.h"
#include "services/firehose/errors.h"

namespace suiro::firehose {
namespace {

constexpr Millis kLookInterval = std::chrono::seconds(5);  // for new shards
constexpr Millis kReadWait = std::chrono::seconds(1);      // also how long a stop waits at most
constexpr size_t kReadRecordsMax = 10'000;

}  // namespace

Task<void> SourceReader::pause(StatePtr state, Millis duration) {
  Clock& clock = context_.kernel.clock;
  TimePoint until = clock.now() + duration;
  Signal& rung = state->lane(LaneKind::kSource).grown;
  while (!state->closing && clock.now() < until) co_await rung.wait_until(clock, until);
}

Task<void> SourceReader::run(StatePtr state) {
  Running running(state);
  auto known = std::make_shared<Shards>();
  while (!state->closing) {
    auto looked = co_await look(state, known);
    if (!looked) log::warning("{}: its source: {}", state->arn, looked.error().message);
    co_await pause(state, kLookInterval);
  }
}

Task<Result<void>> SourceReader::look(StatePtr state, std::shared_ptr<Shards> known) {
  const std::string& arn = state->record.source_arn;
  CO_TRY(auto* stream, context_.kernel.targets.stream(arn));
  CO_TRY(auto shards, co_await stream->shards(arn));
  std::map<std::string, bool> listed;
  for (const auto& shard : shards) listed[shard.id] = true;
  for (const auto& shard : shards) {
    if (known->contains(shard.id)) continue;
    bool waits = false;
    for (const auto& parent : shard.parents) {
      auto progress = known->find(parent);
      bool ended = progress != known->end() && progress->second == Progress::kEnded;
      waits = waits || (listed.contains(parent) && !ended);
    }
    if (waits) continue;
    CO_TRY(auto position, co_await stored(state, shard.id));
    if (!position) {
      event::StreamStart start{.at = event::StreamStart::At::kTimestamp,
                               .timestamp = state->record.created};
      CO_TRY(auto found, co_await stream->locate(arn, shard.id, std::move(start)));
      position = SourcePosition{found.offset, false};
    }
    (*known)[shard.id] = position->ended ? Progress::kEnded : Progress::kReading;
    if (!position->ended) context_.spawn(read_shard(state, known, shard.id, *position));
  }
  co_return ok();
}

Task<Result<std::optional<SourcePosition>>> SourceReader::stored(StatePtr state,
                                                                 std::string shard) {
  CO_TRY(auto entry, co_await context_.kernel.store.get(keys::position(state->record.id, shard)));
  if (!entry) co_return std::nullopt;
  CO_TRY(SourcePosition position, decode_position(entry->value));
  co_return position;
}

Task<void> SourceReader::read_shard(StatePtr state, std::shared_ptr<Shards> known,
                                    std::string shard, SourcePosition position) {
  Running running(state);
  event::Backoff backoff{kRetryFirst, kRetryLongest};
  uint32_t failures = 0;
  while (!state->closing && !position.ended) {
    auto done = co_await read_once(state, shard, position);
    failures = done ? 0 : failures + 1;
    if (done) continue;
    log::warning("{}: {}: {}", state->arn, shard, done.error().message);
    if (done.error().code == codes::kNotFound) break;  // looked for again with the shards
    co_await pause(state, backoff.after(failures, context_.kernel.random));
  }
  if (position.ended) {
    (*known)[shard] = Progress::kEnded;
    // Its children need not wait for the next look's time.
    auto looked = co_await look(state, known);
    if (!looked) log::warning("{}: its source: {}", state->arn, looked.error().message);
  } else {
    known->erase(shard);
  }
}

Task<Result<void>> SourceReader::read_once(StatePtr state, const std::string& shard,
                                           SourcePosition& position) {
  if (state->backlog_bytes() > kBacklogBytesMax) {
    co_return fail(codes::kThrottled, "the delivery stream holds more than it can deliver");
  }
  const std::string& arn = state->record.source_arn;
  CO_TRY(auto* stream, context_.kernel.targets.stream(arn));
  event::StreamSource::ReadRequest request{.stream_arn = arn,
                                           .shard = shard,
                                           .from = {position.offset},
                                           .records_max = kReadRecordsMax,
                                           .bytes_max = kBlockBytesMax,
                                           .wait = kReadWait};
  CO_TRY(event::StreamBatch batch, co_await stream->read(std::move(request)));
  state->lag_ms = batch.millis_behind;
  SourcePosition next{batch.next.offset, batch.ended};
  if (batch.records.empty() && !batch.ended) {
    position = next;
    co_return ok();
  }
  Intake::Arrival arrival{.records = {}, .arrived = context_.kernel.clock.now(), .cause = {}};
  if (!batch.records.empty()) arrival.arrived = batch.records.front().arrived;
  arrival.records.reserve(batch.records.size());
  for (auto& record : batch.records) arrival.records.push_back(std::move(record.data));
  store::Batch also;
  also.put(keys::position(state->record.id, shard), encode(next));
  CO_TRY_VOID(co_await intake_.append(state, std::move(arrival), std::move(also)));
  position = next;
  co_return ok();
}

}  // namespace suiro::firehose
