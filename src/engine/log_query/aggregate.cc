// SPDX-License-Identifier: Apache-2.0
#include "engine/log_query/aggregate.h"

#include <algorithm>
#include <cmath>

namespace suiro::log_query {
namespace {

struct Named {
  std::string_view name;
  AggregateKind kind;
};

constexpr Named kNames[] = {
    {"count", AggregateKind::kCount},
    {"count_distinct", AggregateKind::kCountDistinct},
    {"sum", AggregateKind::kSum},
    {"avg", AggregateKind::kAverage},
    {"min", AggregateKind::kMinimum},
    {"max", AggregateKind::kMaximum},
    {"pct", AggregateKind::kPercentile},
    {"stddev", AggregateKind::kDeviation},
    {"earliest", AggregateKind::kEarliest},
    {"latest", AggregateKind::kLatest},
    {"sortsfirst", AggregateKind::kSortsFirst},
    {"sortslast", AggregateKind::kSortsLast},
};

// What an entry of a set costs beside its text.
constexpr size_t kSetEntryBytes = 64;

}  // namespace

std::optional<AggregateKind> find_aggregate(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  auto found = std::ranges::find(kNames, lower, &Named::name);
  if (found == std::end(kNames)) return std::nullopt;
  return found->kind;
}

size_t Aggregate::keep(Value value, const Row& row) {
  size_t before = bytes_of(kept_), after = bytes_of(value);
  kept_ = std::move(value);
  kept_time_ = row.time;
  kept_order_ = row.order;
  return after > before ? after - before : 0;
}

size_t Aggregate::add(AggregateKind kind, Value value, const Row& row) {
  if (is_missing(value)) return 0;
  bool is_first = is_missing(kept_);
  auto place = [](TimePoint time, uint64_t order) { return std::pair(time, order); };
  switch (kind) {
    case AggregateKind::kCount:
      ++count_;
      return 0;
    case AggregateKind::kCountDistinct: {
      if (distinct_ == nullptr) distinct_ = std::make_unique<std::unordered_set<std::string>>();
      auto [entry, is_new] = distinct_->insert(text_of(value));
      return is_new ? entry->size() + kSetEntryBytes : 0;
    }
    case AggregateKind::kMinimum:
    case AggregateKind::kSortsFirst:
      return is_first || compare_in_sort(value, kept_) < 0 ? keep(std::move(value), row) : 0;
    case AggregateKind::kMaximum:
    case AggregateKind::kSortsLast:
      return is_first || compare_in_sort(value, kept_) > 0 ? keep(std::move(value), row) : 0;
    case AggregateKind::kEarliest: {
      bool is_earlier = place(row.time, row.order) < place(kept_time_, kept_order_);
      return is_first || is_earlier ? keep(std::move(value), row) : 0;
    }
    case AggregateKind::kLatest: {
      bool is_later = place(row.time, row.order) >= place(kept_time_, kept_order_);
      return is_first || is_later ? keep(std::move(value), row) : 0;
    }
    case AggregateKind::kSum:
    case AggregateKind::kAverage:
    case AggregateKind::kDeviation:
    case AggregateKind::kPercentile:
      break;
  }
  auto number = number_of(value);
  if (!number) return 0;
  ++count_;
  sum_ += *number;
  double distance = *number - mean_;
  mean_ += distance / static_cast<double>(count_);
  squares_ += distance * (*number - mean_);
  if (kind != AggregateKind::kPercentile) return 0;
  if (numbers_ == nullptr) numbers_ = std::make_unique<std::vector<double>>();
  size_t before = numbers_->capacity();
  numbers_->push_back(*number);
  return (numbers_->capacity() - before) * sizeof(double);
}

Value Aggregate::result(AggregateKind kind, double percent) const {
  auto count = static_cast<double>(count_);
  switch (kind) {
    case AggregateKind::kCount:
      return static_cast<int64_t>(count_);
    case AggregateKind::kCountDistinct:
      return static_cast<int64_t>(distinct_ == nullptr ? 0 : distinct_->size());
    case AggregateKind::kSum:
      return count_ == 0 ? Value() : value_of(sum_);
    case AggregateKind::kAverage:
      return count_ == 0 ? Value() : value_of(sum_ / count);
    case AggregateKind::kDeviation:
      return count_ == 0 ? Value() : value_of(std::sqrt(squares_ / count));
    case AggregateKind::kPercentile: {
      if (numbers_ == nullptr) return {};
      // The nearest rank: the smallest value that so many percent of all do not exceed.
      double rank = std::max(1.0, std::ceil(percent / 100 * count));
      std::vector<double> sorted = *numbers_;
      auto nth = sorted.begin() + static_cast<std::ptrdiff_t>(rank) - 1;
      std::ranges::nth_element(sorted, nth);
      return *nth;
    }
    default:
      return kept_;
  }
}

}  // namespace suiro::log_query
