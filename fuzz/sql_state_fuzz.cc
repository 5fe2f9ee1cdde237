// SPDX-License-Identifier: Apache-2.0
// States of aggregates and table functions, as they come from a checkpoint. The first byte: which
// function. What is read is written as a state that reads as the same, and the function goes on.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "engine/sql/function.h"

namespace {

using namespace suiro;
using namespace suiro::sql;

Type kind_type(TypeKind kind) {
  Type out;
  out.kind = kind;
  out.length = out.lane() == Lane::kText ? 20 : 0;
  return out;
}

struct Aggregate {
  BoundAggregate bound;
  std::vector<Value> row;
};

const FunctionLibrary& library() {
  static const FunctionLibrary out;
  return out;
}

Aggregate aggregate(std::string name, TypeKind kind, AggregateCall::Place place) {
  static const Value kOne = Value::of_integer(1);
  Type half_life = kind_type(TypeKind::kIntervalDay);
  AggregateCall call{.name = name, .args = {{kind_type(kind), nullptr}}, .place = place};
  Aggregate out;
  out.row.push_back(kind == TypeKind::kVarchar  ? Value::of_text("x")
                    : kind == TypeKind::kDouble ? Value::of_real(1.5)
                                                : Value::of_integer(1));
  if (name == "EXP_AVG" || name == "NTH_VALUE") {
    call.args.push_back({name == "EXP_AVG" ? half_life : kind_type(TypeKind::kInteger), &kOne});
    out.row.push_back(kOne);
  }
  if (name == "SUM") call.quantifier = AggregateCall::Quantifier::kDistinct;
  auto bound = library().aggregate(call);
  CHECK(bound.has_value(), "an aggregate of the list does not bind");
  out.bound = *bound;
  return out;
}

const std::vector<Aggregate>& aggregates() {
  using Place = AggregateCall::Place;
  static const std::vector<Aggregate> out = {
      aggregate("COUNT", TypeKind::kInteger, Place::kGroup),
      aggregate("AVG", TypeKind::kBigint, Place::kGroup),
      aggregate("AVG", TypeKind::kDouble, Place::kGroup),
      aggregate("SUM", TypeKind::kDouble, Place::kWindow),
      aggregate("MIN", TypeKind::kVarchar, Place::kGroup),
      aggregate("MAX", TypeKind::kVarchar, Place::kWindow),
      aggregate("LAG", TypeKind::kVarchar, Place::kWindow),
      aggregate("NTH_VALUE", TypeKind::kInteger, Place::kWindow),
      aggregate("FIRST_VALUE", TypeKind::kInteger, Place::kGroup),
      aggregate("VAR_SAMP", TypeKind::kDouble, Place::kWindow),
      aggregate("EXP_AVG", TypeKind::kDouble, Place::kWindow),
      aggregate("EVERY", TypeKind::kBoolean, Place::kWindow),
  };
  return out;
}

void run(const Aggregate& what, ByteView bytes) {
  auto state = what.bound.create();
  if (!state->decode(bytes)) return;
  Bytes written;
  state->encode(written);
  auto again = what.bound.create();
  CHECK(again->decode(written).has_value(), "what was written cannot be read");
  Bytes twice;
  again->encode(twice);
  CHECK(written == twice, "a state that was read changed");
  Arena arena;
  (void)state->result(arena);
  (void)state->add(what.row, 1'000);
  (void)state->result(arena);
}

BoundTableFunction table(const std::string& name) {
  static const Value kWord = Value::of_text("A");
  static const Value kTen = Value::of_integer(10);
  static const Value kHundred = Value::of_integer(100);
  static const Value kAscending = Value::of_text("asc");
  static const Value kTwo = Value::of_integer(2);
  const Type text = kind_type(TypeKind::kVarchar);
  const Type number = kind_type(TypeKind::kInteger);
  const Schema cursor = {{"A", kind_type(TypeKind::kDouble)}, {"B", kind_type(TypeKind::kDouble)}};
  std::vector<ArgumentInfo> args;
  if (name == "TOP_K_ITEMS_TUMBLING") args = {{text, &kWord}, {number, &kTen}, {number, &kTen}};
  if (name == "COUNT_DISTINCT_ITEMS_TUMBLING") args = {{text, &kWord}, {number, &kTen}};
  if (name == "HOTSPOTS") args = {{number, &kHundred}, {number, &kTen}, {number, &kTwo}};
  if (name == "RANDOM_CUT_FOREST") args = {{number, &kTwo}, {number, &kTen}, {number, &kHundred}};
  if (name == "GROUP_RANK") {
    args = {{text, &kWord},      {text, &kWord},  {text, &kAscending},
            {text, &kAscending}, {number, &kTen}, {number, &kTen}};
  }
  auto bound = library().table(name, cursor, args);
  CHECK(bound.has_value(), "a table function of the list does not bind");
  return *bound;
}

void run(const BoundTableFunction& bound, ByteView bytes) {
  auto function = bound.create();
  if (!function->decode(bytes)) return;
  Bytes written;
  function->encode(written);
  auto again = bound.create();
  CHECK(again->decode(written).has_value(), "what was written cannot be read");
  Rows in;
  in.columns = {{.lane = Lane::kReal}, {.lane = Lane::kReal}};
  for (int i = 0; i < 20; ++i) {
    in.rowtimes_ms.push_back(1'000'000 + i);
    in.columns[0].push(Value::of_real(i % 7));
    in.columns[1].push(Value::of_real(i));
  }
  Rows out;
  (void)function->add(in, out);
  (void)function->advance(2'000'000, 0, out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  static const std::vector<BoundTableFunction> kTables = {
      table("TOP_K_ITEMS_TUMBLING"), table("COUNT_DISTINCT_ITEMS_TUMBLING"), table("HOTSPOTS"),
      table("RANDOM_CUT_FOREST"), table("GROUP_RANK")};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto& list = aggregates();
  const size_t which = data[0] % (list.size() + kTables.size());
  if (which < list.size()) {
    run(list[which], bytes);
  } else {
    run(kTables[which - list.size()], bytes);
  }
  return 0;
}
