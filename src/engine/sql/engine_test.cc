// SPDX-License-Identifier: Apache-2.0
// The engine's contract beyond what programs show: bounds, limits, damaged states, the mapper.
#include "engine/sql/engine.h"

#include <gtest/gtest.h>

#include "engine/sql/input_mapper.h"
#include "engine/sql/input_schema.h"
#include "engine/sql/row_codec.h"

namespace suiro::sql {
namespace {

constexpr char kCounts[] =
    "CREATE STREAM DEST (K INTEGER, N BIGINT);\n"
    "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM K, COUNT(*) FROM A\n"
    "GROUP BY K, FLOOR(A.ROWTIME TO MINUTE);\n";

class EngineTest : public testing::Test {
 protected:
  void start(const std::string& text, const EngineOptions& options = {}) {
    Type integer;
    integer.kind = TypeKind::kInteger;
    CompileInput input;
    for (const char* name : {"A", "B"}) {
      input.inputs.push_back(
          {.name = name, .schema = {{"K", integer}}, .origin = StreamDefinition::Origin::kInput});
    }
    input.tables.push_back({.name = "T", .schema = {{"K", integer}}});
    static const FunctionLibrary functions;
    auto program = compile(text, input, functions, LanguageOptions{});
    ASSERT_TRUE(program) << program.error().message;
    program_ = *program;
    renew(options);
  }

  void renew(const EngineOptions& options = {}) {
    auto engine =
        Engine::create(program_, options,
                       {find_stream(*program_, "DEST"), find_stream(*program_, "error_stream")});
    ASSERT_TRUE(engine) << engine.error().message;
    engine_ = *std::move(engine);
  }

  static Rows rows(const std::vector<std::pair<int64_t, int64_t>>& list) {
    Rows out = empty_rows(std::vector{Lane::kInteger});
    for (const auto& [time_ms, key] : list) {
      out.rowtimes_ms.push_back(time_ms);
      out.columns[0].push(Value::of_integer(key));
    }
    return out;
  }

  void push(const char* input, const std::vector<std::pair<int64_t, int64_t>>& list) {
    engine_->push(find_stream(*program_, input), rows(list));
  }

  // "TIME {row}" of DEST, "TIME NAME" of error_stream.
  std::vector<std::string> take() {
    std::vector<std::string> lines;
    for (const Output& output : engine_->take()) {
      const StreamDefinition& stream = program_->streams[output.stream];
      for (size_t i = 0; i < output.rows.size(); ++i) {
        std::string line = std::to_string(output.rows.rowtimes_ms[i]) + " ";
        if (stream.name == "DEST") {
          format_row(stream.schema, output.rows, i, OutputFormat::kCsv, line);
        } else {
          line += output.rows.columns[2].texts[i];
        }
        lines.push_back(line);
      }
    }
    return lines;
  }

  std::shared_ptr<const Program> program_;
  std::unique_ptr<Engine> engine_;
};

using Lines = std::vector<std::string>;

TEST_F(EngineTest, ABoundClosesTheWindowOfASilentInput) {
  start(kCounts);
  push("A", {{1'000, 7}, {2'000, 7}});
  engine_->advance(59'999, 0);
  EXPECT_EQ(take(), Lines{});
  engine_->advance(60'000, 0);
  EXPECT_EQ(take(), Lines{"60000 7,2"});
}

TEST_F(EngineTest, ABoundClosesTheMonth) {
  start(
      "CREATE STREAM DEST (K INTEGER, N BIGINT);\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM K, COUNT(*) FROM A\n"
      "GROUP BY K, FLOOR(A.ROWTIME TO MONTH);\n");
  constexpr int64_t kDay = 86'400'000;
  push("A", {{5 * kDay, 7}, {31 * kDay - 1, 7}});
  engine_->advance(31 * kDay - 1, 0);
  EXPECT_EQ(take(), Lines{});
  engine_->advance(31 * kDay, 0);
  EXPECT_EQ(take(), Lines{"2678400000 7,2"});
  push("A", {{32 * kDay, 8}, {62 * kDay, 8}});  // 1970 had 28 days in February
  EXPECT_EQ(take(), Lines{"5097600000 8,1"});
}

TEST_F(EngineTest, WithoutHeartbeatOnlyRowsAndTheEndCloseWindows) {
  start(kCounts, {.heartbeat = EngineOptions::Heartbeat::kOff});
  push("A", {{1'000, 7}});
  engine_->advance(600'000, 0);
  EXPECT_EQ(take(), Lines{});
  push("A", {{61'000, 8}});
  EXPECT_EQ(take(), Lines{"60000 7,1"});
  engine_->advance_input(find_stream(*program_, "A"), 120'000);
  EXPECT_EQ(take(), Lines{"120000 8,1"});
  push("A", {{130'000, 9}});
  engine_->advance(kBoundEnd, 0);
  EXPECT_EQ(take(), Lines{"180000 9,1"});
}

TEST_F(EngineTest, ARowBehindABoundIsLate) {
  start(kCounts);
  engine_->advance(60'000, 0);
  push("A", {{59'999, 1}, {60'000, 2}});
  engine_->advance(kBoundEnd, 0);
  EXPECT_EQ(take(), (Lines{"120000 2,1", "60000 LateRow"}));
  EXPECT_EQ(engine_->rows_rejected(), 1U);
}

TEST_F(EngineTest, GroupsBeyondTheBudgetAreRefusedAndTheOthersGoOnCounting) {
  start(kCounts, {.operator_bytes_max = 150});
  push("A", {{1'000, 1}, {1'001, 2}, {1'002, 3}, {1'003, 4}, {1'004, 5}, {1'005, 1}});
  EXPECT_LE(engine_->state_bytes(), 150U);
  engine_->advance(kBoundEnd, 0);
  const Lines found = take();
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0], "60000 1,2");
  EXPECT_EQ(std::ranges::count(found, "1004 LimitExceeded"), 1);
  EXPECT_EQ(engine_->state_bytes(), 0U);
}

TEST_F(EngineTest, AMergeThatWaitsForASilentSideIsBounded) {
  start(
      "CREATE STREAM DEST (K INTEGER);\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM K FROM A UNION ALL SELECT STREAM K FROM "
      "B;\n",
      {.operator_bytes_max = 1'000});
  for (int64_t i = 0; i < 1'000; ++i) push("A", {{i, i}});
  EXPECT_LE(engine_->state_bytes(), 1'000U);
  engine_->advance(kBoundEnd, 0);
  const Lines found = take();
  EXPECT_EQ(found.size(), 1'000U);
  EXPECT_EQ(std::ranges::count(found, "999 LimitExceeded"), 1);
}

TEST_F(EngineTest, ATableThatDoesNotFitLeavesTheOldOne) {
  start(
      "CREATE STREAM DEST (K INTEGER);\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM a.K FROM A AS a JOIN T AS t ON a.K = t.K;\n",
      {.operator_bytes_max = 1'000});
  ASSERT_TRUE(engine_->load_table(0, rows({{0, 1}})));
  std::vector<std::pair<int64_t, int64_t>> many;
  for (int64_t i = 2; i < 500; ++i) many.emplace_back(0, i);
  auto loaded = engine_->load_table(0, rows(many));
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, errors::kLimit);
  push("A", {{5, 1}, {6, 2}});
  EXPECT_EQ(take(), Lines{"5 1"});
}

TEST_F(EngineTest, AStateOfAnotherProgramIsRefused) {
  start(kCounts);
  push("A", {{1'000, 7}});
  const Bytes state = *engine_->checkpoint();
  start(
      "CREATE STREAM DEST (K INTEGER);\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM K FROM A;\n");
  auto restored = engine_->restore(state);
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code, codes::kInvalidArgument);
}

TEST_F(EngineTest, ACheckpointComesAfterTake) {
  start(kCounts);
  push("A", {{1'000, 7}, {61'000, 7}});
  EXPECT_FALSE(engine_->checkpoint());
  (void)take();
  EXPECT_TRUE(engine_->checkpoint());
}

TEST_F(EngineTest, ADamagedStateIsAnErrorAndNeverACrash) {
  const std::string text =
      std::string(kCounts) +
      "CREATE STREAM J (K INTEGER, L INTEGER);\n"
      "CREATE PUMP PJ AS INSERT INTO J SELECT STREAM a.K, b.K FROM A OVER (RANGE INTERVAL '9' "
      "SECOND PRECEDING) AS a LEFT JOIN B AS b ON a.K = b.K;\n"
      "CREATE STREAM W (K INTEGER, S BIGINT);\n"
      "CREATE PUMP PW AS INSERT INTO W SELECT STREAM K, SUM(K) OVER (PARTITION BY K RANGE INTERVAL "
      "'9' SECOND PRECEDING) FROM A;\n";
  start(text);
  push("B", {{500, 1}});
  push("A", {{1'000, 1}, {1'500, 2}, {2'000, 1}});
  const Bytes state = *engine_->checkpoint();
  for (size_t size = 0; size < state.size(); ++size) {
    renew();
    EXPECT_FALSE(engine_->restore(ByteView(state).substr(0, size))) << size;
  }
  for (size_t at = 0; at < state.size(); ++at) {
    Bytes damaged = state;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    renew();
    if (!engine_->restore(damaged)) continue;
    push("A", {{kBoundEnd / 2, 1}});  // some damage is only another number
    engine_->advance(kBoundEnd, 0);
  }
}

TEST(InputMapperTest, RecordsBeyondTheLimitsAreRejectedAlone) {
  auto schema = *parse_input_schema("K INTEGER\n");
  auto mapper = *InputMapper::create(schema.format, schema.columns);
  const std::string large(kInputRecordBytesMax + 1, ' ');
  std::string many;
  for (size_t i = 0; i < kInputRowsPerRecordMax + 10; ++i) many += R"j({"K":1})j";
  std::vector<InputRecord> records{{.data = large}, {.data = many}, {.data = R"j({"K":2})j"}};
  MappedRows mapped;
  mapper->map(records, nullptr, InputMapper::Padding::kNone, mapped);
  EXPECT_EQ(mapped.rows.size(), kInputRowsPerRecordMax + 1);
  ASSERT_EQ(mapped.rejected.size(), 2U);
  EXPECT_EQ(mapped.rejected[0].error.code, errors::kLimit);
  EXPECT_LE(mapped.rejected[0].data.size(), kErrorDataBytesMax);
  EXPECT_EQ(mapped.rows.columns[0].integers.back(), 2);
}

TEST(InputMapperTest, DamageBehindTheLastRowOfABatchIsRejected) {
  const InputSchema schema = *parse_input_schema("K VARCHAR(64)\n");
  auto mapper = *InputMapper::create(schema.format, schema.columns);
  const std::string text = R"({"K":"one"}})";
  MappedRows mapped;
  mapper->map(std::vector<InputRecord>{{.data = text, .rowtime_ms = 1}}, nullptr,
              InputMapper::Padding::kNone, mapped);
  ASSERT_EQ(mapped.rows.size(), 1u);
  EXPECT_EQ(mapped.rows.columns[0].texts[0], "one");
  EXPECT_EQ(mapped.rejected.size(), 1u);
}

TEST(InputMapperTest, ARecordOfManyWrongRowsIsGivenUp) {
  for (const char* format : {"K INTEGER\n", "format csv\nK INTEGER\n"}) {
    const InputSchema schema = *parse_input_schema(format);
    auto mapper = *InputMapper::create(schema.format, schema.columns);
    std::string text;
    for (int i = 0; i < 5'000; ++i) text += format[0] == 'K' ? "{\"K\":{}}" : "x\n";
    MappedRows mapped;
    mapper->map(std::vector<InputRecord>{{.data = text, .rowtime_ms = 1}}, nullptr,
                InputMapper::Padding::kNone, mapped);
    ASSERT_EQ(mapped.rejected.size(), kRejectionsPerRecordMax + 1);
    EXPECT_EQ(mapped.rejected.back().error.code, errors::kLimit);
  }
}

TEST(InputMapperTest, MetadataColumnsAreThoseOfTheRecord) {
  auto schema = *parse_input_schema(
      "K INTEGER\n+ APPROXIMATE_ARRIVAL_TIME\n+ PARTITION_KEY\n+ SEQUENCE_NUMBER\n+ SHARD_ID\n");
  auto mapper = *InputMapper::create(schema.format, schema.columns);
  InputRecord record{.data = R"j({"K":1})j",
                     .rowtime_ms = 9,
                     .arrival_ms = 5,
                     .partition_key = "p",
                     .sequence_number = "17",
                     .shard_id = "shardId-0"};
  MappedRows mapped;
  mapper->map({&record, 1}, nullptr, InputMapper::Padding::kNone, mapped);
  std::string line;
  format_row(mapper->schema(), mapped.rows, 0, OutputFormat::kCsv, line);
  EXPECT_EQ(line, "1,1970-01-01 00:00:00.005,p,17,shardId-0");
}

TEST(InputMapperTest, MistakesInASchemaAreTold) {
  for (const char* text : {"K INTEGER id\n", "K INTEGER $.a[1]\n", "K INTEGER $..a\n",
                           "K INTEGER $.a[0:].b\nL INTEGER $.c[0:].d\n", "K NOTHING\n",
                           "+ COLOUR\n", "row path rows\nK INTEGER\n"}) {
    auto schema = parse_input_schema(text);
    if (!schema) continue;
    EXPECT_FALSE(InputMapper::create(schema->format, schema->columns)) << text;
  }
  auto service = parse_input_schema(
      R"j({"RecordFormat": {"RecordFormatType": "CSV", "MappingParameters":
      {"CSVMappingParameters": {"RecordRowDelimiter": "\n", "RecordColumnDelimiter": "|"}}},
      "RecordColumns": [{"Name": "A", "SqlType": "VARCHAR(4)"}]})j");
  ASSERT_TRUE(service) << service.error().message;
  EXPECT_EQ(service->format.column_delimiter, "|");
}

}  // namespace
}  // namespace suiro::sql
