// SPDX-License-Identifier: Apache-2.0
// Compiling a pattern. Reasons of errors are EventBridge's.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/event_pattern/branch.h"
#include "engine/event_pattern/pattern.h"

namespace suiro::event_pattern {
namespace {

constexpr std::string_view kOr = "$or";
constexpr std::array<std::string_view, 9> kOperators = {
    "exactly", "prefix", "suffix",  "equals-ignore-case", "anything-but", "numeric",
    "cidr",    "exists", "wildcard"};

constexpr std::string_view kOneKey = "Only one key allowed in match expression";
constexpr std::string_view kTooMany = "Too many elements in numeric expression";
constexpr std::string_view kAffixText = "prefix/suffix match pattern must be a string";
constexpr std::string_view kExceptForm =
    "Value of anything-but must be an array or single string/number value.";
constexpr std::string_view kExceptFolded =
    "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.";

using Kind = Condition::Kind;

class Compiler {
 public:
  explicit Compiler(std::string_view text) : reader_(text) {}

  Result<std::vector<FlatBranch>> run() {
    TRY(Token first, reader_.next());
    if (first != Token::kStartObject) return reader_.error("Filter is not an object");
    std::vector<FlatBranch> branches;
    TRY_VOID(object(branches, "", Inside::kPattern));
    TRY_VOID(reader_.next());
    return branches;
  }

 private:
  enum class Inside : unsigned char { kPattern, kOr };

  Result<void> object(std::vector<FlatBranch>& branches, const std::string& path, Inside inside);
  Result<void> either(std::vector<FlatBranch>& branches, const std::string& path);
  Result<void> values(std::vector<FlatBranch>& branches, const std::string& path);
  Result<void> value(Token token, Allowed& allowed);
  Result<void> expression(Allowed& allowed);
  Result<Condition> text_operator(std::string_view name);
  Result<Condition> affix(Kind plain, Kind folded_kind, std::string_view name);
  Result<Condition> wildcard();
  Result<Condition> numeric();
  Result<Condition> rest_of_range(Range range);
  Result<double> operand(std::string_view op);
  Result<Condition> anything_but();
  Result<Condition> anything_but_values(Token token);
  Result<void> anything_but_value(Token token, Condition& condition);
  Result<Condition> anything_but_operator();
  Result<Condition> excepted(Token token, std::string_view name);
  Result<void> end_object(std::string_view reason);
  std::unexpected<Error> again(const Error& error) const;

  Reader reader_;
};

std::string joined(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

// AWS's own wraps what it says of an element of a list once more.
std::unexpected<Error> Compiler::again(const Error& error) const {
  return reader_.error(error.message);
}

Result<void> Compiler::end_object(std::string_view reason) {
  TRY(Token token, reader_.next());
  if (token != Token::kEndObject) return reader_.error(reason);
  return ok();
}

Result<void> Compiler::object(std::vector<FlatBranch>& branches, const std::string& path,
                              Inside inside) {
  bool is_empty = true;
  for (;;) {
    TRY(Token token, reader_.next());
    if (token == Token::kEndObject) break;
    is_empty = false;
    std::string name = reader_.text();
    if (name == kOr) {
      TRY_VOID(either(branches, path));
      continue;
    }
    if (inside == Inside::kOr && std::ranges::find(kOperators, name) != kOperators.end()) {
      return reader_.error(name + " is Ruler reserved fieldName which cannot be used inside $or.");
    }
    TRY(Token next, reader_.next());
    if (next == Token::kStartObject) {
      TRY_VOID(object(branches, joined(path, name), inside));
    } else if (next == Token::kStartArray) {
      TRY_VOID(values(branches, joined(path, name)));
    } else {
      return reader_.error(fmt::format("\"{}\" must be an object or an array", name));
    }
  }
  if (is_empty) return reader_.error("Empty objects are not allowed");
  return ok();
}

Result<void> Compiler::either(std::vector<FlatBranch>& branches, const std::string& path) {
  std::vector<FlatBranch> before = std::move(branches);
  if (before.empty()) before.emplace_back();
  branches.clear();
  TRY(Token token, reader_.next());
  if (token != Token::kStartArray) {
    return reader_.error("It must be an Array followed with $or.");
  }
  int choices = 0;
  for (;; ++choices) {
    TRY(Token next, reader_.next());
    if (next == Token::kEndArray) break;
    if (next != Token::kStartObject) {
      return reader_.error("Only JSON object is allowed in array of $or relationship.");
    }
    std::vector<FlatBranch> choice = before;
    TRY_VOID(object(choice, path, Inside::kOr));
    if (branches.size() + choice.size() > kBranchesMax) {
      return reader_.error(
          fmt::format("$or leads to more than {} combinations of rules", kBranchesMax));
    }
    std::ranges::move(choice, std::back_inserter(branches));
  }
  if (choices < 2) {
    return reader_.error("There must have at least 2 Objects in $or relationship.");
  }
  return ok();
}

Result<void> Compiler::values(std::vector<FlatBranch>& branches, const std::string& path) {
  auto allowed = std::make_shared<Allowed>();
  bool is_empty = true;
  for (;; is_empty = false) {
    TRY(Token token, reader_.next());
    if (token == Token::kEndArray) break;
    TRY_VOID(value(token, *allowed));
  }
  if (is_empty) return reader_.error("Empty arrays are not allowed");
  if (branches.empty()) branches.emplace_back();
  for (FlatBranch& branch : branches) branch[path] = allowed;
  return ok();
}

Result<void> Compiler::value(Token token, Allowed& allowed) {
  switch (token) {
    case Token::kStartObject:
      return expression(allowed);
    case Token::kString:
      allowed.strings.insert(reader_.text());
      return ok();
    case Token::kNumber:
      allowed.numbers.push_back({reader_.number(), reader_.text()});
      return ok();
    case Token::kNull:
      allowed.null = true;
      return ok();
    case Token::kTrue:
      allowed.yes = true;
      return ok();
    case Token::kFalse:
      allowed.no = true;
      return ok();
    default:
      return reader_.error("Match value must be String, number, true, false, or null");
  }
}

Result<void> Compiler::expression(Allowed& allowed) {
  TRY(Token token, reader_.next());
  if (token != Token::kName) return reader_.error("Match expression name not found");
  std::string name = reader_.text();
  if (name == "exists") {
    TRY(Token flag, reader_.next());
    if (flag != Token::kTrue && flag != Token::kFalse) {
      return reader_.error("exists match pattern must be either true or false.");
    }
    if (flag == Token::kTrue) {
      allowed.conditions.emplace_back();
    } else {
      allowed.absent = true;
    }
    return end_object(kOneKey);
  }
  if (name == "exactly") {
    TRY(Token text, reader_.next());
    if (text != Token::kString) return reader_.error("exact match pattern must be a string");
    allowed.strings.insert(reader_.text());
    return end_object(kOneKey);
  }
  if (name == "numeric") {
    TRY(Condition range, numeric());
    allowed.conditions.push_back(std::move(range));
    return end_object(kTooMany);
  }
  if (name == "anything-but") {
    TRY(Condition except, anything_but());
    allowed.conditions.push_back(std::move(except));
    return ok();
  }
  TRY(Condition condition, text_operator(name));
  allowed.conditions.push_back(std::move(condition));
  return end_object(kOneKey);
}

Result<Condition> Compiler::text_operator(std::string_view name) {
  if (name == "prefix") return affix(Kind::kPrefix, Kind::kPrefixFolded, name);
  if (name == "suffix") return affix(Kind::kSuffix, Kind::kSuffixFolded, name);
  if (name == "equals-ignore-case") {
    TRY(Token token, reader_.next());
    if (token != Token::kString) {
      return reader_.error("equals-ignore-case match pattern must be a string");
    }
    return Condition{.kind = Kind::kSame, .text = folded(reader_.text())};
  }
  if (name == "wildcard") {
    TRY(Token token, reader_.next());
    if (token != Token::kString) return reader_.error("wildcard match pattern must be a string");
    return wildcard();
  }
  if (name == "cidr") {
    TRY(Token token, reader_.next());
    if (token != Token::kString) return reader_.error("prefix match pattern must be a string");
    TRY(Cidr range, Cidr::compile(reader_.text()));
    return Condition{.kind = Kind::kCidr, .cidr = range};
  }
  return reader_.error(fmt::format("Unrecognized match type {}", name));
}

Result<Condition> Compiler::affix(Kind plain, Kind folded_kind, std::string_view name) {
  TRY(Token token, reader_.next());
  if (token == Token::kString) return Condition{.kind = plain, .text = reader_.text()};
  std::string reason = fmt::format("{} match pattern must be a string", name);
  if (token != Token::kStartObject) return reader_.error(reason);
  TRY(Token inner, reader_.next());
  if (inner != Token::kName || reader_.text() != "equals-ignore-case") {
    return reader_.error(reason);
  }
  TRY(Token text, reader_.next());
  if (text != Token::kString) {
    return reader_.error("equals-ignore-case match pattern must be a string");
  }
  Condition condition{.kind = folded_kind, .text = folded(reader_.text())};
  TRY_VOID(end_object(kOneKey));
  return condition;
}

Result<Condition> Compiler::wildcard() {
  auto compiled = Wildcard::compile(reader_.text());
  if (!compiled) return reader_.error(compiled.error().message);
  return Condition{.kind = Kind::kWildcard, .wildcard = *std::move(compiled)};
}

// --- numeric ------------------------------------------------------------------------------------

Result<double> Compiler::operand(std::string_view op) {
  TRY(Token token, reader_.next());
  if (token != Token::kNumber) {
    return reader_.error(fmt::format("Value of {} must be numeric", op == "=" ? "equals" : op));
  }
  return reader_.number();
}

Result<Condition> Compiler::numeric() {
  using enum Range::Edge;
  TRY(Token list, reader_.next());
  if (list != Token::kStartArray) return reader_.error("Value of numeric must be an array.");
  TRY(Token token, reader_.next());
  if (token != Token::kString) {
    return reader_.error("Invalid member in numeric match: " +
                         (token == Token::kEndArray ? "]" : reader_.text()));
  }
  std::string op = reader_.text();
  Range range;
  if (op == "=") {
    TRY(range.low, operand(op));
    range.high = range.low;
    range.low_edge = range.high_edge = kClosed;
  } else if (op == "<" || op == "<=") {
    TRY(range.high, operand(op));
    range.high_edge = op == "<" ? kOpen : kClosed;
  } else if (op == ">" || op == ">=") {
    TRY(range.low, operand(op));
    range.low_edge = op == ">" ? kOpen : kClosed;
    return rest_of_range(range);
  } else {
    return reader_.error("Unrecognized numeric range operator: " + op);
  }
  TRY(Token end, reader_.next());
  if (end != Token::kEndArray) return reader_.error(kTooMany);
  return Condition{.kind = Kind::kRange, .range = range};
}

// Behind "> n": the list's end, or its upper bound.
Result<Condition> Compiler::rest_of_range(Range range) {
  using enum Range::Edge;
  TRY(Token token, reader_.next());
  if (token == Token::kEndArray) return Condition{.kind = Kind::kRange, .range = range};
  std::string op = reader_.text();
  if (token != Token::kString) return reader_.error("Bad value in numeric range: " + op);
  if (op != "<" && op != "<=") return reader_.error("Bad numeric range operator: " + op);
  TRY(range.high, operand(op));
  range.high_edge = op == "<" ? kOpen : kClosed;
  TRY(Token end, reader_.next());
  if (end != Token::kEndArray) {
    return reader_.error("Too many terms in numeric range expression");
  }
  if (range.low > range.high ||
      (range.low == range.high && (range.low_edge == kOpen || range.high_edge == kOpen))) {
    return reader_.error("Bottom must be less than top");
  }
  return Condition{.kind = Kind::kRange, .range = range};
}

// --- anything-but -------------------------------------------------------------------------------

Result<Condition> Compiler::anything_but() {
  TRY(Token token, reader_.next());
  if (token == Token::kStartObject) return anything_but_operator();
  TRY(Condition condition, anything_but_values(token));
  TRY_VOID(end_object(kTooMany));
  return condition;
}

Result<void> Compiler::anything_but_value(Token token, Condition& condition) {
  if (token == Token::kString) {
    condition.except_strings.insert(reader_.text());
  } else if (token == Token::kNumber) {
    condition.except_numbers.push_back(reader_.number());
  } else {
    return reader_.error("Inside anything but list, start|null|boolean is not supported.");
  }
  return ok();
}

Result<Condition> Compiler::anything_but_values(Token token) {
  Condition condition{.kind = Kind::kAnythingBut};
  if (token != Token::kStartArray) {
    if (token != Token::kString && token != Token::kNumber) return reader_.error(kExceptForm);
    TRY_VOID(anything_but_value(token, condition));
    return condition;
  }
  for (;;) {
    TRY(Token next, reader_.next());
    if (next == Token::kEndArray) break;
    if (auto added = anything_but_value(next, condition); !added) return again(added.error());
  }
  if (condition.except_strings.empty() == condition.except_numbers.empty()) {
    return reader_.error(
        "Inside anything but list, either all values are number or string, mixed type is not "
        "supported");
  }
  return condition;
}

Result<Condition> Compiler::anything_but_operator() {
  TRY(Token token, reader_.next());
  if (token != Token::kName) return reader_.error("Anything-But expression name not found");
  std::string name = reader_.text();
  if (name != "prefix" && name != "suffix" && name != "equals-ignore-case" && name != "wildcard") {
    return reader_.error("Unsupported anything-but pattern: " + name);
  }
  Condition condition{.kind = Kind::kAnythingBut};
  TRY(Token first, reader_.next());
  if (first == Token::kStartObject) return reader_.error(kExceptForm);
  if (first != Token::kStartArray) {
    TRY(Condition one, excepted(first, name));
    condition.except.push_back(std::move(one));
  } else {
    for (;;) {
      TRY(Token next, reader_.next());
      if (next == Token::kEndArray) break;
      auto one = excepted(next, name);
      if (!one) return again(one.error());
      condition.except.push_back(*std::move(one));
    }
    if (condition.except.empty()) {
      return reader_.error("Empty lists are not allowed inside anything-but");
    }
  }
  TRY_VOID(end_object(kTooMany));
  TRY_VOID(end_object(kTooMany));
  return condition;
}

Result<Condition> Compiler::excepted(Token token, std::string_view name) {
  bool is_text = token == Token::kString;
  if (name == "wildcard") {
    if (!is_text) return reader_.error("wildcard match pattern must be a string");
    return wildcard();
  }
  if (name == "equals-ignore-case") {
    if (!is_text) return reader_.error(kExceptFolded);
    return Condition{.kind = Kind::kSame, .text = folded(reader_.text())};
  }
  if (!is_text) return reader_.error(kAffixText);
  if (reader_.text().empty()) return reader_.error("Null prefix/suffix not allowed");
  return Condition{.kind = name == "prefix" ? Kind::kPrefix : Kind::kSuffix,
                   .text = reader_.text()};
}

}  // namespace

Result<Pattern> Pattern::compile(std::string_view text) {
  Compiler compiler(text);
  TRY(auto flat, compiler.run());
  std::vector<std::shared_ptr<const Branch>> branches;
  branches.reserve(flat.size());
  for (const FlatBranch& branch : flat) {
    branches.push_back(std::make_shared<const Branch>(build(branch)));
  }
  return Pattern(std::move(branches));
}

}  // namespace suiro::event_pattern
