// SPDX-License-Identifier: Apache-2.0
// The parser of paths; filters are in path_filter.cc.
#include "engine/workflow/path.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "engine/workflow/path_parser.h"

namespace suiro::workflow {
namespace {

struct FunctionName {
  std::string_view name;
  PathFunction function;
};
constexpr std::array<FunctionName, 8> kFunctions = {{
    {"length", PathFunction::kLength},
    {"size", PathFunction::kLength},
    {"min", PathFunction::kMin},
    {"max", PathFunction::kMax},
    {"sum", PathFunction::kSum},
    {"avg", PathFunction::kAverage},
    {"stddev", PathFunction::kDeviation},
    {"keys", PathFunction::kKeys},
}};

std::string_view name_of(PathFunction function) {
  for (const auto& known : kFunctions) {
    if (known.function == function) return known.name;
  }
  return "";
}

bool is_name_byte(char c) {
  return static_cast<unsigned char>(c) >= 0x80 || c == '_' || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_definite_step(const PathStep& step, bool is_last) {
  if (const auto* names = std::get_if<NameStep>(&step)) return names->names.size() == 1 || is_last;
  if (const auto* indices = std::get_if<IndexStep>(&step)) return indices->indices.size() == 1;
  return std::holds_alternative<FunctionStep>(step);
}

}  // namespace

bool Path::is_definite() const {
  for (size_t i = 0; i < steps.size(); ++i) {
    if (!is_definite_step(steps[i], i + 1 == steps.size())) return false;
  }
  return true;
}

bool Path::is_reference() const {
  for (const PathStep& step : steps) {
    const auto* names = std::get_if<NameStep>(&step);
    const auto* indices = std::get_if<IndexStep>(&step);
    if (!(names != nullptr && names->names.size() == 1) &&
        !(indices != nullptr && indices->indices.size() == 1)) {
      return false;
    }
  }
  return true;
}

void append_step(std::string& out, const PathStep& step) {
  if (const auto* names = std::get_if<NameStep>(&step)) {
    out += '[';
    for (size_t i = 0; i < names->names.size(); ++i) {
      fmt::format_to(std::back_inserter(out), "{}'{}'", i == 0 ? "" : ",", names->names[i]);
    }
    out += ']';
  } else if (const auto* indices = std::get_if<IndexStep>(&step)) {
    out += '[';
    for (size_t i = 0; i < indices->indices.size(); ++i) {
      fmt::format_to(std::back_inserter(out), "{}{}", i == 0 ? "" : ",", indices->indices[i]);
    }
    out += ']';
  } else if (const auto* slice = std::get_if<SliceStep>(&step)) {
    fmt::format_to(std::back_inserter(out), "[{}:{}]",
                   slice->from ? std::to_string(*slice->from) : "",
                   slice->to ? std::to_string(*slice->to) : "");
  } else if (std::holds_alternative<WildcardStep>(step)) {
    out += "[*]";
  } else if (std::holds_alternative<ScanStep>(step)) {
    out += "..";
  } else if (std::holds_alternative<FilterStep>(step)) {
    out += "[?]";
  } else if (const auto* function = std::get_if<FunctionStep>(&step)) {
    fmt::format_to(std::back_inserter(out), ".{}()", name_of(function->function));
  }
}

std::unexpected<Error> PathParser::wrong(std::string_view reason) const {
  return fail(codes::kInvalidArgument,
              fmt::format("{} at position {} of '{}'", reason, at_, text_));
}

void PathParser::skip_blanks() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
}

bool PathParser::skip(std::string_view expected) {
  if (!text_.substr(at_).starts_with(expected)) return false;
  at_ += expected.size();
  return true;
}

Result<Path> PathParser::path() {
  Path out;
  size_t begin = at_;
  if (skip("@")) {
    out.root = PathRoot::kCurrent;
  } else if (skip("$$")) {
    out.root = PathRoot::kContext;
  } else if (skip("$")) {
    size_t end = at_;
    while (end < text_.size() && is_name_byte(text_[end])) ++end;
    if (end != at_) {
      out.root = PathRoot::kVariable;
      out.variable = text_.substr(at_, end - at_);
      if (out.variable.front() >= '0' && out.variable.front() <= '9') {
        return wrong("a variable's name begins with a digit");
      }
      if (out.variable.size() > kVariableNameBytesMax)
        return wrong("a variable's name is too long");
      at_ = end;
    }
  } else {
    return wrong("a path begins with '$'");
  }
  while (!done() && (peek() == '.' || peek() == '[')) {
    if (!out.steps.empty() && std::holds_alternative<FunctionStep>(out.steps.back())) {
      return wrong("nothing may follow a function");
    }
    if (out.steps.size() >= kPathStepsMax) return wrong("a path has too many steps");
    TRY_VOID(step(out.steps));
  }
  out.text = text_.substr(begin, at_ - begin);
  return out;
}

Result<void> PathParser::step(std::vector<PathStep>& steps) {
  if (skip("..")) {
    steps.emplace_back(ScanStep{});
    if (done() || peek() == '.') return wrong("a path must not end with '..'");
    if (peek() == '[') return bracket(steps);
    return dotted(steps);
  }
  if (skip(".")) {
    if (!done() && peek() == '[') return bracket(steps);
    return dotted(steps);
  }
  return bracket(steps);
}

Result<void> PathParser::dotted(std::vector<PathStep>& steps) {
  if (skip("*")) {
    steps.emplace_back(WildcardStep{});
    return ok();
  }
  size_t end = at_;
  while (end < text_.size() && !is_name_end(text_[end])) ++end;
  if (end == at_) return wrong("a name is missing");
  std::string name(text_.substr(at_, end - at_));
  if (end < text_.size() && text_[end] == '(') {
    const auto* known = std::ranges::find(kFunctions, name, &FunctionName::name);
    if (known == kFunctions.end()) return wrong("no such function of paths");
    at_ = end + 1;
    skip_blanks();
    if (!skip(")")) return wrong("a function of paths takes no arguments");
    if (!steps.empty() && std::holds_alternative<ScanStep>(steps.back())) {
      return wrong("a function does not follow '..'");
    }
    steps.emplace_back(FunctionStep{known->function});
    return ok();
  }
  at_ = end;
  steps.emplace_back(NameStep{{std::move(name)}});
  return ok();
}

// Within a filter or an intrinsic function's arguments a name ends earlier than in a path alone.
bool PathParser::is_name_end(char c) const {
  if (c == '.' || c == '[' || c == '(' || c == ' ' || c == '\t' || c == '\n' || c == '\r') {
    return true;
  }
  if (place_ == Place::kAlone) return c == ')' || c == ']' || c == '\'' || c == '"';
  return std::string_view("),]'\"=!<>&|").find(c) != std::string_view::npos;
}

Result<std::string> PathParser::quoted() {
  char quote = text_[at_++];
  std::string out;
  while (true) {
    if (done()) return wrong("a quote is missing");
    char c = text_[at_++];
    if (c == quote) return out;
    if (c == '\\') {
      if (done()) return wrong("a quote is missing");
      c = text_[at_++];
      switch (c) {
        case 'n':
          c = '\n';
          break;
        case 't':
          c = '\t';
          break;
        case 'r':
          c = '\r';
          break;
        default:
          break;  // the character itself
      }
    }
    out += c;
  }
}

Result<int64_t> PathParser::integer() {
  size_t begin = at_;
  if (!done() && peek() == '-') ++at_;
  size_t digits = at_;
  int64_t value = 0;
  while (!done() && peek() >= '0' && peek() <= '9') {
    if (at_ - digits >= 10) return wrong("an index is too large");
    value = value * 10 + (text_[at_++] - '0');
  }
  if (at_ == digits) return wrong("an index is missing");
  return text_[begin] == '-' ? -value : value;
}

Result<void> PathParser::bracket(std::vector<PathStep>& steps) {
  ++at_;  // "["
  skip_blanks();
  if (done()) return wrong("a ']' is missing");
  if (peek() == '\'' || peek() == '"') {
    TRY_VOID(names(steps));
  } else if (skip("*")) {
    steps.emplace_back(WildcardStep{});
  } else if (skip("?")) {
    skip_blanks();
    if (!skip("(")) return wrong("a filter is '?(...)'");
    TRY(auto condition, filter_or());
    skip_blanks();
    if (!skip(")")) return wrong("a ')' is missing");
    steps.emplace_back(FilterStep{std::move(condition)});
  } else {
    TRY_VOID(places(steps));
  }
  skip_blanks();
  if (!skip("]")) return wrong("a ']' is missing");
  return ok();
}

Result<void> PathParser::names(std::vector<PathStep>& steps) {
  NameStep out;
  while (true) {
    skip_blanks();
    if (done() || (peek() != '\'' && peek() != '"')) return wrong("a name in quotes is missing");
    TRY(std::string name, quoted());
    out.names.push_back(std::move(name));
    skip_blanks();
    if (!skip(",")) break;
  }
  steps.emplace_back(std::move(out));
  return ok();
}

// [1], [1,2], [1:2], [:2], [1:]
Result<void> PathParser::places(std::vector<PathStep>& steps) {
  std::optional<int64_t> first;
  if (peek() != ':') {
    TRY(first, integer());
    skip_blanks();
  }
  if (skip(":")) {
    SliceStep slice{.from = first};
    skip_blanks();
    if (!done() && peek() != ']') {
      TRY(slice.to, integer());
      skip_blanks();
    }
    if (!slice.from && !slice.to) return wrong("a slice has a begin or an end");
    if (!done() && peek() == ':') return wrong("a slice has no step");
    steps.emplace_back(slice);
    return ok();
  }
  IndexStep out{{*first}};
  while (skip(",")) {
    skip_blanks();
    TRY(int64_t next, integer());
    out.indices.push_back(next);
    skip_blanks();
  }
  steps.emplace_back(std::move(out));
  return ok();
}

Result<Path> parse_path(std::string_view text) {
  if (text.size() > kPathTextMax) {
    return fail(codes::kInvalidArgument,
                fmt::format("a path has at most {} characters", kPathTextMax));
  }
  if (!is_valid_utf8(text)) return fail(codes::kInvalidArgument, "a path is no UTF-8");
  PathParser parser(text, PathParser::Place::kAlone);
  TRY(Path out, parser.path());
  if (out.root == PathRoot::kCurrent) return parser.wrong("a path begins with '$'");
  if (!parser.done()) return parser.wrong("unexpected character");
  return out;
}

}  // namespace suiro::workflow
