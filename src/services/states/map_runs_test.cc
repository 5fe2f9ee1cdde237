// SPDX-License-Identifier: Apache-2.0
// Map runs against children that the test plays, a lake and an S3 of its own.
#include "services/states/map_runs.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "kernel/event/testing.h"
#include "services/states/map_run_items.h"
#include "services/states/map_run_names.h"
#include "services/states/storage_map_run.h"

namespace suiro::states {
namespace {

using workflow::ExecutionStatus;
using workflow::MapRunStatus;

constexpr std::string_view kMachine = "arn:aws:states:us-east-1:000000000000:stateMachine:machine";
constexpr std::string_view kExecution =
    "arn:aws:states:us-east-1:000000000000:execution:machine:one";

struct Played {
  ExecutionStatus status = ExecutionStatus::kSucceeded;
  std::string output;
  std::string error;
  bool held = false;  // does not end by itself
};

// Children that exist survive a restart of the server, as those of Executions do.
struct Stage {
  std::function<Played(const Child&)> play = [](const Child& child) {
    return Played{.output = child.input};
  };
  std::optional<Error> start_error;  // once children were started
  std::optional<Error> stop_error;
  std::map<std::string, ExecutionStatus> children;  // by ARN
  std::map<std::string, Child> held;
  size_t starts = 0;
  size_t redrives = 0;
  size_t at_once = 0;
  size_t most_at_once = 0;
  std::vector<std::string> inputs;
};

class FakeChildren final : public ChildRunner {
 public:
  FakeChildren(Stage& stage, event::SimKernel& sim, MapRuns& runs)
      : stage_(stage), sim_(sim), runs_(runs) {}

  Task<Result<void>> start(std::shared_ptr<const ChildFamily> family,
                           std::vector<Child> children) override {
    std::vector<Child> fresh;
    for (Child& child : children) {
      const bool is_express = family->machine.type == workflow::MachineType::kExpress;
      if (!is_express && stage_.children.contains(child.arn)) continue;
      ++stage_.starts;
      stage_.inputs.push_back(child.input);
      fresh.push_back(std::move(child));
    }
    CO_TRY_VOID(co_await run(family->map_run_arn, std::move(fresh)));
    if (stage_.start_error) co_return fail(*stage_.start_error);
    co_return ok();
  }
  Task<Result<void>> redrive(std::shared_ptr<const ChildFamily> family,
                             std::vector<Child> children) override {
    stage_.redrives += children.size();
    co_return co_await run(family->map_run_arn, std::move(children));
  }
  Task<Result<void>> stop(std::shared_ptr<const ChildFamily> family,
                          std::vector<Child> children) override {
    if (stage_.stop_error) co_return fail(*stage_.stop_error);
    std::vector<std::pair<Child, Played>> ends;
    for (const Child& child : children) {
      auto found = stage_.held.find(child.arn);
      if (found == stage_.held.end()) continue;
      ends.emplace_back(found->second, Played{.status = ExecutionStatus::kAborted});
    }
    co_return co_await end(family->map_run_arn, std::move(ends));
  }
  Task<Result<void>> end_held(std::string map_run_arn) {
    std::vector<std::pair<Child, Played>> ends;
    for (const auto& [arn, child] : stage_.held) {
      ends.emplace_back(child, Played{.output = child.input});
    }
    co_return co_await end(std::move(map_run_arn), std::move(ends));
  }

 private:
  Task<Result<void>> run(std::string map_run_arn, std::vector<Child> children) {
    std::vector<std::pair<Child, Played>> ends;
    for (Child& child : children) {
      Played played = stage_.play(child);
      stage_.children[child.arn] = ExecutionStatus::kRunning;
      stage_.most_at_once = std::max(stage_.most_at_once, ++stage_.at_once);
      if (played.held) {
        stage_.held.emplace(child.arn, std::move(child));
      } else {
        ends.emplace_back(std::move(child), std::move(played));
      }
    }
    co_return co_await end(std::move(map_run_arn), std::move(ends));
  }

  Task<Result<void>> end(std::string map_run_arn, std::vector<std::pair<Child, Played>> ends) {
    store::Batch batch;
    std::vector<ChildEnd> told;
    for (const auto& [child, played] : ends) {
      ChildEnd& one = told.emplace_back();
      one = {.map_run_arn = map_run_arn, .arn = child.arn, .name = child.name};
      one.status = played.status;
      if (played.status == ExecutionStatus::kSucceeded) one.output = played.output;
      if (!played.error.empty()) one.error = played.error;
      runs_.child_ends(one, batch);
    }
    if (batch.empty()) co_return ok();
    CO_TRY_VOID(co_await sim_.kernel().store.commit(std::move(batch)));
    for (const ChildEnd& one : told) {
      stage_.children[one.arn] = one.status;
      stage_.held.erase(one.arn);
      --stage_.at_once;
      runs_.child_ended(one);
    }
    co_return ok();
  }

  Stage& stage_;
  event::SimKernel& sim_;
  MapRuns& runs_;
};

class FakeReporter final : public TaskReporter {
 public:
  Task<Result<void>> report(workflow::Occurrence occurrence) override {
    const bool is_result = !std::holds_alternative<workflow::MapRunBegan>(occurrence);
    if (is_result && refusal) co_return fail(*refusal);
    reported.push_back(std::move(occurrence));
    co_return ok();
  }
  Task<Result<void>> save(Bytes) override { co_return ok(); }
  Task<Result<void>> report_and_save(workflow::Occurrence occurrence, Bytes) override {
    co_return co_await report(std::move(occurrence));
  }
  bool cancelled() const override { return is_cancelled; }
  Task<void> wait(Millis) override { co_return; }

  std::vector<workflow::Occurrence> reported;
  std::optional<Error> refusal;  // of results
  bool is_cancelled = false;
};

class Lake final : public event::ObjectReader, public event::OperationCaller {
 public:
  Task<Result<Object>> read(std::string bucket, std::string key, std::string) override {
    if (busy_reads > 0 && busy_reads-- > 0) {
      co_return fail(codes::kThrottled, "busy", Retry::kLater);
    }
    auto found = objects.find(bucket + "/" + key);
    if (found == objects.end()) co_return fail("NoSuchKey", "The specified key does not exist.");
    co_return Object{std::make_unique<Reader>(found->second), hex_encode(found->second), ""};
  }
  Result<void> check(std::string, std::string) const override { return ok(); }
  Fault fault_of(std::string, const Error&) const override { return {}; }
  Task<Result<std::string>> call(Request request) override {
    EXPECT_EQ(request.role_arn, "arn:aws:iam::000000000000:role/map");
    const json::Value input = json::parse(request.json).value();
    const std::string bucket = input.find("Bucket")->as_string();
    if (bucket == "closed") co_return fail("AccessDenied", "Access Denied");
    if (request.operation == "PutObject" && busy_writes > 0) {
      co_return fail(codes::kThrottled, "busy", Retry::kLater);
    }
    if (request.operation == "PutObject") {
      objects[bucket + "/" + input.find("Key")->as_string()] = input.find("Body")->as_string();
    }
    if (request.operation == "ListObjectsV2") {
      if (lists_left-- <= 0) co_return fail(codes::kThrottled, "busy", Retry::kLater);
      co_return list(bucket, input);
    }
    co_return "{}";
  }
  std::map<std::string, Bytes> objects;
  int busy_reads = 0;
  int busy_writes = 0;
  int lists_left = INT_MAX;

 private:
  // Two objects a page.
  std::string list(const std::string& bucket, const json::Value& input) const {
    const json::Value* token = input.find("ContinuationToken");
    json::Array contents;
    const json::Value* after = input.find("StartAfter");
    const std::string first = bucket + "/" + (after == nullptr ? "" : after->as_string());
    json::Object output;
    for (auto at = objects.upper_bound(token == nullptr ? first : token->as_string());
         at != objects.end(); ++at) {
      if (contents.size() == 2) {
        output.set("NextContinuationToken", std::prev(at)->first);
        break;
      }
      json::Object object;
      object.set("Key", at->first.substr(bucket.size() + 1));
      object.set("Size", static_cast<int64_t>(at->second.size()));
      contents.emplace_back(std::move(object));
    }
    output.set("Contents", std::move(contents));
    return json::write(output);
  }
  class Reader final : public store::BlobReader {
   public:
    explicit Reader(Bytes bytes) : bytes_(std::move(bytes)) {}
    uint64_t size_bytes() const override { return bytes_.size(); }
    Task<Result<Bytes>> read(uint64_t offset, size_t length) override {
      co_return bytes_.substr(offset, length);
    }

   private:
    Bytes bytes_;
  };
};

class MapRunsTest : public ::testing::Test {
 protected:
  MapRunsTest() { boot(); }
  ~MapRunsTest() override { shut_down(); }

  void boot() {
    sim.kernel().objects = &lake;
    runs = std::make_unique<MapRuns>(sim.kernel(), &lake);
    children = std::make_unique<FakeChildren>(stage, sim, *runs);
    runs->connect(*children);
    sim.start();
  }
  void shut_down() {
    if (!runs) return;
    reporter.is_cancelled = true;
    sim.advance(std::chrono::seconds(3));
    sim.stop();
    children.reset();
    runs.reset();
  }
  void restart() {
    sim.crash();
    shut_down();
    sim.reopen();
    reporter.is_cancelled = false;
    reporter.reported.clear();
    boot();
  }

  // `fields`: of the Map state, as JSON members.
  void define(std::string_view fields, std::string_view type = "STANDARD") {
    compiled = workflow::compile(fmt::format(
        R"({{"StartAt":"M","States":{{"M":{{"Type":"Map","End":true,"ItemProcessor":{{
        "ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"{}"}},"StartAt":"P",
        "States":{{"P":{{"Type":"Pass","End":true}}}}}}{}{}}}}}}})",
        type, fields.empty() ? "" : ",", fields));
    ASSERT_TRUE(compiled.plan) << compiled.summary();
  }

  MapRunCall call(workflow::MapRunEffect effect, uint64_t id = 7) {
    effect.id = id;
    effect.state = "M";
    MapRunCall call{.execution_arn = std::string(kExecution)};
    call.machine.machine_arn = kMachine;
    call.machine.name = "machine";
    call.machine.role_arn = "arn:aws:iam::000000000000:role/map";
    call.machine.plan = compiled.plan;
    call.effect = std::move(effect);
    call.key = fmt::format("{:064x}", id);
    return call;
  }
  static workflow::MapRunEffect over(std::string_view items) {
    workflow::MapRunEffect effect;
    effect.items = json::parse(items).value();
    return effect;
  }
  static workflow::MapRunEffect from_lake(std::string_view arguments) {
    workflow::MapRunEffect effect;
    effect.reader_arguments = json::parse(arguments).value();
    return effect;
  }

  // What the Map is told: its result, or "error: cause"; empty: nothing.
  std::string told() const {
    for (const auto& occurrence : reporter.reported) {
      if (const auto* good = std::get_if<workflow::EffectSucceeded>(&occurrence)) {
        return good->output;
      }
      if (const auto* bad = std::get_if<workflow::EffectFailed>(&occurrence)) {
        return bad->error.value_or("") + ": " + bad->cause.value_or("");
      }
    }
    return "";
  }
  std::string run(workflow::MapRunEffect effect, uint64_t id = 7) {
    reporter.reported.clear();
    sim.run(runs->perform(call(std::move(effect), id), reporter));
    return told();
  }
  std::string arn() const {
    return std::get<workflow::MapRunBegan>(reporter.reported.at(0)).map_run_arn;
  }
  // Of a run that nobody performs, from its record.
  MapRunStatus described_at_rest() {
    const auto record = sim.run(sim.store().get(keys::map_run(run_of_arn(arn()).value())));
    return decode_run(record.value().value().value).value().told.status;
  }
  MapRunDescription described() { return sim.run(runs->describe(arn())).value(); }

  event::SimKernel sim;
  Lake lake;
  Stage stage;
  workflow::Compiled compiled;
  std::unique_ptr<MapRuns> runs;
  std::unique_ptr<FakeChildren> children;
  FakeReporter reporter;
};

TEST_F(MapRunsTest, OneChildAnItem) {
  define(R"("Label":"L")");
  EXPECT_EQ(run(over(R"(["a",{"b":1},null])")), R"(["a",{"b":1},null])");
  EXPECT_TRUE(arn().starts_with("arn:aws:states:us-east-1:000000000000:mapRun:machine/L:"));
  const MapRunDescription told = described();
  EXPECT_EQ(told.status, MapRunStatus::kSucceeded);
  EXPECT_EQ(told.machine_arn, std::string(kMachine) + "/L");
  EXPECT_EQ(told.items.succeeded, 3);
  EXPECT_EQ(told.executions.results_written, 3);
  EXPECT_TRUE(told.stop);
  EXPECT_TRUE(stage.children.begin()->first.starts_with(
      "arn:aws:states:us-east-1:000000000000:execution:machine/L:"));
  EXPECT_EQ(run(over("[]"), 8), "[]");
  EXPECT_EQ(run(over(R"({"k":2})"), 9), R"([{"Key":"k","Value":2}])");
  const auto page =
      sim.run(runs->list({.execution_arn = std::string(kExecution), .results_max = 2})).value();
  EXPECT_EQ(page.runs.size(), 2u);
  const auto rest =
      sim.run(runs->list({.execution_arn = std::string(kExecution), .next_token = page.next_token}))
          .value();
  EXPECT_EQ(rest.runs.size(), 1u);
  EXPECT_FALSE(sim.run(runs->describe(arn() + "0")));
}

TEST_F(MapRunsTest, SelectorAndBatches) {
  define(R"("ItemSelector":{"i.$":"$$.Map.Item.Index","v.$":"$$.Map.Item.Value","in.$":"$.x",
    "s.$":"$$.Map.Item.Source"},"ItemBatcher":{"MaxItemsPerBatch":2})");
  workflow::MapRunEffect effect = over("[5,6,7]");
  effect.input = json::parse(R"({"x":1})").value();
  effect.context = json::Object();
  effect.batch_items_max = 2;
  EXPECT_EQ(run(std::move(effect)),
            R"([{"Items":[{"i":0,"v":5,"in":1,"s":"STATE_DATA"},{"i":1,"v":6,"in":1,)"
            R"("s":"STATE_DATA"}]},{"Items":[{"i":2,"v":7,"in":1,"s":"STATE_DATA"}]}])");
  EXPECT_EQ(described().items.total, 3);
  EXPECT_EQ(described().executions.total, 2);
}

TEST_F(MapRunsTest, ManyChildrenWithinTheirLimit) {
  define(R"("MaxConcurrency":30)");
  json::Array items;
  for (int i = 0; i < 1500; ++i) items.emplace_back(i);
  workflow::MapRunEffect effect;
  effect.items = std::move(items);
  effect.concurrency_max = 30;
  EXPECT_EQ(json::parse(run(std::move(effect))).value().as_array().size(), 1500u);
  EXPECT_LE(stage.most_at_once, 30u);
  EXPECT_EQ(stage.starts, 1500u);
}

TEST_F(MapRunsTest, FailuresBeyondTheThreshold) {
  define("");
  stage.play = [](const Child& child) {
    if (child.input == "2") return Played{.status = ExecutionStatus::kFailed, .error = "Bad"};
    return Played{.held = true};
  };
  workflow::MapRunEffect effect = over("[1,2,3]");
  effect.concurrency_max = 2;
  EXPECT_EQ(run(std::move(effect)),
            "States.ExceedToleratedFailureThreshold: The specified tolerated failure threshold "
            "was exceeded");
  const auto told = described();
  EXPECT_EQ(told.status, MapRunStatus::kFailed);
  EXPECT_EQ(told.executions.failed, 1);
  EXPECT_EQ(told.executions.aborted, 1);
  EXPECT_EQ(told.executions.pending, 1);
}

TEST_F(MapRunsTest, RedriveRunsWhatDidNotSucceed) {
  define("");
  stage.play = [](const Child& child) {
    if (child.input == "2") return Played{.status = ExecutionStatus::kFailed, .error = "Bad"};
    return Played{.output = child.input};
  };
  workflow::MapRunEffect effect = over("[1,2,3]");
  effect.concurrency_max = 1;
  run(effect);
  const std::string first = arn();
  stage.play = [](const Child& child) { return Played{.output = child.input + "0"}; };
  effect.redriven_map_run_arn = first;
  EXPECT_EQ(run(effect, 8), "[1,20,30]");
  EXPECT_EQ(arn(), first);
  EXPECT_EQ(stage.redrives, 1u);
  EXPECT_EQ(described().redrive_count, 1u);
  EXPECT_EQ(described().status, MapRunStatus::kSucceeded);
}

TEST_F(MapRunsTest, ACrashLosesAndRepeatsNothing) {
  define("");
  stage.play = [this](const Child& child) {
    return Played{.output = child.input, .held = stage.starts > 150};
  };
  json::Array items;
  for (int i = 0; i < 400; ++i) items.emplace_back(i);
  workflow::MapRunEffect effect;
  effect.items = std::move(items);
  effect.concurrency_max = 90;
  auto first = sim.spawn(runs->perform(call(effect), reporter));
  ASSERT_FALSE(sim.is_ready(first));
  const std::string run_arn = arn();
  EXPECT_EQ(described().status, MapRunStatus::kRunning);
  restart();
  stage.play = [](const Child& child) { return Played{.output = child.input}; };
  auto second = sim.spawn(runs->perform(call(effect), reporter));
  ASSERT_EQ(arn(), run_arn);
  ASSERT_TRUE(sim.run(children->end_held(run_arn)));
  sim.settle();
  ASSERT_TRUE(sim.is_ready(second));
  const auto outputs = json::parse(told()).value().as_array();
  ASSERT_EQ(outputs.size(), 400u);
  for (int i = 0; i < 400; ++i) EXPECT_EQ(outputs[static_cast<size_t>(i)].as_integer(), i);
  EXPECT_EQ(stage.starts, 400u);
}

TEST_F(MapRunsTest, CancelStopsChildren) {
  define("");
  stage.play = [](const Child&) { return Played{.held = true}; };
  workflow::MapRunEffect effect = over("[1,2,3]");
  effect.concurrency_max = 2;
  auto running = sim.spawn(runs->perform(call(effect), reporter));
  EXPECT_EQ(stage.held.size(), 2u);
  reporter.is_cancelled = true;
  sim.advance(std::chrono::seconds(1));
  ASSERT_TRUE(sim.is_ready(running));
  EXPECT_EQ(stage.held.size(), 2u);
  EXPECT_TRUE(sim.run(runs->cancel(call(effect))));
  EXPECT_EQ(told(), "");
  EXPECT_EQ(stage.held.size(), 0u);
  EXPECT_EQ(described().status, MapRunStatus::kAborted);
  EXPECT_EQ(described().executions.aborted, 2);
  EXPECT_EQ(described().executions.pending, 1);
  // A redrive of the execution goes on with all three.
  reporter.is_cancelled = false;
  stage.play = [](const Child& child) { return Played{.output = child.input}; };
  effect.redriven_map_run_arn = arn();
  EXPECT_EQ(run(effect, 8), "[1,2,3]");
}

TEST_F(MapRunsTest, AServerThatStopsDoesNotStopChildrenForEver) {
  define("");
  stage.play = [](const Child&) { return Played{.held = true}; };
  auto running = sim.spawn(runs->perform(call(over("[1]")), reporter));
  reporter.is_cancelled = true;
  sim.advance(std::chrono::seconds(1));
  ASSERT_TRUE(sim.is_ready(running));
  stage.stop_error = Error{std::string(codes::kClosed), "the server stops", Retry::kLater};
  auto cancelled = sim.spawn(runs->cancel(call(over("[1]"))));
  sim.advance(std::chrono::seconds(1));
  ASSERT_TRUE(sim.is_ready(cancelled));
  EXPECT_EQ(cancelled.get().error().code, codes::kClosed);
  EXPECT_EQ(described_at_rest(), MapRunStatus::kRunning);
  stage.stop_error.reset();
  EXPECT_TRUE(sim.run(runs->cancel(call(over("[1]")))));
  EXPECT_EQ(described().status, MapRunStatus::kAborted);
  EXPECT_EQ(stage.held.size(), 0u);
}

// Some did start.
TEST_F(MapRunsTest, ChildrenOfARefusedStartAreStopped) {
  define("");
  stage.play = [](const Child&) { return Played{.held = true}; };
  stage.start_error = Error{"Broken", "they cannot start", Retry::kNever};
  EXPECT_EQ(run(over("[1,2]")), "States.Runtime: they cannot start");
  EXPECT_EQ(stage.held.size(), 0u);
}

TEST_F(MapRunsTest, ResultsThatCannotBeWrittenAreNotAwaitedForEver) {
  define(R"("ResultWriter":{"Resource":"arn:aws:states:::s3:putObject",
    "Parameters":{"Bucket":"out","Prefix":"p"}})");
  workflow::MapRunEffect effect = over("[1]");
  effect.writer_arguments = json::parse(R"({"Bucket":"out","Prefix":"p"})").value();
  lake.busy_writes = 1;
  auto running = sim.spawn(runs->perform(call(effect), reporter));
  sim.advance(std::chrono::seconds(1));
  EXPECT_FALSE(sim.is_ready(running));
  reporter.is_cancelled = true;
  sim.advance(std::chrono::seconds(1));
  ASSERT_TRUE(sim.is_ready(running));
  EXPECT_EQ(told(), "");
  lake.busy_writes = 0;
}

// The cancel of what was stopped may come when its redrive runs already.
TEST_F(MapRunsTest, ALateCancelLeavesARedrivenRunAlone) {
  define("");
  stage.play = [](const Child&) { return Played{.held = true}; };
  workflow::MapRunEffect effect = over("[1,2]");
  auto stopped = sim.spawn(runs->perform(call(effect), reporter));
  reporter.is_cancelled = true;
  sim.advance(std::chrono::seconds(1));
  ASSERT_TRUE(sim.is_ready(stopped));
  const std::string first = arn();
  reporter.is_cancelled = false;
  reporter.reported.clear();
  effect.redriven_map_run_arn = first;
  auto redriven = sim.spawn(runs->perform(call(effect, 8), reporter));
  auto late = sim.spawn(runs->cancel(call(over("[1,2]"))));
  sim.advance(std::chrono::seconds(1));
  EXPECT_TRUE(sim.is_ready(late));
  EXPECT_FALSE(sim.is_ready(redriven));
  EXPECT_EQ(stage.held.size(), 2u);
  ASSERT_TRUE(sim.run(children->end_held(first)));
  sim.advance(std::chrono::seconds(1));
  ASSERT_TRUE(sim.is_ready(redriven));
  EXPECT_EQ(told(), "[1,2]");
}

// The execution was stopped between the end of the run and its own step.
TEST_F(MapRunsTest, ARunThatSucceededUntoldIsToldToItsRedrive) {
  define("");
  reporter.refusal = Error{std::string(codes::kClosed), "nobody waits", Retry::kNever};
  workflow::MapRunEffect effect = over("[1,2]");
  EXPECT_EQ(run(effect), "");
  EXPECT_EQ(described_at_rest(), MapRunStatus::kSucceeded);
  reporter.refusal.reset();
  effect.redriven_map_run_arn = arn();
  reporter.reported.clear();
  auto redriven = sim.spawn(runs->perform(call(effect, 8), reporter));
  sim.advance(std::chrono::seconds(10));
  EXPECT_TRUE(sim.is_ready(redriven));
  EXPECT_EQ(told(), "[1,2]");
  EXPECT_EQ(stage.starts, 2u);
}

TEST_F(MapRunsTest, ABusyStoreIsReadAgain) {
  define("");
  auto run_busy = [&](uint64_t id, auto refuse) {
    reporter.reported.clear();
    refuse();
    auto running = sim.spawn(runs->perform(call(over("[1,2]"), id), reporter));
    sim.advance(std::chrono::seconds(5));
    EXPECT_TRUE(sim.is_ready(running));
    return told();
  };
  EXPECT_EQ(run_busy(7, [&] { sim.store().refuse_gets(1); }), "[1,2]");
  EXPECT_EQ(run_busy(8, [&] { sim.store().refuse_scans(1); }), "[1,2]");
  EXPECT_EQ(run_busy(9, [&] { sim.store().refuse_scans(2); }), "[1,2]");
}

// The run ends while an update waits for the store.
TEST_F(MapRunsTest, AnUpdateDoesNotBringAnEndedRunBack) {
  define("");
  stage.play = [](const Child&) { return Played{.held = true}; };
  auto running = sim.spawn(runs->perform(call(over("[1]")), reporter));
  const std::string run_arn = arn();
  sim.store().refuse_commits(1);
  auto update = sim.spawn(runs->update({.arn = run_arn, .concurrency_max = 3}));
  ASSERT_TRUE(sim.run(children->end_held(run_arn)));
  sim.advance(std::chrono::seconds(1));
  ASSERT_TRUE(sim.is_ready(running));
  ASSERT_TRUE(sim.is_ready(update));
  EXPECT_EQ(told(), "[1]");
  EXPECT_EQ(described_at_rest(), MapRunStatus::kSucceeded);
}

// Those that ended are not begun once more where others of their group cannot begin yet.
TEST_F(MapRunsTest, ExpressChildrenOfAStartThatIsRepeatedRunOnce) {
  define("", "EXPRESS");
  stage.start_error = Error{std::string(codes::kThrottled), "busy", Retry::kLater};
  auto running = sim.spawn(runs->perform(call(over("[1,2]")), reporter));
  stage.start_error.reset();
  sim.advance(std::chrono::seconds(1));
  ASSERT_TRUE(sim.is_ready(running));
  EXPECT_EQ(told(), "[1,2]");
  EXPECT_EQ(stage.starts, 2u);
}

TEST_F(MapRunsTest, AToleranceMayBeLargerThanAnyNumberOfItems) {
  define("");
  stage.play = [](const Child&) {
    return Played{.status = ExecutionStatus::kFailed, .error = "Bad"};
  };
  workflow::MapRunEffect effect = over("[1]");
  effect.tolerated_failure_count = 1e300;
  effect.concurrency_max = 1e300;
  run(effect);
  EXPECT_EQ(described().status, MapRunStatus::kSucceeded);
}

TEST_F(MapRunsTest, UpdateLetsMoreRun) {
  define("");
  stage.play = [](const Child&) { return Played{.held = true}; };
  workflow::MapRunEffect effect = over("[1,2,3]");
  effect.concurrency_max = 1;
  auto running = sim.spawn(runs->perform(call(effect), reporter));
  EXPECT_EQ(stage.held.size(), 1u);
  ASSERT_TRUE(sim.run(runs->update({.arn = arn(), .concurrency_max = 3})));
  sim.settle();
  EXPECT_EQ(stage.held.size(), 3u);
  EXPECT_EQ(described().concurrency_max, 3);
  ASSERT_TRUE(sim.run(children->end_held(arn())));
  sim.settle();
  EXPECT_TRUE(sim.is_ready(running));
  EXPECT_FALSE(sim.run(runs->update({.arn = arn(), .concurrency_max = 3})));
}

TEST_F(MapRunsTest, ReadsFilesOfTheLake) {
  define(R"("ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{
    "InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"},"Parameters":{"Bucket":"b","Key":"k"}})");
  lake.objects["b/k"] = "x,y\n1,2\n3,4\n5,6\n";
  workflow::MapRunEffect effect = from_lake(R"({"Bucket":"b","Key":"k"})");
  effect.items_max = 2;
  EXPECT_EQ(run(effect), R"([{"x":"1","y":"2"},{"x":"3","y":"4"}])");
  effect.items_max = -1;
  EXPECT_EQ(run(effect, 8), "States.ItemReaderFailed: field MaxItems must be positive");
  EXPECT_EQ(run(from_lake(R"({"Bucket":"b","Key":"none"})"), 9),
            "States.ItemReaderFailed: The specified key does not exist. (Service: S3, Error Code: "
            "NoSuchKey)");
  EXPECT_EQ(run(from_lake(R"({"Bucket":"closed","Key":"none"})"), 10),
            "States.ItemReaderFailed: Access Denied (Service: S3, Error Code: AccessDenied)");
}

Bytes golden_parquet(std::string_view name) {
  std::ifstream in(fmt::format("{}/{}", PARQUET_CASES, name), std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

constexpr std::string_view kReadParquet =
    R"("ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{
    "InputType":"PARQUET"},"Parameters":{"Bucket":"b","Key":"k"}})";

TEST_F(MapRunsTest, ReadsParquet) {
  define(kReadParquet);
  lake.objects["b/k"] = golden_parquet("zstd_v2.parquet");
  workflow::MapRunEffect effect = from_lake(R"({"Bucket":"b","Key":"k"})");
  effect.items_max = 2;
  EXPECT_EQ(run(effect), R"([{"number":0,"same":"region-0","maybe":null,"real":0.0},)"
                         R"({"number":919,"same":"region-1","maybe":"value 1","real":0.125}])");
  effect.items_max.reset();
  EXPECT_EQ(json::parse(run(effect, 8)).value().as_array().size(), 300u);
  lake.objects["b/k"] = golden_parquet("repeated.parquet");
  EXPECT_EQ(run(effect, 9),
            "States.ItemReaderFailed: Column tags of the Parquet file is repeated: not supported.");
  lake.objects["b/k"] = "x,y\n";
  EXPECT_EQ(run(effect, 10), "States.ItemReaderFailed: The file is no Parquet file.");
}

TEST_F(MapRunsTest, ReadsInventoriesOfParquet) {
  define(R"("ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{
    "InputType":"MANIFEST","MaxItems":20},"Parameters":{"Bucket":"b","Key":"manifest.json"}})");
  lake.objects["b/manifest.json"] = R"({"destinationBucket":"arn:aws:s3:::b","fileFormat":"Parquet",
    "fileSchema":"message s3.inventory {}","files":[{"key":"one"},{"key":"two"}]})";
  lake.objects["b/one"] = golden_parquet("encodings.parquet");
  lake.objects["b/two"] = golden_parquet("gzip_v2.parquet");
  const auto items =
      json::parse(run(from_lake(R"({"Bucket":"b","Key":"manifest.json"})"))).value().as_array();
  ASSERT_EQ(items.size(), 22u);
  EXPECT_EQ(items[0].find("delta")->as_integer(), -7);
  EXPECT_EQ(items[21].find("name")->as_string(), "n9");
}

// What a crash left behind is not read again: two of three row groups.
TEST_F(MapRunsTest, PassesOverRowsThatItHas) {
  define(kReadParquet);
  lake.objects["b/k"] = golden_parquet("zstd_v2.parquet");
  const MapRunCall one = call(from_lake(R"({"Bucket":"b","Key":"k"})"));
  ItemStream stream(sim.kernel(), &lake, one, *compiled.plan->by_name.at("M"), "");
  stream.pass_over(250);
  uint64_t skipped = 0;
  std::vector<workflow::Item> items;
  while (true) {
    ItemChunk chunk = sim.run(stream.next()).value();
    skipped += chunk.skipped;
    items.insert(items.end(), chunk.items.begin(), chunk.items.end());
    if (chunk.last) break;
  }
  EXPECT_EQ(skipped, 200u);
  ASSERT_EQ(items.size(), 100u);
  EXPECT_EQ(items[0].value.find("maybe")->kind(), json::Kind::kNull);
  EXPECT_EQ(items[99].value.find("maybe")->as_string(), "value 299");
}

TEST_F(MapRunsTest, ABusyLakeIsReadAgain) {
  define(R"("ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{
    "InputType":"JSON"},"Parameters":{"Bucket":"b","Key":"k"}})");
  lake.objects["b/k"] = "[1,2]";
  lake.busy_reads = 3;
  auto file = sim.spawn(runs->perform(call(from_lake(R"({"Bucket":"b","Key":"k"})")), reporter));
  sim.advance(std::chrono::seconds(5));
  ASSERT_TRUE(sim.is_ready(file));
  EXPECT_EQ(told(), "[1,2]");

  define(R"("ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{
    "InputType":"MANIFEST"},"Parameters":{"Bucket":"b","Key":"m"}})");
  lake.objects["b/m"] = R"({"sourceBucket":"b","destinationBucket":"arn:aws:s3:::b",
    "version":"2016-11-30","fileFormat":"CSV","fileSchema":"Bucket, Key",
    "files":[{"key":"list","size":9,"MD5checksum":"0"}]})";
  lake.objects["b/list"] = "b,x\nb,y\n";
  lake.busy_reads = 3;
  reporter.reported.clear();
  auto listed =
      sim.spawn(runs->perform(call(from_lake(R"({"Bucket":"b","Key":"m"})"), 8), reporter));
  sim.advance(std::chrono::seconds(5));
  ASSERT_TRUE(sim.is_ready(listed));
  EXPECT_EQ(told(), R"([{"Bucket":"b","Key":"x"},{"Bucket":"b","Key":"y"}])");
}

TEST_F(MapRunsTest, ListsObjects) {
  define(R"("ItemReader":{"Resource":"arn:aws:states:::s3:listObjectsV2",
    "Parameters":{"Bucket":"b"}})");
  for (const char* key : {"b/1", "b/2", "b/3"}) lake.objects[key] = "[7]";
  EXPECT_EQ(run(from_lake(R"({"Bucket":"b"})")),
            R"([{"Key":"1","Size":3},{"Key":"2","Size":3},{"Key":"3","Size":3}])");
  define(R"("ItemReader":{"Resource":"arn:aws:states:::s3:listObjectsV2","ReaderConfig":{
    "Transformation":"LOAD_AND_FLATTEN","InputType":"JSON"},"Parameters":{"Bucket":"b"}})");
  lake.objects["b/2"] = "[8,9]";
  EXPECT_EQ(run(from_lake(R"({"Bucket":"b"})"), 8), "[7,8,9,7]");
}

// What is put meanwhile where the listing was already read changes nothing.
TEST_F(MapRunsTest, AListingGoesOnBehindItsLastKeyAfterACrash) {
  const char* plain = R"("ItemReader":{"Resource":"arn:aws:states:::s3:listObjectsV2",
    "Parameters":{"Bucket":"b"}})";
  const char* flat =
      R"("ItemReader":{"Resource":"arn:aws:states:::s3:listObjectsV2","ReaderConfig":{
    "Transformation":"LOAD_AND_FLATTEN","InputType":"JSON"},"Parameters":{"Bucket":"b"}})";
  uint64_t id = 7;
  for (const char* fields : {plain, flat}) {
    define(fields);
    lake.objects.clear();
    for (const char* key : {"1", "2", "3", "4"}) {
      lake.objects[std::string("b/") + key] = std::string("[") + key + "]";
    }
    lake.lists_left = 1;
    auto first = sim.spawn(runs->perform(call(from_lake(R"({"Bucket":"b"})"), id), reporter));
    EXPECT_FALSE(sim.is_ready(first));
    restart();
    lake.lists_left = INT_MAX;
    lake.objects["b/0"] = "[0]";
    const std::string result = run(from_lake(R"({"Bucket":"b"})"), id++);
    EXPECT_EQ(result, fields == flat ? "[1,2,3,4]"
                                     : R"([{"Key":"1","Size":3},{"Key":"2","Size":3},)"
                                       R"({"Key":"3","Size":3},{"Key":"4","Size":3}])");
  }
}

TEST_F(MapRunsTest, WritesResultFiles) {
  define(R"("ToleratedFailureCount":1,"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject",
    "Parameters":{"Bucket":"out","Prefix":"p"}})");
  stage.play = [](const Child& child) {
    if (child.input == "2") return Played{.status = ExecutionStatus::kFailed, .error = "Bad"};
    return Played{.output = child.input};
  };
  workflow::MapRunEffect effect = over("[1,2]");
  effect.tolerated_failure_count = 1;
  effect.writer_arguments = json::parse(R"({"Bucket":"out","Prefix":"p"})").value();
  const std::string result = run(effect);
  const std::string folder = "p/" + arn().substr(arn().rfind(':') + 1) + "/";
  EXPECT_EQ(result, fmt::format(R"({{"MapRunArn":"{}","ResultWriterDetails":{{"Bucket":"out",)"
                                R"("Key":"{}manifest.json"}}}})",
                                arn(), folder));
  const auto succeeded = json::parse(lake.objects["out/" + folder + "SUCCEEDED_0.json"]).value();
  EXPECT_EQ(succeeded.as_array().at(0).find("Output")->as_string(), "1");
  const auto failed = json::parse(lake.objects["out/" + folder + "FAILED_0.json"]).value();
  EXPECT_EQ(failed.as_array().at(0).find("Error")->as_string(), "Bad");
  effect.writer_arguments = json::parse(R"({"Bucket":"closed"})").value();
  EXPECT_EQ(run(effect, 8),
            "States.ResultWriterFailed: Access Denied (Service: S3, Error Code: AccessDenied)");
}

TEST_F(MapRunsTest, ResultsThatAreTooLarge) {
  define("");
  stage.play = [](const Child&) {
    return Played{.output = json::write(json::Value(std::string(200'000, 'x')))};
  };
  EXPECT_TRUE(run(over("[1,2]")).starts_with("States.DataLimitExceeded: "));
}

TEST_F(MapRunsTest, ExpressChildrenStartOnceMoreAfterACrash) {
  define("", "EXPRESS");
  stage.play = [](const Child&) { return Played{.held = true}; };
  auto first = sim.spawn(runs->perform(call(over("[1,2]")), reporter));
  EXPECT_EQ(stage.starts, 2u);
  restart();
  stage.held.clear();
  stage.play = [](const Child& child) { return Played{.output = child.input}; };
  EXPECT_EQ(run(over("[1,2]")), "[1,2]");
  EXPECT_EQ(stage.starts, 4u);
}

TEST(MapRunNames, HoldTheIndex) {
  const Bytes run = map_run_uuid("k");
  std::set<std::string> names;
  for (const uint64_t index : {0ull, 1ull, 99'999'999ull}) {
    const std::string name = child_name(run, index);
    EXPECT_EQ(child_index(run, name), index);
    names.insert(name);
  }
  EXPECT_EQ(names.size(), 3u);
  EXPECT_FALSE(child_index(run, uuid_text(run)));
  EXPECT_FALSE(uuid_bytes("0123"));
  EXPECT_EQ(child_arn("arn:aws:states:r:1:mapRun:m/L:u", workflow::MachineType::kExpress, "n"),
            "arn:aws:states:r:1:express:m/L:u:n");
}

}  // namespace
}  // namespace suiro::states
