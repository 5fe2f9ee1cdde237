// SPDX-License-Identifier: Apache-2.0
// FIRST_VALUE, LAST_VALUE, NTH_VALUE and LAG: values by their place in a window (FIRST_VALUE and
// LAST_VALUE of a group, too). IGNORE NULLS: rows that are NULL are not counted.
#include <optional>

#include "engine/sql/aggregate.h"

namespace suiro::sql {
namespace {

using Args = std::span<const Value>;
enum class Which { kFirst, kLast, kNth, kNthFromLast, kLag };

constexpr size_t kRowsMax = 10'000'000;  // of one window, in a stored state

// What a call is; the same for all its accumulators.
struct Shape {
  Which which;
  Lane lane;
  NullTreatment nulls;
  // LAG's default as the value's type; null: it needs no conversion.
  std::function<Result<Value>(std::span<const Value>, EvalContext&)> coerce;
};

// All rows of the window that count, with the place of each among all rows.
class Places final : public Accumulator {
 public:
  explicit Places(std::shared_ptr<const Shape> shape) : shape_(std::move(shape)) {}

  Result<void> add(Args args, int64_t) override {
    TRY_VOID(check_offset(args));
    if (args.size() > 2) TRY_VOID(keep_default(args[2]));
    if (args.size() > 1) offset_ = static_cast<uint64_t>(args[1].integer);
    const uint64_t row = added_++;
    current_counts_ = !args[0].null || shape_->nulls == NullTreatment::kRespect;
    if (current_counts_) entries_.push_back({row, OwnedValue(shape_->lane, args[0])});
    return ok();
  }
  Result<size_t> growth(Args args) const override {
    TRY_VOID(check_offset(args));
    if (args.size() > 2) {
      Arena arena;
      TRY_VOID(coerced(args[2], arena));
    }
    return sizeof(Entry) + args[0].text.size();
  }
  Result<void> remove(Args, int64_t) override {
    if (!entries_.empty() && entries_.front().row == removed_) entries_.pop_front();
    ++removed_;
    return ok();
  }
  Result<Value> result(Arena& arena) const override {
    const auto at = index();
    const Value value = at ? entries_[*at].value.get() : default_.get();
    if (value.null || shape_->lane != Lane::kText) return value;
    return Value::of_text(arena.keep(value.text));
  }
  void encode(Bytes& to) const override {
    StateWriter out(to, kAggregateVersion);
    out.unsigned_integer(added_ - removed_);
    out.unsigned_integer(current_counts_ ? 1 : 0);
    out.unsigned_integer(offset_);
    out.value(shape_->lane, default_.get());
    out.unsigned_integer(entries_.size());
    for (const auto& entry : entries_) {
      out.unsigned_integer(entry.row - removed_);
      out.value(shape_->lane, entry.value.get());
    }
  }
  Result<void> decode(ByteView from) override {
    StateReader in(from, kAggregateVersion);
    removed_ = 0;
    added_ = in.unsigned_integer();
    current_counts_ = in.unsigned_integer() != 0;
    offset_ = in.unsigned_integer();
    default_.assign(shape_->lane, in.value(shape_->lane));
    entries_.clear();
    for (size_t left = in.count(2, kRowsMax); left > 0 && !in.bad(); --left) {
      const uint64_t row = in.unsigned_integer();
      if (row >= added_ || (!entries_.empty() && row <= entries_.back().row)) in.spoil();
      entries_.push_back({row, OwnedValue(shape_->lane, in.value(shape_->lane))});
    }
    if (offset_ == 0 && shape_->which != Which::kLag) in.spoil();
    return in.finish();
  }
  size_t size_bytes() const override {
    size_t texts = 0;
    if (shape_->lane == Lane::kText && !entries_.empty()) {
      texts = entries_.size() * entries_.back().value.size_bytes();
    }
    return sizeof(*this) + entries_.size() * sizeof(Entry) + texts;
  }

 private:
  struct Entry {
    uint64_t row;
    OwnedValue value;
  };

  Result<void> check_offset(Args args) const {
    if (args.size() < 2) return ok();
    if (args[1].null || args[1].integer < (shape_->which == Which::kLag ? 0 : 1)) {
      return fail(errors::kInvalidArgument, "the number of a row is NULL or too small");
    }
    return ok();
  }

  Result<Value> coerced(const Value& value, Arena& arena) const {
    if (!shape_->coerce || value.null) return value;
    EvalContext context{.arena = arena};
    return shape_->coerce({&value, 1}, context);
  }

  Result<void> keep_default(const Value& value) {
    Arena arena;
    TRY(Value kept, coerced(value, arena));
    default_.assign(shape_->lane, kept);
    return ok();
  }

  std::optional<size_t> index() const {
    const size_t size = entries_.size();
    if (size == 0) return std::nullopt;
    if (shape_->which == Which::kLag) {
      if (offset_ == 0 && !current_counts_) return std::nullopt;
      const size_t before = size - (current_counts_ ? 1 : 0);
      if (offset_ > before) return std::nullopt;
      return before - offset_;
    }
    if (offset_ > size) return std::nullopt;
    switch (shape_->which) {
      case Which::kFirst:
        return 0;
      case Which::kNth:
        return offset_ - 1;
      case Which::kNthFromLast:
        return size - offset_;
      default:
        return size - 1;
    }
  }

  std::shared_ptr<const Shape> shape_;
  uint64_t added_ = 0;
  uint64_t removed_ = 0;
  bool current_counts_ = false;
  uint64_t offset_ = 1;
  OwnedValue default_;
  FrontQueue<Entry> entries_;
};

// FIRST_VALUE and LAST_VALUE of a group: one value.
class OneValue final : public Accumulator {
 public:
  explicit OneValue(std::shared_ptr<const Shape> shape) : shape_(std::move(shape)) {}
  Result<void> add(Args args, int64_t) override {
    if (args[0].null && shape_->nulls == NullTreatment::kIgnore) return ok();
    if (seen_ && shape_->which == Which::kFirst) return ok();
    seen_ = true;
    value_.assign(shape_->lane, args[0]);
    return ok();
  }
  Result<size_t> growth(Args args) const override {
    if (seen_ && shape_->which == Which::kFirst) return size_t{0};
    return value_.growth(shape_->lane, args[0]);
  }
  Result<void> remove(Args, int64_t) override {
    return fail(codes::kInternal, "FIRST_VALUE and LAST_VALUE of a group are not removable");
  }
  Result<Value> result(Arena& arena) const override {
    Value out = value_.get();
    if (!out.null && shape_->lane == Lane::kText) out.text = arena.keep(out.text);
    return out;
  }
  void encode(Bytes& to) const override {
    StateWriter out(to, kAggregateVersion);
    out.unsigned_integer(seen_ ? 1 : 0);
    out.value(shape_->lane, value_.get());
  }
  Result<void> decode(ByteView from) override {
    StateReader in(from, kAggregateVersion);
    seen_ = in.unsigned_integer() != 0;
    value_.assign(shape_->lane, in.value(shape_->lane));
    return in.finish();
  }
  size_t size_bytes() const override { return sizeof(*this) + value_.size_bytes(); }

 private:
  std::shared_ptr<const Shape> shape_;
  bool seen_ = false;
  OwnedValue value_;
};

Result<Shape> shape_of(const AggregateCall& call, Which which) {
  const Type& type = call.args[0].type;
  if (type.lane() == Lane::kNone) return refuse("{} of a ROW", call.name);
  if (call.args.size() > 1) TRY_VOID(expect_integer(call.name, call.args, 1));
  Shape out{.which = which, .lane = type.lane(), .nulls = call.nulls, .coerce = {}};
  if (call.args.size() > 2 && call.args[2].type.kind != TypeKind::kNull) {
    const Type& given = call.args[2].type;
    const bool alike = (given.is_numeric() && type.is_numeric()) ||
                       (given.is_text() && type.is_text()) || given.kind == type.kind;
    if (!alike)
      return refuse("{}: the default is {}, not {}", call.name, given.text(), type.text());
    TRY(auto cast, bind_cast(given, type));
    out.coerce = cast.eval;
  }
  return out;
}

Registry::Aggregator place(Which which) {
  return [which](const AggregateCall& call) -> Result<BoundAggregate> {
    const bool window = call.place == AggregateCall::Place::kWindow;
    const bool single = which == Which::kFirst || which == Which::kLast;
    if (which == Which::kNth) TRY_VOID(expect_aggregate_args(call, 2, 2));
    if (which == Which::kLag) TRY_VOID(expect_aggregate_args(call, 1, 3));
    if (single) TRY_VOID(expect_aggregate_args(call, 1, 1));
    if (!window && !single) return refuse("{} needs OVER a window", call.name);
    Which actual = which;
    if (which == Which::kNth && call.from == AggregateCall::From::kLast) {
      actual = Which::kNthFromLast;
    }
    TRY(auto made, shape_of(call, actual));
    auto shape = std::make_shared<const Shape>(std::move(made));
    BoundAggregate out;
    out.type = call.args[0].type;
    out.type.nullable = true;
    out.removable = window;
    out.grows = true;
    out.create = [shape, window]() -> std::unique_ptr<Accumulator> {
      if (window) return std::make_unique<Places>(shape);
      return std::make_unique<OneValue>(shape);
    };
    return out;
  };
}

}  // namespace

void add_window_aggregates(Registry& to) {
  to.aggregates["FIRST_VALUE"] = place(Which::kFirst);
  to.aggregates["LAST_VALUE"] = place(Which::kLast);
  to.aggregates["NTH_VALUE"] = place(Which::kNth);
  to.aggregates["LAG"] = place(Which::kLag);
}

}  // namespace suiro::sql
