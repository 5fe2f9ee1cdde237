// SPDX-License-Identifier: Apache-2.0
// Applications as data, through both APIs.
#include "services/analytics/testing.h"

namespace suiro::analytics {
namespace {

using testing::kDeliveryArn;
using testing::kFunctionArn;
using testing::kRole;
using testing::kStreamArn;
namespace json = boost::json;

constexpr char kV2[] = "kinesisanalyticsv2";
constexpr char kCode[] =
    "CREATE OR REPLACE STREAM DEST (\"user\" VARCHAR(16), n INTEGER);\n"
    "CREATE OR REPLACE PUMP p AS INSERT INTO DEST\n"
    "  SELECT STREAM \"user\", \"n\" FROM SOURCE_SQL_STREAM_001;\n";

class LogicTest : public testing::AnalyticsTest {
 protected:
  json::object change(json::object update) {
    return {{"ApplicationName", "app"},
            {"CurrentApplicationVersionId", version()},
            {"ApplicationUpdate", update}};
  }
  json::object guarded(std::string member, json::object value) {
    return {
        {"ApplicationName", "app"}, {"CurrentApplicationVersionId", version()}, {member, value}};
  }
  json::object detail_v2() {
    return ok("DescribeApplication", {{"ApplicationName", "app"}}, kV2)
        .at("ApplicationDetail")
        .as_object();
  }
};

TEST_F(LogicTest, CreatesAndDescribes) {
  create(kCode);
  json::object detail = describe();
  EXPECT_EQ(detail.at("ApplicationStatus"), "READY");
  EXPECT_EQ(detail.at("ApplicationVersionId"), 1);
  EXPECT_EQ(detail.at("ApplicationCode"), kCode);
  EXPECT_EQ(detail.at("ApplicationARN"),
            "arn:aws:kinesisanalytics:ap-northeast-1:000000000000:application/app");
  const auto& in = detail.at("InputDescriptions").as_array().at(0).as_object();
  EXPECT_EQ(in.at("InputId"), "1.1");
  EXPECT_EQ(in.at("InAppStreamNames"), json::array{"SOURCE_SQL_STREAM_001"});
  EXPECT_EQ(in.at("InputSchema").at("RecordColumns").as_array().size(), 2u);
  EXPECT_EQ(in.at("KinesisStreamsInputDescription").at("RoleARN"), kRole);
  EXPECT_EQ(detail.at("OutputDescriptions").as_array().at(0).at("OutputId"), "1.2");
  EXPECT_EQ(error("CreateApplication", {{"ApplicationName", "app"}}), "ResourceInUseException");
  EXPECT_EQ(error("DescribeApplication", {{"ApplicationName", "absent"}}),
            "ResourceNotFoundException");
}

TEST_F(LogicTest, SurvivesRestart) {
  create(kCode);
  json::object before = describe();
  restart();
  EXPECT_EQ(describe(), before);
}

TEST_F(LogicTest, ListsInPages) {
  for (char c : {'a', 'b', 'c'}) {
    ok("CreateApplication", {{"ApplicationName", std::string(1, c)}});
  }
  json::object page = ok("ListApplications", {{"Limit", 2}});
  EXPECT_EQ(page.at("HasMoreApplications"), true);
  EXPECT_EQ(page.at("ApplicationSummaries").as_array().size(), 2u);
  page = ok("ListApplications", {{"ExclusiveStartApplicationName", "b"}});
  EXPECT_EQ(page.at("HasMoreApplications"), false);
  EXPECT_EQ(page.at("ApplicationSummaries").as_array().at(0).at("ApplicationName"), "c");
  page = ok("ListApplications", {{"Limit", 2}}, kV2);
  EXPECT_EQ(page.at("NextToken"), "b");
  page = ok("ListApplications", {{"NextToken", "b"}}, kV2);
  EXPECT_FALSE(page.contains("NextToken"));
}

TEST_F(LogicTest, FiftyApplicationsAtMost) {
  for (size_t i = 0; i < kApplicationsMax; ++i) {
    ok("CreateApplication", {{"ApplicationName", "a" + std::to_string(i)}});
  }
  EXPECT_EQ(error("CreateApplication", {{"ApplicationName", "more"}}), "LimitExceededException");
}

TEST_F(LogicTest, RefusesWhatIsNotValid) {
  auto with = [&](json::object in) {
    return error("CreateApplication",
                 {{"ApplicationName", "x"}, {"Inputs", json::array{std::move(in)}}});
  };
  json::object in = input();
  in["NamePrefix"] = "a b";
  EXPECT_EQ(with(in), "InvalidArgumentException");
  in = input();
  in["InputSchema"] = schema({column("n", "NUMBERS")});
  EXPECT_EQ(with(in), "InvalidArgumentException");
  in = input();
  in["InputSchema"] = schema({column("n", "INTEGER"), column("n", "INTEGER")});
  EXPECT_EQ(with(in), "InvalidArgumentException");
  in = input();
  in["InputParallelism"] = {{"Count", 65}};
  EXPECT_EQ(with(in), "ValidationException");
  in = input();
  in.erase("KinesisStreamsInput");
  EXPECT_EQ(with(in), "InvalidArgumentException");
  in["KinesisFirehoseInput"] = {{"ResourceARN", kDeliveryArn}, {"RoleARN", kRole}};
  EXPECT_EQ(with(in), "UnsupportedOperationException");
  json::array outputs(4, output("DEST"));
  EXPECT_EQ(error("CreateApplication", {{"ApplicationName", "x"}, {"Outputs", outputs}}),
            "InvalidArgumentException");
}

TEST_F(LogicTest, CodeThatDoesNotCompileIsRefusedWithItsPlace) {
  auto reply = call("kinesisanalytics", "CreateApplication",
                    {{"ApplicationName", "x"},
                     {"ApplicationCode", "CREATE STREAM s (a INTEGER);\nCREATE PUMP p AS SELEKT"},
                     {"Inputs", json::array{input()}}});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, "CodeValidationException");
  EXPECT_TRUE(reply.error().message.starts_with("line 2, column 18: ")) << reply.error().message;
}

// Terraform adds the table by a call of its own, after the application was made.
TEST_F(LogicTest, CodeMayNameATableThatIsAddedLater) {
  create(
      "CREATE STREAM DEST (a VARCHAR(16), b VARCHAR(16));\n"
      "CREATE PUMP p AS INSERT INTO DEST SELECT STREAM s.\"user\", r.\"segment\"\n"
      "  FROM SOURCE_SQL_STREAM_001 AS s JOIN \"segments\" AS r ON s.\"user\" = r.\"user\";");
  EXPECT_EQ(error("StartApplication",
                  {{"ApplicationName", "app"}, {"InputConfigurations", json::array{}}}),
            "InvalidApplicationConfigurationException");
  json::object reference{{"TableName", "segments"},
                         {"S3ReferenceDataSource",
                          {{"BucketARN", "arn:aws:s3:::lake"},
                           {"FileKey", "segments.json"},
                           {"ReferenceRoleARN", kRole}}},
                         {"ReferenceSchema", schema({column("user", "VARCHAR(16)"),
                                                     column("segment", "VARCHAR(16)")})}};
  ok("AddApplicationReferenceDataSource", guarded("ReferenceDataSource", reference));
  auto row = describe().at("ReferenceDataSourceDescriptions").as_array().at(0);
  EXPECT_EQ(row.at("ReferenceId"), "2.1");
  EXPECT_EQ(row.at("S3ReferenceDataSourceDescription").at("FileKey"), "segments.json");
  ok("DeleteApplicationReferenceDataSource",
     {{"ApplicationName", "app"}, {"CurrentApplicationVersionId", 2}, {"ReferenceId", "2.1"}});
  EXPECT_EQ(version(), 3);
}

TEST_F(LogicTest, EveryChangeIsAVersion) {
  create(kCode);
  EXPECT_EQ(error("UpdateApplication", {{"ApplicationName", "app"},
                                        {"CurrentApplicationVersionId", 7},
                                        {"ApplicationUpdate", json::object()}}),
            "ConcurrentModificationException");
  ok("AddApplicationOutput", guarded("Output", output("DEST", kDeliveryArn)));
  ok("AddApplicationCloudWatchLoggingOption",
     guarded("CloudWatchLoggingOption",
             {{"LogStreamARN", "arn:aws:logs:ap-northeast-1:000000000000:log-group:g:log-stream:s"},
              {"RoleARN", kRole}}));
  ok("AddApplicationInputProcessingConfiguration",
     {{"ApplicationName", "app"},
      {"CurrentApplicationVersionId", 3},
      {"InputId", "1.1"},
      {"InputProcessingConfiguration",
       {{"InputLambdaProcessor", {{"ResourceARN", kFunctionArn}, {"RoleARN", kRole}}}}}});
  json::object detail = describe();
  EXPECT_EQ(detail.at("ApplicationVersionId"), 4);
  EXPECT_EQ(detail.at("OutputDescriptions").as_array().at(1).at("OutputId"), "2.1");
  EXPECT_EQ(detail.at("CloudWatchLoggingOptionDescriptions").as_array().size(), 1u);
  EXPECT_EQ(detail.at("InputDescriptions")
                .as_array()
                .at(0)
                .at("InputProcessingConfigurationDescription")
                .at("InputLambdaProcessorDescription")
                .at("ResourceARN"),
            kFunctionArn);
  ok("UpdateApplication",
     change({{"OutputUpdates", json::array{{{"OutputId", "2.1"}, {"NameUpdate", "error_stream"}}}},
             {"InputUpdates",
              json::array{{{"InputId", "1.1"}, {"InputParallelismUpdate", {{"CountUpdate", 2}}}}}},
             {"CloudWatchLoggingOptionUpdates",
              json::array{{{"CloudWatchLoggingOptionId", "3.1"}, {"RoleARNUpdate", kRole}}}}}));
  detail = describe();
  EXPECT_EQ(detail.at("InputDescriptions").as_array().at(0).at("InAppStreamNames"),
            (json::array{"SOURCE_SQL_STREAM_001", "SOURCE_SQL_STREAM_002"}));
  EXPECT_EQ(detail.at("OutputDescriptions").as_array().at(1).at("Name"), "error_stream");
  EXPECT_EQ(
      error("DeleteApplicationOutput",
            {{"ApplicationName", "app"}, {"CurrentApplicationVersionId", 5}, {"OutputId", "9.9"}}),
      "ResourceNotFoundException");
  EXPECT_EQ(version(), 5);
}

TEST_F(LogicTest, VersionTwoDescribesTheSameApplication) {
  ok("CreateApplication",
     {{"ApplicationName", "app"},
      {"RuntimeEnvironment", "SQL-1_0"},
      {"ServiceExecutionRole", kRole},
      {"ApplicationConfiguration",
       {{"SqlApplicationConfiguration", {{"Inputs", json::array{input()}}}},
        {"ApplicationCodeConfiguration",
         {{"CodeContentType", "PLAINTEXT"}, {"CodeContent", {{"TextContent", kCode}}}}}}}},
     kV2);
  json::object detail = detail_v2();
  EXPECT_EQ(detail.at("RuntimeEnvironment"), "SQL-1_0");
  EXPECT_EQ(detail.at("ServiceExecutionRole"), kRole);
  EXPECT_EQ(detail.at("ApplicationConfigurationDescription")
                .at("ApplicationCodeConfigurationDescription")
                .at("CodeContentDescription")
                .at("TextContent"),
            kCode);
  EXPECT_EQ(describe().at("ApplicationCode"), kCode);
  // Either guard, and nothing without one.
  EXPECT_EQ(error("UpdateApplication", {{"ApplicationName", "app"}}, kV2),
            "InvalidArgumentException");
  json::object update{{"ApplicationName", "app"},
                      {"ConditionalToken", detail.at("ConditionalToken")},
                      {"ServiceExecutionRoleUpdate", "arn:aws:iam::000000000000:role/other"}};
  EXPECT_FALSE(ok("UpdateApplication", update, kV2).at("OperationId").as_string().empty());
  EXPECT_EQ(error("UpdateApplication", update, kV2), "ConcurrentModificationException");
}

TEST_F(LogicTest, VersionsAndOperationsAreKept) {
  create(kCode);
  ok("UpdateApplication", change({{"ApplicationCodeUpdate", std::string(kCode) + "-- more"}}));
  json::object app{{"ApplicationName", "app"}};
  auto versions = ok("ListApplicationVersions", app, kV2).at("ApplicationVersionSummaries");
  ASSERT_EQ(versions.as_array().size(), 2u);
  EXPECT_EQ(versions.as_array().at(0).at("ApplicationVersionId"), 2);
  auto first = ok("DescribeApplicationVersion",
                  {{"ApplicationName", "app"}, {"ApplicationVersionId", 1}}, kV2)
                   .at("ApplicationVersionDetail");
  EXPECT_EQ(first.at("ApplicationConfigurationDescription")
                .at("ApplicationCodeConfigurationDescription")
                .at("CodeContentDescription")
                .at("TextContent"),
            kCode);
  auto operations = ok("ListApplicationOperations", app, kV2).at("ApplicationOperationInfoList");
  ASSERT_EQ(operations.as_array().size(), 1u);
  EXPECT_EQ(operations.as_array().at(0).at("OperationStatus"), "SUCCESSFUL");
  auto one = ok("DescribeApplicationOperation",
                {{"ApplicationName", "app"},
                 {"OperationId", operations.as_array().at(0).at("OperationId")}},
                kV2)
                 .at("ApplicationOperationInfoDetails");
  EXPECT_EQ(one.at("ApplicationVersionChangeDetails").at("ApplicationVersionUpdatedTo"), 2);
}

TEST_F(LogicTest, WhatFlinkAloneHasIsRefused) {
  create(kCode);
  EXPECT_EQ(error("CreateApplication",
                  {{"ApplicationName", "f"},
                   {"RuntimeEnvironment", "FLINK-1_20"},
                   {"ServiceExecutionRole", kRole}},
                  kV2),
            "UnsupportedOperationException");
  EXPECT_EQ(error("ListApplicationSnapshots", {{"ApplicationName", "app"}}, kV2),
            "UnsupportedOperationException");
  EXPECT_EQ(error("RollbackApplication",
                  {{"ApplicationName", "app"}, {"CurrentApplicationVersionId", 1}}, kV2),
            "UnsupportedOperationException");
  EXPECT_EQ(error("CreateApplicationSnapshot",
                  {{"ApplicationName", "absent"}, {"SnapshotName", "s"}}, kV2),
            "ResourceNotFoundException");
}

TEST_F(LogicTest, DeletesOnlyTheApplicationThatWasMeant) {
  create(kCode);
  EXPECT_EQ(error("DeleteApplication", {{"ApplicationName", "app"}, {"CreateTimestamp", 1}}),
            "InvalidArgumentException");
  auto created = describe().at("CreateTimestamp");
  ok("DeleteApplication", {{"ApplicationName", "app"}, {"CreateTimestamp", created}});
  sim.advance(Millis(100));
  EXPECT_EQ(error("DescribeApplication", {{"ApplicationName", "app"}}),
            "ResourceNotFoundException");
  create(kCode);
  EXPECT_EQ(version(), 1);
}

TEST_F(LogicTest, Tags) {
  create(kCode);
  auto arn = describe().at("ApplicationARN");
  ok("TagResource", {{"ResourceARN", arn},
                     {"Tags", json::array{{{"Key", "team"}, {"Value", "lake"}}, {{"Key", "x"}}}}});
  ok("UntagResource", {{"ResourceARN", arn}, {"TagKeys", json::array{"x"}}}, kV2);
  json::array tags = ok("ListTagsForResource", {{"ResourceARN", arn}}).at("Tags").as_array();
  EXPECT_EQ(tags, (json::array{{{"Key", "team"}, {"Value", "lake"}}}));
  json::array many;
  for (int i = 0; i < 51; ++i) many.push_back({{"Key", "k" + std::to_string(i)}, {"Value", ""}});
  EXPECT_EQ(error("TagResource", {{"ResourceARN", arn}, {"Tags", many}}), "TooManyTagsException");
}

// --- Schemas -----------------------------------------------------------------------------------

TEST_F(LogicTest, ColumnNames) {
  EXPECT_EQ(column_name("TICKER_SYMBOL"), "TICKER_SYMBOL");
  EXPECT_EQ(column_name("USER"), "COL_USER");
  EXPECT_EQ(column_name("time"), "COL_time");
  EXPECT_EQ(column_name("USER@DOMAIN"), "COL_USERDOMAIN");
  EXPECT_EQ(column_name("@@"), "COL_0");
  EXPECT_EQ(column_name("1st"), "COL_1st");
  EXPECT_EQ(column_name(std::string(120, 'a')).size(), 100u);
}

TEST_F(LogicTest, DiscoversJsonOfAStream) {
  put({{"ticker", "AAPL"},
       {"price", 99.5},
       {"n", 3},
       {"at", "2026-01-02 03:04:05.6"},
       {"deep", {{"ok", true}, {"more", {{"x", 1}}}}},
       {"list", json::array{1, 2}}});
  put({{"ticker", "HEALTHCARE"}, {"price", 2}, {"n", 3000000000}, {"late", nullptr}});
  json::object found =
      ok("DiscoverInputSchema",
         {{"ResourceARN", kStreamArn},
          {"RoleARN", kRole},
          {"InputStartingPositionConfiguration", {{"InputStartingPosition", "TRIM_HORIZON"}}}});
  json::array expected{column("ticker", "VARCHAR(16)"),
                       column("price", "DOUBLE"),
                       column("n", "BIGINT"),
                       column("COL_at", "TIMESTAMP", "$.at"),
                       column("ok", "BOOLEAN", "$.deep.ok"),
                       column("more", "VARCHAR(8)", "$.deep.more"),
                       column("list", "VARCHAR(8)", "$.list[0:]"),
                       column("late", "VARCHAR(4)")};
  json::array got;
  for (const auto& row : found.at("InputSchema").at("RecordColumns").as_array()) {
    got.push_back(
        {{"Name", row.at("Name")}, {"SqlType", row.at("SqlType")}, {"Mapping", row.at("Mapping")}});
  }
  EXPECT_EQ(got, expected);
  EXPECT_EQ(found.at("RawInputRecords").as_array().size(), 2u);
  EXPECT_EQ(found.at("ParsedInputRecords").as_array().at(1).as_array().at(0), "HEALTHCARE");
}

TEST_F(LogicTest, DiscoversCsvOfAnObject) {
  lake.objects["lake/segments.csv"] = "alice|1|2026-01-02\nbob|22|2026-01-03\n";
  json::object found =
      ok("DiscoverInputSchema",
         {{"S3Configuration",
           {{"BucketARN", "arn:aws:s3:::lake"}, {"FileKey", "segments.csv"}, {"RoleARN", kRole}}}});
  const auto& schema = found.at("InputSchema");
  EXPECT_EQ(schema.at("RecordFormat")
                .at("MappingParameters")
                .at("CSVMappingParameters")
                .at("RecordColumnDelimiter"),
            "|");
  const auto& columns = schema.at("RecordColumns").as_array();
  ASSERT_EQ(columns.size(), 3u);
  EXPECT_EQ(columns.at(0).at("SqlType"), "VARCHAR(8)");
  EXPECT_EQ(columns.at(1).at("SqlType"), "INTEGER");
  EXPECT_EQ(columns.at(2).at("SqlType"), "DATE");
}

TEST_F(LogicTest, WhatHasNoSchemaIsSaidWithItsRecords) {
  stream.put(0, "just text", sim.clock().now());
  json::object question{
      {"ResourceARN", kStreamArn},
      {"RoleARN", kRole},
      {"InputStartingPositionConfiguration", {{"InputStartingPosition", "TRIM_HORIZON"}}}};
  auto reply = call("kinesisanalytics", "DiscoverInputSchema", question);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, "UnableToDetectSchemaException");
  std::pair<std::string, std::string> raw{"RawInputRecords", "just text"};
  EXPECT_EQ(reply.error().details, (decltype(reply.error().details){raw}));
  // A function can make something of it.
  function.behave = [](const json::object& event) {
    auto id = event.at("records").as_array().at(0).at("recordId");
    return json::object{{"records", json::array{{{"recordId", id},
                                                 {"result", "Ok"},
                                                 {"data", base64_encode(R"({"text":"just"})")}}}}};
  };
  question["InputProcessingConfiguration"] = {
      {"InputLambdaProcessor", {{"ResourceARN", kFunctionArn}, {"RoleARN", kRole}}}};
  json::object found = ok("DiscoverInputSchema", question);
  EXPECT_EQ(found.at("ProcessedInputRecords"), json::array{R"({"text":"just"})"});
  EXPECT_EQ(found.at("RawInputRecords"), json::array{"just text"});
}

}  // namespace
}  // namespace suiro::analytics
