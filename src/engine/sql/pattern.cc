// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "engine/sql/convert.h"
#include "engine/sql/utf8.h"

namespace suiro::sql {
namespace {

auto bad(std::string_view pattern, std::string_view why) {
  return fail(codes::kInvalidArgument,
              fmt::format("the pattern '{}': {}", pattern.substr(0, 200), why));
}

Result<Pattern> compile(std::string_view translated, std::string_view shown) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kPatternMemoryBytes);
  auto out =
      std::make_shared<const RE2>(re2::StringPiece(translated.data(), translated.size()), options);
  if (!out->ok()) return bad(shown, out->error());
  return out;
}

// Names of java.util.regex's \p{..} beyond those of Unicode.
std::string_view posix_name(std::string_view java) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kNames = {{
      {"Lower", "lower"},
      {"Upper", "upper"},
      {"ASCII", "ascii"},
      {"Alpha", "alpha"},
      {"Digit", "digit"},
      {"Alnum", "alnum"},
      {"Punct", "punct"},
      {"Graph", "graph"},
      {"Print", "print"},
      {"Blank", "blank"},
      {"Cntrl", "cntrl"},
      {"XDigit", "xdigit"},
      {"Space", "space"},
  }};
  for (const auto& [name, posix] : kNames) {
    if (name == java) return posix;
  }
  return {};
}

// Walks over a Java pattern and writes RE2's.
class Java {
 public:
  explicit Java(std::string_view regex) : regex_(regex) {}

  Result<std::string> translate() {
    while (at_ < regex_.size()) {
      const char c = regex_[at_];
      if (c == '\\') {
        TRY_VOID(escape());
      } else if (class_ > 0) {
        TRY_VOID(in_class(c));
      } else if (c == '[') {
        open_class();
      } else if (rest().starts_with("(?<") && !rest().starts_with("(?<=") &&
                 !rest().starts_with("(?<!")) {
        out_ += "(?P<";
        at_ += 3;
      } else if (auto refused = group_refused(); !refused.empty()) {
        return bad(regex_, refused);
      } else {
        out_ += c;
        ++at_;
      }
    }
    return std::move(out_);
  }

 private:
  std::string_view rest() const { return regex_.substr(at_); }

  std::string_view group_refused() const {
    if (rest().starts_with("(?=") || rest().starts_with("(?!")) {
      return "look-ahead is not supported: patterns run in linear time";
    }
    if (rest().starts_with("(?<=") || rest().starts_with("(?<!")) {
      return "look-behind is not supported: patterns run in linear time";
    }
    if (rest().starts_with("(?>")) {
      return "atomic groups are not supported: patterns run in linear time";
    }
    if (at_ > 0 && regex_[at_] == '+' && !escaped_before() &&
        std::string_view("*+?}").find(regex_[at_ - 1]) != std::string_view::npos) {
      return "possessive repetition is not supported: patterns run in linear time";
    }
    return {};
  }
  bool escaped_before() const { return last_escape_ + 2 == at_ && at_ >= 2; }

  void open_class() {
    class_ = 1;
    out_ += '[';
    ++at_;
    if (rest().starts_with('^')) {
      out_ += '^';
      ++at_;
    }
    if (rest().starts_with(']')) {  // Java: a literal here
      out_ += "\\]";
      ++at_;
    }
  }

  Result<void> in_class(char c) {
    if (c == '[') return bad(regex_, "a [ in a character class must be written \\[");
    if (rest().starts_with("&&")) {
      return bad(regex_, "the intersection && of character classes is not supported");
    }
    if (c == ']') class_ = 0;
    out_ += c;
    ++at_;
    return ok();
  }

  Result<void> escape() {
    last_escape_ = at_;
    if (at_ + 1 == regex_.size()) return bad(regex_, "a \\ stands at the end");
    const char c = regex_[at_ + 1];
    if (c >= '1' && c <= '9') {
      return bad(regex_, "back references are not supported: patterns run in linear time");
    }
    if (c == 'k') return bad(regex_, "back references are not supported");
    if (c == 'G') return bad(regex_, "\\G is not supported");
    if (c == 'u') return unicode_escape();
    if (c == 'Z') {
      out_ += "(?:\\n?\\z)";
      at_ += 2;
      return ok();
    }
    if (c == 'e') {
      out_ += "\\x1b";
      at_ += 2;
      return ok();
    }
    if (c == 'Q') return quoted();
    if ((c == 'p' || c == 'P') && at_ + 2 < regex_.size() && regex_[at_ + 2] == '{') {
      return property(c);
    }
    out_ += '\\';
    out_ += c;
    at_ += 2;
    return ok();
  }

  Result<void> unicode_escape() {
    const auto digits = regex_.substr(at_ + 2, 4);
    const bool fine = digits.size() == 4 && std::ranges::all_of(digits, [](char d) {
                        return std::isxdigit(static_cast<unsigned char>(d)) != 0;
                      });
    if (!fine) return bad(regex_, "\\u needs four hexadecimal digits");
    out_ += fmt::format("\\x{{{}}}", digits);
    at_ += 6;
    return ok();
  }

  Result<void> quoted() {
    const size_t end = regex_.find("\\E", at_ + 2);
    const auto text = regex_.substr(at_ + 2, end == std::string_view::npos ? end : end - at_ - 2);
    out_ += RE2::QuoteMeta(re2::StringPiece(text.data(), text.size()));
    at_ = end == std::string_view::npos ? regex_.size() : end + 2;
    return ok();
  }

  Result<void> property(char letter) {
    const size_t end = regex_.find('}', at_);
    if (end == std::string_view::npos) return bad(regex_, "\\p{ is not closed");
    auto name = regex_.substr(at_ + 3, end - at_ - 3);
    const auto posix = posix_name(name);
    if (posix.empty()) {
      if (name.starts_with("Is")) name.remove_prefix(2);
      out_ += fmt::format("\\{}{{{}}}", letter, name);
    } else {
      const auto negated = letter == 'P' ? "^" : "";
      out_ +=
          fmt::format("{}[:{}{}:]{}", class_ > 0 ? "" : "[", negated, posix, class_ > 0 ? "" : "]");
    }
    at_ = end + 1;
    return ok();
  }

  std::string_view regex_;
  size_t at_ = 0;
  size_t last_escape_ = std::string_view::npos - 2;
  int class_ = 0;  // 1: inside of [..]
  std::string out_;
};

}  // namespace

Result<Pattern> compile_java(std::string_view regex) {
  if (regex.size() > kPatternBytesMax) return bad(regex, "it is too long");
  TRY(auto translated, Java(regex).translate());
  return compile(translated, regex);
}

Result<void> append_replacement(std::string& out, std::string_view replacement, const RE2& pattern,
                                std::span<const re2::StringPiece> groups) {
  const auto group = [&](size_t index) {
    if (groups[index].data() != nullptr) out.append(groups[index].data(), groups[index].size());
  };
  for (size_t i = 0; i < replacement.size(); ++i) {
    const char c = replacement[i];
    if (c == '\\') {
      if (++i == replacement.size()) return bad(replacement, "a \\ stands at the end");
      out += replacement[i];
      continue;
    }
    if (c != '$') {
      out += c;
      continue;
    }
    const auto digit = [&](size_t at) {
      return at < replacement.size() && replacement[at] >= '0' && replacement[at] <= '9';
    };
    if (i + 1 < replacement.size() && replacement[i + 1] == '{') {
      const size_t end = replacement.find('}', i);
      if (end == std::string_view::npos) return bad(replacement, "${ is not closed");
      const auto& names = pattern.NamedCapturingGroups();
      const auto found = names.find(std::string(replacement.substr(i + 2, end - i - 2)));
      if (found == names.end()) return bad(replacement, "there is no group of that name");
      group(static_cast<size_t>(found->second));
      i = end;
      continue;
    }
    if (!digit(i + 1)) return bad(replacement, "a $ needs the number of a group; write \\$");
    size_t index = static_cast<size_t>(replacement[++i] - '0');
    if (index >= groups.size()) return bad(replacement, fmt::format("there is no group {}", index));
    // Further digits belong to the number as long as there is such a group.
    while (digit(i + 1)) {
      const size_t longer = index * 10 + static_cast<size_t>(replacement[i + 1] - '0');
      if (longer >= groups.size()) break;
      index = longer;
      ++i;
    }
    group(index);
  }
  return ok();
}

Result<void> check_like(std::string_view pattern, std::string_view escape) {
  if (escape.empty()) return ok();
  if (character_count(escape) != 1) return bad(pattern, "ESCAPE takes exactly one character");
  for (auto rest = pattern; !rest.empty();) {
    const auto one = utf8_first(rest);
    rest.remove_prefix(one.size());
    if (one != escape) continue;
    const auto next = utf8_first(rest);
    if (next != "%" && next != "_" && next != escape) {
      return bad(pattern, "the escape character must stand before itself, % or _");
    }
    rest.remove_prefix(next.size());
  }
  return ok();
}

namespace {

// One character of a LIKE pattern, and how many bytes it takes there.
struct LikeItem {
  std::string_view character;
  size_t bytes = 0;
  enum class Kind { kLiteral, kAny, kMany } kind = Kind::kLiteral;
};

LikeItem like_item(std::string_view pattern, std::string_view escape) {
  const auto one = utf8_first(pattern);
  if (!escape.empty() && one == escape) {
    const auto next = utf8_first(pattern.substr(one.size()));
    return {.character = next, .bytes = one.size() + next.size()};
  }
  const auto kind = one == "%"   ? LikeItem::Kind::kMany
                    : one == "_" ? LikeItem::Kind::kAny
                                 : LikeItem::Kind::kLiteral;
  return {.character = one, .bytes = one.size(), .kind = kind};
}

}  // namespace

Result<bool> matches_like(std::string_view text, std::string_view pattern,
                          std::string_view escape) {
  TRY_VOID(check_like(pattern, escape));
  size_t t = 0;
  size_t p = 0;
  size_t behind_many = std::string_view::npos;  // in the pattern, behind the last %
  size_t resume = 0;                            // in the text, where that % ends so far
  for (;;) {
    if (p == pattern.size() && t == text.size()) return true;
    if (p < pattern.size()) {
      const auto item = like_item(pattern.substr(p), escape);
      if (item.kind == LikeItem::Kind::kMany) {
        behind_many = p += item.bytes;
        resume = t;
        continue;
      }
      const auto character = utf8_first(text.substr(t));
      const bool same = item.kind == LikeItem::Kind::kAny || character == item.character;
      if (!character.empty() && same) {
        p += item.bytes;
        t += character.size();
        continue;
      }
    }
    if (behind_many == std::string_view::npos || resume >= text.size()) return false;
    resume += utf8_first(text.substr(resume)).size();
    t = resume;
    p = behind_many;
  }
}

}  // namespace suiro::sql
