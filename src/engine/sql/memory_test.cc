// SPDX-License-Identifier: Apache-2.0
// Memory is bounded: what does not fit is refused row by row, in any batches, and nothing else is
// lost.
#include <gtest/gtest.h>

#include "engine/sql/engine.h"
#include "engine/sql/input_mapper.h"
#include "engine/sql/merge_gate.h"
#include "engine/sql/row_codec.h"

namespace suiro::sql {
namespace {

using Lines = std::vector<std::string>;
struct Item {
  int64_t time_ms = 0;
  int64_t key = 0;
  std::string text = {};
};

Type text_type() {
  Type type;
  type.kind = TypeKind::kVarchar;
  type.length = kTextLengthMax;
  return type;
}

Rows rows_of(const std::vector<Item>& items) {
  RowBuffer out({Lane::kInteger, Lane::kText});
  for (const Item& item : items) {
    out.append(item.time_ms, std::vector{Value::of_integer(item.key), Value::of_text(item.text)});
  }
  return out.take();
}

class Memory : public testing::Test {
 protected:
  void start(const std::string& text, const EngineOptions& options) {
    Type integer;
    integer.kind = TypeKind::kInteger;
    const Schema schema{{"K", integer}, {"S", text_type()}};
    CompileInput input;
    for (const char* name : {"A", "B"}) {
      input.inputs.push_back(
          {.name = name, .schema = schema, .origin = StreamDefinition::Origin::kInput});
    }
    input.tables.push_back({.name = "T", .schema = schema});
    static const FunctionLibrary functions;
    auto program = compile(text, input, functions, LanguageOptions{});
    ASSERT_TRUE(program) << program.error().message;
    program_ = *program;
    options_ = options;
    renew();
  }

  void renew() {
    lines_.clear();
    engine_ =
        *Engine::create(program_, options_,
                        {find_stream(*program_, "DEST"), find_stream(*program_, "error_stream")});
  }

  // One item a push, or all at once.
  enum class Batches { kOne, kAll };
  void push(const char* input, const std::vector<Item>& items, Batches batches) {
    const size_t stream = find_stream(*program_, input);
    if (batches == Batches::kAll) {
      engine_->push(stream, rows_of(items));
      return collect();
    }
    for (const Item& item : items) {
      engine_->push(stream, rows_of({item}));
      collect();
    }
  }

  Lines end() {
    engine_->advance(kBoundEnd, 0);
    collect();
    return lines_;
  }

  void collect() {
    for (const Output& output : engine_->take()) {
      const StreamDefinition& stream = program_->streams[output.stream];
      for (size_t i = 0; i < output.rows.size(); ++i) {
        std::string line = std::to_string(output.rows.rowtimes_ms[i]) + " ";
        if (stream.name == "DEST") {
          format_row(stream.schema, output.rows, i, OutputFormat::kCsv, line);
        } else {
          line += output.rows.columns[2].texts[i];
        }
        lines_.push_back(line);
      }
    }
  }

  std::shared_ptr<const Program> program_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
  Lines lines_;
};

size_t errors_in(const Lines& lines) {
  return static_cast<size_t>(std::ranges::count_if(
      lines, [](const std::string& line) { return line.ends_with("LimitExceeded"); }));
}

TEST(MergeGateMemory, RowsThatWaitDoNotHoldTheBatchTheyCameIn) {
  MergeGate gate({{Lane::kText}, {Lane::kText}}, 1'000);
  auto owner = std::make_shared<const std::string>(1 << 20, 'x');
  std::weak_ptr<const std::string> alive = owner;
  Rows rows = empty_rows(std::vector{Lane::kText});
  rows.rowtimes_ms = {1, 2};
  rows.columns[0].push(Value::of_text(std::string_view(*owner).substr(0, 3)));
  rows.columns[0].push(Value::of_text(std::string_view(*owner).substr(3, 4)));
  rows.owners.push_back(std::move(owner));
  gate.push(0, std::move(rows));
  Lines passed;
  auto take = [&](size_t, const Rows& from, size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) passed.emplace_back(from.columns[0].texts[i]);
  };
  auto refuse = [](size_t, const Rows&, size_t) { FAIL(); };
  gate.drain(take, refuse);
  EXPECT_TRUE(alive.expired());
  EXPECT_EQ(passed, Lines{});
  gate.advance(1, kBoundEnd);
  gate.drain(take, refuse);
  EXPECT_EQ(passed, (Lines{"xxx", "xxxx"}));
  EXPECT_EQ(gate.bytes(), 0U);
}

TEST(MergeGateMemory, RowsThatPassDoNotCount) {
  MergeGate gate({{Lane::kInteger}, {Lane::kInteger}}, 100);
  gate.advance(1, kBoundEnd);
  Rows rows = empty_rows(std::vector{Lane::kInteger});
  for (int64_t i = 0; i < 1'000; ++i) {
    rows.rowtimes_ms.push_back(i);
    rows.columns[0].push(Value::of_integer(i));
  }
  gate.push(0, std::move(rows));
  size_t passed = 0;
  gate.drain([&](size_t, const Rows&, size_t begin, size_t end) { passed += end - begin; },
             [](size_t, const Rows&, size_t) { FAIL(); });
  EXPECT_EQ(passed, 1'000U);
}

TEST_F(Memory, DistinctValuesOfAnOpenGroupAreBounded) {
  const std::string text =
      "CREATE STREAM DEST (K INTEGER, N BIGINT, S BIGINT);\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM 1, COUNT(*), SUM(DISTINCT K) FROM A\n"
      "GROUP BY FLOOR(A.ROWTIME TO MINUTE);\n";
  std::vector<Item> items;
  for (int64_t i = 1; i <= 200; ++i) items.push_back({i, i});
  items.push_back({500, 1});  // it is known: counted
  start(text, {.operator_bytes_max = 4'000});
  push("A", items, Batches::kAll);
  EXPECT_LE(engine_->state_bytes(), 4'000U);
  const Lines at_once = end();
  const size_t refused = errors_in(at_once);
  ASSERT_GT(refused, 100U);
  // A refused row is in no aggregate: neither in the count nor in the sum.
  const auto kept = static_cast<int64_t>(200 - refused);
  EXPECT_EQ(at_once[0],
            "60000 1," + std::to_string(kept + 1) + "," + std::to_string(kept * (kept + 1) / 2));
  renew();
  push("A", items, Batches::kOne);
  EXPECT_EQ(end(), at_once);
}

TEST_F(Memory, DistinctValuesOfAStaggerWindowAreBounded) {
  start(
      "CREATE STREAM DEST (N BIGINT, S BIGINT);\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM COUNT(*), SUM(DISTINCT K) FROM A\n"
      "WINDOWED BY STAGGER (PARTITION BY S RANGE INTERVAL '1' MINUTE);\n",
      {.operator_bytes_max = 4'000});
  std::vector<Item> items;
  for (int64_t i = 1; i <= 200; ++i) items.push_back({i, i, "x"});
  push("A", items, Batches::kAll);
  EXPECT_LE(engine_->state_bytes(), 4'000U);
  const Lines at_once = end();
  const auto kept = static_cast<int64_t>(200 - errors_in(at_once));
  ASSERT_LT(kept, 100);
  EXPECT_EQ(std::ranges::count(at_once, "60001 " + std::to_string(kept) + "," +
                                            std::to_string(kept * (kept + 1) / 2)),
            1);
}

TEST_F(Memory, ALongMinimumCountsInTheBudget) {
  start(
      "CREATE STREAM DEST (K INTEGER, N BIGINT);\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM K, COUNT(MIN_S) FROM (\n"
      "  SELECT STREAM K, MIN(S) AS MIN_S FROM A GROUP BY K, FLOOR(A.ROWTIME TO MINUTE)) AS q\n"
      "GROUP BY K, FLOOR(q.ROWTIME TO MINUTE);\n",
      {.operator_bytes_max = 100'000});
  std::vector<Item> items;
  for (int64_t i = 0; i < 50; ++i) items.push_back({i, i, "z"});
  for (int64_t i = 0; i < 50; ++i) items.push_back({100 + i, i, std::string(10'000, 'a')});
  push("A", items, Batches::kAll);
  EXPECT_LE(engine_->state_bytes(), 100'000U);
  EXPECT_GT(errors_in(end()), 30U);
}

TEST_F(Memory, WhatCallsKeepOfAFrameCountsInTheBudget) {
  start(
      "CREATE STREAM DEST (S VARCHAR(20000));\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM MIN(S) OVER w FROM A\n"
      "WINDOW w AS (RANGE INTERVAL '1' HOUR PRECEDING);\n",
      {.operator_bytes_max = 100'000});
  std::vector<Item> items;
  for (int64_t i = 0; i < 50; ++i) items.push_back({i, i, std::string(4'000, 'a')});
  push("A", items, Batches::kAll);
  // A row lies in the frame, and in the queue of MIN.
  EXPECT_EQ(errors_in(end()), 50U - 12U);
}

TEST_F(Memory, ARefusedRowLeavesAFrameOfRowsAsItWas) {
  start(
      "CREATE STREAM DEST (N BIGINT);\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM SUM(CAST(S AS BIGINT)) OVER w FROM A\n"
      "WINDOW w AS (ROWS 1 PRECEDING);\n",
      {});
  const std::string most = "9223372036854775807";
  push("A", {{1, 1, "1"}, {2, 1, "2"}, {3, 1, most}, {4, 1, "3"}}, Batches::kAll);
  EXPECT_EQ(end(), (Lines{"1 1", "2 3", "4 5", "3 NumericOverflow"}));
}

TEST_F(Memory, PartitionsOfWhichNothingIsLeftAreForgotten) {
  const std::string begin =
      "CREATE STREAM DEST (N BIGINT, M BIGINT);\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM COUNT(*) OVER v, SUM(CAST(S AS BIGINT))\n"
      "OVER w FROM A WINDOW w AS (ROWS 1 PRECEDING), v AS (PARTITION BY K ROWS ";
  const std::string most = "9223372036854775807";
  start(begin + "0 PRECEDING);\n", {.operator_bytes_max = 2'000});
  std::vector<Item> items;
  for (int64_t i = 0; i < 1'000; ++i) items.push_back({i, i, "1"});
  push("A", items, Batches::kAll);
  const size_t whole = engine_->state_bytes();
  EXPECT_EQ(errors_in(end()), 0U);

  // A row that another window refuses leaves no partition behind.
  start(begin + "1 PRECEDING);\n", {});
  push("A", {{1, 1, most}}, Batches::kAll);
  const size_t one = engine_->state_bytes();
  EXPECT_GT(one, whole / 2);
  push("A", {{2, 2, most}, {3, 3, most}}, Batches::kAll);
  EXPECT_EQ(engine_->state_bytes(), one);
  EXPECT_EQ(end(), (Lines{"1 1," + most, "2 NumericOverflow", "3 NumericOverflow"}));
}

TEST_F(Memory, FramesOfRowsKeepTheirPartitionsAndRefuseNewOnes) {
  start(
      "CREATE STREAM DEST (N BIGINT);\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM COUNT(*) OVER w FROM A\n"
      "WINDOW w AS (PARTITION BY K ROWS 1 PRECEDING);\n",
      {.operator_bytes_max = 850});
  std::vector<Item> items{{1, 1}, {1, 1}};
  for (int64_t i = 2; i < 10; ++i) items.push_back({i, i});
  items.push_back({1'000'000, 1});  // a full frame goes on, however full the budget
  push("A", items, Batches::kAll);
  EXPECT_LE(engine_->state_bytes(), 850U);
  EXPECT_EQ(end(), (Lines{"1 1", "1 2", "2 1", "1000000 2", "3 LimitExceeded", "4 LimitExceeded",
                          "5 LimitExceeded", "6 LimitExceeded", "7 LimitExceeded",
                          "8 LimitExceeded", "9 LimitExceeded"}));
}

TEST_F(Memory, ALookupWithoutKeysGivesItsPairsInParts) {
  start(
      "CREATE STREAM DEST (N BIGINT);\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM COUNT(*) FROM A AS a, T AS t\n"
      "WHERE a.K <> t.K GROUP BY FLOOR(a.ROWTIME TO MINUTE);\n",
      {});
  std::vector<Item> table, items;
  for (int64_t i = 0; i < 2'000; ++i) table.push_back({0, i});
  for (int64_t i = 0; i < 1'000; ++i) items.push_back({1, i});
  ASSERT_TRUE(engine_->load_table(0, rows_of(table)));
  push("A", items, Batches::kAll);
  EXPECT_EQ(end(), Lines{"60000 1999000"});
}

TEST_F(Memory, ARowThatMatchesTooManyIsRefused) {
  start(
      "CREATE STREAM DEST (N BIGINT);\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM COUNT(*) FROM A AS a\n"
      "LEFT JOIN T AS t ON a.K <= t.K GROUP BY FLOOR(a.ROWTIME TO MINUTE);\n",
      {});
  std::vector<Item> table;
  for (int64_t i = 0; i < 70'000; ++i) table.push_back({0, i});
  ASSERT_TRUE(engine_->load_table(0, rows_of(table)));
  push("A", {{1, 69'990}, {2, 3}, {3, 80'000}}, Batches::kAll);
  EXPECT_EQ(end(), (Lines{"60000 11", "2 LimitExceeded"}));
}

TEST_F(Memory, ErrorsThatWaitForASilentInputAreBounded) {
  start(
      "CREATE STREAM DEST (N BIGINT);\n"
      "CREATE PUMP P AS INSERT INTO DEST SELECT STREAM CAST(S AS BIGINT) FROM A;\n"
      "CREATE PUMP Q AS INSERT INTO DEST SELECT STREAM K FROM B;\n",
      {.errors_bytes_max = 10'000});
  std::vector<Item> items;
  for (int64_t i = 0; i < 1'000; ++i) items.push_back({i, i, "no number"});
  push("A", items, Batches::kAll);
  const Lines at_once = end();
  EXPECT_LT(at_once.size(), 60U);
  EXPECT_EQ(at_once.back(), "999 LimitExceeded");
  EXPECT_EQ(engine_->rows_rejected(), 1'000U);
  renew();
  push("A", items, Batches::kOne);
  EXPECT_EQ(end(), at_once);
}

}  // namespace
}  // namespace suiro::sql
