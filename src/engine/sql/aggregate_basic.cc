// SPDX-License-Identifier: Apache-2.0
// COUNT, SUM, AVG, MIN and MAX. NULLs are left out; of no values: NULL, COUNT 0. SUM of whole
// numbers is a BIGINT, of decimals a decimal of the same scale; AVG has its argument's type and is
// cut towards zero where that is exact (29 and 32 give 30).
#include <limits>
#include <map>

#include "engine/sql/aggregate.h"
#include "engine/sql/convert.h"

namespace suiro::sql {
namespace {

constexpr size_t kDistinctMax = 1'000'000;  // values of one SUM(DISTINCT ..)

using Args = std::span<const Value>;

class Count final : public Accumulator {
 public:
  Result<void> add(Args args, int64_t) override {
    if (args.empty() || !args[0].null) ++count_;
    return ok();
  }
  Result<void> remove(Args args, int64_t) override {
    if (args.empty() || !args[0].null) --count_;
    return ok();
  }
  Result<Value> result(Arena&) const override { return Value::of_integer(count_); }
  void encode(Bytes& to) const override { StateWriter(to, kAggregateVersion).integer(count_); }
  Result<void> decode(ByteView from) override {
    StateReader in(from, kAggregateVersion);
    count_ = in.counted();
    return in.finish();
  }
  size_t size_bytes() const override { return sizeof(*this); }

 private:
  int64_t count_ = 0;
};

enum class Mean { kSum, kAverage };

// Sums of the integer lane, in 128 bits: nothing overflows before the result.
class ExactSum final : public Accumulator {
 public:
  ExactSum(Mean mean, Type type) : mean_(mean), type_(std::move(type)) {}
  Result<void> add(Args args, int64_t) override {
    if (args[0].null) return ok();
    sum_ += args[0].integer;
    ++count_;
    return ok();
  }
  Result<void> remove(Args args, int64_t) override {
    if (args[0].null) return ok();
    sum_ -= args[0].integer;
    --count_;
    return ok();
  }
  Result<Value> result(Arena&) const override {
    if (count_ == 0) return Value{};
    const __int128 value = mean_ == Mean::kSum ? sum_ : sum_ / count_;
    constexpr __int128 kMost = std::numeric_limits<int64_t>::max();
    if (value > kMost || value < -kMost - 1 || !fits(type_, static_cast<int64_t>(value))) {
      return fail(errors::kNumericOverflow, "the sum is outside " + type_.text());
    }
    return Value::of_integer(static_cast<int64_t>(value));
  }
  void encode(Bytes& to) const override {
    StateWriter out(to, kAggregateVersion);
    out.integer(count_);
    out.integer(static_cast<int64_t>(sum_ >> 64));
    out.unsigned_integer(static_cast<uint64_t>(sum_));
  }
  Result<void> decode(ByteView from) override {
    StateReader in(from, kAggregateVersion);
    count_ = in.counted();
    const auto high = static_cast<unsigned __int128>(static_cast<__int128>(in.bounded()));
    sum_ = static_cast<__int128>((high << 64) | in.unsigned_integer());
    return in.finish();
  }
  size_t size_bytes() const override { return sizeof(*this); }

 private:
  Mean mean_;
  Type type_;
  int64_t count_ = 0;
  __int128 sum_ = 0;
};

class ApproximateSum final : public Accumulator {
 public:
  explicit ApproximateSum(Mean mean) : mean_(mean) {}
  Result<void> add(Args args, int64_t) override {
    if (args[0].null) return ok();
    sum_.add(args[0].real);
    ++count_;
    return ok();
  }
  Result<void> remove(Args args, int64_t) override {
    if (args[0].null) return ok();
    sum_.remove(args[0].real);
    --count_;
    return ok();
  }
  Result<Value> result(Arena&) const override {
    if (count_ == 0) return Value{};
    const double sum = sum_.result();
    return Value::of_real(mean_ == Mean::kSum ? sum : sum / static_cast<double>(count_));
  }
  void encode(Bytes& to) const override {
    StateWriter out(to, kAggregateVersion);
    out.integer(count_);
    sum_.encode(out);
  }
  Result<void> decode(ByteView from) override {
    StateReader in(from, kAggregateVersion);
    count_ = in.counted();
    sum_.decode(in);
    return in.finish();
  }
  size_t size_bytes() const override { return sizeof(*this); }

 private:
  Mean mean_;
  int64_t count_ = 0;
  RealSum sum_;
};

enum class Extreme { kLeast, kGreatest };

bool better(Extreme extreme, Lane lane, const Value& a, const Value& b) {
  const int order = compare_values(lane, a, b);
  return extreme == Extreme::kLeast ? order < 0 : order > 0;
}

class GroupExtreme final : public Accumulator {
 public:
  GroupExtreme(Extreme extreme, Lane lane) : extreme_(extreme), lane_(lane) {}
  Result<void> add(Args args, int64_t) override {
    if (args[0].null) return ok();
    const Value best = best_.get();
    if (best.null || better(extreme_, lane_, args[0], best)) best_.assign(lane_, args[0]);
    return ok();
  }
  Result<size_t> growth(Args args) const override { return best_.growth(lane_, args[0]); }
  Result<void> remove(Args, int64_t) override {
    return fail(codes::kInternal, "MIN and MAX of a group are not removable");
  }
  Result<Value> result(Arena& arena) const override {
    Value out = best_.get();
    if (!out.null && lane_ == Lane::kText) out.text = arena.keep(out.text);
    return out;
  }
  void encode(Bytes& to) const override {
    StateWriter(to, kAggregateVersion).value(lane_, best_.get());
  }
  Result<void> decode(ByteView from) override {
    StateReader in(from, kAggregateVersion);
    best_.assign(lane_, in.value(lane_));
    return in.finish();
  }
  size_t size_bytes() const override { return best_.size_bytes() + sizeof(*this); }

 private:
  Extreme extreme_;
  Lane lane_;
  OwnedValue best_;
};

// A deque of the values that may still become the best: each is better than those behind it, so
// every row enters and leaves it at most once.
class WindowExtreme final : public Accumulator {
 public:
  WindowExtreme(Extreme extreme, Lane lane) : extreme_(extreme), lane_(lane) {}
  Result<void> add(Args args, int64_t) override {
    const uint64_t row = added_++;
    if (args[0].null) return ok();
    while (!best_.empty() && !better(extreme_, lane_, best_.back().value.get(), args[0])) {
      best_.pop_back();
    }
    best_.push_back({row, OwnedValue(lane_, args[0])});
    return ok();
  }
  Result<void> remove(Args, int64_t) override {
    if (!best_.empty() && best_.front().row == removed_) best_.pop_front();
    ++removed_;
    return ok();
  }
  Result<Value> result(Arena& arena) const override {
    if (best_.empty()) return Value{};
    Value out = best_.front().value.get();
    if (lane_ == Lane::kText) out.text = arena.keep(out.text);
    return out;
  }
  void encode(Bytes& to) const override {
    StateWriter out(to, kAggregateVersion);
    out.unsigned_integer(added_ - removed_);
    out.unsigned_integer(best_.size());
    for (const auto& entry : best_) {
      out.unsigned_integer(entry.row - removed_);
      out.value(lane_, entry.value.get());
    }
  }
  Result<void> decode(ByteView from) override {
    StateReader in(from, kAggregateVersion);
    removed_ = 0;
    added_ = in.unsigned_integer();
    best_.clear();
    for (size_t left = in.count(2, added_); left > 0 && !in.bad(); --left) {
      const uint64_t row = in.unsigned_integer();
      if (row >= added_ || (!best_.empty() && row <= best_.back().row)) in.spoil();
      best_.push_back({row, OwnedValue(lane_, in.value(lane_))});
    }
    return in.finish();
  }
  size_t size_bytes() const override { return sizeof(*this) + best_.size_bytes(); }

 private:
  struct Entry {
    uint64_t row;
    OwnedValue value;
  };
  Extreme extreme_;
  Lane lane_;
  uint64_t added_ = 0;
  uint64_t removed_ = 0;
  FrontQueue<Entry> best_;
};

// Passes each value on once; a window's rows are counted, so that the last of a value takes it
// away.
class Distinct final : public Accumulator {
 public:
  Distinct(Lane lane, std::unique_ptr<Accumulator> inner) : lane_(lane), inner_(std::move(inner)) {}
  Result<void> add(Args args, int64_t row_time_ms) override {
    if (args[0].null) return ok();
    auto text = key(args[0]);
    auto found = counts_.find(text);
    if (found == counts_.end()) {
      if (counts_.size() >= kDistinctMax) return fail(too_many());
      bytes_ += node_bytes(text);
      found = counts_.emplace(std::move(text), 0).first;
    }
    return ++found->second == 1 ? inner_->add(args, row_time_ms) : ok();
  }
  Result<size_t> growth(Args args) const override {
    if (args[0].null) return size_t{0};
    const Bytes text = key(args[0]);
    if (counts_.contains(text)) return size_t{0};
    if (counts_.size() >= kDistinctMax) return fail(too_many());
    return node_bytes(text);
  }
  Result<void> remove(Args args, int64_t row_time_ms) override {
    if (args[0].null) return ok();
    auto found = counts_.find(key(args[0]));
    if (found == counts_.end() || --found->second > 0) return ok();
    bytes_ -= node_bytes(found->first);
    counts_.erase(found);
    return inner_->remove(args, row_time_ms);
  }
  Result<Value> result(Arena& arena) const override { return inner_->result(arena); }
  void encode(Bytes& to) const override {
    StateWriter out(to, kAggregateVersion);
    out.unsigned_integer(counts_.size());
    for (const auto& [text, count] : counts_) {
      out.text(text);
      out.unsigned_integer(count);
    }
    Bytes inner;
    inner_->encode(inner);
    out.text(inner);
  }
  Result<void> decode(ByteView from) override {
    StateReader in(from, kAggregateVersion);
    counts_.clear();
    bytes_ = 0;
    for (size_t left = in.count(2, kDistinctMax); left > 0 && !in.bad(); --left) {
      const Bytes text(in.text());
      const auto [entry, fresh] = counts_.emplace(text, in.unsigned_integer());
      if (fresh) bytes_ += node_bytes(entry->first);
    }
    const auto inner = in.text();
    TRY_VOID(in.finish());
    return inner_->decode(inner);
  }
  size_t size_bytes() const override { return sizeof(*this) + inner_->size_bytes() + bytes_; }

 private:
  static size_t node_bytes(const Bytes& text) {
    constexpr size_t kNodeBytes = 96;
    return kNodeBytes + text.size();
  }
  static Error too_many() {
    return {errors::kLimit,
            fmt::format("more than {} distinct values", kDistinctMax),
            Retry::kNever,
            {}};
  }
  Bytes key(const Value& value) const {
    Bytes out;
    StateWriter(out, kAggregateVersion).value(lane_, value);
    return out;
  }
  Lane lane_;
  std::unique_ptr<Accumulator> inner_;
  std::map<Bytes, uint64_t> counts_;
  size_t bytes_ = 0;  // of the nodes
};

}  // namespace

std::unique_ptr<Accumulator> make_distinct(Lane lane, std::unique_ptr<Accumulator> inner) {
  return std::make_unique<Distinct>(lane, std::move(inner));
}

namespace {

Result<BoundAggregate> bind_count(const AggregateCall& call) {
  TRY_VOID(expect_aggregate_args(call, 0, 1));
  if (call.quantifier == AggregateCall::Quantifier::kDistinct) {
    return refuse(
        "COUNT(DISTINCT ..) is not in the language: count over SELECT STREAM DISTINCT, or "
        "use COUNT_DISTINCT_ITEMS_TUMBLING");
  }
  BoundAggregate out;
  out.type = simple_type(TypeKind::kBigint);
  out.type.nullable = false;
  out.create = [] { return std::make_unique<Count>(); };
  out.removable = true;
  out.fast = call.args.empty() ? BoundAggregate::Fast::kCountRows : BoundAggregate::Fast::kCount;
  return out;
}

Type sum_type(const Type& type, Mean mean) {
  if (mean == Mean::kAverage) return type;
  if (type.is_integer()) return simple_type(TypeKind::kBigint);
  if (type.kind == TypeKind::kDecimal) return decimal_type(kDecimalDigitsMax, type.scale);
  return simple_type(TypeKind::kDouble);
}

Registry::Aggregator sums(Mean mean) {
  return [mean](const AggregateCall& call) -> Result<BoundAggregate> {
    TRY_VOID(expect_aggregate_args(call, 1, 1));
    Type type = call.args[0].type;
    if (type.kind == TypeKind::kNull) type = simple_type(TypeKind::kInteger);
    if (!type.is_numeric()) return refuse("{} needs a number, not {}", call.name, type.text());
    BoundAggregate out;
    out.type = sum_type(type, mean);
    out.type.nullable = true;
    out.removable = true;
    const Lane lane = type.lane();
    const bool distinct = call.quantifier == AggregateCall::Quantifier::kDistinct;
    out.create = [mean, lane, distinct, to = out.type]() -> std::unique_ptr<Accumulator> {
      std::unique_ptr<Accumulator> sum;
      if (lane == Lane::kReal) {
        sum = std::make_unique<ApproximateSum>(mean);
      } else {
        sum = std::make_unique<ExactSum>(mean, to);
      }
      if (!distinct) return sum;
      return make_distinct(lane, std::move(sum));
    };
    out.grows = distinct;
    if (!distinct) {
      out.fast = mean == Mean::kSum ? BoundAggregate::Fast::kSum : BoundAggregate::Fast::kAvg;
    }
    return out;
  };
}

Registry::Aggregator extremes(Extreme extreme) {
  return [extreme](const AggregateCall& call) -> Result<BoundAggregate> {
    TRY_VOID(expect_aggregate_args(call, 1, 1));
    const Type& type = call.args[0].type;
    if (type.lane() == Lane::kNone || type.is_binary()) {
      return refuse("{} cannot order {}", call.name, type.text());
    }
    BoundAggregate out;
    out.type = type;
    out.type.nullable = true;
    out.removable = call.place == AggregateCall::Place::kWindow;
    out.create = [extreme, lane = type.lane(),
                  window = out.removable]() -> std::unique_ptr<Accumulator> {
      if (window) return std::make_unique<WindowExtreme>(extreme, lane);
      return std::make_unique<GroupExtreme>(extreme, lane);
    };
    out.grows = out.removable || type.lane() == Lane::kText;
    out.fast = extreme == Extreme::kLeast ? BoundAggregate::Fast::kMin : BoundAggregate::Fast::kMax;
    return out;
  };
}

}  // namespace

void add_basic_aggregates(Registry& to) {
  to.aggregates["COUNT"] = bind_count;
  to.aggregates["SUM"] = sums(Mean::kSum);
  to.aggregates["AVG"] = sums(Mean::kAverage);
  to.aggregates["MIN"] = extremes(Extreme::kLeast);
  to.aggregates["MAX"] = extremes(Extreme::kGreatest);
}

}  // namespace suiro::sql
