// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "services/kinesis/testing.h"

namespace suiro::kinesis {
namespace {

using ::testing::ElementsAre;
using At = Logic::Start::At;

class KinesisLogicTest : public KinesisTest {};

TEST_F(KinesisLogicTest, RecordsComeBackInOrder) {
  create("s");
  std::vector<std::string> sequences;
  for (const char* text : {"a", "b", "c"}) {
    sequences.push_back(put_one("s", "k", text).sequence_number);
  }
  EXPECT_THAT(data("s"), ElementsAre("a", "b", "c"));
  EXPECT_TRUE(std::ranges::is_sorted(sequences));
  for (const auto& text : sequences) {
    EXPECT_EQ(text.size(), 56u);
    EXPECT_TRUE(text.starts_with("49"));
  }
  EXPECT_THAT(data("s", 0, 1), ElementsAre("b", "c"));
}

TEST_F(KinesisLogicTest, ShardsShareTheHashKeys) {
  create("s", 3);
  auto list = sim_.run(logic().shards("s"));
  ASSERT_TRUE(list);
  const std::vector<ShardView>& shards = list->shards;
  ASSERT_EQ(shards.size(), 3u);
  EXPECT_TRUE(shards[0].record.range.begin == 0);
  EXPECT_TRUE(shards[2].record.range.end == kHashKeyMax);
  for (size_t i = 1; i < 3; ++i) {
    EXPECT_TRUE(shards[i].record.range.begin == shards[i - 1].record.range.end + 1);
  }
  std::vector<NewRecord> records;
  std::string text = "x";
  for (const ShardView& shard : shards) {
    records.push_back({text, "k", shard.record.range.begin});
    records.push_back({text, "k", shard.record.range.end});
  }
  auto places = put("s", std::move(records));
  ASSERT_TRUE(places);
  std::vector<uint32_t> indices;
  for (const PutPlace& place : places->records) indices.push_back(place.shard.value());
  EXPECT_THAT(indices, ElementsAre(0, 0, 1, 1, 2, 2));
  // The same key goes to the same shard.
  EXPECT_EQ(put_one("s", "one", "1").shard, put_one("s", "one", "2").shard);
}

TEST_F(KinesisLogicTest, AcknowledgedRecordsSurviveACrash) {
  create("s", 2);
  for (int i = 0; i < 50; ++i) put_one("s", fmt::format("k{}", i), fmt::format("{}", i));
  auto before0 = data("s", 0), before1 = data("s", 1);
  EXPECT_EQ(before0.size() + before1.size(), 50u);
  restart();
  EXPECT_EQ(data("s", 0), before0);
  EXPECT_EQ(data("s", 1), before1);
  auto place = put_one("s", "k0", "later");
  auto after = data("s", place.shard.value());
  EXPECT_EQ(after.back(), "later");
  EXPECT_EQ(after.size(), (place.shard.value() == 0 ? before0 : before1).size() + 1);
}

TEST_F(KinesisLogicTest, PutsThatWaitShareOneCommit) {
  create("s");
  constexpr size_t kPuts = 100;
  auto before = sim_.run(sim_.kernel().store.commit([] {
    store::Batch batch;
    batch.put("x", "1");
    return batch;
  }()));
  std::vector<std::future<Result<PutPlaces>>> puts;
  static const std::string kText = "x";
  for (size_t i = 0; i < kPuts; ++i) {
    std::vector<NewRecord> records;
    records.push_back({kText, "k", std::nullopt});
    puts.push_back(asio::co_spawn(sim_.shards().executor(0),
                                  logic().put("s", std::move(records), Logic::Origin::kClient),
                                  asio::use_future));
  }
  sim_.settle();
  for (auto& put : puts) ASSERT_TRUE(put.get());
  auto after = sim_.run(sim_.kernel().store.commit([] {
    store::Batch batch;
    batch.put("x", "2");
    return batch;
  }()));
  EXPECT_EQ(data("s").size(), kPuts);
  EXPECT_LE(after->sequence - before->sequence, 5u);
}

TEST_F(KinesisLogicTest, IteratorsOfEveryKind) {
  create("s");
  TimePoint t0 = sim_.clock().now();
  std::vector<std::string> sequences;
  for (int i = 0; i < 5; ++i) {
    sequences.push_back(put_one("s", "k", fmt::format("{}", i)).sequence_number);
    sim_.advance(7 * kSecond);
  }
  EXPECT_EQ(*locate("s", 0, {At::kTrimHorizon}), 0u);
  EXPECT_EQ(*locate("s", 0, {At::kLatest}), 5u);
  EXPECT_EQ(*locate("s", 0, {At::kSequence, {}, sequences[2]}), 2u);
  EXPECT_EQ(*locate("s", 0, {At::kAfterSequence, {}, sequences[2]}), 3u);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(*locate("s", 0, {At::kTimestamp, t0 + 7 * i * kSecond}), static_cast<Offset>(i));
    EXPECT_EQ(*locate("s", 0, {At::kTimestamp, t0 + 7 * i * kSecond + Millis(1)}),
              static_cast<Offset>(i + 1));
  }
  EXPECT_EQ(*locate("s", 0, {At::kTimestamp, t0 - kSecond}), 0u);
  std::string starting = SequenceFormat(t0, ShardIndex(0)).starting();
  EXPECT_EQ(*locate("s", 0, {At::kSequence, {}, starting}), 0u);
  EXPECT_EQ(*locate("s", 0, {At::kAfterSequence, {}, starting}), 0u);
  EXPECT_EQ(code(locate("s", 0, {At::kSequence, {}, "12"})), "InvalidArgumentException");
  EXPECT_EQ(code(locate("s", 1, {At::kLatest})), "ResourceNotFoundException");
}

TEST_F(KinesisLogicTest, LimitsEndASlice) {
  create("s");
  for (int i = 0; i < 10; ++i) put_one("s", "k", std::string(1000, 'a'));
  auto slice = read("s", 0, 0, {.records = 4});
  ASSERT_TRUE(slice);
  EXPECT_EQ(slice->records.size(), 4u);
  EXPECT_EQ(slice->next, 4u);
  slice = read("s", 0, 4, {.bytes = 2500});
  ASSERT_TRUE(slice);
  EXPECT_EQ(slice->records.size(), 2u);
  slice = read("s", 0, 0, {.bytes = 1});
  ASSERT_TRUE(slice);
  EXPECT_EQ(slice->records.size(), 1u);
}

TEST_F(KinesisLogicTest, BehindIsToldInMillis) {
  create("s");
  put_one("s", "k", "a");
  sim_.advance(5 * kSecond);
  put_one("s", "k", "b");
  EXPECT_EQ(read("s", 0, 0, {.records = 1})->millis_behind, 5000u);
  EXPECT_EQ(read("s", 0, 1)->millis_behind, 0u);
  EXPECT_EQ(read("s", 0, 2)->millis_behind, 0u);
}

TEST_F(KinesisLogicTest, AReaderThatWaitsIsWokenByAPut) {
  create("s");
  auto reader = sim_.spawn(logic().read(at("s"), 0, {.wait = 10 * kSecond}));
  sim_.advance(3 * kSecond);
  EXPECT_FALSE(event::SimKernel::is_ready(reader));
  put_one("s", "k", "a");
  ASSERT_TRUE(event::SimKernel::is_ready(reader));
  EXPECT_EQ(reader.get()->records.size(), 1u);
  auto idle = sim_.spawn(logic().read(at("s"), 1, {.wait = 10 * kSecond}));
  sim_.advance(10 * kSecond);
  ASSERT_TRUE(event::SimKernel::is_ready(idle));
  EXPECT_TRUE(idle.get()->records.empty());
}

TEST_F(KinesisLogicTest, ADeletedStreamIsGone) {
  create("s");
  auto reader = sim_.spawn(logic().read(at("s"), 0, {.wait = 10 * kSecond}));
  ASSERT_TRUE(sim_.run(logic().remove("s", Logic::Consumers::kRefuse)));
  EXPECT_EQ(code(reader.get()), "ResourceNotFoundException");
  EXPECT_EQ(code(read("s", 0, 0)), "ResourceNotFoundException");
  create("s");
  EXPECT_THAT(data("s"), ElementsAre());
  put_one("s", "k", "new");
  restart();
  EXPECT_THAT(data("s"), ElementsAre("new"));
  EXPECT_EQ(code(sim_.run(logic().create({"s"}))), "ResourceInUseException");
}

TEST_F(KinesisLogicTest, RecordsThatAreTooLargeAreRefused) {
  create("s");
  std::string large(1 << 20, 'x');
  std::vector<NewRecord> records;
  records.push_back({large, "k", std::nullopt});
  EXPECT_EQ(code(put("s", records)), "InvalidArgumentException");
  large.resize((1 << 20) - 1);
  records[0].data = large;
  EXPECT_EQ(code(put("s", records)), "ok");
}

TEST_F(KinesisLogicTest, AFailedCommitLeavesNoGap) {
  create("s");
  put_one("s", "k", "a");
  sim_.store().refuse_commits(1);
  std::vector<NewRecord> records;
  records.push_back({"lost", "k", std::nullopt});
  EXPECT_FALSE(put("s", records));
  put_one("s", "k", "b");
  EXPECT_THAT(data("s"), ElementsAre("a", "b"));
  EXPECT_EQ(read("s", 0, 0)->records[1].offset, 1u);
}

// --- as other services see it

class KinesisSourceTest : public KinesisTest {};

TEST_F(KinesisSourceTest, AppendsAreOneCommitWithAlso) {
  create("s", 4);
  std::string arn = logic().arn_of("s");
  auto append = [&](std::string condition) {
    std::vector<event::SinkRecord> records;
    for (int i = 0; i < 20; ++i) records.push_back({fmt::format("{}", i), fmt::format("k{}", i)});
    store::Batch also;
    also.require_value("checkpoint", condition);
    also.put("checkpoint", condition + "x");
    return sim_.run(service_->sink()->append(arn, std::move(records), std::move(also), {}));
  };
  store::Batch first;
  first.put("checkpoint", "x");
  ASSERT_TRUE(sim_.run(sim_.kernel().store.commit(std::move(first))));
  EXPECT_TRUE(append("x"));
  EXPECT_EQ(code(append("x")), codes::kConditionFailed);
  size_t count = 0;
  for (uint32_t i = 0; i < 4; ++i) count += data("s", i).size();
  EXPECT_EQ(count, 20u);
  EXPECT_EQ(sim_.run(sim_.kernel().store.get("checkpoint"))->value().value, "xx");
  EXPECT_EQ(code(sim_.run(service_->sink()->check(logic().arn_of("none")))), codes::kNotFound);
}

TEST_F(KinesisSourceTest, AConditionThatFailsRefusesItsOwnAppendOnly) {
  create("s");
  std::string arn = logic().arn_of("s");
  std::vector<std::future<Result<void>>> appends;
  for (int i = 0; i < 6; ++i) {
    std::vector<event::SinkRecord> records;
    records.push_back({fmt::format("{}", i), "k"});
    store::Batch also;
    if (i % 2 == 0) also.require_absent("token");
    also.put(i % 2 == 0 ? "token" : fmt::format("own{}", i), "1");
    appends.push_back(asio::co_spawn(
        sim_.shards().executor(0),
        service_->sink()->append(arn, std::move(records), std::move(also), {}), asio::use_future));
  }
  sim_.settle();
  size_t good = 0;
  for (auto& append : appends) good += append.get() ? 1 : 0;
  EXPECT_EQ(good, 4u);
  EXPECT_EQ(data("s").size(), 4u);
}

TEST_F(KinesisSourceTest, PositionsAreStable) {
  create("s");
  std::string arn = logic().arn_of("s");
  event::StreamSource& source = *service_->source();
  for (int i = 0; i < 5; ++i) put_one("s", "k", fmt::format("{}", i));
  auto read = [&](uint64_t from) {
    return sim_.run(source.read({.place = {arn, "shardId-000000000000"}, .from = {from}}));
  };
  auto batch = read(2);
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->records.size(), 3u);
  EXPECT_EQ(batch->records[0].data, "2");
  EXPECT_EQ(batch->records[0].position.offset, 2u);
  EXPECT_EQ(batch->next.offset, 5u);
  EXPECT_FALSE(batch->ended);
  restart();
  auto again =
      sim_.run(service_->source()->read({.place = {arn, "shardId-000000000000"}, .from = {2}}));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->records[0].sequence_number, batch->records[0].sequence_number);
  auto latest = sim_.run(
      service_->source()->locate({arn, "shardId-000000000000"}, {event::StreamStart::At::kLatest}));
  ASSERT_TRUE(latest);
  EXPECT_EQ(latest->offset, 5u);
}

TEST_F(KinesisSourceTest, AStreamMadeAgainIsAnotherGeneration) {
  create("s");
  std::string arn = logic().arn_of("s");
  event::StreamSource& source = *service_->source();
  put_one("s", "k", "old");
  auto generation = [&] { return sim_.run(source.shards(arn))->front().generation; };
  event::StreamGeneration old = generation();
  EXPECT_NE(old, event::StreamGeneration());
  event::StreamPlace place{arn, "shardId-000000000000", old};
  // A reader that waits for records hears of the end of its stream.
  auto waiting = sim_.spawn(source.read({.place = place, .from = {1}, .wait = Millis(60'000)}));
  ASSERT_TRUE(sim_.run(logic().remove("s", Logic::Consumers::kRefuse)));
  ASSERT_TRUE(event::SimKernel::is_ready(waiting));
  EXPECT_EQ(code(waiting.get()), "NotFound");
  create("s");
  put_one("s", "k", "new");
  EXPECT_NE(generation(), old);
  EXPECT_EQ(code(sim_.run(source.read({.place = place, .from = {1}}))), "NotFound");
  EXPECT_EQ(code(sim_.run(source.locate(place, {event::StreamStart::At::kLatest}))), "NotFound");
  place.generation = generation();
  restart();
  auto batch = sim_.run(service_->source()->read({.place = place, .from = {0}}));
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->records.front().data, "new");
}

class KinesisSmallTailTest : public KinesisTest {
 protected:
  KinesisSmallTailTest() : KinesisTest({.tail_bytes_max = 4000}) {}
};

TEST_F(KinesisSmallTailTest, OlderRecordsAreReadFromTheStore) {
  create("s");
  std::vector<std::string> expected;
  for (int i = 0; i < 100; ++i) {
    expected.push_back(std::string(90, 'a') + fmt::format("{:03}", i));
    put_one("s", "k", expected.back());
  }
  EXPECT_EQ(data("s"), expected);
  for (Offset from : {1, 50, 99}) {
    EXPECT_EQ(read("s", 0, from, {.records = 1})->records[0].data, expected[from]);
  }
}

}  // namespace
}  // namespace suiro::kinesis
