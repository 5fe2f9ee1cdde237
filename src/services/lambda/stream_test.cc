// SPDX-License-Identifier: Apache-2.0
// Event source mappings of streams.
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "services/lambda/errors.h"
#include "services/lambda/storage.h"
#include "services/lambda/stream_records.h"
#include "services/lambda/testing.h"

namespace suiro::lambda {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::Act;
using ::testing::ElementsAre;
using testing::fails;
using ::testing::HasSubstr;
using testing::LambdaSim;

constexpr std::string_view kArn = "arn:aws:kinesis:ap-northeast-1:000000000000:stream/s";
constexpr std::string_view kQueueArn = "arn:aws:sqs:ap-northeast-1:000000000000:q";

// The data of the records of an invocation.
std::vector<std::string> data_of(ByteView payload) {
  std::vector<std::string> out;
  auto value = boost::json::parse(payload);
  for (const auto& record : value.at("Records").as_array()) {
    std::string_view text(record.at("kinesis").at("data").as_string());
    out.push_back(base64_decode(text).value());
  }
  return out;
}

std::string text(const boost::json::value& value) {
  return std::string(std::string_view(value.as_string()));
}

class StreamMappings : public ::testing::Test {
 protected:
  StreamMappings() {
    EXPECT_TRUE(lambda_.create("f"));
    note();
  }
  // Notes the data of each invocation; fails those that hold `poison_`.
  void note() {
    lambda_.host->behave = [this](const auto&, const sandbox::Invocation& invocation) {
      auto data = data_of(invocation.payload);
      batches_.push_back(data);
      if (std::ranges::find(data, poison_) != data.end()) return fails();
      return Act{takes_, sandbox::Outcome::End::kReturned, answer_};
    };
  }
  MappingView map(MappingChange change = {}) {
    change.function = FunctionName{"f", ""};
    change.starting_position = change.starting_position.value_or("TRIM_HORIZON");
    auto made =
        lambda_.sim.run(lambda_.logic().create_mapping(std::string(kArn), std::move(change)));
    EXPECT_TRUE(made) << made.error().message;
    return *std::move(made);
  }
  std::string refusal(MappingChange change, std::string arn = std::string(kArn)) {
    change.function = FunctionName{"f", ""};
    auto made = lambda_.sim.run(lambda_.logic().create_mapping(std::move(arn), std::move(change)));
    return made ? "none" : made.error().code;
  }
  void put(int from, int to, std::string key = "k") {
    for (int i = from; i < to; ++i) lambda_.stream->put(key, std::to_string(i));
  }
  // All that the function was given, without what failed.
  std::vector<std::string> all() const {
    std::vector<std::string> out;
    for (const auto& batch : batches_) {
      if (std::ranges::find(batch, poison_) != batch.end()) continue;
      out.insert(out.end(), batch.begin(), batch.end());
    }
    return out;
  }
  static std::vector<std::string> numbers(int from, int to) {
    std::vector<std::string> out;
    for (int i = from; i < to; ++i) out.push_back(std::to_string(i));
    return out;
  }
  const std::vector<event::Event>& dead() const { return lambda_.queue_target->events; }

  LambdaSim lambda_{2048};
  std::vector<std::vector<std::string>> batches_;
  std::string poison_ = "none";
  std::string answer_ = "null";
  Millis takes_{0};
};

TEST_F(StreamMappings, RecordsAreGivenInOrderAndOnce) {
  put(0, 250);
  map();
  lambda_.sim.advance(seconds(3));
  EXPECT_EQ(all(), numbers(0, 250));
  EXPECT_EQ(batches_[0].size(), 100U);  // the default
  put(250, 260);
  lambda_.sim.advance(seconds(2));
  EXPECT_EQ(all(), numbers(0, 260));
  lambda_.restart();
  note();
  put(260, 265);
  lambda_.sim.advance(seconds(3));
  EXPECT_EQ(all(), numbers(0, 265));
}

TEST_F(StreamMappings, ARecordHasItsForm) {
  lambda_.stream->put("key\"1", "Hello, this is a test.");
  map();
  lambda_.sim.advance(seconds(2));
  ASSERT_EQ(lambda_.host->seen.size(), 1U);
  auto record = boost::json::parse(lambda_.host->seen[0].payload).at("Records").at(0);
  EXPECT_EQ(record.at("kinesis").at("kinesisSchemaVersion"), "1.0");
  EXPECT_EQ(record.at("kinesis").at("partitionKey"), "key\"1");
  EXPECT_EQ(record.at("kinesis").at("data"), "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==");
  EXPECT_EQ(record.at("kinesis").at("approximateArrivalTimestamp").to_number<double>(),
            1767225600.0);
  EXPECT_EQ(record.at("eventSource"), "aws:kinesis");
  EXPECT_EQ(record.at("eventVersion"), "1.0");
  EXPECT_EQ(record.at("eventName"), "aws:kinesis:record");
  EXPECT_EQ(text(record.at("eventID")), "shard-0:" + fmt::format("{:056}", 0));
  EXPECT_EQ(record.at("invokeIdentityArn"), "arn:aws:iam::000000000000:role/any");
  EXPECT_EQ(record.at("awsRegion"), "ap-northeast-1");
  EXPECT_EQ(text(record.at("eventSourceARN")), kArn);
}

TEST_F(StreamMappings, StartsWhereItIsTold) {
  put(0, 3);
  lambda_.sim.advance(seconds(10));
  TimePoint middle = lambda_.sim.clock().now();
  put(3, 6);
  lambda_.sim.advance(seconds(10));
  map({.starting_position = "LATEST"});
  lambda_.sim.advance(seconds(2));
  put(6, 8);
  lambda_.sim.advance(seconds(2));
  EXPECT_EQ(all(), numbers(6, 8));
  batches_.clear();
  ASSERT_TRUE(lambda_.create("g"));
  MappingChange change{.starting_position = "AT_TIMESTAMP", .starting_at = middle};
  change.function = FunctionName{"g", ""};
  ASSERT_TRUE(lambda_.sim.run(lambda_.logic().create_mapping(std::string(kArn), change)));
  lambda_.sim.advance(seconds(2));
  EXPECT_EQ(all(), numbers(3, 8));
}

TEST_F(StreamMappings, AFailedBatchIsRetriedBeforeWhatFollows) {
  poison_ = "2";
  put(0, 5);
  map({.batch_size = 5});
  lambda_.sim.advance(seconds(20));
  EXPECT_GE(batches_.size(), 3U);
  put(5, 9);
  lambda_.sim.advance(seconds(10));
  for (const auto& batch : batches_) EXPECT_EQ(batch, numbers(0, 5));
  poison_ = "none";
  batches_.clear();
  lambda_.sim.advance(minutes(2));
  EXPECT_EQ(all(), numbers(0, 9));
}

TEST_F(StreamMappings, AttemptsEndAndTheDestinationIsTold) {
  poison_ = "2";
  put(0, 5);
  map({.batch_size = 5, .retries_max = 2, .on_failure_arn = std::string(kQueueArn)});
  lambda_.sim.advance(minutes(2));
  EXPECT_EQ(batches_.size(), 3U);
  ASSERT_EQ(dead().size(), 1U);
  auto told = boost::json::parse(dead()[0].payload);
  EXPECT_EQ(told.at("requestContext").at("condition"), "RetryAttemptsExhausted");
  EXPECT_EQ(told.at("requestContext").at("approximateInvokeCount"), 3);
  EXPECT_EQ(told.at("responseContext").at("functionError"), "Unhandled");
  EXPECT_EQ(told.at("KinesisBatchInfo").at("shardId"), "shard-0");
  EXPECT_EQ(told.at("KinesisBatchInfo").at("batchSize"), 5);
  EXPECT_EQ(text(told.at("KinesisBatchInfo").at("startSequenceNumber")), fmt::format("{:056}", 0));
  EXPECT_EQ(text(told.at("KinesisBatchInfo").at("endSequenceNumber")), fmt::format("{:056}", 4));
  put(5, 6);
  lambda_.sim.advance(seconds(2));
  EXPECT_EQ(all(), numbers(5, 6));
}

TEST_F(StreamMappings, AttemptsAreCountedOverRestarts) {
  poison_ = "2";
  put(0, 5);
  map({.batch_size = 8, .retries_max = 4, .on_failure_arn = std::string(kQueueArn)});
  size_t before = 0;
  for (int restarts = 0; restarts < 3; ++restarts) {
    lambda_.sim.advance(Millis(10));
    EXPECT_GT(batches_.size(), before);
    before = batches_.size();
    lambda_.restart();
    note();
    put(5 + restarts, 6 + restarts);  // what comes later is no part of the batch that failed
  }
  lambda_.sim.advance(minutes(2));
  poison_ = "none";
  lambda_.sim.advance(minutes(1));
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(batches_[i], numbers(0, 5));
  ASSERT_EQ(dead().size(), 1U);
  auto told = boost::json::parse(dead()[0].payload);
  EXPECT_EQ(told.at("requestContext").at("approximateInvokeCount"), 5);
  EXPECT_EQ(batches_.size(), 6U);
  EXPECT_EQ(batches_[5], numbers(5, 8));
}

TEST_F(StreamMappings, PiecesOfABatchOutliveARestart) {
  poison_ = "5";
  put(0, 8);
  map({.batch_size = 8,
       .retries_max = 1,
       .bisect = true,
       .on_failure_arn = std::string(kQueueArn)});
  // Each process makes one attempt or two.
  size_t told = 0;
  for (int restarts = 0; restarts < 12; ++restarts) {
    lambda_.sim.advance(Millis(10));
    told += dead().size();
    lambda_.restart();
    note();
  }
  lambda_.sim.advance(minutes(2));
  told += dead().size();
  auto expected = numbers(0, 8);
  std::erase(expected, poison_);
  EXPECT_EQ(all(), expected);
  EXPECT_EQ(told, 1U);
  EXPECT_EQ(std::ranges::count(batches_, std::vector<std::string>{"5"}), 2);
}

// docs/decisions/104: nothing that the new stream acknowledged is passed over.
TEST_F(StreamMappings, AStreamMadeAgainIsReadFromItsBeginning) {
  put(0, 10);
  lambda_.sim.advance(seconds(1));
  MappingView made = map({.starting_position = "LATEST"});
  put(10, 20);
  lambda_.sim.advance(seconds(3));
  EXPECT_EQ(all(), numbers(10, 20));
  lambda_.stream->remove();
  lambda_.sim.advance(seconds(3));
  auto view = lambda_.sim.run(lambda_.logic().get_mapping(made.mapping.uuid));
  EXPECT_THAT(view->last_result, HasSubstr("PROBLEM"));
  lambda_.stream->open("shard-0");
  lambda_.stream->open("shard-1");
  put(100, 130);
  lambda_.stream->put("k", "130", "shard-1");
  lambda_.sim.advance(seconds(10));
  auto got = all();
  std::ranges::sort(got);
  auto expected = numbers(10, 20);
  std::ranges::copy(numbers(100, 131), std::back_inserter(expected));
  std::ranges::sort(expected);
  EXPECT_EQ(got, expected);
  // Again, and while the process is away; with another shard less.
  lambda_.stream->remove();
  lambda_.stream->open("shard-0");
  put(200, 205);
  batches_.clear();
  lambda_.restart();
  note();
  lambda_.sim.advance(seconds(5));
  EXPECT_EQ(all(), numbers(200, 205));
  auto left = lambda_.sim.run(
      lambda_.sim.kernel().store.scan({.range = keys::lanes_of(made.mapping.uuid)}));
  EXPECT_EQ(left->entries.size(), 1U);
  lambda_.restart();
  note();
  lambda_.sim.advance(seconds(5));
  EXPECT_EQ(all(), numbers(200, 205));
}

TEST_F(StreamMappings, CheckpointsWithoutAGenerationGoOn) {
  put(0, 10);
  MappingView made = map();
  lambda_.sim.advance(seconds(3));
  batches_.clear();
  lambda_.before_start = [&] {
    note();
    store::Batch batch;
    // As it was written before there were generations.
    batch.put(keys::lane(made.mapping.uuid, "shard-0", 0),
              Bytes(1, 1) + R"({"position":7,"ended":false,"window_open":false,"window_begin":0})");
    ASSERT_TRUE(lambda_.sim.run(lambda_.sim.kernel().store.commit(std::move(batch))));
  };
  lambda_.stop();
  lambda_.sim.reopen();
  lambda_.make();
  lambda_.sim.advance(seconds(3));
  EXPECT_EQ(all(), numbers(7, 10));
}

TEST_F(StreamMappings, BisectingFindsThePoison) {
  poison_ = "37";
  put(0, 100);
  map({.retries_max = 1, .bisect = true, .on_failure_arn = std::string(kQueueArn)});
  lambda_.sim.advance(minutes(2));
  auto expected = numbers(0, 100);
  std::erase(expected, poison_);
  EXPECT_EQ(all(), expected);
  ASSERT_EQ(dead().size(), 1U);
  auto told = boost::json::parse(dead()[0].payload);
  EXPECT_EQ(told.at("KinesisBatchInfo").at("batchSize"), 1);
  EXPECT_EQ(text(told.at("KinesisBatchInfo").at("startSequenceNumber")), fmt::format("{:056}", 37));
}

TEST_F(StreamMappings, APartialAnswerMovesTheCheckpoint) {
  put(0, 10);
  answer_ = fmt::format(R"({{"batchItemFailures":[{{"itemIdentifier":"{:056}"}},)"
                        R"({{"itemIdentifier":"{:056}"}}]}})",
                        7, 4);
  map({.report_failures = true});
  lambda_.sim.advance(Millis(500));
  ASSERT_EQ(batches_.size(), 1U);
  answer_ = "{}";
  lambda_.sim.advance(seconds(5));
  ASSERT_EQ(batches_.size(), 2U);
  EXPECT_EQ(batches_[1], numbers(4, 10));
}

TEST_F(StreamMappings, OldRecordsAreGivenUp) {
  put(0, 3);
  lambda_.sim.advance(minutes(2));
  put(3, 5);
  map({.record_age_max_s = 60, .on_failure_arn = std::string(kQueueArn)});
  lambda_.sim.advance(seconds(3));
  EXPECT_EQ(all(), numbers(3, 5));
  ASSERT_EQ(dead().size(), 1U);
  EXPECT_EQ(boost::json::parse(dead()[0].payload).at("KinesisBatchInfo").at("batchSize"), 3);
}

TEST_F(StreamMappings, ABatchThatOutlivesRetentionIsGivenUp) {
  poison_ = "2";
  put(0, 5);
  map({.batch_size = 5, .on_failure_arn = std::string(kQueueArn)});
  lambda_.sim.advance(seconds(20));
  EXPECT_GE(batches_.size(), 3U);
  lambda_.stream->trim(7);
  put(5, 9);
  lambda_.sim.advance(minutes(2));
  EXPECT_EQ(all(), numbers(7, 9));
  ASSERT_EQ(dead().size(), 1U);
  auto told = boost::json::parse(dead()[0].payload);
  EXPECT_EQ(told.at("requestContext").at("condition"), "EventAgeExceeded");
  EXPECT_GE(told.at("requestContext").at("approximateInvokeCount").to_number<int>(), 3);
  EXPECT_EQ(told.at("KinesisBatchInfo").at("batchSize"), 5);
  EXPECT_EQ(text(told.at("KinesisBatchInfo").at("shardId")), "shard-0");
}

// The same where nothing is left in the stream, over a restart, and for each lane.
TEST_F(StreamMappings, AnEmptyStreamHoldsNoFailedBatchEither) {
  poison_ = "2";
  for (int i = 0; i < 8; ++i) lambda_.stream->put(fmt::format("k{}", i), "2");
  map({.batch_size = 8, .parallelization = 2, .on_failure_arn = std::string(kQueueArn)});
  lambda_.sim.advance(seconds(20));
  lambda_.stream->trim(8);
  lambda_.restart();
  note();
  lambda_.sim.advance(minutes(2));
  EXPECT_EQ(dead().size(), 2U);
  for (int i = 0; i < 8; ++i) lambda_.stream->put(fmt::format("k{}", i), std::to_string(10 + i));
  batches_.clear();
  lambda_.sim.advance(minutes(2));
  auto got = all();
  std::ranges::sort(got);
  EXPECT_EQ(got, numbers(10, 18));
}

TEST_F(StreamMappings, ThePiecesThatAreLeftAreTriedOn) {
  poison_ = "2";
  put(0, 8);
  map({.batch_size = 8, .bisect = true, .on_failure_arn = std::string(kQueueArn)});
  lambda_.sim.advance(seconds(20));  // [2], [3], [4, 8) are left
  lambda_.stream->trim(5);
  lambda_.sim.advance(minutes(2));
  auto expected = numbers(0, 2);
  std::ranges::copy(numbers(5, 8), std::back_inserter(expected));
  EXPECT_EQ(all(), expected);
  ASSERT_EQ(dead().size(), 1U);
  EXPECT_EQ(boost::json::parse(dead()[0].payload).at("KinesisBatchInfo").at("batchSize"), 3);
}

TEST_F(StreamMappings, LanesKeepTheOrderOfEachKey) {
  takes_ = seconds(1);
  for (int i = 0; i < 60; ++i) {
    lambda_.stream->put(fmt::format("k{}", i % 6), fmt::format("{}:{:02}", i % 6, i));
  }
  map({.batch_size = 5, .parallelization = 4});
  lambda_.sim.advance(seconds(20));
  std::map<std::string, std::vector<std::string>> by_key;
  for (const std::string& data : all()) by_key[data.substr(0, 1)].push_back(data);
  size_t count = 0;
  for (const auto& [key, data] : by_key) {
    EXPECT_TRUE(std::ranges::is_sorted(data)) << key;
    count += data.size();
  }
  EXPECT_EQ(count, 60U);
  EXPECT_GT(lambda_.host->running_max, 1);
  EXPECT_LE(lambda_.host->running_max, 4);
}

TEST_F(StreamMappings, TheNumberOfLanesMayChange) {
  for (int i = 0; i < 20; ++i) lambda_.stream->put(fmt::format("k{}", i % 6), std::to_string(i));
  MappingView made = map({.parallelization = 3});
  lambda_.sim.advance(seconds(3));
  for (int lanes : {1, 2}) {
    MappingChange change;
    change.parallelization = lanes;
    ASSERT_TRUE(lambda_.sim.run(lambda_.logic().update_mapping(made.mapping.uuid, change)));
    lambda_.sim.advance(seconds(5));
    for (int i = 0; i < 20; ++i) {
      lambda_.stream->put(fmt::format("k{}", i % 6), std::to_string(i + lanes * 100));
    }
    lambda_.sim.advance(seconds(5));
  }
  auto got = all();
  std::set<std::string> seen(got.begin(), got.end());
  EXPECT_EQ(seen.size(), 60U);  // nothing is lost; a record may come again
}

TEST_F(StreamMappings, ParentsAreReadBeforeTheirChildren) {
  put(0, 3);
  lambda_.stream->close("shard-0");
  lambda_.stream->open("shard-1", {"shard-0"});
  lambda_.stream->open("shard-2", {"shard-0"});
  lambda_.stream->open("shard-3", {"shard-1", "shard-2"});
  lambda_.stream->put("k", "4", "shard-1");
  lambda_.stream->put("k", "5", "shard-2");
  lambda_.stream->put("k", "6", "shard-3");
  lambda_.stream->close("shard-1");
  poison_ = "2";
  map({.retries_max = 3});
  lambda_.sim.advance(seconds(2));
  for (const auto& batch : batches_) EXPECT_EQ(batch, numbers(0, 3));
  lambda_.sim.advance(minutes(1));
  auto got = all();
  std::ranges::sort(got);
  EXPECT_THAT(got, ElementsAre("4", "5"));  // shard-2 is open: its child waits
  lambda_.stream->close("shard-2");
  lambda_.sim.advance(seconds(5));
  EXPECT_EQ(all().back(), "6");
}

TEST_F(StreamMappings, TheWindowGathersABatch) {
  map({.window_s = 5});
  put(0, 3);
  lambda_.sim.advance(seconds(2));
  put(3, 6);
  EXPECT_TRUE(batches_.empty());
  lambda_.sim.advance(seconds(6));
  ASSERT_EQ(batches_.size(), 1U);
  EXPECT_EQ(batches_[0], numbers(0, 6));
}

TEST_F(StreamMappings, FiltersSeeTheData) {
  lambda_.stream->put("a", R"({"kind":"order","n":7})");
  lambda_.stream->put("a", R"({"kind":"order","n":3})");
  lambda_.stream->put("b", "no json");
  map({.filters = std::vector<std::string>{R"({"data":{"n":[{"numeric":[">",5]}]}})",
                                           R"({"partitionKey":["b"]})"}});
  lambda_.sim.advance(seconds(2));
  EXPECT_THAT(all(), ElementsAre(R"({"kind":"order","n":7})", "no json"));
}

TEST_F(StreamMappings, TumblingWindowsCarryTheirState) {
  std::vector<boost::json::object> seen;
  lambda_.host->behave = [&](const auto&, const sandbox::Invocation& invocation) {
    auto event = boost::json::parse(invocation.payload).as_object();
    seen.push_back(event);
    int64_t sum = 0;
    if (auto* old = event["state"].as_object().if_contains("sum")) sum = old->as_int64();
    for (const std::string& data : data_of(invocation.payload)) sum += std::stoi(data);
    return Act{Millis(0), sandbox::Outcome::End::kReturned,
               fmt::format(R"({{"state":{{"sum":{}}}}})", sum)};
  };
  map({.tumbling_window_s = 60});
  put(1, 4);
  lambda_.sim.advance(seconds(10));
  put(4, 6);
  lambda_.sim.advance(seconds(10));
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].at("isFinalInvokeForWindow"), false);
  EXPECT_EQ(seen[0].at("window").at("start"), "2026-01-01T00:00:00Z");
  EXPECT_EQ(seen[0].at("window").at("end"), "2026-01-01T00:01:00Z");
  EXPECT_EQ(seen[1].at("state").at("sum"), 6);
  lambda_.sim.advance(seconds(45));
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[2].at("isFinalInvokeForWindow"), true);
  EXPECT_EQ(seen[2].at("isWindowTerminatedEarly"), false);
  EXPECT_EQ(seen[2].at("state").at("sum"), 15);
  EXPECT_EQ(seen[2].at("shardId"), "shard-0");
  EXPECT_TRUE(seen[2].at("Records").as_array().empty());
  put(7, 8);
  lambda_.sim.advance(seconds(2));
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_TRUE(seen[3].at("state").as_object().empty());
  // The state is durable with the checkpoint.
  auto behave = lambda_.host->behave;
  lambda_.restart();
  lambda_.host->behave = behave;
  lambda_.sim.advance(minutes(2));
  ASSERT_EQ(seen.size(), 5U);
  EXPECT_EQ(seen[4].at("isFinalInvokeForWindow"), true);
  EXPECT_EQ(seen[4].at("state").at("sum"), 7);
}

TEST_F(StreamMappings, AnAnswerWithoutStateFails) {
  map({.retries_max = 0, .tumbling_window_s = 60, .on_failure_arn = std::string(kQueueArn)});
  put(0, 1);
  lambda_.sim.advance(seconds(5));
  EXPECT_EQ(dead().size(), 1U);
}

TEST_F(StreamMappings, CheckpointsGoWithTheMapping) {
  put(0, 3);
  MappingView made = map();
  lambda_.sim.advance(seconds(2));
  ASSERT_TRUE(lambda_.sim.run(lambda_.logic().delete_mapping(made.mapping.uuid)));
  lambda_.sim.advance(seconds(3));
  auto left = lambda_.sim.run(
      lambda_.sim.kernel().store.scan({.range = keys::lanes_of(made.mapping.uuid)}));
  EXPECT_TRUE(left->entries.empty());
}

TEST_F(StreamMappings, RefusesWhatCannotWork) {
  EXPECT_EQ(refusal({}), kInvalidParameter);  // no starting position
  MappingChange good{.starting_position = "LATEST"};
  EXPECT_EQ(refusal(good, "arn:aws:kinesis:ap-northeast-1:000000000000:stream/absent"),
            kInvalidParameter);
  auto with = [&](auto edit) {
    MappingChange change = good;
    edit(change);
    return refusal(change);
  };
  EXPECT_EQ(with([](auto& c) { c.parallelization = 11; }), kValidation);
  EXPECT_EQ(with([](auto& c) { c.record_age_max_s = 59; }), kValidation);
  EXPECT_EQ(with([](auto& c) { c.retries_max = 10'001; }), kValidation);
  EXPECT_EQ(with([](auto& c) { c.tumbling_window_s = 901; }), kValidation);
  EXPECT_EQ(with([](auto& c) { c.concurrency_max = 5; }), kInvalidParameter);
  EXPECT_EQ(with([](auto& c) { c.tumbling_window_s = 60, c.parallelization = 2; }),
            kInvalidParameter);
  EXPECT_EQ(with([](auto& c) { c.starting_at = TimePoint(); }), kInvalidParameter);
  EXPECT_EQ(with([](auto& c) { c.on_failure_arn = "arn:aws:s3:::b"; }), kInvalidParameter);
  EXPECT_EQ(refusal(good), "none");
}

}  // namespace
}  // namespace suiro::lambda
