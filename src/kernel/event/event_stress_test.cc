// SPDX-License-Identifier: Apache-2.0
// Real threads: what the single-threaded simulation cannot interleave. Producers on every shard
// outrun the targets, so that lanes fall behind while records arrive and scans run.
#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "kernel/event/testing.h"

namespace suiro::event {
namespace {

constexpr size_t kShards = 3;
constexpr int kBatches = 40;
constexpr int kEventsInBatch = 50;
constexpr int kTimersInBatch = 20;
constexpr size_t kEventsInAll = kShards * kBatches * kEventsInBatch;
constexpr size_t kTimersInAll = kShards * kBatches * kTimersInBatch;

class Ledger final : public Target {
 public:
  explicit Ledger(store::Store& store) : store_(store) {}
  Task<Result<void>> deliver(Event event, store::Batch consume) override {
    std::string id = event.id;
    consume.append("x/", id);
    auto committed = co_await store_.commit(std::move(consume));
    if (!committed) co_return std::unexpected(committed.error());
    note(id);
    co_return ok();
  }
  Task<Result<void>> accepts(std::string, Sender) override { co_return ok(); }

  void note(const std::string& id) {
    std::lock_guard lock(mutex_);
    ++seen_[id];
  }
  size_t distinct() const {
    std::lock_guard lock(mutex_);
    return seen_.size();
  }
  int most() const {
    std::lock_guard lock(mutex_);
    int most = 0;
    for (const auto& [id, times] : seen_) most = std::max(most, times);
    return most;
  }

 private:
  store::Store& store_;
  mutable std::mutex mutex_;
  std::map<std::string, int> seen_;
};

Task<void> produce(Kernel& kernel, size_t shard) {
  for (int b = 0; b < kBatches; ++b) {
    store::Batch batch;
    for (int i = 0; i < kEventsInBatch; ++i) {
      emit(batch,
           {.id = fmt::format("e{}-{}-{}", shard, b, i),
            .target_arn = fmt::format("arn:aws:sqs:r:0:q{}", i % 2),
            .payload = std::string(200, 'p'),
            .at = kernel.clock.now()},
           kernel.random);
    }
    for (int i = 0; i < kTimersInBatch; ++i) {
      kernel.timers.set(batch, {.kind = "stress",
                                .owner = fmt::format("o{}", i),
                                .id = fmt::format("t{}-{}-{}", shard, b, i),
                                .due = kernel.clock.now() + Millis(i * 13 % 300),
                                .payload = {}});
    }
    auto committed = co_await kernel.store.commit(std::move(batch));
    EXPECT_TRUE(committed);
  }
}

TEST(EventStress, EventsAndTimersOnceEachUnderThreads) {
  RealKernel real(kShards);
  Ledger events(real.store());
  Ledger timers(real.store());
  real.kernel().targets.add_target("sqs", &events);
  auto fire = [](Ledger& ledger, store::Store& store, Timer timer,
                 store::Batch consume) -> Task<Result<void>> {
    CO_TRY_VOID(co_await store.commit(std::move(consume)));
    ledger.note(timer.id);
    co_return ok();
  };
  real.kernel().timers.handle("stress", [&](Timer timer, store::Batch consume) {
    return fire(timers, real.store(), std::move(timer), std::move(consume));
  });
  // Half is there before the start, half arrives while the start's scans run.
  real.run(produce(real.kernel(), 0));
  std::vector<std::future<void>> producers;
  for (size_t shard = 1; shard < kShards; ++shard) {
    producers.push_back(asio::co_spawn(real.shards().executor(shard), produce(real.kernel(), shard),
                                       asio::use_future));
  }
  real.start();
  for (auto& producer : producers) producer.get();
  RealClock clock;
  TimePoint deadline = clock.now() + std::chrono::seconds(60);
  while ((events.distinct() < kEventsInAll || timers.distinct() < kTimersInAll) &&
         clock.now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(events.distinct(), kEventsInAll);
  EXPECT_EQ(timers.distinct(), kTimersInAll);
  EXPECT_EQ(events.most(), 1);
  EXPECT_EQ(timers.most(), 1);
  EXPECT_EQ(*real.run(real.runtime().dispatcher().pending()), 0u);
  real.stop();
}

}  // namespace
}  // namespace suiro::event
