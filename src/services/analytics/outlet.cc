// SPDX-License-Identifier: Apache-2.0
#include "services/analytics/outlet.h"

#include <fmt/format.h>

#include "kernel/event/backoff.h"

namespace suiro::analytics {
namespace {

constexpr event::Backoff kBackoff{Millis(100), Millis(10'000)};

sql::OutputFormat format_of(Format format) {
  return format == Format::kCsv ? sql::OutputFormat::kCsv : sql::OutputFormat::kJson;
}

}  // namespace

Outlet::Outlet(const OutletContext& context, Executor executor, Output output, size_t stream,
               store::Key delivered_key)
    : context_(context),
      output_(std::move(output)),
      stream_(stream),
      delivered_key_(std::move(delivered_key)),
      changed_(executor) {}

void Outlet::restore(uint64_t made, uint64_t delivered) {
  made_ = made;
  delivered_ = std::max(made, delivered);
}

void Outlet::add(const sql::Schema& schema, const sql::Rows& rows) {
  for (size_t row = 0; row < rows.size(); ++row) {
    if (++made_ <= delivered_) continue;
    Bytes text;
    sql::format_row(schema, rows, row, format_of(output_.format), text, context_.layout);
    if (output_.format == Format::kCsv) text += '\n';
    pending_bytes_ += text.size();
    pending_.push_back(std::move(text));
  }
}

bool Outlet::due(TimePoint now) const {
  if (pending_.empty()) return false;
  return output_.kind != Destination::kFunction || pending_bytes_ >= kFunctionBytesWaiting ||
         now >= due_at();
}

store::Batch Outlet::delivered_batch(uint64_t rows) const {
  store::Batch batch;
  batch.put(delivered_key_, encode(Delivered{.rows = rows}));
  return batch;
}

void Outlet::forget(size_t records) {
  for (size_t i = 0; i < records; ++i) {
    pending_bytes_ -= pending_.front().size();
    pending_.pop_front();
  }
  delivered_ += records;
}

Task<Result<void>> Outlet::pause(uint32_t failures) {
  TimePoint until = context_.kernel.clock.now() + kBackoff.after(failures, context_.kernel.random);
  while (!context_.stopping() && context_.kernel.clock.now() < until) {
    co_await changed_.wait_until(context_.kernel.clock, until);
  }
  if (context_.stopping()) co_return fail(codes::kClosed, "the application stops");
  co_return ok();
}

Task<Result<void>> Outlet::deliver() {
  uint32_t failures = 0;
  size_t records_max = kAppendRecordsMax;
  while (!pending_.empty()) {
    size_t records = 0, bytes = 0;
    while (records < pending_.size() && records < records_max &&
           (records == 0 || bytes + pending_[records].size() <= kAppendBytesMax)) {
      bytes += pending_[records++].size();
    }
    auto done = output_.kind == Destination::kFunction ? co_await call() : co_await append(records);
    if (done) {
      failures = 0;
      records_max = kAppendRecordsMax;
      continue;
    }
    const Error& error = done.error();
    if (error.code == codes::kUnavailable || error.code == codes::kClosed) co_return done;
    if (error.code == codes::kTooLarge && records > 1) {
      records_max = records / 2;
      continue;
    }
    if (error.code == codes::kTooLarge) {
      CO_TRY_VOID(co_await skip_first(error));
      continue;
    }
    if (++failures == 1) {
      context_.report("Output.DeliveryFailed", fmt::format("output {} to {}: {}", output_.id,
                                                           output_.target.arn, error.message));
    }
    CO_TRY_VOID(co_await pause(failures));
  }
  co_return ok();
}

Task<Result<void>> Outlet::append(size_t records) {
  CO_TRY(auto* sink, context_.kernel.targets.sink(output_.target.arn));
  std::vector<event::SinkRecord> rows;
  rows.reserve(records);
  for (size_t i = 0; i < records; ++i) {
    // A key of its own for each row spreads them over the shards of a stream.
    rows.push_back({pending_[i], std::to_string(delivered_ + 1 + i)});
  }
  store::Batch also = delivered_batch(delivered_ + records);
  context_.add_log(also);
  CO_TRY_VOID(
      co_await sink->append(output_.target.arn, std::move(rows), std::move(also), context_.cause));
  context_.logged();
  forget(records);
  co_return ok();
}

Task<Result<void>> Outlet::commit_delivered(size_t records) {
  store::Batch batch = delivered_batch(delivered_ + records);
  context_.add_log(batch);
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  context_.logged();
  forget(records);
  co_return ok();
}

Task<Result<void>> Outlet::skip_first(const Error& error) {
  context_.report("Output.RecordTooLarge",
                  fmt::format("output {} to {}: a row of {} bytes was left out: {}", output_.id,
                              output_.target.arn, pending_.front().size(), error.message));
  return commit_delivered(1);
}

// What a call leaves behind cannot be taken back: the log of the steps is durable before it.
Task<Result<void>> Outlet::call() {
  CO_TRY(auto* caller, context_.kernel.targets.caller(output_.target.arn));
  last_call_ = context_.kernel.clock.now();
  CO_TRY_VOID(co_await commit_delivered(0));
  std::vector<DeliveryRecord> left;
  for (size_t i = 0, bytes = 0; i < pending_.size() && i < kCallRecordsMax; ++i) {
    bytes += pending_[i].size();
    if (i > 0 && bytes > kCallBytesMax) break;
    left.push_back({delivered_ + 1 + i, 0, pending_[i]});
  }
  const size_t records = left.size();
  FunctionCall call{.caller = caller,
                    .function_arn = output_.target.arn,
                    .application_arn = context_.application_arn};
  for (uint32_t failures = 0; !left.empty();) {
    CO_TRY(left, co_await deliver_records(context_.kernel, call, std::move(left), context_.cause));
    if (left.empty()) break;
    if (++failures == 1) {
      context_.report("Output.DeliveryFailed",
                      fmt::format("output {}: {} refused {} records", output_.id,
                                  output_.target.arn, left.size()));
    }
    CO_TRY_VOID(co_await pause(failures));
  }
  co_return co_await commit_delivered(records);
}

}  // namespace suiro::analytics
