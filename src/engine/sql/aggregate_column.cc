// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/aggregate_column.h"

#include <cmath>
#include <limits>

#include "engine/sql/aggregate.h"
#include "engine/sql/convert.h"
#include "engine/sql/evaluate_steps.h"

namespace suiro::sql {
namespace {

using Fast = BoundAggregate::Fast;
using Sum = __int128;

constexpr size_t kAccumulatorBytes = 32;  // besides the object: its slot, the allocator

class CountColumn final : public AggregateColumn {
 public:
  explicit CountColumn(Fast kind) : kind_(kind) {}
  void resize(size_t groups) override { counts_.resize(groups); }
  void add(const GroupedRows& in, std::span<const Vector* const> args,
           std::vector<RowError>&) override {
    const Vector* nulls = kind_ == Fast::kCount && !args[0]->nulls.empty() ? args[0] : nullptr;
    for (size_t i = 0; i < in.rows.size(); ++i) {
      if (nulls != nullptr && nulls->nulls[in.rows[i]] != 0) continue;
      ++counts_[in.groups[i]];
    }
  }
  Vector results(Arena&, std::vector<RowError>&) const override {
    Vector out;
    out.integers = counts_;
    return out;
  }
  void clear() override { counts_.clear(); }
  size_t bytes() const override { return counts_.size() * bytes_per_group(); }
  size_t bytes_per_group() const override { return sizeof(int64_t); }
  void encode(SnapshotWriter& to) const override {
    for (int64_t count : counts_) to.integer(count);
  }
  void decode(SnapshotReader& from) override {
    for (int64_t& count : counts_) count = from.integer();
  }

 private:
  Fast kind_;
  std::vector<int64_t> counts_;
};

bool in_range(Sum value, const Type& type) {
  return value >= std::numeric_limits<int64_t>::min() &&
         value <= std::numeric_limits<int64_t>::max() && fits(type, static_cast<int64_t>(value));
}

// What one group holds. T: of the column; add(), and a result for `count` values.
struct ExactCell {
  Sum sum = 0;
  int64_t count = 0;
  void add(int64_t value) { sum += value; }
  void encode(SnapshotWriter& to) const {
    to.integer(count);
    to.integer(static_cast<int64_t>(sum >> 64));
    to.number(static_cast<uint64_t>(sum));
  }
  void decode(SnapshotReader& from) {
    count = from.integer();
    auto high = static_cast<unsigned __int128>(static_cast<Sum>(from.integer()));
    sum = static_cast<Sum>(high << 64 | from.number());
  }
};

struct RealCell {
  RealSum sum;
  int64_t count = 0;
  void add(double value) { sum.add(value); }
  void encode(SnapshotWriter& to) const {
    to.integer(count);
    Bytes state;
    StateWriter writer(state, kAggregateVersion);
    sum.encode(writer);
    to.text(state);
  }
  void decode(SnapshotReader& from) {
    count = from.integer();
    StateReader reader(from.text(), kAggregateVersion);
    sum.decode(reader);
    if (reader.bad()) from.fail();
  }
};

template <class T>
struct ExtremeCell {
  T best = 0;
  int64_t count = 0;
  void encode(SnapshotWriter& to) const {
    to.integer(count);
    if constexpr (std::is_same_v<T, double>) {
      to.real(best);
    } else {
      to.integer(best);
    }
  }
  void decode(SnapshotReader& from) {
    count = from.integer();
    if constexpr (std::is_same_v<T, double>) {
      best = from.real();
    } else {
      best = from.integer();
    }
  }
};

// NaN is above everything.
template <class T>
bool below(T a, T b) {
  if constexpr (std::is_same_v<T, double>) {
    return std::isnan(b) ? !std::isnan(a) : a < b;
  } else {
    return a < b;
  }
}

template <class T>
const T* values_of(const Vector& column) {
  if constexpr (std::is_same_v<T, double>) {
    return column.reals.data();
  } else {
    return column.integers.data();
  }
}

// SUM, AVG, MIN, MAX over one lane.
template <class T, class Cell>
class NumberColumn final : public AggregateColumn {
 public:
  NumberColumn(Fast kind, Type type) : kind_(kind), type_(std::move(type)) {}
  void resize(size_t groups) override { cells_.resize(groups); }

  void add(const GroupedRows& in, std::span<const Vector* const> args,
           std::vector<RowError>&) override {
    const Vector& column = *args[0];
    const T* values = values_of<T>(column);
    auto loop = [&](auto update) {
      for (size_t i = 0; i < in.rows.size(); ++i) {
        const uint32_t row = in.rows[i];
        if (!column.nulls.empty() && column.nulls[row] != 0) continue;
        Cell& cell = cells_[in.groups[i]];
        update(cell, values[row]);
        ++cell.count;
      }
    };
    if constexpr (requires(Cell cell) { cell.best; }) {
      if (kind_ == Fast::kMin) {
        loop([](Cell& cell, T value) {
          if (cell.count == 0 || below(value, cell.best)) cell.best = value;
        });
      } else {
        loop([](Cell& cell, T value) {
          if (cell.count == 0 || below(cell.best, value)) cell.best = value;
        });
      }
    } else {
      loop([](Cell& cell, T value) { cell.add(value); });
    }
  }

  Vector results(Arena&, std::vector<RowError>& errors) const override {
    Vector out;
    out.lane = type_.lane();
    reset(out, cells_.size());
    for (size_t g = 0; g < cells_.size(); ++g) {
      const Cell& cell = cells_[g];
      if (cell.count == 0) {
        set_null(out, g);
      } else if constexpr (std::is_same_v<Cell, ExactCell>) {
        const Sum value = kind_ == Fast::kAvg ? cell.sum / cell.count : cell.sum;
        out.integers[g] = static_cast<int64_t>(value);
        if (!in_range(value, type_)) overflow(out, g, errors);
      } else if constexpr (std::is_same_v<Cell, RealCell>) {
        const double sum = cell.sum.result();
        out.reals[g] = kind_ == Fast::kAvg ? sum / static_cast<double>(cell.count) : sum;
      } else if constexpr (std::is_same_v<T, double>) {
        out.reals[g] = cell.best;
      } else {
        out.integers[g] = cell.best;
      }
    }
    return out;
  }

  void clear() override { cells_.clear(); }
  size_t bytes() const override { return cells_.size() * sizeof(Cell); }
  size_t bytes_per_group() const override { return sizeof(Cell); }
  void encode(SnapshotWriter& to) const override {
    for (const Cell& cell : cells_) cell.encode(to);
  }
  void decode(SnapshotReader& from) override {
    for (Cell& cell : cells_) cell.decode(from);
  }

 private:
  void overflow(Vector& out, size_t group, std::vector<RowError>& failed) const {
    set_null(out, group);
    failed.push_back(
        {static_cast<uint32_t>(group),
         Error{errors::kNumericOverflow, "the sum is outside " + type_.text(), Retry::kNever, {}}});
  }

  Fast kind_;
  Type type_;
  std::vector<Cell> cells_;
};

class AccumulatorColumn final : public AggregateColumn {
 public:
  explicit AccumulatorColumn(const Aggregate& aggregate)
      : aggregate_(aggregate), fresh_(aggregate.function.create()) {}

  Grows grows() const override { return aggregate_.function.grows ? Grows::kYes : Grows::kNo; }
  Result<size_t> growth(uint32_t row, uint32_t group,
                        std::span<const Vector* const> args) override {
    values_.resize(args.size());
    for (size_t a = 0; a < args.size(); ++a) values_[a] = value_at(*args[a], row);
    return (group < cells_.size() ? cells_[group] : fresh_)->growth(values_);
  }

  void resize(size_t groups) override {
    while (cells_.size() < groups) cells_.push_back(aggregate_.function.create());
    while (cells_.size() > groups) cells_.pop_back();
  }

  void add(const GroupedRows& in, std::span<const Vector* const> args,
           std::vector<RowError>& errors) override {
    std::vector<Value> values(args.size());
    for (size_t i = 0; i < in.rows.size(); ++i) {
      const uint32_t row = in.rows[i];
      for (size_t a = 0; a < args.size(); ++a) values[a] = value_at(*args[a], row);
      Accumulator& cell = *cells_[in.groups[i]];
      const size_t before = cell.size_bytes();
      auto done = cell.add(values, in.rowtimes_ms[row]);
      if (!done) errors.push_back({row, std::move(done).error()});
      bytes_ += cell.size_bytes() - before;
    }
  }

  Vector results(Arena& arena, std::vector<RowError>& errors) const override {
    Vector out;
    out.lane = aggregate_.function.type.lane();
    for (size_t g = 0; g < cells_.size(); ++g) {
      auto value = cells_[g]->result(arena);
      if (!value) errors.push_back({static_cast<uint32_t>(g), value.error()});
      if (value && !value->null && out.lane == Lane::kText) value->text = arena.keep(value->text);
      out.push(value ? *value : Value{});
    }
    return out;
  }

  void clear() override {
    cells_.clear();
    bytes_ = 0;
  }
  size_t bytes() const override { return bytes_ + cells_.size() * bytes_per_group(); }
  size_t bytes_per_group() const override { return kAccumulatorBytes + fresh_->size_bytes(); }

  void encode(SnapshotWriter& to) const override {
    to.number(bytes_);
    for (const auto& cell : cells_) {
      Bytes state;
      cell->encode(state);
      to.text(state);
    }
  }
  void decode(SnapshotReader& from) override {
    (void)from.number();
    bytes_ = 0;
    for (auto& cell : cells_) {
      if (!cell->decode(from.text())) from.fail();
      bytes_ += cell->size_bytes() - fresh_->size_bytes();
    }
  }

 private:
  const Aggregate& aggregate_;
  std::unique_ptr<Accumulator> fresh_;  // what a new group begins with
  std::vector<std::unique_ptr<Accumulator>> cells_;
  std::vector<Value> values_;
  size_t bytes_ = 0;  // beyond what they began with
};

}  // namespace

std::unique_ptr<AggregateColumn> make_aggregate_column(const Aggregate& aggregate) {
  const Fast fast = aggregate.function.fast;
  if (fast == Fast::kCountRows || fast == Fast::kCount) return std::make_unique<CountColumn>(fast);
  if (fast == Fast::kOther || aggregate.args.size() != 1) {
    return std::make_unique<AccumulatorColumn>(aggregate);
  }
  const Type& from = aggregate.args[0]->type;
  const Type& to = aggregate.function.type;
  if (from.lane() != to.lane()) return std::make_unique<AccumulatorColumn>(aggregate);
  const bool extreme = fast == Fast::kMin || fast == Fast::kMax;
  if (from.lane() == Lane::kReal) {
    if (extreme) return std::make_unique<NumberColumn<double, ExtremeCell<double>>>(fast, to);
    return std::make_unique<NumberColumn<double, RealCell>>(fast, to);
  }
  if (from.lane() == Lane::kInteger) {
    if (extreme) return std::make_unique<NumberColumn<int64_t, ExtremeCell<int64_t>>>(fast, to);
    return std::make_unique<NumberColumn<int64_t, ExactCell>>(fast, to);
  }
  return std::make_unique<AccumulatorColumn>(aggregate);
}

}  // namespace suiro::sql
