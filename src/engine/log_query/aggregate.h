// SPDX-License-Identifier: Apache-2.0
// The functions of `stats`: what is kept of a group's rows, and what they come to.
//
// Invariants: what an instance grows by is told to its owner, who bounds it.
// Thread: one at a time.
#pragma once

#include <unordered_set>

#include "engine/log_query/expression.h"

namespace suiro::log_query {

enum class AggregateKind : uint8_t {
  kCount,
  kCountDistinct,
  kSum,
  kAverage,
  kMinimum,
  kMaximum,
  kPercentile,
  kDeviation,
  kEarliest,
  kLatest,
  kSortsFirst,
  kSortsLast,
};
// By name in any case.
std::optional<AggregateKind> find_aggregate(std::string_view name);

class Aggregate {
 public:
  // Takes a row's value in. Returns the bytes by which this grew.
  size_t add(AggregateKind kind, Value value, const Row& row);
  // `percent`: of a percentile.
  Value result(AggregateKind kind, double percent) const;

 private:
  size_t keep(Value value, const Row& row);

  uint64_t count_ = 0;
  double sum_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // of the distances from the mean
  Value kept_;
  TimePoint kept_time_;
  uint64_t kept_order_ = 0;
  std::unique_ptr<std::vector<double>> numbers_;
  std::unique_ptr<std::unordered_set<std::string>> distinct_;
};

}  // namespace suiro::log_query
