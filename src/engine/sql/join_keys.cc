// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/join_keys.h"

#include <cmath>

namespace suiro::sql {
namespace {

// The plan numbers the right side's columns behind the left's; here they stand alone.
ExprPtr shifted(const ExprPtr& expr, size_t first) {
  auto out = std::make_shared<Expr>(*expr);
  if (out->kind == Expr::Kind::kColumn) out->column -= first;
  for (ExprPtr& arg : out->args) arg = shifted(arg, first);
  if (!out->literal.null && out->type.lane() == Lane::kText) out->literal.text = out->literal_text;
  return out;
}

std::vector<ExprPtr> roots(const std::vector<EquiKey>& keys, JoinKeys::Side side, size_t first) {
  std::vector<ExprPtr> out;
  for (const EquiKey& key : keys) {
    out.push_back(side == JoinKeys::Side::kLeft ? key.left : shifted(key.right, first));
  }
  return out;
}

uint32_t scale_of(const Type& type) {
  return type.kind == TypeKind::kDecimal ? type.scale : 0;
}

}  // namespace

JoinKeys::JoinKeys(const std::vector<EquiKey>& keys, Side side, size_t first_column,
                   int64_t query_start_ms)
    : evaluator_(roots(keys, side, first_column), query_start_ms) {
  for (const EquiKey& key : keys) {
    const Type& own = side == Side::kLeft ? key.left->type : key.right->type;
    const Type& other = side == Side::kLeft ? key.right->type : key.left->type;
    scales_.push_back(std::pow(10.0, scale_of(own)));
    if (own.lane() == Lane::kText) {
      const bool padded = own.kind == TypeKind::kChar || other.kind == TypeKind::kChar;
      forms_.push_back(padded ? Form::kTrimmed : Form::kAsItIs);
      lanes_.push_back(Lane::kText);
    } else if (own.lane() != other.lane() || scale_of(own) != scale_of(other)) {
      forms_.push_back(Form::kReal);
      lanes_.push_back(Lane::kReal);
    } else {
      forms_.push_back(Form::kAsItIs);
      lanes_.push_back(own.lane());
    }
  }
  made_.resize(keys.size());
}

const std::vector<const Vector*>& JoinKeys::run(const Rows& rows, std::vector<uint32_t>& selection,
                                                Arena& arena) {
  evaluator_.run(rows, selection, arena);
  columns_.clear();
  for (size_t k = 0; k < forms_.size(); ++k) {
    const Vector& from = evaluator_.result(k);
    if (forms_[k] == Form::kAsItIs || (forms_[k] == Form::kReal && from.lane == Lane::kReal)) {
      columns_.push_back(&from);
      continue;
    }
    Vector& made = made_[k];
    made.lane = lanes_[k];
    made.nulls = from.nulls;
    if (forms_[k] == Form::kTrimmed) {
      made.texts.resize(rows.size());
      for (uint32_t row : selection) {
        const std::string_view text = from.texts[row];
        made.texts[row] = text.substr(0, text.find_last_not_of(' ') + 1);
      }
    } else {
      made.reals.resize(rows.size());
      for (uint32_t row : selection) {
        made.reals[row] = static_cast<double>(from.integers[row]) / scales_[k];
      }
    }
    columns_.push_back(&made);
  }
  return columns_;
}

bool JoinKeys::has_null(std::span<const Vector* const> keys, uint32_t row) {
  for (const Vector* key : keys) {
    if (!key->nulls.empty() && key->nulls[row] != 0) return true;
  }
  return false;
}

}  // namespace suiro::sql
