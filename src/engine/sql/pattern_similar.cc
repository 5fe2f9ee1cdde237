// SPDX-License-Identifier: Apache-2.0
// SIMILAR TO as RE2's patterns: ( ) [ ] ^ - | * + ? { } % _ have their meanings, every other
// character is itself, and the escape character makes any character itself. [a-e^c] is a set
// without another.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/bytes.h"
#include "engine/sql/convert.h"
#include "engine/sql/pattern.h"
#include "engine/sql/utf8.h"

namespace suiro::sql {
namespace {

struct Range {
  uint32_t first;
  uint32_t last;
};

constexpr std::pair<std::string_view, std::string_view> kClasses[] = {
    {"ALPHA", "AZaz"},   {"UPPER", "AZ"}, {"LOWER", "az"},          {"DIGIT", "09"},
    {"ALNUM", "09AZaz"}, {"SPACE", "  "}, {"WHITESPACE", "\t\r  "},
};

class Similar {
 public:
  Similar(std::string_view pattern, std::string_view escape)
      : pattern_(pattern), escape_(escape), rest_(pattern) {}

  // Until the end, or until the escape character and a double quote.
  Result<std::string> part() {
    std::string out;
    while (!rest_.empty()) {
      const auto c = utf8_first(rest_);
      rest_.remove_prefix(c.size());
      if (!escape_.empty() && c == escape_) {
        if (rest_.empty()) return bad("the escape character stands at the end");
        const auto next = utf8_first(rest_);
        rest_.remove_prefix(next.size());
        if (next == "\"") {
          ++quotes_;
          return out;
        }
        literal(out, next);
      } else if (c == "%") {
        out += "(?s:.*)";
      } else if (c == "_") {
        out += "(?s:.)";
      } else if (c == "(") {
        out += "(?:";
      } else if (c == "[") {
        TRY_VOID(set(out));
      } else if (c == "]") {
        return bad("a ] has no [");
      } else if (c == "{") {
        TRY_VOID(count(out));
      } else if (c == "}") {
        return bad("a } has no {");
      } else if (std::string_view(")|*+?").find(c) != std::string_view::npos) {
        out += c;
      } else {
        literal(out, c);
      }
    }
    return out;
  }
  size_t quotes() const { return quotes_; }
  std::unexpected<Error> bad(std::string_view why) const {
    return fail(codes::kInvalidArgument,
                fmt::format("SIMILAR TO '{}': {}", pattern_.substr(0, 200), why));
  }

 private:
  static void literal(std::string& out, std::string_view c) {
    out += RE2::QuoteMeta(re2::StringPiece(c.data(), c.size()));
  }

  // Behind the {: digits, with one comma among them.
  Result<void> count(std::string& out) {
    const size_t end = rest_.find('}');
    const auto numbers = rest_.substr(0, end);
    if (end == std::string_view::npos || numbers.empty() ||
        numbers.find_first_not_of("0123456789,") != std::string_view::npos) {
      return bad("expected {number} or {number,number}");
    }
    out += '{';
    out += numbers;
    out += '}';
    rest_.remove_prefix(end + 1);
    return ok();
  }

  // Behind the [: ranges, then ^ and those that are taken away, up to the ].
  Result<void> set(std::string& out) {
    std::vector<Range> in;
    std::vector<Range> without;
    bool negated = false;
    bool any = false;
    for (;;) {
      if (rest_.empty()) return bad("a [ is not closed");
      if (rest_.starts_with(']')) break;
      if (rest_.starts_with('^')) {
        rest_.remove_prefix(1);
        if (negated) return bad("a set has two ^");
        negated = true;
        if (!any) in.push_back({0, kCodePointMax});
        continue;
      }
      any = true;
      TRY_VOID(member(negated ? without : in));
    }
    rest_.remove_prefix(1);
    append_set(out, in, without);
    return ok();
  }

  Result<void> member(std::vector<Range>& to) {
    if (rest_.starts_with("[:")) {
      const size_t end = rest_.find(":]");
      if (end == std::string_view::npos) return bad("a [: is not closed");
      const auto name = rest_.substr(2, end - 2);
      rest_.remove_prefix(end + 2);
      for (const auto& [known, pairs] : kClasses) {
        if (!equal_ignore_case(known, name)) continue;
        for (size_t i = 0; i < pairs.size(); i += 2) {
          to.push_back({static_cast<uint32_t>(pairs[i]), static_cast<uint32_t>(pairs[i + 1])});
        }
        return ok();
      }
      return bad(fmt::format("there is no class [:{}:]", name));
    }
    TRY(const uint32_t first, set_character());
    uint32_t last = first;
    if (rest_.starts_with('-') && !rest_.starts_with("-]")) {
      rest_.remove_prefix(1);
      TRY(last, set_character());
      if (last < first) return bad("a range in a set runs backwards");
    }
    to.push_back({first, last});
    return ok();
  }

  Result<uint32_t> set_character() {
    auto c = utf8_first(rest_);
    if (c.empty()) return bad("a [ is not closed");
    rest_.remove_prefix(c.size());
    if (!escape_.empty() && c == escape_) {
      c = utf8_first(rest_);
      if (c.empty()) return bad("the escape character stands at the end");
      rest_.remove_prefix(c.size());
      return utf8_code(c);
    }
    if (std::string_view("()[]{}|*+?").find(c) != std::string_view::npos) {
      return bad(fmt::format("a {} in a set needs the escape character before it", c));
    }
    return utf8_code(c);
  }

  static std::vector<Range> sorted(std::vector<Range> ranges) {
    std::ranges::sort(ranges, {}, &Range::first);
    std::vector<Range> out;
    for (const auto& range : ranges) {
      if (!out.empty() && range.first <= out.back().last + 1) {
        out.back().last = std::max(out.back().last, range.last);
      } else {
        out.push_back(range);
      }
    }
    return out;
  }

  static void append_set(std::string& out, const std::vector<Range>& in,
                         const std::vector<Range>& without) {
    const auto holes = sorted(without);
    std::string body;
    for (const auto& range : sorted(in)) {
      uint32_t from = range.first;
      for (const auto& hole : holes) {
        if (hole.last < from || hole.first > range.last) continue;
        if (hole.first > from) body += fmt::format("\\x{{{:X}}}-\\x{{{:X}}}", from, hole.first - 1);
        from = hole.last + 1;
      }
      if (from <= range.last) body += fmt::format("\\x{{{:X}}}-\\x{{{:X}}}", from, range.last);
    }
    out += body.empty() ? "[^\\x{0}-\\x{10FFFF}]" : "[" + body + "]";
  }

  std::string_view pattern_;
  std::string_view escape_;
  std::string_view rest_;
  size_t quotes_ = 0;
};

Result<Pattern> compile(const std::string& translated, const Similar& similar) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kPatternMemoryBytes);
  auto out = std::make_shared<const RE2>(translated, options);
  if (!out->ok()) return similar.bad(out->error());
  return out;
}

Result<void> check(std::string_view pattern, std::string_view escape) {
  if (pattern.size() > kPatternBytesMax) {
    return fail(codes::kInvalidArgument, "a pattern of SIMILAR TO is too long");
  }
  if (!escape.empty() && character_count(escape) != 1) {
    return fail(codes::kInvalidArgument, "ESCAPE takes exactly one character");
  }
  return ok();
}

}  // namespace

Result<Pattern> compile_similar(std::string_view pattern, std::string_view escape) {
  TRY_VOID(check(pattern, escape));
  Similar similar(pattern, escape);
  TRY(auto body, similar.part());
  if (similar.quotes() > 0) return similar.bad("\" needs no escape character here");
  return compile("\\A(?:" + body + ")\\z", similar);
}

Result<Pattern> compile_similar_parts(std::string_view pattern, std::string_view escape) {
  TRY_VOID(check(pattern, escape));
  Similar similar(pattern, escape);
  TRY(auto before, similar.part());
  TRY(auto middle, similar.part());
  TRY(auto behind, similar.part());
  if (similar.quotes() != 2) {
    return similar.bad("expected three parts, split by the escape character and \"");
  }
  return compile("(?:" + before + ")(" + middle + ")(?:" + behind + ")", similar);
}

}  // namespace suiro::sql
