// SPDX-License-Identifier: Apache-2.0
// Table functions: results, and that a state that is stored and read back continues as it was.
#include <gtest/gtest.h>

#include "base/random.h"
#include "engine/sql/convert.h"
#include "engine/sql/function.h"

namespace suiro::sql {
namespace {

Type kind_type(TypeKind kind, uint32_t length = 0) {
  Type out;
  out.kind = kind;
  out.length = length;
  return out;
}

// Constant arguments, with what they borrow.
struct Constants {
  std::deque<std::string> texts;
  std::deque<Value> values;
  std::vector<ArgumentInfo> infos;
  Constants& text(std::string_view text) {
    texts.emplace_back(text);
    values.push_back(Value::of_text(texts.back()));
    infos.push_back({kind_type(TypeKind::kVarchar, 100), &values.back()});
    return *this;
  }
  Constants& number(int64_t number) {
    values.push_back(Value::of_integer(number));
    infos.push_back({kind_type(TypeKind::kInteger), &values.back()});
    return *this;
  }
  Constants& real(double real) {
    values.push_back(Value::of_real(real));
    infos.push_back({kind_type(TypeKind::kDouble), &values.back()});
    return *this;
  }
  Constants& yes() {
    values.push_back(Value::of_integer(1));
    infos.push_back({kind_type(TypeKind::kBoolean), &values.back()});
    return *this;
  }
};

BoundTableFunction bind_table(std::string_view name, const Schema& cursor, const Constants& args) {
  auto bound = FunctionLibrary().table(name, cursor, args.infos);
  EXPECT_TRUE(bound) << (bound ? "" : bound.error().message);
  return bound ? *bound : BoundTableFunction{};
}
std::string refusal(std::string_view name, const Schema& cursor, const Constants& args) {
  auto bound = FunctionLibrary().table(name, cursor, args.infos);
  return bound ? "bound" : bound.error().message;
}

// Through the bytes of its state; the bytes must not change.
void store(const BoundTableFunction& bound, std::unique_ptr<TableFunction>& function) {
  Bytes bytes;
  function->encode(bytes);
  auto again = bound.create();
  auto decoded = again->decode(bytes);
  ASSERT_TRUE(decoded) << decoded.error().message;
  Bytes same;
  again->encode(same);
  EXPECT_EQ(bytes, same);
  function = std::move(again);
}

const Schema kWords = {{"WORD", kind_type(TypeKind::kVarchar, 20)}};

Rows words(int64_t time_ms, const std::vector<std::string>& texts) {
  Rows out;
  auto arena = std::make_shared<Arena>();
  out.columns.push_back({.lane = Lane::kText});
  for (const auto& text : texts) {
    out.rowtimes_ms.push_back(time_ms);
    out.columns[0].push(Value::of_text(arena->keep(text)));
  }
  out.owners.push_back(arena);
  return out;
}

std::string shown(const Rows& rows, const Schema& schema) {
  std::string out;
  for (size_t i = 0; i < rows.size(); ++i) {
    out += std::to_string(rows.rowtimes_ms[i]);
    for (size_t c = 0; c < rows.columns.size(); ++c) {
      out += ' ' + text_of(schema[c].type, rows.columns[c].at(i));
    }
    out += '\n';
  }
  return out;
}

TEST(TableFunctions, TopItemsOfAWindow) {
  const auto bound =
      bind_table("TOP_K_ITEMS_TUMBLING", kWords, Constants().text("word").number(2).number(60));
  auto function = bound.create();
  Rows out;
  ASSERT_TRUE(function->add(words(1'000, {"a", "b", "b", "c", "c", "c"}), out));
  store(bound, function);
  ASSERT_TRUE(function->advance(59'999, 0, out));
  EXPECT_EQ(out.size(), 0U);
  ASSERT_TRUE(function->add(words(61'000, {"d"}), out));
  EXPECT_EQ(shown(out, bound.schema), "60000 c 3\n60000 b 2\n");
  Rows last;
  ASSERT_TRUE(function->advance(120'000, 0, last));
  EXPECT_EQ(shown(last, bound.schema), "120000 d 1\n");
}

TEST(TableFunctions, TopItemsBeyondTheCounters) {
  const auto bound =
      bind_table("TOP_K_ITEMS_TUMBLING", kWords, Constants().text("WORD").number(2).number(60));
  auto function = bound.create();
  Rows out;
  std::vector<std::string> texts;
  for (int i = 0; i < 30'000; ++i) {
    texts.push_back("rare" + std::to_string(i));
    texts.emplace_back("often");
    if (i % 3 == 0) texts.emplace_back("third");
  }
  ASSERT_TRUE(function->add(words(0, texts), out));
  store(bound, function);
  EXPECT_LT(function->size_bytes(), size_t{4} << 20);
  ASSERT_TRUE(function->advance(60'000, 0, out));
  EXPECT_EQ(shown(out, bound.schema), "60000 often 30000\n60000 third 10000\n");
}

int64_t distinct_of(int count) {
  const auto bound =
      bind_table("COUNT_DISTINCT_ITEMS_TUMBLING", kWords, Constants().text("WORD").number(60));
  auto function = bound.create();
  Rows out;
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) texts.push_back(std::to_string(i));
  EXPECT_TRUE(function->add(words(0, texts), out));
  EXPECT_TRUE(function->add(words(1, texts), out));
  store(bound, function);
  EXPECT_TRUE(function->advance(60'000, 0, out));
  EXPECT_EQ(out.size(), 1U);
  return out.columns[0].at(0).integer;
}

TEST(TableFunctions, DistinctItems) {
  EXPECT_EQ(distinct_of(1), 1);
  EXPECT_EQ(distinct_of(10'000), 10'000);
  EXPECT_NEAR(static_cast<double>(distinct_of(10'001)), 10'001, 300);
  EXPECT_NEAR(static_cast<double>(distinct_of(100'000)), 100'000, 3'000);
}

TEST(TableFunctions, GroupRank) {
  Constants args;
  args.text("WORD").text("rank").text("desc").text("asc").number(5).number(3);
  const auto bound = bind_table("GROUP_RANK", kWords, args);
  EXPECT_EQ(bound.schema.back().name, "rank");
  auto function = bound.create();
  Rows out;
  ASSERT_TRUE(function->add(words(1'000, {"a", "c", "b", "c"}), out));
  store(bound, function);
  ASSERT_TRUE(function->advance(1'000, 10, out));
  EXPECT_EQ(out.size(), 0U);
  ASSERT_TRUE(function->add(words(2'000, {"x"}), out));
  EXPECT_EQ(shown(out, bound.schema), "1000 c 1\n1000 c 1\n1000 b 3\n");
  // maxIdle is 5 ms from the first time that the group is seen waiting.
  Rows idle;
  ASSERT_TRUE(function->advance(2'000, 100, idle));
  ASSERT_TRUE(function->advance(2'000, 104, idle));
  EXPECT_EQ(idle.size(), 0U);
  ASSERT_TRUE(function->advance(2'000, 105, idle));
  EXPECT_EQ(shown(idle, bound.schema), "2000 x 1\n");
}

const Schema kPoints = {{"NAME", kind_type(TypeKind::kVarchar, 20)},
                        {"x", kind_type(TypeKind::kDouble)},
                        {"y", kind_type(TypeKind::kInteger)}};

void push_point(Rows& rows, double x, int64_t y) {
  if (rows.columns.empty()) {
    rows.columns = {{.lane = Lane::kText}, {.lane = Lane::kReal}, {.lane = Lane::kInteger}};
  }
  rows.rowtimes_ms.push_back(static_cast<int64_t>(rows.rowtimes_ms.size()));
  rows.columns[0].push(Value::of_text("p"));
  rows.columns[1].push(Value::of_real(x));
  rows.columns[2].push(Value::of_integer(y));
}

// Points around (0, 100), and one far away at the end.
Rows cluster(int count, uint64_t seed) {
  SeededRandom random(seed);
  Rows out;
  for (int i = 0; i < count; ++i) {
    push_point(out, random.unit(), 100 + static_cast<int64_t>(random.below(10)));
  }
  push_point(out, 0.5, 1'000);
  return out;
}

TEST(TableFunctions, AnOutlierScoresMore) {
  Constants args;
  args.number(50).number(64).number(1'000).number(1).yes();
  const auto bound = bind_table("RANDOM_CUT_FOREST_WITH_EXPLANATION", kPoints, args);
  auto function = bound.create();
  const Rows rows = cluster(300, 7);
  Rows out;
  ASSERT_TRUE(function->add(rows, out));
  ASSERT_EQ(out.size(), 301U);
  const auto& scores = out.columns[3];
  for (size_t i = 0; i < 64; ++i) EXPECT_EQ(scores.at(i).real, 0);
  double most = 0;
  for (size_t i = 64; i < 300; ++i) most = std::max(most, scores.at(i).real);
  EXPECT_GT(scores.at(100).real, 0);
  EXPECT_GT(scores.at(300).real, 2 * most / 1.5);
  const auto text = std::string(out.columns[4].at(300).text);
  EXPECT_NE(text.find(R"("y":{"DIRECTION":"HIGH","STRENGTH":")"), std::string::npos) << text;
  double attributed = 0;
  for (size_t at = text.find("ATTRIBUTION_SCORE"); at != std::string::npos;
       at = text.find("ATTRIBUTION_SCORE", at + 1)) {
    attributed += std::stod(text.substr(at + 20));
  }
  EXPECT_NEAR(attributed, scores.at(300).real, 1e-3);
}

TEST(TableFunctions, AForestContinuesFromItsState) {
  for (const int64_t shingle : {1, 3}) {
    Constants args;
    args.number(10).number(16).number(100).number(shingle);
    const auto bound = bind_table("RANDOM_CUT_FOREST", kPoints, args);
    auto one = bound.create();
    auto other = bound.create();
    for (uint64_t seed = 1; seed < 8; ++seed) {
      const Rows rows = cluster(30, seed);
      Rows a;
      Rows b;
      ASSERT_TRUE(one->add(rows, a));
      ASSERT_TRUE(other->add(rows, b));
      EXPECT_EQ(shown(a, bound.schema), shown(b, bound.schema));
      store(bound, other);
    }
  }
}

TEST(TableFunctions, AForestIsBounded) {
  Schema wide;
  for (int i = 0; i < 30; ++i) {
    wide.push_back({"C" + std::to_string(i), kind_type(TypeKind::kDouble)});
  }
  Constants large;
  large.number(1'000).number(1'000).number(100'000).number(30);
  EXPECT_NE(refusal("RANDOM_CUT_FOREST", wide, large).find("MB"), std::string::npos);
  wide.push_back({"C30", kind_type(TypeKind::kDouble)});
  EXPECT_NE(refusal("RANDOM_CUT_FOREST", wide, {}).find("31 numeric"), std::string::npos);
  Schema decimal = {{"D", kind_type(TypeKind::kDecimal, 5)}};
  EXPECT_NE(refusal("RANDOM_CUT_FOREST", decimal, {}).find("DOUBLE"), std::string::npos);
}

TEST(TableFunctions, Hotspots) {
  const auto bound = bind_table("HOTSPOTS", kPoints, Constants().number(100).real(1.5).number(3));
  auto function = bound.create();
  Rows rows;
  push_point(rows, 0, 0);
  push_point(rows, 1, 0);
  push_point(rows, 50, 50);
  push_point(rows, 1, 1);
  push_point(rows, 2, 1);
  Rows out;
  ASSERT_TRUE(function->add(rows, out));
  store(bound, function);
  EXPECT_EQ(bound.schema.back().name, "HOTSPOTS_RESULT");
  EXPECT_EQ(out.columns[3].at(2).text, R"({"hotspots":[]})");
  EXPECT_EQ(out.columns[3].at(3).text,
            R"({"hotspots":[{"density":3,"minValues":[0,0],"maxValues":[1,1]}]})");
  EXPECT_EQ(out.columns[3].at(4).text,
            R"({"hotspots":[{"density":2,"minValues":[0,0],"maxValues":[2,1]}]})");
  // The window forgets them after 100 further rows.
  Rows far;
  for (int i = 0; i < 101; ++i) push_point(far, 1'000 + i * 10, 0);
  Rows later;
  ASSERT_TRUE(function->add(far, later));
  EXPECT_EQ(later.columns[3].at(100).text, R"({"hotspots":[]})");
}

TEST(TableFunctions, Refusals) {
  EXPECT_NE(refusal("HOTSPOTS", kPoints, Constants().number(99).real(1).number(3)).find("100"),
            std::string::npos);
  EXPECT_NE(refusal("TOP_K_ITEMS_TUMBLING", kWords, Constants().text("no").number(1).number(1))
                .find("no column"),
            std::string::npos);
  EXPECT_NE(refusal("NO_SUCH", kWords, {}).find("there is no table function"), std::string::npos);
}

}  // namespace
}  // namespace suiro::sql
