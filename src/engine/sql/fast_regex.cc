// SPDX-License-Identifier: Apache-2.0
// The parser of FAST_REGEX_LOG_PARSE's patterns:
//   union := intersection { "|" intersection }      intersection := concat { "&" concat }
//   concat := { repeat }    repeat := atom { ? * + {n} {n,} {n,m} }
//   atom := [..] [^..] . # @ "text" ( ) ( union ) <name> <n-m> \c c
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "engine/sql/automaton.h"
#include "engine/sql/utf8.h"

namespace suiro::sql {
namespace {

using Kind = FastRegex::Kind;

constexpr size_t kDepthMax = 50;
constexpr size_t kPatternBytesMax = 16'384;

FastRegexPtr make(Kind kind, std::vector<FastRegexPtr> items) {
  auto out = std::make_shared<FastRegex>();
  out->kind = kind;
  out->items = std::move(items);
  return out;
}
FastRegexPtr set_of(std::vector<CharRange> ranges) {
  auto out = std::make_shared<FastRegex>();
  out->kind = Kind::kSet;
  out->ranges = std::move(ranges);
  return out;
}
FastRegexPtr repeat(FastRegexPtr item, uint32_t least, uint32_t most) {
  auto out = std::make_shared<FastRegex>();
  out->kind = Kind::kRepeat;
  out->items = {std::move(item)};
  out->least = least;
  out->most = most;
  return out;
}
FastRegexPtr any_character() {
  return set_of({{0, kCodePointMax}});
}
FastRegexPtr digits(char from, char to) {
  return set_of({{static_cast<uint32_t>(from), static_cast<uint32_t>(to)}});
}

std::vector<CharRange> negated(std::vector<CharRange> ranges) {
  std::ranges::sort(ranges);
  std::vector<CharRange> out;
  uint32_t from = 0;
  for (const auto& range : ranges) {
    if (range.first > from) out.push_back({from, range.first - 1});
    from = std::max(from, range.last + 1);
  }
  if (from <= kCodePointMax) out.push_back({from, kCodePointMax});
  return out;
}

struct Named {
  std::string_view name;
  std::vector<CharRange> ranges;
};
const std::vector<Named>& named_sets() {
  static const std::vector<Named> kSets = {
      {"Digit", {{'0', '9'}}},
      {"Upper", {{'A', 'Z'}}},
      {"Lower", {{'a', 'z'}}},
      {"ASCII", {{0, 0x7F}}},
      {"Alpha", {{'A', 'Z'}, {'a', 'z'}}},
      {"Alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
      {"Punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
      {"Blank", {{'\t', '\t'}, {' ', ' '}}},
      {"Space", {{'\t', '\r'}, {' ', ' '}}},
      {"Cntrl", {{0, 0x1F}, {0x7F, 0x7F}}},
      {"XDigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
      {"Print", {{'!', '~'}}},
      {"Graph", {{'!', '~'}}},
  };
  return kSets;
}

// Decimal numbers of equal length from `low` to `high`, digit by digit.
FastRegexPtr interval(std::string_view low, std::string_view high) {
  if (low.empty()) return make(Kind::kConcat, {});
  const auto tail = [](char first, FastRegexPtr rest) {
    return make(Kind::kConcat, {digits(first, first), std::move(rest)});
  };
  if (low[0] == high[0]) return tail(low[0], interval(low.substr(1), high.substr(1)));
  const size_t rest = low.size() - 1;
  const std::string nines(rest, '9');
  const std::string zeros(rest, '0');
  std::vector<FastRegexPtr> ways = {tail(low[0], interval(low.substr(1), nines)),
                                    tail(high[0], interval(zeros, high.substr(1)))};
  if (high[0] - low[0] > 1) {
    const auto count = static_cast<uint32_t>(rest);
    ways.push_back(
        make(Kind::kConcat, {digits(static_cast<char>(low[0] + 1), static_cast<char>(high[0] - 1)),
                             repeat(digits('0', '9'), count, count)}));
  }
  return make(Kind::kUnion, std::move(ways));
}

// Numbers with any leading zeros where the two bounds have different lengths.
FastRegexPtr number_interval(std::string_view low, std::string_view high) {
  if (low.size() == high.size()) return interval(low, high);
  const auto strip = [](std::string_view text) {
    while (text.size() > 1 && text[0] == '0') text.remove_prefix(1);
    return text;
  };
  low = strip(low);
  high = strip(high);
  std::vector<FastRegexPtr> ways;
  for (size_t size = low.size(); size <= high.size(); ++size) {
    const std::string least =
        size == low.size() ? std::string(low) : "1" + std::string(size - 1, '0');
    const std::string most = size == high.size() ? std::string(high) : std::string(size, '9');
    ways.push_back(interval(least, most));
  }
  return make(Kind::kConcat,
              {repeat(digits('0', '0'), 0, kUnbounded), make(Kind::kUnion, std::move(ways))});
}

class Parser {
 public:
  explicit Parser(std::string_view pattern) : pattern_(pattern), rest_(pattern) {}

  Result<FastRegexPtr> parse() {
    TRY(auto out, union_of());
    if (!rest_.empty()) return bad("a ) has no (");
    return out;
  }

 private:
  std::unexpected<Error> bad(std::string_view why) const {
    return fail(codes::kInvalidArgument,
                fmt::format("the pattern '{}', character {}: {}", pattern_.substr(0, 200),
                            pattern_.size() - rest_.size() + 1, why));
  }
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  Result<FastRegexPtr> union_of() {
    if (++depth_ > kDepthMax) return bad("it is nested too deeply");
    TRY(auto first, intersection());
    std::vector<FastRegexPtr> items = {first};
    while (take('|')) {
      TRY(auto item, intersection());
      items.push_back(item);
    }
    --depth_;
    return items.size() == 1 ? items[0] : make(Kind::kUnion, std::move(items));
  }

  Result<FastRegexPtr> intersection() {
    TRY(auto first, concat());
    std::vector<FastRegexPtr> items = {first};
    while (take('&')) {
      TRY(auto item, concat());
      items.push_back(item);
    }
    return items.size() == 1 ? items[0] : make(Kind::kIntersect, std::move(items));
  }

  Result<FastRegexPtr> concat() {
    std::vector<FastRegexPtr> items;
    while (!rest_.empty() && std::string_view("|&)").find(rest_[0]) == std::string_view::npos) {
      TRY(auto item, repetition());
      items.push_back(item);
    }
    return make(Kind::kConcat, std::move(items));
  }

  Result<FastRegexPtr> repetition() {
    TRY(auto item, atom());
    for (;;) {
      if (take('?')) {
        item = repeat(item, 0, 1);
      } else if (take('*')) {
        item = repeat(item, 0, kUnbounded);
      } else if (take('+')) {
        item = repeat(item, 1, kUnbounded);
      } else if (take('{')) {
        TRY(item, counted(item));
      } else {
        return item;
      }
    }
  }

  Result<FastRegexPtr> counted(const FastRegexPtr& item) {
    TRY(const uint32_t least, number());
    uint32_t most = least;
    if (take(',')) {
      most = kUnbounded;
      if (!rest_.starts_with('}')) {
        TRY(most, number());
      }
    }
    if (!take('}')) return bad("expected }");
    if (most < least) return bad("the numbers in { } run backwards");
    return repeat(item, least, most);
  }

  Result<uint32_t> number() {
    uint32_t out = 0;
    const auto [end, code] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), out);
    if (code != std::errc() || out > kRepeatMax) {
      return bad(fmt::format("expected a number up to {}", kRepeatMax));
    }
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return out;
  }

  Result<FastRegexPtr> atom() {
    const auto c = utf8_first(rest_);
    if (c == "[") return set();
    if (c == "<") return named();
    if (c == "(") return group();
    if (c == "\"") return quoted();
    rest_.remove_prefix(c.size());
    if (c == ".") return any_character();
    if (c == "@") return repeat(any_character(), 0, kUnbounded);
    if (c == "#") return make(Kind::kNothing, {});
    if (c == "?" || c == "*" || c == "+") return bad("there is nothing to repeat");
    if (c != "\\") return set_of({{utf8_code(c), utf8_code(c)}});
    const auto escaped = utf8_first(rest_);
    if (escaped.empty()) return bad("a \\ stands at the end");
    rest_.remove_prefix(escaped.size());
    return set_of({{utf8_code(escaped), utf8_code(escaped)}});
  }

  Result<FastRegexPtr> group() {
    take('(');
    if (take(')')) return make(Kind::kConcat, {});
    TRY(auto inner, union_of());
    if (!take(')')) return bad("a ( is not closed");
    return make(Kind::kGroup, {inner});
  }

  Result<FastRegexPtr> quoted() {
    const size_t end = rest_.find('"', 1);
    if (end == std::string_view::npos) return bad("a \" is not closed");
    auto text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    std::vector<FastRegexPtr> items;
    while (!text.empty()) {
      const auto c = utf8_first(text);
      text.remove_prefix(c.size());
      items.push_back(set_of({{utf8_code(c), utf8_code(c)}}));
    }
    return make(Kind::kConcat, std::move(items));
  }

  Result<FastRegexPtr> named() {
    const size_t end = rest_.find('>');
    if (end == std::string_view::npos) return bad("a < is not closed");
    const auto name = rest_.substr(1, end - 1);
    for (const auto& known : named_sets()) {
      if (!equal_ignore_case(known.name, name)) continue;
      rest_.remove_prefix(end + 1);
      return set_of(known.ranges);
    }
    const size_t dash = name.find('-');
    const auto low = name.substr(0, dash);
    const auto high = dash == std::string_view::npos ? "" : name.substr(dash + 1);
    const auto is_number = [](std::string_view text) {
      return !text.empty() && text.size() <= 18 &&
             text.find_first_not_of("0123456789") == std::string_view::npos;
    };
    if (!is_number(low) || !is_number(high)) return bad("expected a named set, or <n-m>");
    if (std::stoll(std::string(low)) > std::stoll(std::string(high))) {
      return bad("the numbers in < > run backwards");
    }
    rest_.remove_prefix(end + 1);
    return number_interval(low, high);
  }

  Result<FastRegexPtr> set() {
    take('[');
    const bool without = take('^');
    std::vector<CharRange> ranges;
    do {
      TRY(const uint32_t first, set_character());
      uint32_t last = first;
      if (rest_.starts_with('-') && !rest_.starts_with("-]")) {
        take('-');
        TRY(last, set_character());
        if (last < first) return bad("a range in [ ] runs backwards");
      }
      ranges.push_back({first, last});
    } while (!rest_.empty() && rest_[0] != ']');
    if (!take(']')) return bad("a [ is not closed");
    return set_of(without ? negated(std::move(ranges)) : std::move(ranges));
  }

  Result<uint32_t> set_character() {
    if (rest_.starts_with('\\')) rest_.remove_prefix(1);
    const auto c = utf8_first(rest_);
    if (c.empty()) return bad("a [ is not closed");
    rest_.remove_prefix(c.size());
    return utf8_code(c);
  }

  std::string_view pattern_;
  std::string_view rest_;
  size_t depth_ = 0;
};

}  // namespace

Result<FastRegexPtr> parse_fast_regex(std::string_view pattern) {
  if (pattern.size() > kPatternBytesMax) {
    return fail(codes::kInvalidArgument, "the pattern is too long");
  }
  return Parser(pattern).parse();
}

std::optional<uint32_t> fixed_length(const FastRegex& regex) {
  switch (regex.kind) {
    case Kind::kNothing:
      return std::nullopt;
    case Kind::kSet:
      return 1;
    case Kind::kGroup:
      return fixed_length(*regex.items[0]);
    case Kind::kConcat: {
      uint32_t out = 0;
      for (const auto& item : regex.items) {
        const auto length = fixed_length(*item);
        if (!length) return std::nullopt;
        out += *length;
      }
      return out;
    }
    case Kind::kRepeat: {
      const auto length = fixed_length(*regex.items[0]);
      if (!length || regex.least != regex.most) return std::nullopt;
      return *length * regex.least;
    }
    default: {
      const auto length = fixed_length(*regex.items[0]);
      for (const auto& item : regex.items) {
        if (fixed_length(*item) != length) return std::nullopt;
      }
      return length;
    }
  }
}

}  // namespace suiro::sql
