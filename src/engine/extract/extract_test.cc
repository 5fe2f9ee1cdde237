// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/extract/extraction.h"

namespace suiro::extract {
namespace {

TEST(SourceUrl, ReadsItsParts) {
  auto url = parse_source_url("mariadb://u%40x:p%3Aw@[::1]:3307/shop?socket=/run/x.sock&ca=/c.pem");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->kind, SourceUrl::Kind::kMysql);
  EXPECT_EQ(url->user, "u@x");
  EXPECT_EQ(url->password, "p:w");
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, 3307);
  EXPECT_EQ(url->database, "shop");
  EXPECT_EQ(url->socket, "/run/x.sock");
  EXPECT_EQ(url->ca_file, "/c.pem");
  EXPECT_EQ(url->text().find("p:w"), std::string::npos);
  EXPECT_EQ(parse_source_url("postgresql:///db")->host, "localhost");
}

TEST(SourceUrl, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"", "oracle://h/db", "mysql:/h/db", "mysql://h", "mysql://h/",
                           "mysql://h:99999/db", "mysql://h:x/db", "mysql://h/db?tls=maybe",
                           "mysql://h/db?color=red", "mysql://u%4:p@h/db"}) {
    EXPECT_FALSE(parse_source_url(text)) << text;
  }
}

const std::vector<Column> kColumns = {{"id", Column::Kind::kNumber},
                                      {"text", Column::Kind::kText},
                                      {"flag", Column::Kind::kBool},
                                      {"raw", Column::Kind::kBinary},
                                      {"doc", Column::Kind::kJson}};

std::string written(Format format, std::vector<Field> fields) {
  RowWriter writer(format);
  writer.set_columns(kColumns);
  std::string out;
  auto done = writer.append_row(out, fields);
  return done ? out : "error: " + done.error().message;
}

TEST(RowWriter, EscapesByFormat) {
  std::vector<Field> row = {"12345678901234567890.50", "a\t\"b\",\\c\nd", "t",
                            std::string_view("\xff\x00", 2), "{\"a\": [1, 2]}"};
  EXPECT_EQ(written(Format::kTsv, row),
            "12345678901234567890.50\ta\\t\"b\",\\\\c\\nd\tt\t/wA=\t{\"a\": [1, 2]}\n");
  EXPECT_EQ(written(Format::kCsv, row),
            "12345678901234567890.50,\"a\t\"\"b\"\",\\c\nd\",t,/wA=,\"{\"\"a\"\": [1, 2]}\"\n");
  EXPECT_EQ(written(Format::kJsonl, row),
            "{\"id\":12345678901234567890.50,\"text\":\"a\\t\\\"b\\\",\\\\c\\nd\",\"flag\":true,"
            "\"raw\":\"/wA=\",\"doc\":{\"a\":[1,2]}}\n");
}

TEST(RowWriter, TellsNullFromEmpty) {
  std::vector<Field> row = {std::nullopt, "", std::nullopt, "", std::nullopt};
  EXPECT_EQ(written(Format::kTsv, row), "\\N\t\t\\N\t\t\\N\n");
  EXPECT_EQ(written(Format::kCsv, row), ",\"\",,\"\",\n");
  EXPECT_EQ(written(Format::kJsonl, row),
            "{\"id\":null,\"text\":\"\",\"flag\":null,\"raw\":\"\",\"doc\":null}\n");
  EXPECT_EQ(written(Format::kJsonl, {"NaN", "x", "0", "", "null"}),
            "{\"id\":\"NaN\",\"text\":\"x\",\"flag\":false,\"raw\":\"\",\"doc\":null}\n");
  EXPECT_TRUE(written(Format::kJsonl, {"1", "x", "0", "", "{"}).starts_with("error"));
}

// A table of numbers in memory.
class FakeSession final : public Session {
 public:
  explicit FakeSession(std::string refuse) : refuse_(std::move(refuse)) {}
  Result<void> read(const std::string& query, RowSink& sink) override {
    TRY_VOID(sink.columns({{"id", Column::Kind::kNumber}}));
    if (query.starts_with("SELECT MIN")) {
      std::vector<Field> ends = {"-3", "1000"};
      return sink.row(ends);
    }
    if (!refuse_.empty() && query.find(refuse_) != std::string::npos) {
      return fail(codes::kUnavailable, "the connection broke");
    }
    long low = -3, high = 1000;
    size_t between = query.find("BETWEEN ");
    if (between != std::string::npos) {
      EXPECT_EQ(std::sscanf(query.c_str() + between, "BETWEEN %ld AND %ld", &low, &high), 2);
    }
    for (long id = low; id <= high; ++id) {
      std::string text = std::to_string(id);
      std::vector<Field> row = {text};
      TRY_VOID(sink.row(row));
    }
    return ok();
  }

 private:
  std::string refuse_;
};

class FakeSource final : public Source {
 public:
  explicit FakeSource(size_t count, std::string refuse = "") {
    for (size_t at = 0; at < count; ++at) {
      held_.push_back(std::make_unique<FakeSession>(refuse));
    }
  }
  std::vector<Session*> sessions() override {
    std::vector<Session*> out;
    for (auto& session : held_) out.push_back(session.get());
    return out;
  }
  std::string position() const override { return "log:1"; }
  Result<TableFacts> describe(const std::string& table) override {
    if (table != "t") return fail(codes::kNotFound, "there is no table " + table);
    return TableFacts{.key = {"id"}, .integer_key = true, .rows_estimated = 1000};
  }
  std::string quoted(std::string_view name) const override { return fmt::format("<{}>", name); }

 private:
  std::vector<std::unique_ptr<FakeSession>> held_;
};

class ExtractionTest : public testing::Test {
 protected:
  ExtractionTest() {
    char name[] = "/tmp/suiro-extract-XXXXXX";
    directory = mkdtemp(name);
  }
  ~ExtractionTest() override { std::filesystem::remove_all(directory); }
  std::string directory;
};

TEST_F(ExtractionTest, PartsHoldEachRowOnceInOrder) {
  for (size_t sessions : {1u, 3u}) {
    FakeSource source(sessions);
    Job job{.table = "t", .header = Header::kNone};
    auto summary = run(source, job, directory, [](const Progress&) {});
    ASSERT_TRUE(summary) << summary.error().message;
    EXPECT_EQ(summary->rows, 1004u);
    EXPECT_EQ(summary->parts.size(), sessions == 1 ? 1u : 12u);
    std::stringstream all;
    for (const Part& part : summary->parts) all << std::ifstream(part.path).rdbuf();
    long expected = -3, id = 0;
    while (all >> id) EXPECT_EQ(id, expected++);
    EXPECT_EQ(expected, 1001);
  }
}

TEST_F(ExtractionTest, AFailureLeavesNoHalfPart) {
  FakeSource source(2, "BETWEEN 375 ");
  auto summary = run(source, {.table = "t"}, directory, [](const Progress&) {});
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().message, "the connection broke");
  EXPECT_FALSE(std::filesystem::exists(directory + "/part-00003.tsv"));
}

TEST_F(ExtractionTest, RefusesATableThatIsNotThere) {
  FakeSource source(1);
  EXPECT_EQ(run(source, {.table = "x"}, directory, [](const Progress&) {}).error().code,
            codes::kNotFound);
}

TEST_F(ExtractionTest, QueriesNameColumnsAndConditions) {
  FakeSource source(1);
  auto plan = plan_ranges(source, {.table = "t", .columns = {"a", "b"}, .where = "a > 1"});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->queries.at(0), "SELECT <a>, <b> FROM <t> WHERE (a > 1) ORDER BY <id>");
}

}  // namespace
}  // namespace suiro::extract
