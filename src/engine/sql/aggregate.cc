// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/aggregate.h"

namespace suiro::sql {

void RealSum::apply(double value, int64_t sign) {
  if (std::isnan(value)) {
    not_numbers_ += sign;
    return;
  }
  if (std::isinf(value)) {
    (value > 0 ? positive_ : negative_) += sign;
    return;
  }
  const double term = sign > 0 ? value : -value;
  const double sum = high_ + term;
  const double part = sum - high_;
  low_ += (high_ - (sum - part)) + (term - part);
  high_ = sum;
}

void RealSum::encode(StateWriter& to) const {
  to.real(high_);
  to.real(low_);
  to.integer(positive_);
  to.integer(negative_);
  to.integer(not_numbers_);
}

void RealSum::decode(StateReader& from) {
  high_ = from.real();
  low_ = from.real();
  positive_ = from.counted();
  negative_ = from.counted();
  not_numbers_ = from.counted();
}

Result<void> expect_aggregate_args(const AggregateCall& call, size_t least, size_t most) {
  return expect_count(call.name, call.args, least, most);
}

}  // namespace suiro::sql
