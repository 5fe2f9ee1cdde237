// SPDX-License-Identifier: Apache-2.0
// A slow interpreter of plans, for tests alone: a row is a vector of values, a stream the vector of
// all its rows, and every operator is its definition, quadratic where that is shortest. It shares
// with the engine the plan and the bound scalar functions, and nothing of evaluation, operators,
// aggregates or state.
//
// Covered: scans, filters, projections, tumbling, stagger and sliding windows with COUNT, SUM, MIN,
// MAX and AVG, joins of streams with RANGE frames, lookups, DISTINCT, ORDER BY, UNION ALL.
// Thread: one. Not covered: `covered` is false then.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/sql/plan.h"

namespace suiro::sql::reference {

struct Row {
  int64_t time_ms = 0;
  std::vector<Value> values;
};
using Stream = std::vector<Row>;

// Stable, and short.
template <class T, class Less>
void insertion_sort(std::vector<T>& items, Less less) {
  for (size_t i = 1; i < items.size(); ++i) {
    for (size_t j = i; j > 0 && less(items[j], items[j - 1]); --j) {
      std::swap(items[j], items[j - 1]);
    }
  }
}

inline void sort_by_time(Stream& rows) {
  insertion_sort(rows, [](const Row& a, const Row& b) { return a.time_ms < b.time_ms; });
}

class Interpreter {
 public:
  Interpreter(const Program& program, std::vector<Stream> tables)
      : program_(program), tables_(std::move(tables)), streams_(program.streams.size()) {}

  Stream& input(size_t stream) { return streams_[stream]; }
  const Stream& stream(size_t stream) const { return streams_[stream]; }
  size_t errors = 0;
  bool covered = true;

  // Pumps in the order of the program: a stream's writers come before its readers.
  void run() {
    for (const Pump& pump : program_.pumps) {
      Stream& target = streams_[pump.target];
      for (Row& row : insert(pump, rows_of(*pump.root))) target.push_back(std::move(row));
      sort_by_time(target);
    }
  }

 private:
  struct Failed {};
  static constexpr int64_t kNever = INT64_MAX;

  // Texts live as long as the interpreter.
  std::string_view keep(std::string_view text) {
    texts_.emplace_back(text);
    return texts_.back();
  }

  Value eval(const Expr& expr, const Row& row) {
    switch (expr.kind) {
      case Expr::Kind::kColumn:
        return row.values[expr.column];
      case Expr::Kind::kRowtime:
        return Value::of_integer(row.time_ms);
      case Expr::Kind::kLiteral:
        return expr.literal;
      case Expr::Kind::kAnd:
        return both(expr, row, 0);
      case Expr::Kind::kOr:
        return both(expr, row, 1);
      case Expr::Kind::kCase: {
        size_t i = 0;
        for (; i + 1 < expr.args.size(); i += 2) {
          if (is_true(eval(*expr.args[i], row))) return eval(*expr.args[i + 1], row);
        }
        return i < expr.args.size() ? eval(*expr.args[i], row) : Value{};
      }
      case Expr::Kind::kField:
        covered = false;
        return Value{};
      case Expr::Kind::kCall:
        return call(expr, row);
    }
    return Value{};
  }

  // AND: 0 decides; OR: 1 does.
  Value both(const Expr& expr, const Row& row, int64_t decides) {
    const Value first = eval(*expr.args[0], row);
    if (!first.null && first.integer == decides) return first;
    const Value second = eval(*expr.args[1], row);
    if (!second.null && second.integer == decides) return second;
    return first.null ? first : second;
  }

  Value call(const Expr& expr, const Row& row) {
    std::vector<Value> args;
    for (const ExprPtr& arg : expr.args) args.push_back(eval(*arg, row));
    for (const Value& arg : args) {
      if (arg.null && expr.function->null_on_null) return Value{};
    }
    Arena arena;
    EvalContext context{arena, row.time_ms, 0};
    auto value = expr.function->eval(args, context);
    if (!value) throw Failed{};
    if (!value->null && expr.type.lane() == Lane::kText) value->text = keep(value->text);
    return *value;
  }

  static bool is_true(const Value& value) { return !value.null && value.integer != 0; }

  // Runs `what`; a failed evaluation loses the row.
  template <class F>
  void guarded(F what) {
    try {
      what();
    } catch (const Failed&) {
      ++errors;
    }
  }

  static int compare(const Type& type, const Value& a, const Value& b) {
    if (a.null || b.null) return static_cast<int>(a.null) - static_cast<int>(b.null);
    return compare_values(type.lane(), a, b);
  }

  static bool same(const std::vector<Value>& a, const std::vector<Value>& b) {
    for (size_t i = 0; i < a.size(); ++i) {
      if (a[i].null != b[i].null || a[i].integer != b[i].integer || a[i].real != b[i].real ||
          a[i].text != b[i].text) {
        return false;
      }
    }
    return true;
  }

  Stream rows_of(const Node& node) {
    return std::visit([&](const auto& what) { return run(node, what); }, node.what);
  }
  Stream below(const Node& node, size_t i = 0) { return rows_of(*node.inputs[i]); }

  Stream run(const Node&, const ScanNode& what) { return streams_[what.stream]; }
  Stream run(const Node&, const TableScanNode& what) { return tables_[what.table]; }

  Stream run(const Node& node, const FilterNode& what) {
    Stream out;
    for (const Row& row : below(node)) {
      guarded([&] {
        if (is_true(eval(*what.condition, row))) out.push_back(row);
      });
    }
    return out;
  }

  Stream run(const Node& node, const ProjectNode& what) {
    Stream out;
    if (what.rowtime != nullptr && what.rowtime->kind != Expr::Kind::kRowtime) covered = false;
    for (const Row& row : below(node)) {
      guarded([&] {
        Row next{row.time_ms, {}};
        for (const ExprPtr& column : what.columns) next.values.push_back(eval(*column, row));
        out.push_back(std::move(next));
      });
    }
    return out;
  }

  std::vector<Value> all(const std::vector<ExprPtr>& exprs, const Row& row) {
    std::vector<Value> out;
    for (const ExprPtr& expr : exprs) out.push_back(eval(*expr, row));
    return out;
  }

  // An aggregate over values, by its definition.
  Value aggregate(const Aggregate& call, const std::vector<Value>& values) {
    std::vector<Value> known;
    for (const Value& value : values) {
      if (!value.null) known.push_back(value);
    }
    if (call.name == "COUNT") {
      const size_t count = call.args.empty() ? values.size() : known.size();
      return Value::of_integer(static_cast<int64_t>(count));
    }
    if (known.empty()) return Value{};
    const Lane lane = call.args[0]->type.lane();
    if (call.name == "MIN" || call.name == "MAX") {
      Value best = known[0];
      for (const Value& value : known) {
        const int order = compare_values(lane, value, best);
        if (call.name == "MIN" ? order < 0 : order > 0) best = value;
      }
      return best;
    }
    if (call.name != "SUM" && call.name != "AVG") covered = false;
    long double real = 0;
    int64_t whole = 0;
    for (const Value& value : known) {
      real += value.real;
      whole += value.integer;
    }
    const auto count = static_cast<int64_t>(known.size());
    if (lane == Lane::kReal) {
      const auto sum = static_cast<double>(real);
      return Value::of_real(call.name == "SUM" ? sum : sum / static_cast<double>(count));
    }
    return Value::of_integer(call.name == "SUM" ? whole : whole / count);
  }

  struct Group {
    std::vector<Value> keys;
    std::vector<std::vector<Value>> args;  // by aggregate
    int64_t open_ms = 0;
  };

  void add_to(Group& group, const std::vector<Aggregate>& calls, const Row& row) {
    group.args.resize(calls.size());
    std::vector<Value> args;
    for (const Aggregate& call : calls) {
      args.push_back(call.args.empty() ? Value::of_integer(1) : eval(*call.args[0], row));
    }
    for (size_t a = 0; a < calls.size(); ++a) group.args[a].push_back(args[a]);
  }

  Row close(const Group& group, const std::vector<Aggregate>& calls, int64_t time_ms) {
    Row row{time_ms, group.keys};
    for (size_t a = 0; a < calls.size(); ++a) {
      row.values.push_back(aggregate(calls[a], group.args[a]));
    }
    return row;
  }

  Stream run(const Node& node, const GroupNode& what) {
    if (!what.steps.known()) covered = false;
    Stream out;
    std::map<int64_t, std::vector<Group>> windows;  // by their ends
    for (const Row& row : below(node)) {
      guarded([&] {
        auto& groups = windows[what.steps.end(row.time_ms)];
        const std::vector<Value> keys = all(what.keys, row);
        for (Group& group : groups) {
          if (same(group.keys, keys)) return add_to(group, what.aggregates, row);
        }
        Group fresh{keys, {}, 0};
        add_to(fresh, what.aggregates, row);
        groups.push_back(std::move(fresh));
      });
    }
    for (const auto& [end_ms, groups] : windows) {
      for (const Group& group : groups) out.push_back(close(group, what.aggregates, end_ms));
    }
    return out;
  }

  Stream run(const Node& node, const StaggerNode& what) {
    Stream out;
    std::vector<Group> open;
    auto close_until = [&](int64_t time_ms) {
      while (!open.empty() && (time_ms == kNever || open[0].open_ms + what.width_ms <= time_ms)) {
        out.push_back(close(open[0], what.aggregates, open[0].open_ms + what.width_ms));
        open.erase(open.begin());
      }
    };
    for (const Row& row : below(node)) {
      guarded([&] {
        const std::vector<Value> keys = all(what.keys, row);
        Group scratch;
        add_to(scratch, what.aggregates, row);  // fails before anything is changed
        close_until(row.time_ms);
        for (Group& group : open) {
          if (same(group.keys, keys)) return add_to(group, what.aggregates, row);
        }
        open.push_back({keys, {}, row.time_ms});
        add_to(open.back(), what.aggregates, row);
      });
    }
    close_until(kNever);
    return out;
  }

  Stream run(const Node& node, const WindowNode& what) {
    const Stream rows = evaluable(node, what);
    Stream out;
    for (size_t i = 0; i < rows.size(); ++i) {
      Row next = rows[i];
      for (const auto& window : what.windows) {
        std::vector<size_t> frame;
        const std::vector<Value> keys = all(window.partition, rows[i]);
        for (size_t j = i + 1; j-- > 0;) {
          if (!same(all(window.partition, rows[j]), keys)) continue;
          const bool by_rows = window.frame.kind == Frame::Kind::kRows;
          if (by_rows && frame.size() > static_cast<size_t>(window.frame.preceding)) break;
          if (!by_rows && rows[j].time_ms < rows[i].time_ms - window.frame.preceding) break;
          frame.push_back(j);
        }
        for (const Aggregate& call : window.calls) {
          std::vector<Value> values;
          for (size_t k = frame.size(); k-- > 0;) {
            values.push_back(call.args.empty() ? Value::of_integer(1)
                                               : eval(*call.args[0], rows[frame[k]]));
          }
          next.values.push_back(aggregate(call, values));
        }
      }
      out.push_back(std::move(next));
    }
    return out;
  }

  // Rows whose windows can be evaluated.
  Stream evaluable(const Node& node, const WindowNode& what) {
    Stream out;
    for (const Row& row : below(node)) {
      guarded([&] {
        for (const auto& window : what.windows) {
          (void)all(window.partition, row);
          for (const Aggregate& call : window.calls) (void)all(call.args, row);
        }
        out.push_back(row);
      });
    }
    return out;
  }

  static Row joined(int64_t time_ms, const std::vector<Value>& left,
                    const std::vector<Value>& right) {
    Row row{time_ms, left};
    row.values.insert(row.values.end(), right.begin(), right.end());
    return row;
  }

  bool matches(const std::vector<EquiKey>& keys, const ExprPtr& condition, const Row& pair) {
    for (const EquiKey& key : keys) {
      const Value left = eval(*key.left, pair), right = eval(*key.right, pair);
      if (left.null || right.null) return false;
      if (compare_values(key.left->type.lane(), left, right) != 0) return false;
    }
    return condition == nullptr || is_true(eval(*condition, pair));
  }

  Stream run(const Node& node, const JoinNode& what) {
    auto part = [&](const std::optional<Frame>& frame, int64_t Frame::* member) -> int64_t {
      if (frame && frame->kind == Frame::Kind::kRows) covered = false;
      return frame ? (*frame).*member : 0;
    };
    // The right row may be so much later, or earlier, than the left one.
    const int64_t later =
        std::max(part(what.left, &Frame::preceding), part(what.right, &Frame::following));
    const int64_t earlier =
        std::max(part(what.right, &Frame::preceding), part(what.left, &Frame::following));
    const Stream left = below(node, 0), right = below(node, 1);
    const std::vector<Value> no_left(node.inputs[0]->schema.size());
    const std::vector<Value> no_right(node.inputs[1]->schema.size());
    std::vector<bool> left_matched(left.size()), right_matched(right.size());
    Stream out;
    for (size_t l = 0; l < left.size(); ++l) {
      for (size_t r = 0; r < right.size(); ++r) {
        const int64_t by = right[r].time_ms - left[l].time_ms;
        if (by > later || by < -earlier) continue;
        Row pair =
            joined(std::max(left[l].time_ms, right[r].time_ms), left[l].values, right[r].values);
        if (!matches(what.keys, what.condition, pair)) continue;
        left_matched[l] = right_matched[r] = true;
        out.push_back(std::move(pair));
      }
    }
    for (size_t l = 0; l < left.size(); ++l) {
      if (left_matched[l] || what.kind == JoinKind::kInner || what.kind == JoinKind::kRight)
        continue;
      out.push_back(joined(left[l].time_ms + later, left[l].values, no_right));
    }
    for (size_t r = 0; r < right.size(); ++r) {
      if (right_matched[r] || what.kind == JoinKind::kInner || what.kind == JoinKind::kLeft)
        continue;
      out.push_back(joined(right[r].time_ms + earlier, no_left, right[r].values));
    }
    sort_by_time(out);
    return out;
  }

  Stream run(const Node& node, const LookupNode& what) {
    Stream out;
    const Stream right = below(node, 1);
    const std::vector<Value> none(node.inputs[1]->schema.size());
    for (const Row& row : below(node)) {
      guarded([&] {
        Stream found;
        for (const Row& other : right) {
          Row pair = joined(row.time_ms, row.values, other.values);
          if (matches(what.keys, what.condition, pair)) found.push_back(std::move(pair));
        }
        if (what.match != LookupNode::Match::kJoin) {
          if (found.empty() == (what.match == LookupNode::Match::kAnti)) out.push_back(row);
          return;
        }
        if (found.empty() && what.kind == JoinKind::kLeft) {
          found.push_back(joined(row.time_ms, row.values, none));
        }
        out.insert(out.end(), found.begin(), found.end());
      });
    }
    return out;
  }

  Stream run(const Node& node, const DistinctNode& what) {
    Stream out, seen;
    for (const Row& row : below(node)) {
      for (size_t c : what.monotonic) {
        const Type& type = node.schema[c].type;
        if (!seen.empty() && compare(type, seen[0].values[c], row.values[c]) != 0) seen.clear();
      }
      auto known = [&](const Row& other) { return same(other.values, row.values); };
      if (std::any_of(seen.begin(), seen.end(), known)) continue;
      seen.push_back(row);
      out.push_back(row);
    }
    return out;
  }

  Stream run(const Node& node, const SortNode& what) {
    Stream out;
    std::vector<std::pair<std::vector<Value>, Row>> batch;
    auto release = [&] {
      insertion_sort(batch, [&](const auto& a, const auto& b) {
        for (size_t k = 0; k < what.keys.size(); ++k) {
          int sign = compare(what.keys[k].key->type, a.first[k], b.first[k]);
          if (what.keys[k].order == SortKey::Order::kDescending) sign = -sign;
          if (sign != 0) return sign < 0;
        }
        return false;
      });
      for (auto& [keys, row] : batch) {
        if (!out.empty()) row.time_ms = std::max(row.time_ms, out.back().time_ms);
        out.push_back(std::move(row));
      }
      batch.clear();
    };
    for (const Row& row : below(node)) {
      guarded([&] {
        std::vector<Value> keys;
        for (const SortKey& key : what.keys) keys.push_back(eval(*key.key, row));
        const Type& lead = what.keys[0].key->type;
        if (!batch.empty() && compare(lead, batch[0].first[0], keys[0]) != 0) release();
        batch.emplace_back(std::move(keys), row);
      });
    }
    release();
    return out;
  }

  Stream run(const Node& node, const UnionNode& what) {
    if (what.kind != UnionNode::Kind::kAll) covered = false;
    Stream out;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      for (Row& row : below(node, i)) out.push_back(std::move(row));
    }
    sort_by_time(out);
    return out;
  }

  template <class Other>
  Stream run(const Node&, const Other&) {
    covered = false;
    return {};
  }

  Stream insert(const Pump& pump, const Stream& rows) {
    Stream out;
    for (const Row& row : rows) {
      guarded([&] {
        Row next{row.time_ms, {}};
        for (size_t c = 0; c < pump.columns.size(); ++c) {
          if (c < pump.coercions.size() && pump.coercions[c] != nullptr) {
            next.values.push_back(eval(*pump.coercions[c], row));
          } else if (pump.columns[c] >= 0) {
            next.values.push_back(row.values[static_cast<size_t>(pump.columns[c])]);
          } else {
            next.values.emplace_back();
          }
          const Type& type = program_.streams[pump.target].schema[c].type;
          if (next.values.back().null && !type.nullable) throw Failed{};
        }
        out.push_back(std::move(next));
      });
    }
    return out;
  }

  const Program& program_;
  std::vector<Stream> tables_;
  std::vector<Stream> streams_;
  std::deque<std::string> texts_;
};

}  // namespace suiro::sql::reference
