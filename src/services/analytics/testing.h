// SPDX-License-Identifier: Apache-2.0
// The service over virtual time, with a stream, sinks, functions and a lake of the test's own.
// Sinks write into the store, in the commit that they are handed: what a crash leaves of them is
// what a crash leaves of real ones.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "kernel/event/testing.h"
#include "services/analytics/service.h"

namespace suiro::analytics::testing {

namespace json = boost::json;

inline constexpr char kStreamArn[] = "arn:aws:kinesis:ap-northeast-1:000000000000:stream/clicks";
inline constexpr char kOutArn[] = "arn:aws:kinesis:ap-northeast-1:000000000000:stream/out";
inline constexpr char kDeliveryArn[] =
    "arn:aws:firehose:ap-northeast-1:000000000000:deliverystream/out";
inline constexpr char kFunctionArn[] = "arn:aws:lambda:ap-northeast-1:000000000000:function:f";
inline constexpr char kRole[] = "arn:aws:iam::000000000000:role/any";

// A stream that outlives the process: its records are the test's.
class FakeStream final : public event::StreamSource {
 public:
  explicit FakeStream(size_t shards) : shards_(shards) {
    for (size_t i = 0; i < shards; ++i) {
      listed.push_back({.id = "shardId-00000000000" + std::to_string(i), .parents = {}});
    }
  }
  // Deletes the stream and makes another of its name and shards.
  void make_again() {
    shards_.assign(shards_.size(), {});
    uint64_t next = listed.front().generation.value() + 1;
    for (auto& shard : listed) shard.generation = event::StreamGeneration(next);
  }
  void put(size_t shard, std::string data, TimePoint now) {
    auto& records = shards_[shard];
    size_t number = records.size();
    records.push_back({.position = {number},
                       .sequence_number = std::to_string(1000 + number),
                       .partition_key = "k" + std::to_string(number),
                       .arrived = now,
                       .data = std::move(data)});
  }
  Task<Result<std::vector<event::StreamShard>>> shards(std::string arn) override {
    if (arn != kStreamArn) co_return fail(codes::kNotFound, "Stream " + arn + " not found");
    co_return listed;
  }
  Task<Result<event::StreamPosition>> locate(event::StreamPlace place,
                                             event::StreamStart start) override {
    using At = event::StreamStart::At;
    if (!is_there(place)) co_return fail(codes::kNotFound, "another stream has this name");
    const auto& records = shards_[index_of(place.shard)];
    if (start.at == At::kTrimHorizon) co_return event::StreamPosition{0};
    if (start.at == At::kLatest) co_return event::StreamPosition{records.size()};
    size_t at = 0;
    while (at < records.size() && records[at].arrived < start.timestamp) ++at;
    co_return event::StreamPosition{at};
  }
  Task<Result<event::StreamBatch>> read(ReadRequest request) override {
    ++reads;
    if (!is_there(request.place)) co_return fail(codes::kNotFound, "another stream has this name");
    const auto& records = shards_[index_of(request.place.shard)];
    size_t from = request.from.offset;
    if (from >= records.size() && request.wait > Millis(0) && clock != nullptr) {
      co_await clock->sleep_for(request.wait);
    }
    if (!is_there(request.place)) co_return fail(codes::kNotFound, "another stream has this name");
    size_t end = std::min({records.size(), from + request.records_max, from + records_per_read});
    event::StreamBatch batch{.next = {std::max(from, end)}};
    for (size_t i = from; i < end; ++i) batch.records.push_back(records[i]);
    batch.ended = ended.contains(request.place.shard) && batch.next.offset == records.size();
    co_return batch;
  }

  std::vector<event::StreamShard> listed;
  std::set<std::string> ended;
  size_t records_per_read = 1'000;
  size_t reads = 0;
  Clock* clock = nullptr;
  std::vector<std::vector<event::StreamRecord>> shards_;

 private:
  bool is_there(const event::StreamPlace& place) const {
    return place.generation.value() == 0 || place.generation == listed.front().generation;
  }
  size_t index_of(const std::string& shard) const {
    for (size_t i = 0; i < listed.size(); ++i) {
      if (listed[i].id == shard) return i;
    }
    return 0;
  }
};

// Rows under "z" + ARN, one key a row, in order.
class StoreSink final : public event::RecordSink {
 public:
  explicit StoreSink(event::Kernel& kernel) : kernel_(kernel) {}
  Task<Result<void>> append(std::string arn, std::vector<event::SinkRecord> records,
                            store::Batch also, TraceContext) override {
    bool refuses = arn == refused_arn || (refused > 0 && refused-- > 0);
    if (refuses) co_return fail(codes::kThrottled, "busy", Retry::kLater);
    for (const auto& record : records) {
      if (record.data.size() > record_bytes_max) {
        co_return fail(codes::kTooLarge, "a record is too large");
      }
    }
    for (auto& record : records) also.append("z" + arn, std::move(record.data));
    CO_TRY_VOID(co_await kernel_.store.commit(std::move(also)));
    co_return ok();
  }
  Task<Result<void>> check(std::string arn) override {
    if (arn.ends_with("/absent")) co_return fail(codes::kNotFound, arn + " not found");
    co_return ok();
  }
  int refused = 0;
  std::string refused_arn;  // refused until this is cleared
  size_t record_bytes_max = size_t{1} << 20;

 private:
  event::Kernel& kernel_;
};

class FakeFunction final : public event::FunctionCaller {
 public:
  Task<Result<Reply>> call(std::string, Bytes payload, TraceContext) override {
    json::object event = json::parse(payload).as_object();
    events.push_back(event);
    co_return Reply{json::serialize(behave(event)), failures-- > 0 ? "Unhandled" : ""};
  }
  // Answers every record with Ok and its own data.
  static json::object echo(const json::object& event) {
    json::array out;
    for (const auto& record : event.at("records").as_array()) {
      out.push_back(
          {{"recordId", record.at("recordId")}, {"result", "Ok"}, {"data", record.at("data")}});
    }
    return {{"records", out}};
  }
  std::function<json::object(const json::object&)> behave = echo;
  std::vector<json::object> events;
  int failures = 0;
};

class FakeLake final : public event::ObjectReader {
 public:
  Task<Result<Object>> read(std::string bucket, std::string key, std::string) override {
    auto found = objects.find(bucket + "/" + key);
    if (found == objects.end()) co_return fail("NoSuchKey", "The specified key does not exist.");
    co_return Object{std::make_unique<Reader>(found->second, pretended_bytes), "etag", ""};
  }
  std::map<std::string, Bytes> objects;
  uint64_t pretended_bytes = 0;  // not 0: what every object says of itself

 private:
  class Reader final : public store::BlobReader {
   public:
    Reader(Bytes bytes, uint64_t pretended) : bytes_(std::move(bytes)), pretended_(pretended) {}
    uint64_t size_bytes() const override { return pretended_ != 0 ? pretended_ : bytes_.size(); }
    Task<Result<Bytes>> read(uint64_t offset, size_t length) override {
      co_return bytes_.substr(offset, length);
    }

   private:
    Bytes bytes_;
    uint64_t pretended_;
  };
};

class FakeLogs final : public event::LogSink {
 public:
  void append(std::string group, std::string stream, std::vector<event::LogLine> added) override {
    for (auto& line : added) lines.push_back(group + "/" + stream + ": " + line.message);
  }
  Task<Result<void>> write(std::string, std::string, std::vector<event::LogLine>,
                           store::Batch) override {
    co_return fail(codes::kNotImplemented, "nobody waits for these lines");
  }
  std::vector<std::string> lines;
};

class AnalyticsTest : public ::testing::Test {
 protected:
  explicit AnalyticsTest(size_t shards = 1) : stream(shards) { boot(); }
  ~AnalyticsTest() override {
    if (service) shut_down();
  }

  void boot() {
    stream.clock = &sim.clock();
    sink = std::make_unique<StoreSink>(sim.kernel());
    service = std::make_unique<Service>(sim.kernel(), config);
    registry = std::make_unique<shapes::Registry>();
    service->add_operations(*registry);
    auto& targets = sim.kernel().targets;
    targets.add_stream("kinesis", &stream);
    targets.add_sink("kinesis", sink.get());
    targets.add_sink("firehose", sink.get());
    targets.add_caller("lambda", &function);
    sim.kernel().objects = &lake;
    sim.kernel().logs = &logs;
    auto started = sim.run(service->start());
    ASSERT_TRUE(started) << started.error().message;
    sim.start();
  }
  void shut_down() {
    sim.stop();
    auto stopped = sim.spawn(service->stop());
    for (int i = 0; i < 1000 && !event::SimKernel::is_ready(stopped); ++i) sim.advance(Millis(100));
    CHECK(event::SimKernel::is_ready(stopped), "the service does not stop");
    service.reset();
  }
  void restart() {
    shut_down();
    sim.reopen();
    boot();
  }
  void crash() {
    sim.crash();
    restart();
  }

  Result<json::object> call(std::string api, std::string operation, json::object input) {
    shapes::Call request;
    auto reply = sim.spawn(registry->call(api, operation, json::serialize(input), request));
    for (int i = 0; i < 600 && !event::SimKernel::is_ready(reply); ++i) sim.advance(Millis(100));
    CHECK(event::SimKernel::is_ready(reply), operation);
    TRY(std::string text, reply.get());
    return json::parse(text).as_object();
  }
  json::object ok(std::string operation, json::object input, std::string api = "kinesisanalytics") {
    auto reply = call(std::move(api), operation, std::move(input));
    EXPECT_TRUE(reply) << operation << ": " << reply.error().code << " " << reply.error().message;
    return reply ? *reply : json::object();
  }
  std::string error(std::string operation, json::object input,
                    std::string api = "kinesisanalytics") {
    auto reply = call(std::move(api), std::move(operation), std::move(input));
    return reply ? "" : reply.error().code;
  }

  static json::object column(std::string name, std::string type, std::string mapping = "") {
    return {
        {"Name", name}, {"SqlType", type}, {"Mapping", mapping.empty() ? "$." + name : mapping}};
  }
  static json::object schema(json::array columns = {column("user", "VARCHAR(16)"),
                                                    column("n", "INTEGER")}) {
    return {{"RecordFormat",
             {{"RecordFormatType", "JSON"},
              {"MappingParameters", {{"JSONMappingParameters", {{"RecordRowPath", "$"}}}}}}},
            {"RecordEncoding", "UTF-8"},
            {"RecordColumns", columns}};
  }
  static json::object input() {
    return {{"NamePrefix", "SOURCE_SQL_STREAM"},
            {"KinesisStreamsInput", {{"ResourceARN", kStreamArn}, {"RoleARN", kRole}}},
            {"InputSchema", schema()}};
  }
  static json::object output(std::string stream_name, std::string arn = kOutArn) {
    json::object target{{"ResourceARN", arn}, {"RoleARN", kRole}};
    json::object out{{"Name", stream_name}, {"DestinationSchema", {{"RecordFormatType", "JSON"}}}};
    bool is_delivery = arn.find(":firehose:") != arn.npos;
    bool is_function = arn.find(":lambda:") != arn.npos;
    out[is_delivery   ? "KinesisFirehoseOutput"
        : is_function ? "LambdaOutput"
                      : "KinesisStreamsOutput"] = target;
    return out;
  }
  void create(std::string code, json::array outputs = {output("DEST")}, json::object in = input()) {
    ok("CreateApplication", {{"ApplicationName", "app"},
                             {"ApplicationCode", code},
                             {"Inputs", json::array{in}},
                             {"Outputs", outputs}});
  }
  void start(std::string position = "TRIM_HORIZON") {
    json::object detail = describe();
    auto id = detail.at("InputDescriptions").as_array().at(0).at("InputId");
    ok("StartApplication",
       {{"ApplicationName", "app"},
        {"InputConfigurations", json::array{{{"Id", id},
                                             {"InputStartingPositionConfiguration",
                                              {{"InputStartingPosition", position}}}}}}});
    await("RUNNING");
  }
  void stop() {
    ok("StopApplication", {{"ApplicationName", "app"}});
    await("READY");
  }
  json::object describe(std::string name = "app") {
    return ok("DescribeApplication", {{"ApplicationName", name}})
        .at("ApplicationDetail")
        .as_object();
  }
  int64_t version() { return describe().at("ApplicationVersionId").as_int64(); }
  void await(std::string status) {
    for (int i = 0; i < 200; ++i) {
      if (describe().at("ApplicationStatus").as_string() == status) return;
      sim.advance(Millis(100));
    }
    FAIL() << "it does not become " << status << ": " << describe().at("ApplicationStatus");
  }
  void put(json::object row, size_t shard = 0) {
    stream.put(shard, json::serialize(row), sim.clock().now());
  }
  // What a sink holds.
  std::vector<std::string> rows(std::string arn = kOutArn) {
    auto page = sim.run(sim.kernel().store.scan(
        {.range = store::KeyRange::prefix("z" + arn), .rows_max = 100'000}));
    std::vector<std::string> out;
    for (const auto& entry : page->entries) out.push_back(entry.value);
    return out;
  }

  Config config;
  event::SimKernel sim{event::SimOptions{.shards = 1}};
  FakeStream stream;
  FakeFunction function;
  FakeLake lake;
  FakeLogs logs;
  std::unique_ptr<StoreSink> sink;
  std::unique_ptr<Service> service;
  std::unique_ptr<shapes::Registry> registry;
};

}  // namespace suiro::analytics::testing
