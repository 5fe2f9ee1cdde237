// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>

#include "kernel/store/encryption.h"
#include "kernel/store/testing.h"

namespace suiro::store {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLarge = 500'000;

// Batch n puts "n" = n and a large blob; the blob of the batch before it is released.
Task<Result<void>> work(Store& store, uint64_t& done, std::atomic<bool>& stop) {
  std::optional<BlobRef> last;
  for (uint64_t n = 1; !stop; ++n) {
    auto writer = store.write_blob();
    CO_TRY_VOID(co_await writer->append(Bytes(kLarge, static_cast<char>('a' + n % 26))));
    CO_TRY(PendingBlob pending, co_await writer->finish());
    Batch batch;
    if (last) batch.release(*last);
    last = batch.adopt(std::move(pending));
    batch.put("blob", last->encode());
    batch.put("n", std::to_string(n));
    CO_TRY_VOID(co_await store.commit(std::move(batch)));
    done = n;
  }
  co_return ok();
}

Task<Result<void>> verify(Store& store, uint64_t& number) {
  CO_TRY(auto n, co_await store.get("n"));
  CO_TRY(auto blob, co_await store.get("blob"));
  number = std::stoul(n->value);
  CO_TRY(BlobRef ref, BlobRef::decode(blob->value));
  CO_TRY(auto reader, co_await store.open_blob(ref));
  CO_TRY(Bytes bytes, co_await reader->read(0, SIZE_MAX));
  EXPECT_EQ(bytes, Bytes(kLarge, static_cast<char>('a' + number % 26)));
  co_return ok();
}

class BackupTest : public testing::TestWithParam<bool> {};

TEST_P(BackupTest, ACopyMadeWhileWorkGoesOnOpensAsAStore) {
  TemporaryDirectory directory;
  std::string key_file = directory.path() + "/key";
  ASSERT_TRUE(make_key_file(key_file));
  Shards shards(2);
  shards.start();
  TestStore store({.key_file = GetParam() ? key_file : ""});
  uint64_t done = 0;
  std::atomic<bool> stop = false;
  auto worker = asio::co_spawn(shards.executor(0), work(*store, done, stop), asio::use_future);
  uint64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    std::string to = fmt::format("{}/copy{}", directory.path(), i);
    auto made = run(shards, 1, store->backup(to));
    ASSERT_TRUE(made) << made.error().message;
    auto copy = RocksStore::open({.directory = to, .key_file = store.options().key_file});
    ASSERT_TRUE(copy) << copy.error().message;
    uint64_t number = 0;
    auto verified = i == 0 && !run(shards, 1, (*copy)->get("n"))->has_value()
                        ? ok()
                        : run(shards, 1, verify(**copy, number));
    ASSERT_TRUE(verified) << verified.error().message;
    EXPECT_GE(number, last);
    last = number;
  }
  stop = true;
  auto result = worker.get();
  EXPECT_TRUE(result) << result.error().message;
  EXPECT_GE(done, last);
  uint64_t number = 0;
  EXPECT_TRUE(run(shards, 1, verify(*store, number)));
  store.close();
  shards.stop();
}

INSTANTIATE_TEST_SUITE_P(PlainAndEncrypted, BackupTest, testing::Bool());

TEST(Backup, RefusesATargetThatIsNotEmpty) {
  Shards shards(1);
  shards.start();
  TestStore store;
  TemporaryDirectory directory;
  std::ofstream(directory.path() + "/file") << "x";
  auto made = run(shards, 0, store->backup(directory.path()));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, codes::kInvalidArgument);
  EXPECT_TRUE(fs::exists(directory.path() + "/file"));
  store.close();
  shards.stop();
}

}  // namespace
}  // namespace suiro::store
