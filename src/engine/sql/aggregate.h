// SPDX-License-Identifier: Apache-2.0
// What the files of aggregates share: exact sums, values that own their text, and the choice by
// the type of the argument. Private to the folder.
#pragma once

#include <cmath>
#include <string>

#include "engine/sql/library.h"
#include "engine/sql/state.h"

namespace suiro::sql {

// States of all aggregates begin with this byte.
inline constexpr uint8_t kAggregateVersion = 1;

// A sum of doubles with the lost low bits beside it (TwoSum), so that rows that leave a window take
// along exactly what they brought, up to 2^-106; infinities and NaN are counted, not summed.
class RealSum {
 public:
  void add(double value) { apply(value, 1); }
  void remove(double value) { apply(value, -1); }
  double result() const {
    if (not_numbers_ > 0 || (positive_ > 0 && negative_ > 0)) return std::nan("");
    if (positive_ > 0) return HUGE_VAL;
    if (negative_ > 0) return -HUGE_VAL;
    return high_ + low_;
  }
  long double wide() const { return static_cast<long double>(high_) + low_; }
  bool finite() const { return positive_ == 0 && negative_ == 0 && not_numbers_ == 0; }
  void encode(StateWriter& to) const;
  void decode(StateReader& from);

 private:
  void apply(double value, int64_t sign);
  double high_ = 0;
  double low_ = 0;
  int64_t positive_ = 0;
  int64_t negative_ = 0;
  int64_t not_numbers_ = 0;
};

// A value that outlives the row it came from.
class OwnedValue {
 public:
  OwnedValue() = default;
  OwnedValue(Lane lane, const Value& value) { assign(lane, value); }
  void assign(Lane lane, const Value& value) {
    value_ = value;
    if (lane == Lane::kText && !value.null) text_ = value.text;
    value_.text = {};
    value_.fields = nullptr;
  }
  // Borrows from this.
  Value get() const {
    Value out = value_;
    out.text = text_;
    return out;
  }
  size_t size_bytes() const { return sizeof(*this) + (text_.size() > 15 ? text_.size() : 0); }

 private:
  Value value_;
  std::string text_;
};

// Passes each value on to `inner` once.
std::unique_ptr<Accumulator> make_distinct(Lane lane, std::unique_ptr<Accumulator> inner);

// Errors: too few or too many arguments.
Result<void> expect_aggregate_args(const AggregateCall& call, size_t least, size_t most);

}  // namespace suiro::sql
