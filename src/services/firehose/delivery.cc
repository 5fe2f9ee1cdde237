// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/delivery.h"

#include "base/blocking.h"
#include "base/log.h"
#include "services/firehose/errors.h"

namespace suiro::firehose {
namespace {

const S3Target& target_of(const Destination& destination, LaneKind kind) {
  if (kind == LaneKind::kBackup && destination.backup) return *destination.backup;
  return destination.s3;
}

Buffering ready_buffering(const Destination& destination) {
  return destination.s3.buffering;
}
Buffering backup_buffering(const Destination& destination) {
  return target_of(destination, LaneKind::kBackup).buffering;
}

std::string error_type_of(const Destination& destination, LaneKind kind) {
  if (kind == LaneKind::kUnprocessed) return "processing-failed";
  return destination.kind == Kind::kHttp ? "http-endpoint-failed"
                                         : "AmazonOpenSearchService-failed";
}

bool is_error_lane(LaneKind kind) {
  return kind == LaneKind::kUnprocessed || kind == LaneKind::kUndelivered;
}

std::string_view content_type_of(Compression compression) {
  switch (compression) {
    case Compression::kGzip:
      return "application/x-gzip";
    case Compression::kZip:
      return "application/zip";
    default:
      return "application/octet-stream";
  }
}

}  // namespace

Task<std::optional<Cut>> Delivery::next(StatePtr state, LaneKind kind, BufferingOf buffering_of) {
  Lane& lane = state->lane(kind);
  Clock& clock = context_.kernel.clock;
  while (!state->closing) {
    if (auto attempt = state->attempts.find(kind); attempt != state->attempts.end()) {
      if (auto cut = lane.cut_until(attempt->second.last_block)) co_return cut;
    }
    Buffering buffering = buffering_of(*state->destination);
    auto oldest = lane.oldest();
    bool due = oldest && (lane.bytes() >= buffering.size_bytes ||
                          *oldest + buffering.interval <= clock.now());
    if (due) {
      if (auto cut = lane.cut(buffering.size_bytes)) co_return cut;
      co_await lane.grown.wait();  // the oldest blocks stand behind one in flight
    } else if (oldest) {
      co_await lane.grown.wait_until(clock, *oldest + buffering.interval);
    } else {
      co_await lane.grown.wait();
    }
  }
  co_return std::nullopt;
}

Task<Result<Load>> Delivery::read(StatePtr state, LaneKind kind, Cut cut) {
  Load load;
  auto take = [&load](ReadBlock read) -> Result<void> {
    if (load.records.empty()) load.cause = read.block.cause;
    uint32_t index = 0;
    for (Bytes& record : read.block.records) {
      load.places.push_back({read.number, index++});
      load.records.push_back(std::move(record));
      load.arrivals.push_back(read.block.arrived);
      load.queued.push_back(read.block.queued);
    }
    return ok();
  };
  CO_TRY_VOID(co_await read_blocks(
      context_.kernel.store, keys::blocks(state->record.id, kind, cut.first, cut.last), take));
  co_return load;
}

Task<void> Delivery::pause(StatePtr state, LaneKind kind, uint32_t failures) {
  Clock& clock = context_.kernel.clock;
  event::Backoff backoff{kRetryFirst, kRetryLongest};
  TimePoint until = clock.now() + backoff.after(failures, context_.kernel.random);
  while (!state->closing && clock.now() < until) {
    co_await state->lane(kind).grown.wait_until(clock, until);
  }
}

void Delivery::consume(store::Batch& batch, const StreamState& state, LaneKind kind,
                       const Cut& cut) const {
  batch.erase_range(keys::blocks(state.record.id, kind, cut.first, cut.last));
  batch.erase_range(keys::facts(state.record.id, kind, cut.first, cut.last));
  if (state.attempts.contains(kind)) batch.erase(keys::attempt(state.record.id, kind));
}

void Delivery::consumed(StreamState& state, LaneKind kind, const Cut& cut) const {
  state.lane(kind).drop(cut);
  state.attempts.erase(kind);
}

Task<Result<void>> Delivery::remember(StatePtr state, LaneKind kind, Attempt attempt) {
  store::Batch batch;
  batch.put(keys::attempt(state->record.id, kind), encode(attempt));
  state->attempts[kind] = std::move(attempt);
  auto done = co_await context_.kernel.store.commit(std::move(batch));
  if (!done) co_return fail(std::move(done).error());
  co_return ok();
}

event::Span Delivery::span_of(const StreamState& state, const TraceContext& cause,
                              TimePoint start) const {
  TraceContext trace =
      cause.trace_id.empty() ? TraceContext::begin(start, context_.kernel.random) : cause;
  return {.trace_id = trace.trace_id,
          .span_id = new_span_id(context_.kernel.random),
          .parent_id = trace.span_id,
          .kind = "firehose:Delivery",
          .resource = state.arn,
          .start = start};
}

void Delivery::report(const StreamState& state, const LogPlace& place, event::Span span,
                      const Error& error) {
  span.status = event::Span::Status::kError;
  span.duration = context_.kernel.clock.now() - span.start;
  span.detail = fmt::format("{}: {}", error.code, error.message);
  context_.kernel.journal.record(span);
  log::warning("{}: {}", state.arn, span.detail);
  context_.log(place, state.arn, error.code, error.message);
}

Task<void> ObjectDelivery::run(StatePtr state, LaneKind kind) {
  Running running(state);
  auto buffering = kind == LaneKind::kBackup ? backup_buffering : ready_buffering;
  uint32_t failures = 0;
  while (auto cut = co_await delivery_.next(state, kind, buffering)) {
    auto done = co_await deliver(state, kind, *cut);
    failures = done ? 0 : failures + 1;
    if (failures != 0) co_await delivery_.pause(state, kind, failures);
  }
}

Task<Result<void>> ObjectDelivery::deliver(StatePtr state, LaneKind kind, Cut cut) {
  // The body, and what it is compressed to.
  uint64_t bytes = 2 * cut.bytes;
  Budget& budget = context_.shard().budget;
  co_await budget.take(bytes);
  auto done = co_await write(state, kind, cut);
  budget.give(bytes);
  co_return done;
}

// The bucket's policy may deny the stream's role to write there.
Result<void> ObjectDelivery::permit(const S3Target& target,
                                    const event::ObjectWriter::ObjectToWrite& object) const {
  if (context_.policies == nullptr) return ok();
  const event::Kernel& kernel = context_.kernel;
  return context_.policies->permit(
      {.service = "firehose.amazonaws.com",
       .role_arn = target.role_arn,
       .account = kernel.account,
       .action = "s3:PutObject",
       .resource = fmt::format("arn:aws:s3:::{}/{}", object.bucket, object.key),
       .now = kernel.clock.now()});
}

Task<Result<void>> ObjectDelivery::write(StatePtr state, LaneKind kind, Cut cut) {
  event::Kernel& kernel = context_.kernel;
  if (kernel.lake == nullptr) co_return fail(codes::kUnavailable, "no lake is wired");
  DestinationPtr destination = state->destination;
  const S3Target& target = target_of(*destination, kind);
  TimePoint start = kernel.clock.now();
  CO_TRY(Load load, co_await delivery_.read(state, kind, cut));
  Bytes body;
  body.reserve(cut.bytes + load.records.size() * destination->delimiter.size());
  for (const Bytes& record : load.records) {
    body += record;
    if (kind == LaneKind::kReady) body += destination->delimiter;
  }
  size_t records = load.records.size();
  event::Span span = delivery_.span_of(*state, load.cause, start);
  load = {};
  if (target.compression != Compression::kNone) {
    auto work = [compression = target.compression, bytes = std::move(body)]() mutable {
      return compress(compression, std::move(bytes));
    };
    CO_TRY(body, co_await on_pool(context_.pool, std::move(work)));
  }
  event::ObjectWriter::ObjectToWrite object{
      .bucket = target.bucket,
      .key = key_of(*state, kind, cut.arrived),
      .content_type = std::string(content_type_of(target.compression)),
      .data = std::move(body)};
  span.duration = kernel.clock.now() - start;
  span.detail = fmt::format("{} records to s3://{}/{}", records, object.bucket, object.key);
  store::Batch also;
  delivery_.consume(also, *state, kind, cut);
  kernel.journal.record(also, span);
  TraceContext trace{span.trace_id, span.span_id};
  auto done = permit(target, object);
  if (done) done = co_await kernel.lake->write(std::move(object), std::move(also), trace);
  if (!done) {
    Error error = std::move(done).error();
    error.code = "S3." + error.code;
    delivery_.report(*state, target.log, std::move(span), error);
    co_return fail(std::move(error));
  }
  delivery_.consumed(*state, kind, cut);
  co_return ok();
}

std::string ObjectDelivery::key_of(const StreamState& state, LaneKind kind, TimePoint arrived) {
  const Destination& destination = *state.destination;
  const S3Target& target = target_of(destination, kind);
  bool errors = is_error_lane(kind);
  const Prefix& prefix = errors ? target.error_prefix : target.prefix;
  PrefixFacts facts{arrived, errors ? error_type_of(destination, kind) : ""};
  Random& random = context_.kernel.random;
  std::string suffix =
      object_suffix(state.record.name, state.record.version,
                    arrived + target.zone.offset_at(arrived), random.uuid(), target.extension);
  return prefix.evaluate(facts, target.zone, random) + suffix;
}

}  // namespace suiro::firehose
