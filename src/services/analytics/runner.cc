// SPDX-License-Identifier: Apache-2.0
// The loop of a running application: steps, deliveries, what is due.
#include "services/analytics/runner.h"

#include <boost/json.hpp>

#include "base/log.h"
#include "services/analytics/errors.h"

namespace suiro::analytics {
namespace {

constexpr Millis kReportInterval{60'000};  // of one code
constexpr Millis kForever{3'600'000};

}  // namespace

void Runner::go() {
  scope_.spawn(loop());
}

Task<void> Runner::loop() {
  auto done = co_await run();
  if (!done && done.error().code != codes::kClosed) {
    failed_ = true;
    report("Application.Ended", done.error().message);
    log::error("application {}: {}", application_.name, done.error().message);
  }
  stopping_ = true;
  for (auto& [id, reader] : readers_) reader->wake();
}

Task<Result<void>> Runner::run() {
  CO_TRY_VOID(co_await recover_all());
  TimePoint now = kernel_.clock.now();
  checkpoint_at_ = step_at_ = log_at_ = shards_at_ = metrics_at_ = now;
  start_readers();
  while (!stopping_) CO_TRY_VOID(co_await turn());
  co_return ok();
}

// One round: a step where there are records or the heartbeat is due, and what else is due.
Task<Result<void>> Runner::turn() {
  std::vector<Fetched> fetched;
  std::optional<Step> step = gather(fetched);
  if (step) {
    TimePoint begun = kernel_.clock.now();
    apply(*step, fetched);
    if (log_.empty()) log_first_ = state_.step;
    log_.add(*step);
    log_records_ += fetched.size();
    ++steps_since_;
    if (!fetched.empty()) {
      kernel_.journal.count("kinesisanalytics:Step", arn_, event::Span::Status::kOk,
                            std::chrono::duration_cast<Micros>(kernel_.clock.now() - begun));
    }
  }
  CO_TRY_VOID(co_await deliver_due());
  CO_TRY_VOID(co_await keep());
  if (step) {
    co_await asio::post(scope_.executor(), use_task);  // others of this shard have their turn
    co_return ok();
  }
  if (!stopping_ && !has_ready()) co_await wake_.wait_until(kernel_.clock, next_deadline());
  co_return ok();
}

bool Runner::has_ready() const {
  return std::ranges::any_of(readers_,
                             [](const auto& one) { return one.second->front() != nullptr; });
}

std::optional<Step> Runner::gather(std::vector<Fetched>& fetched) {
  Step step;
  size_t bytes = 0;
  for (const ShardState& shard : state_.shards) {
    auto reader = readers_.find(shard.id);
    if (reader == readers_.end() || reader->second->front() == nullptr) continue;
    if (bytes > 0 && bytes + reader->second->front()->size_bytes > kStepBytesMax) continue;
    fetched.push_back(reader->second->take());
    bytes += fetched.back().size_bytes;
    step.pieces.push_back(fetched.back().piece);
  }
  step.found = std::move(found_);
  found_.clear();
  TimePoint now = kernel_.clock.now();
  bool beats = config_.heartbeat != Millis(0) && now >= step_at_ + config_.heartbeat;
  if (step.pieces.empty() && step.found.empty() && !beats) return std::nullopt;
  step.rowtime_ms = std::max(now_ms(), state_.rowtime_ms);
  step_at_ = now;
  bytes_since_ += bytes;
  return step;
}

// The same for a new step and for one that is replayed.
void Runner::apply(const Step& step, const std::vector<Fetched>& fetched) {
  for (const ShardState& shard : step.found) {
    if (std::ranges::find(state_.shards, shard.id, &ShardState::id) == state_.shards.end()) {
      state_.shards.push_back(shard);
    }
  }
  metrics_.millis_behind = 0;
  for (size_t i = 0; i < fetched.size(); ++i) {
    const Piece& piece = step.pieces[i];
    push_piece(piece, fetched[i], step.rowtime_ms);
    metrics_.millis_behind = std::max(metrics_.millis_behind, fetched[i].millis_behind);
    auto shard = std::ranges::find(state_.shards, piece.shard, &ShardState::id);
    if (shard == state_.shards.end()) continue;
    shard->next = piece.to;
    shard->life = piece.life;
  }
  state_.rowtime_ms = step.rowtime_ms;
  ++state_.step;
  engine_->advance(step.rowtime_ms, step.rowtime_ms);
  take_rows();
}

void Runner::push_piece(const Piece& piece, const Fetched& fetched, int64_t rowtime_ms) {
  const auto& records = *fetched.records;
  bool is_whole = piece.processed && piece.processed->size() == records.size();
  size_t count = piece.processed ? piece.processed->size() : records.size();
  auto owner = std::make_shared<std::pair<Records, Bytes>>(fetched.records, Bytes());
  Bytes& buffer = owner->second;
  std::vector<sql::InputRecord> rows;
  std::vector<size_t> places;
  std::vector<sql::Rejection> failed;
  for (size_t i = 0; i < count; ++i) {
    const ProcessedRecord* processed = piece.processed ? &(*piece.processed)[i] : nullptr;
    const Bytes& data = processed != nullptr ? processed->data : records[i].data;
    metrics_.bytes += data.size();
    if (processed != nullptr && processed->outcome == ProcessedRecord::Outcome::kDropped) continue;
    if (processed != nullptr && processed->outcome == ProcessedRecord::Outcome::kFailed) {
      failed.push_back({rowtime_ms,
                        Error{"ProcessingFailed", "the function could not process the record"},
                        data});
      continue;
    }
    sql::InputRecord row{.rowtime_ms = rowtime_ms, .shard_id = piece.shard};
    if (processed == nullptr || is_whole) {
      row.arrival_ms = records[i].arrived.time_since_epoch().count();
      row.partition_key = records[i].partition_key;
      row.sequence_number = records[i].sequence_number;
    }
    places.push_back(buffer.size());
    buffer += data;
    rows.push_back(row);
  }
  metrics_.records += count;
  metrics_.rejected += failed.size();
  places.push_back(buffer.size());
  buffer.append(sql::kInputPaddingBytes, '\0');
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].data = ByteView(buffer).substr(places[i], places[i + 1] - places[i]);
  }
  size_t input = lanes_[piece.lane % lanes_.size()];
  if (!failed.empty()) engine_->push(input, {}, failed);
  for (size_t begin = 0; begin < rows.size(); begin += kMapRecords) {
    size_t size = std::min(kMapRecords, rows.size() - begin);
    push_records(input, {&rows[begin], size}, owner);
  }
}

void Runner::push_records(size_t input, std::span<const sql::InputRecord> records,
                          const std::shared_ptr<const void>& owner) {
  sql::MappedRows mapped;
  mapper_->map(records, owner, sql::InputMapper::Padding::kPresent, mapped);
  if (mapped.rows.size() > sql::kInputBatchRowsMax && records.size() > 1) {
    size_t half = records.size() / 2;
    push_records(input, records.first(half), owner);
    push_records(input, records.subspan(half), owner);
    return;
  }
  metrics_.rejected += mapped.rejected.size();
  engine_->push(input, std::move(mapped.rows), mapped.rejected);
}

void Runner::take_rows() {
  for (const sql::Output& out : engine_->take()) {
    const sql::Schema& schema = program_->streams[out.stream].schema;
    for (auto& outlet : outlets_) {
      if (outlet->stream() != out.stream) continue;
      outlet->add(schema, out.rows);
      metrics_.rows_out += out.rows.size();
    }
  }
}

// --- Deliveries --------------------------------------------------------------------------------

Task<Result<void>> Runner::deliver_due() {
  for (auto& outlet : outlets_) {
    if (outlet->due(kernel_.clock.now())) CO_TRY_VOID(co_await outlet->deliver());
  }
  co_return ok();
}

Task<Result<void>> Runner::deliver_all() {
  for (auto& outlet : outlets_) {
    if (!outlet->empty()) CO_TRY_VOID(co_await outlet->deliver());
  }
  co_return ok();
}

void Runner::add_log(store::Batch& batch) const {
  if (log_.empty()) return;
  store::Key key = Storage::log_prefix(application_.id);
  append_be64(key, log_first_);
  batch.put(std::move(key), log_.entry());
}

void Runner::log_committed() {
  log_.clear();
  log_records_ = 0;
  log_at_ = kernel_.clock.now();
}

Task<Result<void>> Runner::flush_log() {
  if (log_.empty()) co_return ok();
  store::Batch batch;
  add_log(batch);
  auto done = co_await kernel_.store.commit(std::move(batch));
  // A busy store takes it with the next commit.
  if (!done && done.error().code == codes::kUnavailable) co_return std::unexpected(done.error());
  if (done) log_committed();
  co_return ok();
}

// --- What is due -------------------------------------------------------------------------------

bool Runner::idle() const {
  return bytes_since_ == 0 && steps_since_ < kIdleStepsMax;
}

TimePoint Runner::next_deadline() const {
  TimePoint next = kernel_.clock.now() + kForever;
  auto sooner = [&](TimePoint due) { next = std::min(next, due); };
  if (config_.heartbeat != Millis(0)) sooner(step_at_ + config_.heartbeat);
  if (!idle()) sooner(checkpoint_at_ + config_.checkpoint_interval);
  if (log_records_ > 0) sooner(log_at_ + kLogInterval);
  for (const auto& outlet : outlets_) {
    if (!outlet->empty()) sooner(outlet->due_at());
  }
  sooner(shards_at_ + kShardsInterval);
  sooner(metrics_at_ + kMetricsInterval);
  return next;
}

Task<Result<void>> Runner::keep() {
  TimePoint now = kernel_.clock.now();
  bool is_time = now >= checkpoint_at_ + config_.checkpoint_interval;
  if ((is_time && !idle()) || bytes_since_ >= config_.checkpoint_bytes) {
    CO_TRY_VOID(co_await deliver_all());
    auto done = co_await checkpoint(std::nullopt);
    if (!done && done.error().retry != Retry::kLater) co_return done;
    checkpoint_at_ = now;
  } else if ((log_records_ > 0 && now >= log_at_ + kLogInterval) ||
             log_.size_bytes() >= kLogBytesWaiting) {
    CO_TRY_VOID(co_await flush_log());
  }
  if (now >= shards_at_ + kShardsInterval) {
    shards_at_ = now;
    auto found = co_await find_shards();
    if (!found && found.error().code != codes::kClosed) {
      report("Input.ShardsNotListed", found.error().message);
    }
  }
  start_readers();
  if (now >= metrics_at_ + kMetricsInterval) {
    metrics_at_ = now;
    record_metrics();
  }
  co_return ok();
}

// Every row was delivered: one commit with the engine's state, the positions and the numbers.
Task<Result<void>> Runner::checkpoint(std::optional<CopiedReference> reference) {
  RunState next = state_;
  next.starts = application_.starts;
  next.version = application_.version;
  next.fingerprint = fingerprint();
  next.settings = settings_;
  next.outputs.clear();
  store::Batch batch;
  store::KeyRange delivered = store::KeyRange::prefix(Storage::delivered_prefix(application_.id));
  batch.erase_range(std::move(delivered));
  for (const auto& outlet : outlets_) {
    next.outputs.push_back({outlet->output().id, outlet->made()});
    batch.merge(outlet->delivered_batch(outlet->delivered()));
  }
  batch.erase_range(store::KeyRange::prefix(Storage::log_prefix(application_.id)));
  CO_TRY(Bytes state, engine_->checkpoint());
  auto writer = kernel_.store.write_blob();
  CO_TRY_VOID(co_await writer->append(std::move(state)));
  CO_TRY(store::PendingBlob blob, co_await writer->finish());
  if (!state_.engine.empty()) {
    CO_TRY(auto old, store::BlobRef::decode(state_.engine));
    batch.release(old);
  }
  next.engine = batch.adopt(std::move(blob)).encode();
  if (reference) {
    if (!state_.reference.blob.empty()) {
      CO_TRY(auto old, store::BlobRef::decode(state_.reference.blob));
      batch.release(old);
    }
    next.reference = {.kind = reference->kind, .blob = {}};
    if (reference->blob) next.reference.blob = batch.adopt(reference->blob).encode();
  }
  store::Key key = Storage::run_key(application_.id);
  batch.require_version(key, state_version_);
  batch.put(std::move(key), encode(next));
  CO_TRY(auto receipt, co_await kernel_.store.commit(std::move(batch)));
  state_version_ = store::Version(receipt.sequence);
  state_ = std::move(next);
  log_committed();
  bytes_since_ = 0;
  steps_since_ = 0;
  ++metrics_.checkpoints;
  co_return ok();
}

// --- Shards ------------------------------------------------------------------------------------

uint32_t Runner::next_lane() const {
  std::vector<size_t> shards(lanes_.size(), 0);
  auto counts = [&](const ShardState& shard) {
    if (shard.life == ShardState::Life::kOpen && shard.lane < shards.size()) ++shards[shard.lane];
  };
  std::ranges::for_each(state_.shards, counts);
  std::ranges::for_each(found_, counts);
  return static_cast<uint32_t>(std::ranges::min_element(shards) - shards.begin());
}

// Shards that came by splits and merges begin at their first record.
Task<Result<void>> Runner::find_shards() {
  CO_TRY(auto shards, co_await source_->shards(state_.stream_arn));
  if (shards.empty()) co_return fail(codes::kNotFound, "the stream has no shards");
  event::StreamGeneration generation = shards.front().generation;
  if (state_.generation == event::StreamGeneration()) state_.generation = generation;
  if (state_.generation != generation) co_return co_await enter_generation();
  for (const event::StreamShard& shard : shards) {
    if (std::ranges::find(state_.shards, shard.id, &ShardState::id) != state_.shards.end()) {
      continue;
    }
    CO_TRY(auto position, co_await source_->locate({state_.stream_arn, shard.id, generation},
                                                   {event::StreamStart::At::kTrimHorizon}));
    found_.push_back(
        {.id = shard.id, .lane = next_lane(), .next = position, .parents = shard.parents});
  }
  // What the stream has forgotten is forgotten here.
  std::erase_if(state_.shards, [&](const ShardState& shard) {
    if (std::ranges::find(shards, shard.id, &event::StreamShard::id) != shards.end()) return false;
    auto reader = readers_.find(shard.id);
    bool is_gone = reader != readers_.end() && reader->second->gone();
    if (is_gone) readers_.erase(reader);
    return is_gone || shard.life == ShardState::Life::kEnded;
  });
  co_return ok();
}

// The stream was deleted and made again: what was read of the old one goes out first, then one
// commit forgets its positions and begins with the new one.
Task<Result<void>> Runner::enter_generation() {
  bool is_read = std::ranges::all_of(
      readers_, [](const auto& one) { return one.second->gone() || one.second->ended(); });
  if (!is_read) co_return ok();  // with the next look
  CO_TRY_VOID(co_await deliver_all());
  readers_.clear();
  found_.clear();
  RunState before = state_;
  auto done = co_await locate_shards({event::StreamStart::At::kTrimHorizon});
  if (done) done = co_await checkpoint(std::nullopt);
  if (!done) {
    state_ = std::move(before);
    co_return done;
  }
  report("Input.StreamMadeAgain",
         fmt::format("{} was deleted and made again: it is read from its beginning",
                     state_.stream_arn));
  co_return ok();
}

// A child is read when its parents were read to their ends.
void Runner::start_readers() {
  for (const ShardState& shard : state_.shards) {
    if (shard.life == ShardState::Life::kEnded || readers_.contains(shard.id)) continue;
    bool waits = std::ranges::any_of(shard.parents, [&](const std::string& parent) {
      auto known = std::ranges::find(state_.shards, parent, &ShardState::id);
      return known != state_.shards.end() && known->life == ShardState::Life::kOpen;
    });
    if (waits) continue;
    auto reader = std::make_unique<ShardReader>(readers_context_, scope_.executor(), shard,
                                                state_.generation);
    scope_.spawn(reader->run());
    readers_[shard.id] = std::move(reader);
  }
}

// --- End, reports ------------------------------------------------------------------------------

void Runner::interrupt() {
  stopping_ = true;
  wake_.notify_all();
  for (auto& [id, reader] : readers_) reader->wake();
  for (auto& outlet : outlets_) outlet->wake();
  if (settling_ != nullptr) settling_->interrupt();
}

Task<void> Runner::end() {
  interrupt();
  while (beginning_) co_await wake_.wait();
  co_await scope_.close();
  if (engine_ == nullptr || failed_ || is_behind_log_) co_return;
  // What cannot be delivered at once is left to the next start: the log has it.
  auto done = co_await deliver_all();
  if (done) done = co_await checkpoint(std::nullopt);
  if (!done) log::warning("application {}: {}", application_.name, done.error().message);
}

// Developer Guide for SQL, "Working with Amazon CloudWatch Logs": the form of a message.
void Runner::report(std::string code, std::string message) {
  TimePoint now = kernel_.clock.now();
  TimePoint& last = reports_[code];
  if (last != TimePoint{} && now < last + kReportInterval) return;
  last = now;
  log::warning("application {}: {}: {}", application_.name, code, message);
  kernel_.journal.record({.trace_id = trace_.trace_id,
                          .span_id = new_span_id(kernel_.random),
                          .parent_id = trace_.span_id,
                          .kind = "kinesisanalytics:" + code,
                          .resource = arn_,
                          .start = now,
                          .status = event::Span::Status::kError,
                          .detail = message});
  if (kernel_.logs == nullptr) return;
  boost::json::object line{
      {"applicationARN", arn_}, {"applicationVersionId", std::to_string(application_.version)},
      {"messageType", "ERROR"}, {"message", message},
      {"errorCode", code},      {"messageSchemaVersion", "1"}};
  for (const LoggingOption& option : application_.configuration.logging) {
    auto place = parse_log_stream(option.log_stream_arn);
    if (!place) continue;
    kernel_.logs->append(place->group, place->stream, {{now, boost::json::serialize(line)}});
  }
}

// Figures of the last interval, as a span of the application.
void Runner::record_metrics() {
  if (metrics_.records == reported_.records && metrics_.rows_out == reported_.rows_out) return;
  TimePoint now = kernel_.clock.now();
  kernel_.journal.record(
      {.trace_id = trace_.trace_id,
       .span_id = new_span_id(kernel_.random),
       .parent_id = trace_.span_id,
       .kind = "kinesisanalytics:Metrics",
       .resource = arn_,
       .start = now - kMetricsInterval,
       .duration = kMetricsInterval,
       .detail = fmt::format("Records={} Bytes={} Rejected={} RowsOut={} MillisBehindLatest={} "
                             "StateBytes={} Checkpoints={}",
                             metrics_.records - reported_.records, metrics_.bytes - reported_.bytes,
                             metrics_.rejected - reported_.rejected,
                             metrics_.rows_out - reported_.rows_out, metrics_.millis_behind,
                             engine_->state_bytes(), metrics_.checkpoints)});
  reported_ = metrics_;
}

}  // namespace suiro::analytics
