// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>

#include "kernel/store/encryption.h"
#include "kernel/store/testing.h"

namespace suiro::store {
namespace {

namespace fs = std::filesystem;

class DataDirectoryTest : public testing::Test {
 protected:
  void SetUp() override { shards_.start(); }
  void TearDown() override { shards_.stop(); }

  std::string path(std::string_view name) { return directory_.path() + "/" + std::string(name); }
  std::string open_error(StoreOptions options) {
    auto store = RocksStore::open(std::move(options));
    return store ? "" : store.error().message;
  }
  void put_secret(const StoreOptions& options) {
    auto store = RocksStore::open(options);
    ASSERT_TRUE(store) << store.error().message;
    auto work = [](Store& s, std::string secret) -> Task<Result<void>> {
      auto writer = s.write_blob();
      Bytes large;
      while (large.size() < 1'000'000) large += secret;
      CO_TRY_VOID(co_await writer->append(large));
      CO_TRY(PendingBlob pending, co_await writer->finish());
      Batch batch;
      batch.put("blob", batch.adopt(std::move(pending)).encode());
      batch.put(secret, secret);
      CO_TRY_VOID(co_await s.commit(std::move(batch)));
      co_return ok();
    };
    ASSERT_TRUE(run(shards_, 0, work(**store, kSecret)));
  }
  size_t files_with_secret(const std::string& directory) {
    size_t count = 0;
    for (auto& entry : fs::recursive_directory_iterator(directory)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream stream(entry.path(), std::ios::binary);
      std::string bytes(std::istreambuf_iterator<char>(stream), {});
      count += bytes.find(kSecret) != std::string::npos ? 1 : 0;
    }
    return count;
  }

  const std::string kSecret = "a very secret word";
  Shards shards_{1};
  TemporaryDirectory directory_;
};

TEST_F(DataDirectoryTest, OneProcessAtATime) {
  auto store = RocksStore::open({.directory = path("a")});
  ASSERT_TRUE(store);
  EXPECT_NE(open_error({.directory = path("a")}).find("is open in another process"),
            std::string::npos);
}

TEST_F(DataDirectoryTest, RefusesWhatIsNotAStoreOfThisFormat) {
  fs::create_directories(path("photos"));
  std::ofstream(path("photos/cat.jpg")) << "cat";
  EXPECT_NE(open_error({.directory = path("photos")}).find("neither empty nor a store"),
            std::string::npos);
  EXPECT_TRUE(fs::exists(path("photos/cat.jpg")));
  ASSERT_EQ(open_error({.directory = path("b")}), "");
  std::ofstream(path("b/FORMAT")) << "suiro-store 2\nencryption none\n";
  EXPECT_NE(open_error({.directory = path("b")}).find("cannot read: suiro-store 2"),
            std::string::npos);
  std::ofstream(path("b/FORMAT")) << "suiro-store 1\nencryption none\n";
  EXPECT_EQ(open_error({.directory = path("b")}), "");
  fs::remove_all(path("b/rocksdb"));
  EXPECT_NE(open_error({.directory = path("b")}).find("has lost its database"), std::string::npos);
}

TEST_F(DataDirectoryTest, AnUnfinishedMakingIsBegunAgain) {
  put_secret({.directory = path("c")});
  fs::rename(path("c/FORMAT"), path("c/FORMAT.new"));
  auto store = RocksStore::open({.directory = path("c")});
  ASSERT_TRUE(store);
  EXPECT_FALSE(run(shards_, 0, (*store)->get(kSecret)).value());
}

TEST_F(DataDirectoryTest, AnEncryptedStoreHoldsNothingInTheClear) {
  ASSERT_TRUE(make_key_file(path("key")));
  EXPECT_FALSE(make_key_file(path("key"))) << "a key is never overwritten";
  put_secret({.directory = path("plain")});
  EXPECT_GE(files_with_secret(path("plain")), 2u) << "the search works";
  StoreOptions options{.directory = path("cipher"), .key_file = path("key")};
  put_secret(options);
  EXPECT_EQ(files_with_secret(path("cipher")), 0u);
  auto store = RocksStore::open(options);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(run(shards_, 0, (*store)->get(kSecret)).value()->value, kSecret);
  auto ref = BlobRef::decode(run(shards_, 0, (*store)->get("blob")).value()->value);
  auto reader = run(shards_, 0, (*store)->open_blob(*ref));
  ASSERT_TRUE(reader);
  auto bytes = run(shards_, 0, (*reader)->read(kSecret.size() * 5000, kSecret.size()));
  EXPECT_EQ(bytes, kSecret);
}

TEST_F(DataDirectoryTest, TheKeyMustFit) {
  ASSERT_TRUE(make_key_file(path("key")));
  ASSERT_TRUE(make_key_file(path("other")));
  ASSERT_EQ(open_error({.directory = path("cipher"), .key_file = path("key")}), "");
  ASSERT_EQ(open_error({.directory = path("plain")}), "");
  auto error = [&](std::string_view store, std::string key) {
    return open_error({.directory = path(store), .key_file = std::move(key)});
  };
  EXPECT_NE(error("cipher", "").find("is encrypted; give its key file"), std::string::npos);
  EXPECT_NE(error("cipher", path("other")).find("is not the key of the store"), std::string::npos);
  EXPECT_NE(error("plain", path("key")).find("is not encrypted, but"), std::string::npos);
  EXPECT_NE(error("cipher", path("none")).find("cannot open the key file"), std::string::npos);
  fs::permissions(path("key"), fs::perms::others_read, fs::perm_options::add);
  EXPECT_NE(error("cipher", path("key")).find("chmod 600"), std::string::npos);
  fs::resize_file(path("other"), 31);
  EXPECT_NE(error("cipher", path("other")).find("32 bytes"), std::string::npos);
}

}  // namespace
}  // namespace suiro::store
