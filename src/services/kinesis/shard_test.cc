// SPDX-License-Identifier: Apache-2.0
// Splits, merges, the number of shards, retention, limits.
#include <gmock/gmock.h>

#include "services/kinesis/storage.h"
#include "services/kinesis/testing.h"

namespace suiro::kinesis {
namespace {

using ::testing::ElementsAre;
using At = Logic::Start::At;

constexpr HashKey kHalf = HashKey{1} << 127;

std::map<ShardIndex, ShardRecord> equal_shards(uint32_t count) {
  std::map<ShardIndex, ShardRecord> shards;
  for (uint32_t i = 0; i < count; ++i) shards[ShardIndex(i)].range = equal_range(i, count);
  return shards;
}

// The open ranges by their begin; CHECKs what Reshard promises.
std::vector<HashRange> open_ranges(const std::map<ShardIndex, ShardRecord>& shards) {
  std::vector<HashRange> ranges;
  for (const auto& [index, shard] : shards) {
    EXPECT_LE(shard.parents.size(), 2u);
    for (ShardIndex parent : shard.parents) {
      EXPECT_TRUE(shards.at(parent).closed);
      EXPECT_GT(shard.created, shards.at(parent).created);
    }
    if (!shard.closed) ranges.push_back(shard.range);
  }
  std::ranges::sort(ranges, {}, &HashRange::begin);
  EXPECT_TRUE(ranges.front().begin == 0);
  EXPECT_TRUE(ranges.back().end == kHashKeyMax);
  for (size_t i = 1; i < ranges.size(); ++i) {
    EXPECT_TRUE(ranges[i].begin == ranges[i - 1].end + 1);
  }
  return ranges;
}

TEST(ReshardTest, ScalesToEqualRanges) {
  for (uint32_t from = 1; from <= 12; ++from) {
    for (uint32_t to = 1; to <= 24; ++to) {
      auto shards = equal_shards(from);
      Reshard reshard(shards, from, TimePoint(Millis(1000)));
      reshard.scale_to(to);
      for (const auto& [index, shard] : reshard.changed()) shards[index] = shard;
      auto ranges = open_ranges(shards);
      ASSERT_EQ(ranges.size(), to);
      for (uint32_t i = 0; i < to; ++i) EXPECT_TRUE(ranges[i] == equal_range(i, to));
      if (from == to) EXPECT_TRUE(reshard.changed().empty());
      EXPECT_EQ(reshard.shards_made(), shards.size());
    }
  }
}

class KinesisShardTest : public KinesisTest {
 protected:
  std::vector<std::string> open_of(std::string name) {
    std::vector<std::string> out;
    auto shards = sim_.run(logic().shards(std::move(name)));
    for (const ShardView& shard : shards->shards) {
      if (!shard.record.closed) out.push_back(shard_name(shard.index).substr(19));
    }
    return out;
  }
  Result<void> split(uint32_t shard, HashKey begin) {
    return sim_.run(logic().split("s", ShardIndex(shard), begin));
  }
  Result<void> merge(uint32_t first, uint32_t second) {
    return sim_.run(logic().merge("s", ShardIndex(first), ShardIndex(second)));
  }
};

TEST_F(KinesisShardTest, SplitKeepsTheOldRecordsAndTakesNewOnes) {
  create("s");
  for (int i = 0; i < 10; ++i) put_one("s", fmt::format("k{}", i), fmt::format("{}", i));
  std::string last = put_one("s", "k", "10").sequence_number;
  ASSERT_TRUE(split(0, kHalf));
  EXPECT_THAT(open_of("s"), ElementsAre("1", "2"));
  EXPECT_EQ(data("s", 0).size(), 11u);
  auto end = read("s", 0, 0);
  EXPECT_TRUE(end->ended);
  ASSERT_EQ(end->children.size(), 2u);
  EXPECT_EQ(end->children[0].index, ShardIndex(1));
  EXPECT_EQ(end->children[0].record.parents, std::vector{ShardIndex(0)});
  PutPlace place = put_one("s", "k", "new");
  EXPECT_GT(place.sequence_number, last);
  EXPECT_THAT(data("s", place.shard.value()), ElementsAre("new"));
  EXPECT_EQ(code(split(0, kHalf)), "InvalidArgumentException");
  EXPECT_EQ(code(split(1, 1)), "InvalidArgumentException");
  EXPECT_EQ(code(split(1, kHalf - 1)), "InvalidArgumentException");
  EXPECT_EQ(code(split(9, kHalf)), "ResourceNotFoundException");
}

TEST_F(KinesisShardTest, MergeJoinsNeighbours) {
  create("s", 3);
  EXPECT_EQ(code(merge(0, 2)), "InvalidArgumentException");
  EXPECT_EQ(code(merge(1, 0)), "InvalidArgumentException");
  ASSERT_TRUE(merge(0, 1));
  EXPECT_THAT(open_of("s"), ElementsAre("2", "3"));
  auto end = read("s", 1, 0);
  EXPECT_TRUE(end->ended);
  ASSERT_EQ(end->children.size(), 1u);
  EXPECT_EQ(end->children[0].record.parents, (std::vector{ShardIndex(0), ShardIndex(1)}));
  restart();
  EXPECT_THAT(open_of("s"), ElementsAre("2", "3"));
  EXPECT_TRUE(read("s", 0, 0)->ended);
  ASSERT_TRUE(merge(3, 2));
  EXPECT_THAT(open_of("s"), ElementsAre("4"));
}

TEST_F(KinesisShardTest, PutsOnTheirWayGoToTheNewShards) {
  create("s");
  std::vector<std::future<Result<PutPlaces>>> puts;
  static const std::string kText = "x";
  auto put_many = [&] {
    for (int i = 0; i < 30; ++i) {
      std::vector<NewRecord> records;
      records.push_back({kText, "k", HashKey(static_cast<unsigned>(i)) << 120});
      puts.push_back(asio::co_spawn(sim_.shards().executor(static_cast<size_t>(i) % 2),
                                    logic().put("s", std::move(records), Logic::Origin::kClient),
                                    asio::use_future));
    }
  };
  put_many();
  auto scaled = asio::co_spawn(sim_.shards().executor(1), logic().scale("s", 2), asio::use_future);
  put_many();
  sim_.settle();
  ASSERT_TRUE(scaled.get());
  for (auto& put : puts) ASSERT_TRUE(put.get());
  size_t count = 0;
  for (uint32_t i = 0; i < 3; ++i) count += data("s", i).size();
  EXPECT_EQ(count, 60u);
}

TEST_F(KinesisShardTest, AReaderThatWaitsLearnsOfTheEnd) {
  create("s");
  auto reader = sim_.spawn(logic().read(at("s"), 0, {.wait = 10 * kSecond}));
  ASSERT_TRUE(split(0, kHalf));
  ASSERT_TRUE(event::SimKernel::is_ready(reader));
  auto slice = reader.get();
  EXPECT_TRUE(slice->ended);
  EXPECT_EQ(slice->children.size(), 2u);
}

TEST_F(KinesisShardTest, TheNumberOfShardsChangesByHalfOrDouble) {
  create("s", 4);
  auto scale = [&](uint32_t count) { return sim_.run(logic().scale("s", count)); };
  EXPECT_EQ(code(scale(9)), "InvalidArgumentException");
  EXPECT_EQ(code(scale(1)), "InvalidArgumentException");
  EXPECT_EQ(*scale(8), 4u);
  EXPECT_EQ(open_of("s").size(), 8u);
  EXPECT_EQ(*scale(5), 8u);
  EXPECT_EQ(open_of("s").size(), 5u);
  EXPECT_EQ(*scale(5), 5u);
  ASSERT_TRUE(sim_.run(logic().set_mode("s", Mode::kOnDemand)));
  EXPECT_EQ(code(scale(6)), "ValidationException");
}

// Many shards are no longer work for each of them than few.
TEST(ReshardTest, ManyShards) {
  auto shards = equal_shards(4000);
  Reshard reshard(shards, 4000, TimePoint(Millis(1000)));
  reshard.scale_to(7999);
  EXPECT_EQ(reshard.open_shards(), 7999u);
  for (const auto& [index, shard] : reshard.changed()) shards[index] = shard;
  EXPECT_EQ(open_ranges(shards).size(), 7999u);
}

class KinesisFewShardsTest : public KinesisTest {
 protected:
  KinesisFewShardsTest() : KinesisTest({.open_shards_max = 6}) {}
  std::string code_of_create(std::string name, uint32_t shards) {
    Logic::NewStream stream{std::move(name)};
    stream.shards = shards;
    auto made = sim_.run(logic().create(std::move(stream)));
    if (made) return "ok";
    EXPECT_NE(made.error().message.find("would exceed the shard limit"), std::string::npos);
    return made.error().code;
  }
  size_t open() { return sim_.run(logic().usage()).open_shards; }
};

TEST_F(KinesisFewShardsTest, OpenShardsOfAllStreamsAreLimited) {
  create("a", 3);
  create("b", 2);
  EXPECT_EQ(code_of_create("c", 2), "LimitExceededException");
  EXPECT_EQ(code(sim_.run(logic().scale("a", 5))), "LimitExceededException");
  ASSERT_TRUE(sim_.run(logic().split("b", ShardIndex(0), HashKey{1} << 100)));
  EXPECT_EQ(code(sim_.run(logic().split("b", ShardIndex(1), HashKey{3} << 126))),
            "LimitExceededException");
  EXPECT_EQ(open(), 6u);
  restart();
  EXPECT_EQ(code_of_create("c", 1), "LimitExceededException");
  ASSERT_TRUE(sim_.run(logic().scale("a", 2)));
  EXPECT_EQ(code_of_create("c", 1), "ok");
  EXPECT_EQ(code_of_create("d", 1), "LimitExceededException");
  ASSERT_TRUE(sim_.run(logic().remove("a", Logic::Consumers::kRefuse)));
  EXPECT_EQ(code_of_create("d", 2), "ok");
  // What could not be committed does not count.
  sim_.store().crash_after(0);
  EXPECT_NE(code(sim_.run(logic().scale("d", 1))), "ok");
  restart();
  EXPECT_EQ(open(), 6u);
}

TEST_F(KinesisShardTest, RecordsGoWhenTheirTimeIsOver) {
  create("s");
  for (int hour = 0; hour < 30; ++hour) {
    put_one("s", "k", fmt::format("{}", hour));
    sim_.advance(std::chrono::hours(1));
  }
  auto left = data("s");
  EXPECT_EQ(left.front(), "7");
  EXPECT_EQ(left.size(), 23u);
  EXPECT_EQ(*locate("s", 0, {At::kTrimHorizon}), 7u);
  EXPECT_EQ(read("s", 0, 0)->records.front().offset, 7u);
  EXPECT_EQ(sim_.run(sim_.kernel().store.scan({.range = store::KeyRange::prefix({'k', 1, 'r'})}))
                ->entries.size(),
            23u);
  restart();
  EXPECT_EQ(data("s"), left);
  sim_.advance(std::chrono::hours(25));
  EXPECT_THAT(data("s"), ElementsAre());
  for (char family : {'r', 't'}) {
    EXPECT_TRUE(
        sim_.run(sim_.kernel().store.scan({.range = store::KeyRange::prefix({'k', 1, family})}))
            ->entries.empty());
  }
  restart();
  put_one("s", "k", "new");
  EXPECT_THAT(data("s"), ElementsAre("new"));
  EXPECT_EQ(read("s", 0, 0)->records[0].offset, 30u);
}

TEST_F(KinesisShardTest, RetentionGrowsAndShrinks) {
  create("s");
  auto set = [&](int64_t hours, Logic::Retention direction) {
    return code(sim_.run(logic().set_retention("s", hours, direction)));
  };
  EXPECT_EQ(set(23, Logic::Retention::kDecrease), "InvalidArgumentException");
  EXPECT_EQ(set(8761, Logic::Retention::kIncrease), "InvalidArgumentException");
  EXPECT_EQ(set(48, Logic::Retention::kDecrease), "InvalidArgumentException");
  EXPECT_EQ(set(48, Logic::Retention::kIncrease), "ok");
  EXPECT_EQ(set(24, Logic::Retention::kIncrease), "InvalidArgumentException");
  put_one("s", "k", "old");
  sim_.advance(std::chrono::hours(30));
  put_one("s", "k", "young");
  EXPECT_THAT(data("s"), ElementsAre("old", "young"));
  EXPECT_EQ(set(24, Logic::Retention::kDecrease), "ok");
  sim_.advance(std::chrono::minutes(2));
  EXPECT_THAT(data("s"), ElementsAre("young"));
}

TEST_F(KinesisShardTest, ClosedShardsGoWithTheirLastRecord) {
  create("s");
  put_one("s", "k", "old");
  ASSERT_TRUE(split(0, kHalf));
  sim_.advance(std::chrono::hours(23));
  EXPECT_THAT(data("s", 0), ElementsAre("old"));
  sim_.advance(std::chrono::hours(2));
  EXPECT_EQ(code(read("s", 0, 0)), "ResourceNotFoundException");
  EXPECT_EQ(sim_.run(logic().shards("s"))->shards.size(), 2u);
  restart();
  EXPECT_EQ(sim_.run(logic().shards("s"))->shards.size(), 2u);
  put_one("s", "k", "new");
}

TEST_F(KinesisShardTest, ConsumersAreRegisteredByStream) {
  create("s");
  auto made = sim_.run(logic().register_consumer({"s", "c"}, {{"a", "b"}}));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->arn, logic().arn_of("s") + "/consumer/c:1767225600");
  EXPECT_EQ(code(sim_.run(logic().register_consumer({"s", "c"}, {}))), "ResourceInUseException");
  restart();
  auto place = logic().consumer_of(made->arn);
  ASSERT_TRUE(place);
  EXPECT_EQ(sim_.run(logic().consumer(*place))->record.tags.at("a"), "b");
  place->created_s = 5;
  EXPECT_EQ(code(sim_.run(logic().consumer(*place))), "ResourceNotFoundException");
  EXPECT_EQ(code(sim_.run(logic().remove("s", Logic::Consumers::kRefuse))),
            "ResourceInUseException");
  EXPECT_TRUE(sim_.run(logic().deregister_consumer({"s", "c"})));
  EXPECT_TRUE(sim_.run(logic().consumers("s"))->empty());
}

TEST_F(KinesisShardTest, EncryptionIsRefusedWhereTheStoreHasNone) {
  create("s");
  EXPECT_EQ(code(sim_.run(logic().set_key("s", "alias/aws/kinesis"))), codes::kNotImplemented);
}

class KinesisLimitsTest : public KinesisTest {
 protected:
  KinesisLimitsTest() : KinesisTest({.limits = Limits::kAws, .encrypted_at_rest = true}) {}
};

TEST_F(KinesisLimitsTest, AShardTakesAThousandRecordsASecond) {
  create("s", 2);
  std::string text = "x";
  std::vector<NewRecord> records(400, {text, "k", HashKey{0}});
  size_t taken = 0, other = 0;
  for (int i = 0; i < 3; ++i) {
    records.push_back({text, "k", kHashKeyMax});
    auto places = put("s", records);
    ASSERT_TRUE(places);
    for (const PutPlace& place : places->records) {
      bool is_taken = !place.sequence_number.empty();
      (place.shard == ShardIndex(0) ? taken : other) += is_taken ? 1 : 0;
    }
  }
  EXPECT_EQ(taken, 1000u);
  EXPECT_EQ(other, 6u);
  EXPECT_EQ(data("s", 0).size(), 1000u);
  sim_.advance(kSecond);
  EXPECT_FALSE(put("s", records)->records.front().sequence_number.empty());
}

TEST_F(KinesisLimitsTest, AShardTakesAMebibyteASecond) {
  create("s");
  std::string text(400 << 10, 'x');
  std::vector<NewRecord> records(3, {text, "k", std::nullopt});
  auto places = put("s", records);
  ASSERT_TRUE(places);
  EXPECT_FALSE(places->records[1].sequence_number.empty());
  EXPECT_TRUE(places->records[2].sequence_number.empty());
}

TEST_F(KinesisLimitsTest, AShardIsReadFiveTimesASecond) {
  create("s");
  auto get = [&] { return code(sim_.run(logic().get(at("s"), 0, {}))); };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(get(), "ok");
  EXPECT_EQ(get(), "ProvisionedThroughputExceededException");
  sim_.advance(Millis(200));
  EXPECT_EQ(get(), "ok");
  EXPECT_TRUE(read("s", 0, 0));  // other services are not limited
}

TEST_F(KinesisLimitsTest, TheStoresEncryptionStandsForTheServicesKey) {
  create("s");
  EXPECT_EQ(code(sim_.run(logic().set_key("s", "some-key"))), "KMSNotFoundException");
  ASSERT_TRUE(sim_.run(logic().set_key("s", "alias/aws/kinesis")));
  EXPECT_EQ(sim_.run(logic().describe("s"))->record.key_id, "alias/aws/kinesis");
}

TEST(StorageTest, RecordsComeBackAsTheyWere) {
  StreamRecord stream{StreamId(7),  TimePoint(Millis(5)), Mode::kOnDemand,    48, 2048, 9,
                      {{"a", "b"}}, {"IncomingBytes"},    "alias/aws/kinesis"};
  EXPECT_EQ(*storage::decode_stream(storage::encode(stream)), stream);
  ShardRecord shard{{kHalf, kHashKeyMax},
                    TimePoint(Millis(5)),
                    {ShardIndex(1), ShardIndex(2)},
                    TimePoint(Millis(9)),
                    40,
                    30};
  EXPECT_EQ(*storage::decode_shard(storage::encode(shard)), shard);
  shard.closed.reset();
  EXPECT_EQ(*storage::decode_shard(storage::encode(shard)), shard);
  EXPECT_EQ(hex_encode(storage::encode(shard)),
            "01"
            "80000000000000000000000000000000"
            "ffffffffffffffffffffffffffffffff"
            "0000000000000005"
            "00"
            "0000000000000000"
            "0000000000000028"
            "000000000000001e"
            "00000002"
            "00000001"
            "00000002");
  EXPECT_EQ(hex_encode(storage::block_key({StreamId(7), ShardIndex(3)}, 258)),
            "6b0172"
            "0000000000000007"
            "00000003"
            "0000000000000102");
  EXPECT_FALSE(storage::decode_shard(storage::encode(stream)));
  EXPECT_FALSE(storage::decode_stream("\x02"));
}

}  // namespace
}  // namespace suiro::kinesis
