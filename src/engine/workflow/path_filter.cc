// SPDX-License-Identifier: Apache-2.0
// The filters of paths: or > and > not > comparison.
#include <re2/re2.h>

#include <array>

#include "base/bytes.h"
#include "engine/workflow/path_parser.h"

namespace suiro::workflow {
namespace {

struct OperatorName {
  std::string_view name;
  FilterOperator operation;
};
// Longer names before those they begin with.
constexpr std::array<OperatorName, 9> kSigns = {{
    {"===", FilterOperator::kSameEqual},
    {"!==", FilterOperator::kNotSameEqual},
    {"==", FilterOperator::kEqual},
    {"!=", FilterOperator::kNotEqual},
    {"=~", FilterOperator::kMatches},
    {"<=", FilterOperator::kLessEqual},
    {">=", FilterOperator::kGreaterEqual},
    {"<", FilterOperator::kLess},
    {">", FilterOperator::kGreater},
}};
constexpr std::array<OperatorName, 8> kWords = {{
    {"in", FilterOperator::kIn},
    {"nin", FilterOperator::kNotIn},
    {"contains", FilterOperator::kContains},
    {"size", FilterOperator::kSize},
    {"empty", FilterOperator::kEmpty},
    {"subsetof", FilterOperator::kSubsetOf},
    {"anyof", FilterOperator::kAnyOf},
    {"noneof", FilterOperator::kNoneOf},
}};

std::shared_ptr<const Filter> joined(Filter::Kind kind,
                                     std::vector<std::shared_ptr<const Filter>> parts) {
  if (parts.size() == 1 && kind != Filter::Kind::kNot) return parts.front();
  Filter out;
  out.kind = kind;
  out.parts = std::move(parts);
  return std::make_shared<const Filter>(std::move(out));
}

}  // namespace

Result<PathParser::FilterPointer> PathParser::filter_or() {
  if (++depth_ > kFilterDepthMax) return wrong("a filter is nested too deep");
  std::vector<FilterPointer> parts;
  do {
    TRY(FilterPointer part, filter_and());
    parts.push_back(std::move(part));
    skip_blanks();
  } while (skip("||"));
  --depth_;
  return joined(Filter::Kind::kOr, std::move(parts));
}

Result<PathParser::FilterPointer> PathParser::filter_and() {
  std::vector<FilterPointer> parts;
  do {
    TRY(FilterPointer part, filter_unary());
    parts.push_back(std::move(part));
    skip_blanks();
  } while (skip("&&"));
  return joined(Filter::Kind::kAnd, std::move(parts));
}

Result<PathParser::FilterPointer> PathParser::filter_unary() {
  skip_blanks();
  if (skip("!")) {
    if (++depth_ > kFilterDepthMax) return wrong("a filter is nested too deep");
    TRY(FilterPointer part, filter_unary());
    --depth_;
    return joined(Filter::Kind::kNot, {std::move(part)});
  }
  if (skip("(")) {
    TRY(FilterPointer part, filter_or());
    skip_blanks();
    if (!skip(")")) return wrong("a ')' is missing");
    return part;
  }
  return comparison();
}

std::optional<FilterOperator> PathParser::comparison_operator() {
  skip_blanks();
  for (const auto& [name, operation] : kSigns) {
    if (skip(name)) return operation;
  }
  size_t end = at_;
  while (end < text_.size() && ((text_[end] | 0x20) >= 'a' && (text_[end] | 0x20) <= 'z')) ++end;
  std::string_view word = text_.substr(at_, end - at_);
  for (const auto& [name, operation] : kWords) {
    if (!equal_ignore_case(word, name)) continue;
    at_ = end;
    return operation;
  }
  return std::nullopt;
}

Result<PathParser::FilterPointer> PathParser::comparison() {
  Filter out;
  TRY(out.left, operand());
  if (auto operation = comparison_operator()) {
    out.kind = Filter::Kind::kCompare;
    out.operation = *operation;
    TRY(out.right, operand());
    if (std::holds_alternative<FilterRegex>(out.right) !=
        (*operation == FilterOperator::kMatches)) {
      return wrong("'=~' compares with a regular expression");
    }
  } else if (!std::holds_alternative<Path>(out.left)) {
    return wrong("a filter compares, or names a path");
  }
  if (std::holds_alternative<FilterRegex>(out.left)) {
    return wrong("a regular expression stands on the right side");
  }
  return std::make_shared<const Filter>(std::move(out));
}

Result<FilterOperand> PathParser::operand() {
  skip_blanks();
  if (done()) return wrong("an operand is missing");
  if (peek() == '@' || peek() == '$') {
    PathParser inner(text_, Place::kEmbedded, at_);
    inner.depth_ = depth_;
    inner.regexes_ = regexes_;
    TRY(Path path, inner.path());
    at_ = inner.at_;
    regexes_ = inner.regexes_;
    if (path.root == PathRoot::kContext || path.root == PathRoot::kVariable) {
      return wrong("a filter reads '@' and '$'");
    }
    return FilterOperand(std::move(path));
  }
  if (peek() == '/') return regex();
  TRY(json::Value value, literal());
  return FilterOperand(std::move(value));
}

Result<FilterOperand> PathParser::regex() {
  size_t begin = ++at_;
  while (!done() && peek() != '/') at_ += peek() == '\\' ? 2 : 1;
  if (done()) return wrong("a regular expression ends with '/'");
  std::string pattern(text_.substr(begin, at_ - begin));
  ++at_;
  if (skip("i")) pattern = "(?i)" + pattern;
  if (++regexes_ > kPathRegexesMax) return wrong("a path has too many regular expressions");
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(kPathRegexMemoryMax);
  auto compiled = std::make_shared<const RE2>(pattern, options);
  if (!compiled->ok()) return wrong("not a regular expression: " + compiled->error());
  return FilterOperand(FilterRegex{std::move(compiled)});
}

// 'text', "text", or what JSON has: numbers, true, false, null, arrays, objects.
Result<json::Value> PathParser::literal() {
  if (peek() == '\'' || peek() == '"') {
    TRY(std::string text, quoted());
    return json::Value(std::move(text));
  }
  if (peek() == '[') {
    if (++depth_ > kFilterDepthMax) return wrong("a filter is nested too deep");
    ++at_;
    json::Array out;
    skip_blanks();
    if (!skip("]")) {
      do {
        skip_blanks();
        if (done()) return wrong("a ']' is missing");
        TRY(json::Value element, literal());
        out.push_back(std::move(element));
        skip_blanks();
      } while (skip(","));
      if (!skip("]")) return wrong("a ']' is missing");
    }
    --depth_;
    return json::Value(std::move(out));
  }
  size_t end = at_;
  while (end < text_.size() &&
         std::string_view(" \t,)]&|=!<>").find(text_[end]) == std::string_view::npos) {
    ++end;
  }
  auto value = json::parse(text_.substr(at_, end - at_));
  if (!value || value->is_object()) return wrong("not a value");
  at_ = end;
  return *std::move(value);
}

}  // namespace suiro::workflow
