// SPDX-License-Identifier: Apache-2.0
#include "engine/log_query/expression_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace suiro::log_query {
namespace {

// Parentheses, functions and signs within each other.
constexpr int kNestingMax = 50;
constexpr int64_t kRegexBytesMax = 1 << 20;  // compiled
constexpr double kPlainIntegerMax = 1e15;
constexpr double kPeriodMax = 1e6;

struct Unit {
  std::string_view name;
  Period::Unit unit;
  int64_t count;
};

constexpr int64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;
// "bin": the units of a period and their longer names.
constexpr Unit kUnits[] = {
    {"ms", Period::Unit::kMillis, 1},      {"msec", Period::Unit::kMillis, 1},
    {"s", Period::Unit::kMillis, kSecond}, {"sec", Period::Unit::kMillis, kSecond},
    {"m", Period::Unit::kMillis, kMinute}, {"min", Period::Unit::kMillis, kMinute},
    {"h", Period::Unit::kMillis, kHour},   {"hr", Period::Unit::kMillis, kHour},
    {"d", Period::Unit::kMillis, kDay},    {"w", Period::Unit::kMillis, 7 * kDay},
    {"mo", Period::Unit::kMonths, 1},      {"mon", Period::Unit::kMonths, 1},
    {"q", Period::Unit::kMonths, 3},       {"qtr", Period::Unit::kMonths, 3},
    {"y", Period::Unit::kMonths, 12},      {"yr", Period::Unit::kMonths, 12},
};

NodePtr literal(Value value) {
  auto node = std::make_unique<Node>();
  node->literal = std::move(value);
  return node;
}

// RE2 names groups "(?P<x>"; the query language also "(?<x>".
std::string with_named_groups(std::string_view pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    out += pattern[i];
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      out += pattern[++i];
    } else if (pattern.substr(i).starts_with("(?<") && i + 3 < pattern.size() &&
               pattern[i + 3] != '=' && pattern[i + 3] != '!') {
      out += "?P";
      ++i;
    }
  }
  return out;
}

}  // namespace

class ExpressionParser::Depth {
 public:
  explicit Depth(int& depth) : depth_(depth) { ++depth_; }
  ~Depth() { --depth_; }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;

 private:
  int& depth_;
};

Result<NodePtr> ExpressionParser::make(Op op, size_t begin, std::vector<NodePtr> parts) {
  auto node = std::make_unique<Node>();
  node->op = op;
  for (const NodePtr& part : parts) node->depth = std::max(node->depth, part->depth + 1);
  if (node->depth > kDepthMax) {
    return in_.error({begin, in_.at()},
                     fmt::format("more than {} operators within each other", kDepthMax));
  }
  node->parts = std::move(parts);
  return node;
}

Result<NodePtr> ExpressionParser::make(Op op, size_t begin, NodePtr left, NodePtr right) {
  std::vector<NodePtr> parts;
  parts.push_back(std::move(left));
  if (right != nullptr) parts.push_back(std::move(right));
  return make(op, begin, std::move(parts));
}

Result<NodePtr> ExpressionParser::any_of() {
  size_t begin = in_.place();
  Depth deeper(depth_);
  if (depth_ > kNestingMax) {
    return in_.error({begin, begin}, fmt::format("more than {} levels of nesting", kNestingMax));
  }
  TRY(NodePtr left, all_of());
  while (in_.take_word("or")) {
    TRY(NodePtr right, all_of());
    TRY(left, make(Op::kOr, begin, std::move(left), std::move(right)));
  }
  return left;
}

Result<NodePtr> ExpressionParser::all_of() {
  size_t begin = in_.place();
  TRY(NodePtr left, negation());
  while (in_.take_word("and")) {
    TRY(NodePtr right, negation());
    TRY(left, make(Op::kAnd, begin, std::move(left), std::move(right)));
  }
  return left;
}

Result<NodePtr> ExpressionParser::negation() {
  size_t begin = in_.place();
  bool is_negated = false, is_not = false;
  while (in_.take_word("not")) {
    is_negated = true;
    is_not = !is_not;
  }
  TRY(NodePtr inner, comparison());
  if (!is_negated) return inner;
  TRY(inner, make(Op::kNot, begin, std::move(inner), nullptr));
  if (is_not) return inner;
  return make(Op::kNot, begin, std::move(inner), nullptr);
}

Result<NodePtr> ExpressionParser::comparison() {
  size_t begin = in_.place();
  TRY(NodePtr left, sum());
  bool is_negated = false;
  if (in_.sees_word("not")) {
    in_.take_word("not");
    is_negated = true;
    if (!in_.sees_word("like") && !in_.sees_word("in")) return in_.unexpected();
  }
  if (in_.sees("=~") || in_.sees_word("like")) {
    TRY(left, text_test(std::move(left), begin));
  } else if (in_.take_word("in")) {
    TRY(left, membership(std::move(left), begin));
  } else {
    constexpr std::pair<std::string_view, Op> kOperators[] = {
        {"!=", Op::kNotEqual}, {"<=", Op::kLessEqual}, {">=", Op::kGreaterEqual},
        {"==", Op::kEqual},    {"=", Op::kEqual},      {"<", Op::kLess},
        {">", Op::kGreater},
    };
    for (const auto& [symbol, op] : kOperators) {
      if (!in_.take(symbol)) continue;
      TRY(NodePtr right, sum());
      return make(op, begin, std::move(left), std::move(right));
    }
  }
  if (is_negated) return make(Op::kNot, begin, std::move(left), nullptr);
  return left;
}

Result<NodePtr> ExpressionParser::text_test(NodePtr left, size_t begin) {
  bool is_match = in_.take("=~");
  if (!is_match) in_.take_word("like");
  size_t place = in_.place();
  if (!in_.sees("/") && !is_match) {
    TRY(NodePtr part, sum());
    return make(Op::kContains, begin, std::move(left), std::move(part));
  }
  std::string pattern;
  if (in_.sees("/")) {
    TRY(pattern, in_.regex());
  } else {
    TRY(pattern, in_.string());
  }
  TRY(auto compiled, regex({place, in_.at()}, std::move(pattern)));
  TRY(NodePtr node, make(Op::kMatches, begin, std::move(left), nullptr));
  node->regex = std::move(compiled);
  return node;
}

Result<std::shared_ptr<const RE2>> ExpressionParser::regex(Span at, std::string pattern) {
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(kRegexBytesMax);
  auto out = std::make_shared<const RE2>(with_named_groups(pattern), options);
  if (!out->ok()) {
    return in_.error(at, fmt::format("the regular expression is not valid: {}", out->error()));
  }
  return out;
}

Result<NodePtr> ExpressionParser::membership(NodePtr left, size_t begin) {
  std::string_view close = in_.sees("(") ? ")" : "]";
  if (!in_.take(close == ")" ? "(" : "[")) return in_.unexpected();
  std::vector<NodePtr> parts;
  parts.push_back(std::move(left));
  do {
    TRY(NodePtr item, any_of());
    parts.push_back(std::move(item));
  } while (in_.take(","));
  if (!in_.take(close)) return in_.unexpected();
  return make(Op::kIn, begin, std::move(parts));
}

Result<NodePtr> ExpressionParser::sum() {
  size_t begin = in_.place();
  TRY(NodePtr left, product());
  for (;;) {
    Op op = in_.sees("+") ? Op::kAdd : Op::kSubtract;
    if (!in_.take("+") && !in_.take("-")) return left;
    TRY(NodePtr right, product());
    TRY(left, make(op, begin, std::move(left), std::move(right)));
  }
}

Result<NodePtr> ExpressionParser::product() {
  size_t begin = in_.place();
  TRY(NodePtr left, power());
  for (;;) {
    Op op = in_.sees("*") ? Op::kMultiply : (in_.sees("/") ? Op::kDivide : Op::kModulo);
    if (!in_.take("*") && !in_.take("/") && !in_.take("%")) return left;
    TRY(NodePtr right, power());
    TRY(left, make(op, begin, std::move(left), std::move(right)));
  }
}

Result<NodePtr> ExpressionParser::power() {
  size_t begin = in_.place();
  TRY(NodePtr base, sign());
  if (!in_.take("^")) return base;
  Depth deeper(depth_);
  if (depth_ > kNestingMax) return in_.unexpected();
  TRY(NodePtr exponent, power());
  return make(Op::kPower, begin, std::move(base), std::move(exponent));
}

Result<NodePtr> ExpressionParser::sign() {
  size_t begin = in_.place();
  if (!in_.take("-")) return primary();
  TRY(NodePtr inner, primary());
  const auto* whole = std::get_if<int64_t>(&inner->literal);
  if (inner->op == Op::kLiteral && whole != nullptr) return literal(-*whole);
  return make(Op::kNegate, begin, std::move(inner), nullptr);
}

Result<NodePtr> ExpressionParser::primary() {
  if (in_.sees("(")) return parenthesis();
  if (in_.sees_number()) return number();
  if (in_.sees("\"") || in_.sees("'")) {
    TRY(std::string text, in_.string());
    return literal(std::move(text));
  }
  if (!in_.sees_name()) return in_.unexpected();
  if (NodePtr known = earlier_output()) return known;
  return reference();
}

Result<NodePtr> ExpressionParser::parenthesis() {
  in_.take("(");
  TRY(NodePtr inner, any_of());
  if (!in_.take(")")) return in_.unexpected();
  return inner;
}

// What `stats` made without a name is called by its text: sort count(*) desc.
NodePtr ExpressionParser::earlier_output() {
  if (!names_.is_grouped()) return nullptr;
  for (const std::string& name : names_.made()) {
    if (!name.contains('(') || !in_.take(name)) continue;
    auto node = std::make_unique<Node>();
    node->op = Op::kSlot;
    node->slot = names_.slot_of(name);
    node->text = name;
    return node;
  }
  return nullptr;
}

Result<NodePtr> ExpressionParser::number() {
  size_t begin = in_.place();
  TRY(double value, in_.number());
  std::string_view letters = in_.unit();
  if (letters.empty()) {
    bool is_whole = std::trunc(value) == value && std::abs(value) < kPlainIntegerMax;
    return literal(is_whole ? Value(static_cast<int64_t>(value)) : Value(value));
  }
  const auto* unit = std::ranges::find(kUnits, letters, &Unit::name);
  // Longer names are told in the plural too: 5mins.
  if (unit == std::end(kUnits) && letters.size() > 2 && letters.ends_with('s')) {
    unit = std::ranges::find(kUnits, letters.substr(0, letters.size() - 1), &Unit::name);
  }
  if (unit == std::end(kUnits) || value < 1 || value > kPeriodMax || std::trunc(value) != value) {
    return in_.error({begin, in_.at()}, fmt::format("{} is no period", in_.since(begin)));
  }
  auto node = std::make_unique<Node>();
  node->op = Op::kPeriod;
  node->period = {.count = static_cast<int64_t>(value) * unit->count, .unit = unit->unit};
  return node;
}

Result<NodePtr> ExpressionParser::reference() {
  size_t begin = in_.place();
  TRY(Name name, in_.name());
  if (in_.sees("(")) {
    if (auto kind = find_aggregate(name.text)) return aggregate(begin, *kind);
    return call(begin, name.text);
  }
  bool is_truth = name.text == "true" || name.text == "false";
  if (is_truth && !names_.is_made(name.text)) return literal(name.text == "true");
  if (name.text == "@ptr") {
    return in_.error(name.span, "Suiro tells @ptr with each result; expressions cannot use it");
  }
  if (stats_ == nullptr) return names_.refer(name);
  stats_->used.push_back(name);
  auto node = std::make_unique<Node>();
  node->op = Op::kSlot;
  node->slot = names_.slot_of(name.text);
  return node;
}

Result<NodePtr> ExpressionParser::call(size_t begin, std::string_view name) {
  const Function* function = find_function(name);
  if (function == nullptr) {
    return in_.error({begin, in_.at()}, fmt::format("Invalid function name: {}", name));
  }
  in_.take("(");
  std::vector<NodePtr> parts;
  while (!in_.sees(")")) {
    if (!parts.empty() && !in_.take(",")) return in_.unexpected();
    TRY(NodePtr part, any_of());
    bool is_period = part->op == Op::kPeriod;
    if (is_period != (function->period == static_cast<int>(parts.size()))) {
      return in_.error({begin, in_.at()},
                       fmt::format("{}: argument {} must {}be a period, as 5m", name,
                                   parts.size() + 1, is_period ? "not " : ""));
    }
    parts.push_back(std::move(part));
  }
  in_.take(")");
  auto count = static_cast<int>(parts.size());
  bool is_too_many = function->arguments_max >= 0 && count > function->arguments_max;
  if (count < function->arguments_min || is_too_many) {
    return in_.error({begin, in_.at()},
                     fmt::format("Invalid number of arguments for {}: {}", name, count));
  }
  TRY(NodePtr node, make(Op::kCall, begin, std::move(parts)));
  node->function = function;
  return node;
}

Result<NodePtr> ExpressionParser::aggregate(size_t begin, AggregateKind kind) {
  if (stats_ == nullptr) {
    return in_.error({begin, in_.at()},
                     "functions over many events can only stand in stats, and "
                     "not within each other");
  }
  in_.take("(");
  StatsStage::Part part{.kind = kind, .argument = nullptr, .slot = names_.hidden_slot()};
  bool is_bare = kind == AggregateKind::kCount && (in_.take("*") || in_.sees(")"));
  if (!is_bare) {
    // Within, names are fields of events again.
    Stats* stats = std::exchange(stats_, nullptr);
    auto argument = any_of();
    stats_ = stats;
    if (!argument) return argument;
    part.argument = *std::move(argument);
    if (part.argument->op == Op::kPeriod) return in_.unexpected();
  }
  if (kind == AggregateKind::kPercentile) {
    if (!in_.take(",")) return in_.unexpected();
    size_t place = in_.place();
    TRY(part.percent, in_.number());
    if (part.percent < 0 || part.percent > 100) {
      return in_.error({place, in_.at()}, "a percentile is between 0 and 100");
    }
  }
  if (!in_.take(")")) return in_.unexpected();
  auto node = std::make_unique<Node>();
  node->op = Op::kSlot;
  node->slot = part.slot;
  stats_->parts->push_back(std::move(part));
  return node;
}

}  // namespace suiro::log_query
