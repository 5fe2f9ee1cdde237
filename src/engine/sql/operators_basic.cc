// SPDX-License-Identifier: Apache-2.0
// Filter, projection, table functions, and what operators share.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "engine/sql/operator.h"

namespace suiro::sql {
namespace {

class FilterOperator final : public PassingOperator {
 public:
  FilterOperator(const FilterNode& node, const OperatorOptions& options)
      : evaluator_({node.condition}, options.query_start_ms) {}

  void push(size_t, Rows rows, Sink& sink) override {
    std::vector<uint32_t> selection = all_rows(rows.size());
    arena_.clear();
    evaluator_.run(rows, selection, arena_);
    for (const RowError& error : evaluator_.errors()) sink.error(rows, error.row, error.error);
    const Vector& condition = evaluator_.result(0);
    std::erase_if(selection, [&](uint32_t row) {
      Value value = value_at(condition, row);
      return value.null || value.integer == 0;
    });
    if (selection.empty()) return;
    sink.rows(selection.size() == rows.size() ? std::move(rows) : gather(rows, selection));
  }

 private:
  Evaluator evaluator_;
  Arena arena_;
};

std::vector<ExprPtr> project_roots(const ProjectNode& node) {
  std::vector<ExprPtr> roots = node.columns;
  if (node.rowtime != nullptr) roots.push_back(node.rowtime);
  return roots;
}

// `.. AS ROWTIME` gives rows a new time. It must not go backwards: such rows are late. Above a
// group the rows of one window, which come in one push, are put in the order of their new times
// first.
class ProjectOperator final : public Operator {
 public:
  ProjectOperator(const ProjectNode& node, const OperatorOptions& options)
      : node_(node),
        options_(options),
        evaluator_(project_roots(node), options.query_start_ms),
        overrides_(node.rowtime != nullptr && node.rowtime->kind != Expr::Kind::kRowtime
                       ? Rowtime::kOverride
                       : Rowtime::kKeep) {
    if (overrides_ == Rowtime::kOverride && node.rowtime->monotonic == Monotonic::kIncreasing &&
        depends_on_rowtime_alone(*node.rowtime)) {
      overrides_ = Rowtime::kFunction;
    }
  }

  void push(size_t, Rows rows, Sink& sink) override {
    std::vector<uint32_t> selection = all_rows(rows.size());
    auto arena = std::make_shared<Arena>();
    evaluator_.run(rows, selection, *arena);
    for (const RowError& error : evaluator_.errors()) sink.error(rows, error.row, error.error);
    Rows out;
    out.owners = rows.owners;
    if (overrides_ == Rowtime::kKeep) {
      take_columns(rows, selection, out);
      out.rowtimes_ms = selection.size() == rows.size() ? std::move(rows.rowtimes_ms)
                                                        : pick_times(rows, selection);
    } else {
      select_in_time(rows, selection, sink);
      const Vector& times = evaluator_.result(node_.columns.size());
      for (uint32_t row : selection) out.rowtimes_ms.push_back(times.integers[row]);
      take_columns(rows, selection, out);
    }
    if (arena->size_bytes() > 0) add_owner(out, arena);
    if (out.size() > 0) sink.rows(std::move(out));
  }

  void advance(size_t, int64_t bound_ms, int64_t, Sink&) override {
    if (overrides_ == Rowtime::kKeep || bound_ms == kBoundEnd) {
      bound_ = std::max(bound_, bound_ms);
    } else if (overrides_ == Rowtime::kFunction && bound_ms != kBoundNone) {
      Arena arena;
      auto value = evaluate_at(node_.rowtime, bound_ms, options_.query_start_ms, arena);
      if (value && !value->null) bound_ = std::max(bound_, value->integer);
    }
  }

  int64_t bound() const override { return bound_; }
  void encode(SnapshotWriter& to) const override {
    to.integer(bound_);
    to.integer(last_ms_);
  }
  void decode(SnapshotReader& from) override {
    bound_ = from.integer();
    last_ms_ = from.integer();
  }

 private:
  enum class Rowtime { kKeep, kOverride, kFunction };

  static std::vector<int64_t> pick_times(const Rows& rows, std::span<const uint32_t> selection) {
    std::vector<int64_t> times;
    times.reserve(selection.size());
    for (uint32_t row : selection) times.push_back(rows.rowtimes_ms[row]);
    return times;
  }

  // Drops NULL and late row times from the selection.
  void select_in_time(const Rows& rows, std::vector<uint32_t>& selection, Sink& sink) {
    const Vector& times = evaluator_.result(node_.columns.size());
    if (options_.above == OperatorOptions::Above::kGroup) {
      std::sort(selection.begin(), selection.end(), [&](uint32_t a, uint32_t b) {
        const int64_t first = times.integers[a], second = times.integers[b];
        return first != second ? first < second : a < b;
      });
    }
    std::erase_if(selection, [&](uint32_t row) {
      Value time = value_at(times, row);
      if (time.null) {
        sink.error(rows, row, Error{errors::kNullViolation, "ROWTIME is NULL", {}, {}});
        return true;
      }
      if (time.integer < last_ms_) {
        sink.error(rows, row,
                   Error{errors::kLateRow,
                         "the row's ROWTIME is earlier than that of the row before it",
                         {},
                         {}});
        return true;
      }
      last_ms_ = time.integer;
      return false;
    });
    bound_ = std::max(bound_, last_ms_);
  }

  void take_columns(Rows& rows, std::span<const uint32_t> selection, Rows& out) {
    const bool in_order = selection.size() == rows.size() && overrides_ == Rowtime::kKeep;
    for (size_t c = 0; c < node_.columns.size(); ++c) {
      const Vector& from = evaluator_.result(c);
      if (!in_order) {
        out.columns.push_back(gather(from, selection));
      } else {
        out.columns.push_back(from);
      }
      out.columns.back().lane = node_.columns[c]->type.lane();
    }
  }

  const ProjectNode& node_;
  OperatorOptions options_;
  Evaluator evaluator_;
  Rowtime overrides_;
  int64_t bound_ = kBoundNone;
  int64_t last_ms_ = kBoundNone;
};

class TableFunctionOperator final : public Operator {
 public:
  TableFunctionOperator(const Node& node, const OperatorOptions& options)
      : node_(std::get<TableFunctionNode>(node.what)),
        lanes_(lanes_of(node.schema)),
        options_(options),
        function_(node_.function.create()) {}

  // At once where all fit for certain; near the budget row by row, so that the row that is refused
  // does not depend on the batch.
  void push(size_t, Rows rows, Sink& sink) override {
    size_t most = function_->size_bytes();
    for (size_t i = 0; i < rows.size() && most <= options_.bytes_max; ++i) {
      most += kRowBytesMost + kRowCopies * row_bytes(rows, i);
    }
    if (most <= options_.bytes_max) return add(rows, sink);
    for (uint32_t i = 0; i < rows.size(); ++i) {
      if (function_->size_bytes() > options_.bytes_max) {
        sink.error(rows, i, limit_error(node_.name, options_.bytes_max));
      } else {
        add(gather(rows, std::span(&i, 1)), sink);
      }
    }
  }

  void advance(size_t, int64_t bound_ms, int64_t now_ms, Sink& sink) override {
    if (bound_ms == kBoundNone) return;
    Rows out = empty_rows(lanes_);
    auto done = function_->advance(bound_ms, now_ms, out);
    if (!done) {
      Rows nothing = empty_rows({});
      nothing.rowtimes_ms.push_back(std::max(bound_, int64_t{0}));
      sink.error(nothing, 0, done.error());
    }
    leave(std::move(out), sink);
    bound_ = std::max(bound_, bound_ms);
  }

  int64_t bound() const override { return bound_; }
  size_t bytes() const override { return function_->size_bytes(); }
  void encode(SnapshotWriter& to) const override {
    Bytes state;
    function_->encode(state);
    to.text(state);
    to.integer(bound_);
  }
  void decode(SnapshotReader& from) override {
    auto done = function_->decode(from.text());
    if (!done) from.fail();
    bound_ = from.integer();
  }

 private:
  // Of one row in a function's state: what it may take at most.
  static constexpr size_t kRowBytesMost = 512;
  static constexpr size_t kRowCopies = 8;

  void add(const Rows& rows, Sink& sink) {
    Rows out = empty_rows(lanes_);
    auto done = function_->add(rows, out);
    if (!done) sink.error(rows, rows.size() - 1, done.error());
    for (auto& refused : function_->take_refused()) {
      sink.error(rows, refused.row, std::move(refused.error));
    }
    for (const auto& owner : rows.owners) add_owner(out, owner);
    leave(std::move(out), sink);
  }

  void leave(Rows out, Sink& sink) {
    if (out.size() == 0) return;
    for (int64_t& time : out.rowtimes_ms) time = std::max(time, bound_);
    sink.rows(std::move(out));
  }

  const TableFunctionNode& node_;
  std::vector<Lane> lanes_;
  OperatorOptions options_;
  std::unique_ptr<TableFunction> function_;
  int64_t bound_ = kBoundNone;
};

}  // namespace

Result<void> Operator::load(const Rows&) {
  return fail(codes::kInternal, "only lookups read a relation");
}

void PassingOperator::advance(size_t, int64_t bound_ms, int64_t, Sink&) {
  bound_ = std::max(bound_, bound_ms);
}

std::vector<uint32_t> all_rows(size_t size) {
  std::vector<uint32_t> rows(size);
  std::iota(rows.begin(), rows.end(), 0U);
  return rows;
}

int64_t add_time(int64_t a, int64_t b) {
  if (a == kBoundEnd || a == kBoundNone) return a;
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? kBoundEnd - 1 : kBoundNone + 1;
}

Error matches_error() {
  return Error{errors::kLimit,
               fmt::format("JOIN: the row matches more than {} rows", kMatchesMax),
               Retry::kNever,
               {}};
}

Error limit_error(std::string_view what, size_t bytes_max) {
  return Error{
      errors::kLimit,
      fmt::format("{}: the state would exceed {} bytes; the row is not counted", what, bytes_max),
      Retry::kLater,
      {}};
}

OperatorPtr make_filter(const Node& node, const OperatorOptions& options) {
  return std::make_unique<FilterOperator>(std::get<FilterNode>(node.what), options);
}
OperatorPtr make_project(const Node& node, const OperatorOptions& options) {
  return std::make_unique<ProjectOperator>(std::get<ProjectNode>(node.what), options);
}
OperatorPtr make_table_function(const Node& node, const OperatorOptions& options) {
  return std::make_unique<TableFunctionOperator>(node, options);
}

OperatorPtr make_operator(const Node& node, const OperatorOptions& options) {
  struct Make {
    const Node& node;
    const OperatorOptions& options;
    OperatorPtr operator()(const ScanNode&) const { return nullptr; }
    OperatorPtr operator()(const TableScanNode&) const { return nullptr; }
    OperatorPtr operator()(const ValuesNode&) const { return nullptr; }
    OperatorPtr operator()(const FilterNode&) const { return make_filter(node, options); }
    OperatorPtr operator()(const ProjectNode&) const { return make_project(node, options); }
    OperatorPtr operator()(const GroupNode&) const { return make_group(node, options); }
    OperatorPtr operator()(const StaggerNode&) const { return make_stagger(node, options); }
    OperatorPtr operator()(const WindowNode&) const { return make_window(node, options); }
    OperatorPtr operator()(const JoinNode&) const { return make_join(node, options); }
    OperatorPtr operator()(const LookupNode&) const { return make_lookup(node, options); }
    OperatorPtr operator()(const DistinctNode&) const { return make_distinct(node, options); }
    OperatorPtr operator()(const SortNode&) const { return make_sort(node, options); }
    OperatorPtr operator()(const TimeSortNode&) const { return make_time_sort(node, options); }
    OperatorPtr operator()(const UnionNode&) const { return make_union(node, options); }
    OperatorPtr operator()(const TableFunctionNode&) const {
      return make_table_function(node, options);
    }
  };
  return std::visit(Make{node, options}, node.what);
}

bool keeps_state(const Node& node) {
  return !std::holds_alternative<ScanNode>(node.what) &&
         !std::holds_alternative<FilterNode>(node.what) &&
         !std::holds_alternative<ProjectNode>(node.what);
}

}  // namespace suiro::sql
