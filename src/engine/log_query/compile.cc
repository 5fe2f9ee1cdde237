// SPDX-License-Identifier: Apache-2.0
// The commands of a query.
#include <fmt/format.h>

#include <algorithm>

#include "engine/log_query/expression_parser.h"

namespace suiro::log_query {
namespace {

// Commands of AWS's language that this one lacks.
constexpr std::string_view kRefused[] = {"unmask", "pattern",     "diff",   "anomaly",
                                         "source", "filterindex", "unnest", "lookup",
                                         "join",   "addtotals",   "expand", "flatten"};

class Compiler {
 public:
  Compiler(std::string_view text, Program& out) : in_(text), out_(out), expressions_(in_, names_) {}

  Result<void> run() {
    do {
      if (out_.stages.size() >= kCommandsMax) {
        return in_.error({in_.place(), in_.place()},
                         fmt::format("more than {} commands", kCommandsMax));
      }
      TRY_VOID(command());
      if (names_.slots() > kNamesMax) {
        return in_.error({0, in_.at()}, fmt::format("more than {} names", kNamesMax));
      }
    } while (in_.take("|"));
    if (!in_.at_end()) return in_.unexpected();
    if (!has_columns_) {
      std::vector<Column> standard;
      for (const char* name : {"@timestamp", "@message"}) {
        NodePtr node = names_.refer({.text = name, .path = {name}, .span = {}});
        standard.push_back({.name = name, .slot = node->slot});
      }
      out_.columns.insert(out_.columns.begin(), standard.begin(), standard.end());
    }
    out_.loads = names_.take_loads();
    out_.slots = names_.slots();
    out_.is_grouped = names_.is_grouped();
    return ok();
  }

 private:
  Result<void> command();
  Result<void> fields();
  Result<void> display();
  Result<void> filter();
  Result<void> parse();
  Result<void> parse_glob(ParseStage& stage);
  Result<void> parse_regex(ParseStage& stage);
  Result<void> stats();
  Result<void> sort();
  Result<void> limit();
  Result<void> dedup();

  // Expressions and their names; each is computed into the slot of its name.
  Result<std::vector<Assignment>> assignments();
  struct Named {
    std::string name;
    Span span;
    Assignment assignment;
  };
  Result<Named> named();
  void add_column(const std::string& name);
  void drop_sorts();
  Result<void> check_grouped(const std::vector<Name>& used, const std::set<std::string>& left);

  Scanner in_;
  Program& out_;
  Names names_;
  ExpressionParser expressions_;
  bool has_columns_ = false;
  bool has_dedup_ = false;
  size_t stats_ = 0;
};

Result<void> Compiler::command() {
  using Command = Result<void> (Compiler::*)();
  constexpr std::pair<std::string_view, Command> kCommands[] = {
      {"fields", &Compiler::fields}, {"display", &Compiler::display}, {"filter", &Compiler::filter},
      {"parse", &Compiler::parse},   {"stats", &Compiler::stats},     {"sort", &Compiler::sort},
      {"limit", &Compiler::limit},   {"dedup", &Compiler::dedup},
  };
  size_t begin = in_.place();
  for (const auto& [word, command] : kCommands) {
    if (!in_.take_word(word)) continue;
    if (has_dedup_ && word != "limit") {
      return in_.error({begin, in_.at()}, "only limit can follow dedup");
    }
    return (this->*command)();
  }
  for (std::string_view word : kRefused) {
    if (!in_.sees_word(word)) continue;
    return fail(
        codes::kNotImplemented,
        fmt::format("The command {} of CloudWatch Logs Insights is not supported by Suiro", word));
  }
  return in_.unexpected();
}

void Compiler::add_column(const std::string& name) {
  if (std::ranges::find(out_.columns, name, &Column::name) != out_.columns.end()) return;
  out_.columns.push_back({.name = name, .slot = names_.slot_of(name)});
}

Result<Compiler::Named> Compiler::named() {
  size_t begin = in_.place();
  TRY(NodePtr value, expressions_.expression());
  Named out;
  out.span = {begin, in_.at()};
  if (value->op == Op::kPeriod) return in_.error(out.span, "a period is no value");
  // The path of a plain field, without its quotes.
  bool is_plain = value->op == Op::kSlot && !value->text.empty();
  out.name = is_plain ? value->text : std::string(in_.since(begin));
  if (in_.take_word("as")) {
    TRY(Name alias, in_.name());
    out.name = alias.text;
  }
  out.assignment = {.slot = names_.slot_of(out.name), .value = std::move(value)};
  return out;
}

Result<std::vector<Assignment>> Compiler::assignments() {
  std::vector<Assignment> out;
  do {
    // The pointer comes with every result by itself.
    size_t begin = in_.place();
    if (in_.sees_name()) {
      TRY(Name name, in_.name());
      if (name.text == "@ptr") continue;
      in_.reset(begin);
    }
    TRY(Named item, named());
    add_column(item.name);
    bool is_itself = item.assignment.value->op == Op::kSlot &&
                     item.assignment.value->slot == item.assignment.slot;
    if (is_itself) continue;
    names_.define(item.name);
    out.push_back(std::move(item.assignment));
  } while (in_.take(","));
  return out;
}

Result<void> Compiler::fields() {
  has_columns_ = true;
  TRY(auto assigned, assignments());
  out_.stages.emplace_back(FieldsStage{std::move(assigned)});
  return ok();
}

Result<void> Compiler::display() {
  out_.columns.clear();
  return fields();
}

Result<void> Compiler::filter() {
  TRY(NodePtr condition, expressions_.expression());
  if (condition->op == Op::kPeriod) return in_.unexpected();
  out_.stages.emplace_back(FilterStage{std::move(condition)});
  return ok();
}

Result<void> Compiler::parse() {
  ParseStage stage;
  if (in_.sees("\"") || in_.sees("'") || in_.sees("/")) {
    stage.source = names_.refer({.text = "@message", .path = {"@message"}, .span = {}});
  } else {
    TRY(Name source, in_.name());
    stage.source = names_.refer(source);
  }
  if (in_.sees("/")) {
    TRY_VOID(parse_regex(stage));
  } else {
    TRY_VOID(parse_glob(stage));
  }
  out_.stages.emplace_back(std::move(stage));
  return ok();
}

Result<void> Compiler::parse_glob(ParseStage& stage) {
  size_t begin = in_.place();
  TRY(std::string glob, in_.string());
  Span span{begin, in_.at()};
  for (size_t at = 0;;) {
    size_t star = glob.find('*', at);
    stage.literals.push_back(glob.substr(at, star == glob.npos ? star : star - at));
    if (star == glob.npos) break;
    at = star + 1;
  }
  if (!in_.take_word("as")) return in_.unexpected();
  do {
    TRY(Name name, in_.name());
    names_.define(name.text);
    add_column(name.text);
    stage.slots.push_back(names_.slot_of(name.text));
  } while (in_.take(","));
  if (stage.slots.size() + 1 == stage.literals.size()) return ok();
  return in_.error(span, fmt::format("parse has {} stars and {} names", stage.literals.size() - 1,
                                     stage.slots.size()));
}

Result<void> Compiler::parse_regex(ParseStage& stage) {
  size_t begin = in_.place();
  TRY(std::string pattern, in_.regex());
  Span span{begin, in_.at()};
  TRY(stage.regex, expressions_.regex(span, std::move(pattern)));
  const auto& groups = stage.regex->CapturingGroupNames();
  auto count = stage.regex->NumberOfCapturingGroups();
  if (count == 0 || groups.size() != static_cast<size_t>(count)) {
    return in_.error(span, "each group of parse's regular expression needs a name: (?<name>...)");
  }
  for (const auto& [index, name] : groups) {
    names_.define(name);
    add_column(name);
    stage.slots.push_back(names_.slot_of(name));
  }
  return ok();
}

Result<void> Compiler::check_grouped(const std::vector<Name>& used,
                                     const std::set<std::string>& left) {
  for (const Name& name : used) {
    if (left.contains(name.text)) continue;
    return in_.error(name.span,
                     fmt::format("{} is neither grouped by nor within a function", name.text));
  }
  return ok();
}

// The order of what is grouped does not matter.
void Compiler::drop_sorts() {
  for (size_t i = out_.stages.size(); i-- > 0;) {
    const Stage& before = out_.stages[i];
    if (std::holds_alternative<SortStage>(before)) {
      out_.stages.erase(out_.stages.begin() + static_cast<std::ptrdiff_t>(i));
    } else if (!std::holds_alternative<FieldsStage>(before) &&
               !std::holds_alternative<FilterStage>(before) &&
               !std::holds_alternative<ParseStage>(before)) {
      break;
    }
  }
}

Result<void> Compiler::stats() {
  if (++stats_ > kStatsMax) {
    return in_.error({in_.at(), in_.at()}, fmt::format("more than {} commands stats", kStatsMax));
  }
  StatsStage stage;
  ExpressionParser::Stats scope{.parts = &stage.parts, .used = {}};
  std::vector<std::string> outputs, keys;
  expressions_.set_stats(&scope);
  do {
    auto item = named();
    if (!item) {
      expressions_.set_stats(nullptr);
      return fail(item.error());
    }
    // Each may use those before it.
    std::erase_if(scope.used, [&](const Name& name) {
      return std::ranges::find(outputs, name.text) != outputs.end();
    });
    outputs.push_back(item->name);
    stage.outputs.push_back(std::move(item->assignment));
  } while (in_.take(","));
  expressions_.set_stats(nullptr);
  if (in_.take_word("by")) {
    do {
      TRY(Named key, named());
      keys.push_back(key.name);
      stage.keys.push_back(std::move(key.assignment));
    } while (in_.take(","));
  }
  std::set<std::string> left(keys.begin(), keys.end());
  TRY_VOID(check_grouped(scope.used, left));
  left.insert(outputs.begin(), outputs.end());
  names_.leave(std::move(left));
  out_.columns.clear();
  for (const std::string& name : keys) add_column(name);
  for (const std::string& name : outputs) add_column(name);
  has_columns_ = true;
  drop_sorts();
  out_.stages.emplace_back(std::move(stage));
  return ok();
}

Result<void> Compiler::sort() {
  using Direction = SortStage::Key::Direction;
  SortStage stage;
  do {
    SortStage::Key key{.value = nullptr, .direction = Direction::kAscending};
    TRY(key.value, expressions_.expression());
    if (in_.take_word("desc")) {
      key.direction = Direction::kDescending;
    } else {
      in_.take_word("asc");
    }
    stage.keys.push_back(std::move(key));
  } while (in_.take(","));
  out_.stages.emplace_back(std::move(stage));
  return ok();
}

Result<void> Compiler::limit() {
  size_t begin = in_.place();
  TRY(double rows, in_.number());
  if (rows < 1 || rows > static_cast<double>(kResultsMax) ||
      rows != static_cast<double>(static_cast<size_t>(rows))) {
    return in_.error({begin, in_.at()}, fmt::format("limit is between 1 and {}", kResultsMax));
  }
  out_.stages.emplace_back(LimitStage{static_cast<size_t>(rows)});
  return ok();
}

Result<void> Compiler::dedup() {
  DedupStage stage;
  do {
    TRY(Name name, in_.name());
    stage.keys.push_back(names_.refer(name));
  } while (in_.take(","));
  out_.stages.emplace_back(std::move(stage));
  has_dedup_ = true;
  return ok();
}

}  // namespace

Result<std::shared_ptr<const Program>> Program::compile(std::string_view text) {
  if (text.size() > kQueryTextBytesMax) {
    return malformed(text, {0, text.size()},
                     fmt::format("a query is at most {} bytes long", kQueryTextBytesMax));
  }
  auto out = std::make_shared<Program>();
  Compiler compiler(text, *out);
  TRY_VOID(compiler.run());
  return std::shared_ptr<const Program>(std::move(out));
}

}  // namespace suiro::log_query
