// SPDX-License-Identifier: Apache-2.0
// TOP_K_ITEMS_TUMBLING and COUNT_DISTINCT_ITEMS_TUMBLING: one column's values over windows of whole
// seconds, aligned to the epoch. A window's rows leave when a row or a bound passes its end, with
// its end as ROWTIME. NULLs are not items.
//
// TOP_K counts exactly up to kTopCountersMin different items (or 4 K), then by the space-saving
// algorithm: a new item takes the place of the rarest one, and its count. COUNT_DISTINCT is exact
// up to kExactItemsMax, then a HyperLogLog of 2^14 registers (standard error 0.8%).
#include <algorithm>
#include <bit>
#include <cmath>
#include <deque>
#include <optional>
#include <set>
#include <unordered_set>

#include "engine/sql/calendar.h"
#include "engine/sql/convert.h"
#include "engine/sql/table.h"

namespace suiro::sql {
namespace {

constexpr size_t kTopCountersMin = 10'000;
constexpr int64_t kTopMax = 100'000;
constexpr size_t kExactItemsMax = 10'000;
constexpr int64_t kWindowSecondsMax = 3'600;
constexpr uint32_t kItemLength = 1'024;

// The sketch of one window.
class Sketch {
 public:
  virtual ~Sketch() = default;
  virtual void add(std::string_view item) = 0;
  virtual void emit(int64_t rowtime_ms, Rows& out) const = 0;
  virtual void clear() = 0;
  virtual void encode(StateWriter& to) const = 0;
  virtual void decode(StateReader& from) = 0;
  virtual size_t size_bytes() const = 0;
};

class TopItems final : public Sketch {
 public:
  explicit TopItems(size_t top) : top_(top), capacity_(std::max(kTopCountersMin, 4 * top)) {}

  void add(std::string_view item) override {
    if (auto found = index_.find(item); found != index_.end()) return raise(found->second);
    if (counters_.size() < capacity_) {
      append(item, 1);
      if (counters_.size() == capacity_) order_all();
      return;
    }
    const auto [count, rarest] = *order_.begin();
    order_.erase(order_.begin());
    auto& counter = counters_[rarest];
    index_.erase(counter.item);
    bytes_ += item.size() - counter.item.size();
    counter.item = item;
    counter.count = count + 1;
    index_[counter.item] = rarest;
    order_.insert({counter.count, rarest});
  }
  void emit(int64_t rowtime_ms, Rows& out) const override {
    std::vector<const Counter*> best;
    for (const auto& counter : counters_) best.push_back(&counter);
    const auto more = [](const Counter* a, const Counter* b) {
      return a->count != b->count ? a->count > b->count : a->item < b->item;
    };
    const size_t count = std::min(top_, best.size());
    std::partial_sort(best.begin(), best.begin() + static_cast<ptrdiff_t>(count), best.end(), more);
    auto arena = std::make_shared<Arena>();
    for (size_t i = 0; i < count; ++i) {
      out.rowtimes_ms.push_back(rowtime_ms);
      out.columns[0].push(Value::of_text(arena->keep(best[i]->item)));
      out.columns[1].push(Value::of_integer(static_cast<int64_t>(best[i]->count)));
    }
    out.owners.push_back(std::move(arena));
  }
  void clear() override {
    index_.clear();
    order_.clear();
    counters_.clear();
    bytes_ = 0;
  }
  void encode(StateWriter& to) const override {
    to.unsigned_integer(counters_.size());
    for (const auto& counter : counters_) {
      to.text(counter.item);
      to.unsigned_integer(counter.count);
    }
  }
  void decode(StateReader& from) override {
    clear();
    for (size_t left = from.count(2, capacity_); left > 0 && !from.bad(); --left) {
      const auto item = from.text();
      const uint64_t count = from.unsigned_integer();
      if (index_.contains(item)) from.spoil();
      append(item, count);
    }
    if (counters_.size() == capacity_) order_all();
  }
  size_t size_bytes() const override {
    constexpr size_t kCounterBytes = 160;  // with its places in the index and the order
    return sizeof(*this) + counters_.size() * kCounterBytes + bytes_;
  }

 private:
  struct Counter {
    std::string item;
    uint64_t count;
  };
  void append(std::string_view item, uint64_t count) {
    counters_.push_back({std::string(item), count});
    index_[counters_.back().item] = counters_.size() - 1;
    bytes_ += item.size();
  }
  void order_all() {
    for (size_t i = 0; i < counters_.size(); ++i) order_.insert({counters_[i].count, i});
  }
  void raise(size_t at) {
    auto& counter = counters_[at];
    if (!order_.empty()) order_.erase({counter.count, at});
    ++counter.count;
    if (counters_.size() == capacity_) order_.insert({counter.count, at});
  }

  size_t top_;
  size_t capacity_;
  std::deque<Counter> counters_;  // stays where it is: the index points to its texts
  std::unordered_map<std::string_view, size_t> index_;
  std::set<std::pair<uint64_t, size_t>> order_;  // once all counters are taken
  size_t bytes_ = 0;
};

class DistinctItems final : public Sketch {
 public:
  void add(std::string_view item) override {
    const uint64_t hash = stable_hash(item);
    if (!registers_.empty()) return mark(hash);
    exact_.insert(hash);
    if (exact_.size() <= kExactItemsMax) return;
    registers_.assign(kRegisters, 0);
    for (const uint64_t known : exact_) mark(known);
    exact_.clear();
  }
  void emit(int64_t rowtime_ms, Rows& out) const override {
    out.rowtimes_ms.push_back(rowtime_ms);
    out.columns[0].push(Value::of_integer(count()));
  }
  void clear() override {
    exact_.clear();
    registers_.clear();
  }
  void encode(StateWriter& to) const override {
    to.text(registers_);
    const std::set<uint64_t> sorted(exact_.begin(), exact_.end());
    to.unsigned_integer(sorted.size());
    for (const uint64_t hash : sorted) to.unsigned_integer(hash);
  }
  void decode(StateReader& from) override {
    clear();
    registers_ = from.text();
    if (!registers_.empty() && registers_.size() != kRegisters) from.spoil();
    for (size_t left = from.count(1, kExactItemsMax); left > 0 && !from.bad(); --left) {
      exact_.insert(from.unsigned_integer());
    }
    if (!registers_.empty() && !exact_.empty()) from.spoil();
  }
  size_t size_bytes() const override {
    constexpr size_t kHashBytes = 32;
    return sizeof(*this) + registers_.size() + exact_.size() * kHashBytes;
  }

 private:
  static constexpr unsigned kBits = 14;
  static constexpr size_t kRegisters = size_t{1} << kBits;

  void mark(uint64_t hash) {
    auto& at = registers_[hash >> (64 - kBits)];
    const int zeros = std::countl_zero((hash << kBits) | (uint64_t{1} << (kBits - 1)));
    at = std::max(at, static_cast<char>(zeros + 1));
  }
  int64_t count() const {
    if (registers_.empty()) return static_cast<int64_t>(exact_.size());
    double sum = 0;
    size_t zeros = 0;
    for (const char at : registers_) {
      sum += std::ldexp(1.0, -at);
      zeros += at == 0 ? 1 : 0;
    }
    constexpr double kCount = kRegisters;
    const double alpha = 0.7213 / (1 + 1.079 / kCount);
    double estimate = alpha * kCount * kCount / sum;
    if (estimate <= 2.5 * kCount && zeros > 0) {
      estimate = kCount * std::log(kCount / static_cast<double>(zeros));
    }
    return std::llround(estimate);
  }

  std::unordered_set<uint64_t> exact_;
  Bytes registers_;  // empty: still exact
};

class TumblingItems final : public TableFunction {
 public:
  TumblingItems(Schema schema, Type item, size_t column, int64_t width_ms,
                std::unique_ptr<Sketch> sketch)
      : schema_(std::move(schema)),
        item_(std::move(item)),
        column_(column),
        width_ms_(width_ms),
        sketch_(std::move(sketch)) {}

  Result<void> add(const Rows& rows, Rows& out) override {
    prepare(out, schema_);
    const auto& column = rows.columns[column_];
    for (size_t i = 0; i < rows.size(); ++i) {
      const int64_t start = floor_div(rows.rowtimes_ms[i], width_ms_) * width_ms_;
      if (start_ && start > *start_) close(out);
      if (!start_) start_ = start;
      const Value value = column.at(i);
      if (value.null) continue;
      if (item_.is_text()) {
        sketch_->add(value.text.substr(0, prefix_bytes(value.text, kItemLength)));
      } else {
        text_.clear();
        append_text(text_, item_, value);
        sketch_->add(text_);
      }
    }
    return ok();
  }
  Result<void> advance(int64_t bound_ms, int64_t, Rows& out) override {
    prepare(out, schema_);
    if (start_ && bound_ms >= *start_ + width_ms_) close(out);
    return ok();
  }
  void encode(Bytes& to) const override {
    StateWriter out(to, kTableVersion);
    out.unsigned_integer(start_ ? 1 : 0);
    out.integer(start_.value_or(0));
    sketch_->encode(out);
  }
  Result<void> decode(ByteView from) override {
    StateReader in(from, kTableVersion);
    const bool open = in.unsigned_integer() != 0;
    const int64_t start = in.bounded();
    start_ = open ? std::optional(start) : std::nullopt;
    sketch_->decode(in);
    return in.finish();
  }
  size_t size_bytes() const override { return sizeof(*this) + sketch_->size_bytes(); }

 private:
  void close(Rows& out) {
    sketch_->emit(*start_ + width_ms_, out);
    sketch_->clear();
    start_.reset();
  }

  Schema schema_;
  Type item_;
  size_t column_;
  int64_t width_ms_;
  std::unique_ptr<Sketch> sketch_;
  std::optional<int64_t> start_;  // of the open window
  std::string text_;
};

Result<BoundTableFunction> bind_top(const Schema& cursor, Arguments args, const FunctionOptions&) {
  constexpr std::string_view kName = "TOP_K_ITEMS_TUMBLING";
  TRY_VOID(expect_count(kName, args, 3, 3));
  TRY(auto name, literal_text(kName, args, 0));
  TRY(const size_t column, column_named(kName, cursor, name));
  TRY(const int64_t top, literal_integer(kName, args, 1, 1, kTopMax));
  TRY(const int64_t seconds, literal_integer(kName, args, 2, 1, kWindowSecondsMax));
  BoundTableFunction out;
  out.schema = {{"ITEM", varchar_type(kItemLength)},
                {"MOST_FREQUENT_VALUES", simple_type(TypeKind::kBigint)}};
  out.create = [=, schema = out.schema, item = cursor[column].type] {
    return std::make_unique<TumblingItems>(schema, item, column, seconds * kSecondMs,
                                           std::make_unique<TopItems>(static_cast<size_t>(top)));
  };
  return out;
}

Result<BoundTableFunction> bind_distinct(const Schema& cursor, Arguments args,
                                         const FunctionOptions&) {
  constexpr std::string_view kName = "COUNT_DISTINCT_ITEMS_TUMBLING";
  TRY_VOID(expect_count(kName, args, 2, 2));
  TRY(auto name, literal_text(kName, args, 0));
  TRY(const size_t column, column_named(kName, cursor, name));
  TRY(const int64_t seconds, literal_integer(kName, args, 1, 1, kWindowSecondsMax));
  BoundTableFunction out;
  out.schema = {{"NUMBER_OF_DISTINCT_ITEMS", simple_type(TypeKind::kBigint)}};
  out.create = [=, schema = out.schema, item = cursor[column].type] {
    return std::make_unique<TumblingItems>(schema, item, column, seconds * kSecondMs,
                                           std::make_unique<DistinctItems>());
  };
  return out;
}

}  // namespace

void add_item_tables(Registry& to) {
  to.tables["TOP_K_ITEMS_TUMBLING"] = bind_top;
  to.tables["COUNT_DISTINCT_ITEMS_TUMBLING"] = bind_distinct;
}

}  // namespace suiro::sql
