// SPDX-License-Identifier: Apache-2.0
// Helpers of the tests: a Logic over a simulated kernel, with a lake that keeps what is written in
// the store itself, so that a crash takes objects and blocks alike.
#pragma once

#include <gtest/gtest.h>

#include "kernel/event/testing.h"
#include "services/firehose/logic.h"

namespace suiro::firehose {

// Objects under the key "T" + bucket/key; fails as it is told.
class FakeLake final : public event::ObjectWriter {
 public:
  explicit FakeLake(store::Store& store) : store_(store) {}
  Task<Result<void>> write(ObjectToWrite object, store::Batch also, TraceContext cause) override {
    if (failures > 0) {
      --failures;
      co_return fail("NoSuchBucket", "The specified bucket does not exist");
    }
    last_cause = cause;
    also.put("T" + object.bucket + "/" + object.key, object.data);
    auto done = co_await store_.commit(std::move(also));
    if (!done) co_return fail(std::move(done).error());
    co_return ok();
  }
  int failures = 0;
  TraceContext last_cause;

 private:
  store::Store& store_;
};

class FakeFunction final : public event::FunctionCaller {
 public:
  using Handler = std::function<Result<Reply>(const Bytes& payload)>;
  Task<Result<Reply>> call(std::string, Bytes payload, TraceContext) override {
    ++calls;
    co_return handler(payload);
  }
  Handler handler;
  int calls = 0;
};

class FakeLogs final : public event::LogSink {
 public:
  void append(std::string group, std::string stream, std::vector<event::LogLine> added) override {
    for (auto& line : added) lines.push_back(group + "|" + stream + "|" + line.message);
  }
  Task<Result<void>> write(std::string, std::string, std::vector<event::LogLine>,
                           store::Batch) override {
    co_return fail(codes::kNotImplemented, "nobody waits for these lines");
  }
  std::vector<std::string> lines;
};

class FirehoseTest : public ::testing::Test {
 protected:
  FirehoseTest() { build(); }
  ~FirehoseTest() override { tear_down(); }

  virtual void wire() {}
  Task<Result<http_out::Reply>> endpoint(http_out::Request request) {
    requests.push_back(std::move(request));
    co_return answer(requests.back());
  }
  void build() {
    lake = std::make_unique<FakeLake>(sim.store());
    sim.kernel().lake = lake.get();
    sim.kernel().logs = &logs;
    sim.kernel().targets.add_caller("lambda", &function);
    wire();
    logic = std::make_unique<Logic>(
        sim.kernel(), [this](http_out::Request request) { return endpoint(std::move(request)); });
    ASSERT_TRUE(sim.run(logic->start()));
    logic->context().pool = nullptr;  // compression on the shard: no other thread's timing
    sim.start();
  }
  void tear_down() {
    sim.stop();
    auto stopped = sim.spawn(stop_logic());
    for (int i = 0; i < 100 && !sim.is_ready(stopped); ++i) sim.advance(std::chrono::minutes(1));
    ASSERT_TRUE(sim.is_ready(stopped));
    logic.reset();
  }
  Task<bool> stop_logic() {
    co_await logic->stop();
    co_return true;
  }
  void restart() {
    tear_down();
    sim.reopen();
    build();
  }
  void crash_and_restart() {
    sim.crash();
    restart();
  }

  static std::string s3_document(std::string_view more = "") {
    return R"({"RoleARN":"arn:aws:iam::000000000000:role/r","BucketARN":"arn:aws:s3:::lake")" +
           std::string(more) + "}";
  }
  Result<std::string> create(const std::string& name, const std::string& document,
                             Kind kind = Kind::kS3) {
    return sim.run(logic->create({.name = name, .kind = kind, .document = document}));
  }
  Result<std::vector<std::string>> put(const std::string& name, std::vector<Bytes> records) {
    return sim.run(logic->put(name, std::move(records), {}));
  }
  std::map<std::string, Bytes> objects() {
    auto page = sim.run(sim.store().scan({.range = store::KeyRange::prefix("T"),
                                          .rows_max = 100'000,
                                          .bytes_max = size_t{1} << 30}));
    EXPECT_TRUE(page);
    std::map<std::string, Bytes> out;
    for (auto& entry : page->entries) out[entry.key.substr(1)] = entry.value;
    return out;
  }
  std::string all_bytes() {
    std::string out;
    for (auto& [key, body] : objects()) out += body;
    return out;
  }
  static std::string code(const auto& result) { return result ? "ok" : result.error().code; }

  event::SimKernel sim;
  FakeFunction function;
  std::vector<http_out::Request> requests;
  std::function<Result<http_out::Reply>(const http_out::Request&)> answer;
  FakeLogs logs;
  std::unique_ptr<FakeLake> lake;
  std::unique_ptr<Logic> logic;
};

}  // namespace suiro::firehose
