// SPDX-License-Identifier: Apache-2.0
// Subscription filters, live tails and export tasks over a simulated kernel.
#include "kernel/event/testing.h"
#include "services/logs/service.h"
#include "shapes/testing.h"

namespace suiro::logs {
namespace {

namespace json = boost::json;

// Takes events and keeps their payloads.
class FakeTarget final : public event::Target {
 public:
  explicit FakeTarget(store::Store& store) : store_(store) {}
  Task<Result<void>> deliver(event::Event event, store::Batch consume) override {
    payloads.push_back(event.payload);
    keys.push_back(event.attributes["PartitionKey"]);
    CO_TRY_VOID(co_await store_.commit(std::move(consume)));
    co_return ok();
  }
  Task<Result<void>> accepts(std::string, event::Sender sender) override {
    if (sender.service_principal != "logs.amazonaws.com" || refuses) {
      co_return fail("AccessDenied", "no");
    }
    co_return ok();
  }
  std::vector<Bytes> payloads;
  std::vector<std::string> keys;
  bool refuses = false;

 private:
  store::Store& store_;
};

class FakeLake final : public event::ObjectWriter {
 public:
  Task<Result<void>> write(ObjectToWrite object, store::Batch, TraceContext) override {
    if (object.bucket != "lake") co_return fail("NoSuchBucket", "there is no such bucket");
    if (blocked) co_return fail(codes::kUnavailable, "later", Retry::kLater);
    objects[object.key] = std::move(object.data);
    co_return ok();
  }
  std::map<std::string, Bytes> objects;
  bool blocked = false;
};

class ReadersTest : public shapes::OperationsTest<event::SimKernel> {
 protected:
  ReadersTest() : OperationsTest("logs") { boot(); }
  ~ReadersTest() override { shut_down(); }
  void boot() {
    target = std::make_unique<FakeTarget>(sim.kernel().store);
    sim.kernel().targets.add_target("lambda", target.get());
    sim.kernel().targets.add_target("kinesis", target.get());
    sim.kernel().lake = &lake;
    service = std::make_unique<Service>(sim.kernel(), Config{.policies = &policies});
    serve(*service);
  }
  void shut_down() { end(service); }
  void put(std::vector<std::string> messages, std::string stream = "s") {
    // Both may be there already.
    std::ignore = call("CreateLogGroup", {{"logGroupName", "g"}});
    std::ignore = call("CreateLogStream", {{"logGroupName", "g"}, {"logStreamName", stream}});
    json::array events;
    for (auto& message : messages) {
      events.push_back({{"timestamp", sim.clock().now().time_since_epoch().count()},
                        {"message", std::move(message)}});
    }
    good("PutLogEvents", {{"logGroupName", "g"}, {"logStreamName", stream}, {"logEvents", events}});
    sim.advance(Millis(10));
  }
  std::string subscribe(std::string pattern, std::string destination = kStream) {
    json::object input{{"logGroupName", "g"},
                       {"filterName", pattern.empty() ? "all" : pattern},
                       {"filterPattern", pattern},
                       {"destinationArn", destination}};
    if (destination == kStream) input["roleArn"] = "arn:aws:iam::000000000000:role/logs";
    auto reply = call("PutSubscriptionFilter", std::move(input));
    return reply ? "" : reply.error().code;
  }

  static constexpr const char* kStream = "arn:aws:kinesis:ap-northeast-1:000000000000:stream/x";
  FakeLake lake;
  policy::ResourcePolicies policies;
  std::unique_ptr<FakeTarget> target;
  std::unique_ptr<Service> service;
};

TEST_F(ReadersTest, SubscribersAreSentWhatMatches) {
  put({"before"});
  EXPECT_EQ(subscribe("ERROR"), "");
  put({"ERROR one", "fine", "ERROR two"});
  put({"fine"});
  ASSERT_EQ(target->payloads.size(), 1u);
  EXPECT_EQ(target->payloads[0].substr(0, 2), "\x1f\x8b");
  EXPECT_EQ(target->keys[0], "g:s");
}

TEST_F(ReadersTest, AFunctionIsSentBase64) {
  put({"before"});
  EXPECT_EQ(subscribe("", "arn:aws:lambda:ap-northeast-1:000000000000:function:f"), "");
  put({"one"});
  ASSERT_EQ(target->payloads.size(), 1u);
  auto data = json::parse(target->payloads[0]).at("awslogs").at("data").as_string();
  EXPECT_EQ(base64_decode(std::string_view(data))->substr(0, 2), "\x1f\x8b");
}

TEST_F(ReadersTest, LinesOfSuiroItselfAreSentToo) {
  put({"before"});
  EXPECT_EQ(subscribe(""), "");
  TimePoint at = sim.clock().now();
  EXPECT_TRUE(sim.run(service->sink()->write("g", "task", {{at, "line"}}, {})));
  sim.advance(Millis(10));
  EXPECT_EQ(target->payloads.size(), 1u);
}

TEST_F(ReadersTest, LargePutsAreSentInPieces) {
  put({"before"});
  EXPECT_EQ(subscribe(""), "");
  std::string line(100 << 10, 'x');
  put({line, line, line});
  EXPECT_EQ(target->payloads.size(), 3u);
}

TEST_F(ReadersTest, SubscriptionsAreChecked) {
  EXPECT_EQ(subscribe(""), "ResourceNotFoundException");
  put({"before"});
  EXPECT_EQ(subscribe("{ $.a = "), "InvalidParameterException");
  EXPECT_EQ(subscribe("", "arn:aws:sqs:ap-northeast-1:000000000000:q"),
            "InvalidParameterException");
  target->refuses = true;
  EXPECT_EQ(subscribe(""), "InvalidParameterException");
  target->refuses = false;
  EXPECT_EQ(subscribe("a"), "");
  EXPECT_EQ(subscribe("b"), "");
  EXPECT_EQ(subscribe("a"), "");  // put again
  EXPECT_EQ(subscribe("c"), "LimitExceededException");
  auto described = good("DescribeSubscriptionFilters", {{"logGroupName", "g"}, {"limit", 1}});
  EXPECT_EQ(described["subscriptionFilters"].as_array().size(), 1u);
  auto next = good("DescribeSubscriptionFilters",
                   {{"logGroupName", "g"}, {"nextToken", described["nextToken"]}});
  EXPECT_EQ(next["subscriptionFilters"].at(0).at("filterName"), "b");
  good("DeleteSubscriptionFilter", {{"logGroupName", "g"}, {"filterName", "a"}});
  EXPECT_EQ(
      call("DeleteSubscriptionFilter", {{"logGroupName", "g"}, {"filterName", "a"}}).error().code,
      "ResourceNotFoundException");
}

TEST_F(ReadersTest, ATailShowsWhatComesAndSaysWhenItSamples) {
  put({"before"});
  Logic logic(sim.kernel());
  auto tail = sim.run(logic.start_tail({.groups = {"g"}, .pattern = "ERROR"}));
  ASSERT_TRUE(tail);
  TimePoint at = sim.clock().now();
  std::vector<NewEvent> events{{at, "ERROR one"}, {at, "fine"}};
  ASSERT_TRUE(sim.run(logic.put("g", "s", events)));
  auto update = (*tail)->take();
  ASSERT_EQ(update.events.size(), 1u);
  EXPECT_EQ(update.events[0].message, "ERROR one");
  EXPECT_FALSE(update.sampled);
  std::vector<NewEvent> many(kTailEventsMax + 1, NewEvent{at, "ERROR"});
  ASSERT_TRUE(sim.run(logic.put("g", "s", many)));
  update = (*tail)->take();
  EXPECT_EQ(update.events.size(), kTailEventsMax);
  EXPECT_TRUE(update.sampled);
  EXPECT_FALSE(sim.run(logic.start_tail({.groups = {"absent"}})));
}

TEST_F(ReadersTest, ExportsGoOnAfterARestartAndEnd) {
  put({"one", "two"}, "a/b");
  put({"three"}, "c");
  lake.blocked = true;
  json::object input{{"logGroupName", "g"},
                     {"from", 0},
                     {"to", 4'000'000'000'000},
                     {"destination", "lake"},
                     {"destinationPrefix", "p"}};
  std::string id(good("CreateExportTask", input)["taskId"].as_string());
  EXPECT_EQ(call("CreateExportTask", input).error().code, "LimitExceededException");
  sim.advance(std::chrono::seconds(1));
  shut_down();
  sim.reopen();
  lake.blocked = false;
  boot();
  sim.advance(std::chrono::minutes(1));
  auto task = good("DescribeExportTasks", {{"taskId", id}})["exportTasks"].at(0);
  EXPECT_EQ(task.at("status").at("code"), "COMPLETED");
  EXPECT_TRUE(lake.objects.contains("p/" + id + "/a-b/000000.gz"));
  EXPECT_TRUE(lake.objects.contains("p/" + id + "/c/000000.gz"));
  EXPECT_EQ(call("CancelExportTask", {{"taskId", id}}).error().code, "InvalidOperationException");
}

TEST_F(ReadersTest, ABucketsPolicyMayDenyAnExport) {
  put({"one"});
  policies.put("arn:aws:s3:::lake",
               R"({"Statement":{"Effect":"Deny","Principal":{"Service":"logs.amazonaws.com"},
                   "Action":"s3:PutObject","Resource":"arn:aws:s3:::lake/p/*"}})",
               policy::Form::kBucket);
  auto status = [this](std::string prefix) {
    json::object input{{"logGroupName", "g"},
                       {"from", 0},
                       {"to", 4'000'000'000'000},
                       {"destination", "lake"},
                       {"destinationPrefix", prefix}};
    auto id = good("CreateExportTask", input)["taskId"];
    sim.advance(std::chrono::seconds(1));
    return good("DescribeExportTasks", {{"taskId", id}})["exportTasks"].at(0).at("status");
  };
  auto denied = status("p");
  EXPECT_EQ(denied.at("code"), "FAILED");
  EXPECT_TRUE(denied.at("message").as_string().starts_with(
      "User: logs.amazonaws.com is not authorized to perform: s3:PutObject on resource: "));
  EXPECT_TRUE(lake.objects.empty());
  EXPECT_EQ(status("q").at("code"), "COMPLETED");
}

TEST_F(ReadersTest, ExportsFailAndAreCancelled) {
  put({"one"});
  json::object input{
      {"logGroupName", "g"}, {"from", 0}, {"to", 4'000'000'000'000}, {"destination", "absent"}};
  std::string failed(good("CreateExportTask", input)["taskId"].as_string());
  sim.advance(std::chrono::seconds(1));
  auto status = good("DescribeExportTasks", {{"taskId", failed}})["exportTasks"].at(0).at("status");
  EXPECT_EQ(status.at("code"), "FAILED");
  EXPECT_EQ(status.at("message"), "there is no such bucket");
  lake.blocked = true;
  input["destination"] = "lake";
  std::string cancelled(good("CreateExportTask", input)["taskId"].as_string());
  sim.advance(Millis(100));
  good("CancelExportTask", {{"taskId", cancelled}});
  lake.blocked = false;
  sim.advance(std::chrono::minutes(1));
  EXPECT_TRUE(lake.objects.empty());
  auto listed =
      good("DescribeExportTasks", {{"statusCode", "CANCELLED"}})["exportTasks"].as_array();
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].at("taskId").as_string(), cancelled);
}

}  // namespace
}  // namespace suiro::logs
