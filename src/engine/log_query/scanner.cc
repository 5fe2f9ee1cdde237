// SPDX-License-Identifier: Apache-2.0
#include "engine/log_query/scanner.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace suiro::log_query {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool begins_name(char c) {
  return is_letter(c) || c == '@' || c == '`' || c == '$';
}
bool is_of_name(char c) {
  return is_letter(c) || is_digit(c) || c == '@' || c == '$';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::unexpected<Error> malformed(std::string_view query, Span at, std::string message) {
  at.end = std::min(std::max(at.end, at.begin), query.size());
  at.begin = std::min(at.begin, at.end);
  Error error{.code = "MalformedQueryException", .message = message};
  error.details = {{"queryCompileError.message", std::move(message)},
                   {"queryCompileError.location.startCharOffset", std::to_string(at.begin)},
                   {"queryCompileError.location.endCharOffset", std::to_string(at.end)}};
  return std::unexpected(std::move(error));
}

size_t Scanner::place() {
  while (at_ < text_.size()) {
    char c = text_[at_];
    if (c == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++at_;
    } else {
      break;
    }
  }
  return at_;
}

std::string_view Scanner::since(size_t begin) const {
  std::string_view part = text_.substr(begin, at_ - begin);
  size_t last = part.find_last_not_of(" \t\r\n");
  return part.substr(0, last == part.npos ? 0 : last + 1);
}

bool Scanner::sees(std::string_view symbol) {
  return text_.substr(place()).starts_with(symbol);
}

bool Scanner::take(std::string_view symbol) {
  if (!sees(symbol)) return false;
  at_ += symbol.size();
  return true;
}

bool Scanner::sees_word(std::string_view word) {
  std::string_view rest = text_.substr(place());
  if (rest.size() < word.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    if (lower(rest[i]) != word[i]) return false;
  }
  return rest.size() == word.size() || !(is_of_name(rest[word.size()]) || rest[word.size()] == '.');
}

bool Scanner::take_word(std::string_view word) {
  if (!sees_word(word)) return false;
  at_ += word.size();
  return true;
}

bool Scanner::sees_name() {
  return place() < text_.size() && begins_name(text_[at_]);
}

bool Scanner::sees_number() {
  size_t at = place();
  return at < text_.size() && (is_digit(text_[at]) || (text_[at] == '.' && at + 1 < text_.size() &&
                                                       is_digit(text_[at + 1])));
}

Result<std::string> Scanner::quoted_name() {
  size_t end = text_.find('`', at_ + 1);
  if (end == text_.npos) return error({at_, text_.size()}, "a name lacks its closing `");
  std::string out(text_.substr(at_ + 1, end - at_ - 1));
  at_ = end + 1;
  return out;
}

Result<Name> Scanner::name() {
  if (!sees_name()) return unexpected();
  Name out{.text = {}, .path = {}, .span = {at_, at_}};
  for (bool more = true; more;) {
    std::string part;
    if (at_ < text_.size() && text_[at_] == '`') {
      TRY(part, quoted_name());
    } else {
      size_t begin = at_;
      while (at_ < text_.size() && is_of_name(text_[at_])) ++at_;
      part = text_.substr(begin, at_ - begin);
    }
    if (part.empty()) return unexpected();
    out.path.push_back(std::move(part));
    more = false;
    while (at_ < text_.size() && text_[at_] == '[') {
      size_t end = at_ + 1;
      while (end < text_.size() && is_digit(text_[end])) ++end;
      if (end == at_ + 1 || end == text_.size() || text_[end] != ']') return unexpected();
      out.path.emplace_back(text_.substr(at_ + 1, end - at_ - 1));
      at_ = end + 1;
    }
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      more = true;
    }
  }
  out.span.end = at_;
  out.text = fmt::format("{}", fmt::join(out.path, "."));
  return out;
}

Result<std::string> Scanner::string() {
  if (!sees("\"") && !sees("'")) return unexpected();
  size_t begin = at_;
  char quote = text_[at_++];
  std::string out;
  while (at_ < text_.size() && text_[at_] != quote) {
    char c = text_[at_++];
    if (c == '\\' && at_ < text_.size()) {
      constexpr std::string_view kEscapes = "\"'\\ntr", kMeant = "\"'\\\n\t\r";
      size_t index = kEscapes.find(text_[at_]);
      if (index != kEscapes.npos) {
        c = kMeant[index];
        ++at_;
      }
    }
    out += c;
  }
  if (at_ == text_.size()) return error({begin, at_}, "a text lacks its closing quote");
  ++at_;
  return out;
}

Result<std::string> Scanner::regex() {
  if (!sees("/")) return unexpected();
  size_t begin = at_++;
  std::string out;
  while (at_ < text_.size() && text_[at_] != '/') {
    char c = text_[at_++];
    out += c;
    if (c == '\\' && at_ < text_.size()) out += text_[at_++];
  }
  if (at_ == text_.size()) return error({begin, at_}, "a regular expression lacks its closing /");
  ++at_;
  return out;
}

Result<double> Scanner::number() {
  if (!sees_number()) return unexpected();
  double out = 0;
  std::string_view rest = text_.substr(at_);
  // No exponent where letters follow that are a unit.
  auto [end, failed] =
      std::from_chars(rest.data(), rest.data() + rest.size(), out, std::chars_format::general);
  if (failed != std::errc()) return error({at_, at_ + 1}, "a number is too large");
  at_ += static_cast<size_t>(end - rest.data());
  return out;
}

std::string_view Scanner::unit() {
  size_t begin = at_;
  while (at_ < text_.size() && is_letter(text_[at_])) ++at_;
  return text_.substr(begin, at_ - begin);
}

std::unexpected<Error> Scanner::error(Span at, std::string message) const {
  return malformed(text_, at, std::move(message));
}

std::unexpected<Error> Scanner::unexpected() {
  size_t at = place();
  if (at == text_.size()) return error({at, at}, "unexpected end of the query");
  std::string_view before = text_.substr(0, at);
  auto lines = std::ranges::count(before, '\n');
  size_t column = at - (lines == 0 ? 0 : before.rfind('\n') + 1);
  size_t end = at + 1;
  while (end < text_.size() && is_of_name(text_[at]) && is_of_name(text_[end])) ++end;
  return error({at, end}, fmt::format("unexpected symbol found {} at line {} and position {}",
                                      text_.substr(at, end - at), lines + 1, column + 1));
}

}  // namespace suiro::log_query
