// SPDX-License-Identifier: Apache-2.0
// Reading, batching, windows and checkpoints; what an answer means is in stream_answer.cc.
#include "services/lambda/stream_lane.h"

#include <algorithm>

#include "base/log.h"
#include "services/lambda/errors.h"
#include "services/lambda/storage.h"

namespace suiro::lambda {

StreamLane::StreamLane(Context& context, Invoker& invoker, std::shared_ptr<MappingState> mapping,
                       uint64_t epoch, Place place)
    : context_(context),
      invoker_(invoker),
      mapping_(std::move(mapping)),
      settings_(mapping_->record),
      epoch_(epoch),
      place_(std::move(place)) {}

bool StreamLane::active() const {
  return !context_.stopping && mapping_->epoch == epoch_;
}

Task<void> StreamLane::pause(Millis delay) {
  Clock& clock = context_.kernel.clock;
  TimePoint until = clock.now() + delay;
  while (active() && clock.now() < until) {
    TimePoint look = std::min(until, clock.now() + kPollWait);
    co_await context_.shard().tick.wait_until(clock, look);
  }
}

Task<bool> StreamLane::run() {
  Millis backoff = kPollBackoff;
  bool is_loaded = false;
  Clock& clock = context_.kernel.clock;
  while (active()) {
    TimePoint begin = clock.now();
    Result<Step> ended = Step::kDone;
    if (is_loaded) {
      ended = co_await step();
    } else if (auto loaded = co_await load(); loaded) {
      is_loaded = true;
    } else {
      ended = fail(std::move(loaded).error());
    }
    if (ended && *ended == Step::kEnded) co_return true;
    if (!ended) mapping_->last_result = "PROBLEM: " + ended.error().message;
    if (ended && *ended != Step::kFailed) {
      backoff = kPollBackoff;
      // A read that neither waits nor gives anything is not repeated at once.
      Millis took = clock.now() - begin;
      if (*ended == Step::kIdle && took < kPollBackoff) co_await pause(kPollBackoff - took);
      continue;
    }
    co_await pause(backoff);
    backoff = std::min(backoff * 2, kPollBackoffMax);
  }
  co_return false;
}

Task<Result<void>> StreamLane::load() {
  store::Key key = keys::lane(settings_.uuid, place_.shard, place_.index);
  CO_TRY(auto entry, co_await context_.kernel.store.get(std::move(key)));
  if (!entry) co_return fail(codes::kCorrupt, "the checkpoint of a mapping is not there");
  CO_TRY(progress_, decode<LaneProgress>(entry->value));
  read_to_ = progress_.position;
  co_return ok();
}

StreamOrigin StreamLane::origin() const {
  return {settings_.source_arn, place_.shard, context_.place.region, role_};
}

bool StreamLane::is_mine(const event::StreamRecord& record) const {
  return place_.of == 1 || stable_hash(record.partition_key) % place_.of == place_.index;
}

TimePoint StreamLane::window_of(TimePoint time) const {
  Millis length = std::chrono::seconds(settings_.tumbling_window_s);
  return TimePoint(time.time_since_epoch() / length * length);
}

// --- reading

bool StreamLane::take(Batch& batch, event::StreamBatch read, size_t& bytes) {
  uint64_t end = progress_.ends.empty() ? UINT64_MAX : progress_.ends.back();
  for (event::StreamRecord& record : read.records) {
    if (record.position.offset >= end) {
      if (batch.records.empty()) batch.next = record.position.offset;
      return false;
    }
    if (!is_mine(record)) {
      batch.next = record.position.offset + 1;
      continue;
    }
    if (settings_.tumbling_window_s > 0) {
      TimePoint window = window_of(record.arrived);
      std::optional<TimePoint> current;
      if (progress_.window_open) current = progress_.window_begin;
      if (!current && !batch.records.empty()) current = window_of(batch.records[0].arrived);
      batch.window_over = current && window > *current;
      if (batch.window_over) return false;
    }
    size_t size = record.data.size() * 4 / 3 + record.partition_key.size() + kStreamRecordFrame;
    bool is_full = batch.records.size() >= settings_.batch_size ||
                   (!batch.records.empty() && bytes + size > kSyncPayloadBytesMax);
    if (is_full) return false;
    bytes += size;
    batch.next = record.position.offset + 1;
    batch.records.push_back(std::move(record));
  }
  batch.next = std::max(batch.next, read.next.offset);
  batch.ended = read.ended;
  return batch.next < end && batch.records.size() < settings_.batch_size;
}

// One batch: what is there, and within the batching window what comes.
Task<Result<StreamLane::Batch>> StreamLane::gather() {
  Clock& clock = context_.kernel.clock;
  Batch batch;
  batch.next = std::max(progress_.position, read_to_);
  size_t bytes = progress_.window_state.size() + kStreamRecordFrame;
  std::optional<TimePoint> deadline;
  while (active()) {
    event::StreamSource::ReadRequest request{
        {settings_.source_arn, place_.shard, event::StreamGeneration(progress_.generation)},
        {batch.next}};
    request.records_max = place_.of == 1 ? settings_.batch_size - batch.records.size()
                                         : std::max<size_t>(settings_.batch_size, kLaneReadMin);
    request.bytes_max = kSyncPayloadBytesMax;
    request.wait = kPollWait;
    if (deadline) request.wait = std::clamp(*deadline - clock.now(), Millis(0), kPollWait);
    uint64_t before = batch.next;
    CO_TRY(event::StreamBatch read, co_await mapping_->stream->read(std::move(request)));
    // A retention that is over takes what was not read in time.
    if (!take(batch, std::move(read), bytes) || batch.ended) break;
    if (batch.records.empty()) {
      if (batch.next == before) break;
      continue;
    }
    if (settings_.window_s == 0) break;
    if (!deadline) deadline = clock.now() + std::chrono::seconds(settings_.window_s);
    if (clock.now() >= *deadline) break;
  }
  co_return batch;
}

Task<Result<StreamLane::Step>> StreamLane::step() {
  auto gathered = co_await gather();
  if (!gathered && gathered.error().code == codes::kNotFound) {
    mapping_->last_result = "PROBLEM: Stream not found";
    co_return Step::kEnded;  // without a checkpoint: the shard is gone, or its stream
  }
  CO_TRY(Batch batch, std::move(gathered));
  if (!active()) co_return Step::kIdle;
  if (!batch.records.empty()) co_return co_await process(std::move(batch));
  if (!progress_.ends.empty() && batch.next >= progress_.ends.back()) {
    CO_TRY_VOID(co_await drop_gone(batch.next));
    co_return Step::kDone;
  }
  if (progress_.window_open) {
    Millis length = std::chrono::seconds(settings_.tumbling_window_s);
    TimePoint over = progress_.window_begin + length + kWindowGrace;
    if (batch.window_over || batch.ended || context_.kernel.clock.now() >= over) {
      co_return co_await close_window(WindowFrame::Kind::kFinal);
    }
  }
  LaneProgress progress = progress_;
  progress.position = batch.next;
  if (batch.ended) {
    progress.ended = true;
    CO_TRY_VOID(co_await checkpoint(std::move(progress), {}));
    co_return Step::kEnded;
  }
  bool has_moved = batch.next > read_to_;
  read_to_ = batch.next;
  // What other lanes read is passed over in memory; now and then that is kept.
  if (batch.next - progress_.position >= kLaneSkipMax) {
    CO_TRY_VOID(co_await checkpoint(std::move(progress), {}));
  }
  co_return has_moved ? Step::kDone : Step::kIdle;
}

Task<Result<StreamLane::Step>> StreamLane::process(Batch batch) {
  CO_TRY_VOID(co_await drop_expired(batch));
  if (batch.records.empty()) co_return Step::kDone;
  if (settings_.tumbling_window_s > 0 && !progress_.window_open) {
    progress_.window_open = true;  // durable with the batch's checkpoint
    progress_.window_begin = window_of(batch.records[0].arrived);
    progress_.window_state.clear();
  }
  co_return co_await invoke(std::move(batch));
}

// The records at the front that are too old are given up.
Task<Result<void>> StreamLane::drop_expired(Batch& batch) {
  if (!settings_.record_age_max_s) co_return ok();
  TimePoint oldest =
      context_.kernel.clock.now() - std::chrono::seconds(*settings_.record_age_max_s);
  auto young = std::ranges::find_if(batch.records,
                                    [&](const auto& record) { return record.arrived >= oldest; });
  if (young == batch.records.begin()) co_return ok();
  Records expired(std::make_move_iterator(batch.records.begin()), std::make_move_iterator(young));
  batch.records.erase(batch.records.begin(), young);
  LaneProgress progress = progress_;
  progress.position = batch.records.empty() ? batch.next : batch.records.front().position.offset;
  GivenUp what;
  what.request_id = context_.kernel.random.uuid();
  what.condition = "EventAgeExceeded";
  what.invocations = progress_.attempts;
  what.records = &expired;
  what.size = expired.size();
  store::Batch changes;
  emit_given_up(changes, std::move(what));
  progress.attempts = 0;
  co_return co_await checkpoint(std::move(progress), std::move(changes));
}

// The batch that failed, or the piece of it that was next, has left the stream before an attempt
// succeeded. `next`: where the stream goes on.
Task<Result<void>> StreamLane::drop_gone(uint64_t next) {
  Records none;
  GivenUp what;
  what.request_id = context_.kernel.random.uuid();
  what.condition = "EventAgeExceeded";
  what.invocations = progress_.attempts;
  what.records = &none;
  if (place_.of == 1) what.size = std::min(next, progress_.ends.front()) - progress_.position;
  store::Batch changes;
  emit_given_up(changes, std::move(what));
  LaneProgress progress = progress_;
  progress.position = next;
  progress.attempts = 0;
  co_return co_await checkpoint(std::move(progress), std::move(changes));
}

// --- checkpoints

Task<Result<void>> StreamLane::checkpoint(LaneProgress progress, store::Batch batch) {
  while (!progress.ends.empty() && progress.ends.back() <= progress.position) {
    progress.ends.pop_back();
  }
  batch.put(keys::lane(settings_.uuid, place_.shard, place_.index), encode(progress));
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  progress_ = std::move(progress);
  read_to_ = std::max(read_to_, progress_.position);
  co_return ok();
}

void StreamLane::emit_given_up(store::Batch& batch, GivenUp what) {
  event::Kernel& kernel = context_.kernel;
  what.at = kernel.clock.now();
  what.function_arn = context_.arn(settings_.function_name, settings_.qualifier);
  std::string size = what.size ? std::to_string(*what.size) : "some";
  log::info("mapping {}: {} records of {} are given up: {}", settings_.uuid, size, place_.shard,
            what.condition);
  if (settings_.on_failure_arn.empty()) return;
  event::Event event;
  event.source_arn = what.function_arn;
  event.kind = "lambda:OnFailure";
  event.target_arn = settings_.on_failure_arn;
  event.payload = given_up_document(origin(), what);
  event.at = what.at;
  event::emit(batch, std::move(event), kernel.random);
}

std::optional<WindowFrame> StreamLane::frame(WindowFrame::Kind kind) const {
  if (!progress_.window_open) return std::nullopt;
  Millis length = std::chrono::seconds(settings_.tumbling_window_s);
  const std::string& state = progress_.window_state;
  return WindowFrame{progress_.window_begin, progress_.window_begin + length,
                     state.empty() ? "{}" : state, kind};
}

}  // namespace suiro::lambda
