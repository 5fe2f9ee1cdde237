// SPDX-License-Identifier: Apache-2.0
// Records to rows where one record is many: documents, lists, rows of CSV; and where a text that
// comes in parts may be cut.
#include "engine/sql/input_mapper.h"

#include <gtest/gtest.h>

#include "engine/sql/function.h"

namespace suiro::sql {
namespace {

InputColumn column(std::string name, TypeKind kind, std::string mapping) {
  InputColumn out;
  out.field.name = std::move(name);
  out.field.type.kind = kind;
  if (kind == TypeKind::kVarchar) out.field.type.length = 100;
  out.mapping = std::move(mapping);
  return out;
}

struct Mapped {
  std::vector<std::string> rows, errors;
  bool operator==(const Mapped&) const = default;
};

Mapped map(const InputFormat& format, std::vector<InputColumn> columns, std::string_view text) {
  auto mapper = InputMapper::create(format, std::move(columns));
  EXPECT_TRUE(mapper) << mapper.error().message;
  MappedRows mapped;
  const InputRecord record{.data = text};
  (*mapper)->map({&record, 1}, nullptr, InputMapper::Padding::kNone, mapped);
  Mapped out;
  const Schema schema = (*mapper)->schema();
  for (size_t i = 0; i < mapped.rows.size(); ++i) {
    format_row(schema, mapped.rows, i, OutputFormat::kCsv, out.rows.emplace_back());
  }
  for (const Rejection& each : mapped.rejected) out.errors.push_back(each.error.code);
  return out;
}

const InputFormat kJson;
const InputFormat kCsv{.kind = InputFormat::Kind::kCsv};
std::vector<InputColumn> flat() {
  return {column("A", TypeKind::kInteger, "$.a"), column("B", TypeKind::kVarchar, "$.b")};
}
std::vector<InputColumn> nested() {
  return {column("A", TypeKind::kInteger, "$.x.a"), column("B", TypeKind::kVarchar, "$.x.b")};
}

TEST(InputMapper, ADamagedDocumentDoesNotTakeItsNeighboursAlong) {
  const Mapped expected{{"1,x", "3,z"}, {errors::kInvalidFormat}};
  EXPECT_EQ(map(kJson, flat(), R"({"a":1,"b":"x"} {"a":,"b":"y"} {"a":3,"b":"z"})"), expected);
  EXPECT_EQ(
      map(kJson, nested(), R"({"x":{"a":1,"b":"x"}} {"x":{"a":,"b":"y"}} {"x":{"a":3,"b":"z"}})"),
      expected);
  EXPECT_EQ(map(kJson, flat(), R"({"a":1,"b":"x"} {"a":3,"b":"z)"),
            (Mapped{{"1,x"}, {errors::kInvalidFormat}}));
}

TEST(InputMapper, BracketsInTextsAreNoBrackets) {
  EXPECT_EQ(map(kJson, flat(), R"({"a":1,"b":"}\"{"}{"b":"]","a":2})"),
            (Mapped{{"1,\"}\"\"{\"", "2,]"}, {}}));
}

TEST(InputMapper, TheLastOfTwoMembersOfOneNameCounts) {
  EXPECT_EQ(map(kJson, flat(), R"({"a":1,"b":"x","a":null})"), (Mapped{{",x"}, {}}));
  EXPECT_EQ(map(kJson, nested(), R"({"x":{"a":1,"b":"x","a":null}})"), (Mapped{{",x"}, {}}));
}

TEST(InputMapper, AListOfDocumentsIsOneRowEach) {
  EXPECT_EQ(map(kJson, flat(), R"([{"a":1},{"b":"y"},7])"), (Mapped{{"1,", ",y", ","}, {}}));
}

TEST(InputMapper, AColumnMayBeThePartOfAnother) {
  EXPECT_EQ(map(kJson,
                {column("W", TypeKind::kVarchar, "$.x"), column("A", TypeKind::kInteger, "$.x.a"),
                 column("ALL", TypeKind::kVarchar, "$")},
                R"({"x":{"a":5}})"),
            (Mapped{{R"("{""a"":5}",5,"{""x"":{""a"":5}}")"}, {}}));
}

// Of the greatest size: seconds where the work is linear, hours where it is not.
TEST(InputMapper, ManyDocumentsInOneRecordAreReadOnce) {
  std::string text, deep;
  for (int i = 0; i < 60'000; ++i) {
    text += R"({"a":1,"b":"x"})";
    deep += R"({"x":{"a":7}})";
  }
  EXPECT_EQ(map(kJson, flat(), text).rows.size(), 60'000U);
  EXPECT_EQ(map(kJson, nested(), deep).rows.size(), 60'000U);
}

TEST(InputMapper, TheValuesBesideALongListAreReadOnce) {
  std::string text = R"({"name":")" + std::string(500'000, 'n') + R"(","l":[)";
  for (int i = 0; i < 50'000; ++i) text += R"({"a":1},)";
  text.back() = ']';
  text += '}';
  const Mapped mapped = map(
      kJson,
      {column("NAME", TypeKind::kVarchar, "$.name"), column("A", TypeKind::kInteger, "$.l[0:].a")},
      text);
  ASSERT_EQ(mapped.rows.size(), 50'000U);
  EXPECT_EQ(mapped.rows.back(), std::string(100, 'n') + ",1");
}

TEST(InputMapper, ManyColumnsOfManyMembers) {
  std::vector<InputColumn> columns;
  for (int i = 0; i < 1'000; ++i) {
    columns.push_back(
        column("C" + std::to_string(i), TypeKind::kInteger, "$.m" + std::to_string(i)));
  }
  std::string text = "{";
  for (int i = 90'000; i-- > 0;) text += "\"m" + std::to_string(i) + "\":1,";
  text.back() = '}';
  EXPECT_EQ(map(kJson, columns, text).rows[0].size(), 1'999U);
}

TEST(InputMapper, ARecordHasSoManyFields) {
  std::vector<InputColumn> columns;
  for (int i = 0; i < 1'000; ++i) {
    columns.push_back(
        column("C" + std::to_string(i), TypeKind::kInteger, "$.m" + std::to_string(i)));
  }
  std::string text;
  for (int i = 0; i < 3'000; ++i) text += "{}";
  const Mapped mapped = map(kJson, columns, text);
  EXPECT_EQ(mapped.rows.size(), kInputFieldsPerRecordMax / 1'000);
  EXPECT_EQ(mapped.errors, std::vector<std::string>{errors::kLimit});
}

TEST(InputMapper, ARowOfCsvThatCannotBeReadIsLostAlone) {
  EXPECT_EQ(map(kCsv, flat(), "1,x\n\"2\"3,y\n4,z\n"),
            (Mapped{{"1,x", "4,z"}, {errors::kInvalidFormat}}));
}

TEST(InputMapper, RowsOfOneColumnAreReadOnce) {
  std::string text;
  for (int i = 0; i < 60'000; ++i) text += "123456789\n";
  EXPECT_EQ(map(kCsv, {column("A", TypeKind::kInteger, "")}, text).rows.size(), 60'000U);
}

size_t whole(const InputFormat& format, std::string_view text) {
  return (*InputMapper::create(format, flat()))->whole(text);
}

TEST(InputMapper, ATextIsCutWhereTheReaderEndsARow) {
  EXPECT_EQ(whole(kCsv, "1,x\n2,y\n3,"), 8U);
  EXPECT_EQ(whole(kCsv, "1,\"x\ny\"\n2,\"y\nz"), 8U);
  EXPECT_EQ(whole(kCsv, "1,\"x\ny\""), 0U);
  EXPECT_EQ(whole(kCsv, "1,x\r\n2,y\r"), 5U);
  EXPECT_EQ(whole(kCsv, "\"1\"2,x\n3,z\n4"), 11U);
  const InputFormat written{
      .kind = InputFormat::Kind::kCsv, .row_delimiter = "\\n", .column_delimiter = "\\t"};
  EXPECT_EQ(whole(written, "1\tx\n2"), 4U);
  const InputFormat bars{
      .kind = InputFormat::Kind::kCsv, .row_delimiter = "||", .column_delimiter = "|"};
  EXPECT_EQ(whole(bars, "1"), 0U);
}

TEST(InputMapper, ATextIsCutBetweenDocuments) {
  EXPECT_EQ(whole(kJson, R"({"a":"}"} {"a":2)"), 9U);
  EXPECT_EQ(whole(kJson, R"({"a":1}[{}] )"), 11U);
  EXPECT_EQ(whole(kJson, R"({"a":"\)"), 0U);
}

}  // namespace
}  // namespace suiro::sql
