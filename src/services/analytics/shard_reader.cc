// SPDX-License-Identifier: Apache-2.0
#include "services/analytics/shard_reader.h"

#include <fmt/format.h>

#include "kernel/event/backoff.h"

namespace suiro::analytics {
namespace {

constexpr event::Backoff kReadBackoff{Millis(200), Millis(5'000)};

size_t size_of(const std::vector<event::StreamRecord>& records) {
  size_t bytes = 0;
  for (const auto& record : records) bytes += record.data.size();
  return bytes;
}

}  // namespace

Fetched ShardReader::take() {
  Fetched out = std::move(ready_.front());
  ready_.pop_front();
  ready_bytes_ -= out.size_bytes;
  changed_.notify_all();
  return out;
}

Task<void> ShardReader::pause(uint32_t failures) {
  TimePoint until =
      context_.kernel.clock.now() + kReadBackoff.after(failures, context_.kernel.random);
  while (!context_.stopping() && context_.kernel.clock.now() < until) {
    co_await changed_.wait_until(context_.kernel.clock, until);
  }
}

Task<void> ShardReader::run() {
  uint32_t failures = 0;
  while (!context_.stopping() && shard_.life == ShardState::Life::kOpen) {
    if (ready_bytes_ >= kAheadBytesMax) {
      co_await changed_.wait();
      continue;
    }
    auto done = co_await read_once();
    if (done) {
      failures = 0;
      continue;
    }
    gone_ = done.error().code == codes::kNotFound;
    if (++failures == 1) {
      context_.report("Input.ReadFailed", fmt::format("shard {} of {}: {}", shard_.id,
                                                      context_.stream_arn, done.error().message));
    }
    if (gone_) co_return;
    co_await pause(failures);
  }
}

Task<Result<void>> ShardReader::read_once() {
  CO_TRY(auto batch,
         co_await context_.source->read({.place = {context_.stream_arn, shard_.id, generation_},
                                         .from = shard_.next,
                                         .records_max = kReadRecordsMax,
                                         .bytes_max = kReadBytesMax,
                                         .wait = kReadWait}));
  bool is_news = !batch.records.empty() || batch.ended;
  if (!is_news) {
    shard_.next = batch.next;
    co_return ok();
  }
  Fetched fetched{
      .piece = {.shard = shard_.id,
                .lane = shard_.lane,
                .from = shard_.next,
                .to = batch.next,
                .life = batch.ended ? ShardState::Life::kEnded : ShardState::Life::kOpen},
      .size_bytes = size_of(batch.records),
      .millis_behind = batch.millis_behind};
  if (!batch.records.empty()) fetched.piece.from = batch.records.front().position;
  fetched.records =
      std::make_shared<const std::vector<event::StreamRecord>>(std::move(batch.records));
  if (context_.function && !fetched.records->empty()) {
    CO_TRY_VOID(co_await process(fetched));
  }
  shard_.next = fetched.piece.to;
  shard_.life = fetched.piece.life;
  ready_bytes_ += fetched.size_bytes;
  ready_.push_back(std::move(fetched));
  context_.on_ready();
  co_return ok();
}

Task<Result<void>> ShardReader::process(Fetched& fetched) {
  const auto& records = *fetched.records;
  FunctionCall call = *context_.function;
  call.shard_id = shard_.id;
  auto& processed = fetched.piece.processed.emplace();
  uint32_t failures = 0;
  for (size_t begin = 0; begin < records.size();) {
    size_t end = begin, bytes = 0;
    while (end < records.size() && end - begin < kCallRecordsMax &&
           (end == begin || bytes + records[end].data.size() <= kCallBytesMax)) {
      bytes += records[end++].data.size();
    }
    auto outcome = co_await process_records(context_.kernel, call, {&records[begin], end - begin},
                                            context_.cause);
    if (context_.stopping()) co_return fail(codes::kClosed, "the application stops");
    if (!outcome) {
      if (++failures == 1) {
        context_.report("InputProcessing.Failed",
                        fmt::format("{}: {}", call.function_arn, outcome.error().message));
      }
      co_await pause(failures);
      continue;
    }
    failures = 0;
    std::ranges::move(*outcome, std::back_inserter(processed));
    begin = end;
  }
  co_return ok();
}

}  // namespace suiro::analytics
