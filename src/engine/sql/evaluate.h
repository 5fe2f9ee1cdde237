// SPDX-License-Identifier: Apache-2.0
// Evaluator: expressions over batches of rows, a column at a time. References, literals,
// arithmetic, comparisons, FLOOR and STEP of timestamps run as loops; AND, OR and CASE evaluate
// their branches for those rows only that need them; everything else goes through the bound
// function, row by row.
//
// Invariants:
//  1. The loops give what the bound functions give: where a loop cannot (overflow, division by
//     zero), it asks the function for that row.
//  2. A call that gives a ROW is evaluated once, however many of its fields are read.
//  3. A row whose evaluation fails is reported once, with its first error.
// Threads: one at a time. Results are valid until the next call, or while the batch lives for
// references to its columns.
#pragma once

#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/sql/plan.h"
#include "engine/sql/row_codec.h"

namespace suiro::sql {

struct RowError {
  uint32_t row = 0;
  Error error;
};

class Evaluator {
 public:
  Evaluator(std::vector<ExprPtr> roots, int64_t query_start_ms);
  ~Evaluator();
  Evaluator(Evaluator&&) noexcept;
  Evaluator& operator=(Evaluator&&) noexcept;

  // Evaluates every root for the rows of `selection`; texts that are made live in `arena`. Rows
  // that fail are taken out of `selection` and described in errors().
  void run(const Rows& rows, std::vector<uint32_t>& selection, Arena& arena);
  // As many slots as the batch has rows; those outside the selection hold anything.
  const Vector& result(size_t root) const;
  std::span<const RowError> errors() const { return errors_; }
  size_t roots() const { return roots_.size(); }
  std::vector<Lane> lanes() const;

 private:
  enum class Op {
    kColumn,
    kRowtime,
    kLiteral,
    kIntegerArithmetic,
    kRealArithmetic,
    kIntegerCompare,
    kRealCompare,
    kTextCompare,
    kFloorTo,
    kIsNull,
    kNot,
    kAnd,
    kOr,
    kCase,
    kField,
    kCall,
  };
  struct Step;
  struct Batch;

  size_t add(const ExprPtr& expr);
  static Op choose(const Expr& expr, Step& step);
  void run_step(size_t index, const Batch& batch, std::span<const uint32_t> selection);
  void dispatch(Step& step, const Batch& batch, std::span<const uint32_t> selection);
  const Vector& out(size_t index) const;
  void call(Step& step, const Batch& batch, std::span<const uint32_t> selection);
  void call_row(Step& step, const Batch& batch, uint32_t row);
  void integer_arithmetic(Step& step, const Batch& batch, std::span<const uint32_t> selection);
  void real_arithmetic(Step& step, const Batch& batch, std::span<const uint32_t> selection);
  void compare(Step& step, const Batch& batch, std::span<const uint32_t> selection);
  void logic(Step& step, const Batch& batch, std::span<const uint32_t> selection);
  void choose_case(Step& step, const Batch& batch, std::span<const uint32_t> selection);
  void field(Step& step, std::span<const uint32_t> selection);
  void fail_row(uint32_t row, Error error);

  int64_t query_start_ms_;
  std::vector<std::unique_ptr<Step>> steps_;
  std::unordered_map<const Expr*, size_t> known_;
  std::vector<size_t> roots_;
  std::vector<RowError> errors_;
  std::vector<uint8_t> failed_;  // by row of the batch
  uint64_t batch_number_ = 0;
};

// Whether the expression looks at nothing of a row but its ROWTIME.
bool depends_on_rowtime_alone(const Expr& expr);
// Of a constant or an expression of ROWTIME alone, at this row time.
Result<Value> evaluate_at(const ExprPtr& expr, int64_t rowtime_ms, int64_t query_start_ms,
                          Arena& arena);

}  // namespace suiro::sql
