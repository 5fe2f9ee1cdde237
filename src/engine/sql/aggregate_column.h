// SPDX-License-Identifier: Apache-2.0
// AggregateColumn: one aggregate of all open groups. COUNT, SUM, MIN, MAX and AVG of numbers lie in
// arrays; the others are an accumulator a group.
//
// Invariants: 1. Groups are numbered from 0 without gaps. 2. The arrays give what the accumulators
// give. 3. bytes() is content alone: the same after decode(). 4. A result that its type cannot hold
// is an error of the group's row.
// Threads: one at a time.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/sql/evaluate.h"
#include "engine/sql/plan.h"

namespace suiro::sql {

// Rows of a batch, and the group of each.
struct GroupedRows {
  std::span<const uint32_t> rows;
  std::span<const uint32_t> groups;
  std::span<const int64_t> rowtimes_ms;  // by row of the batch
};

class AggregateColumn {
 public:
  virtual ~AggregateColumn() = default;
  virtual void resize(size_t groups) = 0;
  // Whether growth() must be asked for each row: what the row adds to bytes(), beyond
  // bytes_per_group() of a new group (KeyTable::kNone), or why it cannot be added.
  enum class Grows { kNo, kYes };
  virtual Grows grows() const { return Grows::kNo; }
  virtual Result<size_t> growth(uint32_t, uint32_t, std::span<const Vector* const>) {
    return size_t{0};
  }
  virtual void add(const GroupedRows& rows, std::span<const Vector* const> args,
                   std::vector<RowError>& errors) = 0;
  // Results of all groups, in their order; groups that fail are NULL and in `errors`.
  virtual Vector results(Arena& arena, std::vector<RowError>& errors) const = 0;
  virtual void clear() = 0;
  virtual size_t bytes() const = 0;
  virtual size_t bytes_per_group() const = 0;
  virtual void encode(SnapshotWriter& to) const = 0;
  virtual void decode(SnapshotReader& from) = 0;
};

std::unique_ptr<AggregateColumn> make_aggregate_column(const Aggregate& aggregate);

}  // namespace suiro::sql
