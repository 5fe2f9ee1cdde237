// SPDX-License-Identifier: Apache-2.0
// What the table functions share: columns by name, rows that are copied or made, a generator of
// random numbers that is part of a state. Private to the folder.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sql/library.h"
#include "engine/sql/state.h"

namespace suiro::sql {

// States of all table functions begin with this byte.
inline constexpr uint8_t kTableVersion = 1;

// The column of that name, as stored; else the only one that differs in case alone.
Result<size_t> column_named(std::string_view function, const Schema& cursor, std::string_view name);
// DOUBLE, INTEGER, FLOAT, TINYINT, SMALLINT, REAL and BIGINT columns. Errors: a DECIMAL, none, or
// more than `most`.
Result<std::vector<size_t>> numeric_columns(std::string_view function, const Schema& cursor,
                                            size_t most);

// Gives `rows` the columns of the schema, where it has none yet.
void prepare(Rows& rows, const Schema& schema);

// A value of `type` at a row as a number; false: NULL, or not finite.
bool number_at(const Vector& column, size_t row, double& value);

// splitmix64: small enough to lie in a state, the same on every machine.
class StateRandom {
 public:
  explicit StateRandom(uint64_t seed = 0) : state_(seed) {}
  uint64_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }
  // In [0, 1), and in (0, 1].
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  double unit_above_zero() { return static_cast<double>((next() >> 11) + 1) * 0x1.0p-53; }
  uint64_t state() const { return state_; }

 private:
  uint64_t state_;
};

// 64 bits of a text that never change between versions.
uint64_t stable_hash(std::string_view text);

}  // namespace suiro::sql
