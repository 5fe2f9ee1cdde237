// SPDX-License-Identifier: Apache-2.0
// The inside of Evaluator: its steps, and the loops' small parts. Only evaluate*.cc include it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/sql/evaluate.h"

namespace suiro::sql {

enum class Relation { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };

struct Evaluator::Step {
  ExprPtr expr;
  Op op = Op::kCall;
  std::vector<size_t> args;
  Vector out;
  const Vector* borrowed = nullptr;  // kColumn: the batch's own
  std::vector<const Value*> fields;  // of ROW values
  std::vector<Value> values;         // arguments of a call
  uint64_t whole_batch = 0;
  char symbol = 0;  // arithmetic
  Relation relation = Relation::kEqual;
  int64_t least = 0, most = 0;  // of the result's type
  int64_t unit_ms = 1;          // kFloorTo
};

struct Evaluator::Batch {
  const Rows& rows;
  Arena& arena;
  const uint32_t* selection;
  enum class Rest { kNone, kSome } rest;
};

inline bool is_null(const Vector& column, size_t row) {
  return !column.nulls.empty() && column.nulls[row] != 0;
}

inline void reset(Vector& column, size_t size) {
  column.nulls.clear();
  switch (column.lane) {
    case Lane::kInteger:
      column.integers.resize(size);
      break;
    case Lane::kReal:
      column.reals.resize(size);
      break;
    case Lane::kText:
      column.texts.resize(size);
      break;
    case Lane::kNone:
      column.nulls.assign(size, 0);
      break;
  }
}

inline size_t slots(const Vector& column) {
  return std::max(
      {column.integers.size(), column.reals.size(), column.texts.size(), column.nulls.size()});
}

inline void set_null(Vector& column, size_t row) {
  if (column.nulls.empty()) column.nulls.assign(slots(column), 0);
  column.nulls[row] = 1;
  if (column.lane == Lane::kInteger) column.integers[row] = 0;
  if (column.lane == Lane::kReal) column.reals[row] = 0;
  if (column.lane == Lane::kText) column.texts[row] = {};
}

inline void set_value(Vector& column, size_t row, const Value& value) {
  if (column.lane == Lane::kInteger) column.integers[row] = value.integer;
  if (column.lane == Lane::kReal) column.reals[row] = value.real;
  if (column.lane == Lane::kText) column.texts[row] = value.text;
  if (!column.nulls.empty()) column.nulls[row] = 0;
}

inline void fill(Vector& column, size_t size, const Value& value) {
  reset(column, size);
  if (value.null) {
    column.nulls.assign(size, 1);
    if (column.lane == Lane::kInteger) column.integers.assign(size, 0);
    if (column.lane == Lane::kReal) column.reals.assign(size, 0);
    if (column.lane == Lane::kText) column.texts.assign(size, {});
    return;
  }
  if (column.lane == Lane::kInteger) column.integers.assign(size, value.integer);
  if (column.lane == Lane::kReal) column.reals.assign(size, value.real);
  if (column.lane == Lane::kText) column.texts.assign(size, value.text);
}

// NULL in `from` makes NULL in `to`.
inline void merge_nulls(Vector& to, const Vector& from, std::span<const uint32_t> selection) {
  if (from.nulls.empty()) return;
  if (to.nulls.empty()) to.nulls.assign(slots(to), 0);
  for (uint32_t row : selection) to.nulls[row] |= from.nulls[row];
}

inline int64_t floor_modulo(int64_t value, int64_t unit) {
  const int64_t rest = value % unit;
  return rest < 0 ? rest + unit : rest;
}

template <class T>
bool holds(Relation relation, const T& a, const T& b) {
  switch (relation) {
    case Relation::kEqual:
      return a == b;
    case Relation::kNotEqual:
      return a != b;
    case Relation::kLess:
      return a < b;
    case Relation::kLessEqual:
      return a <= b;
    case Relation::kGreater:
      return a > b;
    case Relation::kGreaterEqual:
      return a >= b;
  }
  return false;
}

}  // namespace suiro::sql
