// SPDX-License-Identifier: Apache-2.0
// Damaged and torn write-ahead logs: what was acknowledged is there, or the store says that it is
// not.
#include "kernel/store/wal_check.h"

#include <gtest/gtest.h>

#include <fstream>

#include "kernel/store/encryption.h"
#include "kernel/store/testing.h"

namespace suiro::store {
namespace {

namespace fs = std::filesystem;

Task<Result<CommitReceipt>> put(Store& store, Key key, Bytes value) {
  Batch batch;
  batch.put(std::move(key), std::move(value));
  co_return co_await store.commit(std::move(batch));
}

class WalTest : public testing::Test {
 protected:
  WalTest() { shards_.start(); }
  ~WalTest() override {
    store_.close();
    shards_.stop();
  }

  Bytes value(int i) const { return Bytes(size_, static_cast<char>('a' + i % 26)); }
  // Each is a group of its own.
  void write(int first, int last) {
    for (int i = first; i <= last; ++i) {
      ASSERT_TRUE(run(shards_, 0, put(*store_, "k" + std::to_string(i), value(i))));
    }
  }
  // How many of k1, k2, ... are there without a hole; all of them must be right.
  int there() {
    int count = 0;
    while (true) {
      auto got = run(shards_, 0, store_->get("k" + std::to_string(count + 1)));
      if (!got || !*got) return count;
      EXPECT_EQ((*got)->value, value(++count));
    }
  }
  std::vector<fs::path> logs() const {
    std::vector<fs::path> out;
    for (auto& entry : fs::directory_iterator(store_.directory() + "/rocksdb")) {
      if (entry.path().extension() == ".log" && fs::file_size(entry) != 0) {
        out.push_back(entry.path());
      }
    }
    std::ranges::sort(out);
    return out;
  }
  void flip(const fs::path& file, uint64_t at) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(at));
    const int byte = stream.get();
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(static_cast<char>(byte ^ 0x10));
  }
  Result<std::unique_ptr<RocksStore>> open() { return RocksStore::open(store_.options()); }
  void expect_refused() {
    auto opened = open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, codes::kCorrupt);
    EXPECT_NE(opened.error().message.find("--accept-data-loss"), std::string::npos);
  }

  Shards shards_{1};
  TestStore store_;
  size_t size_ = 1000;
};

TEST_F(WalTest, AFlippedByteInTheMiddleRefusesTheStart) {
  write(1, 40);
  store_.close();
  const fs::path log = logs().back();
  flip(log, fs::file_size(log) / 2);
  expect_refused();
  expect_refused();  // a refusal changes nothing
  store_.options().damage = StoreOptions::Damage::kGiveUp;
  store_.reopen();
  const int kept = there();
  EXPECT_GT(kept, 10);
  EXPECT_LT(kept, 30);
  write(kept + 1, kept + 5);
  // It was for one start: the next finds nothing broken, and all that came since.
  store_.options().damage = StoreOptions::Damage::kRefuse;
  store_.reopen();
  EXPECT_EQ(there(), kept + 5);
}

TEST_F(WalTest, ABrokenHeaderOrLengthIsFoundToo) {
  size_ = 50'000;  // groups of several pieces
  write(1, 10);
  store_.close();
  const fs::path log = logs().back();
  const uint64_t block = 32 << 10;
  const fs::path saved = log.string() + ".saved";
  fs::copy_file(log, saved);
  for (uint64_t at : {uint64_t{0}, uint64_t{5}, uint64_t{6}, block + 4, 2 * block + 6, 5 * block}) {
    flip(log, at);
    expect_refused();
    fs::copy_file(saved, log, fs::copy_options::overwrite_existing);
  }
  store_.reopen();
  EXPECT_EQ(there(), 10);
}

TEST_F(WalTest, ATornEndIsDropped) {
  size_ = 50'000;
  write(1, 4);
  store_.close();
  const fs::path log = logs().back();
  // Every cut of the last group: between blocks, inside a piece, inside a header.
  const uint64_t size = fs::file_size(log);
  fs::copy(store_.directory(), store_.directory() + ".saved", fs::copy_options::recursive);
  for (uint64_t cut : {uint64_t{1}, uint64_t{6}, uint64_t{8}, uint64_t{20'000}, uint64_t{49'990}}) {
    fs::resize_file(log, size - cut);
    store_.reopen();
    EXPECT_EQ(there(), 3) << cut;
    write(4, 6);
    store_.reopen();
    EXPECT_EQ(there(), 6) << cut;
    store_.close();
    fs::remove_all(store_.directory());
    fs::copy(store_.directory() + ".saved", store_.directory(), fs::copy_options::recursive);
  }
  fs::remove_all(store_.directory() + ".saved");
}

TEST_F(WalTest, PagesOfTheLastGroupThatNeverReachedTheDisk) {
  size_ = 200'000;
  write(1, 3);
  store_.close();
  const fs::path log = logs().back();
  const uint64_t size = fs::file_size(log);
  std::fstream stream(log, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(static_cast<std::streamoff>(size - 150'000));
  stream << std::string(60'000, '\0');  // a hole; the pages behind it are whole
  stream.close();
  store_.reopen();
  EXPECT_EQ(there(), 2);
}

// The first group of a log whose forerunners are all tables.
TEST_F(WalTest, ATornFirstGroupDoesNotHideWhatComesLater) {
  write(1, 3);
  store_->flush_for_measurement();
  write(4, 4);
  store_.close();
  const fs::path log = logs().back();
  fs::resize_file(log, fs::file_size(log) - 5);
  store_.reopen();
  EXPECT_EQ(there(), 3);
  for (int round = 0; round < 3; ++round) {
    write(4 + round, 4 + round);
    store_.reopen();
    EXPECT_EQ(there(), 4 + round);
  }
}

TEST_F(WalTest, DamageInAnOlderLogIsNotHiddenByANewerOne) {
  write(1, 10);
  store_.reopen();  // goes on in a log of its own
  write(11, 20);
  store_.close();
  ASSERT_GE(logs().size(), 2u);
  const fs::path log = logs().front();
  flip(log, fs::file_size(log) - 100);  // its last group
  expect_refused();
}

TEST(WalEncryptedTest, DamageIsSeenThroughTheEncryption) {
  TemporaryDirectory keys;
  ASSERT_TRUE(make_key_file(keys.path() + "/key"));
  Shards shards(1);
  shards.start();
  TestStore store(StoreOptions{.directory = "", .key_file = keys.path() + "/key"});
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(run(shards, 0, put(*store, "k" + std::to_string(i), Bytes(1000, 'x'))));
  }
  store.close();
  for (auto& entry : fs::directory_iterator(store.directory() + "/rocksdb")) {
    if (entry.path().extension() != ".log" || fs::file_size(entry) < 10'000) continue;
    std::fstream stream(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(5000);
    stream << "#";
  }
  auto opened = RocksStore::open(store.options());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, codes::kCorrupt);
  shards.stop();
}

}  // namespace
}  // namespace suiro::store
