// SPDX-License-Identifier: Apache-2.0
// What the files of aggregates share: exact sums, values that own their text, and the choice by
// the type of the argument. Private to the folder.
#pragma once

#include <bit>
#include <cmath>
#include <string>
#include <vector>

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
    null_ = value.null;
    bits_ = lane == Lane::kReal ? std::bit_cast<int64_t>(value.real) : value.integer;
    if (lane == Lane::kText && !value.null) text_ = value.text;
  }
  // Borrows from this. Only the lane that was assigned means something.
  Value get() const {
    return {.null = null_, .integer = bits_, .real = std::bit_cast<double>(bits_), .text = text_};
  }
  size_t size_bytes() const { return sizeof(*this) + text_bytes(text_.size()); }
  // By how much assign() would let size_bytes() grow.
  size_t growth(Lane lane, const Value& value) const {
    if (lane != Lane::kText || value.null) return 0;
    const size_t now = text_bytes(text_.size()), then = text_bytes(value.text.size());
    return then > now ? then - now : 0;
  }

 private:
  static size_t text_bytes(size_t size) { return size > 15 ? size : 0; }
  bool null_ = true;
  int64_t bits_ = 0;
  std::string text_;
};

// A queue that takes no memory while it is empty, as std::deque does.
template <class T>
class FrontQueue {
 public:
  bool empty() const { return head_ == items_.size(); }
  size_t size() const { return items_.size() - head_; }
  T& front() { return items_[head_]; }
  T& back() { return items_.back(); }
  const T& front() const { return items_[head_]; }
  const T& back() const { return items_.back(); }
  const T& operator[](size_t at) const { return items_[head_ + at]; }
  auto begin() const { return items_.begin() + static_cast<ptrdiff_t>(head_); }
  auto end() const { return items_.end(); }
  void push_back(T item) { items_.push_back(std::move(item)); }
  void pop_back() {
    items_.pop_back();
    if (empty()) clear();
  }
  void pop_front() {
    items_[head_++] = T{};
    if (empty()) return clear();
    // What has been taken out goes when it is the greater part: each item is moved once at most.
    if (head_ * 2 > items_.size() && head_ >= 16) {
      items_.erase(items_.begin(), begin());
      head_ = 0;
    }
  }
  void clear() {
    items_.clear();
    head_ = 0;
  }
  size_t size_bytes() const { return items_.capacity() * sizeof(T); }

 private:
  std::vector<T> items_;
  size_t head_ = 0;
};

// Passes each value on to `inner` once.
std::unique_ptr<Accumulator> make_distinct(Lane lane, std::unique_ptr<Accumulator> inner);

// Errors: too few or too many arguments.
Result<void> expect_aggregate_args(const AggregateCall& call, size_t least, size_t most);

}  // namespace suiro::sql
