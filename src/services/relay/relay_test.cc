// SPDX-License-Identifier: Apache-2.0
// Order, retries and checkpoints of a relay, over a fake stream and a fake endpoint; the follower's
// walk through shards.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "kernel/event/testing.h"
#include "services/relay/logic.h"
#include "services/relay/storage.h"

namespace suiro::relay {
namespace {

using std::chrono::seconds;

constexpr char kArn[] = "arn:aws:kinesis:r:000000000000:stream/s";

// Shards in memory.
class FakeStream final : public event::StreamSource {
 public:
  explicit FakeStream(Clock& clock) : clock_(clock) {}
  struct Shard {
    std::vector<std::string> parents;
    std::vector<event::StreamRecord> records;
    bool open = true;
  };
  std::map<std::string, Shard> shards_by_name;
  uint64_t generation = 7;

  // Deletes the stream and makes it again with these shards.
  void make_again(const std::vector<std::string>& shards) {
    ++generation;
    shards_by_name.clear();
    for (const auto& shard : shards) shards_by_name[shard];
  }
  bool is_there(const event::StreamPlace& place) const {
    bool fits = place.generation.value() == 0 || place.generation.value() == generation;
    return fits && shards_by_name.contains(place.shard);
  }

  void put(const std::string& shard, const std::string& key, const std::string& data) {
    auto& records = shards_by_name[shard].records;
    records.push_back({.position = {records.size()},
                       .sequence_number = fmt::to_string(records.size()),
                       .partition_key = key,
                       .explicit_hash_key = {},
                       .arrived = clock_.now(),
                       .data = data});
  }
  Task<Result<std::vector<event::StreamShard>>> shards(std::string) override {
    std::vector<event::StreamShard> out;
    for (auto& [name, shard] : shards_by_name) {
      out.push_back({name, shard.parents, shard.open, event::StreamGeneration(generation)});
    }
    co_return out;
  }
  Task<Result<event::StreamPosition>> locate(event::StreamPlace place,
                                             event::StreamStart start) override {
    if (!is_there(place)) co_return fail(codes::kNotFound, "no such stream");
    using At = event::StreamStart::At;
    const auto& records = shards_by_name[place.shard].records;
    if (start.at == At::kLatest) co_return event::StreamPosition{records.size()};
    uint64_t at = 0;
    if (start.at == At::kTrimHorizon) co_return event::StreamPosition{0};
    while (at < records.size() && records[at].arrived < start.timestamp) ++at;
    co_return event::StreamPosition{at};
  }
  Task<Result<event::StreamBatch>> read(ReadRequest request) override {
    if (!is_there(request.place)) co_return fail(codes::kNotFound, "no such stream");
    bool is_at_end = request.from.offset >= shards_by_name[request.place.shard].records.size();
    if (is_at_end && shards_by_name[request.place.shard].open) {
      co_await clock_.sleep_for(request.wait);
    }
    if (!is_there(request.place)) co_return fail(codes::kNotFound, "no such stream");
    Shard& shard = shards_by_name[request.place.shard];
    event::StreamBatch out;
    size_t end = std::min(shard.records.size(), request.from.offset + request.records_max);
    for (size_t i = request.from.offset; i < end; ++i) out.records.push_back(shard.records[i]);
    out.next = {std::max<uint64_t>(end, request.from.offset)};
    out.ended = !shard.open && end == shard.records.size();
    co_return out;
  }

 private:
  Clock& clock_;
};

// Takes records as AWS does: each by itself, some refused.
class FakeTarget {
 public:
  explicit FakeTarget(uint64_t seed) : dice_(seed) {}
  int refuse_percent = 0;
  int fail_percent = 0;
  int reset_percent = 0;  // of calls whose connection ends, half of them with the records taken
  size_t calls = 0;
  std::map<std::string, std::vector<std::string>> taken;  // by key

  Result<http_out::Reply> answer(const http_out::Request& request) {
    ++calls;
    if (dice_.below(100) < static_cast<uint64_t>(fail_percent)) {
      return http_out::Reply{500, {}, R"({"__type":"InternalFailure","message":"no"})"};
    }
    uint64_t fate = dice_.below(200);
    auto reset = fail(codes::kUnavailable, "connection reset by peer", Retry::kLater);
    if (fate < static_cast<uint64_t>(reset_percent)) return reset;
    auto document = boost::json::parse(request.body).as_object();
    EXPECT_EQ(document["StreamName"], "t");
    auto& records = document["Records"].as_array();
    EXPECT_LE(records.size(), kCallRecordsMax);
    boost::json::array results;
    // In any order, as AWS may.
    for (auto& record : records) {
      if (dice_.below(100) < static_cast<uint64_t>(refuse_percent)) {
        results.push_back({{"ErrorCode", "ProvisionedThroughputExceededException"},
                           {"ErrorMessage", "slow down"}});
        continue;
      }
      std::string key(record.at("PartitionKey").as_string());
      taken[key].push_back(base64_decode(std::string(record.at("Data").as_string())).value());
      results.push_back({{"SequenceNumber", "1"}, {"ShardId", "s"}});
    }
    if (fate >= 200 - static_cast<uint64_t>(reset_percent)) return reset;
    boost::json::object reply{{"FailedRecordCount", 0}, {"Records", std::move(results)}};
    return http_out::Reply{200, {}, boost::json::serialize(reply)};
  }

 private:
  SeededRandom dice_;
};

class RelayTest : public ::testing::TestWithParam<int> {
 protected:
  RelayTest() : stream(sim.clock()), target(static_cast<uint64_t>(GetParam())) {
    credentials = ::testing::TempDir() + fmt::format("relay-{}", ::getpid());
    std::FILE* file = std::fopen(credentials.c_str(), "w");
    std::fputs("[default]\naws_access_key_id = A\naws_secret_access_key = S\n", file);
    std::fclose(file);
    build();
  }
  ~RelayTest() override {
    tear_down();
    std::remove(credentials.c_str());
  }
  void build() {
    sim.kernel().targets.add_stream("kinesis", &stream);
    sim.start();
    Executor executor = sim.shards().executor(0);
    scope = std::make_unique<TaskScope>(executor);
    RelayConfig config{.name = "a",
                       .source = kArn,
                       .endpoint = "https://e",
                       .region = "r",
                       .stream = "t",
                       .credentials = credentials,
                       .start = start,
                       .puts = puts};
    relay = std::make_unique<Relay>(sim.kernel(), executor, config,
                                    [this](http_out::Request request) { return send(request); });
    asio::post(executor, [this] { scope->spawn(relay->run()); });
    sim.settle();
  }
  Task<Result<http_out::Reply>> send(http_out::Request request) {
    co_await sim.clock().sleep_for(Millis(20));
    co_return target.answer(request);
  }
  void tear_down() {
    asio::post(sim.shards().executor(0), [this] { relay->stop(); });
    auto closed = sim.spawn(close());
    for (int i = 0; i < 100 && !sim.is_ready(closed); ++i) sim.advance(seconds(1));
    ASSERT_TRUE(sim.is_ready(closed));
    relay.reset();
    scope.reset();
    sim.stop();
  }
  Task<bool> close() {
    co_await scope->close();
    co_return true;
  }
  void crash_and_restart() {
    sim.crash();
    tear_down();
    sim.reopen();
    build();
  }
  // Each key's records in the order of their first arrival.
  static std::vector<std::string> firsts(const std::vector<std::string>& all) {
    std::vector<std::string> out;
    for (const auto& one : all) {
      if (std::ranges::find(out, one) == out.end()) out.push_back(one);
    }
    return out;
  }

  event::SimKernel sim;
  FakeStream stream;
  FakeTarget target;
  std::string credentials;
  Puts puts = Puts::kEach;
  Start start = Start::kTrimHorizon;
  std::unique_ptr<TaskScope> scope;
  std::unique_ptr<Relay> relay;
};

TEST_P(RelayTest, KeysKeepTheirOrderWhateverFails) {
  target.refuse_percent = 30;
  target.fail_percent = 10;
  target.reset_percent = 20;
  SeededRandom dice(static_cast<uint64_t>(GetParam()) * 31);
  std::map<std::string, std::vector<std::string>> sent;
  stream.shards_by_name["a"];
  stream.shards_by_name["b"];
  for (int i = 0; i < 300; ++i) {
    std::string key = fmt::format("k{}", dice.below(20));
    stream.put(key < "k15" ? "a" : "b", key, fmt::to_string(i));
    sent[key].push_back(fmt::to_string(i));
    if (dice.below(50) == 0) sim.advance(seconds(dice.below(10)));
    if (dice.below(100) == 0) crash_and_restart();
  }
  sim.advance(std::chrono::minutes(30));
  ASSERT_EQ(target.taken.size(), sent.size());
  for (const auto& [key, all] : sent) EXPECT_EQ(firsts(target.taken[key]), all) << key;
  RelayStatus status = relay->status();
  EXPECT_EQ(status.millis_behind, 0u);
  EXPECT_TRUE(status.last_error.empty());
}

TEST_P(RelayTest, ACheckpointIsKeptAndNothingIsSentTwice) {
  for (int i = 0; i < 50; ++i) stream.put("a", fmt::format("k{}", i), fmt::to_string(i));
  sim.advance(seconds(20));
  EXPECT_EQ(target.taken.size(), 50u);
  crash_and_restart();
  stream.put("a", "k0", "more");
  sim.advance(seconds(20));
  EXPECT_EQ(target.taken["k0"], (std::vector<std::string>{"0", "more"}));
  EXPECT_EQ(target.taken["k1"], (std::vector<std::string>{"1"}));
}

TEST_P(RelayTest, ChildrenComeBehindTheirParents) {
  target.refuse_percent = 30;
  for (int i = 0; i < 40; ++i) stream.put("p", "k", fmt::to_string(i));
  stream.shards_by_name["p"].open = false;
  stream.shards_by_name["a-child"].parents = {"p"};
  for (int i = 40; i < 60; ++i) stream.put("a-child", "k", fmt::to_string(i));
  sim.advance(std::chrono::minutes(10));
  std::vector<std::string> all;
  for (int i = 0; i < 60; ++i) all.push_back(fmt::to_string(i));
  EXPECT_EQ(target.taken["k"], all);
}

TEST_P(RelayTest, AStreamMadeAgainIsReadFromItsBeginning) {
  for (int i = 0; i < 30; ++i) stream.put("a", "k", fmt::format("old{}", i));
  sim.advance(seconds(60));
  EXPECT_EQ(target.taken["k"].size(), 30u);
  target.taken.clear();
  stream.make_again({"a", "b"});
  for (int i = 0; i < 40; ++i) stream.put("a", "k", fmt::format("new{}", i));
  stream.put("b", "l", "first");
  // Half of the runs hear of it after a restart.
  if (GetParam() % 2 == 0) crash_and_restart();
  sim.advance(seconds(60));
  ASSERT_EQ(target.taken["k"].size(), 40u);
  EXPECT_EQ(target.taken["k"].front(), "new0");
  EXPECT_EQ(target.taken["l"], (std::vector<std::string>{"first"}));
  crash_and_restart();
  sim.advance(seconds(60));
  EXPECT_EQ(target.taken["k"].size(), 40u);
}

TEST_P(RelayTest, LatestIsWhenTheRelayBegan) {
  tear_down();
  sim.reopen();
  start = Start::kLatest;
  stream.put("a", "k", "before");
  stream.shards_by_name["a"].records.back().arrived -= seconds(1);
  build();
  sim.advance(seconds(10));
  EXPECT_TRUE(target.taken.empty());
  // A child is written to before the relay sees it, and so is a stream that was made again.
  stream.put("a", "k", "1");
  stream.shards_by_name["a"].open = false;
  stream.shards_by_name["b"].parents = {"a"};
  stream.put("b", "k", "2");
  crash_and_restart();
  sim.advance(seconds(30));
  EXPECT_EQ(target.taken["k"], (std::vector<std::string>{"1", "2"}));
  stream.make_again({"x", "y"});
  stream.put("x", "x", "3");
  stream.put("y", "y", "4");
  crash_and_restart();
  sim.advance(seconds(30));
  EXPECT_EQ(target.taken["x"], (std::vector<std::string>{"3"}));
  EXPECT_EQ(target.taken["y"], (std::vector<std::string>{"4"}));
}

TEST_P(RelayTest, TheLagIsThatOfTheOldestRecordThatWaits) {
  target.fail_percent = 100;
  stream.put("a", "k", "x");
  sim.advance(seconds(60));
  RelayStatus status = relay->status();
  EXPECT_GT(status.millis_behind, 50'000u);
  EXPECT_GT(status.retries, 3u);
  EXPECT_EQ(status.last_error, "InternalFailure: no");
}

INSTANTIATE_TEST_SUITE_P(Seeds, RelayTest, ::testing::Range(1, 3));

TEST(TargetTest, ACallHasAKeyOnceOrIsFull) {
  std::vector<event::StreamRecord> records;
  for (int i = 0; i < 1200; ++i) {
    records.push_back({.partition_key = fmt::format("k{}", i % 3), .data = Bytes(10, 'x')});
  }
  std::vector<size_t> waiting(records.size());
  for (size_t i = 0; i < waiting.size(); ++i) waiting[i] = i;
  EXPECT_EQ(next_call(records, waiting, Puts::kEach), (std::vector<size_t>{0, 1, 2}));
  EXPECT_EQ(next_call(records, {4, 5, 7}, Puts::kEach), (std::vector<size_t>{4, 5}));
  EXPECT_EQ(next_call(records, waiting, Puts::kAtomic).size(), kCallRecordsMax);
  for (auto& record : records) record.data = Bytes(1 << 20, 'x');
  EXPECT_EQ(next_call(records, waiting, Puts::kAtomic).size(), 4u);
}

TEST(TargetTest, CredentialsAreReadAsAwsDoes) {
  const char* text =
      "# c\n[default]\naws_access_key_id=A\naws_secret_access_key = S=\n"
      "[other]\naws_access_key_id=B\naws_secret_access_key=T\n"
      "aws_session_token=U\n";
  EXPECT_EQ(parse_credentials(text, "default")->secret_access_key, "S=");
  EXPECT_EQ(parse_credentials(text, "other")->session_token, "U");
  EXPECT_TRUE(parse_credentials(text, "default")->session_token.empty());
  EXPECT_FALSE(parse_credentials(text, "third"));
}

TEST(TargetTest, RepliesThatAreNotAreErrors) {
  for (const char* body : {"", "[]", "{}", R"({"Records":[]})", R"({"Records":[1]})"}) {
    EXPECT_FALSE(parse_call_reply({200, {}, body}, 1)) << body;
  }
  auto reply = parse_call_reply({400, {}, R"({"__type":"a#B","message":"m"})"}, 1);
  EXPECT_EQ(reply.error().code, "B");
}

// A change here is a change of docs/formats/relay.md.
TEST(FormatTest, Bytes) {
  EXPECT_EQ(hex_encode(checkpoint_key("a", "s")),
            "720170"
            "61"
            "00"
            "73");
  EXPECT_EQ(hex_encode(encode(Checkpoint{"x", {7, true, event::StreamGeneration(9)}})),
            "02"
            "0000000178"
            "0000000000000007"
            "01"
            "0000000000000009");
  EXPECT_EQ(hex_encode(origin_key("a")), "72016f61");
  EXPECT_EQ(hex_encode(encode(Origin{"x", TimePoint(Millis(5))})),
            "01"
            "0000000178"
            "0000000000000005");
  // Version 1, as older data directories have it.
  auto old = decode_checkpoint(hex_decode("010000000178000000000000000701").value());
  ASSERT_TRUE(old);
  EXPECT_EQ(old->position.offset, 7u);
  EXPECT_TRUE(old->position.ended);
  EXPECT_EQ(old->position.generation, event::StreamGeneration());
}

}  // namespace
}  // namespace suiro::relay
