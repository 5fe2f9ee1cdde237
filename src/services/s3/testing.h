// SPDX-License-Identifier: Apache-2.0
// Helpers of the S3 tests: a Logic over a simulated kernel, and short forms of requests.
#pragma once

#include <gtest/gtest.h>

#include "kernel/event/testing.h"
#include "services/s3/logic.h"

namespace suiro::s3 {

// A queue or function that keeps what it is given.
class Recorder final : public event::Target {
 public:
  explicit Recorder(store::Store& store) : store_(store) {}
  Task<Result<void>> deliver(event::Event event, store::Batch consume) override {
    CO_TRY_VOID(co_await store_.commit(std::move(consume)));
    events.push_back(std::move(event));
    co_return ok();
  }
  Task<Result<void>> accepts(std::string arn, event::Sender) override {
    if (arn.ends_with(":missing")) co_return fail(codes::kNotFound, "no such queue");
    if (arn.ends_with(":closed")) co_return fail("AccessDenied", "not allowed");
    co_return ok();
  }
  std::vector<event::Event> events;

 private:
  store::Store& store_;
};

class LogicTest : public ::testing::Test {
 protected:
  LogicTest() : recorder(sim.store()), logic(sim.kernel(), {}) {
    sim.kernel().targets.add_target("sqs", &recorder);
    sim.kernel().targets.add_target("lambda", &recorder);
    sim.kernel().timers.handle("s3.lifecycle", [this](event::Timer timer, store::Batch consume) {
      return logic.run_lifecycle(std::move(timer), std::move(consume));
    });
    EXPECT_TRUE(sim.run(logic.start()));
    sim.start();
  }
  ~LogicTest() override { sim.stop(); }

  Requester who() {
    Requester out{.request_id = "R", .principal = "root", .source_ip = "127.0.0.1"};
    out.trace = TraceContext::begin(sim.clock().now(), sim.random());
    out.trace.span_id = new_span_id(sim.clock().now(), sim.random());
    out.start = sim.clock().now();
    return out;
  }
  void make_bucket(const std::string& name, Versioning versioning = Versioning::kOff) {
    auto made = sim.run(logic.create_bucket(who(), name));
    ASSERT_TRUE(made) << made.error().message;
    if (versioning != Versioning::kOff) set_versioning(name, versioning);
  }
  void set_versioning(const std::string& name, Versioning versioning) {
    auto edit = [=](BucketRecord& record, store::Batch&) -> Result<void> {
      record.versioning = versioning;
      return ok();
    };
    ASSERT_TRUE(sim.run(logic.edit_bucket(who(), name, "s3:PutBucketVersioning", edit)));
  }
  Result<Written> put(const std::string& bucket, Bytes key, Bytes bytes, PutRequest request = {}) {
    request.requester = who();
    request.bucket = bucket;
    request.key = std::move(key);
    return sim.run(logic.put(std::move(request), shapes::body_of(std::move(bytes))));
  }
  Result<Bytes> get(const std::string& bucket, Bytes key, VersionChoice version = {}) {
    auto whole = [](const Found& found) -> Result<ByteRange> {
      return ByteRange{0, found.record.size_bytes};
    };
    auto opened = sim.run(logic.read({bucket, std::move(key), version, {}}, whole));
    if (!opened) return fail(opened.error());
    return sim.run(shapes::read_all(*opened->body, 64 << 20));
  }
  std::string code(const auto& result) { return result ? "ok" : result.error().code; }
  Result<Removed> remove(const std::string& bucket, Bytes key, VersionChoice version = {}) {
    return sim.run(
        logic.remove({.requester = who(), .bucket = bucket}, {std::move(key), version, {}}));
  }
  static VersionChoice by_id(const std::string& text) {
    if (text == "null") return {VersionChoice::Kind::kNull, {}};
    return {VersionChoice::Kind::kId, *VersionId::parse(text)};
  }

  event::SimKernel sim;
  Recorder recorder;
  Logic logic;
};

}  // namespace suiro::s3
