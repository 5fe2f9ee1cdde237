// SPDX-License-Identifier: Apache-2.0
// Power cuts at random moments, with an oracle that notes each batch before it is committed:
//  - what was acknowledged is there;
//  - what was not is there whole or not at all;
//  - the batches that are there are the first ones in the order of their sequence.
#include <gtest/gtest.h>

#include <cstdlib>

#include "kernel/store/encryption.h"
#include "kernel/store/model.h"
#include "kernel/store/power_loss_fs.h"
#include "kernel/store/testing.h"

namespace suiro::store {
namespace {

constexpr std::string_view kDirectory = "/data/store";
constexpr uint64_t kInlineBytesMax = 2000;

StoreOptions options_on(std::shared_ptr<PowerLossFs> files, Threads threads) {
  return {.directory = std::string(kDirectory),
          .file_layer = std::move(files),
          .threads = threads,
          .inline_blob_bytes_max = kInlineBytesMax,
          .memtable_bytes = 16 << 10};
}

// SUIRO_SEEDS=1000 runs more of them.
uint64_t seeds(uint64_t usual) {
  const char* more = std::getenv("SUIRO_SEEDS");
  return more != nullptr ? std::strtoull(more, nullptr, 10) : usual;
}

// One batch at a time, so that at most one is in doubt after a cut.
class SingleWriter {
 public:
  SingleWriter(uint64_t seed, std::string key_file)
      : random_(seed), files_(std::make_shared<PowerLossFs>(seed)) {
    options_ = options_on(files_, Threads::kNone);
    options_.key_file = std::move(key_file);
  }

  void run_lives(int lives) {
    for (int life = 0; life < lives && !testing::Test::HasFailure(); ++life) {
      files_->cut_power_after(1 + random_.below(life == 0 ? 600 : 300));
      live();
      store_.reset();
      files_->restore_power();
      open();
      verify();
      store_.reset();
    }
  }

 private:
  void open() {
    auto opened = RocksStore::open(options_);
    if (!opened && !files_->has_power()) return;
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }

  void live() {
    open();
    if (!store_) return;
    for (int step = 0; step < 500; ++step) {
      doubt_ = random_intent(random_, state_);
      Batch batch = doubt_->batch();
      doubt_blob_ = random_.below(5) == 0 ? Bytes(random_.bytes(random_.below(9000))) : "";
      doubt_release_.clear();
      if (!doubt_blob_.empty() && !add_blob(batch)) return;
      if (random_.below(8) == 0) add_release(batch);
      auto receipt = run_polling(shards_, store_->commit(std::move(batch)));
      if (!receipt && receipt.error().code == codes::kUnavailable) {
        ASSERT_FALSE(files_->has_power());
        return;
      }
      ASSERT_EQ(receipt.has_value(), doubt_->holds(state_));
      if (receipt) accept(receipt->sequence);
      doubt_.reset();
    }
  }

  bool add_blob(Batch& batch) {
    auto write = [](Store& store, Bytes bytes) -> Task<Result<PendingBlob>> {
      auto writer = store.write_blob();
      CO_TRY_VOID(co_await writer->append(std::move(bytes)));
      co_return co_await writer->finish();
    };
    auto pending = run_polling(shards_, write(*store_, doubt_blob_));
    if (!pending) {
      EXPECT_FALSE(files_->has_power());
      doubt_.reset();
      return false;
    }
    doubt_ref_ = batch.adopt(*std::move(pending));
    return true;
  }

  void add_release(Batch& batch) {
    if (blobs_.empty()) return;
    doubt_release_ = blobs_.begin()->first;
    batch.release(*BlobRef::decode(doubt_release_));
  }

  void accept(uint64_t sequence) {
    doubt_->apply(state_, sequence);
    if (!doubt_release_.empty()) blobs_.erase(doubt_release_);
    if (!doubt_blob_.empty()) blobs_[doubt_ref_.encode()] = doubt_blob_;
    sequence_ = sequence;
  }

  void verify() {
    ASSERT_TRUE(store_);
    auto snapshot = store_->snapshot();
    if (snapshot->sequence() == sequence_ + 1) {
      ASSERT_TRUE(doubt_ && doubt_->holds(state_));
      accept(sequence_ + 1);
    }
    ASSERT_EQ(snapshot->sequence(), sequence_);
    auto state = run_polling(shards_, read_state(*snapshot, random_));
    ASSERT_TRUE(state) << state.error().message;
    ASSERT_TRUE(*state == state_);
    verify_blobs();
    doubt_.reset();
  }

  void verify_blobs() {
    size_t live = 0;
    for (auto& [name, bytes] : blobs_) {
      BlobRef ref = *BlobRef::decode(name);
      live += ref.place == BlobRef::Place::kFile ? 1 : 0;
      auto load = [](Store& store, BlobRef blob) -> Task<Result<Bytes>> {
        CO_TRY(auto reader, co_await store.open_blob(blob));
        co_return co_await reader->read(0, SIZE_MAX);
      };
      auto loaded = run_polling(shards_, load(*store_, ref));
      ASSERT_TRUE(loaded) << loaded.error().message;
      ASSERT_TRUE(*loaded == bytes);
    }
    size_t stored = 0;
    for (const std::string& name : files_->files()) {
      stored +=
          name.find("/blobs/") != std::string::npos || name.find("/tmp/") != std::string::npos;
    }
    ASSERT_EQ(stored, live) << "a file without a name was not swept";
  }

  SeededRandom random_;
  std::shared_ptr<PowerLossFs> files_;
  StoreOptions options_;
  Shards shards_{1};
  std::unique_ptr<RocksStore> store_;
  // What is acknowledged.
  ModelState state_;
  std::map<Bytes, Bytes> blobs_;  // encoded reference -> bytes
  uint64_t sequence_ = 0;
  // The batch in flight.
  std::optional<Intent> doubt_;
  Bytes doubt_blob_, doubt_release_;
  BlobRef doubt_ref_;
};

TEST(PowerLoss, OneWriter) {
  for (uint64_t seed = 1; seed <= seeds(8); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    SingleWriter(seed, "").run_lives(5);
    if (HasFailure()) return;
  }
}

TEST(PowerLoss, OneWriterEncrypted) {
  TemporaryDirectory directory;
  std::string key_file = directory.path() + "/key";
  ASSERT_TRUE(make_key_file(key_file));
  for (uint64_t seed = 1; seed <= seeds(4); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    SingleWriter(seed, key_file).run_lives(5);
    if (HasFailure()) return;
  }
}

// Many writers on several shards; each batch also puts its own number, so that the oracle learns
// which of those in doubt are there, and in what order.
class ManyWriters {
 public:
  explicit ManyWriters(uint64_t seed)
      : random_(seed), files_(std::make_shared<PowerLossFs>(seed)), shards_(2) {
    shards_.start();
  }
  ~ManyWriters() { shards_.stop(); }

  void run_lives(int lives) {
    for (int life = 0; life < lives && !testing::Test::HasFailure(); ++life) {
      auto store = RocksStore::open(options_on(files_, Threads::kOwn));
      ASSERT_TRUE(store) << store.error().message;
      verify(**store);
      files_->cut_power_after(1 + random_.below(400));
      std::vector<std::future<void>> writers;
      for (size_t i = 0; i < kWriters; ++i) {
        writers.push_back(asio::co_spawn(shards_.executor(i % 2), write(**store, random_.next()),
                                         asio::use_future));
      }
      for (auto& writer : writers) writer.get();
      store->reset();
      files_->restore_power();
    }
    auto store = RocksStore::open(options_on(files_, Threads::kOwn));
    ASSERT_TRUE(store) << store.error().message;
    verify(**store);
  }

 private:
  static constexpr size_t kWriters = 8;
  struct Noted {
    Intent intent;
    uint64_t acknowledged = 0;  // its sequence
  };

  Task<void> write(Store& store, uint64_t seed) {
    SeededRandom random(seed);
    while (true) {
      Intent intent = random_intent(random, {});
      size_t number = note(intent);
      Batch batch = intent.batch();
      batch.put(fmt::format("n/{:08}", number), "x");
      auto receipt = co_await store.commit(std::move(batch));
      if (!receipt && receipt.error().code == codes::kUnavailable) co_return;
      if (receipt) acknowledge(number, receipt->sequence);
    }
  }

  size_t note(const Intent& intent) {
    std::lock_guard lock(mutex_);
    noted_.push_back({intent});
    return noted_.size() - 1;
  }
  void acknowledge(size_t number, uint64_t sequence) {
    std::lock_guard lock(mutex_);
    noted_[number].acknowledged = sequence;
  }

  void verify(Store& store) {
    auto snapshot = store.snapshot();
    auto page =
        run(shards_, 0,
            snapshot->scan(
                {.range = KeyRange::prefix("n/"), .rows_max = SIZE_MAX, .bytes_max = SIZE_MAX}));
    ASSERT_TRUE(page);
    std::map<uint64_t, size_t> order;
    for (const Entry& entry : page->entries) {
      order[entry.version.value()] = std::stoul(entry.key.substr(2));
    }
    ASSERT_EQ(order.size(), page->entries.size());
    ASSERT_EQ(order.size(), snapshot->sequence()) << "a prefix: no sequence is missing";
    for (size_t number = 0; number < noted_.size(); ++number) {
      uint64_t sequence = noted_[number].acknowledged;
      if (sequence != 0) ASSERT_EQ(order.at(sequence), number);
    }
    ModelState state;
    for (auto& [sequence, number] : order) {
      ASSERT_TRUE(noted_[number].intent.holds(state)) << "committed against its conditions";
      noted_[number].intent.apply(state, sequence);
    }
    auto found = run(shards_, 0, read_state(*snapshot, random_));
    ASSERT_TRUE(found);
    ASSERT_TRUE(*found == state);
  }

  SeededRandom random_;
  std::shared_ptr<PowerLossFs> files_;
  Shards shards_;
  std::mutex mutex_;
  std::vector<Noted> noted_;
};

TEST(PowerLoss, ManyWriters) {
  for (uint64_t seed = 1; seed <= seeds(5); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    ManyWriters(seed).run_lives(4);
    if (HasFailure()) return;
  }
}

class FaultsTest : public testing::Test {
 protected:
  Result<CommitReceipt> put(Key key) {
    Batch batch;
    batch.put(std::move(key), "v");
    return run_polling(shards_, store_->commit(std::move(batch)));
  }
  void open() {
    auto opened = RocksStore::open(options_on(files_, Threads::kNone));
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }
  bool has(Key key) { return run_polling(shards_, store_->get(std::move(key)))->has_value(); }

  // The store refuses writes for good, answers reads, and is whole after a restart.
  void expect_latched(std::string_view reason) {
    EXPECT_NE(store_->latched().find(reason), std::string::npos) << store_->latched();
    files_->heal();
    files_->set_capacity(UINT64_MAX);
    auto later = put("later");
    ASSERT_FALSE(later) << "nothing is retried";
    EXPECT_EQ(later.error().code, codes::kUnavailable);
    EXPECT_NE(later.error().message.find(reason), std::string::npos) << later.error().message;
    EXPECT_TRUE(has("before"));
    store_.reset();
    open();
    EXPECT_TRUE(has("before"));
    EXPECT_FALSE(has("later"));
    EXPECT_TRUE(put("after"));
  }

  std::shared_ptr<PowerLossFs> files_ = std::make_shared<PowerLossFs>(1);
  Shards shards_{1};
  std::unique_ptr<RocksStore> store_;
};

TEST_F(FaultsTest, AFailedSyncLatches) {
  open();
  ASSERT_TRUE(put("before"));
  files_->inject({.kind = PowerLossFs::Kind::kSync, .times = 1, .name_part = ".log"});
  auto failed = put("during");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, codes::kUnavailable);
  expect_latched("injected into");
}

TEST_F(FaultsTest, AFailedWriteLatches) {
  open();
  ASSERT_TRUE(put("before"));
  files_->inject({.kind = PowerLossFs::Kind::kWrite, .times = 1, .name_part = ".log"});
  ASSERT_FALSE(put("during"));
  expect_latched("injected into");
}

TEST_F(FaultsTest, AFullDiskLatches) {
  open();
  ASSERT_TRUE(put("before"));
  files_->set_capacity(1);
  ASSERT_FALSE(put("during"));
  expect_latched("No space");
}

TEST_F(FaultsTest, AFailedSyncOfABlobLatches) {
  open();
  ASSERT_TRUE(put("before"));
  files_->inject({.kind = PowerLossFs::Kind::kSync, .times = 1, .name_part = "/tmp/"});
  auto writer = store_->write_blob();
  ASSERT_TRUE(run_polling(shards_, writer->append(Bytes(kInlineBytesMax + 1, 'x'))));
  ASSERT_FALSE(run_polling(shards_, writer->finish()));
  writer.reset();
  expect_latched("injected into");
}

TEST_F(FaultsTest, BlobsSurviveInDirectoriesThatAKilledProcessMade) {
  open();
  store_.reset();
  for (int i = 0; i < 256; ++i) {
    std::string name = std::string(kDirectory) + "/blobs/" + hex_encode(Bytes(1, char(i)));
    ASSERT_TRUE(files_->CreateDir(name, {}, nullptr).ok());
  }
  open();
  std::vector<BlobRef> blobs;
  for (int i = 0; i < 8; ++i) {
    auto writer = store_->write_blob();
    ASSERT_TRUE(run_polling(shards_, writer->append(Bytes(kInlineBytesMax + 1, 'x'))));
    auto pending = run_polling(shards_, writer->finish());
    ASSERT_TRUE(pending);
    Batch batch;
    blobs.push_back(batch.adopt(*std::move(pending)));
    ASSERT_TRUE(run_polling(shards_, store_->commit(std::move(batch))));
  }
  files_->cut_power();
  store_.reset();
  files_->restore_power();
  open();
  for (const BlobRef& blob : blobs) EXPECT_TRUE(run_polling(shards_, store_->open_blob(blob)));
}

TEST_F(FaultsTest, AFailedWriteOfABlobFailsThatBlobOnly) {
  open();
  files_->inject({.kind = PowerLossFs::Kind::kWrite, .times = 1, .name_part = "/tmp/"});
  auto writer = store_->write_blob();
  ASSERT_TRUE(run_polling(shards_, writer->append(Bytes(kInlineBytesMax + 1, 'x'))));
  ASSERT_FALSE(run_polling(shards_, writer->finish()));
  EXPECT_EQ(store_->latched(), "");
  EXPECT_TRUE(put("k"));
}

}  // namespace
}  // namespace suiro::store
