// SPDX-License-Identifier: Apache-2.0
#include "engine/image/cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/testing.h"
#include "engine/image/testing.h"
#include "kernel/store/testing.h"

namespace suiro::image {
namespace {

namespace fs = std::filesystem;

Bytes layer_of(const std::string& name, size_t bytes = 10) {
  return TarBuilder().file(name, std::string(bytes, 'x')).finish();
}

class CacheTest : public testing::Test {
 protected:
  CacheTest() : shards(2) {
    shards.start();
    open();
  }
  ~CacheTest() override {
    close();
    shards.stop();
  }
  void open() {
    cache = std::make_unique<Cache>(options(), shards, clock);
    cache->add_source(&registry);
    auto started = store::run(shards, 0, cache->start());
    ASSERT_TRUE(started) << started.error().message;
  }
  void close() {
    store::run(shards, 0, cache->stop());
    cache.reset();
  }
  void reopen() {
    close();
    open();
  }
  CacheOptions options() const {
    return {.directory = directory.path() + "/images", .bytes_max = room};
  }
  Result<Image> ensure(const std::string& tag, const std::string& holder,
                       Pull pull = Pull::kResolve) {
    return store::run(shards, 0, cache->ensure({"test.local/image:" + tag}, holder, pull));
  }
  std::string code(const std::string& tag) {
    auto done = ensure(tag, "h");
    return done ? "" : done.error().code;
  }
  void release(const std::string& holder) {
    ASSERT_TRUE(store::run(shards, 0, cache->release(holder)));
  }
  std::vector<std::string> holders() { return *store::run(shards, 0, cache->holders()); }
  size_t entries(const std::string& folder) const {
    return std::distance(fs::directory_iterator(directory.path() + "/images/" + folder), {});
  }

  store::TemporaryDirectory directory;
  RealClock clock;
  Shards shards;
  MemoryRegistry registry;
  uint64_t room = 1 << 20;
  std::unique_ptr<Cache> cache;
};

TEST_F(CacheTest, UnpacksAndShares) {
  Bytes base = layer_of("base");
  std::string digest = registry.put("one", {base, layer_of("one")});
  registry.put("two", {base, layer_of("two")});
  auto one = ensure("one", "task/one");
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ(one->digest, digest);
  EXPECT_EQ(one->config.user, "user");
  EXPECT_EQ(one->config.cmd, (std::vector<std::string>{"/bin/sh", "-c", "one"}));
  EXPECT_EQ(one->config.env, std::vector<std::string>{"A=b"});
  ASSERT_EQ(one->layer_directories.size(), 2);
  EXPECT_TRUE(fs::exists(one->layer_directories[0] + "/base"));
  EXPECT_TRUE(fs::exists(one->layer_directories[1] + "/one"));
  size_t opened = registry.opened;
  EXPECT_EQ(opened, 3);
  auto two = ensure("two", "task/two");
  ASSERT_TRUE(two);
  EXPECT_EQ(two->layer_directories[0], one->layer_directories[0]);
  EXPECT_EQ(registry.opened, opened + 2);
  EXPECT_EQ(entries("layers"), 3);
  EXPECT_EQ(entries("tmp"), 0);
}

TEST_F(CacheTest, ATagIsLookedUpAnew) {
  registry.put("latest", {layer_of("old")});
  auto old = ensure("latest", "a");
  registry.put("latest", {layer_of("new")});
  auto cached = ensure("latest", "b", Pull::kCached);
  auto fresh = ensure("latest", "c");
  ASSERT_TRUE(old && cached && fresh);
  EXPECT_EQ(cached->digest, old->digest);
  EXPECT_NE(fresh->digest, old->digest);
  // By its digest the old one needs no registry.
  registry.manifests.clear();
  auto named = store::run(shards, 0,
                          cache->ensure({"test.local/image@" + old->digest}, "d", Pull::kResolve));
  EXPECT_FALSE(named);
}

TEST_F(CacheTest, HoldersOutliveTheProcess) {
  registry.put("one", {layer_of("one", 200'000)});
  registry.put("two", {layer_of("two", 200'000)});
  auto one = ensure("one", "task/1");
  ASSERT_TRUE(one && ensure("two", "task/2"));
  release("task/2");
  room = 300'000;
  reopen();
  EXPECT_EQ(holders(), std::vector<std::string>{"task/1"});
  auto held = store::run(shards, 0, cache->held("task/1"));
  ASSERT_TRUE(held);
  EXPECT_EQ(held->layer_directories, one->layer_directories);
  EXPECT_TRUE(fs::exists(one->layer_directories[0] + "/one"));
  // There is room for one, and the one that was not held went.
  EXPECT_EQ(entries("layers"), 1);
  EXPECT_EQ(entries("images"), 1);
  EXPECT_FALSE(store::run(shards, 0, cache->held("task/2")));
}

TEST_F(CacheTest, WhatWasUsedLongestAgoGoes) {
  room = 700'000;
  reopen();
  for (std::string tag : {"a", "b", "c"}) registry.put(tag, {layer_of(tag, 200'000)});
  registry.put("d", {layer_of("d", 200'000)});
  for (std::string tag : {"a", "b", "c"}) {
    ASSERT_TRUE(ensure(tag, tag));
    // The times of use have milliseconds.
    store::run(shards, 0, clock.sleep_for(Millis(2)));
  }
  ASSERT_TRUE(ensure("a", "a"));
  release("a");
  release("b");
  ASSERT_TRUE(ensure("d", "d"));
  EXPECT_EQ(entries("layers"), 3);
  size_t opened = registry.opened;
  EXPECT_TRUE(ensure("a", "a"));
  EXPECT_EQ(registry.opened, opened) << "a was used later than b and must have stayed";
  EXPECT_LE(store::run(shards, 0, cache->bytes()), room);
}

TEST_F(CacheTest, NoRoomWhereAllIsHeld) {
  room = 300'000;
  reopen();
  registry.put("a", {layer_of("a", 200'000)});
  registry.put("b", {layer_of("b", 200'000)});
  ASSERT_TRUE(ensure("a", "a"));
  EXPECT_EQ(code("b"), kImageTooLarge);
  EXPECT_EQ(entries("layers"), 1);
  EXPECT_EQ(entries("tmp"), 0);
  release("a");
  EXPECT_EQ(code("b"), "");
}

TEST_F(CacheTest, BytesThatDoNotMatchAreNotUsed) {
  registry.put("blob", {layer_of("blob")});
  for (auto& [digest, blob] : registry.blobs) {
    if (blob[0] == '\x1f') blob.back() ^= 1;
  }
  EXPECT_EQ(code("blob"), kImageInvalid);
  registry.blobs.clear();
  EXPECT_EQ(code("blob"), kImageNotFound);
  registry.put("manifest", {layer_of("manifest")});
  registry.manifests[registry.tags["manifest"]].bytes += " ";
  EXPECT_EQ(code("manifest"), kImageInvalid);
  EXPECT_EQ(code("missing"), kImageNotFound);
  EXPECT_EQ(entries("layers"), 0);
  EXPECT_EQ(entries("tmp"), 0);
}

TEST_F(CacheTest, TheUnpackedBytesAreWhatTheConfigSays) {
  std::string good = registry.put("good", {layer_of("good")});
  // The config of the one with the layer of the other.
  registry.put("other", {layer_of("other")});
  std::string text = registry.manifests[good].bytes;
  std::string other = registry.manifests[registry.tags["other"]].bytes;
  size_t at = text.find("\"layers\"");
  std::string mixed = text.substr(0, at) + other.substr(other.find("\"layers\""));
  registry.put_manifest("mixed", mixed, kOciManifest);
  EXPECT_EQ(code("mixed"), kImageInvalid);
  EXPECT_EQ(code("good"), "");
}

TEST_F(CacheTest, PullsOfOneLayerAreShared) {
  registry.put("same", {layer_of("same", 100'000)});
  std::vector<std::future<Result<Image>>> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(asio::co_spawn(
        shards.executor(i % 2),
        cache->ensure({"test.local/image:same"}, "h" + std::to_string(i), Pull::kResolve),
        asio::use_future));
  }
  for (auto& one : all) {
    auto image = one.get();
    ASSERT_TRUE(image) << image.error().message;
  }
  EXPECT_EQ(holders().size(), 8);
  EXPECT_EQ(entries("layers"), 1);
  // A config each, the layer once.
  EXPECT_LE(registry.opened, 9);
}

// The name of a layer's folder in layers/.
std::string folder_of(const std::string& layer_directory) {
  return fs::path(layer_directory).parent_path().filename();
}

TEST_F(CacheTest, ALayerIsPulledAgainWhileAnotherIsRemoved) {
  room = 2'500'000;
  reopen();
  TarBuilder many;
  for (int i = 0; i < 4000; ++i) many.file(fmt::format("f{}", i), "");
  Bytes slow = many.finish(), small;
  // Layers are removed in the order of their digests.
  for (int i = 0; small.empty() || digest_of(gzip(small)) < digest_of(gzip(slow)); ++i) {
    small = layer_of(fmt::format("small{}", i));
  }
  registry.put("both", {slow, small});
  registry.put("small", {small});
  registry.put("next", {layer_of("next", 600'000)});
  auto both = ensure("both", "h");
  ASSERT_TRUE(both) << both.error().message;
  release("h");
  auto next = asio::co_spawn(shards.executor(0),
                             cache->ensure({"test.local/image:next"}, "next", Pull::kResolve),
                             asio::use_future);
  std::string first = directory.path() + "/images/layers/" + folder_of(both->layer_directories[0]);
  EXPECT_TRUE(eventually([&] { return !fs::exists(first); }));
  EXPECT_EQ(code("small"), "");
  auto image = next.get();
  EXPECT_TRUE(image) << image.error().message;
  auto held = store::run(shards, 0, cache->held("h"));
  ASSERT_TRUE(held);
  EXPECT_FALSE(fs::is_empty(held->layer_directories[0]));
  EXPECT_EQ(entries("layers"), 2);
  EXPECT_EQ(entries("tmp"), 0);
}

TEST_F(CacheTest, AfterARemovalThatFailedTheLayersCanBePulled) {
  room = 300'000;
  reopen();
  registry.put("two", {layer_of("one", 100'000), layer_of("two", 100'000)});
  registry.put("next", {layer_of("next", 200'000)});
  auto two = ensure("two", "h");
  ASSERT_TRUE(two);
  release("h");
  std::vector<std::string> folders;
  for (const auto& layer : two->layer_directories) folders.push_back(folder_of(layer));
  // The first that is removed is not there, which is an error.
  fs::remove_all(directory.path() + "/images/layers/" + std::ranges::min(folders));
  EXPECT_NE(code("next"), "");
  EXPECT_EQ(entries("layers"), 0);
  EXPECT_EQ(code("two"), "");
  release("h");
  EXPECT_EQ(code("next"), "");
  EXPECT_LE(store::run(shards, 0, cache->bytes()), room);
}

TEST_F(CacheTest, LeftoversAreSwept) {
  registry.put("a", {layer_of("a")});
  ASSERT_TRUE(ensure("a", "a"));
  close();
  std::string images = directory.path() + "/images/";
  fs::create_directories(images + "tmp/7/fs");
  std::ofstream(images + "tmp/8") << "half";
  fs::create_directories(images + "layers/sha256-" + std::string(64, '0') + "/fs");
  std::ofstream(images + "images/sha256-" + std::string(64, '1')) << "{\"version\":1";
  std::ofstream(images + "holders/" + std::string(64, '2')) << "{}";
  open();
  EXPECT_EQ(entries("tmp"), 0);
  EXPECT_EQ(entries("layers"), 1);
  EXPECT_EQ(entries("images"), 1);
  EXPECT_EQ(holders(), std::vector<std::string>{"a"});
}

TEST_F(CacheTest, OfAnIndexThisMachinesImage) {
  std::string digest = registry.put("mine", {layer_of("mine")});
  std::string other = registry.put("other", {layer_of("other")});
  auto entry = [&](const std::string& of, std::string_view architecture) {
    return boost::json::object{{"mediaType", kOciManifest},
                               {"digest", of},
                               {"size", registry.manifests[of].bytes.size()},
                               {"platform", {{"os", "linux"}, {"architecture", architecture}}}};
  };
  boost::json::object index{
      {"schemaVersion", 2},
      {"mediaType", kOciIndex},
      {"manifests", {entry(other, "s390x"), entry(digest, machine_architecture())}}};
  std::string named = registry.put_manifest("all", boost::json::serialize(index), kOciIndex);
  auto image = ensure("all", "h");
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->digest, named);
  EXPECT_TRUE(fs::exists(image->layer_directories[0] + "/mine"));
}

TEST_F(CacheTest, NamesOfHolders) {
  registry.put("a", {layer_of("a")});
  EXPECT_FALSE(ensure("a", ""));
  EXPECT_FALSE(ensure("a", std::string(kHolderBytesMax + 1, 'h')));
  std::string odd = "../../task: \n" + std::string(100, 'h');
  ASSERT_TRUE(ensure("a", odd));
  reopen();
  EXPECT_EQ(holders(), std::vector<std::string>{odd});
}

}  // namespace
}  // namespace suiro::image
