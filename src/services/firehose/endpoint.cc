// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/endpoint.h"

#include "base/digest.h"
#include "services/firehose/errors.h"

namespace suiro::firehose {
namespace {

Buffering endpoint_buffering(const Destination& destination) {
  return destination.http ? destination.http->buffering : destination.search->buffering;
}

Millis retry_of(const Destination& destination) {
  return destination.http ? destination.http->retry : destination.search->retry;
}

}  // namespace

std::string request_id_of(StreamId stream, const Cut& cut) {
  Bytes name;
  append_be64(name, stream.value());
  append_be64(name, cut.first);
  append_be64(name, cut.last);
  std::string hex = hex_encode(sha256(name).substr(0, 16));
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

Task<void> EndpointDelivery::run(StatePtr state) {
  Running running(state);
  uint32_t failures = 0;
  if (auto known = state->attempts.find(LaneKind::kReady); known != state->attempts.end()) {
    failures = known->second.made;
    co_await delivery_.pause(state, LaneKind::kReady, failures);
  }
  while (auto cut = co_await delivery_.next(state, LaneKind::kReady, endpoint_buffering)) {
    Budget& budget = context_.shard().budget;
    uint64_t bytes = 4 * cut->bytes;  // records, their base64, compressed
    co_await budget.take(bytes);
    auto done = co_await deliver(state, *cut);
    budget.give(bytes);
    failures = done ? 0 : failures + 1;
    if (failures != 0) co_await delivery_.pause(state, LaneKind::kReady, failures);
  }
}

Task<Result<void>> EndpointDelivery::deliver(StatePtr state, Cut cut) {
  DestinationPtr destination = state->destination;
  Work work{.state = state, .cut = cut, .load = {}, .attempt = {}, .span = {}};
  TimePoint start = context_.kernel.clock.now();
  CO_TRY(work.load, co_await delivery_.read(state, LaneKind::kReady, cut));
  work.span = delivery_.span_of(*state, work.load.cause, start);
  if (auto known = state->attempts.find(LaneKind::kReady); known != state->attempts.end()) {
    work.attempt = known->second;
  } else {
    work.attempt = {
        .last_block = cut.last, .request_id = request_id_of(state->record.id, cut), .first = start};
  }
  ++work.attempt.made;
  std::vector<uint32_t> indexes = work.attempt.remaining;
  if (indexes.empty()) {
    for (uint32_t i = 0; i < work.load.records.size(); ++i) indexes.push_back(i);
  }
  auto endpoint = destination->http ? make_http_endpoint(context_) : make_search_endpoint(context_);
  AttemptOutcome outcome =
      co_await endpoint->send({*state, *destination, work.load, std::move(indexes),
                               work.attempt.request_id, work.attempt.made});
  // What ends because the stream or the server ends is no attempt: it is sent again.
  if (state->closing && !outcome.failures.empty()) co_return fail(codes::kClosed, "closing");
  co_return co_await settle(std::move(work), std::move(outcome));
}

Bytes EndpointDelivery::line_of(const Work& work, const AttemptOutcome::Failure& failure) const {
  return failed_line({.attempts = work.attempt.made,
                      .arrived = work.load.arrivals[failure.index],
                      .ended = context_.kernel.clock.now(),
                      .code = failure.code,
                      .message = failure.message,
                      .data = work.load.records[failure.index],
                      .more = failure.more});
}

Task<Result<void>> EndpointDelivery::settle(Work work, AttemptOutcome outcome) {
  StatePtr state = work.state;
  TimePoint now = context_.kernel.clock.now();
  bool over = now - work.attempt.first >= retry_of(*state->destination);
  std::vector<Bytes> lines;
  work.attempt.remaining.clear();
  for (const auto& failure : outcome.failures) {
    if (failure.repeat && !over) {
      work.attempt.remaining.push_back(failure.index);
    } else {
      lines.push_back(line_of(work, failure));
    }
  }
  bool ended = work.attempt.remaining.empty();
  store::Batch batch;
  Intake::Write write(state, now);
  TraceContext trace{work.span.trace_id, work.span.span_id};
  write.add(batch, LaneKind::kUndelivered, lines, work.cut.arrived, trace);
  if (ended) {
    delivery_.consume(batch, *state, LaneKind::kReady, work.cut);
    work.span.duration = now - work.span.start;
    work.span.detail = fmt::format("{} records, {} given up, attempt {}", work.load.records.size(),
                                   lines.size(), work.attempt.made);
    if (!lines.empty()) work.span.status = event::Span::Status::kError;
    context_.kernel.journal.record(batch, work.span);
  } else {
    batch.put(keys::attempt(state->record.id, LaneKind::kReady), encode(work.attempt));
  }
  auto done = co_await context_.kernel.store.commit(std::move(batch));
  if (!done) {
    write.abort();
    co_return fail(std::move(done).error());
  }
  write.hold();
  if (!outcome.failures.empty()) {
    const auto& first = outcome.failures.front();
    delivery_.report(*state, state->destination->log, work.span, {first.code, first.message});
  }
  if (ended) {
    delivery_.consumed(*state, LaneKind::kReady, work.cut);
    co_return ok();
  }
  state->attempts[LaneKind::kReady] = std::move(work.attempt);
  co_return fail(codes::kUnavailable, "records remain to be delivered", Retry::kLater);
}

}  // namespace suiro::firehose
