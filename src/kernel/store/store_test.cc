// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kernel/store/testing.h"

namespace suiro::store {
namespace {

class StoreTest : public testing::Test {
 protected:
  void SetUp() override { shards_.start(); }
  void TearDown() override { shards_.stop(); }

  Result<CommitReceipt> commit(Batch batch) {
    return run(shards_, 0, store_->commit(std::move(batch)));
  }
  std::optional<Entry> get(Key key) {
    auto result = run(shards_, 0, store_->get(std::move(key)));
    EXPECT_TRUE(result);
    return *result;
  }
  uint64_t put(Key key, Bytes value) {
    Batch batch;
    batch.put(std::move(key), std::move(value));
    auto receipt = commit(std::move(batch));
    EXPECT_TRUE(receipt);
    return receipt->sequence;
  }
  std::string scan(ScanOptions options) {
    auto page = run(shards_, 0, store_->scan(std::move(options)));
    EXPECT_TRUE(page);
    std::string text;
    for (const Entry& entry : page->entries) text += entry.key + "=" + entry.value + " ";
    return text + (page->more ? "more" : "end");
  }

  Shards shards_{2};
  TestStore store_;
};

TEST_F(StoreTest, WhatIsCommittedIsReadAndSurvivesARestart) {
  EXPECT_FALSE(get("k"));
  uint64_t first = put("k", "v1");
  uint64_t second = put("k", "v2");
  EXPECT_EQ(second, first + 1);
  store_.reopen();
  auto entry = get("k");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->value, "v2");
  EXPECT_EQ(entry->version.value(), second);
  Batch erase;
  erase.erase("k");
  uint64_t third = commit(std::move(erase))->sequence;
  EXPECT_EQ(third, second + 1);
  store_.reopen();
  EXPECT_FALSE(get("k"));
  EXPECT_EQ(put("k", "v3"), third + 1) << "the sequence goes on though its last key is gone";
}

TEST_F(StoreTest, LaterOperationsOfABatchWin) {
  Batch batch;
  batch.put("a1", "x");
  batch.put("a2", "x");
  batch.erase_range(KeyRange::prefix("a"));
  batch.put("a2", "y");
  batch.put("a3", "z");
  batch.erase("a3");
  ASSERT_TRUE(commit(std::move(batch)));
  EXPECT_EQ(scan({.range = KeyRange::prefix("a")}), "a2=y end");
}

TEST_F(StoreTest, ConditionsDecide) {
  uint64_t version = put("k", "v");
  struct Case {
    std::function<void(Batch&)> add;
    bool good;
  };
  Case cases[] = {
      {[](Batch& b) { b.require_absent("k"); }, false},
      {[](Batch& b) { b.require_absent("n"); }, true},
      {[&](Batch& b) { b.require_version("k", Version(version)); }, true},
      {[&](Batch& b) { b.require_version("k", Version(version + 1)); }, false},
      {[](Batch& b) { b.require_version("n", Version(0)); }, true},
      {[](Batch& b) { b.require_version("k", Version(0)); }, false},
      {[](Batch& b) { b.require_value("k", "v"); }, true},
      {[](Batch& b) { b.require_value("k", "w"); }, false},
      {[](Batch& b) { b.require_value("n", ""); }, false},
  };
  int number = 0;
  for (const Case& one : cases) {
    Batch batch;
    one.add(batch);
    Key key = "w" + std::to_string(number++);
    batch.put(key, "1");
    auto receipt = commit(std::move(batch));
    EXPECT_EQ(receipt.has_value(), one.good) << number;
    if (!receipt) {
      EXPECT_EQ(receipt.error().code, codes::kConditionFailed);
    }
    EXPECT_EQ(get(key).has_value(), one.good) << number;
  }
}

TEST_F(StoreTest, ScansPageBothWays) {
  for (char c = 'a'; c < 'f'; ++c) put(Key("p") + c, Bytes(1, c));
  auto range = KeyRange::prefix("p");
  EXPECT_EQ(scan({.range = range}), "pa=a pb=b pc=c pd=d pe=e end");
  EXPECT_EQ(scan({.range = range, .rows_max = 2}), "pa=a pb=b more");
  EXPECT_EQ(scan({.range = {Key("pb") + '\0', range.end}, .rows_max = 3}), "pc=c pd=d pe=e end");
  EXPECT_EQ(scan({.range = range, .rows_max = 2, .direction = Direction::kBackward}),
            "pe=e pd=d more");
  EXPECT_EQ(scan({.range = {range.begin, "pd"}, .direction = Direction::kBackward}),
            "pc=c pb=b pa=a end");
  EXPECT_EQ(scan({.range = range, .bytes_max = 4}), "pa=a pb=b more");
}

TEST_F(StoreTest, AppendedKeysGrowInCommitOrderAndObserversAreTold) {
  std::promise<std::vector<AppendedRecord>> put;
  store_->observe_puts("timer/", [&](auto records) { put.set_value(std::move(records)); });
  std::promise<std::vector<AppendedRecord>> told;
  store_->observe_appends("log/", [&](auto records) { told.set_value(std::move(records)); });
  Batch batch;
  batch.append("log/", "one");
  batch.append("other/", "x");
  batch.append("log/", "two");
  batch.put("timer/1", "due");
  batch.put("log/put", "x");
  uint64_t sequence = commit(std::move(batch))->sequence;
  auto records = told.get_future().get();
  ASSERT_EQ(records.size(), 2u);
  Key expected = "log/";
  append_be64(expected, sequence);
  EXPECT_EQ(records[0].key, expected + Bytes("\0\0", 2));
  EXPECT_EQ(records[1].key, expected + Bytes("\0\2", 2));
  EXPECT_EQ(records[1].value, "two");
  EXPECT_EQ(get(records[1].key)->value, "two");
  auto puts = put.get_future().get();
  ASSERT_EQ(puts.size(), 1u);
  EXPECT_EQ(puts[0].key, "timer/1");
}

TEST_F(StoreTest, ASnapshotStandsStill) {
  uint64_t version = put("k", "old");
  auto snapshot = store_->snapshot();
  EXPECT_EQ(snapshot->sequence(), version);
  put("k", "new");
  put("k2", "x");
  EXPECT_EQ((*run(shards_, 0, snapshot->get("k")))->value, "old");
  EXPECT_EQ(run(shards_, 0, snapshot->scan({.range = KeyRange::prefix("k")}))->entries.size(), 1u);
}

TEST_F(StoreTest, CommitsOfOneGroupSeeEachOther) {
  // All are submitted before the shard lets go, so that many land in one group.
  auto race = [](Store& store, std::vector<Result<CommitReceipt>>& out) -> Task<void> {
    auto executor = co_await asio::this_coro::executor;
    TaskScope scope(executor);
    auto claim = [](Store& s, std::vector<Result<CommitReceipt>>& o, int i) -> Task<void> {
      Batch batch;
      batch.require_absent("lock");
      batch.put("lock", std::to_string(i));
      o.push_back(co_await s.commit(std::move(batch)));
    };
    for (int i = 0; i < 50; ++i) scope.spawn(claim(store, out, i));
    co_await scope.close();
  };
  std::vector<Result<CommitReceipt>> results;
  run(shards_, 0, race(*store_, results));
  ASSERT_EQ(results.size(), 50u);
  EXPECT_EQ(std::ranges::count_if(results, [](auto& r) { return r.has_value(); }), 1);
}

TEST_F(StoreTest, InlineBlobs) {
  auto work = [](Store& store) -> Task<Result<void>> {
    auto writer = store.write_blob();
    CO_TRY_VOID(co_await writer->append("hello "));
    CO_TRY_VOID(co_await writer->append("world"));
    CO_TRY(PendingBlob pending, co_await writer->finish());
    Batch batch;
    BlobRef ref = batch.adopt(std::move(pending));
    batch.put("name", ref.encode());
    CO_TRY_VOID(co_await store.commit(std::move(batch)));
    CO_TRY(auto entry, co_await store.get("name"));
    CO_TRY(BlobRef named, BlobRef::decode(entry->value));
    CO_TRY(auto reader, co_await store.open_blob(named));
    Batch release;
    release.release(named);
    CO_TRY_VOID(co_await store.commit(std::move(release)));
    CO_TRY(Bytes bytes, co_await reader->read(6, 100));
    EXPECT_EQ(bytes, "world");
    auto gone = co_await store.open_blob(named);
    EXPECT_FALSE(gone);
    EXPECT_EQ(gone.error().code, codes::kNotFound);
    co_return ok();
  };
  auto result = run(shards_, 0, work(*store_));
  EXPECT_TRUE(result) << result.error().message;
}

TEST(StoreSimulation, EverythingHappensInsideTheCallsWithoutThreads) {
  Shards shards(2);
  TestStore store(Threads::kNone);
  auto work = [](Store& s) -> Task<Result<void>> {
    Batch batch;
    batch.put("k", "v");
    CO_TRY_VOID(co_await s.commit(std::move(batch)));
    CO_TRY(auto entry, co_await s.get("k"));
    EXPECT_EQ(entry->value, "v");
    co_return ok();
  };
  EXPECT_TRUE(run_polling(shards, work(*store)));
}

}  // namespace
}  // namespace suiro::store
