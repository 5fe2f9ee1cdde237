// SPDX-License-Identifier: Apache-2.0
#include "kernel/event/dispatcher.h"

#include "kernel/event/dispatch_shard.h"

namespace suiro::event {
namespace {

constexpr size_t kCountPageRows = 1000;

// The event goes back into the log of its target, where the lane takes its turn.
Task<Result<void>> return_to_log(store::Store& store, Timer timer, store::Batch consume) {
  CO_TRY(Event event, decode_event(timer.payload));
  consume.append(lane_prefix(lane_of(event.target_arn)), std::move(timer.payload));
  CO_TRY_VOID(co_await store.commit(std::move(consume)));
  co_return ok();
}

}  // namespace

Dispatcher::Dispatcher(DispatchParts parts) : parts_(parts) {
  for (size_t i = 0; i < parts_.shards.size(); ++i) {
    shards_.push_back(std::make_unique<DispatchShard>(parts_, counts_, i));
  }
  parts_.timers.handle("event.retry", [&store = parts_.store](Timer timer, store::Batch consume) {
    return return_to_log(store, std::move(timer), std::move(consume));
  });
  parts_.store.observe_appends(log_prefix(),
                               [this, gate = gate_](std::vector<store::AppendedRecord> records) {
                                 gate->pass([&] { observe(std::move(records)); });
                               });
}

Dispatcher::~Dispatcher() {
  gate_->close();
}

void Dispatcher::observe(std::vector<store::AppendedRecord> records) {
  for (auto& record : records) {
    shards_[lane_of_key(record.key) % shards_.size()]->offer(std::move(record));
  }
}

Task<Result<void>> Dispatcher::start() {
  gate_->open();
  CO_TRY_VOID(co_await discover());
  for (size_t i = 0; i < shards_.size(); ++i) {
    co_await run_on(parts_.shards.executor(i), [shard = shards_[i].get()]() -> Task<void> {
      shard->discovered();
      co_return;
    });
  }
  co_return ok();
}

// Finds the lanes that have records: one seek a lane, however many records it has.
Task<Result<void>> Dispatcher::discover() {
  store::KeyRange range = store::KeyRange::prefix(log_prefix());
  for (;;) {
    CO_TRY(auto page, co_await parts_.store.scan({.range = range, .rows_max = 1}));
    if (page.entries.empty()) co_return ok();
    LaneId lane = lane_of_key(page.entries.front().key);
    size_t owner = lane % shards_.size();
    co_await run_on(parts_.shards.executor(owner),
                    [shard = shards_[owner].get(), lane]() -> Task<void> {
                      shard->found(lane);
                      co_return;
                    });
    range.begin = store::KeyRange::prefix(lane_prefix(lane)).end;
  }
}

Task<void> Dispatcher::stop() {
  gate_->close();
  for (size_t i = 0; i < shards_.size(); ++i) {
    co_await run_on(parts_.shards.executor(i),
                    [shard = shards_[i].get()] { return shard->stop(); });
  }
}

Task<Result<uint64_t>> Dispatcher::pending() {
  store::KeyRange range = store::KeyRange::prefix(log_prefix());
  uint64_t count = 0;
  for (;;) {
    CO_TRY(auto page, co_await parts_.store.scan({.range = range, .rows_max = kCountPageRows}));
    count += page.entries.size();
    if (!page.more || page.entries.empty()) co_return count;
    range.begin = page.entries.back().key + '\0';
  }
}

}  // namespace suiro::event
