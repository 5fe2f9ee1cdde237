// SPDX-License-Identifier: Apache-2.0
// JoinKeys: one side's values of the equalities of a join, in a form in which equal values have
// equal bytes on both sides: numbers of different lanes as reals, CHAR without blanks at its end.
//
// Threads: one at a time. Columns are valid until the next run().
#pragma once

#include <span>
#include <vector>

#include "engine/sql/evaluate.h"
#include "engine/sql/plan.h"

namespace suiro::sql {

class JoinKeys {
 public:
  enum class Side { kLeft, kRight };
  // `first_column`: how many columns the plan numbers before those of the right side.
  JoinKeys(const std::vector<EquiKey>& keys, Side side, size_t first_column,
           int64_t query_start_ms);

  const std::vector<const Vector*>& run(const Rows& rows, std::vector<uint32_t>& selection,
                                        Arena& arena);
  std::span<const RowError> errors() const { return evaluator_.errors(); }
  const std::vector<Lane>& lanes() const { return lanes_; }
  // NULL equals nothing.
  static bool has_null(std::span<const Vector* const> keys, uint32_t row);

 private:
  enum class Form { kAsItIs, kReal, kTrimmed };
  std::vector<Lane> lanes_;
  std::vector<Form> forms_;
  std::vector<double> scales_;  // 10^scale of the integers that become reals
  Evaluator evaluator_;
  std::vector<Vector> made_;
  std::vector<const Vector*> columns_;
};

}  // namespace suiro::sql
