// SPDX-License-Identifier: Apache-2.0
#include "engine/jsonata/lexer.h"

#include <charconv>
#include <cmath>

#include "engine/jsonata/value.h"

namespace suiro::jsonata {
namespace {

constexpr std::string_view kSpaces = " \t\n\r\v";
constexpr std::string_view kStops = ".[]{}(),@#;:?+-*/%|=<>^&!~";
constexpr std::string_view kPairs[] = {"..", ":=", "!=", ">=", "<=", "**", "~>", "?:", "??"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool has(std::string_view set, char c) {
  return c != '\0' && set.find(c) != std::string_view::npos;
}

}  // namespace

Token Lexer::make(TokenKind kind, std::string text) const {
  return Token{.kind = kind, .text = std::move(text), .position = static_cast<uint32_t>(at_)};
}

std::optional<Fault> Lexer::skip() {
  while (at_ < text_.size()) {
    if (has(kSpaces, text_[at_])) {
      ++at_;
    } else if (peek() == '/' && peek(1) == '*') {
      const size_t end = text_.find("*/", at_ + 2);
      if (end == std::string_view::npos) return fault("S0106", at_);
      at_ = end + 2;
    } else {
      break;
    }
  }
  return std::nullopt;
}

std::variant<Token, Fault> Lexer::next(Slash slash) {
  if (auto failed = skip()) return *failed;
  if (at_ >= text_.size()) return make(TokenKind::kEnd, "(end)");
  const char c = peek();
  if (c == '/' && slash == Slash::kOpensRegex) {
    ++at_;
    return regex();
  }
  for (std::string_view pair : kPairs) {
    if (text_.substr(at_).starts_with(pair)) {
      at_ += 2;
      return make(TokenKind::kOperator, std::string(pair));
    }
  }
  if (has(kStops, c)) {
    ++at_;
    return make(TokenKind::kOperator, std::string(1, c));
  }
  if (c == '"' || c == '\'') return quoted(c);
  if (is_digit(c)) return number();
  if (c == '`') {
    const size_t end = text_.find('`', at_ + 1);
    if (end == std::string_view::npos) return fault("S0105", text_.size());
    std::string name(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return make(TokenKind::kName, std::move(name));
  }
  return name();
}

std::variant<Token, Fault> Lexer::regex() {
  const size_t begin = at_;
  int depth = 0;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (c == '/' && depth == 0) {
      size_t slashes = 0;
      while (at_ > begin + slashes && text_[at_ - slashes - 1] == '\\') ++slashes;
      if (slashes % 2 == 0) break;
    }
    const bool escaped = at_ > 0 && text_[at_ - 1] == '\\';
    if (has("([{", c) && !escaped) ++depth;
    if (has(")]}", c) && !escaped) --depth;
  }
  if (at_ >= text_.size()) return fault("S0302", at_);
  std::string source(text_.substr(begin, at_ - begin));
  if (source.empty()) return fault("S0301", at_);
  ++at_;
  const size_t flags = at_;
  while (has("im", peek())) ++at_;
  Token out = make(TokenKind::kRegex, std::move(source));
  out.flags = text_.substr(flags, at_ - flags);
  return out;
}

std::optional<uint32_t> Lexer::four_digits() const {
  const std::string_view digits = text_.substr(at_ + 1, 4);
  uint32_t unit = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
  if (digits.size() != 4 || error != std::errc() || end != digits.data() + 4) return std::nullopt;
  return unit;
}

std::optional<Fault> Lexer::escape(std::string& out) {
  constexpr std::string_view kLetters = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
  const char c = peek();
  if (has(kLetters, c)) {
    out += kMeant[kLetters.find(c)];
    return std::nullopt;
  }
  if (c != 'u') {
    size_t end = at_;
    if (end < text_.size()) next_point(text_, end);
    return fault("S0103", at_).with_token(text_.substr(at_, end - at_));
  }
  auto unit = four_digits();
  if (!unit) return fault("S0104", at_);
  at_ += 4;
  if (*unit >= 0xD800 && *unit < 0xDC00 && peek(1) == '\\' && peek(2) == 'u') {
    at_ += 2;
    auto low = four_digits();
    if (low && *low >= 0xDC00 && *low < 0xE000) {
      at_ += 4;
      append_point(out, 0x10000 + ((*unit - 0xD800) << 10) + (*low - 0xDC00));
      return std::nullopt;
    }
    at_ -= 2;
  }
  append_point(out, *unit);
  return std::nullopt;
}

std::variant<Token, Fault> Lexer::quoted(char quote) {
  ++at_;
  std::string out;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (c == quote) {
      ++at_;
      return make(TokenKind::kString, std::move(out));
    }
    if (c != '\\') {
      out += c;
      continue;
    }
    ++at_;
    if (auto failed = escape(out)) return *failed;
  }
  return fault("S0101", text_.size());
}

std::variant<Token, Fault> Lexer::number() {
  size_t end = at_;
  auto digits = [&] {
    while (end < text_.size() && is_digit(text_[end])) ++end;
  };
  if (text_[end] == '0') {
    ++end;
  } else {
    digits();
  }
  if (end + 1 < text_.size() && text_[end] == '.' && is_digit(text_[end + 1])) {
    ++end;
    digits();
  }
  if (end < text_.size() && has("eE", text_[end])) {
    size_t first = end + 1;
    if (first < text_.size() && has("+-", text_[first])) ++first;
    if (first < text_.size() && is_digit(text_[first])) {
      end = first;
      digits();
    }
  }
  const std::string_view written = text_.substr(at_, end - at_);
  double value = 0;
  auto [stop, error] = std::from_chars(written.data(), written.data() + written.size(), value);
  // Too small ones are zero, as everywhere.
  const bool large = error == std::errc::result_out_of_range &&
                     std::isinf(std::strtod(std::string(written).c_str(), nullptr));
  if (large) return fault("S0102", at_).with_token(written);
  at_ = end;
  Token out = make(TokenKind::kNumber, std::string(written));
  out.number = error == std::errc() ? value : 0;
  return out;
}

Token Lexer::name() {
  const size_t begin = at_;
  while (at_ < text_.size() && !has(kSpaces, text_[at_]) && !has(kStops, text_[at_]) &&
         text_[at_] != '\0') {
    ++at_;
  }
  if (at_ == begin) ++at_;  // a NUL is a name of its own
  std::string out(text_.substr(begin, at_ - begin));
  if (out.front() == '$') return make(TokenKind::kVariable, out.substr(1));
  if (out == "and" || out == "or" || out == "in") {
    return make(TokenKind::kOperator, std::move(out));
  }
  if (out == "true" || out == "false" || out == "null") {
    return make(TokenKind::kWord, std::move(out));
  }
  return make(TokenKind::kName, std::move(out));
}

}  // namespace suiro::jsonata
