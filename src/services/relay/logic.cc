// SPDX-License-Identifier: Apache-2.0
#include "services/relay/logic.h"

#include <bit>

#include "base/log.h"

namespace suiro::relay {
namespace {

event::StreamFollower::Options options_of(const RelayConfig& config) {
  return {.stream_arn = config.source,
          .records_max = kWindowRecordsMax,
          .bytes_max = kWindowBytesMax,
          .backoff = {kRetryFirst, kRetryLongest}};
}

}  // namespace

Relay::Relay(event::Kernel& kernel, Executor executor, RelayConfig config, Send send)
    : kernel_(kernel),
      config_(std::move(config)),
      send_(std::move(send)),
      follower_(kernel, executor, options_of(config_), *this),
      status_{.name = config_.name,
              .source = config_.source,
              .endpoint = config_.endpoint,
              .stream = config_.stream} {}

Task<void> Relay::run() {
  return follower_.run();
}

RelayStatus Relay::status() const {
  std::lock_guard lock(mutex_);
  RelayStatus out = status_;
  TimePoint now = kernel_.clock.now();
  for (const auto& [shard, since] : waiting_since_) {
    auto age = static_cast<uint64_t>(std::max<int64_t>(0, (now - since).count()));
    out.millis_behind = std::max(out.millis_behind, age);
  }
  return out;
}

void Relay::waits(const std::string& shard, std::optional<TimePoint> oldest) {
  std::lock_guard lock(mutex_);
  if (oldest) {
    waiting_since_[shard] = *oldest;
  } else {
    waiting_since_.erase(shard);
    status_.last_error.clear();
  }
}

Task<Result<std::optional<event::FollowPosition>>> Relay::stored(std::string shard) {
  CO_TRY(auto entry, co_await kernel_.store.get(checkpoint_key(config_.name, shard)));
  if (!entry) co_return std::nullopt;
  CO_TRY(Checkpoint checkpoint, decode_checkpoint(entry->value));
  if (checkpoint.source != config_.source) co_return std::nullopt;
  co_return checkpoint.position;
}

Task<Result<event::StreamStart>> Relay::start() {
  using At = event::StreamStart::At;
  if (config_.start == Start::kTrimHorizon) co_return event::StreamStart{At::kTrimHorizon};
  if (!start_) {
    CO_TRY(Origin known, co_await origin());
    start_ = {At::kTimestamp, known.began};
  }
  co_return *start_;
}

// LATEST is the time at which the relay first looked at its source.
Task<Result<Origin>> Relay::origin() {
  store::Key key = origin_key(config_.name);
  CO_TRY(auto entry, co_await kernel_.store.get(key));
  if (entry) {
    CO_TRY(Origin known, decode_origin(entry->value));
    if (known.source == config_.source) co_return known;
  }
  Origin first{config_.source, kernel_.clock.now()};
  // Without an origin but with checkpoints: it began before origins were written.
  CO_TRY(auto page, co_await kernel_.store.scan({.range = checkpoints(config_.name)}));
  for (const store::Entry& row : page.entries) {
    CO_TRY(Checkpoint checkpoint, decode_checkpoint(row.value));
    if (checkpoint.source == config_.source) first.began = TimePoint();
  }
  store::Batch batch;
  batch.put(std::move(key), encode(first));
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  co_return first;
}

Task<Result<void>> Relay::take(std::string shard, std::vector<event::StreamRecord> records,
                               event::FollowPosition next) {
  CO_TRY_VOID(co_await send_all(shard, records));
  store::Batch batch;
  batch.put(checkpoint_key(config_.name, shard), encode(Checkpoint{config_.source, next}));
  auto done = co_await kernel_.store.commit(std::move(batch));
  if (!done) co_return fail(std::move(done).error());
  co_return ok();
}

Task<Result<void>> Relay::send_all(const std::string& shard,
                                   const std::vector<event::StreamRecord>& records) {
  if (records.empty()) co_return ok();
  TimePoint oldest = records.front().arrived;
  waits(shard, oldest);
  event::Backoff backoff{kRetryFirst, kRetryLongest};
  std::vector<size_t> waiting(records.size());
  for (size_t i = 0; i < waiting.size(); ++i) waiting[i] = i;
  uint32_t failures = 0;
  while (!waiting.empty()) {
    if (follower_.stopping()) co_return fail(codes::kClosed, "the relay stops", Retry::kLater);
    Micros begun = kernel_.clock.steady();
    size_t before = waiting.size();
    auto sent = co_await send_some(records, waiting);
    auto status = sent ? event::Span::Status::kOk : event::Span::Status::kError;
    kernel_.journal.count("relay:PutRecords", config_.source, status,
                          kernel_.clock.steady() - begun);
    // A call that was taken in part is progress: the next one need not wait long.
    failures = sent || waiting.size() < before ? 0 : failures;
    if (sent || follower_.stopping()) continue;
    ++failures;
    tell(fmt::format("{}: {}", sent.error().code, sent.error().message), failures);
    co_await follower_.pause(backoff.after(failures, kernel_.random));
  }
  // The journal's counters keep durations: the lag is counted as one.
  Millis lag = std::max(Millis(0), kernel_.clock.now() - oldest);
  kernel_.journal.count("relay:lag", config_.source, event::Span::Status::kOk, Micros(lag));
  waits(shard, std::nullopt);
  co_return ok();
}

Task<Result<void>> Relay::send_some(const std::vector<event::StreamRecord>& records,
                                    std::vector<size_t>& waiting) {
  CO_TRY(Credentials keys, load_credentials(config_.credentials, config_.profile));
  std::vector<size_t> chosen = next_call(records, waiting, config_.puts);
  http_out::Request request{.url = config_.endpoint + "/",
                            .headers = {{"Content-Type", "application/x-amz-json-1.1"},
                                        {"X-Amz-Target", "Kinesis_20131202.PutRecords"}},
                            .body = call_body(config_.stream, records, chosen),
                            .timeout = kCallTimeout,
                            .signer = http_out::AwsSigner{
                                config_.region, "kinesis", std::move(keys.access_key_id),
                                std::move(keys.secret_access_key), std::move(keys.session_token)}};
  CO_TRY(http_out::Reply reply, co_await send_(std::move(request)));
  CO_TRY(CallReply outcome, parse_call_reply(reply, chosen.size()));
  std::set<size_t> failed;
  for (size_t place : outcome.failed) failed.insert(chosen[place]);
  std::erase_if(chosen, [&](size_t index) { return failed.contains(index); });
  std::set<size_t> taken(chosen.begin(), chosen.end());
  std::erase_if(waiting, [&](size_t index) { return taken.contains(index); });
  count(records, chosen);
  if (!failed.empty()) {
    co_return fail(codes::kThrottled,
                   fmt::format("{} records were not taken: {}", failed.size(), outcome.reason),
                   Retry::kLater);
  }
  co_return ok();
}

void Relay::count(const std::vector<event::StreamRecord>& records,
                  const std::vector<size_t>& taken) {
  std::lock_guard lock(mutex_);
  status_.records += taken.size();
  for (size_t index : taken) status_.bytes += records[index].data.size();
}

void Relay::tell(const std::string& error, uint32_t failures) {
  // The first, second, fourth, ...: a target that is away for a day is not a line every minute.
  if (std::has_single_bit(failures)) log::warning("relay {}: {}", config_.name, error);
  std::lock_guard lock(mutex_);
  ++status_.retries;
  status_.last_error = error;
}

}  // namespace suiro::relay
