// SPDX-License-Identifier: Apache-2.0
// The life of streams, buffering, and exactly one object a record over crashes.
#include "services/firehose/testing.h"

namespace suiro::firehose {
namespace {

using std::chrono::seconds;
using ::testing::Test;

constexpr std::string_view kSmall = R"(,"BufferingHints":{"SizeInMBs":1,"IntervalInSeconds":60})";

TEST_F(FirehoseTest, ABufferIsDeliveredAtItsAge) {
  ASSERT_TRUE(create("s", s3_document(kSmall)));
  auto first = put("s", {"a", "b"});
  ASSERT_TRUE(first);
  sim.advance(seconds(30));
  auto second = put("s", {"c"});
  ASSERT_TRUE(second);
  EXPECT_NE((*first)[0], (*first)[1]);
  EXPECT_NE((*first)[0], (*second)[0]);
  sim.advance(seconds(29));
  EXPECT_TRUE(objects().empty());
  sim.advance(seconds(2));
  auto all = objects();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all.begin()->second, "abc");
  EXPECT_TRUE(all.begin()->first.starts_with("lake/2026/01/01/00/s-1-2026-01-01-00-00-00-"))
      << all.begin()->first;
}

TEST_F(FirehoseTest, ABufferIsDeliveredAtItsSize) {
  ASSERT_TRUE(create("s", s3_document(kSmall)));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(put("s", {Bytes(400'000, 'x')}));
  auto all = objects();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all.begin()->second.size(), 1'200'000u);
  ASSERT_TRUE(put("s", {"x"}));
  sim.advance(seconds(30));
  EXPECT_EQ(objects().size(), 1u);
  EXPECT_EQ(all_bytes().size(), 1'200'000u);
}

TEST_F(FirehoseTest, ARestartKeepsTheBufferAndItsAge) {
  ASSERT_TRUE(create("s", s3_document(kSmall)));
  ASSERT_TRUE(put("s", {"a"}));
  sim.advance(seconds(40));
  crash_and_restart();
  sim.advance(seconds(19));
  EXPECT_TRUE(objects().empty());
  sim.advance(seconds(2));
  EXPECT_EQ(all_bytes(), "a");
  restart();
  sim.advance(seconds(300));
  EXPECT_EQ(all_bytes(), "a");
}

TEST_F(FirehoseTest, AMissingBucketIsTriedForEver) {
  ASSERT_TRUE(create("s", s3_document(std::string(kSmall) +
                                      R"(,"CloudWatchLoggingOptions":{"Enabled":true,
                                        "LogGroupName":"g","LogStreamName":"t"})")));
  lake->failures = 5;
  ASSERT_TRUE(put("s", {"a"}));
  sim.advance(seconds(61));
  EXPECT_TRUE(objects().empty());
  sim.advance(seconds(120));
  EXPECT_EQ(all_bytes(), "a");
  ASSERT_EQ(logs.lines.size(), 5u);
  EXPECT_TRUE(logs.lines[0].starts_with("g|t|{")) << logs.lines[0];
  EXPECT_NE(logs.lines[0].find("S3.NoSuchBucket"), std::string::npos);
}

TEST_F(FirehoseTest, ABucketsPolicyMayDenyTheRole) {
  policy::ResourcePolicies policies;
  logic->context().policies = &policies;
  policies.put("arn:aws:s3:::lake",
               R"({"Statement":{"Effect":"Deny","Principal":{"AWS":
                   "arn:aws:iam::000000000000:role/r"},"Action":"s3:PutObject","Resource":"*"}})",
               policy::Form::kBucket);
  ASSERT_TRUE(create("s", s3_document(std::string(kSmall) +
                                      R"(,"CloudWatchLoggingOptions":{"Enabled":true,
                                        "LogGroupName":"g","LogStreamName":"t"})")));
  ASSERT_TRUE(put("s", {"a"}));
  sim.advance(seconds(120));
  EXPECT_TRUE(objects().empty());
  ASSERT_FALSE(logs.lines.empty());
  EXPECT_NE(logs.lines[0].find("S3.AccessDenied"), std::string::npos) << logs.lines[0];
  policies.erase("arn:aws:s3:::lake");
  sim.advance(std::chrono::hours(1));
  EXPECT_EQ(all_bytes(), "a");
}

TEST_F(FirehoseTest, DeliveriesAreTracedToTheirPut) {
  ASSERT_TRUE(create("s", s3_document(kSmall)));
  TraceContext cause = TraceContext::begin(sim.clock().now(), sim.random());
  cause.span_id = new_span_id(sim.random());
  ASSERT_TRUE(sim.run(logic->put("s", {"a"}, cause)));
  sim.advance(seconds(61));
  EXPECT_EQ(lake->last_cause.trace_id, cause.trace_id);
  auto spans = sim.run(sim.kernel().journal.trace(cause.trace_id));
  ASSERT_TRUE(spans);
  ASSERT_EQ(spans->size(), 1u);
  EXPECT_EQ(spans->front().parent_id, cause.span_id);
  EXPECT_EQ(spans->front().span_id, lake->last_cause.span_id);
  EXPECT_EQ(spans->front().kind, "firehose:Delivery");
}

TEST_F(FirehoseTest, ADeletedStreamTakesItsBufferAlong) {
  ASSERT_TRUE(create("s", s3_document(kSmall)));
  ASSERT_TRUE(put("s", {"a"}));
  ASSERT_TRUE(sim.run(logic->remove("s")));
  EXPECT_EQ(code(put("s", {"b"})), "ResourceNotFoundException");
  ASSERT_TRUE(create("s", s3_document(kSmall)));
  sim.advance(seconds(100));
  EXPECT_TRUE(objects().empty());
  auto left = sim.run(sim.store().scan({.range = store::KeyRange::prefix("f")}));
  ASSERT_TRUE(left);
  EXPECT_EQ(left->entries.size(), 1u);  // the new stream's record
}

TEST_F(FirehoseTest, UpdatesAreVersionedAndMerged) {
  ASSERT_TRUE(create("s", s3_document(R"(,"Prefix":"p/")")));
  UpdateRequest update{.name = "s",
                       .version = "1",
                       .destination_id = std::string(kDestinationId),
                       .document = R"({"CompressionFormat":"GZIP"})"};
  ASSERT_TRUE(sim.run(logic->update(update)));
  EXPECT_EQ(code(sim.run(logic->update(update))), "ConcurrentModificationException");
  update.version = "2";
  update.kind = Kind::kHttp;
  EXPECT_EQ(code(sim.run(logic->update(update))), "InvalidArgumentException");
  auto record = sim.run(logic->describe("s"));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->version, 2u);
  ASSERT_TRUE(put("s", {"a"}));
  sim.advance(seconds(301));
  auto all = objects();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_TRUE(all.begin()->first.starts_with("lake/p/2026/01/01/00/s-2-"));
  EXPECT_TRUE(all.begin()->first.ends_with(".gz"));
  EXPECT_TRUE(all.begin()->second.starts_with("\x1f\x8b"));
}

TEST_F(FirehoseTest, LimitsAreAwss) {
  ASSERT_TRUE(create("s", s3_document()));
  EXPECT_EQ(code(create("s", s3_document())), "ResourceInUseException");
  EXPECT_TRUE(put("s", {Bytes(1000 << 10, 'x')}));
  EXPECT_EQ(code(put("s", {Bytes((1000 << 10) + 1, 'x')})), "InvalidArgumentException");
  EXPECT_EQ(code(put("s", std::vector<Bytes>(5, Bytes(900 << 10, 'x')))),
            "InvalidArgumentException");
  EXPECT_EQ(code(put("t", {"x"})), "ResourceNotFoundException");
  auto prefixed = [](size_t bytes) {
    return s3_document(fmt::format(R"(,"Prefix":"{}")", std::string(bytes, 'p')));
  };
  EXPECT_EQ(code(create("long", prefixed(1000))), "InvalidArgumentException");
  // The error prefix has a type and a time behind it.
  EXPECT_EQ(code(create("long", prefixed(1024 - 132 - 31 - 14 + 1))), "InvalidArgumentException");
  EXPECT_EQ(code(create("long", prefixed(1024 - 132 - 31 - 14))), "ok");
}

TEST_F(FirehoseTest, NamesAreListedInOrder) {
  for (std::string name : {"b", "a", "c"}) ASSERT_TRUE(create(name, s3_document()));
  auto names = sim.run(logic->list({.names_max = 2}));
  ASSERT_TRUE(names);
  EXPECT_EQ(names->names, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(names->more);
  names = sim.run(logic->list({.after = "b"}));
  EXPECT_EQ(names->names, (std::vector<std::string>{"c"}));
  EXPECT_FALSE(names->more);
}

TEST_F(FirehoseTest, TheSourceIsBackedUp) {
  auto made = create("s", s3_document(std::string(kSmall) + R"(,"S3BackupMode":"Enabled",
      "S3BackupConfiguration":{
        "RoleARN":"arn:aws:iam::000000000000:role/r","BucketARN":"arn:aws:s3:::old"},
      "ProcessingConfiguration":{"Enabled":true,"Processors":[
        {"Type":"AppendDelimiterToRecord"}]})"));
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_TRUE(put("s", {"a", "b"}));
  sim.advance(seconds(301));
  auto all = objects();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all.begin()->second, "a\nb\n");
  EXPECT_TRUE(all.rbegin()->first.starts_with("old/2026/01/01/00/"));
  EXPECT_EQ(all.rbegin()->second, "ab");
}

TEST_F(FirehoseTest, ASinkCommitsWhatItIsGivenAlong) {
  auto arn = create("s", s3_document(kSmall));
  ASSERT_TRUE(arn);
  store::Batch also;
  also.put("Zposition", "1");
  std::vector<Bytes> records(3, Bytes(900 << 10, 'x'));  // more than one object
  ASSERT_TRUE(sim.run(logic->append(*arn, records, std::move(also), {})));
  store::Batch again;
  again.require_absent("Zposition");
  EXPECT_EQ(code(sim.run(logic->append(*arn, records, std::move(again), {}))), "ConditionFailed");
  EXPECT_EQ(code(sim.run(logic->check(*arn))), "ok");
  EXPECT_EQ(code(sim.run(logic->check(*arn + "x"))), "NotFound");
  sim.advance(seconds(61));
  EXPECT_EQ(all_bytes().size(), records.size() * (900 << 10));
}

// A start reads what a backlog is, and not the backlog.
TEST_F(FirehoseTest, AStartDoesNotReadTheBacklog) {
  ASSERT_TRUE(create("s", s3_document(kSmall)));
  lake->failures = 1'000'000;
  std::string all;
  for (int i = 0; i < 20; ++i) {
    std::string record = fmt::format("<{}>", i) + Bytes(100'000, '.');
    ASSERT_TRUE(put("s", {record}));
    all += record;
    sim.advance(Millis(100));
  }
  auto blocks = [&] {
    return sim
        .run(sim.store().scan(
            {.range = store::KeyRange::prefix({'f', 1, 'b'}), .bytes_max = size_t{1} << 30}))
        ->entries;
  };
  auto kept = blocks();
  ASSERT_EQ(kept.size(), 20u);
  auto write = [&](auto change) {
    store::Batch batch;
    change(batch);
    ASSERT_TRUE(sim.run(sim.store().commit(std::move(batch))));
  };
  // Whoever reads these fails.
  write([&](store::Batch& batch) {
    for (const auto& block : kept) batch.put(block.key, "not a block");
  });
  restart();
  auto state = sim.run([&]() -> Task<Result<uint64_t>> {
    CO_TRY(StatePtr found, logic->context().find("s"));
    co_return found->backlog_bytes();
  }());
  ASSERT_TRUE(state);
  EXPECT_EQ(*state, all.size());
  // A data directory of before: the older half has no facts beside it.
  lake->failures = 1'000'000;
  write([&](store::Batch& batch) {
    for (const auto& block : kept) batch.put(block.key, block.value);
    uint64_t middle = block_number(kept[9].key).value();
    store::KeyRange facts = store::KeyRange::prefix({'f', 1, 'i'});
    facts.end = facts.begin + kept[9].key.substr(3);
    facts.end.resize(facts.end.size() - 8);
    append_be64(facts.end, middle + 1);
    batch.erase_range(facts);
  });
  restart();
  sim.advance(std::chrono::minutes(20));
  EXPECT_EQ(all_bytes(), all);
  auto left = sim.run(sim.store().scan({.range = store::KeyRange::prefix({'f', 1, 'i'})}));
  EXPECT_TRUE(left->entries.empty());
  EXPECT_TRUE(blocks().empty());
}

// Random puts, failures of the lake, crashes and time: every acknowledged record is in the objects
// exactly once.
class FirehoseModel : public FirehoseTest, public ::testing::WithParamInterface<int> {};

TEST_P(FirehoseModel, EveryAcknowledgedRecordIsDeliveredOnce) {
  SeededRandom dice(static_cast<uint64_t>(GetParam()));
  ASSERT_TRUE(create("s", s3_document(kSmall)));
  std::set<std::string> sent, acknowledged;
  for (int step = 0; step < 80; ++step) {
    std::vector<Bytes> records;
    std::vector<std::future<Result<std::vector<std::string>>>> puts;
    std::vector<std::vector<std::string>> contents;
    for (uint64_t n = dice.below(4); n > 0; --n) {
      std::vector<Bytes> batch;
      for (uint64_t r = 1 + dice.below(5); r > 0; --r) {
        batch.push_back(fmt::format("<{:x}>{}", dice.next(), Bytes(dice.below(30'000), '.')));
        sent.insert(batch.back());
      }
      contents.push_back(batch);
      puts.push_back(sim.spawn(logic->put("s", std::move(batch), {})));
    }
    if (dice.below(10) == 0) lake->failures = static_cast<int>(dice.below(3));
    if (dice.below(12) == 0) sim.store().crash_after(static_cast<int64_t>(dice.below(4)));
    sim.advance(Millis(dice.below(20'000)));
    for (size_t i = 0; i < puts.size(); ++i) {
      ASSERT_TRUE(sim.is_ready(puts[i]));
      if (puts[i].get()) acknowledged.insert(contents[i].begin(), contents[i].end());
    }
    if (sim.store().crashed()) restart();
  }
  sim.advance(std::chrono::minutes(20));
  std::multiset<std::string> delivered;
  std::string all = all_bytes();
  for (size_t at = 0; at < all.size();) {
    size_t end = std::min(all.find('<', at + 1), all.size());
    delivered.insert(all.substr(at, end - at));
    at = end;
  }
  for (const auto& record : acknowledged) EXPECT_EQ(delivered.count(record), 1u);
  for (const auto& record : delivered) {
    EXPECT_TRUE(sent.contains(record));
    EXPECT_EQ(delivered.count(record), 1u);
  }
  EXPECT_GT(acknowledged.size(), 100u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, FirehoseModel, ::testing::Range(1, 7));

}  // namespace
}  // namespace suiro::firehose
