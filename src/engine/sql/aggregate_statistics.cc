// SPDX-License-Identifier: Apache-2.0
// VAR_POP, VAR_SAMP, STDDEV_POP, STDDEV_SAMP, EXP_AVG, ANY and EVERY.
//
// Variances follow the reference's formula, (S2 - S1*S1/N) / (N or N-1), with sums that do not lose
// their low bits; of too few values they are NULL. EXP_AVG weighs a row by 2^(-age / half-life),
// its age being that at the newest row.
#include <algorithm>
#include <cmath>

#include "engine/sql/aggregate.h"
#include "engine/sql/convert.h"

namespace suiro::sql {
namespace {

using Args = std::span<const Value>;

enum class Spread { kVariance, kDeviation };
enum class Set { kPopulation, kSample };

class Variance final : public Accumulator {
 public:
  Variance(Type type, Spread spread, Set set)
      : type_(std::move(type)), spread_(spread), set_(set) {}
  Result<void> add(Args args, int64_t) override {
    if (args[0].null) return ok();
    const double x = real_of(type_, args[0]);
    ++count_;
    sum_.add(x);
    squares_.add(x * x);
    squares_.add(std::fma(x, x, -(x * x)));
    return ok();
  }
  Result<void> remove(Args args, int64_t) override {
    if (args[0].null) return ok();
    const double x = real_of(type_, args[0]);
    --count_;
    sum_.remove(x);
    squares_.remove(x * x);
    squares_.remove(std::fma(x, x, -(x * x)));
    return ok();
  }
  Result<Value> result(Arena&) const override {
    const int64_t divisor = set_ == Set::kSample ? count_ - 1 : count_;
    if (divisor <= 0) return Value{};
    if (!squares_.finite()) return Value::of_real(std::nan(""));
    const long double mean_part = sum_.wide() * sum_.wide() / static_cast<long double>(count_);
    const long double rest = std::max(0.0L, squares_.wide() - mean_part);
    const auto variance = static_cast<double>(rest / static_cast<long double>(divisor));
    return Value::of_real(spread_ == Spread::kDeviation ? std::sqrt(variance) : variance);
  }
  void encode(Bytes& to) const override {
    StateWriter out(to, kAggregateVersion);
    out.integer(count_);
    sum_.encode(out);
    squares_.encode(out);
  }
  Result<void> decode(ByteView from) override {
    StateReader in(from, kAggregateVersion);
    count_ = in.counted();
    sum_.decode(in);
    squares_.decode(in);
    return in.finish();
  }
  size_t size_bytes() const override { return sizeof(*this); }

 private:
  Type type_;
  Spread spread_;
  Set set_;
  int64_t count_ = 0;
  RealSum sum_;
  RealSum squares_;
};

Registry::Aggregator variance(Spread spread, Set set) {
  return [spread, set](const AggregateCall& call) -> Result<BoundAggregate> {
    TRY_VOID(expect_aggregate_args(call, 1, 1));
    TRY_VOID(expect_numeric(call.name, call.args, 0));
    BoundAggregate out;
    out.type = simple_type(TypeKind::kDouble);
    out.removable = true;
    const bool distinct = call.quantifier == AggregateCall::Quantifier::kDistinct;
    out.grows = distinct;
    out.create = [spread, set, distinct,
                  type = call.args[0].type]() -> std::unique_ptr<Accumulator> {
      auto inner = std::make_unique<Variance>(type, spread, set);
      if (!distinct) return inner;
      return make_distinct(type.lane(), std::move(inner));
    };
    return out;
  };
}

// The rows are kept, so that what rounding adds up over many removals is taken out again.
class ExponentialAverage final : public Accumulator {
 public:
  ExponentialAverage(Type type, int64_t half_life_ms)
      : type_(std::move(type)), half_life_ms_(half_life_ms) {}
  Result<void> add(Args args, int64_t row_time_ms) override {
    move_to(row_time_ms);
    const bool null = args[0].null;
    rows_.push_back({row_time_ms, null ? 0 : real_of(type_, args[0]), null});
    apply(rows_.back(), 1);
    return ok();
  }
  Result<void> remove(Args, int64_t) override {
    if (rows_.empty()) return ok();
    apply(rows_.front(), -1);
    rows_.pop_front();
    if (++removals_ >= kRemovalsUntilFresh || count_ == 0) refresh();
    return ok();
  }
  Result<Value> result(Arena&) const override {
    if (count_ == 0 || weight_ <= 0) return Value{};
    return Value::of_real(sum_ / weight_);
  }
  void encode(Bytes& to) const override {
    StateWriter out(to, kAggregateVersion);
    out.integer(now_ms_);
    out.real(sum_);
    out.real(weight_);
    out.unsigned_integer(removals_);
    out.unsigned_integer(rows_.size());
    for (const auto& row : rows_) {
      out.integer(row.time_ms);
      out.unsigned_integer(row.null ? 1 : 0);
      out.real(row.value);
    }
  }
  Result<void> decode(ByteView from) override {
    StateReader in(from, kAggregateVersion);
    now_ms_ = in.bounded();
    sum_ = in.real();
    weight_ = in.real();
    removals_ = in.unsigned_integer();
    rows_.clear();
    count_ = 0;
    constexpr size_t kRowBytes = 10;
    for (size_t left = in.count(kRowBytes, kRowsMax); left > 0 && !in.bad(); --left) {
      Row row;
      row.time_ms = in.bounded();
      row.null = in.unsigned_integer() != 0;
      row.value = in.real();
      count_ += row.null ? 0 : 1;
      rows_.push_back(row);
    }
    return in.finish();
  }
  size_t size_bytes() const override { return sizeof(*this) + rows_.size() * sizeof(Row); }

 private:
  static constexpr uint64_t kRemovalsUntilFresh = 1'024;
  static constexpr size_t kRowsMax = 10'000'000;
  struct Row {
    int64_t time_ms = 0;
    double value = 0;
    bool null = false;
  };

  double weight_at(int64_t age_ms) const {
    return std::exp2(-static_cast<double>(age_ms) / static_cast<double>(half_life_ms_));
  }
  void move_to(int64_t time_ms) {
    if (!rows_.empty() && time_ms > now_ms_) {
      const double factor = weight_at(time_ms - now_ms_);
      sum_ *= factor;
      weight_ *= factor;
    }
    if (rows_.empty() || time_ms > now_ms_) now_ms_ = time_ms;
  }
  void apply(const Row& row, int sign) {
    if (row.null) return;
    const double weight = weight_at(now_ms_ - row.time_ms);
    sum_ += sign * row.value * weight;
    weight_ += sign * weight;
    count_ += sign;
  }
  void refresh() {
    removals_ = 0;
    sum_ = weight_ = 0;
    count_ = 0;
    for (const auto& row : rows_) apply(row, 1);
  }

  Type type_;
  int64_t half_life_ms_;
  int64_t now_ms_ = 0;
  double sum_ = 0;
  double weight_ = 0;
  int64_t count_ = 0;
  uint64_t removals_ = 0;
  FrontQueue<Row> rows_;
};

Result<BoundAggregate> bind_exp_avg(const AggregateCall& call) {
  TRY_VOID(expect_aggregate_args(call, 2, 2));
  TRY_VOID(expect_numeric("EXP_AVG", call.args, 0));
  if (call.place != AggregateCall::Place::kWindow) return refuse("EXP_AVG needs OVER a window");
  const auto& half_life = call.args[1];
  const bool fine = half_life.type.kind == TypeKind::kIntervalDay && half_life.literal != nullptr &&
                    !half_life.literal->null && half_life.literal->integer > 0;
  if (!fine) return refuse("EXP_AVG: the half-life must be a constant interval above zero");
  BoundAggregate out;
  out.type = simple_type(TypeKind::kDouble);
  out.removable = true;
  out.grows = true;
  out.create = [type = call.args[0].type, ms = half_life.literal->integer] {
    return std::make_unique<ExponentialAverage>(type, ms);
  };
  return out;
}

enum class Truth { kAny, kEvery };

class Truths final : public Accumulator {
 public:
  explicit Truths(Truth truth) : truth_(truth) {}
  Result<void> add(Args args, int64_t) override {
    if (!args[0].null) ++(args[0].integer != 0 ? true_ : false_);
    return ok();
  }
  Result<void> remove(Args args, int64_t) override {
    if (!args[0].null) --(args[0].integer != 0 ? true_ : false_);
    return ok();
  }
  Result<Value> result(Arena&) const override {
    if (true_ + false_ == 0) return Value{};
    const bool yes = truth_ == Truth::kAny ? true_ > 0 : false_ == 0;
    return Value::of_integer(yes ? 1 : 0);
  }
  void encode(Bytes& to) const override {
    StateWriter out(to, kAggregateVersion);
    out.integer(true_);
    out.integer(false_);
  }
  Result<void> decode(ByteView from) override {
    StateReader in(from, kAggregateVersion);
    true_ = in.counted();
    false_ = in.counted();
    return in.finish();
  }
  size_t size_bytes() const override { return sizeof(*this); }

 private:
  Truth truth_;
  int64_t true_ = 0;
  int64_t false_ = 0;
};

Registry::Aggregator truths(Truth truth) {
  return [truth](const AggregateCall& call) -> Result<BoundAggregate> {
    TRY_VOID(expect_aggregate_args(call, 1, 1));
    const auto kind = call.args[0].type.kind;
    if (kind != TypeKind::kBoolean && kind != TypeKind::kNull) {
      return refuse("{} needs a BOOLEAN, not {}", call.name, call.args[0].type.text());
    }
    BoundAggregate out;
    out.type = simple_type(TypeKind::kBoolean);
    out.removable = true;
    out.create = [truth] { return std::make_unique<Truths>(truth); };
    return out;
  };
}

}  // namespace

void add_statistics(Registry& to) {
  to.aggregates["VAR_POP"] = variance(Spread::kVariance, Set::kPopulation);
  to.aggregates["VAR_SAMP"] = variance(Spread::kVariance, Set::kSample);
  to.aggregates["STDDEV_POP"] = variance(Spread::kDeviation, Set::kPopulation);
  for (const auto* name : {"STDDEV_SAMP", "STDDEV", "STD_DEV"}) {
    to.aggregates[name] = variance(Spread::kDeviation, Set::kSample);
  }
  to.aggregates["EXP_AVG"] = bind_exp_avg;
  to.aggregates["ANY"] = truths(Truth::kAny);
  to.aggregates["EVERY"] = truths(Truth::kEvery);
}

}  // namespace suiro::sql
