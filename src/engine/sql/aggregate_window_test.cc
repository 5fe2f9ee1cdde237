// SPDX-License-Identifier: Apache-2.0
// Aggregates of windows against the plain computation: what a window's accumulator says after rows
// came and went equals what a new one says of the rows that are left. Random rows, by a seed.
#include <gtest/gtest.h>

#include <cmath>
#include <deque>

#include "base/random.h"
#include "engine/sql/function.h"

namespace suiro::sql {
namespace {

struct Row {
  int64_t time_ms = 0;
  std::string text;
  std::vector<Value> values;
};

Type kind_type(TypeKind kind) {
  Type out;
  out.kind = kind;
  out.length = 20;
  out.scale = kind == TypeKind::kDecimal ? 2 : 0;
  return out;
}

struct Call {
  std::string name;
  TypeKind kind;
  NullTreatment nulls = NullTreatment::kRespect;
  AggregateCall::Quantifier quantifier = AggregateCall::Quantifier::kAll;
  std::optional<Value> second;
  TypeKind second_kind = TypeKind::kInteger;
  bool exact = true;
};

Row random_row(const Call& call, int64_t time_ms, Random& random) {
  Row out{.time_ms = time_ms};
  const auto number = static_cast<int64_t>(random.below(20)) - 10;
  if (random.below(5) == 0) {
    out.values.emplace_back();
  } else if (call.kind == TypeKind::kVarchar) {
    out.text = std::string(random.below(3) == 0 ? 30 : 1, static_cast<char>('a' + random.below(9)));
    out.values.push_back(Value::of_text(out.text));
  } else if (call.kind == TypeKind::kDouble) {
    out.values.push_back(Value::of_real(static_cast<double>(number) * 1.1e3));
  } else if (call.kind == TypeKind::kBoolean) {
    out.values.push_back(Value::of_integer(number > 0 ? 1 : 0));
  } else {
    out.values.push_back(Value::of_integer(number));
  }
  if (call.second) out.values.push_back(*call.second);
  return out;
}

// The text points into the row wherever that lies now.
std::vector<Value> values_of(const Row& row) {
  auto out = row.values;
  if (!row.text.empty()) out[0].text = row.text;
  return out;
}

void expect_same(const Call& call, const Type& type, const Value& a, const Value& b,
                 uint64_t seed) {
  const auto where = call.name + ", seed " + std::to_string(seed);
  ASSERT_EQ(a.null, b.null) << where;
  if (a.null) return;
  if (type.lane() == Lane::kText) {
    ASSERT_EQ(a.text, b.text) << where;
  } else if (type.lane() == Lane::kInteger) {
    ASSERT_EQ(a.integer, b.integer) << where;
  } else {
    const double allowed = call.exact ? 1e-12 : 1e-9;
    ASSERT_NEAR(a.real, b.real, allowed * std::max(1.0, std::fabs(b.real))) << where;
  }
}

void run(const FunctionLibrary& library, const Call& call, uint64_t seed) {
  AggregateCall bound_call{.name = call.name,
                           .args = {{kind_type(call.kind), nullptr}},
                           .quantifier = call.quantifier,
                           .nulls = call.nulls,
                           .place = AggregateCall::Place::kWindow};
  if (call.second) bound_call.args.push_back({kind_type(call.second_kind), &*call.second});
  auto bound = library.aggregate(bound_call);
  ASSERT_TRUE(bound) << call.name << ": " << bound.error().message;
  ASSERT_TRUE(bound->removable) << call.name;
  SeededRandom random(seed);
  auto state = bound->create();
  std::deque<Row> window;
  Arena arena;
  for (int64_t time_ms = 0; time_ms < 200; ++time_ms) {
    while (!window.empty() && random.below(2) == 0) {
      ASSERT_TRUE(state->remove(values_of(window.front()), window.front().time_ms));
      window.pop_front();
    }
    window.push_back(random_row(call, time_ms * 100, random));
    ASSERT_TRUE(state->add(values_of(window.back()), window.back().time_ms));
    auto fresh = bound->create();
    for (const auto& row : window) ASSERT_TRUE(fresh->add(values_of(row), row.time_ms));
    auto got = state->result(arena);
    auto expected = fresh->result(arena);
    ASSERT_TRUE(got && expected);
    expect_same(call, bound->type, *got, *expected, seed);
  }
}

TEST(AggregateWindow, EqualsThePlainComputation) {
  const FunctionLibrary library;
  constexpr auto kDistinct = AggregateCall::Quantifier::kDistinct;
  constexpr auto kIgnore = NullTreatment::kIgnore;
  const std::vector<Call> calls = {
      {.name = "COUNT", .kind = TypeKind::kInteger},
      {.name = "SUM", .kind = TypeKind::kBigint},
      {.name = "SUM", .kind = TypeKind::kDecimal, .quantifier = kDistinct},
      {.name = "SUM", .kind = TypeKind::kDouble},
      {.name = "AVG", .kind = TypeKind::kInteger},
      {.name = "AVG", .kind = TypeKind::kDouble, .quantifier = kDistinct},
      {.name = "MIN", .kind = TypeKind::kVarchar},
      {.name = "MAX", .kind = TypeKind::kDouble},
      {.name = "FIRST_VALUE", .kind = TypeKind::kVarchar},
      {.name = "FIRST_VALUE", .kind = TypeKind::kInteger, .nulls = kIgnore},
      {.name = "LAST_VALUE", .kind = TypeKind::kInteger, .nulls = kIgnore},
      {.name = "NTH_VALUE", .kind = TypeKind::kInteger, .second = Value::of_integer(2)},
      {.name = "LAG", .kind = TypeKind::kVarchar, .nulls = kIgnore, .second = Value::of_integer(2)},
      {.name = "ANY", .kind = TypeKind::kBoolean},
      {.name = "EVERY", .kind = TypeKind::kBoolean},
      {.name = "VAR_SAMP", .kind = TypeKind::kInteger},
      {.name = "STDDEV_POP", .kind = TypeKind::kDouble, .exact = false},
      {.name = "EXP_AVG",
       .kind = TypeKind::kDouble,
       .second = Value::of_integer(1'000),
       .second_kind = TypeKind::kIntervalDay,
       .exact = false},
  };
  for (const auto& call : calls) {
    for (uint64_t seed = 1; seed <= 10 && !HasFatalFailure(); ++seed) run(library, call, seed);
  }
}

}  // namespace
}  // namespace suiro::sql
