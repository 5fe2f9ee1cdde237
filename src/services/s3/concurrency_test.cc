// SPDX-License-Identifier: Apache-2.0
// Changes that meet, on real threads with group commit.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "kernel/event/testing.h"
#include "services/s3/logic.h"

namespace suiro::s3 {
namespace {

class S3Concurrency : public ::testing::Test {
 protected:
  S3Concurrency() : logic(real.kernel(), {}) {
    EXPECT_TRUE(real.run(logic.start()));
    real.start();
  }
  ~S3Concurrency() override { real.stop(); }

  template <class T>
  std::future<T> on(size_t shard, Task<T> task) {
    return asio::co_spawn(real.shards().executor(shard % real.shards().size()), std::move(task),
                          asio::use_future);
  }
  Task<Result<Written>> put(Bytes key, Bytes bytes) {
    PutRequest request{.bucket = "lake", .key = std::move(key)};
    return logic.put(std::move(request), shapes::body_of(std::move(bytes)));
  }
  void enable_versions() {
    auto edit = [](BucketRecord& record, store::Batch&) -> Result<void> {
      record.versioning = Versioning::kEnabled;
      return ok();
    };
    ASSERT_TRUE(real.run(logic.edit_bucket({}, "lake", "s3:PutBucketVersioning", edit)));
  }

  event::RealKernel real;
  Logic logic;
};

// Puts its key `count` times; returns the versions that were acknowledged.
Task<std::vector<std::string>> put_often(Logic& logic, Bytes key, int count) {
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i) {
    PutRequest request{.bucket = "lake", .key = key};
    auto written = co_await logic.put(std::move(request), shapes::body_of(fmt::to_string(i)));
    EXPECT_TRUE(written);
    if (written) out.push_back(written->record.version_text());
  }
  co_return out;
}

Task<void> tag_often(Logic& logic, int count) {
  for (int i = 0; i < count; ++i) {
    auto edited = co_await logic.put_document({}, "lake", "s3:PutBucketTagging", "tagging",
                                              R"({"TagSet":[]})");
    EXPECT_TRUE(edited);
  }
}

TEST_F(S3Concurrency, EveryAcknowledgedVersionIsListed) {
  ASSERT_TRUE(real.run(logic.create_bucket({}, "lake")));
  enable_versions();
  std::vector<std::future<std::vector<std::string>>> writers;
  for (size_t i = 0; i < 12; ++i) {
    writers.push_back(on(i, put_often(logic, fmt::format("key-{}", i % 3), 25)));
  }
  // Changes of the bucket make the writers judge again.
  auto tags = on(1, tag_often(logic, 20));
  std::set<std::string> acknowledged;
  for (auto& writer : writers) {
    for (auto& version : writer.get()) EXPECT_TRUE(acknowledged.insert(version).second);
  }
  tags.get();
  auto listed = real.run(logic.list_versions({.list = {.bucket = "lake"}, .after_version = {}}));
  ASSERT_TRUE(listed);
  std::set<std::string> found;
  for (auto& object : listed->objects) found.insert(object.record.version_text());
  EXPECT_EQ(found, acknowledged);
  EXPECT_EQ(found.size(), 300U);
}

TEST_F(S3Concurrency, ABucketIsNotDeletedUnderAnObject) {
  int deleted = 0, kept = 0;
  for (size_t round = 0; round < 60; ++round) {
    ASSERT_TRUE(real.run(logic.create_bucket({}, "lake")));
    // One side gets a head start, in turns.
    auto first = round % 2 == 0 ? on(round, put("k", "x")) : std::future<Result<Written>>();
    auto removal = on(round + 1, logic.delete_bucket({}, "lake"));
    if (!first.valid()) first = on(round, put("k", "x"));
    const bool put_worked = first.get().has_value(), removed = removal.get().has_value();
    ASSERT_FALSE(put_worked && removed);
    auto found = real.run(logic.find({"lake", "k", {}, {}}));
    ASSERT_EQ(found.has_value(), put_worked);
    removed ? ++deleted : ++kept;
    if (removed) continue;
    ASSERT_TRUE(real.run(logic.remove({.bucket = "lake"}, {"k", {}, {}})));
    ASSERT_TRUE(real.run(logic.delete_bucket({}, "lake")));
  }
  EXPECT_EQ(deleted + kept, 60);
}

TEST_F(S3Concurrency, OneOfManyFirstWritersWins) {
  ASSERT_TRUE(real.run(logic.create_bucket({}, "lake")));
  std::vector<std::future<Result<Written>>> writers;
  for (size_t i = 0; i < 30; ++i) {
    PutRequest request{.bucket = "lake", .key = "lock", .conditions = {.if_none_match = "*"}};
    writers.push_back(on(i, logic.put(std::move(request), shapes::body_of("x"))));
  }
  int won = 0;
  for (auto& writer : writers) {
    auto written = writer.get();
    if (written) {
      ++won;
    } else {
      EXPECT_EQ(written.error().code, "PreconditionFailed");
    }
  }
  EXPECT_EQ(won, 1);
}

TEST_F(S3Concurrency, PartsThatRaceWithTheCompletionAreNotLost) {
  ASSERT_TRUE(real.run(logic.create_bucket({}, "lake")));
  for (size_t round = 0; round < 20; ++round) {
    auto id = real.run(logic.create_upload({{}, "lake", "k", {}}));
    ASSERT_TRUE(id);
    auto part = [&](uint32_t number, Bytes bytes) {
      return logic.put_part({{}, "lake", "k", *id, number, {}}, shapes::body_of(std::move(bytes)));
    };
    auto one = real.run(part(1, "one"));
    ASSERT_TRUE(one);
    CompleteRequest request{.bucket = "lake", .key = "k", .upload = *id};
    request.parts = {{1, hex_encode(one->md5), {}}};
    auto again = on(round, part(1, "two"));
    auto done = on(round + 1, logic.complete(std::move(request)));
    const bool replaced = again.get().has_value(), completed = done.get().has_value();
    // The part that came first was the one that the completion names, or the completion failed.
    ASSERT_TRUE(replaced || completed);
    if (!completed) {
      ASSERT_TRUE(real.run(logic.abort({}, "lake", "k", *id)));
      continue;
    }
    auto found = real.run(logic.find({"lake", "k", {}, {}}));
    ASSERT_TRUE(found);
    auto body = real.run(logic.open(*found, {0, 3}));
    ASSERT_TRUE(body);
    EXPECT_EQ(*real.run(shapes::read_all(**body, 10)), "one");
  }
}

}  // namespace
}  // namespace suiro::s3
