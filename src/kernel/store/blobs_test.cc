// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>

#include "kernel/store/testing.h"

namespace suiro::store {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLarge = 3'000'000;

class BlobsTest : public testing::Test {
 protected:
  void SetUp() override { shards_.start(); }
  void TearDown() override { shards_.stop(); }

  static Task<Result<PendingBlob>> write(Store& store, Bytes bytes) {
    auto writer = store.write_blob();
    for (size_t at = 0; at < bytes.size(); at += 100'000) {
      CO_TRY_VOID(co_await writer->append(bytes.substr(at, 100'000)));
    }
    co_return co_await writer->finish();
  }
  // Writes, names and reads back a blob.
  static Task<Result<BlobRef>> save(Store& store, Bytes bytes) {
    CO_TRY(PendingBlob pending, co_await write(store, bytes));
    Batch batch;
    BlobRef ref = batch.adopt(std::move(pending));
    batch.put("name", ref.encode());
    CO_TRY_VOID(co_await store.commit(std::move(batch)));
    co_return ref;
  }
  static Task<Result<Bytes>> load(Store& store, BlobRef ref, uint64_t offset, size_t length) {
    CO_TRY(auto reader, co_await store.open_blob(ref));
    co_return co_await reader->read(offset, length);
  }
  Result<Bytes> load(const BlobRef& ref, uint64_t offset = 0, size_t length = SIZE_MAX) {
    return run(shards_, 0, load(*store_, ref, offset, length));
  }
  BlobRef save(Bytes bytes) {
    auto ref = run(shards_, 0, save(*store_, std::move(bytes)));
    EXPECT_TRUE(ref) << (ref ? "" : ref.error().message);
    return *ref;
  }
  // Files under blobs/ and tmp/.
  size_t files() {
    size_t count = 0;
    for (auto name : {"/blobs", "/tmp"}) {
      for (auto& entry : fs::recursive_directory_iterator(store_.directory() + name)) {
        count += entry.is_regular_file() ? 1 : 0;
      }
    }
    return count;
  }

  Shards shards_{2};
  TestStore store_;
  SeededRandom random_{7};
};

TEST_F(BlobsTest, ALastPageOfAnyLengthIsRead) {
  SeededRandom random(7);
  for (size_t rest : {1, 15, 16, 17, 29, 30, 31, 1000}) {
    Bytes bytes = random.bytes((1 << 20) + rest);
    BlobRef ref = save(bytes);
    auto tail = load(ref, 1 << 20, 1 << 18);
    ASSERT_TRUE(tail) << rest << ": " << tail.error().message;
    EXPECT_EQ(*tail, bytes.substr(1 << 20)) << rest;
  }
}

TEST_F(BlobsTest, SizesAroundTheBordersRoundTrip) {
  for (size_t size : {size_t{0}, size_t{1}, kInlineBlobBytesMax - 1, kInlineBlobBytesMax,
                      kInlineBlobBytesMax + 1, size_t{1} << 20, kLarge}) {
    Bytes bytes = random_.bytes(size);
    BlobRef ref = save(bytes);
    EXPECT_EQ(ref.place == BlobRef::Place::kFile, size > kInlineBlobBytesMax);
    EXPECT_EQ(ref.size_bytes, size);
    EXPECT_EQ(load(ref), bytes) << size;
    EXPECT_EQ(load(ref, size), Bytes());
    for (int i = 0; i < 10; ++i) {
      uint64_t offset = random_.below(size + 1);
      size_t length = random_.below(200'000);
      EXPECT_EQ(load(ref, offset, length), bytes.substr(offset, length));
    }
  }
}

TEST_F(BlobsTest, SurviveARestartAndGoWhenReleased) {
  Bytes large = random_.bytes(kLarge);
  BlobRef ref = save(large);
  store_.reopen();
  EXPECT_EQ(load(ref), large);
  EXPECT_EQ(files(), 1u);
  auto reader = run(shards_, 0, store_->open_blob(ref));
  ASSERT_TRUE(reader);
  Batch batch;
  batch.release(ref);
  ASSERT_TRUE(run(shards_, 0, store_->commit(std::move(batch))));
  auto read = run(shards_, 0, (*reader)->read(1'000'000, 10));
  EXPECT_EQ(read, large.substr(1'000'000, 10)) << "an opened blob stays readable";
  reader->reset();
  store_.reopen();
  EXPECT_EQ(files(), 0u);
  auto gone = load(ref);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, codes::kNotFound);
}

TEST_F(BlobsTest, WhatNobodyAdoptedIsDiscarded) {
  {
    auto pending = run(shards_, 0, write(*store_, random_.bytes(kLarge)));
  }
  {
    auto writer = store_->write_blob();
    ASSERT_TRUE(run(shards_, 0, writer->append(random_.bytes(kLarge))));
  }
  store_.close();
  EXPECT_EQ(files(), 0u) << "closing runs what waits on the pool; no sweep is needed";
  store_.reopen();
}

TEST_F(BlobsTest, APendingBlobOutlivesABatchWhoseConditionFails) {
  Bytes bytes = random_.bytes(kLarge);
  auto work = [](Store& store, Bytes content) -> Task<Result<BlobRef>> {
    CO_TRY(PendingBlob written, co_await write(store, std::move(content)));
    auto pending = std::make_shared<PendingBlob>(std::move(written));
    Batch refused;
    refused.require_version("k", Version(99));
    refused.adopt(pending);
    auto first = co_await store.commit(std::move(refused));
    EXPECT_FALSE(first);
    Batch good;
    BlobRef ref = good.adopt(pending);
    CO_TRY_VOID(co_await store.commit(std::move(good)));
    co_return ref;
  };
  auto ref = run(shards_, 0, work(*store_, bytes));
  ASSERT_TRUE(ref);
  EXPECT_EQ(load(*ref), bytes);
  store_.reopen();
  EXPECT_EQ(load(*ref), bytes);
}

TEST_F(BlobsTest, ABatchWhoseConditionFailsDiscardsItsBlob) {
  auto work = [](Store& store, Bytes content) -> Task<Result<void>> {
    CO_TRY(PendingBlob pending, co_await write(store, std::move(content)));
    Batch batch;
    batch.require_version("k", Version(99));
    batch.adopt(std::move(pending));
    EXPECT_FALSE(co_await store.commit(std::move(batch)));
    co_return ok();
  };
  ASSERT_TRUE(run(shards_, 0, work(*store_, random_.bytes(kLarge))));
  store_.close();
  EXPECT_EQ(files(), 0u);
  store_.reopen();
}

TEST_F(BlobsTest, OrphansAreSweptAtStart) {
  Bytes bytes = random_.bytes(kLarge);
  BlobRef ref = save(bytes);
  std::string directory = store_.directory();
  store_.close();
  fs::create_directories(directory + "/blobs/00");
  std::ofstream(directory + "/blobs/00/00112233445566778899aabbccddee00") << "orphan";
  std::ofstream(directory + "/tmp/00112233445566778899aabbccddeeff") << "half";
  EXPECT_EQ(files(), 3u);
  store_.reopen();
  EXPECT_EQ(files(), 1u);
  EXPECT_EQ(load(ref), bytes);
}

TEST_F(BlobsTest, DamageIsFound) {
  BlobRef ref = save(random_.bytes(kLarge));
  fs::path file;
  for (auto& entry : fs::recursive_directory_iterator(store_.directory() + "/blobs")) {
    if (entry.is_regular_file()) file = entry.path();
  }
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(70'000).put('x').put('y');
  stream.close();
  EXPECT_TRUE(load(ref, 0, 65'536)) << "other pages are whole";
  auto damaged = load(ref, 70'100, 5);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, codes::kCorrupt);
  fs::resize_file(file, kLarge);
  auto cut = load(ref);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, codes::kCorrupt);
}

}  // namespace
}  // namespace suiro::store
