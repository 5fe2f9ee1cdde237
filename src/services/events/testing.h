// SPDX-License-Identifier: Apache-2.0
// An events service over virtual time and a store that can crash, with targets that keep what they
// are given in that store, for tests.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "kernel/event/role_permissions_testing.h"
#include "kernel/event/testing.h"
#include "services/events/service.h"

namespace suiro::events {

// Queues, functions and the like: what is delivered becomes a row "x/ARN/...", in the commit that
// consumes the event.
class RowTarget final : public event::Target {
 public:
  explicit RowTarget(event::SimKernel& sim) : sim_(sim) {}
  Task<Result<void>> deliver(event::Event event, store::Batch consume) override {
    if (refusals > 0) {
      --refusals;
      co_return fail("Busy", "not now", Retry::kLater);
    }
    boost::json::object row = {{"payload", event.payload}, {"id", event.id}, {"kind", event.kind}};
    for (auto& [name, value] : event.attributes) row[name] = value;
    consume.append("x/" + event.target_arn + "/", boost::json::serialize(row));
    auto committed = co_await sim_.store().commit(std::move(consume));
    if (!committed) co_return std::unexpected(committed.error());
    co_return ok();
  }
  Task<Result<void>> accepts(std::string arn, event::Sender) override {
    if (arn.ends_with(":missing")) co_return fail(codes::kNotFound, "no such queue");
    if (arn.ends_with(":closed")) co_return fail("AccessDenied", "not allowed");
    co_return ok();
  }
  int refusals = 0;

 private:
  event::SimKernel& sim_;
};

class EventsTest : public ::testing::Test {
 protected:
  explicit EventsTest(event::SimOptions options = {}) : sim(options) { open(); }
  ~EventsTest() override { close(); }

  static std::string queue(const std::string& name) {
    return "arn:aws:sqs:ap-northeast-1:000000000000:" + name;
  }

  void open() {
    rows_.emplace(sim);
    service.emplace(sim.kernel(), permissions,
                    [this](http_out::Request request) { return endpoint(std::move(request)); });
    for (const char* name : {"sqs", "lambda", "ecs", "kinesis", "states"}) {
      sim.kernel().targets.add_target(name, &*rows_);
    }
    sim.kernel().targets.add_target("events", service->target());
    auto started = sim.run(service->start());
    CHECK(started, started ? "" : started.error().message);
    sim.start();
  }
  void close() {
    sim.stop();
    service.reset();
  }
  // As after kill -9: what was committed is there.
  void restart() {
    sim.crash();
    close();
    sim.reopen();
    open();
  }

  // What is sent to endpoints stays here, and is answered by `answer`.
  Task<Result<http_out::Reply>> endpoint(http_out::Request request) {
    requests.push_back(request);
    if (endpoint_takes > Millis(0)) co_await sim.clock().sleep_for(endpoint_takes);
    co_return answer(request);
  }

  Logic& logic() { return service->logic(); }
  RowTarget& rows() { return *rows_; }
  template <class T>
  static std::string code(const Result<T>& result) {
    return result ? "ok" : result.error().code;
  }
  static std::string quoted(std::string text) {
    std::ranges::replace(text, '\'', '"');
    return text;
  }
  // Quotes in patterns and targets may be written as apostrophes.
  Result<void> put_rule(const std::string& name, const std::string& pattern,
                        std::string bus = "default") {
    return sim.run(logic().put_rule({std::move(bus), name}, {.pattern = quoted(pattern)}));
  }
  Result<void> put_schedule(const std::string& name, const std::string& schedule,
                            RuleState state = RuleState::kEnabled) {
    return sim.run(logic().put_rule({"default", name}, {.schedule = schedule, .state = state}));
  }
  Result<void> put_target(const std::string& rule, const std::string& id, const std::string& arn,
                          const std::string& more = "", std::string bus = "default") {
    std::string document = quoted("{'Id':'" + id + "','Arn':'" + arn + "'" + more + "}");
    return sim.run(logic().put_targets({std::move(bus), rule}, {{id, std::move(document)}}));
  }
  Result<std::vector<PutResult>> put(const std::string& source, const std::string& detail,
                                     std::string bus = "default") {
    PutEntry entry;
    entry.source = source;
    entry.detail_type = "t";
    entry.detail = quoted(detail);
    entry.bus = std::move(bus);
    std::vector<PutEntry> entries;
    entries.push_back(std::move(entry));
    Requester who;
    who.trace = TraceContext::begin(sim.clock().now(), sim.random());
    who.trace.span_id = new_span_id(sim.clock().now(), sim.random());
    trace_id = who.trace.trace_id;
    return sim.run(logic().put_events(std::move(entries), std::move(who)));
  }
  // What a target was given, in the order in which it came.
  std::vector<boost::json::object> got(const std::string& arn) {
    sim.settle();
    auto page = sim.run(sim.store().scan(
        {.range = store::KeyRange::prefix("x/" + arn + "/"), .rows_max = 100'000}));
    std::vector<boost::json::object> out;
    for (auto& entry : page->entries) out.push_back(boost::json::parse(entry.value).as_object());
    return out;
  }
  std::vector<std::string> payloads(const std::string& arn) {
    std::vector<std::string> out;
    for (auto& row : got(arn)) out.emplace_back(row["payload"].as_string());
    return out;
  }

  event::SimKernel sim;
  event::FakeRolePermissions permissions;
  std::vector<http_out::Request> requests;
  Millis endpoint_takes{0};
  std::function<Result<http_out::Reply>(const http_out::Request&)> answer =
      [](const http_out::Request&) -> Result<http_out::Reply> {
    return http_out::Reply{.status = 200};
  };
  std::optional<RowTarget> rows_;
  std::optional<Service> service;
  std::string trace_id;
};

}  // namespace suiro::events
