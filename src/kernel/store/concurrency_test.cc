// SPDX-License-Identifier: Apache-2.0
// Many coroutines on several shards: conditions under contention, views that hold still, observers
// in order. Made to run under the thread sanitizer too.
#include <gtest/gtest.h>

#include "kernel/store/testing.h"

namespace suiro::store {
namespace {

constexpr size_t kShards = 4;
constexpr size_t kWorkers = 16;
constexpr int kRounds = 60;

uint64_t number_of(const std::optional<Entry>& entry) {
  return entry ? std::stoull(entry->value) : 0;
}

// Adds one to the counter and its twin, under a condition on the version that was read.
Task<Result<bool>> increment(Store& store, Key key) {
  CO_TRY(auto entry, co_await store.get("c/" + key));
  Bytes next = std::to_string(number_of(entry) + 1);
  Batch batch;
  batch.require_version("c/" + key, entry ? entry->version : Version());
  batch.put("c/" + key, next);
  batch.put("d/" + key, next);
  batch.append("log/", next);
  auto receipt = co_await store.commit(std::move(batch));
  if (receipt) co_return true;
  if (receipt.error().code == codes::kConditionFailed) co_return false;
  co_return fail(receipt.error());
}

// In every view a counter equals its twin.
Task<Result<void>> look(Store& store) {
  auto view = store.snapshot();
  CO_TRY(ScanPage counters, co_await view->scan({.range = KeyRange::prefix("c/")}));
  CO_TRY(ScanPage twins, co_await view->scan({.range = KeyRange::prefix("d/")}));
  EXPECT_EQ(counters.entries.size(), twins.entries.size());
  for (size_t i = 0; i < counters.entries.size(); ++i) {
    const Entry& one = counters.entries[i];
    EXPECT_EQ(one.value, twins.entries[i].value);
    EXPECT_EQ(one.version, twins.entries[i].version);
    EXPECT_LE(one.version.value(), view->sequence());
    CO_TRY(auto again, co_await view->get(one.key));
    EXPECT_EQ(again->value, one.value);
  }
  co_return ok();
}

Task<uint64_t> work(Store& store, uint64_t seed) {
  SeededRandom random(seed);
  uint64_t increments = 0;
  for (int round = 0; round < kRounds; ++round) {
    Executor before = co_await asio::this_coro::executor;
    auto done = co_await increment(store, std::to_string(random.below(3)));
    EXPECT_TRUE(before.running_in_this_thread()) << "a waiter resumes on its own shard";
    EXPECT_TRUE(done) << (done ? "" : done.error().message);
    increments += done && *done ? 1 : 0;
    if (random.below(8) == 0) {
      auto looked = co_await look(store);
      EXPECT_TRUE(looked) << (looked ? "" : looked.error().message);
    }
    if (random.below(8) == 0) {
      Batch batch;
      batch.put("later/" + std::to_string(seed), "x");
      store.commit_later(std::move(batch));
    }
    if (random.below(16) == 0) {
      auto writer = store.write_blob();
      auto written = co_await writer->append(Bytes(random.below(400'000), 'x'));
      EXPECT_TRUE(written);
      auto pending = co_await writer->finish();
      EXPECT_TRUE(pending);
    }
  }
  co_return increments;
}

TEST(StoreConcurrency, ShardsContend) {
  Shards shards(kShards);
  TestStore store;
  std::vector<AppendedRecord> told;  // the committer's thread only, until the store is closed
  store->observe_appends("log/", [&](std::vector<AppendedRecord> records) {
    std::ranges::move(records, std::back_inserter(told));
  });
  shards.start();
  std::vector<std::future<uint64_t>> workers;
  for (size_t i = 0; i < kWorkers; ++i) {
    workers.push_back(
        asio::co_spawn(shards.executor(i % kShards), work(*store, i), asio::use_future));
  }
  uint64_t increments = 0;
  for (auto& worker : workers) increments += worker.get();
  uint64_t sum = 0;
  for (Key key : {"c/0", "c/1", "c/2"}) sum += number_of(*run(shards, 0, store->get(key)));
  EXPECT_EQ(sum, increments) << "no increment was lost, none was counted twice";
  store.reopen();
  EXPECT_EQ(told.size(), increments);
  EXPECT_TRUE(std::ranges::is_sorted(told, {}, &AppendedRecord::key));
  EXPECT_TRUE(run(shards, 0, look(*store)));
  for (size_t i = 0; i < kWorkers; ++i) {
    // What nobody waited for was committed before the store was closed.
    auto later = run(shards, 1, store->get("later/" + std::to_string(i)));
    EXPECT_TRUE(later);
  }
  store.close();
  shards.stop();
}

// An observer holds up the committer, so that the queue fills. The batches fail their condition in
// the end: only the queue is loaded, not the disk.
TEST(StoreConcurrency, AFullQueueRefuses) {
  Shards shards(1);
  TestStore store;
  std::promise<void> held, go_on;
  store->observe_appends("log/", [&](const std::vector<AppendedRecord>&) {
    held.set_value();
    go_on.get_future().wait();
  });
  Batch first;
  first.append("log/", "x");
  store->commit_later(std::move(first));
  held.get_future().wait();
  auto flood = [](Store& s) -> Task<std::string> {
    Batch batch;
    batch.require_version("absent", Version(1));
    batch.put("k", Bytes(60 << 20, 'x'));
    auto receipt = co_await s.commit(std::move(batch));
    co_return receipt ? "" : receipt.error().code;
  };
  constexpr size_t kFit = kQueueBytesMax / (60 << 20);
  std::vector<std::future<std::string>> ends;
  for (size_t i = 0; i <= kFit; ++i) {
    ends.push_back(asio::co_spawn(shards.executor(0), flood(*store), asio::use_future));
  }
  shards.start();
  EXPECT_EQ(ends.back().get(), codes::kThrottled);
  go_on.set_value();
  for (size_t i = 0; i < kFit; ++i) EXPECT_EQ(ends[i].get(), codes::kConditionFailed);
  store.close();
  shards.stop();
}

TEST(StoreConcurrency, ABatchOverTheLimitIsRefused) {
  Shards shards(1);
  TestStore store(Threads::kNone);
  Batch batch;
  for (int i = 0; i < 9; ++i) batch.put("k" + std::to_string(i), Bytes(8 << 20, 'x'));
  auto receipt = run_polling(shards, store->commit(std::move(batch)));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code, codes::kTooLarge);
  Batch long_key;
  long_key.put(Key(kKeyBytesMax + 1, 'k'), "x");
  receipt = run_polling(shards, store->commit(std::move(long_key)));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().code, codes::kTooLarge);
}

}  // namespace
}  // namespace suiro::store
