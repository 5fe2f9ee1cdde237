// SPDX-License-Identifier: Apache-2.0
// Data directories of format 1, kept in tests/golden, must open and read right for ever. They were
// written by this program:
//   SUIRO_WRITE_GOLDEN=tests/golden store_test --gtest_filter='Golden.Write'
#include <gtest/gtest.h>

#include <cstdlib>

#include "kernel/store/encryption.h"
#include "kernel/store/testing.h"

namespace suiro::store {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kInlineBytesMax = 6000;

Bytes text(size_t size, char salt) {
  Bytes out;
  for (size_t i = 0; i < size; ++i) out += static_cast<char>(salt + i * i % 61);
  return out;
}

Task<Result<void>> put_blob(Store& store, Key key, Bytes bytes) {
  auto writer = store.write_blob();
  CO_TRY_VOID(co_await writer->append(std::move(bytes)));
  CO_TRY(PendingBlob pending, co_await writer->finish());
  Batch batch;
  batch.put(std::move(key), batch.adopt(std::move(pending)).encode());
  CO_TRY_VOID(co_await store.commit(std::move(batch)));
  co_return ok();
}

// Sequences 1 to 6: in tables.
Task<Result<void>> write_older(Store& store) {
  Batch first;
  first.put("k/erased", "1");
  first.put("k/kept", "one");
  first.put("k/replaced", "old");
  first.put("r/1", "1");
  first.put("r/2", "2");
  CO_TRY_VOID(co_await store.commit(std::move(first)));
  Batch second;
  second.append("a/", "first");
  second.append("a/", "second");
  CO_TRY_VOID(co_await store.commit(std::move(second)));
  CO_TRY_VOID(co_await put_blob(store, "b/empty", ""));
  CO_TRY_VOID(co_await put_blob(store, "b/small", text(100, '0')));
  CO_TRY_VOID(co_await put_blob(store, "b/rocksdb-file", text(5000, '1')));
  co_return co_await put_blob(store, "b/file", text(7000, '2'));
}

// Sequences 7 to 9: in the log.
Task<Result<void>> write_newer(Store& store) {
  Batch batch;
  batch.put("k/replaced", "new");
  batch.erase("k/erased");
  batch.erase_range(KeyRange::prefix("r/"));
  batch.put("r/3", "3");
  CO_TRY_VOID(co_await store.commit(std::move(batch)));
  Batch append;
  append.append("a/", "third");
  CO_TRY_VOID(co_await store.commit(std::move(append)));
  Batch last;
  last.put("k/gone", "x");
  last.erase("k/gone");
  CO_TRY_VOID(co_await store.commit(std::move(last)));
  co_return ok();
}

Task<Result<Bytes>> read_blob(Store& store, Key key) {
  CO_TRY(auto entry, co_await store.get(std::move(key)));
  CO_TRY(BlobRef ref, BlobRef::decode(entry->value));
  CO_TRY(auto reader, co_await store.open_blob(ref));
  co_return co_await reader->read(0, SIZE_MAX);
}

Task<Result<std::string>> read_all(Store& store) {
  std::string out;
  for (Key prefix : {"a/", "k/", "r/"}) {
    CO_TRY(ScanPage page, co_await store.scan({.range = KeyRange::prefix(prefix)}));
    for (const Entry& entry : page.entries) {
      Bytes key = prefix == "a/" ? "a/" + hex_encode(entry.key.substr(2)) : entry.key;
      out += fmt::format("{}={}@{} ", key, entry.value, entry.version.value());
    }
  }
  co_return out;
}

TEST(Golden, Write) {
  const char* to = std::getenv("SUIRO_WRITE_GOLDEN");
  if (to == nullptr) GTEST_SKIP() << "SUIRO_WRITE_GOLDEN does not name a directory";
  Shards shards(1);
  std::string root = to;
  if (!fs::exists(root + "/store-v1.key")) {
    ASSERT_TRUE(make_key_file(root + "/store-v1.key"));
  }
  for (std::string key_file : {std::string(), root + "/store-v1.key"}) {
    std::string directory = root + (key_file.empty() ? "/store-v1" : "/store-v1-encrypted");
    fs::remove_all(directory);
    auto store = RocksStore::open({.directory = directory,
                                   .key_file = key_file,
                                   .threads = Threads::kNone,
                                   .inline_blob_bytes_max = kInlineBytesMax});
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE(run_polling(shards, write_older(**store)));
    (*store)->flush_for_measurement();
    ASSERT_TRUE(run_polling(shards, write_newer(**store)));
    store->reset();
    // What a store does not need.
    for (auto& entry : fs::recursive_directory_iterator(directory)) {
      std::string name = entry.path().filename();
      if (name.starts_with("LOG") || name.starts_with("OPTIONS") || name == "LOCK") {
        fs::remove(entry.path());
      }
    }
  }
}

class GoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(GoldenTest, OpensAndReadsRight) {
  Shards shards(1);
  TemporaryDirectory temporary;
  std::string root = SUIRO_SOURCE_DIR "/tests/golden";
  fs::copy(root + "/" + GetParam(), temporary.path() + "/store", fs::copy_options::recursive);
  std::string key_file;
  if (GetParam().ends_with("encrypted")) {
    key_file = temporary.path() + "/key";
    fs::copy(root + "/store-v1.key", key_file);
    fs::permissions(key_file, fs::perms::owner_read | fs::perms::owner_write);
  }
  auto opened = RocksStore::open(
      {.directory = temporary.path() + "/store", .key_file = key_file, .threads = Threads::kNone});
  ASSERT_TRUE(opened) << opened.error().message;
  RocksStore& store = **opened;
  EXPECT_EQ(store.snapshot()->sequence(), 9u);
  auto all = run_polling(shards, read_all(store));
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(*all,
            "a/00000000000000020000=first@2 a/00000000000000020001=second@2 "
            "a/00000000000000080000=third@8 k/kept=one@1 k/replaced=new@7 r/3=3@7 ");
  EXPECT_EQ(run_polling(shards, read_blob(store, "b/empty")), Bytes());
  EXPECT_EQ(run_polling(shards, read_blob(store, "b/small")), text(100, '0'));
  EXPECT_EQ(run_polling(shards, read_blob(store, "b/rocksdb-file")), text(5000, '1'));
  EXPECT_EQ(run_polling(shards, read_blob(store, "b/file")), text(7000, '2'));
}

INSTANTIATE_TEST_SUITE_P(Format1, GoldenTest, testing::Values("store-v1", "store-v1-encrypted"));

}  // namespace
}  // namespace suiro::store
