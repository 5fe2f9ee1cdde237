// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/evaluate.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "engine/sql/evaluate_steps.h"

namespace suiro::sql {

Evaluator::Evaluator(std::vector<ExprPtr> roots, int64_t query_start_ms)
    : query_start_ms_(query_start_ms) {
  for (const ExprPtr& root : roots) roots_.push_back(add(root));
}
Evaluator::~Evaluator() = default;
Evaluator::Evaluator(Evaluator&&) noexcept = default;
Evaluator& Evaluator::operator=(Evaluator&&) noexcept = default;

size_t Evaluator::add(const ExprPtr& expr) {
  auto found = known_.find(expr.get());
  if (found != known_.end()) return found->second;
  auto step = std::make_unique<Step>();
  step->expr = expr;
  for (const ExprPtr& arg : expr->args) step->args.push_back(add(arg));
  step->op = choose(*expr, *step);
  step->out.lane = expr->type.lane();
  steps_.push_back(std::move(step));
  if (expr->type.kind == TypeKind::kRow) known_[expr.get()] = steps_.size() - 1;
  return steps_.size() - 1;
}

void Evaluator::run(const Rows& rows, std::vector<uint32_t>& selection, Arena& arena) {
  errors_.clear();
  failed_.assign(rows.size(), 0);
  ++batch_number_;
  Batch batch{rows, arena, selection.data(),
              selection.size() == rows.size() ? Batch::Rest::kNone : Batch::Rest::kSome};
  for (size_t root : roots_) run_step(root, batch, selection);
  if (errors_.empty()) return;
  std::erase_if(selection, [&](uint32_t row) { return failed_[row] != 0; });
  std::sort(errors_.begin(), errors_.end(),
            [](const RowError& a, const RowError& b) { return a.row < b.row; });
}

const Vector& Evaluator::result(size_t root) const {
  return out(roots_[root]);
}

std::vector<Lane> Evaluator::lanes() const {
  std::vector<Lane> lanes;
  for (size_t root : roots_) lanes.push_back(steps_[root]->expr->type.lane());
  return lanes;
}

const Vector& Evaluator::out(size_t index) const {
  const Step& step = *steps_[index];
  return step.borrowed != nullptr ? *step.borrowed : step.out;
}

void Evaluator::fail_row(uint32_t row, Error error) {
  if (failed_[row] != 0) return;
  failed_[row] = 1;
  errors_.push_back({row, std::move(error)});
}

// Results are kept for the whole batch where they were made for all of its rows; below a branch
// they are made anew.
void Evaluator::run_step(size_t index, const Batch& batch, std::span<const uint32_t> selection) {
  Step& step = *steps_[index];
  if (step.whole_batch == batch_number_) return;
  dispatch(step, batch, selection);
  if (selection.data() == batch.selection) step.whole_batch = batch_number_;
}

void Evaluator::dispatch(Step& step, const Batch& batch, std::span<const uint32_t> selection) {
  if (step.op != Op::kAnd && step.op != Op::kOr && step.op != Op::kCase) {
    for (size_t arg : step.args) run_step(arg, batch, selection);
  }
  switch (step.op) {
    case Op::kColumn:
      step.borrowed = &batch.rows.columns[step.expr->column];
      return;
    case Op::kRowtime:
      reset(step.out, batch.rows.size());
      for (uint32_t row : selection) step.out.integers[row] = batch.rows.rowtimes_ms[row];
      return;
    case Op::kLiteral:
      fill(step.out, batch.rows.size(), step.expr->literal);
      return;
    case Op::kIntegerArithmetic:
      return integer_arithmetic(step, batch, selection);
    case Op::kRealArithmetic:
      return real_arithmetic(step, batch, selection);
    case Op::kIntegerCompare:
    case Op::kRealCompare:
    case Op::kTextCompare:
      return compare(step, batch, selection);
    case Op::kFloorTo:
      reset(step.out, batch.rows.size());
      merge_nulls(step.out, out(step.args[0]), selection);
      for (uint32_t row : selection) {
        int64_t value = out(step.args[0]).integers[row];
        step.out.integers[row] = value - floor_modulo(value, step.unit_ms);
      }
      return;
    case Op::kIsNull: {
      const Vector& from = out(step.args[0]);
      reset(step.out, batch.rows.size());
      for (uint32_t row : selection) {
        step.out.integers[row] = !from.nulls.empty() && from.nulls[row] != 0 ? 1 : 0;
      }
      return;
    }
    case Op::kNot:
      reset(step.out, batch.rows.size());
      merge_nulls(step.out, out(step.args[0]), selection);
      for (uint32_t row : selection) {
        step.out.integers[row] = is_null(step.out, row) ? 0 : 1 - out(step.args[0]).integers[row];
      }
      return;
    case Op::kAnd:
    case Op::kOr:
      return logic(step, batch, selection);
    case Op::kCase:
      return choose_case(step, batch, selection);
    case Op::kField:
      return field(step, selection);
    case Op::kCall:
      return call(step, batch, selection);
  }
}

void Evaluator::call(Step& step, const Batch& batch, std::span<const uint32_t> selection) {
  reset(step.out, batch.rows.size());
  if (step.expr->type.kind == TypeKind::kRow) step.fields.assign(batch.rows.size(), nullptr);
  for (uint32_t row : selection) call_row(step, batch, row);
}

void Evaluator::call_row(Step& step, const Batch& batch, uint32_t row) {
  if (failed_[row] != 0) return;
  const BoundFunction& function = *step.expr->function;
  step.values.resize(step.args.size());
  for (size_t i = 0; i < step.args.size(); ++i) {
    step.values[i] = value_at(out(step.args[i]), row);
    if (function.null_on_null && step.values[i].null) return set_null(step.out, row);
  }
  EvalContext context{batch.arena, batch.rows.rowtimes_ms[row], query_start_ms_};
  auto result = function.eval(step.values, context);
  if (!result) {
    set_null(step.out, row);
    return fail_row(row, std::move(result).error());
  }
  if (result->null) return set_null(step.out, row);
  if (step.expr->type.kind == TypeKind::kRow) {
    step.fields[row] = result->fields;
    return;
  }
  set_value(step.out, row, *result);
}

void Evaluator::field(Step& step, std::span<const uint32_t> selection) {
  const Step& from = *steps_[step.args[0]];
  reset(step.out, from.fields.size());
  for (uint32_t row : selection) {
    const Value* fields = from.fields[row];
    if (fields == nullptr || fields[step.expr->column].null) {
      set_null(step.out, row);
    } else {
      set_value(step.out, row, fields[step.expr->column]);
    }
  }
}

void Evaluator::integer_arithmetic(Step& step, const Batch& batch,
                                   std::span<const uint32_t> selection) {
  const Vector& a = out(step.args[0]);
  const Vector& b = out(step.args[1]);
  reset(step.out, batch.rows.size());
  merge_nulls(step.out, a, selection);
  merge_nulls(step.out, b, selection);
  for (uint32_t row : selection) {
    int64_t x = a.integers[row], y = b.integers[row], z = 0;
    bool done = false;
    switch (step.symbol) {
      case '+':
        done = !__builtin_add_overflow(x, y, &z);
        break;
      case '-':
        done = !__builtin_sub_overflow(x, y, &z);
        break;
      case '*':
        done = !__builtin_mul_overflow(x, y, &z);
        break;
      case '/':
        done = y != 0 && y != -1;
        if (done) z = x / y;
        break;
      default:
        break;
    }
    if (done && z >= step.least && z <= step.most) {
      step.out.integers[row] = z;
    } else if (!is_null(step.out, row)) {
      call_row(step, batch, row);
    }
  }
}

void Evaluator::real_arithmetic(Step& step, const Batch& batch,
                                std::span<const uint32_t> selection) {
  const Vector& a = out(step.args[0]);
  const Vector& b = out(step.args[1]);
  reset(step.out, batch.rows.size());
  merge_nulls(step.out, a, selection);
  merge_nulls(step.out, b, selection);
  for (uint32_t row : selection) {
    double x = a.reals[row], y = b.reals[row], z = 0;
    switch (step.symbol) {
      case '+':
        z = x + y;
        break;
      case '-':
        z = x - y;
        break;
      case '*':
        z = x * y;
        break;
      default:
        z = y != 0 ? x / y : std::nan("");
        break;
    }
    if (std::isfinite(z)) {
      step.out.reals[row] = z;
    } else if (!is_null(step.out, row)) {
      call_row(step, batch, row);
    }
  }
}

void Evaluator::compare(Step& step, const Batch& batch, std::span<const uint32_t> selection) {
  const Vector& a = out(step.args[0]);
  const Vector& b = out(step.args[1]);
  reset(step.out, batch.rows.size());
  merge_nulls(step.out, a, selection);
  merge_nulls(step.out, b, selection);
  auto loop = [&](const auto& x, const auto& y) {
    for (uint32_t row : selection) {
      step.out.integers[row] = holds(step.relation, x[row], y[row]) ? 1 : 0;
    }
  };
  if (step.op == Op::kIntegerCompare) return loop(a.integers, b.integers);
  if (step.op == Op::kTextCompare) return loop(a.texts, b.texts);
  for (uint32_t row : selection) {
    double x = a.reals[row], y = b.reals[row];
    if (std::isnan(x) || std::isnan(y)) {
      if (!is_null(step.out, row)) call_row(step, batch, row);
    } else {
      step.out.integers[row] = holds(step.relation, x, y) ? 1 : 0;
    }
  }
}

// Three-valued; the second argument is evaluated for the rows that the first does not decide.
void Evaluator::logic(Step& step, const Batch& batch, std::span<const uint32_t> selection) {
  const int64_t decides = step.op == Op::kAnd ? 0 : 1;
  run_step(step.args[0], batch, selection);
  const Vector& first = out(step.args[0]);
  std::vector<uint32_t> open;
  reset(step.out, batch.rows.size());
  for (uint32_t row : selection) {
    step.out.integers[row] = decides;
    if (failed_[row] != 0) continue;
    if (is_null(first, row) || first.integers[row] != decides) open.push_back(row);
  }
  run_step(step.args[1], batch, open);
  const Vector& left = out(step.args[0]);
  const Vector& right = out(step.args[1]);
  for (uint32_t row : open) {
    const bool unknown = is_null(right, row);
    if (!unknown && right.integers[row] == decides) continue;
    if (unknown || is_null(left, row)) {
      set_null(step.out, row);
    } else {
      step.out.integers[row] = 1 - decides;
    }
  }
}

void Evaluator::choose_case(Step& step, const Batch& batch, std::span<const uint32_t> selection) {
  reset(step.out, batch.rows.size());
  std::vector<uint32_t> open(selection.begin(), selection.end());
  auto assign = [&](size_t arg, std::span<const uint32_t> rows) {
    run_step(arg, batch, rows);
    const Vector& from = out(arg);
    for (uint32_t row : rows) {
      Value value = value_at(from, row);
      value.null ? set_null(step.out, row) : set_value(step.out, row, value);
    }
  };
  size_t i = 0;
  for (; i + 1 < step.args.size(); i += 2) {
    run_step(step.args[i], batch, open);
    const Vector& when = out(step.args[i]);
    std::vector<uint32_t> taken, rest;
    for (uint32_t row : open) {
      if (failed_[row] != 0) continue;
      const bool holds_here = !is_null(when, row) && when.integers[row] != 0;
      (holds_here ? taken : rest).push_back(row);
    }
    assign(step.args[i + 1], taken);
    open = std::move(rest);
  }
  if (i < step.args.size()) return assign(step.args[i], open);
  for (uint32_t row : open) set_null(step.out, row);
}

}  // namespace suiro::sql
