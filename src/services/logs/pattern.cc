// SPDX-License-Identifier: Apache-2.0
// The parser of filter patterns. It descends at most kPatternDepthMax deep.
#include "services/logs/pattern.h"

#include <fmt/format.h>

#include <charconv>

#include "base/bytes.h"
#include "services/logs/pattern_node.h"

namespace suiro::logs {
namespace {

constexpr int64_t kRegexMemoryMax = 1 << 20;

std::unexpected<Error> bad(std::string_view why) {
  return fail("InvalidParameterException", fmt::format("Invalid filter pattern: {}", why));
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '@' || c == ':' || c == '$' || (static_cast<uint8_t>(c) & 0x80) != 0;
}

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A '*' stands for any characters; matching stays linear in the value.
void compile_glob(Operand& operand) {
  if (operand.text.find('*') == operand.text.npos) return;
  std::string expression;
  for (size_t at = 0; at <= operand.text.size();) {
    size_t star = std::min(operand.text.find('*', at), operand.text.size());
    expression += RE2::QuoteMeta(operand.text.substr(at, star - at));
    if (star < operand.text.size()) expression += ".*";
    at = star + 1;
  }
  RE2::Options options;
  options.set_dot_nl(true);
  options.set_log_errors(false);
  operand.glob = std::make_shared<RE2>(expression, options);
}

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Result<Terms> terms();
  Result<JsonCondition> json();
  Result<Fields> fields();

 private:
  enum class Subject { kSelector, kName };

  void blank() {
    while (!rest_.empty() && is_space(rest_[0])) rest_.remove_prefix(1);
  }
  bool skip(std::string_view token) {
    blank();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  // A word of letters, whole.
  bool skip_word(std::string_view word) {
    blank();
    if (rest_.size() < word.size() || !equal_ignore_case(rest_.substr(0, word.size()), word)) {
      return false;
    }
    if (rest_.size() > word.size() && is_name(rest_[word.size()])) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  Result<std::string> quoted();
  Result<std::shared_ptr<const RE2>> regex();
  Result<Condition> any_of(Subject subject, size_t depth);
  Result<Condition> all_of(Subject subject, size_t depth);
  Result<Condition> single(Subject subject, size_t depth);
  Result<std::vector<Step>> selector();
  Result<Step> bracket();
  Result<Condition> test(Subject subject, Condition condition);
  std::optional<Comparison> comparison();
  Result<Operand> operand(Subject subject);

  std::string_view rest_;
  size_t regexes_ = 0;
};

// After the opening quote; \" and \\ stand for themselves.
Result<std::string> Parser::quoted() {
  std::string out;
  while (!rest_.empty()) {
    char c = rest_[0];
    rest_.remove_prefix(1);
    if (c == '"') return out;
    if (c == '\\' && !rest_.empty() && (rest_[0] == '"' || rest_[0] == '\\')) {
      c = rest_[0];
      rest_.remove_prefix(1);
    }
    out.push_back(c);
  }
  return bad("a quote is not closed");
}

// After the opening percent sign.
Result<std::shared_ptr<const RE2>> Parser::regex() {
  size_t end = rest_.find('%');
  if (end == rest_.npos) return bad("a regular expression is not closed by %");
  std::string_view text = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  if (text.find_first_of("()") != text.npos) return bad("parentheses in a regular expression");
  if (++regexes_ > kPatternRegexesMax) return bad("more than two regular expressions");
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexMemoryMax);
  auto compiled = std::make_shared<RE2>(re2::StringPiece(text.data(), text.size()), options);
  if (!compiled->ok()) return bad(compiled->error());
  return compiled;
}

Result<Terms> Parser::terms() {
  Terms out;
  for (blank(); !rest_.empty(); blank()) {
    Term term;
    if (rest_[0] == '?' || rest_[0] == '-') {
      term.role = rest_[0] == '?' ? Term::Role::kAny : Term::Role::kExcluded;
      rest_.remove_prefix(1);
    }
    if (!rest_.empty() && rest_[0] == '"') {
      rest_.remove_prefix(1);
      TRY(term.text, quoted());
    } else if (!rest_.empty() && rest_[0] == '%') {
      rest_.remove_prefix(1);
      TRY(term.regex, regex());
    } else {
      size_t end = 0;
      while (end < rest_.size() && !is_space(rest_[end])) ++end;
      term.text = rest_.substr(0, end);
      rest_.remove_prefix(end);
      if (term.text.empty()) return bad("a term is empty");
      if (term.text.find('"') != term.text.npos) return bad("a quote inside a term");
    }
    out.all.push_back(std::move(term));
  }
  return out;
}

Result<JsonCondition> Parser::json() {
  if (!skip("{")) return bad("'{' is expected");
  TRY(Condition root, any_of(Subject::kSelector, 0));
  if (!skip("}")) return bad("'}' is expected");
  blank();
  if (!rest_.empty()) return bad("text after '}'");
  return JsonCondition{std::move(root)};
}

Result<Fields> Parser::fields() {
  if (!skip("[")) return bad("'[' is expected");
  Fields out;
  if (skip("]")) return bad("no fields");
  for (;;) {
    if (skip("...")) {
      if (out.has_rest) return bad("'...' stands twice");
      out.has_rest = true;
    } else {
      TRY(Condition field, any_of(Subject::kName, 0));
      (out.has_rest ? out.after : out.before).push_back(std::move(field));
    }
    if (skip(",")) continue;
    if (!skip("]")) return bad("',' or ']' is expected");
    blank();
    if (!rest_.empty()) return bad("text after ']'");
    return out;
  }
}

Result<Condition> Parser::any_of(Subject subject, size_t depth) {
  if (depth > kPatternDepthMax) return bad("too deeply nested");
  TRY(Condition first, all_of(subject, depth));
  if (!skip("||")) return first;
  Condition out{.kind = Condition::Kind::kOr};
  out.children.push_back(std::move(first));
  do {
    TRY(Condition next, all_of(subject, depth));
    out.children.push_back(std::move(next));
  } while (skip("||"));
  return out;
}

Result<Condition> Parser::all_of(Subject subject, size_t depth) {
  TRY(Condition first, single(subject, depth));
  if (!skip("&&")) return first;
  Condition out{.kind = Condition::Kind::kAnd};
  out.children.push_back(std::move(first));
  do {
    TRY(Condition next, single(subject, depth));
    out.children.push_back(std::move(next));
  } while (skip("&&"));
  return out;
}

Result<Condition> Parser::single(Subject subject, size_t depth) {
  if (skip("(")) {
    TRY(Condition inner, any_of(subject, depth + 1));
    if (!skip(")")) return bad("')' is expected");
    return inner;
  }
  Condition condition;
  if (subject == Subject::kSelector) {
    TRY(condition.selector, selector());
  } else {
    blank();
    size_t end = 0;
    while (end < rest_.size() && is_name(rest_[end])) ++end;
    rest_.remove_prefix(end);
    blank();
    // A field without a test stands for any value.
    bool has_test = !rest_.empty() && std::string_view("=!<>").find(rest_[0]) != std::string::npos;
    if (end == 0 && !has_test) return bad("the name of a field is expected");
    if (!has_test) return condition;
  }
  return test(subject, std::move(condition));
}

Result<std::vector<Step>> Parser::selector() {
  if (!skip("$")) return bad("a selector begins with '$'");
  std::vector<Step> steps;
  for (;;) {
    if (rest_.starts_with(".")) {
      rest_.remove_prefix(1);
      size_t end = 0;
      while (end < rest_.size() && is_name(rest_[end])) ++end;
      if (end == 0) {
        if (rest_.starts_with("[")) continue;
        return bad("a selector ends with '.'");
      }
      steps.push_back({.member = std::string(rest_.substr(0, end))});
      rest_.remove_prefix(end);
    } else if (rest_.starts_with("[")) {
      rest_.remove_prefix(1);
      TRY(Step step, bracket());
      steps.push_back(std::move(step));
    } else {
      return steps;
    }
  }
}

// After '['.
Result<Step> Parser::bracket() {
  size_t end = rest_.find(']');
  if (end == rest_.npos) return bad("']' is expected");
  std::string_view inner = trim(rest_.substr(0, end));
  rest_.remove_prefix(end + 1);
  if (inner == "*") return Step{.every = true};
  if (inner.size() >= 2 && (inner[0] == '\'' || inner[0] == '"') && inner.back() == inner[0]) {
    return Step{.member = std::string(inner.substr(1, inner.size() - 2))};
  }
  size_t element = 0;
  auto [stop, error] = std::from_chars(inner.data(), inner.data() + inner.size(), element);
  if (error != std::errc() || stop != inner.data() + inner.size()) {
    return bad("an index is a number, '*' or a quoted name");
  }
  return Step{.element = element};
}

Result<Condition> Parser::test(Subject subject, Condition condition) {
  using Kind = Condition::Kind;
  if (subject == Subject::kSelector) {
    if (skip_word("IS")) {
      condition.kind = skip_word("NULL")    ? Kind::kIsNull
                       : skip_word("TRUE")  ? Kind::kIsTrue
                       : skip_word("FALSE") ? Kind::kIsFalse
                                            : Kind::kAlways;
      if (condition.kind == Kind::kAlways) return bad("NULL, TRUE or FALSE is expected after IS");
      return condition;
    }
    if (skip_word("NOT")) {
      if (!skip_word("EXISTS")) return bad("EXISTS is expected after NOT");
      condition.kind = Kind::kNotExists;
      return condition;
    }
  }
  auto how = comparison();
  if (!how) return bad("a comparison is expected");
  condition.kind = Kind::kCompare;
  condition.comparison = *how;
  TRY(condition.operand, operand(subject));
  bool is_order = *how != Comparison::kEqual && *how != Comparison::kNotEqual;
  if (is_order && !condition.operand.number) return bad("an order is compared with a number");
  return condition;
}

std::optional<Comparison> Parser::comparison() {
  if (skip("!=")) return Comparison::kNotEqual;
  if (skip("<=")) return Comparison::kLessOrEqual;
  if (skip(">=")) return Comparison::kGreaterOrEqual;
  if (skip("=")) return Comparison::kEqual;
  if (skip("<")) return Comparison::kLess;
  if (skip(">")) return Comparison::kGreater;
  return std::nullopt;
}

Result<Operand> Parser::operand(Subject subject) {
  Operand out;
  if (skip("\"")) {
    TRY(out.text, quoted());
    compile_glob(out);
    return out;
  }
  if (skip("%")) {
    TRY(out.regex, regex());
    return out;
  }
  blank();
  std::string_view ends = subject == Subject::kSelector ? ")}" : "),]";
  size_t end = 0;
  while (end < rest_.size() && !is_space(rest_[end]) && ends.find(rest_[end]) == ends.npos &&
         !rest_.substr(end).starts_with("&&") && !rest_.substr(end).starts_with("||")) {
    ++end;
  }
  if (end == 0) return bad("a value is expected");
  out.text = rest_.substr(0, end);
  out.number = number_of(out.text);
  compile_glob(out);
  rest_.remove_prefix(end);
  return out;
}

}  // namespace

Result<Pattern> Pattern::parse(std::string_view text) {
  if (text.size() > kPatternBytesMax) return bad("longer than 1024 bytes");
  std::string_view trimmed = trim(text);
  Parser parser(trimmed);
  auto node = std::make_shared<Node>();
  if (trimmed.starts_with("{")) {
    TRY(node->what, parser.json());
  } else if (trimmed.starts_with("[")) {
    TRY(node->what, parser.fields());
  } else {
    TRY(node->what, parser.terms());
  }
  return Pattern(std::move(node));
}

}  // namespace suiro::logs
