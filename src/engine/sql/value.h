// SPDX-License-Identifier: Apache-2.0
// Value: one value of a row, for everything that is not worth a loop over columns: functions,
// literals, casts, keys. Vector and Rows: columns of values, what operators pass on.
//
// Invariants:
//  1. A Value borrows its text and fields: from the rows, from an Arena, or from the plan. It lives
//     no longer than they do.
//  2. Rows of one batch are in the order of their row times (not decreasing).
// Threads: values and rows belong to one thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sql/type.h"

namespace suiro::sql {

// Of one text, in bytes: the longest VARCHAR in UTF-8.
inline constexpr size_t kTextBytesMax = size_t{4} * kTextLengthMax;

struct Value {
  bool null = true;
  int64_t integer = 0;            // Lane::kInteger
  double real = 0;                // Lane::kReal
  std::string_view text = {};     // Lane::kText
  const Value* fields = nullptr;  // TypeKind::kRow: as many as the type has

  static Value of_integer(int64_t integer) { return {.null = false, .integer = integer}; }
  static Value of_real(double real) { return {.null = false, .real = real}; }
  static Value of_text(std::string_view text) { return {.null = false, .text = text}; }
};

// <0, 0, >0. Neither is NULL; both are of the lane (decimals: of one scale). Texts by their bytes;
// NaN is above everything and equal to itself.
int compare_values(Lane lane, const Value& a, const Value& b);
// Texts where one side is a CHAR: blanks at the end do not count.
int compare_padded(std::string_view a, std::string_view b);

// Memory of the texts and fields that a batch's evaluation makes; freed together by clear().
class Arena {
 public:
  Arena();
  ~Arena();
  Arena(Arena&&) noexcept;
  Arena& operator=(Arena&&) noexcept;
  // A copy that lives until clear().
  std::string_view keep(std::string_view text);
  // Uninitialised bytes to be filled by the caller.
  char* room(size_t bytes);
  Value* values(size_t count);
  // An empty text to build in, so that no call allocates; the next call of scratch() empties it.
  std::string& scratch();
  void clear();
  size_t size_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A column. Only the vector of its lane is filled; nulls[i] != 0: row i is NULL (its lane's slot
// holds zero). An empty `nulls` means that none is.
struct Vector {
  Lane lane = Lane::kInteger;
  std::vector<int64_t> integers;
  std::vector<double> reals;
  std::vector<std::string_view> texts;
  std::vector<uint8_t> nulls;

  size_t size() const;
  Value at(size_t row) const;
  void push(const Value& value);
};

// Rows as columns. `owners` keeps alive what the texts point into.
struct Rows {
  std::vector<int64_t> rowtimes_ms;
  std::vector<Vector> columns;
  std::vector<std::shared_ptr<const void>> owners;

  size_t size() const { return rowtimes_ms.size(); }
};

}  // namespace suiro::sql
