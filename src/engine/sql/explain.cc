// SPDX-License-Identifier: Apache-2.0
// The plan as text: one line a stream, a pump or a node, inputs beneath their node and further in.
//   #3:PRICE   column 3 of the input, whose name is PRICE
//   'a', 5, 2.50, TIMESTAMP 2026-01-01 00:00:00.000, 60000:INTERVAL MINUTE   constants
#include <fmt/format.h>

#include <chrono>

#include "engine/sql/plan.h"

namespace suiro::sql {
namespace {

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + quote;
}

std::string decimal_text(int64_t value, uint32_t scale) {
  const bool negative = value < 0;
  const uint64_t magnitude =
      negative ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  std::string digits = std::to_string(magnitude);
  if (scale > 0) {
    if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
    digits.insert(digits.size() - scale, ".");
  }
  return negative ? "-" + digits : digits;
}

std::string day_text(int64_t days) {
  constexpr int64_t kDaysMost = 10'000'000;
  if (days < -kDaysMost || days > kDaysMost) return fmt::format("day {}", days);
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string time_text(int64_t ms) {
  return fmt::format("{:02}:{:02}:{:02}.{:03}", ms / 3'600'000, ms / 60'000 % 60, ms / 1'000 % 60,
                     ms % 1'000);
}

std::string literal_text(const Expr& expr) {
  if (expr.literal.null) return "NULL";
  const int64_t value = expr.literal.integer;
  constexpr int64_t kDayMs = 86'400'000;
  switch (expr.type.kind) {
    case TypeKind::kBoolean:
      return value != 0 ? "TRUE" : "FALSE";
    case TypeKind::kDecimal:
      return decimal_text(value, expr.type.scale);
    case TypeKind::kReal:
    case TypeKind::kDouble:
      return fmt::format("{:g}e0", expr.literal.real);
    case TypeKind::kDate:
      return "DATE " + day_text(value);
    case TypeKind::kTime:
      return "TIME " + time_text(value);
    case TypeKind::kTimestamp: {
      const int64_t rest = (value % kDayMs + kDayMs) % kDayMs;
      return "TIMESTAMP " + day_text((value - rest) / kDayMs) + " " + time_text(rest);
    }
    case TypeKind::kIntervalDay:
    case TypeKind::kIntervalMonth:
      return fmt::format("{}:{}", value, expr.type.text());
    default:
      break;
  }
  if (expr.type.lane() == Lane::kText) return quoted(expr.literal.text, '\'');
  return std::to_string(value);
}

std::string text(const Expr& expr);

std::string list(const std::vector<ExprPtr>& exprs) {
  std::string out;
  for (const auto& one : exprs) out += (out.empty() ? "" : ", ") + text(*one);
  return out;
}

std::string text(const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kColumn:
      return fmt::format("#{}:{}", expr.column, expr.name);
    case Expr::Kind::kRowtime:
      return "ROWTIME";
    case Expr::Kind::kLiteral:
      return literal_text(expr);
    case Expr::Kind::kAnd:
      return fmt::format("({} AND {})", text(*expr.args[0]), text(*expr.args[1]));
    case Expr::Kind::kOr:
      return fmt::format("({} OR {})", text(*expr.args[0]), text(*expr.args[1]));
    case Expr::Kind::kField:
      return fmt::format("{}.{}", text(*expr.args[0]), expr.name);
    case Expr::Kind::kCase: {
      std::string out = "CASE";
      for (size_t i = 0; i + 1 < expr.args.size(); i += 2) {
        out += fmt::format(" WHEN {} THEN {}", text(*expr.args[i]), text(*expr.args[i + 1]));
      }
      return fmt::format("{} ELSE {} END", out, text(*expr.args.back()));
    }
    case Expr::Kind::kCall:
      break;
  }
  if (expr.name == "CAST") return fmt::format("CAST({} AS {})", list(expr.args), expr.type.text());
  const bool symbol =
      !expr.name.empty() && std::isalpha(static_cast<unsigned char>(expr.name[0])) == 0;
  if (symbol && expr.args.size() == 2) {
    return fmt::format("({} {} {})", text(*expr.args[0]), expr.name, text(*expr.args[1]));
  }
  return fmt::format("{}({})", expr.name, list(expr.args));
}

std::string schema_text(const Schema& schema) {
  std::string out;
  for (const auto& field : schema) {
    out += fmt::format("{}{} {}{}", out.empty() ? "" : ", ", quoted(field.name, '"'),
                       field.type.text(), field.type.nullable ? "" : " NOT NULL");
  }
  return out;
}

std::string calls_text(const std::vector<Aggregate>& calls) {
  std::string out;
  for (const auto& call : calls) {
    const std::string args = call.args.empty() && call.name == "COUNT" ? "*" : list(call.args);
    out += fmt::format("{}{}({})", out.empty() ? "" : ", ", call.name, args);
  }
  return out;
}

std::string frame_text(const Frame& frame) {
  const bool rows = frame.kind == Frame::Kind::kRows;
  std::string out =
      fmt::format("{} {}{} PRECEDING", rows ? "ROWS" : "RANGE", frame.preceding, rows ? "" : " ms");
  if (frame.following > 0)
    out += fmt::format(", {}{} FOLLOWING", frame.following, rows ? "" : " ms");
  return out;
}

std::string_view kind_text(JoinKind kind) {
  constexpr std::string_view kTexts[] = {"INNER", "LEFT", "RIGHT", "FULL"};
  return kTexts[static_cast<size_t>(kind)];
}

std::string keys_text(const std::vector<EquiKey>& keys, const ExprPtr& condition) {
  std::string out;
  for (const auto& key : keys) {
    out += fmt::format("{}{} = {}", out.empty() ? " on " : ", ", text(*key.left), text(*key.right));
  }
  if (condition) out += " where " + text(*condition);
  return out;
}

std::string window_text(const Windows& steps) {
  if (!steps.known()) return "";
  return fmt::format(" every {}{}",
                     steps.months > 0 ? fmt::format("{} months", steps.months)
                                      : fmt::format("{} ms", steps.width_ms),
                     steps.offset_ms == 0 ? "" : fmt::format(" from {}", steps.offset_ms));
}

// One line for each kind of node.
struct Line {
  const Program& program;

  std::string operator()(const ScanNode& scan) const {
    return "Scan " + quoted(program.streams[scan.stream].name, '"');
  }
  std::string operator()(const TableScanNode& scan) const {
    return "Table " + quoted(program.tables[scan.table].name, '"');
  }
  std::string operator()(const ValuesNode& values) const {
    std::string out = "Values";
    for (const auto& row : values.rows) out += fmt::format(" ({})", list(row));
    return out;
  }
  std::string operator()(const FilterNode& filter) const {
    return "Filter " + text(*filter.condition);
  }
  std::string operator()(const ProjectNode& project) const {
    std::string out = "Project " + list(project.columns);
    if (project.rowtime) out += " rowtime " + text(*project.rowtime);
    return out;
  }
  std::string operator()(const GroupNode& group) const {
    std::string out = fmt::format("Group by {}", list(group.keys));
    if (group.over == GroupNode::Over::kRelation) {
      out += " to the end";
    } else {
      out += fmt::format("; closed by key {}", group.monotonic_key);
      out += window_text(group.steps);
    }
    return out + "; " + calls_text(group.aggregates);
  }
  std::string operator()(const StaggerNode& stagger) const {
    return fmt::format("Stagger by {}; {} ms; {}", list(stagger.keys), stagger.width_ms,
                       calls_text(stagger.aggregates));
  }
  std::string operator()(const WindowNode& node) const {
    std::string out = "Window";
    for (const auto& window : node.windows) {
      out += fmt::format(" [{}{}{}; {}]", window.partition.empty() ? "" : "by ",
                         list(window.partition),
                         (window.partition.empty() ? "" : "; ") + frame_text(window.frame),
                         calls_text(window.calls));
    }
    return out;
  }
  std::string operator()(const JoinNode& join) const {
    const auto side = [](const std::optional<Frame>& frame) {
      return frame ? frame_text(*frame) : std::string("current row");
    };
    return fmt::format("Join {} [{}] [{}]{}", kind_text(join.kind), side(join.left),
                       side(join.right), keys_text(join.keys, join.condition));
  }
  std::string operator()(const LookupNode& lookup) const {
    const std::string_view kind = lookup.match == LookupNode::Match::kSemi ? "SEMI"
                                  : lookup.match == LookupNode::Match::kAnti
                                      ? "ANTI"
                                      : kind_text(lookup.kind);
    return fmt::format("Lookup {}{}", kind, keys_text(lookup.keys, lookup.condition));
  }
  std::string operator()(const DistinctNode& distinct) const {
    std::string out = "Distinct";
    for (const size_t column : distinct.monotonic) out += fmt::format(" until #{} changes", column);
    return out;
  }
  std::string operator()(const SortNode& sort) const {
    std::string out;
    for (const auto& key : sort.keys) {
      out += (out.empty() ? "" : ", ") + text(*key.key) +
             (key.order == SortKey::Order::kDescending ? " DESC" : "");
    }
    return "Sort by " + out + window_text(sort.steps);
  }
  std::string operator()(const TimeSortNode& sort) const {
    return fmt::format("TimeSort by {} within {} ms", text(*sort.time), sort.within_ms);
  }
  std::string operator()(const UnionNode& node) const {
    constexpr std::string_view kTexts[] = {"UnionAll", "Union", "Except", "Intersect"};
    return std::string(kTexts[static_cast<size_t>(node.kind)]);
  }
  std::string operator()(const TableFunctionNode& node) const { return "Function " + node.name; }
};

void append(const Program& program, const Node& node, size_t depth, std::string& to) {
  to += fmt::format("{:{}}{}\n", "", depth * 2, std::visit(Line{program}, node.what));
  for (const auto& input : node.inputs) append(program, *input, depth + 1, to);
}

std::string pump_text(const Program& program, const Pump& pump) {
  const auto& target = program.streams[pump.target];
  std::string out =
      fmt::format("PUMP {}{} INTO {}\n", quoted(pump.name, '"'),
                  pump.state == Pump::State::kStopped ? " STOPPED" : "", quoted(target.name, '"'));
  for (size_t i = 0; i < pump.columns.size(); ++i) {
    std::string value = "NULL";
    if (pump.coercions[i]) {
      value = text(*pump.coercions[i]);
    } else if (pump.columns[i] >= 0) {
      const auto column = static_cast<size_t>(pump.columns[i]);
      value = fmt::format("#{}:{}", column, pump.root->schema[column].name);
    }
    out += fmt::format("  {} <- {}\n", quoted(target.schema[i].name, '"'), value);
  }
  append(program, *pump.root, 1, out);
  return out;
}

}  // namespace

std::string explain(const Program& program) {
  std::string out;
  for (const auto& stream : program.streams) {
    if (stream.origin != StreamDefinition::Origin::kProgram) continue;
    out += fmt::format("STREAM {} ({})\n", quoted(stream.name, '"'), schema_text(stream.schema));
  }
  for (const auto& pump : program.pumps) out += pump_text(program, pump);
  return out;
}

}  // namespace suiro::sql
