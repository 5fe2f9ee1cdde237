// SPDX-License-Identifier: Apache-2.0
// GROUP_RANK: ranks the rows of one ROWTIME by a column. A group is released when a row or a bound
// with a later time comes, or when it has waited for maxIdle. Equal values share a rank, and the
// next rank leaves as many out; NULL is below all values.
#include <algorithm>
#include <limits>
#include <numeric>

#include "base/bytes.h"
#include "engine/sql/aggregate.h"
#include "engine/sql/table.h"

namespace suiro::sql {
namespace {

constexpr size_t kGroupRowsMax = 1'000'000;
constexpr size_t kGroupBytesMax = size_t{256} << 20;

enum class Order { kAscending, kDescending, kArrival };

struct RankOptions {
  Schema schema;  // of the output: the cursor's, and the rank
  size_t column = 0;
  Order rank = Order::kAscending;
  Order output = Order::kAscending;
  int64_t idle_ms_max = 0;  // 0: none
  size_t rows_max = 0;      // 0: all
};

class GroupRank final : public TableFunction {
 public:
  explicit GroupRank(std::shared_ptr<const RankOptions> options) : options_(std::move(options)) {}

  Result<void> add(const Rows& rows, Rows& out) override {
    prepare(out, options_->schema);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!group_.empty() && rows.rowtimes_ms[i] != time_ms_) release(out);
      if (group_.empty()) waiting_since_ms_ = kNotYet;
      time_ms_ = rows.rowtimes_ms[i];
      if (group_.size() == kGroupRowsMax || bytes_ > kGroupBytesMax) {
        refused_.push_back({i, Error{errors::kLimit,
                                     fmt::format("GROUP_RANK: a group has more than {} rows or {} "
                                                 "bytes",
                                                 kGroupRowsMax, kGroupBytesMax),
                                     Retry::kNever,
                                     {}}});
        continue;
      }
      std::vector<OwnedValue> row;
      for (const auto& column : rows.columns) row.emplace_back(column.lane, column.at(i));
      for (const auto& value : row) bytes_ += value.size_bytes();
      group_.push_back(std::move(row));
    }
    return ok();
  }
  Result<void> advance(int64_t bound_ms, int64_t now_ms, Rows& out) override {
    prepare(out, options_->schema);
    if (group_.empty()) return ok();
    if (waiting_since_ms_ == kNotYet) waiting_since_ms_ = now_ms;
    const bool idle =
        options_->idle_ms_max > 0 && now_ms - waiting_since_ms_ >= options_->idle_ms_max;
    if (bound_ms > time_ms_ || idle) release(out);
    return ok();
  }
  void encode(Bytes& to) const override {
    StateWriter out(to, kTableVersion);
    out.integer(time_ms_);
    out.integer(waiting_since_ms_);
    out.unsigned_integer(group_.size());
    for (const auto& row : group_) {
      for (size_t i = 0; i < row.size(); ++i) out.value(lane(i), row[i].get());
    }
  }
  Result<void> decode(ByteView from) override {
    StateReader in(from, kTableVersion);
    time_ms_ = in.integer();
    waiting_since_ms_ = in.integer();
    if (waiting_since_ms_ != kNotYet && std::abs(waiting_since_ms_) > kLatestMs) in.spoil();
    group_.clear();
    bytes_ = 0;
    const size_t columns = options_->schema.size() - 1;
    for (size_t left = in.count(columns, kGroupRowsMax); left > 0 && !in.bad(); --left) {
      std::vector<OwnedValue> row;
      for (size_t i = 0; i < columns; ++i) row.emplace_back(lane(i), in.value(lane(i)));
      for (const auto& value : row) bytes_ += value.size_bytes();
      group_.push_back(std::move(row));
    }
    return in.finish();
  }
  std::vector<Refused> take_refused() override { return std::exchange(refused_, {}); }
  size_t size_bytes() const override { return sizeof(*this) + bytes_; }

 private:
  static constexpr int64_t kLatestMs = int64_t{1} << 60;
  static constexpr int64_t kNotYet = std::numeric_limits<int64_t>::min();

  Lane lane(size_t column) const { return options_->schema[column].type.lane(); }
  int compare(size_t a, size_t b) const {
    const Value x = group_[a][options_->column].get();
    const Value y = group_[b][options_->column].get();
    if (x.null || y.null) return static_cast<int>(y.null) - static_cast<int>(x.null);
    return compare_values(lane(options_->column), x, y);
  }

  void release(Rows& out) {
    std::vector<size_t> order(group_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const bool down = options_->rank == Order::kDescending;
    std::ranges::sort(order, [&](size_t a, size_t b) {
      const int before = down ? compare(b, a) : compare(a, b);
      return before != 0 ? before < 0 : a < b;
    });
    std::vector<int64_t> ranks(group_.size());
    for (size_t i = 0; i < order.size(); ++i) {
      const bool tie = i > 0 && compare(order[i - 1], order[i]) == 0;
      ranks[order[i]] = tie ? ranks[order[i - 1]] : static_cast<int64_t>(i) + 1;
    }
    if (options_->output == Order::kDescending) std::ranges::reverse(order);
    if (options_->output == Order::kArrival) std::ranges::sort(order);
    if (options_->rows_max > 0 && order.size() > options_->rows_max) {
      order.resize(options_->rows_max);
    }
    auto arena = std::make_shared<Arena>();
    for (const size_t row : order) write(row, ranks[row], *arena, out);
    out.owners.push_back(std::move(arena));
    group_.clear();
    bytes_ = 0;
  }
  void write(size_t row, int64_t rank, Arena& arena, Rows& out) const {
    out.rowtimes_ms.push_back(time_ms_);
    const auto& values = group_[row];
    for (size_t i = 0; i < values.size(); ++i) {
      Value value = values[i].get();
      if (!value.null && lane(i) == Lane::kText) value.text = arena.keep(value.text);
      out.columns[i].push(value);
    }
    out.columns.back().push(Value::of_integer(rank));
  }

  std::shared_ptr<const RankOptions> options_;
  std::vector<std::vector<OwnedValue>> group_;
  int64_t time_ms_ = 0;
  int64_t waiting_since_ms_ = kNotYet;  // processing time of the first advance() with the group
  size_t bytes_ = 0;
  std::vector<Refused> refused_;
};

Result<Order> order_of(std::string_view text) {
  if (equal_ignore_case(text, "asc")) return Order::kAscending;
  if (equal_ignore_case(text, "desc")) return Order::kDescending;
  return refuse("GROUP_RANK: expected 'asc' or 'desc', not '{}'", text);
}

Result<BoundTableFunction> bind_group_rank(const Schema& cursor, Arguments args,
                                           const FunctionOptions&) {
  constexpr std::string_view kName = "GROUP_RANK";
  TRY_VOID(expect_count(kName, args, 6, 6));
  RankOptions options;
  TRY(auto by, literal_text(kName, args, 0));
  TRY(options.column, column_named(kName, cursor, by));
  TRY(auto rank_name, literal_text(kName, args, 1));
  TRY(auto rank, literal_text(kName, args, 2));
  TRY(options.rank, order_of(rank));
  TRY(auto output, literal_text(kName, args, 3));
  const bool arrival = output.empty() || equal_ignore_case(output, "none");
  if (arrival) options.output = Order::kArrival;
  if (!arrival) {
    TRY(options.output, order_of(output));
  }
  TRY(options.idle_ms_max, literal_integer(kName, args, 4, 0, INT32_MAX));
  TRY(const int64_t rows_max, literal_integer(kName, args, 5, 0, INT32_MAX));
  options.rows_max = static_cast<size_t>(rows_max);
  options.schema = cursor;
  options.schema.push_back({rank_name, simple_type(TypeKind::kInteger)});
  BoundTableFunction out;
  out.schema = options.schema;
  auto shared = std::make_shared<const RankOptions>(std::move(options));
  out.create = [shared] { return std::make_unique<GroupRank>(shared); };
  return out;
}

}  // namespace

void add_group_rank(Registry& to) {
  to.tables["GROUP_RANK"] = bind_group_rank;
}

}  // namespace suiro::sql
