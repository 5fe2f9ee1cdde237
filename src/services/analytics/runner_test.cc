// SPDX-License-Identifier: Apache-2.0
// Applications that run: rows, windows, states, functions, tables, restarts and crashes.
#include "services/analytics/testing.h"

namespace suiro::analytics {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::kDeliveryArn;
using testing::kFunctionArn;
using testing::kOutArn;
using testing::kRole;
namespace json = boost::json;

constexpr char kPass[] =
    "CREATE OR REPLACE STREAM DEST (\"user\" VARCHAR(16), n INTEGER);\n"
    "CREATE OR REPLACE PUMP p AS INSERT INTO DEST\n"
    "  SELECT STREAM \"user\", \"n\" FROM SOURCE_SQL_STREAM_001;\n";
constexpr char kCount[] =
    "CREATE OR REPLACE STREAM DEST (\"user\" VARCHAR(16), c BIGINT, total BIGINT);\n"
    "CREATE OR REPLACE PUMP p AS INSERT INTO DEST\n"
    "  SELECT STREAM \"user\", COUNT(*), SUM(\"n\") FROM SOURCE_SQL_STREAM_001\n"
    "  GROUP BY \"user\", FLOOR(SOURCE_SQL_STREAM_001.ROWTIME TO MINUTE);\n";

class RunnerTest : public testing::AnalyticsTest {
 protected:
  explicit RunnerTest(size_t shards = 1) : AnalyticsTest(shards) {}
  void put_numbers(int from, int to, size_t shard = 0) {
    for (int i = from; i < to; ++i) put({{"user", "u" + std::to_string(i % 3)}, {"n", i}}, shard);
  }
  std::vector<int64_t> numbers(std::string arn = kOutArn) {
    std::vector<int64_t> out;
    for (const auto& row : rows(std::move(arn))) out.push_back(json::parse(row).at("N").as_int64());
    return out;
  }
  static std::vector<int64_t> up_to(int64_t end) {
    std::vector<int64_t> out;
    for (int64_t i = 0; i < end; ++i) out.push_back(i);
    return out;
  }
  // Counts and totals by user, over all windows.
  std::map<std::string, std::pair<int64_t, int64_t>> sums() {
    std::map<std::string, std::pair<int64_t, int64_t>> out;
    for (const auto& text : rows()) {
      json::value row = json::parse(text);
      auto& [count, total] = out[std::string(row.at("user").as_string())];
      count += row.at("C").as_int64();
      total += row.at("TOTAL").as_int64();
    }
    return out;
  }
  bool logged(std::string_view code) const {
    return std::ranges::any_of(
        logs.lines, [&](const std::string& line) { return line.find(code) != line.npos; });
  }
  void add_logging() {
    ok("AddApplicationCloudWatchLoggingOption",
       {{"ApplicationName", "app"},
        {"CurrentApplicationVersionId", version()},
        {"CloudWatchLoggingOption",
         {{"LogStreamARN", "arn:aws:logs:ap-northeast-1:000000000000:log-group:g:log-stream:s"},
          {"RoleARN", kRole}}}});
  }
  // A new application, a new stream, an empty sink.
  void forget_everything() {
    shut_down();
    sim.reopen();
    store::Batch batch;
    for (const char* space : {"a", "z"}) batch.erase_range(store::KeyRange::prefix(space));
    ASSERT_TRUE(sim.run(sim.kernel().store.commit(std::move(batch))));
    stream.shards_.assign(1, {});
    boot();
  }
  void update(json::object update) {
    ok("UpdateApplication", {{"ApplicationName", "app"},
                             {"CurrentApplicationVersionId", version()},
                             {"ApplicationUpdate", std::move(update)}});
    await("RUNNING");
  }
};

TEST_F(RunnerTest, RowsGoFromStreamToSink) {
  create(kPass);
  put_numbers(0, 5);
  start();
  sim.advance(seconds(2));
  put_numbers(5, 8);
  sim.advance(seconds(2));
  EXPECT_EQ(numbers(), up_to(8));
  EXPECT_EQ(rows().front(), R"({"user":"u0","N":0})");
}

TEST_F(RunnerTest, NowBeginsBehindWhatIsThere) {
  create(kPass);
  put_numbers(0, 5);
  sim.advance(seconds(1));
  start("NOW");
  put_numbers(5, 6);
  sim.advance(seconds(2));
  EXPECT_EQ(numbers(), std::vector<int64_t>{5});
}

TEST_F(RunnerTest, SilentInputsCloseTheirWindows) {
  create(kCount);
  start();
  put_numbers(0, 6);
  sim.advance(seconds(2));
  EXPECT_TRUE(rows().empty());
  sim.advance(minutes(1));
  EXPECT_EQ(sums(), (decltype(sums()){{"u0", {2, 3}}, {"u1", {2, 5}}, {"u2", {2, 7}}}));
}

TEST_F(RunnerTest, AStoppedApplicationGoesOnWhereItWas) {
  create(kCount);
  start();
  put_numbers(0, 3);
  sim.advance(seconds(2));
  stop();
  put_numbers(3, 6);
  EXPECT_EQ(error("StopApplication", {{"ApplicationName", "app"}}), "ResourceInUseException");
  start("LAST_STOPPED_POINT");
  sim.advance(minutes(2));
  // Nothing is lost and nothing counted twice, the open window included.
  EXPECT_EQ(sums(), (decltype(sums()){{"u0", {2, 3}}, {"u1", {2, 5}}, {"u2", {2, 7}}}));
}

TEST_F(RunnerTest, ANewStartForgetsTheOldOne) {
  create(kPass);
  put_numbers(0, 3);
  start();
  sim.advance(seconds(2));
  stop();
  start("TRIM_HORIZON");
  sim.advance(seconds(2));
  EXPECT_EQ(numbers(), (std::vector<int64_t>{0, 1, 2, 0, 1, 2}));
}

TEST_F(RunnerTest, CodeChangesWhileItRuns) {
  create(kPass);
  start();
  put_numbers(0, 3);
  sim.advance(seconds(2));
  std::string code = kPass;
  code.replace(code.find("\"n\" FROM"), 3, "\"n\" * 10");
  update({{"ApplicationCodeUpdate", code}});
  put_numbers(3, 5);
  sim.advance(seconds(2));
  EXPECT_EQ(numbers(), (std::vector<int64_t>{0, 1, 2, 30, 40}));
  EXPECT_EQ(
      error("UpdateApplication", {{"ApplicationName", "app"},
                                  {"CurrentApplicationVersionId", version()},
                                  {"ApplicationUpdate", {{"ApplicationCodeUpdate", "CREATE"}}}}),
      "CodeValidationException");
  EXPECT_EQ(describe().at("ApplicationStatus"), "RUNNING");
}

// Rows that the old code made and logged are not lost, whether the process dies with the update or
// their destination is busy: here the first output has them, and with them the log.
class CodeChangeTest : public RunnerTest, public ::testing::WithParamInterface<bool> {
 protected:
  void begin() {
    create(kPass, {output("DEST"), output("DEST", kDeliveryArn)});
    start();
    put_numbers(0, 3);
    sim.advance(seconds(2));
    sink->refused_arn = kDeliveryArn;
    put_numbers(3, 6);
    sim.advance(seconds(5));
    EXPECT_EQ(numbers(), up_to(6));
    EXPECT_EQ(numbers(kDeliveryArn), up_to(3));
  }
  // Ten times what it was before.
  void change(json::object update = {}) {
    std::string code = kPass;
    code.replace(code.find("\"n\" FROM"), 3, "\"n\" * 10");
    update["ApplicationCodeUpdate"] = code;
    ok("UpdateApplication", {{"ApplicationName", "app"},
                             {"CurrentApplicationVersionId", version()},
                             {"ApplicationUpdate", std::move(update)}});
    if (GetParam()) crash();
    await("RUNNING");
  }
};

TEST_P(CodeChangeTest, RowsThatWereLoggedAreDelivered) {
  begin();
  change();
  sim.advance(seconds(5));
  sink->refused_arn.clear();
  sim.advance(seconds(20));
  put_numbers(6, 8);
  sim.advance(seconds(20));
  EXPECT_EQ(numbers(), (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 60, 70}));
  EXPECT_EQ(rows(kDeliveryArn), rows());
}

TEST_P(CodeChangeTest, TheyGoWhereTheirOutputPointsNow) {
  begin();
  auto id = describe().at("OutputDescriptions").as_array().at(1).at("OutputId");
  json::object to_function{{"OutputId", id},
                           {"LambdaOutputUpdate", {{"ResourceARNUpdate", kFunctionArn}}}};
  std::vector<std::string> taken;
  function.behave = [&](const json::object& event) {
    json::array out;
    for (const auto& record : event.at("records").as_array()) {
      taken.push_back(*base64_decode(std::string_view(record.at("data").as_string())));
      out.push_back({{"recordId", record.at("recordId")}, {"result", "Ok"}});
    }
    return json::object{{"records", out}};
  };
  change({{"OutputUpdates", json::array{to_function}}});
  sim.advance(seconds(20));
  EXPECT_EQ(taken.size(), 3u);
  EXPECT_EQ(taken.front(), R"({"user":"u0","N":3})");
}

// An application that cannot deliver can be stopped, and loses nothing by it.
TEST_P(CodeChangeTest, ItCanBeStoppedMeanwhile) {
  begin();
  change();
  sim.advance(seconds(3));
  stop();
  sink->refused_arn.clear();
  start("LAST_STOPPED_POINT");
  sim.advance(seconds(20));
  EXPECT_EQ(numbers(), up_to(6));
  EXPECT_EQ(rows(kDeliveryArn), rows());
}

INSTANTIATE_TEST_SUITE_P(AliveOrDead, CodeChangeTest, ::testing::Bool());

// What an application refuses for want of memory is refused again after a crash, whatever memory
// it has then: rows that were logged keep their numbers.
class BudgetChangeTest : public RunnerTest {
 protected:
  void put_users(int from, int to) {
    for (int i = from; i < to; ++i) put({{"user", "u" + std::to_string(i)}, {"n", 1}});
  }
};

TEST_F(BudgetChangeTest, TheLogIsFinishedWithTheBudgetThatMadeIt) {
  size_t budget = std::exchange(config.operator_bytes_max, 600);
  restart();
  create(kCount, {output("DEST"), output("error_stream", kDeliveryArn)});
  start();
  put_users(0, 20);
  sim.advance(seconds(2));
  size_t refused = rows(kDeliveryArn).size();
  ASSERT_GT(refused, 0u);
  ASSERT_LT(refused, 20u);
  sink->refused_arn = kDeliveryArn;
  put_users(20, 30);
  sim.advance(seconds(3));
  ASSERT_EQ(rows(kDeliveryArn).size(), refused);
  config.operator_bytes_max = budget;
  crash();
  await("RUNNING");
  sim.advance(seconds(20));
  EXPECT_EQ(rows(kDeliveryArn).size(), refused + 10);
  put_users(30, 40);
  sim.advance(minutes(2));
  EXPECT_EQ(rows(kDeliveryArn).size(), refused + 10);
  auto counted = sums();
  EXPECT_EQ(counted.size(), 20 - refused + 10);
  EXPECT_TRUE(counted.contains("u39"));
  EXPECT_FALSE(counted.contains("u29"));
}

TEST_F(BudgetChangeTest, OutputsDoNotDecideWhatIsRefused) {
  config.state_bytes_max = 1'200;  // 600 for each of two
  restart();
  std::string second = kCount;
  for (auto [from, to] :
       {std::pair("DEST ", "OTHER "), {"PUMP p", "PUMP q"}, {"DEST\n", "OTHER\n"}}) {
    second.replace(second.find(from), std::string_view(from).size(), to);
  }
  create(kCount + second, {output("DEST"), output("OTHER"), output("error_stream", kDeliveryArn)});
  start();
  put_users(0, 20);
  sim.advance(seconds(2));
  size_t refused = rows(kDeliveryArn).size();
  ASSERT_GT(refused, 0u);
  sink->refused_arn = kDeliveryArn;
  put_users(20, 30);
  sim.advance(seconds(3));
  auto id = describe().at("OutputDescriptions").as_array().at(1).at("OutputId");
  ok("DeleteApplicationOutput",
     {{"ApplicationName", "app"}, {"CurrentApplicationVersionId", version()}, {"OutputId", id}});
  crash();
  await("RUNNING");
  sim.advance(seconds(20));
  EXPECT_EQ(rows(kDeliveryArn).size(), refused + 20);
}

// A stream that is deleted and made again under its name is read from its beginning.
TEST_F(RunnerTest, AStreamMadeAgainIsReadFromItsBeginning) {
  stream.make_again();  // its first generation
  create(kCount);
  start();
  put_numbers(0, 6);
  sim.advance(seconds(2));
  stream.make_again();
  put_numbers(6, 12);
  sim.advance(seconds(15));
  // Both are in the window that was open meanwhile.
  sim.advance(minutes(2));
  EXPECT_EQ(sums(), (decltype(sums()){{"u0", {4, 18}}, {"u1", {4, 22}}, {"u2", {4, 26}}}));
  put_numbers(12, 15);
  sim.advance(seconds(2));
  crash();
  await("RUNNING");
  sim.advance(minutes(2));
  EXPECT_EQ(sums(), (decltype(sums()){{"u0", {5, 30}}, {"u1", {5, 35}}, {"u2", {5, 40}}}));
}

TEST_F(RunnerTest, AStreamMadeAgainWhileItIsAwayIsReadFromItsBeginning) {
  stream.make_again();
  create(kPass);
  add_logging();
  start();
  put_numbers(0, 5);
  sim.advance(seconds(3));
  sim.crash();
  shut_down();
  stream.make_again();
  put_numbers(100, 103);
  sim.reopen();
  boot();
  await("RUNNING");
  sim.advance(seconds(30));
  EXPECT_EQ(numbers(), (std::vector<int64_t>{0, 1, 2, 3, 4, 100, 101, 102}));
  EXPECT_TRUE(logged("Input.RecordsExpired"));
  crash();
  await("RUNNING");
  sim.advance(seconds(30));
  EXPECT_EQ(numbers().size(), 8u);
}

// A change that leaves the program as it is leaves its windows as they are.
TEST_F(RunnerTest, OutputsChangeWhileItRuns) {
  create(kCount);
  start();
  put_numbers(0, 3);
  sim.advance(seconds(2));
  json::object out = output("DEST", kDeliveryArn);
  ok("AddApplicationOutput",
     {{"ApplicationName", "app"}, {"CurrentApplicationVersionId", version()}, {"Output", out}});
  await("RUNNING");
  put_numbers(3, 6);
  sim.advance(minutes(2));
  EXPECT_EQ(sums(), (decltype(sums()){{"u0", {2, 3}}, {"u1", {2, 5}}, {"u2", {2, 7}}}));
  EXPECT_EQ(rows(kDeliveryArn), rows());
}

TEST_F(RunnerTest, ErrorsAreAStreamThatCanGoOut) {
  create(kPass, {output("DEST"), output("error_stream", kDeliveryArn)});
  start();
  stream.put(0, R"({"user":"a","n":"many"})", sim.clock().now());
  stream.put(0, R"({"user":)", sim.clock().now());
  put({{"user", "b"}, {"n", 1}});
  sim.advance(seconds(3));
  EXPECT_EQ(numbers(), std::vector<int64_t>{1});
  auto errors = rows(kDeliveryArn);
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_TRUE(json::parse(errors[0]).as_object().contains("ERROR_NAME")) << errors[0];
}

TEST_F(RunnerTest, AFunctionSeesRecordsFirst) {
  json::object in = input();
  in["InputProcessingConfiguration"] = {
      {"InputLambdaProcessor", {{"ResourceARN", kFunctionArn}, {"RoleARN", kRole}}}};
  create(kPass, {output("DEST"), output("error_stream", kDeliveryArn)}, in);
  function.failures = 2;
  function.behave = [](const json::object& event) {
    json::array out;
    for (const auto& record : event.at("records").as_array()) {
      auto data = base64_decode(std::string_view(record.at("data").as_string()));
      int64_t n = json::parse(*data).at("n").as_int64();
      std::string result = n == 1 ? "Dropped" : n == 2 ? "ProcessingFailed" : "Ok";
      out.push_back(
          {{"recordId", record.at("recordId")},
           {"result", result},
           {"data", base64_encode(json::serialize(json::object{{"user", "f"}, {"n", n + 100}}))}});
    }
    return json::object{{"records", out}};
  };
  add_logging();
  start();
  put_numbers(0, 5);
  sim.advance(seconds(10));
  EXPECT_EQ(numbers(), (std::vector<int64_t>{100, 103, 104}));
  EXPECT_EQ(rows(kDeliveryArn).size(), 1u);
  EXPECT_TRUE(logged("InputProcessing.Failed"));
  const json::object& event = function.events.front();
  EXPECT_EQ(event.at("streamArn"), testing::kStreamArn);
  EXPECT_TRUE(
      event.at("records").as_array().at(0).as_object().contains("kinesisStreamRecordMetadata"));
}

TEST_F(RunnerTest, AFunctionTakesRows) {
  create(kPass, {output("DEST", kFunctionArn)});
  std::vector<std::string> taken;
  int calls = 0;
  function.behave = [&](const json::object& event) {
    json::array out;
    bool is_first = calls++ == 0;
    for (const auto& record : event.at("records").as_array()) {
      bool fails = is_first && out.empty();
      if (!fails) taken.push_back(*base64_decode(std::string_view(record.at("data").as_string())));
      out.push_back(
          {{"recordId", record.at("recordId")}, {"result", fails ? "DeliveryFailed" : "Ok"}});
    }
    return json::object{{"records", out}};
  };
  put_numbers(0, 3);
  start();
  sim.advance(seconds(5));
  ASSERT_EQ(taken.size(), 3u);
  EXPECT_EQ(taken.back(), R"({"user":"u0","N":0})");  // refused once
  const auto& again = function.events.back().at("records").as_array().at(0);
  EXPECT_EQ(again.at("lambdaDeliveryRecordMetadata").at("retryHint"), 1);
  EXPECT_EQ(again.at("recordId"),
            function.events.front().at("records").as_array().at(0).at("recordId"));
}

// --- Reference tables --------------------------------------------------------------------------

class ReferenceTest : public RunnerTest {
 protected:
  void create_joined() {
    create(
        "CREATE STREAM DEST (\"segment\" VARCHAR(16), n INTEGER);\n"
        "CREATE PUMP p AS INSERT INTO DEST SELECT STREAM r.\"segment\", s.\"n\"\n"
        "  FROM SOURCE_SQL_STREAM_001 AS s LEFT JOIN \"segments\" AS r\n"
        "  ON s.\"user\" = r.\"user\";");
    ok("AddApplicationReferenceDataSource",
       {{"ApplicationName", "app"},
        {"CurrentApplicationVersionId", 1},
        {"ReferenceDataSource",
         {{"TableName", "segments"},
          {"S3ReferenceDataSource",
           {{"BucketARN", "arn:aws:s3:::lake"},
            {"FileKey", "segments.json"},
            {"ReferenceRoleARN", kRole}}},
          {"ReferenceSchema",
           schema({column("user", "VARCHAR(16)"), column("segment", "VARCHAR(16)")})}}}});
    add_logging();
  }
  std::vector<std::string> segments() {
    std::vector<std::string> out;
    for (const auto& row : rows()) {
      const json::value value = json::parse(row);
      const auto* segment = value.as_object().if_contains("segment");
      bool is_text = segment != nullptr && segment->is_string();
      out.emplace_back(is_text ? std::string_view(segment->as_string()) : "-");
    }
    return out;
  }
};

TEST_F(ReferenceTest, IsReadAtTheStartAndWithAnUpdate) {
  lake.objects["lake/segments.json"] =
      "{\"user\":\"u0\",\"segment\":\"young\"}\n{\"user\":\"u1\",\"segment\":\"old\"}\n";
  create_joined();
  start();
  put_numbers(0, 3);
  sim.advance(seconds(2));
  EXPECT_EQ(segments(), (std::vector<std::string>{"young", "old", "-"}));
  // A replaced object changes nothing by itself, not even over a crash.
  lake.objects["lake/segments.json"] = R"({"user":"u2","segment":"new"})";
  crash();
  await("RUNNING");
  put_numbers(0, 1);
  sim.advance(seconds(2));
  EXPECT_EQ(segments().back(), "young");
  json::object same{{"ReferenceDataSourceUpdates",
                     json::array{{{"ReferenceId", "2.1"}, {"TableNameUpdate", "segments"}}}}};
  update(same);
  put_numbers(2, 3);
  sim.advance(seconds(2));
  EXPECT_EQ(segments().back(), "new");
}

TEST_F(ReferenceTest, TooLargeARunsWithoutIt) {
  lake.objects["lake/segments.json"] = "{}";
  create_joined();
  lake.pretended_bytes = kReferenceBytesMax + 1;
  start();
  put_numbers(0, 1);
  sim.advance(seconds(2));
  EXPECT_EQ(segments(), std::vector<std::string>{"-"});
  EXPECT_TRUE(logged("Reference.NotLoaded"));
}

TEST_F(ReferenceTest, MissingIsRefusedAtTheStart) {
  create_joined();
  EXPECT_EQ(error("StartApplication",
                  {{"ApplicationName", "app"}, {"InputConfigurations", json::array{}}}),
            "InvalidApplicationConfigurationException");
  EXPECT_EQ(describe().at("ApplicationStatus"), "READY");
}

// --- Deliveries that fail, restarts, crashes ---------------------------------------------------

TEST_F(RunnerTest, ABusySinkIsTriedAgain) {
  create(kPass);
  add_logging();
  sink->refused = 5;
  put_numbers(0, 3);
  start();
  sim.advance(seconds(30));
  EXPECT_EQ(numbers(), up_to(3));
  EXPECT_TRUE(logged("Output.DeliveryFailed"));
}

TEST_F(RunnerTest, ARowThatNeverFitsIsLeftOut) {
  create(kPass);
  add_logging();
  sink->record_bytes_max = 21;
  put({{"user", "a"}, {"n", 1}});
  put({{"user", "much too long"}, {"n", 2}});
  put({{"user", "a"}, {"n", 3}});
  start();
  sim.advance(seconds(5));
  EXPECT_EQ(numbers(), (std::vector<int64_t>{1, 3}));
  EXPECT_TRUE(logged("Output.RecordTooLarge"));
}

TEST_F(RunnerTest, DeletingStopsAndForgets) {
  create(kPass);
  start();
  put_numbers(0, 1);
  sim.advance(seconds(2));
  auto created = describe().at("CreateTimestamp");
  ok("DeleteApplication", {{"ApplicationName", "app"}, {"CreateTimestamp", created}});
  sim.advance(seconds(5));
  EXPECT_EQ(error("DescribeApplication", {{"ApplicationName", "app"}}),
            "ResourceNotFoundException");
  auto left = sim.run(sim.kernel().store.scan({.range = store::KeyRange::prefix("a")}));
  EXPECT_TRUE(left->entries.empty());
}

class TwoShards : public RunnerTest {
 protected:
  TwoShards() : RunnerTest(2) {}
};

TEST_F(TwoShards, ShardsAreSplitOverParallelStreams) {
  json::object in = input();
  in["InputParallelism"] = {{"Count", 2}};
  create(
      "CREATE STREAM DEST (\"user\" VARCHAR(16), n INTEGER);\n"
      "CREATE PUMP a AS INSERT INTO DEST SELECT STREAM 'first', \"n\" FROM SOURCE_SQL_STREAM_001;\n"
      "CREATE PUMP b AS INSERT INTO DEST SELECT STREAM 'second', \"n\" FROM "
      "SOURCE_SQL_STREAM_002;\n",
      {output("DEST")}, in);
  put_numbers(0, 1, 0);
  put_numbers(1, 2, 1);
  start();
  sim.advance(seconds(3));
  auto got = rows();
  std::ranges::sort(got);
  EXPECT_EQ(got,
            (std::vector<std::string>{R"({"user":"first","N":0})", R"({"user":"second","N":1})"}));
}

TEST_F(TwoShards, ChildrenAreReadAfterTheirParents) {
  std::vector<event::StreamShard> both = stream.listed;
  stream.listed.resize(1);
  create(kPass);
  put_numbers(0, 3, 0);
  start();
  sim.advance(seconds(2));
  both[1].parents = {both[0].id};
  stream.listed = both;
  put_numbers(3, 6, 0);
  put_numbers(6, 9, 1);
  stream.ended.insert(both[0].id);
  sim.advance(seconds(30));
  EXPECT_EQ(numbers(), up_to(9));
}

// Whatever commit is the last that was made, the output is that of a run without interruption.
class CrashTest : public RunnerTest {
 protected:
  void work(int round) {
    put_numbers(round * 20, round * 20 + 20);
    sim.advance(seconds(7));
  }
  // Four rounds; in one of them the process dies with its n-th commit.
  void run_with_crash(int round_of_crash, int64_t commits) {
    stream.records_per_read = 7;
    start();
    for (int round = 0; round < 4; ++round) {
      if (round == round_of_crash) sim.store().crash_after(commits);
      work(round);
      if (round != round_of_crash) continue;
      crash();
      await("RUNNING");
    }
    sim.advance(minutes(3));
  }
};

TEST_F(CrashTest, EveryRowGoesOutOnce) {
  for (int64_t commits = 1; commits <= 12; ++commits) {
    SCOPED_TRACE(commits);
    create(kPass);
    run_with_crash(static_cast<int>(commits % 4), commits);
    EXPECT_EQ(numbers(), up_to(80));
    forget_everything();
  }
}

TEST_F(CrashTest, EveryRowIsCountedOnce) {
  config.checkpoint_interval = seconds(3);
  for (int64_t commits = 1; commits <= 8; ++commits) {
    SCOPED_TRACE(commits);
    restart();
    create(kCount);
    run_with_crash(static_cast<int>(commits % 4), commits);
    EXPECT_EQ(sums(),
              (decltype(sums()){{"u0", {27, 1053}}, {"u1", {27, 1080}}, {"u2", {26, 1027}}}));
    forget_everything();
  }
}

}  // namespace
}  // namespace suiro::analytics
