// SPDX-License-Identifier: Apache-2.0
#include "engine/workflow/map_run.h"

#include <gtest/gtest.h>

#include "engine/workflow/item_batch.h"
#include "engine/workflow/result_files.h"

namespace suiro::workflow {
namespace {

using Starts = std::vector<uint64_t>;

MapRun run_of(int64_t children, MapRunLimits limits) {
  MapRun run(limits, 1000);
  for (int64_t i = 0; i < children; ++i) run.add_child(1);
  return run;
}

TEST(MapRun, StartsAsManyAsAreAllowed) {
  MapRun run = run_of(5, {.concurrency_max = 2});
  EXPECT_EQ(run.take_starts(10), (Starts{0, 1}));
  EXPECT_EQ(run.take_starts(10), Starts{});
  run.child_ended(1, ChildStatus::kSucceeded);
  run.child_ended(1, ChildStatus::kFailed);  // told twice
  run.child_ended(77, ChildStatus::kFailed);
  EXPECT_EQ(run.take_starts(10), Starts{2});
  run.update({.concurrency_max = 0});
  EXPECT_EQ(run.take_starts(1), Starts{3});
  EXPECT_EQ(run.executions().running, 3);
  EXPECT_EQ(run.executions().total, 5);
  EXPECT_EQ(run.phase(), MapRun::Phase::kRunning);
}

TEST(MapRun, EndsWhenAllAreReadAndEnded) {
  MapRun run = run_of(1, {});
  run.take_starts(1);
  run.child_ended(0, ChildStatus::kSucceeded);
  EXPECT_EQ(run.phase(), MapRun::Phase::kRunning);
  run.reading_ended();
  EXPECT_EQ(run.phase(), MapRun::Phase::kWriting);
  EXPECT_EQ(run.verdict(), MapRunStatus::kSucceeded);
  EXPECT_EQ(run.items().results_written, 1);
}

TEST(MapRun, OneFailureIsTooManyWithoutTolerance) {
  MapRun run = run_of(3, {.concurrency_max = 2});
  run.take_starts(3);
  run.child_ended(0, ChildStatus::kTimedOut);
  EXPECT_EQ(run.phase(), MapRun::Phase::kStopping);
  EXPECT_EQ(run.running(0, 10), Starts{1});
  EXPECT_EQ(run.take_starts(3), Starts{});
  run.child_ended(1, ChildStatus::kAborted);
  EXPECT_EQ(run.phase(), MapRun::Phase::kWriting);
  EXPECT_EQ(run.verdict(), MapRunStatus::kFailed);
  EXPECT_EQ(run.failure()->error, "States.ExceedToleratedFailureThreshold");
  EXPECT_EQ(run.executions().pending, 1);
}

TEST(MapRun, ToleratedCountIsOfItems) {
  MapRun run({.tolerated_failure_count = 4}, 10);
  run.add_child(1);
  run.add_child(3);
  run.add_child(1);
  run.reading_ended();
  run.take_starts(3);
  run.child_ended(0, ChildStatus::kFailed);
  run.child_ended(1, ChildStatus::kFailed);
  EXPECT_FALSE(run.failure());
  EXPECT_EQ(run.items().failed, 4);
  run.child_ended(2, ChildStatus::kFailed);
  EXPECT_TRUE(run.failure());
}

TEST(MapRun, ToleratedPercentageIsOfAllItems) {
  MapRun run = run_of(4, {.tolerated_failure_percentage = 50});
  run.take_starts(4);
  for (uint64_t i = 0; i < 3; ++i) run.child_ended(i, ChildStatus::kFailed);
  EXPECT_FALSE(run.failure());  // more may be read
  run.add_child(1);
  run.add_child(1);
  run.reading_ended();
  EXPECT_FALSE(run.failure());
  run.child_ended(3, ChildStatus::kFailed);
  EXPECT_TRUE(run.failure());
}

TEST(ItemBatch, ByNumberAndBySize) {
  ItemBatch batch({.batched = true, .items_max = 2, .batch_input = json::Value(7)});
  std::vector<ChildInput> out;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(batch.add(json::Value(i), out));
  batch.finish(out);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].text, R"({"BatchInput":7,"Items":[0,1]})");
  EXPECT_EQ(out[1].text, R"({"BatchInput":7,"Items":[2]})");
  EXPECT_EQ(out[1].items, 1u);

  ItemBatch small({.batched = true, .bytes_max = 20});
  out.clear();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(small.add(json::Value("abc"), out));
  small.finish(out);
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[0].text, R"({"Items":["abc"]})");
  EXPECT_EQ(small.add(json::Value(std::string(30, 'x')), out).error().code,
            "States.DataLimitExceeded");
}

ChildResult child(ChildStatus status, std::optional<std::string> output) {
  ChildResult result{.arn = "arn:e", .name = "n", .machine_arn = "arn:m", .status = status};
  result.input = "1";
  result.output = std::move(output);
  return result;
}

TEST(ResultFiles, Transformations) {
  const ChildResult good = child(ChildStatus::kSucceeded, "[1,[2]]");
  using Entries = std::vector<std::string>;
  EXPECT_EQ(result_entries(good, Transformation::kCompact), Entries{"[1,[2]]"});
  EXPECT_EQ(result_entries(good, Transformation::kFlatten), (Entries{"1", "[2]"}));
  EXPECT_EQ(result_entries(good, Transformation::kNone),
            Entries{R"({"ExecutionArn":"arn:e","Input":"1","InputDetails":{"Included":true},)"
                    R"("Name":"n","Output":"[1,[2]]","OutputDetails":{"Included":true},)"
                    R"("RedriveCount":0,"RedriveStatus":"NOT_REDRIVABLE",)"
                    R"("RedriveStatusReason":"Execution is SUCCEEDED and cannot be redriven",)"
                    R"("StartDate":"1970-01-01T00:00:00.000Z","StateMachineArn":"arn:m",)"
                    R"("Status":"SUCCEEDED","StopDate":"1970-01-01T00:00:00.000Z"})"});
  ChildResult bad = child(ChildStatus::kFailed, std::nullopt);
  bad.error = "E";
  bad.cause = "c";
  EXPECT_EQ(result_entries(bad, Transformation::kFlatten),
            Entries{R"({"Cause":"c","Error":"E","ExecutionArn":"arn:e","Input":"1",)"
                    R"("InputDetails":{"Included":true},"Name":"n","RedriveCount":0,)"
                    R"("RedriveStatus":"REDRIVABLE_BY_MAP_RUN",)"
                    R"("StartDate":"1970-01-01T00:00:00.000Z","StateMachineArn":"arn:m",)"
                    R"("Status":"FAILED","StopDate":"1970-01-01T00:00:00.000Z"})"});
}

TEST(ResultFiles, TextsAndManifest) {
  ResultText array(ResultForm::kJson);
  array.add("1");
  array.add("2");
  EXPECT_EQ(array.take(), "[1,2]");
  EXPECT_EQ(array.take(), "[]");
  ResultText lines(ResultForm::kJsonLines);
  lines.add("1");
  lines.add("2");
  EXPECT_EQ(lines.take(), "1\n2\n");
  EXPECT_EQ(result_folder("a", "u") + result_file_name(ResultFile::kFailed, 3, ResultForm::kJson),
            "a/u/FAILED_3.json");
  EXPECT_EQ(result_folder("", "u"), "u/");
  EXPECT_EQ(result_manifest("b", "arn", {{ResultFile::kSucceeded, "k", 9}}),
            R"({"DestinationBucket":"b","MapRunArn":"arn","ResultFiles":{"FAILED":[],)"
            R"("PENDING":[],"SUCCEEDED":[{"Key":"k","Size":9}]}})");
  EXPECT_EQ(writer_result("arn", "b", "k"),
            R"({"MapRunArn":"arn","ResultWriterDetails":{"Bucket":"b","Key":"k"}})");
}

}  // namespace
}  // namespace suiro::workflow
