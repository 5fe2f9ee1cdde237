// SPDX-License-Identifier: Apache-2.0
#include "engine/event_pattern/reader.h"

#include <fmt/format.h>

#include <charconv>

namespace suiro::event_pattern {
namespace {

constexpr size_t kQuotedMax = 500;  // of the source, in errors

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$';
}

bool is_number_part(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

// Characters, not bytes.
size_t length_of(std::string_view text) {
  size_t length = 0;
  for (char c : text) length += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return length;
}

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

}  // namespace

std::string Reader::located(std::string_view reason) const {
  std::string_view before = text_.substr(0, std::min(place_, text_.size()));
  size_t line = 1 + static_cast<size_t>(std::ranges::count(before, '\n'));
  size_t line_start = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
  size_t column = 1 + length_of(before.substr(line_start));
  std::string quoted(text_.substr(0, kQuotedMax));
  std::string rest;
  if (text_.size() > kQuotedMax) {
    rest = fmt::format("[truncated {} chars]", text_.size() - kQuotedMax);
  }
  return fmt::format("{}\n at [Source: (String)\"{}\"{}; line: {}, column: {}]", reason, quoted,
                     rest, line, column);
}

std::unexpected<Error> Reader::error(std::string_view reason) const {
  return fail(kInvalidPattern, located(reason));
}

std::unexpected<Error> Reader::unexpected_here(std::string_view expected) const {
  if (at_ >= text_.size()) return error("Unexpected end-of-input: was expecting more of the JSON");
  char c = text_[at_];
  return error(fmt::format("Unexpected character ('{}' (code {})): was expecting {}", c,
                           static_cast<int>(static_cast<unsigned char>(c)), expected));
}

void Reader::skip_space() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  place_ = at_;
}

Result<Token> Reader::next() {
  skip_space();
  if (open_.empty()) {
    if (wants_ == Wants::kValue) return value();
    if (at_ < text_.size()) return unexpected_here("the end of the pattern");
    return Token::kEnd;
  }
  if (open_.back() == '{' && wants_ == Wants::kValue) return value();  // behind a name
  char c = at_ < text_.size() ? text_[at_] : '\0';
  if (c == '}' || c == ']') return close(c);
  if (wants_ == Wants::kNext) {
    if (c != ',') {
      return unexpected_here(open_.back() == '{' ? "comma to separate Object entries"
                                                 : "comma to separate Array entries");
    }
    ++at_;
    skip_space();
  }
  return open_.back() == '{' ? name() : value();
}

Result<Token> Reader::close(char bracket) {
  bool fits = wants_ != Wants::kValue && open_.back() == (bracket == '}' ? '{' : '[');
  if (!fits) return unexpected_here("another bracket");
  open_.pop_back();
  place_ = ++at_;
  wants_ = Wants::kNext;
  return bracket == '}' ? Token::kEndObject : Token::kEndArray;
}

Result<Token> Reader::name() {
  if (at_ >= text_.size() || text_[at_] != '"') {
    place_ = at_;
    return unexpected_here("double-quote to start field name");
  }
  TRY_VOID(string());
  at_ = string_end_;
  skip_space();
  if (at_ >= text_.size() || text_[at_] != ':') {
    return unexpected_here("a colon to separate field name and value");
  }
  ++at_;
  skip_space();
  place_ = end_of_first_token(at_);
  wants_ = Wants::kValue;
  return Token::kName;
}

size_t Reader::end_of_first_token(size_t at) const {
  if (at >= text_.size()) return at;
  if (!is_word(text_[at]) && text_[at] != '-') return at + 1;
  while (at < text_.size() && (is_word(text_[at]) || is_number_part(text_[at]))) ++at;
  return at;
}

Result<Token> Reader::value() {
  if (at_ >= text_.size()) return unexpected_here("a value");
  char c = text_[at_];
  if (c == '{') return open(Token::kStartObject);
  if (c == '[') return open(Token::kStartArray);
  wants_ = Wants::kNext;
  if (c == '"') {
    size_t start = at_;
    TRY_VOID(string());
    at_ = string_end_;
    place_ = start + 1;
    return Token::kString;
  }
  if (c == '-' || (c >= '0' && c <= '9')) return number_token();
  return literal();
}

Result<Token> Reader::open(Token token) {
  if (open_.size() >= kPatternDepthMax) return error("The pattern is nested too deeply");
  open_ += token == Token::kStartObject ? '{' : '[';
  place_ = ++at_;
  wants_ = Wants::kFirst;
  return token;
}

Result<Token> Reader::literal() {
  size_t end = at_;
  while (end < text_.size() && is_word(text_[end])) ++end;
  std::string_view word = text_.substr(at_, end - at_);
  if (word.empty()) return unexpected_here("a valid value");
  place_ = end;
  token_text_ = word;
  at_ = end;
  if (word == "true") return Token::kTrue;
  if (word == "false") return Token::kFalse;
  if (word == "null") return Token::kNull;
  return error(
      fmt::format("Unrecognized token '{}': was expecting (JSON String, Number, Array, Object or "
                  "token 'null', 'true' or 'false')",
                  word));
}

Result<Token> Reader::number_token() {
  size_t end = at_;
  while (end < text_.size() && is_number_part(text_[end])) ++end;
  token_text_ = text_.substr(at_, end - at_);
  double parsed = 0;
  auto [stop, failed] =
      std::from_chars(token_text_.data(), token_text_.data() + token_text_.size(), parsed);
  std::string_view digits = std::string_view(token_text_).substr(token_text_[0] == '-' ? 1 : 0);
  bool leading_zero = digits.size() > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9';
  bool is_number = stop == token_text_.data() + token_text_.size() && !digits.empty() &&
                   digits[0] >= '0' && digits[0] <= '9' && !leading_zero &&
                   failed != std::errc::invalid_argument && digits.back() != '.';
  place_ = end;
  if (!is_number) return error(fmt::format("'{}' is not a number", token_text_));
  at_ = end;
  return Token::kNumber;
}

double Reader::number() const {
  double value = 0;
  std::from_chars(token_text_.data(), token_text_.data() + token_text_.size(), value);
  return value;
}

const std::string& Reader::text() {
  if (string_end_ == at_) place_ = at_;
  return token_text_;
}

// From the quote at at_ into token_text_; string_end_ is behind the closing quote.
Result<void> Reader::string() {
  token_text_.clear();
  for (size_t at = at_ + 1; at < text_.size();) {
    char c = text_[at];
    if (c == '"') {
      string_end_ = at + 1;
      return ok();
    }
    if (static_cast<unsigned char>(c) < 0x20) {
      return error("Illegal unquoted character in a string: it has to be escaped");
    }
    if (c == '\\') {
      ++at;
      TRY_VOID(escape(at));
    } else {
      token_text_ += c;
      ++at;
    }
  }
  return error("Unexpected end-of-input: was expecting closing quote for a string value");
}

Result<void> Reader::escape(size_t& at) {
  static constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
  char c = at < text_.size() ? text_[at++] : '\0';
  if (size_t found = kFrom.find(c); found != kFrom.npos) {
    token_text_ += kTo[found];
    return ok();
  }
  if (c != 'u') return error("Unrecognized character escape");
  TRY(unsigned code, code_unit(at));
  bool is_high = code >= 0xD800 && code < 0xDC00;
  if (is_high && text_.substr(at, 2) == "\\u") {
    at += 2;
    TRY(unsigned low, code_unit(at));
    if (low < 0xDC00 || low > 0xDFFF) return error("Broken surrogate pair");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  } else if (code >= 0xD800 && code <= 0xDFFF) {
    return error("Broken surrogate pair");
  }
  append_utf8(token_text_, code);
  return ok();
}

Result<unsigned> Reader::code_unit(size_t& at) const {
  unsigned code = 0;
  std::string_view digits = text_.substr(std::min(at, text_.size()), 4);
  auto [stop, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
  if (digits.size() < 4 || failed != std::errc() || stop != digits.data() + 4) {
    return error("Unexpected character in a \\u escape: four hex digits are needed");
  }
  at += 4;
  return code;
}

}  // namespace suiro::event_pattern
